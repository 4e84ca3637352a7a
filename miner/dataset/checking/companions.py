"""bookmarks.csv, lesions.csv and series.csv: their own form, and whether they say the same as DL_info.csv."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from miner.dataset import tables
from miner.dataset.checking.findings import Code, Findings
from miner.dataset.checking.lines import Line, read_lines
from miner.dataset.checking.ranges import SeriesName
from miner.dataset.checking.rows import CheckedTable
from miner.dataset.dl_info import FILE_NAME, IMAGES, file_name, floats
from miner.dataset.geometry import length_of, written
from miner.dataset.tables import BOOKMARK_IMAGES, BOOKMARKS, LESIONS, SERIES
from miner.records import Encoding, Kind

_UID = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"0|[1-9][0-9]*")
_POINTS = {Kind.RECIST: (4, 4), Kind.LINE: (2, 2), Kind.ARROW: (1, 2), Kind.ELLIPSE: (4, 4), Kind.POLYGON: (3, None)}
"""Least and greatest number of points of each kind."""
_LENGTH_SLACK = 1.001


@dataclass(frozen=True, slots=True)
class CheckedBookmark:
    """A row of bookmarks.csv as far as it can be read."""

    line: int
    uid: str
    kind: Kind
    series: SeriesName
    key_slice: int
    coordinates: tuple[float, ...]
    length: str
    in_dl_info: bool
    split: int


@dataclass(frozen=True, slots=True)
class CheckedSeries:
    """A row of series.csv as far as it can be read."""

    line: int
    slices: int
    spacing: tuple[float, ...]
    trees: tuple[str, ...]
    policy: str


class Cells:
    """The cells of one line by column name; what cannot be read is reported once and makes the row unreadable."""

    def __init__(self, file: str, header: Sequence[str], line: Line, findings: Findings) -> None:
        self.by_name = dict(zip(header, line.cells, strict=True))
        self._file, self._line, self._findings = file, line.number, findings
        self.readable = True

    def fault(self, code: Code, words: str) -> None:
        """Report a fault of this line."""
        self._findings.fault(code, self._file, words, self._line)

    def integer(self, column: str, least: int = 0) -> int:
        """A whole number."""
        text = self.by_name[column]
        if _NUMBER.fullmatch(text) and int(text) >= least:
            return int(text)
        self.fault(Code.INTEGER_FORM, f"{column}: {text!r} is not a whole number of {least} or more")
        self.readable = False
        return 0

    def floats(self, column: str) -> tuple[float, ...]:
        """Floats parted by ``", "``, each ``%.6g``; an empty cell holds none."""
        text = self.by_name[column]
        try:
            values = tuple(float(part) for part in text.split(", ")) if text else ()
        except ValueError:
            self.fault(Code.FLOAT_FORM, f"{column}: {text!r} does not hold numbers parted by a comma and a space")
            self.readable = False
            return ()
        if floats(values) != text or "nan" in text.lower() or "inf" in text.lower():
            self.fault(Code.FLOAT_FORM, f"{column}: {text!r} is not in the form %.6g, or not finite")
        return values

    def uid(self, column: str) -> str:
        """32 hex digits."""
        text = self.by_name[column]
        if not _UID.fullmatch(text):
            self.fault(Code.VALUE, f"{column}: not 32 hex digits")
        return text

    def series(self) -> SeriesName:
        """Patient_index, Study_index, Series_ID."""
        return (
            self.integer("Patient_index", 1),
            self.integer("Study_index", 1),
            self.integer("Series_ID", 1),
        )

    def file_name(self, series: SeriesName, key_slice: int) -> None:
        """File_name must agree with the numbers."""
        if self.readable and self.by_name["File_name"] != file_name(*series, key_slice):
            self.fault(
                Code.FILE_NAME, f"File_name does not agree with the columns after it: {file_name(*series, key_slice)}"
            )


def read_bookmarks(folder: Path, findings: Findings) -> list[CheckedBookmark] | None:
    """Rows of bookmarks.csv, each checked on its own. None where the file is absent or cannot be read."""
    lines = _lines(folder, BOOKMARKS, tables.BOOKMARKS_HEADER, findings)
    if lines is None:
        return None
    read = (_bookmark(Cells(BOOKMARKS, tables.BOOKMARKS_HEADER, line, findings), line.number) for line in lines)
    found = [bookmark for bookmark in read if bookmark is not None]
    first: dict[str, int] = {}
    for bookmark in found:
        if first.setdefault(bookmark.uid, bookmark.line) != bookmark.line:
            words = f"the Bookmark_uid of line {first[bookmark.uid]} stands here again"
            findings.fault(Code.REPEATED_ROW, BOOKMARKS, words, bookmark.line)
    return found


def _bookmark(cells: Cells, line: int) -> CheckedBookmark | None:
    uid, series = cells.uid("Bookmark_uid"), cells.series()
    key_slice = cells.integer("Key_slice_index", 1)
    coordinates = cells.floats("Coordinates")
    in_dl_info, split = cells.integer("In_DL_info"), cells.integer("Train_Val_Test", 1)
    confidence = cells.floats("Confidence")
    for column in ("Length_mm", "Text_mm"):
        if len(cells.floats(column)) > 1:
            cells.fault(Code.NUMBER_LIST, f"{column}: more than one number")
    if cells.by_name["Kind"] not in set(Kind):
        cells.fault(Code.VALUE, f"Kind: {cells.by_name['Kind']!r} is none of {', '.join(Kind)}")
        cells.readable = False
    if cells.by_name["Encoding"] not in set(Encoding):
        cells.fault(Code.VALUE, f"Encoding: {cells.by_name['Encoding']!r} is not a known encoding")
    if not cells.readable:
        return None
    kind = Kind(cells.by_name["Kind"])
    least, most = _POINTS[kind]
    if len(coordinates) % 2 or len(coordinates) < 2 * least or (most is not None and len(coordinates) > 2 * most):
        cells.fault(Code.NUMBER_LIST, f"Coordinates: {len(coordinates)} numbers do not make a {kind}")
        return None
    if in_dl_info > 1 or split > 3 or len(confidence) != 1 or not 0 <= confidence[0] <= 1:
        cells.fault(Code.VALUE, "In_DL_info is 0 or 1, Train_Val_Test 1 to 3, Confidence between 0 and 1")
    cells.file_name(series, key_slice)
    length = cells.by_name["Length_mm"]
    if bool(length) != (kind in tables.MEASURED_KINDS):
        cells.fault(Code.VALUE, f"Length_mm of a {kind} must {'stand here' if not length else 'be empty'}")
    return CheckedBookmark(line, uid, kind, series, key_slice, coordinates, length, in_dl_info == 1, split)


def read_series(folder: Path, findings: Findings) -> dict[SeriesName, CheckedSeries] | None:
    """Rows of series.csv by series. None where the file is absent or cannot be read."""
    lines = _lines(folder, SERIES, tables.SERIES_HEADER, findings)
    if lines is None:
        return None
    found: dict[SeriesName, CheckedSeries] = {}
    for line in lines:
        cells = Cells(SERIES, tables.SERIES_HEADER, line, findings)
        name, slices, spacing = cells.series(), cells.integer("Slices", 1), cells.floats("Spacing")
        for column, counts in (
            ("Origin_x", (0, 1)),
            ("Origin_y", (0, 1)),
            ("Origin_z", (0, 1)),
            ("Orientation", (0, 6)),
        ):
            if len(cells.floats(column)) not in counts:
                cells.fault(Code.NUMBER_LIST, f"{column}: wrong number of numbers")
        if not cells.readable or len(spacing) not in (2, 3):
            cells.fault(Code.NUMBER_LIST, "this series cannot be read: numbers, Slices or Spacing")
            continue
        if name in found:
            cells.fault(Code.REPEATED_ROW, f"this series stands on line {found[name].line} already")
        trees = tuple(cells.by_name["Tree"].split(";"))
        found[name] = CheckedSeries(line.number, slices, spacing, trees, cells.by_name["Policy"])
    return found


def check_bookmarks(
    bookmarks: Sequence[CheckedBookmark],
    table: CheckedTable,
    series: Mapping[SeriesName, CheckedSeries] | None,
    findings: Findings,
) -> None:
    """Hold bookmarks.csv against DL_info.csv (splits, lesions) and series.csv (lengths, slices)."""
    splits = {checked.row.patient_index: checked.row.split for checked in table.rows}
    for bookmark in bookmarks:
        split = splits.setdefault(bookmark.series[0], bookmark.split)
        if split != bookmark.split:
            words = f"patient {bookmark.series[0]} is in two splits: {split} and {bookmark.split}"
            findings.fault(Code.SPLIT, BOOKMARKS, words, bookmark.line)
        if series is None:
            continue
        known = series.get(bookmark.series)
        if known is None:
            findings.fault(Code.TABLES_DISAGREE, BOOKMARKS, f"{SERIES} has no row of this series", bookmark.line)
            continue
        if bookmark.key_slice > known.slices:
            words = f"Key_slice_index {bookmark.key_slice} lies beyond the series' {known.slices} slices"
            findings.fault(Code.TABLES_DISAGREE, BOOKMARKS, words, bookmark.line)
        if bookmark.length:
            length = length_of(bookmark.coordinates, known.spacing)
            if abs(float(bookmark.length) - length) > 1e-5 * max(length, 1) * _LENGTH_SLACK:
                words = f"Length_mm is {bookmark.length}, the coordinates give {written(length)}"
                findings.fault(Code.TABLES_DISAGREE, BOOKMARKS, words, bookmark.line)
    _check_lesions_in(bookmarks, table, findings)


def _check_lesions_in(bookmarks: Sequence[CheckedBookmark], table: CheckedTable, findings: Findings) -> None:
    said = sorted(
        (*bookmark.series, bookmark.key_slice, bookmark.coordinates) for bookmark in bookmarks if bookmark.in_dl_info
    )
    has = sorted(
        (row.patient_index, row.study_index, row.series_id, row.key_slice, row.coordinates)
        for row in (checked.row for checked in table.rows)
    )
    if said != has and len(table.rows) == table.total:
        words = f"the bookmarks with In_DL_info 1 ({len(said)}) are not the rows of {FILE_NAME} ({len(has)})"
        findings.fault(Code.TABLES_DISAGREE, BOOKMARKS, words)


def check_lesions(
    folder: Path, table: CheckedTable, bookmarks: Sequence[CheckedBookmark] | None, findings: Findings
) -> dict[str, tuple[int, str]]:
    """Hold lesions.csv against DL_info.csv, row by row, and against bookmarks.csv.

    Returns: path of each key slice's PNG → the line that names it, and its SHA-256.
    """
    lines = _lines(folder, LESIONS, tables.LESIONS_HEADER, findings)
    if lines is None:
        return {}
    if len(lines) != table.total:
        words = f"{len(lines)} rows; {FILE_NAME} has {table.total}"
        findings.fault(Code.TABLES_DISAGREE, LESIONS, words)
    by_line = {checked.line: checked.row for checked in table.rows}
    inside = None if bookmarks is None else {bookmark.uid for bookmark in bookmarks if bookmark.in_dl_info}
    hashes: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        cells = Cells(LESIONS, tables.LESIONS_HEADER, line, findings)
        uid, digest, row = cells.uid("Lesion_uid"), cells.by_name["Key_png_sha256"], by_line.get(line.number)
        if cells.integer("Row") != number:
            cells.fault(Code.TABLES_DISAGREE, f"Row is not {number}, this row's place")
        if row is not None and (cells.by_name["File_name"], cells.integer("Patient_index")) != (
            row.file_name,
            row.patient_index,
        ):
            cells.fault(Code.TABLES_DISAGREE, f"this is not the lesion on the same line of {FILE_NAME}")
        if inside is not None and uid not in inside:
            cells.fault(Code.TABLES_DISAGREE, f"{BOOKMARKS} has no such bookmark with In_DL_info 1")
        folder_part, _, picture = cells.by_name["File_name"].rpartition("_")
        hashes[f"{IMAGES}/{folder_part}/{picture}"] = line.number, digest
    return hashes


def check_series(
    series: Mapping[SeriesName, CheckedSeries],
    table: CheckedTable,
    bookmarks: Iterable[CheckedBookmark] | None,
    trees: Mapping[str, Iterable[SeriesName]],
    findings: Findings,
) -> None:
    """Hold series.csv against the rows (spacing, one row a series) and the folders (Tree)."""
    for name, rows in table.by_series().items():
        known = series.get(name)
        if known is None:
            findings.fault(Code.TABLES_DISAGREE, FILE_NAME, f"{SERIES} has no row of this series", rows[0].line)
        elif known.spacing != rows[0].row.spacing:
            words = f"Spacing is not that of {FILE_NAME}, line {rows[0].line}"
            findings.fault(Code.TABLES_DISAGREE, SERIES, words, known.line)
    named = {*table.by_series(), *table.unsure, *(bookmark.series for bookmark in bookmarks or ())}
    for name, known in series.items():
        if name not in named:
            findings.fault(Code.TABLES_DISAGREE, SERIES, "no row of the other tables names this series", known.line)
        folders = tuple(tree for tree in (IMAGES, BOOKMARK_IMAGES) if name in set(trees.get(tree, ())))
        if known.trees != folders:
            said, has = ";".join(known.trees), ";".join(folders)
            words = f"Tree says {said or 'nothing'}; the series has a folder in {has or 'none'}"
            findings.fault(Code.TABLES_DISAGREE, SERIES, words, known.line)


def _lines(folder: Path, name: str, header: Sequence[str], findings: Findings) -> list[Line] | None:
    if not (folder / name).exists():
        return None
    return read_lines(folder, name, header, findings)
