"""What a check finds: faults, which readers stumble over, and notes, which they should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Code(StrEnum):
    """What is wrong, for scripts. Never renamed."""

    # files
    FILE_MISSING = "file-missing"
    FILE_UNREADABLE = "file-unreadable"
    FILE_UNEXPECTED = "file-unexpected"
    # bytes of a CSV
    BYTE_ORDER_MARK = "byte-order-mark"
    ENCODING = "encoding"
    LINE_ENDING = "line-ending"
    FINAL_NEWLINE = "final-newline"
    BLANK_LINE = "blank-line"
    QUOTING = "quoting"
    HEADER = "header"
    COLUMNS = "columns"
    FORMULA = "formula"
    # cells
    INTEGER_FORM = "integer-form"
    FLOAT_FORM = "float-form"
    NUMBER_LIST = "number-list"
    VALUE = "value"
    AGE = "age"
    FILE_NAME = "file-name"
    # geometry of a row
    BOX = "box"
    DIAMETERS = "diameters"
    AXIS_ORDER = "axis-order"
    LOCATION = "location"
    WINDOW = "window"
    # ranges
    RANGE_ORDER = "range-order"
    RANGE_KEY_SLICE = "range-key-slice"
    RANGE_RULE = "range-rule"
    RANGE_BLOCKS = "range-blocks"
    # rows against each other
    SPLIT = "split"
    PATIENT = "patient"
    INDEX_GAP = "index-gap"
    MIXED_SERIES = "mixed-series"
    REPEATED_ROW = "repeated-row"
    # pictures
    FOLDER_MISSING = "folder-missing"
    FOLDER_WITHOUT_ROW = "folder-without-row"
    SLICE_MISSING = "slice-missing"
    SLICE_EXTRA = "slice-extra"
    PNG_UNREADABLE = "png-unreadable"
    PNG_DEPTH = "png-depth"
    PNG_CHANNELS = "png-channels"
    PNG_SIZE = "png-size"
    PNG_TEXT = "png-text"
    PNG_TRAILING = "png-trailing"
    # a release's own files
    TABLES_DISAGREE = "tables-disagree"
    STATEMENT = "statement"
    MANIFEST = "manifest"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``file`` is relative to the folder; ``line`` counts from 1, the header included."""

    code: Code
    file: str
    words: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.words}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything that a check found. ``counts``: what it looked at (rows, folders, pictures …)."""

    folder: Path
    faults: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    counts: Mapping[str, int]


@dataclass
class Findings:
    """The findings of a check that is going on."""

    faults: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def fault(self, code: Code, file: str, words: str, line: int | None = None) -> None:
        """Add what breaks the format."""
        self.faults.append(Finding(code, file, words, line))

    def note(self, code: Code, file: str, words: str, line: int | None = None) -> None:
        """Add what the format allows, or the official file has too, and a user should know."""
        self.notes.append(Finding(code, file, words, line))

    def report(self, folder: Path) -> CheckReport:
        """The finished report, in the order of files and lines."""
        return CheckReport(folder, _sorted(self.faults), _sorted(self.notes), dict(self.counts))


def _sorted(found: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda entry: (entry.file, entry.line or 0)))
