"""What a DICOMweb service really does, found out with a handful of harmless queries; no object is retrieved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from pydicom import Dataset

from miner.errors import PacsError
from miner.pacs.dicomweb.connection import Connection
from miner.pacs.dicomweb.refusals import LastingRefusalError
from miner.pacs.dicomweb.search import Search
from miner.pacs.peer import Peer
from miner.pacs.profile import PacsProfile
from miner.pacs.queries import identifiers, rows
from miner.pacs.queries.examine import examine
from miner.records import PatientRef, SeriesRef, StudyRef


def probe(peer: Peer, annotations: Sequence[str] = ("PR", "SR")) -> PacsProfile:
    """Ask the service what it can do: at most 27 queries for a few rows each, and the headers of one small series.

    ``annotations``: modalities of the series that hold annotations; a study with one is looked into where there is one.

    Raises ConfigError, and PacsUnreachable or AssociationRefused where it cannot be asked at all.
    """
    connection = Connection(peer)
    try:
        return _Probe(connection).run(annotations)
    finally:
        connection.close()


class _Probe:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._search = Search(connection, attempts=1)
        self._smallest: SeriesRef | None = None
        self._faults: dict[str, None] = {}

    def run(self, annotations: Sequence[str]) -> PacsProfile:
        service = self._connection.service
        asked = examine(self._ask, annotations)
        profile = dataclasses.replace(
            asked,
            protocol="dicomweb",
            echo=self._connection.accepted,
            tls=service.tls is not None,
            identity=service.authorization.given or None,
            paging=self._told(self._search.pages),
            metadata=self._told(self._gives_headers),
        )
        return dataclasses.replace(profile, faults=tuple({**dict.fromkeys(profile.faults), **self._faults}))

    def _ask(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        answer = self._search(identifier, limit)
        if identifier.QueryRetrieveLevel == "SERIES":
            study = StudyRef(str(identifier.StudyInstanceUID), PatientRef(""))
            for series in (rows.series(row, study) for row in answer):
                if self._smallest is None or (series.instances or 0) < (self._smallest.instances or 0):
                    self._smallest = series
        return answer

    def _told(self, question: Callable[[], bool | None]) -> bool | None:
        try:
            return question()
        except PacsError as error:
            self._faults[str(error)] = None
            return None

    def _gives_headers(self) -> bool | None:
        """Of the smallest series that was seen, since the service reads every object of it."""
        if self._smallest is None:
            return None
        try:
            return bool(self._search.headers(identifiers.image_query(self._smallest)))
        except LastingRefusalError:
            return False
