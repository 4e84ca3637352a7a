"""The event chain and the lineage of every name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from miner.catalogue import (
    chain,
    content,
    lineage,
)
from miner.catalogue.face.opened import Opened
from miner.catalogue.rows import (
    Event,
    Lineage,
)
from miner.errors import PermanentError, Reason


class Provenance(Opened):
    """The event chain and the lineage of every name."""

    # ------------------------------------------------------------------------------------------------ the provenance

    def record_event(self, activity: str, entity: str, payload: Mapping[str, object], run: int | None = None) -> None:
        """Add an event about something that is not a row here. ``payload``: surrogates, numbers and codes only."""
        if "rows" in payload:
            raise PermanentError("An event's `rows` are the catalogue's own to write.", Reason.INTERNAL)
        with self._database.writing() as connection:
            chain.append(connection, self.site, activity, entity, payload, run=run)

    def chain_head(self) -> tuple[int, str]:
        """Number of events, and the hash of the last."""
        with self._database.reading() as connection:
            return chain.head(connection)

    def hash_of_event(self, number: int) -> str | None:
        """The hash of one event; None where there is no such event."""
        with self._database.reading() as connection:
            return chain.hash_of(connection, number)

    def events(self, entity: str | None = None) -> Iterator[Event]:
        """Events in their order: all, or those of one entity."""
        with self._database.reading() as connection:
            yield from chain.read(connection, entity)

    def verify_chain(self) -> list[str]:
        """Faults of the event chain in words: changed, removed, inserted, moved events, a cut tail. Empty: none."""
        with self._database.reading() as connection:
            return chain.verify(connection, self.site)

    def verify_rows(self) -> list[str]:
        """Rows that are not what the latest event that names them says, with table and key. Empty: none."""
        with self._database.reading() as connection:
            return chain.verify_rows(connection)

    def lineage_of_picture(self, patient_index: int, study_index: int, series_id: int) -> Lineage | None:
        """Everything about the series that a release shows in the folder PPPPPP_SS_RR, and about all its bookmarks."""
        with self._database.reading() as connection:
            key = lineage.series_of_indices(connection, patient_index, study_index, series_id)
            return None if key is None else lineage.lineage(connection, key)

    def lineage_of_series(self, series_key: str) -> Lineage | None:
        """Everything about one volume of the image store, and about all its bookmarks."""
        with self._database.reading() as connection:
            known = content.stored_series(connection, series_key) is not None
            return lineage.lineage(connection, series_key) if known else None

    def lineage_of_bookmark(self, uid: str) -> Lineage | None:
        """Everything about one bookmark and its series."""
        with self._database.reading() as connection:
            key = lineage.series_of_bookmark(connection, uid)
            return None if key is None else lineage.lineage(connection, key, [uid])

    def lineage_of_row(self, csv: str, position: int) -> Lineage | None:
        """Everything about the bookmark in a published row; ``csv`` is ``DL_info`` or ``bookmarks``."""
        with self._database.reading() as connection:
            uid = lineage.uid_of_row(connection, csv, position)
        return None if uid is None else self.lineage_of_bookmark(uid)
