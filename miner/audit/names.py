"""The names that a trace accepts, told apart by their form alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

# No number is longer than what a database's integer holds.
_FILE_NAME = re.compile(r"(?:^|[/\\])([0-9]{6})_([0-9]{2,9})_([0-9]{2,9})[_/\\]([0-9]{3,9})\.png$")
_STORED = re.compile(r"(?:^|[/\\])([0-9a-f]{32})[/\\]([0-9]{3,9})\.png$")
_ROW = re.compile(r"(?:^|[/\\])(DL_info|lesions|bookmarks)\.csv:([0-9]{1,9})$")
_UID = re.compile(r"^[0-9a-f]{32}$")


@dataclass(frozen=True, slots=True)
class PictureName:
    """A picture of a release: Patient_index, Study_index, Series_ID, slice number."""

    patient_index: int
    study_index: int
    series_id: int
    number: int


@dataclass(frozen=True, slots=True)
class StoredName:
    """A picture of the image store: series surrogate, slice number."""

    series_key: str
    number: int


@dataclass(frozen=True, slots=True)
class RowName:
    """A row of a release's CSV, counted from 0 behind the header, as lesions.csv's ``Row`` does."""

    csv: str
    position: int


@dataclass(frozen=True, slots=True)
class BookmarkName:
    """A Lesion_uid or Bookmark_uid."""

    uid: str


Name = PictureName | StoredName | RowName | BookmarkName


def parse(name: str) -> Name | None:
    """What a name means; None where it is of no known form.

    Known forms: ``000123_01_01_045.png``, ``000123_01_01/045.png`` and any path that ends so, a path of the image
    store, ``DL_info.csv:ROW``, ``lesions.csv:ROW`` (its rows are DL_info.csv's), ``bookmarks.csv:ROW``, and a uid.
    """
    text = name.strip()
    if found := _FILE_NAME.search(text):
        patient_index, study_index, series_id, number = map(int, found.groups())
        return PictureName(patient_index, study_index, series_id, number)
    if found := _STORED.search(text):
        return StoredName(found[1], int(found[2]))
    if found := _ROW.search(text):
        return RowName("bookmarks" if found[1] == "bookmarks" else "DL_info", int(found[2]))
    return BookmarkName(text) if _UID.match(text) else None


def file_name(patient_index: int, study_index: int, series_id: int, number: int) -> str:
    """DeepLesion's File_name."""
    return f"{patient_index:06d}_{study_index:02d}_{series_id:02d}_{number:03d}.png"
