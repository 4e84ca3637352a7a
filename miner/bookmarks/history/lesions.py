"""When two measurements on one image are of one lesion, and how measurements are grouped into lesions.

Three rules, each for two measurements of one kind on one image; coordinates in pixels, pixel centres frame:

- *The same lesion*: their boxes, grown by 5 px on each side as in DeepLesion, overlap by more than 60 % (intersection
  over union; Yan 2018, doi:10.1117/1.JMI.5.3.036501). Lines must also have their ends, arrows their tips, close by.
- *The same by name*: both carry one Tracking Unique Identifier (PS3.16 TID 1501), wherever they were drawn.
- *A correction* (:func:`may_be_correction`): looser, and to be asked only where one measurement ends and the other
  begins in the same succession of states, since two neighbouring lesions would pass it as well.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Protocol

from miner.bookmarks.geometry import Box, box_of, overlap
from miner.records import Kind, Point

BOX_MARGIN = 5.0
SAME_LESION = 0.60

END_SHIFT = 0.3
"""Part of a line's length by which its ends may have moved: two crossing lines have equal boxes and are not one."""

TIP_SHIFT = 5.0
"""Pixels by which an arrow's tip may have moved."""

CORRECTED = 0.2
"""Least overlap of the grown boxes of a measurement and its correction: an axis may have doubled or halved about its
centre, no more. Two equal lesions that touch side by side reach 0.2 too, hence the centre rule beside it."""

CORRECTED_END = 0.6
"""Part of the longer line by which one end may move in a correction while the other keeps to :data:`END_SHIFT`: one end
is dragged, the other left. A line at right angles to the older one, its short axis drawn later, moves both."""

CORRECTED_TIP = 2 * TIP_SHIFT
"""Pixels by which an arrow's tip may move in a correction: what it points at has no size, so little."""


class Measured(Protocol):
    """What makes a measurement comparable with another one on the same image."""

    @property
    def kind(self) -> Kind:
        """Of bookmark."""

    @property
    def points(self) -> tuple[Point, ...]:
        """In the pixel centres frame."""


def geometry_of(measured: Measured) -> tuple[tuple[int, int], ...]:
    """Its points in thousandths of a pixel, in an order that has no meaning: equal where the uid of two is one.

    The ends of a line or an axis, and the two axes, may be swapped; an arrow's and a polygon's points may not.
    """
    points = [(round(x * 1000), round(y * 1000)) for x, y in measured.points]
    if measured.kind in (Kind.ARROW, Kind.POLYGON):
        return tuple(points)
    axes = sorted(sorted(points[start : start + 2]) for start in range(0, len(points), 2))
    return tuple(end for axis in axes for end in axis)


def one_lesion(a: Measured, b: Measured) -> bool:
    """Whether two bookmarks of one kind on one image measure one lesion."""
    if box_overlap(a, b) <= SAME_LESION:
        return False
    if a.kind is Kind.ARROW:
        return math.dist(a.points[0], b.points[0]) <= TIP_SHIFT
    if a.kind is Kind.LINE:
        near, far = _end_shifts(a, b)
        return max(near, far) <= END_SHIFT
    return True


def may_be_correction(older: Measured, newer: Measured) -> bool:
    """Whether the newer of two bookmarks of one kind on one image may be the older one, drawn better."""
    if older.kind is Kind.ARROW:
        return math.dist(older.points[0], newer.points[0]) <= CORRECTED_TIP
    if older.kind is Kind.LINE:
        near, far = sorted(_end_shifts(older, newer))
        return near <= END_SHIFT and far <= CORRECTED_END
    a, b = box_of(older.points), box_of(newer.points)
    return box_overlap(older, newer) >= CORRECTED and (_holds(a, _centre(b)) or _holds(b, _centre(a)))


def box_overlap(a: Measured, b: Measured) -> float:
    """Intersection over union of the two boxes, grown by 5 px on each side."""
    return overlap(box_of(a.points, BOX_MARGIN), box_of(b.points, BOX_MARGIN))


def aligned(points: Sequence[Point], to: Sequence[Point], *, arrow: bool = False) -> tuple[Point, ...]:
    """The same axes with ends (and, of near equal axes, axes) in the order that lies nearest to ``to``."""
    if arrow or len(points) not in (2, 4):
        return tuple(points)
    axes = [tuple(points[i : i + 2]) for i in range(0, len(points), 2)]
    orders = [axes] if len(axes) == 1 else [axes, axes[::-1]]
    ways = [
        tuple(point for axis, turned in zip(order, turns, strict=True) for point in (axis[::-1] if turned else axis))
        for order in orders
        for turns in product((False, True), repeat=len(axes))
    ]
    return min(ways, key=lambda way: math.fsum(math.dist(p, q) for p, q in zip(way, to, strict=True)))


def neighbours(measured: Sequence[Measured]) -> Iterator[tuple[int, int]]:
    """All pairs (lower number, higher number) whose grown boxes touch: no rule of place makes others one.

    A sweep from left to right, so that thousands of scattered marks do not cost millions of comparisons.
    """
    boxes = [box_of(entry.points, BOX_MARGIN) for entry in measured]
    order = sorted(range(len(boxes)), key=lambda number: boxes[number][0])
    for place, a in enumerate(order):
        for b in order[place + 1 :]:
            if boxes[b][0] > boxes[a][2]:
                break
            if boxes[b][1] <= boxes[a][3] and boxes[a][1] <= boxes[b][3]:
                yield min(a, b), max(a, b)


class LesionGroups:
    """Measurements, by number, grouped into lesions link by link; never two from one object in one lesion.

    Whoever drew two measurements in one object saw two lesions: a link that would make them one is not taken, and the
    measurement stays a lesion of its own. So the best links come first.
    """

    def __init__(self, sources: Sequence[Mapping[str, Collection[str]]]) -> None:
        """``sources``: of each, the objects that it and its history were read from, and what they measure in each.

        Two that have one object in common are told apart by it, unless they are the same measurement there.
        """
        self._of = list(range(len(sources)))
        self._members = {number: [number] for number in self._of}
        self._sources = {
            number: {name: set(measured) for name, measured in held.items()} for number, held in enumerate(sources)
        }

    def join(self, a: int, b: int) -> bool:
        """Make the lesions of two measurements one, if that may be; returns whether they now are."""
        kept, gone = sorted((self._of[a], self._of[b]))
        if kept == gone:
            return True
        known, added = self._sources[kept], self._sources[gone]
        if any(known[name].isdisjoint(added[name]) for name in known.keys() & added.keys()):
            return False
        for name, measured in self._sources.pop(gone).items():
            known.setdefault(name, set()).update(measured)
        for member in self._members[gone]:
            self._of[member] = kept
        self._members[kept] += self._members.pop(gone)
        return True

    def group_of(self, number: int) -> int:
        """A number that all measurements of one lesion share."""
        return self._of[number]

    def groups(self) -> list[list[int]]:
        """The members of each lesion, ascending, in the order of their first."""
        return [sorted(self._members[number]) for number in sorted(self._members)]


def _end_shifts(a: Measured, b: Measured) -> tuple[float, float]:
    """By how much the two ends of one line lie from those of the other, as parts of the longer one's length."""
    turned = aligned(b.points, a.points)
    longest = max(math.dist(*a.points), math.dist(*b.points))
    if longest == 0:
        return (0.0, 0.0) if a.points == b.points else (math.inf, math.inf)
    return math.dist(a.points[0], turned[0]) / longest, math.dist(a.points[1], turned[1]) / longest


def _centre(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _holds(box: Box, point: Point) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
