"""Cells of DL_info.csv: how numbers are written, and which values there are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from miner.dataset.checking.findings import Code, Findings
from miner.dataset.checking.lines import Line
from miner.dataset.dl_info import FILE_NAME, HEADER, LesionRow
from miner.dataset.geometry import written

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_GENDERS = ("M", "F", "O")
_TYPES = (-1, 1, 2, 3, 4, 5, 6, 7, 8)
OLDEST_AGE = 90


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row of DL_info.csv as far as it can be read, and its line number."""

    line: int
    row: LesionRow


class CellReader:
    """Reads the cells of one line; what is badly written is reported, and still read where its meaning is plain."""

    def __init__(self, line: Line, findings: Findings) -> None:
        self._line = line
        self._findings = findings
        self.readable = True

    def fault(self, code: Code, column: int, words: str) -> None:
        """Report a fault of one cell."""
        self._findings.fault(code, FILE_NAME, f"{HEADER[column]}: {words}", self._line.number)

    def integer(self, column: int, fits: Callable[[int], bool], allowed: str) -> int:
        """A whole number that must fit."""
        value = self._integer(column, self._line.cells[column])
        if value is not None and not fits(value):
            self.fault(Code.VALUE, column, f"{value} is not {allowed}")
        return 0 if value is None else value

    def integers(self, column: int) -> tuple[int, int]:
        """Two whole numbers."""
        parts = self._parts(column, 2)
        values = [self._integer(column, part) for part in parts]
        return (values[0] or 0, values[1] or 0) if len(values) == 2 else (0, 0)

    def floats(self, column: int, count: int, *, nan_at: int | None = None) -> tuple[float, ...]:
        """``count`` finite floats; the one at ``nan_at`` may be NaN."""
        parts = self._parts(column, count)
        return (
            tuple(self._float(column, part, nan=place == nan_at) for place, part in enumerate(parts)) or (0.0,) * count
        )

    def age(self, column: int) -> int | None:
        """Whole years, or NaN."""
        cell = self._line.cells[column]
        if cell == "NaN":
            return None
        if not cell:
            self.fault(Code.AGE, column, "empty; an unknown age is written NaN, and readers break on an empty cell")
            return None
        value = self._integer(column, cell, code=Code.AGE)
        if value is not None and not 0 <= value <= 120:
            self.fault(Code.AGE, column, f"{value} is no age in years")
        return value

    def _parts(self, column: int, count: int) -> list[str]:
        cell = self._line.cells[column]
        parts = cell.split(",")
        if len(parts) != count:
            self.fault(Code.NUMBER_LIST, column, f"{len(parts)} numbers instead of {count}")
            self.readable = False
            return []
        stripped = [part.strip() for part in parts]
        if ", ".join(stripped) != cell:
            self.fault(Code.NUMBER_LIST, column, "numbers are parted by a comma and one space, and nothing else")
        return stripped

    def _integer(self, column: int, text: str, code: Code = Code.INTEGER_FORM) -> int | None:
        if _INTEGER.fullmatch(text):
            return int(text)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value != int(value):
            self.fault(code, column, f"{text!r} is not a whole number")
            self.readable = False
            return None
        self.fault(code, column, f"{text!r} must be written as a whole number without a decimal point: {int(value)}")
        return int(value)

    def _float(self, column: int, text: str, *, nan: bool) -> float:
        try:
            value = float(text)
        except ValueError:
            self.fault(Code.FLOAT_FORM, column, f"{text!r} is not a number")
            self.readable = False
            return 0.0
        if math.isnan(value) and nan:
            if text != "NaN":
                self.fault(Code.FLOAT_FORM, column, f"{text!r} must be written NaN")
        elif not math.isfinite(value):
            self.fault(Code.FLOAT_FORM, column, f"{text!r} is not finite")
            self.readable = False
            return 0.0
        elif written(value) != text:
            self.fault(Code.FLOAT_FORM, column, f"{text!r} is not in the form %.6g: {written(value)}")
        return value


def read_row(line: Line, findings: Findings) -> CheckedRow | None:
    """Check the cells of one line on their own. None where the row's meaning cannot be made out."""
    reader = CellReader(line, findings)
    row = LesionRow(
        reader.integer(1, lambda value: value >= 1, "1 or more"),
        reader.integer(2, lambda value: value >= 1, "1 or more"),
        reader.integer(3, lambda value: value >= 1, "1 or more"),
        reader.integer(4, lambda value: value >= 1, "1 or more"),
        reader.floats(5, 8),
        reader.floats(6, 4),
        reader.floats(7, 2),
        reader.floats(8, 3, nan_at=2),
        reader.integer(9, lambda value: value in _TYPES, "-1 or 1 to 8"),
        reader.integer(10, lambda value: value in (0, 1), "0 or 1"),
        reader.integers(11),
        reader.floats(12, 3),
        reader.integers(13),
        reader.floats(14, 2),
        line.cells[15],
        reader.age(16),
        reader.integer(17, lambda value: value in (1, 2, 3), "1, 2 or 3"),
    )
    if row.gender not in _GENDERS:
        reader.fault(Code.VALUE, 15, f"{row.gender!r} is not M, F or O")
    if not reader.readable:
        return None
    _check_values(row, reader)
    if row.file_name != line.cells[0]:
        reader.fault(Code.FILE_NAME, 0, f"{line.cells[0]!r} does not agree with the columns after it: {row.file_name}")
    return CheckedRow(line.number, row) if reader.readable else None


def _check_values(row: LesionRow, reader: CellReader) -> None:
    if any(value <= 0 for value in row.spacing):
        reader.fault(Code.VALUE, 12, "spacing must be positive")
        reader.readable = False
    if any(value <= 0 for value in row.size):
        reader.fault(Code.VALUE, 13, "image size must be positive")
    if not row.window[0] < row.window[1]:
        reader.fault(Code.WINDOW, 14, "the lowest HU must come first and lie below the highest (not centre and width)")


def note_values(checked: CheckedRow, findings: Findings, *, official: bool) -> None:
    """What is allowed and yet worth a word. ``official``: the folder is not a release of ours."""
    row, line = checked.row, checked.line
    if not all(0 <= value <= 1 for value in row.location if not math.isnan(value)):
        findings.note(Code.LOCATION, FILE_NAME, "Normalized_lesion_location lies outside 0 to 1", line)
    if row.age is not None and row.age > OLDEST_AGE:
        words = "Patient_age is above 90: under HIPAA's Safe Harbor rule such ages are written as 90"
        (findings.note if official else findings.fault)(Code.AGE, FILE_NAME, words, line)
    if official and row.gender == "O":
        findings.note(Code.VALUE, FILE_NAME, "Patient_gender O is not among DeepLesion's M and F", line)
