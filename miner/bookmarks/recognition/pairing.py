"""Which two lines are the long and the short axis of one lesion (RECIST, a bidimensional measurement).

Reports name the axes (:mod:`~miner.bookmarks.recognition.declared`). No writer is known to do so in a presentation
state: two lines that cross are the encoding. Each candidate pair is weighed by several kinds of evidence, each in
log-odds (natural logarithm of how many times likelier a pair looks so than two lines that met by chance); they add up,
and the logistic function of the sum is the pair's confidence. Then all lines that could be paired with each other are
matched as a whole: the set of pairs with the greatest sum is taken, so far as no other set comes close. A line between
two similar partners stays a single line, and says so.

The curves follow the first 1,686 official DeepLesion rows: angle 66° at the first per mille and 77° at the first per
cent; short over long 0.22 and 0.30; the crossing, as a part of either axis from its end, 0.09 and 0.22.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from miner.bookmarks.agreement import agrees
from miner.bookmarks.geometry import Crossing, box_of
from miner.bookmarks.recognition.matching import match
from miner.bookmarks.recognition.segments import Segment, angle_mm, crossing_of
from miner.bookmarks.tools import Tool

ACCEPTANCE = 0.5
"""Confidence from which a pair is accepted as an axis pair."""

PRIOR = -1.0
"""Two lines that come near each other are more often not a pair."""

Curve = tuple[tuple[float, float], ...]

ANGLE: Curve = ((50, -8), (60, -5), (65, -2.5), (75, 0.0), (82, 1.5), (90, 2.0))
"""Degrees in mm. At 65° only texts that agree make up for it."""

CROSSING: Curve = ((-0.3, -7), (0.0, -5.2), (0.05, -1), (0.12, 1), (0.25, 2))
"""How far inside both lines they cross, as a part of the line. A T or an L (0) is mostly another tool."""

T_PIXELS, T_PIXELS_CUT, T_MARGIN = 0.5, 1.5, 0.12
"""A line that ends so few pixels behind the other (more where coordinates are cut to integers), and within such a part
of itself, was drawn to end on it: a T."""

RATIO: Curve = ((0.05, -8), (0.1, -5), (0.17, -2), (0.25, 0.0), (0.35, 0.5))
"""Short over long, in mm. Below a tenth it is a tick."""

SPAN, SPANS_IMAGE = 0.75, -6.0
"""The long axis, unmeasured, spans such a part of the image's width or height."""

SIZE: Curve = ((1.0, -6), (2.0, -4), (3.0, -1), (4.0, 0.0))
"""Pixels of the short axis: two or three are a tick or a slip of the mouse."""

TEXTS_AGREE = 2.0
"""Two texts give the two lengths: both lines are measurements, no decoration."""

TEXT_GIVES_BOTH = 3.5
"""The texts of one line give both lengths (``L × W``): hardly anything but a pair is written so."""

TEXTS_HALF = -1.0
"""Both lines have texts, one of the two lengths is not among them."""

TEXTS_DIFFER = -1.5
"""Neither length is among the texts."""

OWN_GROUP = 1.0
"""An item, or else a layer, holds these two lines and no third, and others stand elsewhere."""

ADJACENT, APART = 0.5, -0.5
"""Drawn one after the other; with two or more lines between that may be axes."""

SAME_NAMED_TOOL, OTHER_TOOL = 2.0, -1.0
"""The producer names a bidirectional tool; it names two different tools."""

SAME_GROUP = 1.0
"""A report puts these two lines, and no third, into one measurement."""

NAMED_AXES = 7.0
"""The object says which line is the long and which the short axis: geometry can then only speak against it. Lines that
make less than 57°, or that lie apart and askew, fall below :data:`ACCEPTANCE`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against a pair, in log-odds."""

    angle: float
    crossing: float
    ratio: float
    size: float
    texts: float
    group: float = 0.0
    order: float = 0.0
    tools: float = 0.0
    axes: float = 0.0

    @property
    def total(self) -> float:
        """The sum, with the prior."""
        geometry = self.angle + self.crossing + self.ratio + self.size
        return PRIOR + geometry + self.texts + self.group + self.order + self.tools + self.axes

    @property
    def confidence(self) -> float:
        """0..1; evidence, not a calibrated probability."""
        return 1 / (1 + math.exp(-self.total))


@dataclass(frozen=True, slots=True)
class Pair:
    """An accepted pair, long axis (in mm) first."""

    long: Segment
    short: Segment
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Pairing:
    """Accepted pairs, and the ranks of lines that stayed single because of another partner as good."""

    pairs: tuple[Pair, ...]
    contested: frozenset[int]


def pair_axes(lines: Sequence[Segment]) -> Pairing:
    """Match the lines of one image. The order of the sequence and of end points does not matter; drawing order does."""
    candidates = {(pair.long.rank, pair.short.rank): pair for pair in _candidates(lines)}
    matching = match({key: pair.evidence.total for key, pair in candidates.items()})
    accepted = sorted((candidates[key] for key in matching.certain), key=lambda pair: pair.long.rank)
    return Pairing(tuple(accepted), matching.doubtful)


def weigh(a: Segment, b: Segment, lines: Sequence[Segment]) -> Evidence | None:
    """The evidence that two lines are one lesion's axes; ``lines``: all of the image. None where they are parallel."""
    return _weigh(a, b, _groups(lines))


def named_pair(a: Segment, b: Segment) -> Pair:
    """The pair of two lines that their object names as its axes, wherever they lie."""
    met = crossing_of(a, b)
    long, short = (a, b) if a.mm >= b.mm else (b, a)
    evidence = Evidence(
        angle=min(0.0, _read(ANGLE, angle_mm(a, b))),
        crossing=min(0.0, _read(CROSSING, met.margin if met else -math.inf)),
        ratio=min(0.0, _read(RATIO, short.mm / long.mm)),
        size=_read(SIZE, short.pixels),
        texts=_weigh_texts(long, short),
        axes=NAMED_AXES,
    )
    return Pair(long, short, evidence)


def _candidates(lines: Sequence[Segment]) -> Iterator[Pair]:
    groups = _groups(lines)
    needed = math.log(ACCEPTANCE / (1 - ACCEPTANCE))
    boxes = {line.rank: box_of(line.ends, margin=line.pixels / 4) for line in lines}
    for a, b in combinations(sorted(lines, key=lambda line: line.rank), 2):
        left, right = boxes[a.rank], boxes[b.rank]
        apart = left[0] > right[2] or right[0] > left[2] or left[1] > right[3] or right[1] > left[3]
        evidence = None if apart else _weigh(a, b, groups)
        if evidence is not None and evidence.total >= needed:
            long, short = (a, b) if a.mm >= b.mm else (b, a)
            yield Pair(long, short, evidence)


@dataclass(frozen=True, slots=True)
class _Groups:
    """How many lines of the image stand in each item, layer and measurement group; rank of a line → its place."""

    items: Counter[int]
    layers: Counter[int]
    groups: Counter[int | None]
    places: Mapping[int, int]


def _groups(lines: Sequence[Segment]) -> _Groups:
    marks = [line.mark for line in lines]
    # ticks, arrows and angles are gone: what was drawn between two lines is counted in lines that may be axes
    places = {rank: place for place, rank in enumerate(sorted(line.rank for line in lines))}
    items, layers = Counter(mark.item for mark in marks), Counter(mark.layer for mark in marks)
    return _Groups(items, layers, Counter(mark.group for mark in marks), places)


def _weigh(a: Segment, b: Segment, groups: _Groups) -> Evidence | None:
    met = crossing_of(a, b)
    if met is None or not _may_pair(a, b):
        return None
    long, short = (a, b) if a.mm >= b.mm else (b, a)
    return Evidence(
        angle=_read(ANGLE, angle_mm(a, b)),
        crossing=_read(CROSSING, 0.0 if _is_t(met, a, b) else met.margin),
        ratio=_read(RATIO, short.mm / long.mm),
        size=_read(SIZE, short.pixels) + _weigh_span(long),
        texts=_weigh_texts(long, short),
        group=_weigh_group(a, b, groups),
        order=_weigh_order(a, b, groups),
        tools=_weigh_tools(a, b),
        axes=NAMED_AXES if a.axis is not None and b.axis is not None else 0.0,
    )


def _may_pair(a: Segment, b: Segment) -> bool:
    if a.axis is not None and a.axis is b.axis:
        return False
    return not (a.is_angle or b.is_angle)


def _is_t(met: Crossing, a: Segment, b: Segment) -> bool:
    stubs = ((min(met.first, 1 - met.first), a.pixels), (min(met.second, 1 - met.second), b.pixels))
    least = T_PIXELS_CUT if a.is_cut and b.is_cut else T_PIXELS
    return met.margin >= 0 and any(part < T_MARGIN and part * pixels < least for part, pixels in stubs)


def _weigh_span(long: Segment) -> float:
    """A line across the whole image measures the patient, a leg or nothing; the largest official axis is a third."""
    spans = long.pixels >= SPAN * min(long.grid.columns, long.grid.rows)
    return SPANS_IMAGE if spans and not long.confirmed else 0.0


def _weigh_texts(long: Segment, short: Segment) -> float:
    """Texts are pooled: near a crossing the nearest line may be the wrong one, and ``L × W`` stands beside one."""
    pooled = (*long.lengths, *short.lengths)
    if not pooled:
        return 0.0
    if any(both_lengths(line.lengths, long.mm, short.mm) for line in (long, short)):
        return TEXT_GIVES_BOTH
    if both_lengths(pooled, long.mm, short.mm):
        return TEXTS_AGREE
    one = any(agrees(text, long.mm) or agrees(text, short.mm) for text in pooled)
    if not one:
        return TEXTS_DIFFER
    return TEXTS_HALF if long.lengths and short.lengths else 0.0


def both_lengths(texts: Sequence[float], long_mm: float, short_mm: float) -> bool:
    """Whether one text gives the one length and another text the other."""
    long = [index for index, text in enumerate(texts) if agrees(text, long_mm)]
    short = [index for index, text in enumerate(texts) if agrees(text, short_mm)]
    return bool(long and short) and len({*long, *short}) > 1


def _weigh_group(a: Segment, b: Segment, groups: _Groups) -> float:
    if a.mark.group is not None and a.mark.group == b.mark.group:
        return SAME_GROUP if groups.groups[a.mark.group] == 2 else 0.0
    in_item = a.mark.item == b.mark.item and groups.items[a.mark.item] == 2 and len(groups.items) > 1
    in_layer = a.mark.layer == b.mark.layer and groups.layers[a.mark.layer] == 2 and len(groups.layers) > 1
    return OWN_GROUP if in_item or in_layer else 0.0


def _weigh_order(a: Segment, b: Segment, groups: _Groups) -> float:
    between = abs(groups.places[a.rank] - groups.places[b.rank]) - 1
    return ADJACENT if between == 0 else 0.0 if between == 1 else APART


def _weigh_tools(a: Segment, b: Segment) -> float:
    if a.mark.tool != b.mark.tool:
        return OTHER_TOOL
    return SAME_NAMED_TOOL if a.mark.tool == Tool.BIDIRECTIONAL else 0.0


def _read(curve: Curve, x: float) -> float:
    """The curve's value at x: straight between its points, level outside of them."""
    if x <= curve[0][0]:
        return curve[0][1]
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return curve[-1][1]
