"""DL_info.csv as a whole: every row on its own, then rows of one patient, study and series against each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from miner.dataset.checking.cells import CheckedRow, note_values, read_row
from miner.dataset.checking.findings import Code, Findings
from miner.dataset.checking.lines import read_lines
from miner.dataset.checking.measures import check_measures
from miner.dataset.checking.ranges import RangeRule, SeriesName, block_of, check_blocks, check_range
from miner.dataset.dl_info import FILE_NAME, HEADER

MOST_SLICES = 10_000
"""Slices of one range; the longest series of a scanner have some thousand."""

_FILE = re.compile(r"([0-9]{6})_([0-9]{2,})_([0-9]{2,})_[0-9]{3,}\.png")


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """DL_info.csv as far as it can be read.

    Attributes:
        rows: readable rows, in order.
        total: number of rows, the unreadable ones included.
        unsure: series of which a row cannot be read, so that what their folders should hold is not known.
    """

    rows: tuple[CheckedRow, ...]
    total: int
    unsure: frozenset[SeriesName] = field(default=frozenset())

    def by_series(self) -> dict[SeriesName, list[CheckedRow]]:
        """Rows of each series."""
        grouped: dict[SeriesName, list[CheckedRow]] = defaultdict(list)
        for checked in self.rows:
            grouped[series_of(checked)].append(checked)
        return grouped

    def slices(self) -> dict[SeriesName, set[int]]:
        """The slices that the ranges cover, by series."""
        covered: dict[SeriesName, set[int]] = defaultdict(set)
        for checked in self.rows:
            first, last = block_of(checked)
            covered[series_of(checked)].update(range(first, last + 1))
        return covered


def series_of(checked: CheckedRow) -> SeriesName:
    """The series a row belongs to."""
    return checked.row.patient_index, checked.row.study_index, checked.row.series_id


def check_rows(
    folder: Path, rule: RangeRule, findings: Findings, *, official: bool, also: Iterable[SeriesName] = ()
) -> CheckedTable | None:
    """Check DL_info.csv. ``also``: series that bookmarks.csv names, for the counting of studies and series."""
    lines = read_lines(folder, FILE_NAME, HEADER, findings)
    if lines is None:
        return None
    read: list[CheckedRow] = []
    unsure: set[SeriesName] = set()
    for line in lines:
        checked = read_row(line, findings)
        if checked is not None and _is_sane(checked, findings):
            read.append(checked)
        elif (match := _FILE.fullmatch(line.cells[0])) is not None:
            unsure.add((int(match[1]), int(match[2]), int(match[3])))
    table = CheckedTable(tuple(read), len(lines), frozenset(unsure))
    for checked in read:
        check_measures(checked, findings)
        check_range(checked, findings)
        note_values(checked, findings, official=official)
    for name, rows in table.by_series().items():
        check_blocks(name, rows, rule, findings)
        _note_mixed(rows, findings)
    _check_patients(read, findings)
    _note_repeats(read, findings)
    if not unsure:
        note_gaps({*table.by_series(), *also}, findings)
    findings.counts["rows"] = len(lines)
    return table


def _is_sane(checked: CheckedRow, findings: Findings) -> bool:
    """Whether a row's range can be that of a series: every slice of it is looked for."""
    first, last = block_of(checked)
    if last - first < MOST_SLICES:
        return True
    words = f"Slice_range {first}, {last} holds more than {MOST_SLICES} slices"
    findings.fault(Code.RANGE_ORDER, FILE_NAME, words, checked.line)
    return False


def _check_patients(rows: Sequence[CheckedRow], findings: Findings) -> None:
    first: dict[int, CheckedRow] = {}
    told: set[int] = set()
    for checked in rows:
        known = first.setdefault(checked.row.patient_index, checked)
        if checked.row.split != known.row.split and checked.row.patient_index not in told:
            told.add(checked.row.patient_index)
            findings.fault(
                Code.SPLIT,
                FILE_NAME,
                f"patient {checked.row.patient_index} is in two splits: Train_Val_Test {known.row.split} on line "
                f"{known.line}, {checked.row.split} here",
                checked.line,
            )
        if checked.row.gender != known.row.gender:
            words = f"patient {checked.row.patient_index} has another Patient_gender on line {known.line}"
            findings.note(Code.PATIENT, FILE_NAME, words, checked.line)


def _note_mixed(rows: Sequence[CheckedRow], findings: Findings) -> None:
    for checked in rows[1:]:
        for column, one, other in (
            ("Spacing_mm_px_", checked.row.spacing, rows[0].row.spacing),
            ("Image_size", checked.row.size, rows[0].row.size),
        ):
            if one != other:
                words = f"{column} differs from that of the same series on line {rows[0].line}"
                findings.note(Code.MIXED_SERIES, FILE_NAME, words, checked.line)


def _note_repeats(rows: Sequence[CheckedRow], findings: Findings) -> None:
    first: dict[tuple[str, tuple[float, ...]], int] = {}
    for checked in rows:
        known = first.setdefault((checked.row.file_name, checked.row.coordinates), checked.line)
        if known != checked.line:
            findings.note(Code.REPEATED_ROW, FILE_NAME, f"the same measurement stands on line {known}", checked.line)


def note_gaps(names: Iterable[SeriesName], findings: Findings) -> None:
    """Note studies of a patient and series of a study that do not count 1, 2, 3 …"""
    studies: dict[tuple[int, ...], set[int]] = defaultdict(set)
    series: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for patient, study, number in names:
        studies[patient,].add(study)
        series[patient, study].add(number)
    _note_gaps(studies, "Study_index of patient {0}", findings)
    _note_gaps(series, "Series_ID of patient {0}, study {1}", findings)


def _note_gaps(groups: Mapping[tuple[int, ...], set[int]], words: str, findings: Findings) -> None:
    for key, numbers in sorted(groups.items()):
        missing = sorted(set(range(1, max(numbers) + 1)) - numbers)
        if missing:
            named = ", ".join(str(number) for number in missing[:5])
            findings.note(Code.INDEX_GAP, FILE_NAME, f"{words.format(*key)} skips {named}")
