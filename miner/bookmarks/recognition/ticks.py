"""Ruler ticks, and rulers that only show a scale.

Ticks are drawn small, in a fixed size, upright on their ruler: by their middles on its two ends, in its middle, or in a
row along it. Near a ruler of a few pixels they are as long as itself, and then a text beside it may stand nearer to a
tick than to the ruler, and even agree with the tick's length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from miner.bookmarks.geometry import Grid
from miner.bookmarks.recognition.angles import Refused
from miner.bookmarks.recognition.segments import Segment, angle_mm, crossing_of, touch, upright, without
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import Point

TICK_RATIO = 0.1
"""A line that touches a line ten times its length is a tick on it: official short axes start at 0.17."""

TICK_PIXELS = 2.0
"""A line shorter than this on another is a tick whatever its ratio: no viewer measures two pixels."""

FAMILY_PIXELS = 14.0
"""Ticks that come in families are drawn small, in a fixed size."""

FAMILY_SPREAD = 1.15
"""Longest over shortest tick of one size, half a pixel aside."""

ROW_SPREAD, ROW_LENGTH, ROW_PIXELS = 2.5, 0.5, 30.0
"""Longest over shortest tick of a row of major and minor ticks; the part of its ruler that such a row covers; and the
largest of them."""

RULER_TICKS = 3
"""Ticks that make a row."""

PARALLEL, UPRIGHT = 5.0, 80.0
"""Degrees: ticks are parallel within 5 and stand on their ruler within 10 of the perpendicular, rounding aside."""

ROUNDING = 1.0
"""Pixels by which the ends of a tick lie askew where its writer cuts coordinates to integers."""

ON_END, ON_END_CUT, ON_END_PART = 1.0, 1.5, 0.25
"""Pixels between a tick's middle and the end, or the middle, of its ruler, and cut to integers; no more than such a
part of the ruler."""

MID_TICK_PIXELS, MID_TICK_RATIO = 6.5, 0.3
"""A mark of the middle: so short, and so much shorter than its line. None of 840 official rows looks so."""

OWN_RATIO, OWN_PIXELS = 0.35, 5.0
"""Where a layer holds one annotation, a tick is at most this part of its ruler, or so small on its very middle."""

AT_END = 0.06
"""Part of a ruler's length from its end within which an end tick stands."""

EDGE = 0.12
"""Part of the image's width or height: a scale's ruler lies this near an edge."""

MAX_TWINS = 16
"""Small lines on one end among which a tick is looked for: a heap of lines is no ruler."""


def end_ticks(lines: Sequence[Segment]) -> dict[int, Segment]:
    """Rank of a tick → its ruler: two alike, by their middles on both ends of a line of the same item and layer.

    No lesion is measured so, whatever the sizes.
    """
    small: dict[tuple[int, int], list[Segment]] = {}
    for line in lines:
        if line.pixels <= FAMILY_PIXELS:
            small.setdefault((line.mark.item, line.mark.layer), []).append(line)
    found: dict[int, Segment] = {}
    for ruler in lines:
        near = [line for line in small.get((ruler.mark.item, ruler.mark.layer), []) if line.rank != ruler.rank]
        first, last = ([tick for tick in near if _stands_by_middle(tick, end, ruler)][:MAX_TWINS] for end in ruler.ends)
        for a, b in ((a, b) for a in first for b in last if a.rank != b.rank and _alike(a, b)):
            if ruler.rank not in found:
                found.setdefault(a.rank, ruler)
                found.setdefault(b.rank, ruler)
            break
    return found


def with_texts_of_ticks(lines: Sequence[Segment], ticks: Mapping[int, Segment]) -> list[Segment]:
    """The lines with each tick's texts given to its ruler."""
    gained: dict[int, list[Segment]] = {}
    for tick in (line for line in lines if line.rank in ticks and line.texts):
        gained.setdefault(ticks[tick.rank].rank, []).append(tick)
    moved: list[Segment] = []
    for line in lines:
        own = () if line.rank in ticks else line.texts
        more = [text for tick in gained.get(line.rank, []) for text in tick.texts]
        moved.append(line if (*own, *more) == line.texts else line.with_texts([*own, *more]))
    return moved


def refuse_ticks(lines: Sequence[Segment], at_ends: Mapping[int, Segment], grid: Grid) -> Refused:
    """Ruler ticks, and rulers that only show a scale: at the edge of the image, with ticks and no text.

    ``at_ends``: rank of a tick that stands on a ruler's end → the ruler (:func:`end_ticks`).
    """
    ticks = {line.rank: line for line in lines if line.rank in at_ends}
    rulers = {ruler.rank for ruler in at_ends.values()}
    scales: Refused = []
    for ruler in sorted(lines, key=lambda line: -line.pixels):
        if ruler.rank in ticks:
            continue
        ends = [line for line in lines if line.rank in at_ends and at_ends[line.rank].rank == ruler.rank]
        others = [line for line in without(lines, ticks.values()) if line.rank not in rulers]
        own = _ticks_of(ruler, others, ends, alone=_is_alone(ruler, lines))
        ticks.update({tick.rank: tick for tick in own})
        if len(own) + len(ends) >= RULER_TICKS and not ruler.lengths and _at_edge(ruler, grid):
            scales.append((ruler, Reason.TOOL_NOT_A_LESION))
    return [*scales, *((tick, Reason.RULER_TICK) for tick in ticks.values())]


def _ticks_of(ruler: Segment, lines: Sequence[Segment], ends: Sequence[Segment], *, alone: bool) -> list[Segment]:
    standing = [
        line
        for line in lines
        if line.rank != ruler.rank
        and line.pixels < ruler.pixels
        and not line.confirmed
        and _is_upright(line, ruler)
        and touch(line, ruler)
    ]
    tiny = [line for line in standing if line.mm < TICK_RATIO * ruler.mm or line.pixels < TICK_PIXELS]
    small = [line for line in standing if line.pixels <= FAMILY_PIXELS]
    families = [
        tick
        for tick in small
        if _has_family(tick, [*small, *ends], ruler)
        or (alone and tick.mark.layer == ruler.mark.layer and _is_own_tick(tick, ruler))
    ]
    larger = [line for line in standing if line.pixels <= ROW_PIXELS]
    rows = [tick for tick in larger if _is_in_row(tick, [*larger, *ends], ruler)]
    ranks = {line.rank for line in (*tiny, *families, *rows)}
    return [line for line in standing if line.rank in ranks]


def _has_family(tick: Segment, small: Sequence[Segment], ruler: Segment) -> bool:
    """One of three or more alike, or of two alike at the two ends; or a mid tick."""
    alike = [other for other in small if _alike(tick, other)]
    if len(alike) >= RULER_TICKS or _is_mid_tick(tick, ruler):
        return True
    ends = {round(where) for other in alike if (where := _where(other, ruler)) is not None and _is_end(where)}
    where = _where(tick, ruler)
    return where is not None and _is_end(where) and len(ends) == 2


def _is_in_row(tick: Segment, standing: Sequence[Segment], ruler: Segment) -> bool:
    """One of a row of parallel ticks, major and minor, along its ruler."""
    row = [other for other in standing if _are_parallel(tick, other) and _within(tick, other, ROW_SPREAD)]
    along = [where for other in row if (where := _where(other, ruler)) is not None]
    return len(along) >= RULER_TICKS and max(along) - min(along) >= ROW_LENGTH


def _is_mid_tick(tick: Segment, ruler: Segment) -> bool:
    small = tick.pixels <= min(MID_TICK_PIXELS, MID_TICK_RATIO * ruler.pixels)
    return small and math.dist(tick.middle, ruler.middle) <= _near(ruler)


def _is_own_tick(tick: Segment, ruler: Segment) -> bool:
    """Much smaller than the line it is drawn with; or tiny, on the very middle of a line that is hardly larger."""
    if tick.pixels <= OWN_RATIO * ruler.pixels:
        return True
    met = crossing_of(ruler, tick)
    return tick.pixels <= OWN_PIXELS and met is not None and met.margin >= 0.5 - AT_END


def _stands_by_middle(tick: Segment, at: Point, ruler: Segment) -> bool:
    return math.dist(tick.middle, at) <= _near(ruler) and _is_upright(tick, ruler)


def _near(ruler: Segment) -> float:
    return min(ON_END_CUT if ruler.is_cut else ON_END, ON_END_PART * ruler.pixels)


def _is_upright(tick: Segment, ruler: Segment) -> bool:
    return upright(tick, ruler) >= UPRIGHT - _askew(tick)


def _are_parallel(a: Segment, b: Segment) -> bool:
    return angle_mm(a, b) <= PARALLEL + max(_askew(a), _askew(b))


def _askew(tick: Segment) -> float:
    """Degrees by which cutting to integers may turn a line."""
    return math.degrees(math.atan2(ROUNDING, tick.pixels)) if tick.is_cut else 0.0


def _alike(a: Segment, b: Segment) -> bool:
    return _are_parallel(a, b) and _within(a, b, FAMILY_SPREAD)


def _within(a: Segment, b: Segment, spread: float) -> bool:
    slack = 0.5 + ROUNDING * a.is_cut
    return max(a.pixels, b.pixels) <= spread * min(a.pixels, b.pixels) + slack


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
