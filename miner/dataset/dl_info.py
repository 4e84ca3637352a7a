"""DL_info.csv: DeepLesion's 18 columns, to the byte.

ASCII, LF, a final newline, no blank line; quotes only around fields that hold a comma, ``", "`` inside them; every
float ``%.6g``; integers without a decimal point; an unknown age is the literal ``NaN``. Readers compare the header and
read by position. Source: K. Yan et al., "DeepLesion", J. Med. Imaging 5(3), 2018, and the official file.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from miner.dataset.geometry import written
from miner.errors import UsageError

_T = TypeVar("_T")

FILE_NAME = "DL_info.csv"
IMAGES = "Images_png"

HEADER = (
    "File_name",
    "Patient_index",
    "Study_index",
    "Series_ID",
    "Key_slice_index",
    "Measurement_coordinates",
    "Bounding_boxes",
    "Lesion_diameters_Pixel_",
    "Normalized_lesion_location",
    "Coarse_lesion_type",
    "Possibly_noisy",
    "Slice_range",
    "Spacing_mm_px_",
    "Image_size",
    "DICOM_windows",
    "Patient_gender",
    "Patient_age",
    "Train_Val_Test",
)

UNKNOWN_TYPE = -1
"""Coarse_lesion_type where nobody has said what the lesion is."""


@dataclass(frozen=True, slots=True)
class LesionRow:
    """One row of DL_info.csv.

    Attributes:
        patient_index: number of the patient, from 1; may skip numbers.
        study_index: number of the study within the patient, from 1.
        series_id: number of the series within the study, from 1; not DICOM's Series Number.
        key_slice: slice number in the full original series, from 1, head to feet.
        coordinates: x1, y1, x2, y2 of the long axis, then of the short axis; pixels, 1-based frame.
        box: left, top, right, bottom; pixels, 1-based frame, not clipped.
        diameters: long, short; pixels.
        location: x, y relative to the body in the slice, z from 0 (head) to 1 (feet) or NaN.
        lesion_type: −1, or 1 to 8.
        noisy: whether the lesion may be noise.
        slice_range: first and last slice number of the stored block.
        spacing: x, y, z in mm; x is the column spacing, PixelSpacing[1].
        size: columns, rows.
        window: lowest, highest HU.
        gender: M, F or O.
        age: whole years at the study, None where unknown.
        split: 1 train, 2 validation, 3 test.
    """

    patient_index: int
    study_index: int
    series_id: int
    key_slice: int
    coordinates: tuple[float, ...]
    box: tuple[float, ...]
    diameters: tuple[float, ...]
    location: tuple[float, ...]
    lesion_type: int
    noisy: int
    slice_range: tuple[int, int]
    spacing: tuple[float, ...]
    size: tuple[int, int]
    window: tuple[float, ...]
    gender: str
    age: int | None
    split: int

    @property
    def file_name(self) -> str:
        """``PPPPPP_SS_RR_NNN.png``; on disk the last underscore is a slash."""
        return file_name(self.patient_index, self.study_index, self.series_id, self.key_slice)

    def cells(self) -> tuple[str, ...]:
        """The 18 cells as written."""
        return (
            self.file_name,
            str(self.patient_index),
            str(self.study_index),
            str(self.series_id),
            str(self.key_slice),
            floats(self.coordinates),
            floats(self.box),
            floats(self.diameters),
            ", ".join("NaN" if math.isnan(value) else written(value) for value in self.location),
            str(self.lesion_type),
            str(int(self.noisy)),
            integers(self.slice_range),
            floats(self.spacing),
            integers(self.size),
            floats(self.window),
            self.gender,
            "NaN" if self.age is None else str(self.age),
            str(self.split),
        )


def folder_name(patient_index: int, study_index: int, series_id: int) -> str:
    """The folder of one series: ``PPPPPP_SS_RR``."""
    return f"{patient_index:06d}_{study_index:02d}_{series_id:02d}"


def file_name(patient_index: int, study_index: int, series_id: int, key_slice: int) -> str:
    """The first column: ``PPPPPP_SS_RR_NNN.png``."""
    return f"{folder_name(patient_index, study_index, series_id)}_{key_slice:03d}.png"


def picture_name(number: int) -> str:
    """The file of one slice in its series' folder: ``NNN.png``."""
    return f"{number:03d}.png"


def floats(values: Iterable[float]) -> str:
    """Floats as one cell, ``", "`` between them."""
    return ", ".join(written(value) for value in values)


def integers(values: Iterable[int]) -> str:
    """Integers as one cell, ``", "`` between them."""
    return ", ".join(str(value) for value in values)


def parse_floats(cell: str, count: int) -> tuple[float, ...]:
    """``count`` floats of one cell. Raises ValueError saying what is wrong."""
    parts = cell.split(",")
    if len(parts) != count:
        raise ValueError(f"holds {len(parts)} numbers instead of {count}")
    return tuple(float(part) for part in parts)


def parse_pair(cell: str) -> tuple[int, int]:
    """Two integers of one cell. Raises ValueError saying what is wrong."""
    parts = cell.split(",")
    if len(parts) != 2:
        raise ValueError(f"holds {len(parts)} numbers instead of 2")
    return int(parts[0]), int(parts[1])


def parse_row(cells: Sequence[str]) -> LesionRow:
    """A row from its 18 cells. Raises ValueError naming the column; what the numbers mean, ``checking`` judges."""
    if len(cells) != len(HEADER):
        raise ValueError(f"{len(cells)} columns instead of {len(HEADER)}")
    row = LesionRow(
        _parsed(1, cells[1], int),
        _parsed(2, cells[2], int),
        _parsed(3, cells[3], int),
        _parsed(4, cells[4], int),
        coordinates=_parsed(5, cells[5], lambda cell: parse_floats(cell, 8)),
        box=_parsed(6, cells[6], lambda cell: parse_floats(cell, 4)),
        diameters=_parsed(7, cells[7], lambda cell: parse_floats(cell, 2)),
        location=_parsed(8, cells[8], lambda cell: parse_floats(cell, 3)),
        lesion_type=_parsed(9, cells[9], int),
        noisy=_parsed(10, cells[10], int),
        slice_range=_parsed(11, cells[11], parse_pair),
        spacing=_parsed(12, cells[12], lambda cell: parse_floats(cell, 3)),
        size=_parsed(13, cells[13], parse_pair),
        window=_parsed(14, cells[14], lambda cell: parse_floats(cell, 2)),
        gender=cells[15],
        age=_parsed(16, cells[16], lambda cell: None if cell == "NaN" else int(cell)),
        split=_parsed(17, cells[17], int),
    )
    if row.file_name != cells[0]:
        raise ValueError("File_name does not agree with the four columns after it")
    return row


def _parsed(number: int, cell: str, parse: Callable[[str], _T]) -> _T:
    try:
        return parse(cell)
    except ValueError:
        raise ValueError(f"{HEADER[number]} cannot be read") from None


def read_rows(path: Path) -> list[LesionRow]:
    """All rows of a DL_info.csv. Raises UsageError naming file and line where one cannot be read."""
    try:
        text = path.read_bytes().decode("ascii")
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({type(error).__name__}).") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not ASCII: it is no DL_info.csv.") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    if tuple(next(reader, ())) != HEADER:
        raise UsageError(f"{path}, line 1: this is not DeepLesion's header.")
    rows = []
    for cells in reader:
        try:
            rows.append(parse_row(cells))
        except ValueError as error:
            raise UsageError(f"{path}, line {reader.line_num}: {error}.") from None
    return rows


def write_rows(rows: Iterable[LesionRow]) -> bytes:
    """DL_info.csv's bytes."""
    return csv_bytes(HEADER, (row.cells() for row in rows))


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV of ours: LF, quotes only where a field holds a comma."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8")
