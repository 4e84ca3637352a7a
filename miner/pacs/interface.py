"""The one interface behind which every transport stands (DIMSE, DICOMweb, folder)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from miner.errors import Reason
from miner.records import DateWindow, Fetched, InstanceRef, SeriesRef, StudyRef


class Pacs(Protocol):
    """A place that answers queries at three levels and hands out objects.

    Every method raises :class:`miner.errors.PacsError` (or a subclass) when the PACS cannot be asked or did not answer
    completely: an empty list means that the PACS said so, never that asking failed.
    """

    def echo(self) -> None:
        """Verify the connection (C-ECHO, PS3.4 A)."""

    def find_studies(
        self,
        window: DateWindow,
        modalities: Sequence[str] = (),
        *,
        study_uid: str = "",
        patient_id: str = "",
        accession: str = "",
    ) -> list[StudyRef]:
        """Studies in the window that hold any of ``modalities`` (all studies when empty), de-duplicated by UID."""

    def find_series(self, study: StudyRef) -> list[SeriesRef]:
        """All series of one study."""

    def find_instances(self, series: SeriesRef) -> list[InstanceRef]:
        """All instances of one series, with positions where the PACS answers them."""

    def fetch(self, wanted: Sequence[InstanceRef], spool: Path) -> Fetched:
        """Retrieve these instances into ``spool``: each ends in ``arrived`` or, with its reason, in ``missing``.

        What has come is judged by SOP Instance UID, never by what the PACS says of it. What is missing is asked for
        again, first in lists, then one by one; where the PACS hands out whole series only, these, and what nobody
        asked for is dropped unwritten (``extra_octets``). Never more than one series in one request.

        The run's pace (``Peer.pace``) is asked before each request and told of each object. Raises StoppedError where
        the run was stopped, leaving nothing open; StorageError where the spool cannot be written; PacsError only where
        nothing at all could be asked: a partial answer is an answer.
        """

    def learned(self) -> Mapping[str, object]:
        """What this connection found out by use and a profile does not know yet, as fields of ``PacsProfile``.

        For one: that single instances cannot be retrieved, how many UIDs a request may name, that a service which is
        offered does not work. Given to the next connection as its profile, none of it is found out again.
        """

    def notes(self) -> Sequence[str]:
        """Sentences on what queries could not settle, for the report of the run: what may not have been seen, and why.

        They hold no value out of an object.
        """

    def unseen(self) -> Mapping[Reason, int]:
        """How much is known to be there and could not be looked at, by reason; of no study that is known.

        Files that cannot be read, for one. It is never a mere doubt: a run with any of it is not complete.
        """

    def close(self) -> None:
        """Release associations and listeners. Idempotent; the next request opens what it needs."""
