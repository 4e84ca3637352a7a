"""An open catalogue, which the methods of every subject work on."""

from __future__ import annotations

from miner.databases import Database


class Opened:
    """A database, and the site whose catalogue it holds.

    ``patient_index_range``: first and last Patient_index of the site.
    """

    def __init__(self, database: Database, site: str, patient_index_range: tuple[int, int]) -> None:
        self._database = database
        self.site = site
        self.patient_index_range = patient_index_range
