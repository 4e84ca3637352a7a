"""Slice_range: order, key slice, blocks of a series, and the rule that gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from miner.dataset.checking.cells import CheckedRow
from miner.dataset.checking.findings import Code, Findings
from miner.dataset.dl_info import FILE_NAME
from miner.dataset.geometry import axes_of
from miner.dataset.selection import HEAD_CONTEXT_POLICY, KEY_SLICE_POLICY
from miner.images import half_width, merge

SeriesName = tuple[int, int, int]
"""Patient_index, Study_index, Series_ID."""
Block = tuple[int, int]

_HIDDEN = 1e-5
"""Relative error of a length in mm that six digits of coordinates and spacing may hide."""


@dataclass(frozen=True, slots=True)
class RangeRule:
    """What the rule needs beyond the row: the context in mm, and of a release the series' policies and sizes."""

    context_mm: float = 30.0
    policies: dict[SeriesName, str] | None = None
    slices: dict[SeriesName, int] | None = None

    def windows(self, name: SeriesName, checked: CheckedRow) -> list[Block]:
        """The ranges that the rule may give one lesion on its own, not clipped at the end of the series."""
        row = checked.row
        policy = (self.policies or {}).get(name)
        if policy == KEY_SLICE_POLICY:
            halves = {0}
        else:
            long_mm, _ = axes_of(row.coordinates, row.spacing)
            halves = {
                half_width(row.spacing[2], long_mm * factor, self.context_mm)
                for factor in (1 - _HIDDEN, 1.0, 1 + _HIDDEN)
            }
            halves |= {0} if policy == HEAD_CONTEXT_POLICY else set()
        return [(max(1, row.key_slice - half), row.key_slice + half) for half in sorted(halves)]


def block_of(checked: CheckedRow) -> Block:
    """A row's range, its ends in order."""
    first, last = sorted(checked.row.slice_range)
    return first, last


def check_range(checked: CheckedRow, findings: Findings) -> None:
    """Order of the two numbers, and the key slice between them."""
    (first, last), key, line = checked.row.slice_range, checked.row.key_slice, checked.line
    if first > last:
        findings.fault(Code.RANGE_ORDER, FILE_NAME, f"Slice_range is not sorted: {first} stands before {last}", line)
    if min(first, last) < 1:
        findings.fault(Code.RANGE_ORDER, FILE_NAME, "Slice_range begins before slice 1", line)
    if not min(first, last) <= key <= max(first, last):
        findings.fault(
            Code.RANGE_KEY_SLICE, FILE_NAME, f"Slice_range {first}, {last} does not hold the key slice {key}", line
        )


def check_blocks(name: SeriesName, rows: Sequence[CheckedRow], rule: RangeRule, findings: Findings) -> None:
    """Blocks of one series: apart from each other, within the series, and as the rule gives them (a note where not)."""
    blocks = sorted({block_of(checked) for checked in rows})
    lines = {block_of(checked): checked.line for checked in reversed(rows)}
    for one, other in pairwise(blocks):
        if other[0] <= one[1] + 1:
            findings.fault(
                Code.RANGE_BLOCKS,
                FILE_NAME,
                f"Slice_range {other[0]}, {other[1]} overlaps or touches {one[0]}, {one[1]} of the same series "
                f"(line {lines[one]}); such lesions carry one merged range",
                lines[other],
            )
    slices = (rule.slices or {}).get(name)
    for block in blocks:
        if slices is not None and block[1] > slices:
            words = f"Slice_range {block[0]}, {block[1]} reaches beyond the series' {slices} slices"
            findings.fault(Code.RANGE_ORDER, FILE_NAME, words, lines[block])
    options = [rule.windows(name, checked) for checked in rows]
    shortest = merge(windows[0] for windows in options)
    longest = merge(windows[-1] for windows in options)
    for checked in rows:
        found = block_of(checked)
        ends_series = found == blocks[-1] and (slices is None or found[1] == slices)
        if not any(_obeys(found, checked, expected, ends_series) for expected in (shortest, longest)):
            first, last = next(block for block in longest if block[0] <= checked.row.key_slice <= block[1])
            words = f"is not what the rule gives for {rule.context_mm:g} mm: {first}, {last}"
            findings.note(Code.RANGE_RULE, FILE_NAME, f"Slice_range {found[0]}, {found[1]} {words}", checked.line)


def _obeys(found: Block, checked: CheckedRow, expected: Sequence[Block], ends_series: bool) -> bool:
    first, last = next(block for block in expected if block[0] <= checked.row.key_slice <= block[1])
    return found[0] == first and (found[1] == last or (ends_series and found[1] < last))
