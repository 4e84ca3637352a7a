"""What a DICOMweb service really does, found out with a handful of harmless queries; no object is retrieved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from miner.errors import PacsError
from miner.pacs.dicomweb.connection import Connection
from miner.pacs.dicomweb.search import Search
from miner.pacs.peer import Peer
from miner.pacs.profile import PacsProfile
from miner.pacs.queries import identifiers
from miner.pacs.queries.examine import examine
from miner.records import SeriesRef

PATIENCE = 10.0
"""Seconds of Retry-After that an examination waits for; a service that wants more is not asked meanwhile."""


def probe(peer: Peer, annotations: Sequence[str] = ("PR", "SR")) -> PacsProfile:
    """Ask the service what it can do: at most some thirty queries, and the headers of one small series.

    ``annotations``: modalities of the series that hold annotations; a study with one is looked into where there is one.
    Raises ConfigError, and PacsUnreachable or AssociationRefused where it cannot be asked.
    """
    connection = Connection(peer, patience=PATIENCE)
    try:
        search, service = Search(connection, attempts=1), connection.service
        examined = examine(search, annotations)
        faults = dict.fromkeys(examined.profile.faults)
        series = examined.series
        return dataclasses.replace(
            examined.profile,
            protocol="dicomweb",
            tls=service.tls is not None,
            identity=service.authorization.given or None,
            echo=connection.accepted,
            paging=_tried(search.pages, faults),
            metadata=None if series is None else bool(_tried(lambda: _headers(search, series), faults)),
            faults=tuple(faults),
        )
    finally:
        connection.close()


def _headers(search: Search, series: SeriesRef) -> bool:
    return bool(search.headers(identifiers.image_query(series)))


def _tried(ask: Callable[[], bool | None], faults: dict[str, None]) -> bool | None:
    """What asking tells, or None where it failed (the fault is noted)."""
    try:
        return ask()
    except PacsError as error:
        faults[str(error)] = None
        return None
