"""What viewers draw with lines that is no measured lesion: perpendiculars, cross-hairs, markers of points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from miner.bookmarks.geometry import Grid
from miner.bookmarks.recognition.angles import Refused
from miner.bookmarks.recognition.segments import (
    MEETS,
    Segment,
    crossing_of,
    touches,
    upright,
)
from miner.errors import Reason
from miner.records import Mark, Shape

CORNER_RATIO = 0.5
"""A corner mark is at most this part of the shorter of its two lines."""

SPAN = 0.75
"""Part of the image's width or height that both lines of a cross-hair span."""

MARKER_PIXELS = 40.0
"""A point's marker is drawn as a cross of a fixed size."""

EXACT_PIXELS, EXACT_RATIO, EXACT_ANGLE = 0.1, 0.99, 89.5
"""Two arms of equal length that cross in their very middles at a right angle: drawn by a program, by no hand."""


def refuse_perpendiculars(lines: Sequence[Segment], corners: Iterable[Mark]) -> tuple[Refused, list[Mark]]:
    """T-shaped perpendicular tools with their small corner mark (Weasis); also the corner marks themselves."""
    gone: Refused = []
    used: list[Mark] = []
    ranks: set[int] = set()
    for corner in (mark for mark in corners if mark.shape is Shape.POLYLINE and len(mark.points) == 3):
        first, _, last = corner.points
        on_first, on_last = ([line for line in lines if touches(point, line)] for point in (first, last))
        for a, b in ((a, b) for a in on_first for b in on_last if a.rank != b.rank and not {a.rank, b.rank} & ranks):
            small = math.dist(first, last) <= CORNER_RATIO * min(a.pixels, b.pixels)
            if small and (_stands_on(a, b) or _stands_on(b, a)):
                ranks |= {a.rank, b.rank}
                gone += [(a, Reason.TOOL_NOT_A_LESION), (b, Reason.TOOL_NOT_A_LESION)]
                used.append(corner)
                break
    return gone, used


def _stands_on(foot: Segment, base: Segment) -> bool:
    """Whether ``foot`` ends on ``base`` (a T or an L), not crosses it."""
    met = crossing_of(foot, base)
    crosses = met is not None and min(met.first, 1 - met.first) * foot.pixels > 2 * MEETS
    return not crosses and any(touches(end, base) for end in foot.ends)


def refuse_cross_hairs(lines: Sequence[Segment], grid: Grid) -> Refused:
    """Two crossing unmeasured lines that span most of the image, one across and one down."""
    across = [line for line in lines if not line.confirmed and _spans(line, 0, grid.columns)]
    down = [line for line in lines if not line.confirmed and _spans(line, 1, grid.rows)]
    return [(line, Reason.TOOL_NOT_A_LESION) for line in (*across, *down)] if across and down else []


def _spans(line: Segment, axis: int, size: int) -> bool:
    (a, b), other = line.ends, 1 - axis
    return abs(a[axis] - b[axis]) >= SPAN * size and abs(a[other] - b[other]) <= 0.02 * abs(a[axis] - b[axis])


def refuse_markers(lines: Sequence[Segment]) -> Refused:
    """Small upright crosses of two exactly equal arms, drawn one after the other: markers of points."""
    ordered = sorted(lines, key=lambda line: line.rank)
    found = [line for a, b in pairwise(ordered) if _is_marker(a, b) for line in (a, b)]
    return [(line, Reason.SINGLE_POINT) for line in lines if line in found]


def _is_marker(a: Segment, b: Segment) -> bool:
    longer, shorter = max(a.pixels, b.pixels), min(a.pixels, b.pixels)
    if longer > MARKER_PIXELS or shorter < EXACT_RATIO * longer or a.texts or b.texts or (a.is_cut and b.is_cut):
        return False  # of whole pixels small lesions are as exact
    return math.dist(a.middle, b.middle) <= EXACT_PIXELS and upright(a, b) >= EXACT_ANGLE
