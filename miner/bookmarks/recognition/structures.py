"""What viewers draw with lines that is no measured lesion: angles, perpendiculars, ruler ticks, rulers, cross-hairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from miner.bookmarks.geometry import Grid
from miner.bookmarks.recognition.relabelling import make_angle
from miner.bookmarks.recognition.segments import (
    MEETS,
    Segment,
    angle_mm,
    crossing_of,
    ends_on,
    touch,
    touches,
    upright,
    without,
)
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import Mark, Shape, Unit

TICK_RATIO = 0.1
"""A line that touches a line ten times its length is a tick on it: official short axes start at 0.17."""

TICK_PIXELS = 2.0
"""A line shorter than this on another is a tick whatever its ratio: no viewer measures two pixels."""

FAMILY_PIXELS = 14.0
"""Ticks that come in families are drawn small, in a fixed size."""

FAMILY_RATIO = 0.35
"""A single tick is at most this part of its ruler …"""

MID_TICK_PIXELS = 5.0
"""… or so small, where it stands on the middle of a very short line."""

FAMILY_SPREAD = 1.15
"""Longest over shortest tick of one family, half a pixel aside."""

PARALLEL = 5.0
UPRIGHT = 80.0
"""Degrees: ticks are parallel within 5 and stand on their ruler within 10 of the perpendicular."""

AT_END = 0.06
"""Part of a ruler's length from its end within which an end tick stands."""

CORNER_RATIO = 0.5
"""A corner mark is at most this part of the shorter of its two lines."""

SPAN = 0.75
"""Part of the image's width or height that both lines of a cross-hair span."""

EDGE = 0.12
"""Part of the image's width or height: a scale's ruler lies this near an edge."""

RULER_TICKS = 3

Refused = list[tuple[Segment, Reason]]


def refuse_angles(lines: Sequence[Segment]) -> Refused:
    """Sides of angles: lines whose text gives an angle, the line that makes this angle with one, and what joins them.

    A Cobb angle's sides need not meet; helper lines end on them, hence the walk from line to line.
    """
    sides = [line for line in lines if line.is_angle]
    found = {line.rank for line in sides}
    for side in list(sides):
        other = _other_side(side, [line for line in lines if line.rank not in found])
        if other is not None:
            found.add(other.rank)
            sides.append(other)
    while sides:
        side = sides.pop()
        for line in lines:
            beside = line.rank not in found and line.mark.item == side.mark.item and not line.confirmed
            if beside and ends_on(side, line):
                found.add(line.rank)
                sides.append(line)
    return [(line, Reason.ANGLE_TOOL) for line in lines if line.rank in found]


def _other_side(side: Segment, lines: Sequence[Segment]) -> Segment | None:
    """The unmeasured line of the same item that makes the angle which the text gives; of several the next drawn."""
    given = [text for text in side.texts if text.unit is Unit.DEGREE]
    fitting = [
        line
        for line in lines
        if line.mark.item == side.mark.item
        and not line.confirmed
        and any(make_angle(side, line, text) for text in given)
    ]
    return min(fitting, key=lambda line: (abs(line.rank - side.rank), line.rank), default=None)


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


def refuse_ticks(lines: Sequence[Segment], grid: Grid) -> Refused:
    """Ruler ticks, and rulers that only show a scale: at the edge of the image, with ticks and no text."""
    ticks: dict[int, Segment] = {}
    scales: Refused = []
    for ruler in sorted(lines, key=lambda line: -line.pixels):
        if ruler.rank in ticks:
            continue
        own = _ticks_of(ruler, without(lines, ticks.values()), alone=_is_alone(ruler, lines))
        ticks.update({tick.rank: tick for tick in own})
        if len(own) >= RULER_TICKS and not ruler.lengths and _at_edge(ruler, grid):
            scales.append((ruler, Reason.TOOL_NOT_A_LESION))
    return [*scales, *((tick, Reason.RULER_TICK) for tick in ticks.values())]


def _ticks_of(ruler: Segment, lines: Sequence[Segment], *, alone: bool) -> list[Segment]:
    standing = [
        line
        for line in lines
        if line.rank != ruler.rank
        and line.pixels < ruler.pixels
        and not line.confirmed
        and upright(line, ruler) >= UPRIGHT
        and touch(line, ruler)
    ]
    tiny = [line for line in standing if line.mm < TICK_RATIO * ruler.mm or line.pixels < TICK_PIXELS]
    small = [line for line in standing if line.pixels <= FAMILY_PIXELS]
    families = [
        tick
        for tick in small
        if _has_family(tick, small, ruler)
        or (alone and tick.mark.layer == ruler.mark.layer and _is_own_tick(tick, ruler))
    ]
    return [line for line in standing if line in tiny or line in families]


def _has_family(tick: Segment, small: Sequence[Segment], ruler: Segment) -> bool:
    """Three or more alike, or two alike at the two ends."""
    alike = [other for other in small if _alike(tick, other)]
    if len(alike) >= RULER_TICKS:
        return True
    ends = {round(where) for other in alike if (where := _where(other, ruler)) is not None and _is_end(where)}
    where = _where(tick, ruler)
    return where is not None and _is_end(where) and len(ends) == 2


def _is_own_tick(tick: Segment, ruler: Segment) -> bool:
    """Much smaller than the line it is drawn with; or tiny, on the very middle of a line that is hardly larger."""
    if tick.pixels <= FAMILY_RATIO * ruler.pixels:
        return True
    met = crossing_of(ruler, tick)
    return tick.pixels <= MID_TICK_PIXELS and met is not None and met.margin >= 0.5 - AT_END


def _alike(a: Segment, b: Segment) -> bool:
    longer, shorter = max(a.pixels, b.pixels), min(a.pixels, b.pixels)
    return angle_mm(a, b) <= PARALLEL and longer <= FAMILY_SPREAD * shorter + 0.5


def _is_alone(ruler: Segment, lines: Sequence[Segment]) -> bool:
    """Whether the producer draws one annotation a layer and names its tool (Agfa IMPAX): small lines on it are ticks.

    There a distance has its text, a plain line none. Other long lines in the layer show that layers mean other things.
    """
    tool = ruler.mark.tool
    named = tool == Tool.LINE or (tool == Tool.DISTANCE and bool(ruler.lengths))
    others = [line for line in lines if line.mark.layer == ruler.mark.layer and line.rank != ruler.rank]
    return named and all(line.pixels <= FAMILY_PIXELS for line in others)


def _where(tick: Segment, ruler: Segment) -> float | None:
    """Where on the ruler a tick stands: 0 and 1 are its ends."""
    met = crossing_of(ruler, tick)
    return None if met is None else met.first


def _is_end(where: float) -> bool:
    return min(abs(where), abs(1 - where)) <= AT_END


def _at_edge(ruler: Segment, grid: Grid) -> bool:
    xs, ys = [x for x, _ in ruler.ends], [y for _, y in ruler.ends]
    return (
        max(xs) <= EDGE * grid.columns
        or min(xs) >= (1 - EDGE) * grid.columns
        or max(ys) <= EDGE * grid.rows
        or min(ys) >= (1 - EDGE) * grid.rows
    )
