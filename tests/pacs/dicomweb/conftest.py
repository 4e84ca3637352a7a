"""A DICOMweb service of one small study, and connections to services."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from miner.config import Pacs as PacsSettings
from miner.pacs import Peer
from miner.pacs.care import Pace
from miner.pacs.dicomweb.archive import DicomwebPacs
from miner.pacs.peer import Credentials
from miner.records import DateWindow, InstanceRef
from tests.hospital import ct_series, ruler_pair

EVERYTHING = DateWindow()

ConnectWeb = Callable[..., DicomwebPacs]


def web_peer(
    url: str, *, credentials: Credentials | None = None, pace: Pace | None = None, base: Path = Path(), **values: Any
) -> Peer:
    """Settings that lead to the service at ``url``, with short limits."""
    limits = {"connect_seconds": 5.0, "silence_seconds": 5.0, "request_seconds": 20.0}
    settings = PacsSettings(**{"protocol": "dicomweb", "url": url, **limits, **values})
    return Peer(settings, base, credentials or Credentials(), pace or Pace())


@pytest.fixture
def web() -> Iterator[ConnectWeb]:
    """``web(service, attempts=3, profile=None, credentials=…, pace=…, **settings)``: closed after the test."""
    opened: list[DicomwebPacs] = []

    def open_one(service: Any, *, attempts: int = 3, profile: Any = None, **values: Any) -> DicomwebPacs:
        pacs = DicomwebPacs(web_peer(service.url, **values), profile=profile, attempts=attempts)
        opened.append(pacs)
        return pacs

    yield open_one
    for pacs in opened:
        pacs.close()


@pytest.fixture
def study() -> list[Dataset]:
    """Five slices of one patient, and a presentation state on the third."""
    images = ct_series(slices=5)
    return [*images, ruler_pair(images[2])]


def reference(item: Dataset) -> InstanceRef:
    """What a query would say about an object."""
    return InstanceRef(item.StudyInstanceUID, item.SeriesInstanceUID, item.SOPInstanceUID, item.SOPClassUID)
