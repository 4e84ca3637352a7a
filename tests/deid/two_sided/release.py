"""A release as an outsider reads it: csv, json, Pillow and numpy, nothing of the package under test."""

from __future__ import annotations

import csv
import hashlib
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Row = dict[str, str]


@dataclass
class Release:
    """Everything that stands in a release's folder."""

    folder: Path
    lesions: list[Row] = field(default_factory=list)
    bookmarks: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    series: list[Row] = field(default_factory=list)
    pictures: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    haystack: bytes = b""

    @classmethod
    def read(cls, folder: Path) -> Release:
        """Read all files; ``haystack`` is their names and their content, of pictures all but the pixels."""
        tables = [_table(folder / f"{name}.csv") for name in ("DL_info", "bookmarks", "lesions", "series")]
        release = cls(folder, *tables)
        parts = []
        for path in sorted(folder.rglob("*")):
            parts.append(str(path.relative_to(folder)).encode())
            if path.suffix == ".png":
                with Image.open(path) as picture:
                    values = np.array(picture).astype(np.int64)
                release.pictures[str(path.relative_to(folder))] = values
                parts.append(_around_pixels(path.read_bytes()))
            elif path.is_file():
                parts.append(path.read_bytes())
        release.haystack = b"\n".join(parts)
        return release

    def picture_of(self, row: Row) -> npt.NDArray[np.int64]:
        """The key slice of a row of DL_info.csv: the last underscore of its File_name is a slash."""
        return self.pictures["Images_png/" + "/".join(row["File_name"].rsplit("_", 1))]


def digest(values: npt.NDArray[np.int64]) -> str:
    """What tells one picture from another."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<i8").tobytes()).hexdigest()


def numbers(cell: str) -> tuple[float, ...]:
    """The numbers of a cell, none where one of them is no number."""
    try:
        return tuple(float(part) for part in cell.split(","))
    except ValueError:
        return ()


def _table(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _around_pixels(png: bytes) -> bytes:
    """Everything of a PNG but the content of its IDAT chunks (ISO/IEC 15948, 5.3)."""
    kept, at = png[:8], 8
    while at + 8 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind = png[at + 4 : at + 8]
        kept += kind + (b"" if kind == b"IDAT" else png[at + 8 : at + 8 + length])
        at += 12 + length
    return kept + png[at:]
