"""What a row of DL_info.csv says of its own coordinates: box and diameters recomputed, axes compared.

Coordinates in the file have six significant digits, so a recomputed number may be off by what those digits hide: half
a step of each number that goes into it (measured on the 1,686 first official rows: boxes off by at most 0.46 of the sum
of both steps, diameters by at most 1.2 steps of the largest coordinate).
"""

from __future__ import annotations

from collections.abc import Sequence

from miner.dataset.checking.cells import CheckedRow
from miner.dataset.checking.findings import Code, Findings
from miner.dataset.dl_info import FILE_NAME
from miner.dataset.geometry import BOX_MARGIN, axes_of, box_of, diameters_of, last_digit, written

SIDES = ("left", "top", "right", "bottom")
_SLACK = 1.001
AXIS_SLACK = 1.001
"""Axes of equal length may change order within what six digits hide (11 of 1,686 official rows)."""


def check_measures(checked: CheckedRow, findings: Findings) -> None:
    """Hold box and diameters against the coordinates, and the order of the axes against millimetres."""
    row, line = checked.row, checked.line
    words = box_words(row.coordinates, row.box, row.size)
    if words:
        findings.fault(Code.BOX, FILE_NAME, f"Bounding_boxes {words}", line)
    words = diameter_words(row.coordinates, row.diameters, row.spacing)
    if words:
        findings.fault(Code.DIAMETERS, FILE_NAME, f"Lesion_diameters_Pixel_ {words}", line)
    long, short = axes_of(row.coordinates, row.spacing)
    if short > long * AXIS_SLACK:
        findings.note(
            Code.AXIS_ORDER,
            FILE_NAME,
            f"the first axis is the shorter one: {written(long)} mm against {written(short)} mm",
            line,
        )


def box_words(coordinates: Sequence[float], box: Sequence[float], size: Sequence[int]) -> str:
    """What is wrong with a box, empty where it is right."""
    expected = box_of(coordinates)
    off = [found - right for found, right in zip(box, expected, strict=True)]
    slack = [
        _SLACK * (last_digit(right) + last_digit(right + margin)) / 2
        for right, margin in zip(expected, (BOX_MARGIN, BOX_MARGIN, -BOX_MARGIN, -BOX_MARGIN), strict=True)
    ]
    wrong = [abs(value) > allowed for value, allowed in zip(off, slack, strict=True)]
    if not any(wrong):
        return ""
    if abs(off[0] - off[2]) <= slack[0] + slack[2] and abs(off[1] - off[3]) <= slack[1] + slack[3]:
        return _shift_words(off[0], off[1])
    if all(not bad or _on_edge(box[side], size[side % 2], side) for side, bad in enumerate(wrong)):
        return "is clipped to the image; DeepLesion's boxes are not"
    margins = [-off[0], -off[1], off[2], off[3]]
    if max(margins) - min(margins) <= 4 * max(slack):
        return f"lies {written(round(BOX_MARGIN + margins[0], 3))} px around the end points instead of 5"
    side = wrong.index(True)
    return f"is wrong: {SIDES[side]} is {written(box[side])}, the coordinates give {written(expected[side])}"


def _shift_words(x: float, y: float) -> str:
    words = f"is shifted by {round(x, 2):g}, {round(y, 2):g} px against the coordinates"
    shifts = {round(abs(x), 2), round(abs(y), 2)} - {0.0}
    if shifts == {0.5}:
        return f"{words}: half a pixel, so one of the two is in a frame of pixel corners, the other of pixel centres"
    if shifts == {1.0}:
        return f"{words}: one pixel, so one of the two counts from 0, the other from 1"
    return words


def _on_edge(value: float, length: int, side: int) -> bool:
    return value in (0, 0.5, 1) if side < 2 else value in (length - 1, length, length + 0.5)


def diameter_words(coordinates: Sequence[float], diameters: Sequence[float], spacing: Sequence[float]) -> str:
    """What is wrong with the diameters, empty where they are right."""
    expected = diameters_of(coordinates)
    if _same_lengths(coordinates, diameters, expected):
        return ""
    if _same_lengths(coordinates, diameters, expected[::-1]):
        return "gives the short axis first"
    if _same_lengths(coordinates, diameters, axes_of(coordinates, spacing)):
        return "is in millimetres; DeepLesion's is in pixels"
    return (
        f"is wrong: {written(diameters[0])}, {written(diameters[1])}; "
        f"the coordinates give {written(expected[0])}, {written(expected[1])}"
    )


def _same_lengths(coordinates: Sequence[float], found: Sequence[float], expected: Sequence[float]) -> bool:
    hidden = 1.5 * max(last_digit(value) for value in coordinates)
    return all(
        abs(one - other) <= _SLACK * (hidden + last_digit(other) / 2)
        for one, other in zip(found, expected, strict=True)
    )
