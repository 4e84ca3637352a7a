"""Arrows drawn as simple graphics: a line and a head (Agfa IMPAX, and writers that explode their compound arrows).

A head is a polyline of three points whose middle vertex, or a triangle one of whose vertices, lies on one end of the
line; its arms run back along the line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from miner.bookmarks.geometry import angle_between
from miner.bookmarks.recognition.segments import Segment
from miner.records import Mark, Point, Shape

APEX_AT_END = 3.0
"""Pixels between the head's apex and the end of the line."""

MAX_ARM = 0.75
"""A head's arm is at most this part of the shaft: else it is an angle or a contour that touches a line …"""

MAX_ARM_PIXELS = 40.0
"""… and never larger than this: arrow heads are drawn in a fixed size."""

MAX_OPENING = 60.0
"""Degrees between an arm and the shaft."""

ARM_BALANCE = 1.5
"""Longer arm over shorter arm, at most."""


@dataclass(frozen=True, slots=True)
class ShaftAndHead:
    """One arrow: the end of ``shaft`` that is the tip, and the mark of its head."""

    shaft: Segment
    head: Mark
    tip: Point
    tail: Point


def find_arrows(lines: Sequence[Segment], outlines: Iterable[Mark]) -> list[ShaftAndHead]:
    """Arrows among lines and small outlines. Each line and outline is part of one arrow at most; best fit first."""
    heads = [mark for mark in outlines if len(mark.points) == 3 and mark.shape in (Shape.POLYLINE, Shape.POLYGON)]
    fits: list[tuple[float, int, int, ShaftAndHead]] = []
    for head in heads:
        for line in lines:
            fit = _fit(line, head)
            if fit is not None:
                fits.append((fit[0], line.rank, head.order, fit[1]))
    arrows: list[ShaftAndHead] = []
    used_lines: set[int] = set()
    used_heads: set[int] = set()
    for _, rank, order, arrow in sorted(fits, key=lambda fit: fit[:3]):
        if rank not in used_lines and order not in used_heads:
            used_lines.add(rank)
            used_heads.add(order)
            arrows.append(arrow)
    return sorted(arrows, key=lambda arrow: arrow.shaft.rank)


def _fit(line: Segment, head: Mark) -> tuple[float, ShaftAndHead] | None:
    """How far the head's apex is from the line's end, and the arrow; None where they are none."""
    first, middle, last = head.points
    apexes = [(middle, (first, last))]
    if head.shape is Shape.POLYGON:
        apexes += [(first, (middle, last)), (last, (first, middle))]
    best: tuple[float, ShaftAndHead] | None = None
    for tip, tail in (line.ends, line.ends[::-1]):
        for apex, wings in apexes:
            gap = math.dist(apex, tip)
            if gap <= APEX_AT_END and _runs_back(apex, wings, tip, tail) and (best is None or gap < best[0]):
                best = (gap, ShaftAndHead(line, head, tip, tail))
    return best


def _runs_back(apex: Point, wings: tuple[Point, Point], tip: Point, tail: Point) -> bool:
    """Whether both arms are short, alike, and lean back along the shaft, one on each side of it."""
    arms = [math.dist(apex, wing) for wing in wings]
    shaft = math.dist(tip, tail)
    if not min(arms) or max(arms) > min(MAX_ARM * shaft, MAX_ARM_PIXELS) or max(arms) > ARM_BALANCE * min(arms):
        return False
    ux, uy = tail[0] - tip[0], tail[1] - tip[1]
    along = [(wing[0] - apex[0]) * ux + (wing[1] - apex[1]) * uy for wing in wings]
    aside = [(wing[0] - apex[0]) * uy - (wing[1] - apex[1]) * ux for wing in wings]
    if min(along) <= 0 or aside[0] * aside[1] >= 0:
        return False
    return all(angle_between(apex, wing, tip, tail) <= MAX_OPENING for wing in wings)
