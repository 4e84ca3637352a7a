"""Folders of exported files, written from small made-up objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from miner.config import Pacs as PacsSettings
from miner.pacs.folder.archive import FolderPacs
from miner.pacs.peer import Peer

Open = Callable[..., FolderPacs]


def ct(number: int = 1, **values: Any) -> Dataset:
    """A tiny CT object, number ``number`` of series 2.25.2 in study 2.25.1; ``values`` by keyword, None leaves out."""
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    given: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"2.25.{100 + number}",
        "StudyDate": "20210304",
        "StudyTime": "101112",
        "AccessionNumber": "A1",
        "Modality": "CT",
        "PatientName": "Planted^Name",
        "PatientID": "P1",
        "BodyPartExamined": "CHEST",
        "StudyInstanceUID": "2.25.1",
        "SeriesInstanceUID": "2.25.2",
        "InstanceNumber": number,
        "ImagePositionPatient": [0, 0, number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "Rows": 16,
        "Columns": 12,
        "BitsAllocated": 16,
        **values,
    }
    for keyword, value in given.items():
        if value is not None:
            setattr(item, keyword, value)
    if "PixelData" not in given:
        item.PixelData = bytes(range(192)) * 2
        item["PixelData"].VR = "OW"
    return item


def save(item: Dataset, path: Path) -> Path:
    """Write a Part 10 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    item.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    path = tmp_path / "export"
    path.mkdir()
    return path


@pytest.fixture
def opened() -> Iterator[Open]:
    """``opened(path, **peer)``: a connection to a folder that is closed after the test."""
    connections: list[FolderPacs] = []

    def open_one(path: Path, **peer: Any) -> FolderPacs:
        pacs = FolderPacs(Peer(PacsSettings(protocol="folder", path=str(path)), **peer))
        connections.append(pacs)
        return pacs

    yield open_one
    for pacs in connections:
        pacs.close()
