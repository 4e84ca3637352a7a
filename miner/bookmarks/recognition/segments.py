"""Straight lines of one image, measured: what pairing, arrows and rulers are found among."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from miner.bookmarks.agreement import any_agrees, has_angle, lengths_mm
from miner.bookmarks.geometry import Crossing, Grid, angle_between, crossing, distance_to_segment
from miner.records import Axis, Mark, Measurement, Point

MAX_LINES = 300
"""Lines of one image among which structure is looked for. Beyond, it is no measured image: all stay single."""

SAME_SPOT = 2
"""Decimals of a pixel to which the ends of a line drawn twice agree."""

MAX_TEXTS = 16
"""Measurements of one line that are looked at: a viewer writes one to five."""

LEFT_BY_CUTTING = 0.0125
"""Pixels beyond the whole one: BlueLight cuts coordinates to integers and adds 0.0123."""

MEETS = 2.0
"""Pixels within which a line's end lies on another line or its end: two clicks on one spot."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One line. ``rank``: its place among the lines in drawing order. ``orders``: the marks it was drawn with.

    ``pixels``, ``mm``: its length. ``lengths``: the lengths in mm that its texts give; ``confirmed``: one is its own.
    """

    mark: Mark
    grid: Grid
    rank: int
    orders: tuple[int, ...]
    texts: tuple[Measurement, ...]
    pixels: float
    mm: float
    lengths: tuple[float, ...]
    confirmed: bool

    @property
    def ends(self) -> tuple[Point, Point]:
        """Its two ends in pixels."""
        return (self.mark.points[0], self.mark.points[1])

    @property
    def middle(self) -> Point:
        """Its middle in pixels."""
        (ax, ay), (bx, by) = self.ends
        return ((ax + bx) / 2, (ay + by) / 2)

    @property
    def is_cut(self) -> bool:
        """Whether its ends are whole pixels from the corner of the image: its writer cut them to integers."""
        return all((value + 0.5) % 1.0 <= LEFT_BY_CUTTING for end in self.ends for value in end)

    @property
    def axis(self) -> Axis | None:
        """Which axis of its lesion the object says it is, if it does."""
        return self.mark.axis

    @property
    def is_angle(self) -> bool:
        """Whether its text gives an angle and not its length: a side of an angle, not a measured line."""
        return has_angle(self.texts) and not self.confirmed

    def confirmed_by(self, text: Measurement) -> bool:
        """Whether this text gives this line's length."""
        return any_agrees(lengths_mm([text], self.mm / self.pixels), self.mm)

    def with_texts(self, texts: Iterable[Measurement]) -> Segment:
        """The same line with other texts, each once, the first :data:`MAX_TEXTS` of them."""
        kept = tuple(dict.fromkeys(texts))[:MAX_TEXTS]
        lengths = lengths_mm(kept, self.mm / self.pixels)
        return replace(self, texts=kept, lengths=lengths, confirmed=any_agrees(lengths, self.mm))


def segments(marks: Iterable[Mark], grid: Grid) -> list[Segment]:
    """The lines in drawing order; a line drawn more than once on the same spot is one, with the texts of all."""
    groups: dict[tuple[Point, ...], list[Mark]] = {}
    for mark in sorted(marks, key=lambda mark: mark.order):
        ends = sorted((round(x, SAME_SPOT), round(y, SAME_SPOT)) for x, y in mark.points)
        groups.setdefault(tuple(ends), []).append(mark)
    lines: list[Segment] = []
    for rank, group in enumerate(groups.values()):
        first = next((mark for mark in group if mark.axis is not None), group[0])  # the copy that says most
        a, b = first.points
        orders = tuple(mark.order for mark in group)
        line = Segment(first, grid, rank, orders, (), math.dist(a, b), grid.length(a, b), (), confirmed=False)
        lines.append(line.with_texts(text for mark in group for text in mark.texts))
    return lines


def angle_mm(a: Segment, b: Segment) -> float:
    """Angle of two lines in the body, degrees 0 to 90."""
    first, second = a.grid.mm, b.grid.mm
    return angle_between(first(a.ends[0]), first(a.ends[1]), second(b.ends[0]), second(b.ends[1]))


def upright(a: Segment, b: Segment) -> float:
    """Angle of two lines in the body or on the pixel grid, whichever is nearer to 90: ticks are drawn on either."""
    return max(angle_mm(a, b), angle_between(*a.ends, *b.ends))


def crossing_of(a: Segment, b: Segment) -> Crossing | None:
    """Where two lines cross; None where parallel."""
    return crossing(*a.ends, *b.ends)


def touches(point: Point, line: Segment, tolerance: float = MEETS) -> bool:
    """Whether a point lies on a line."""
    return distance_to_segment(point, *line.ends) <= tolerance


def touch(a: Segment, b: Segment) -> bool:
    """Whether two lines cross or an end of one lies on the other."""
    met = crossing_of(a, b)
    return (met is not None and met.margin >= 0) or ends_on(a, b)


def ends_on(a: Segment, b: Segment) -> bool:
    """Whether an end of one line lies on the other: an L or a T, not an X."""
    return any(touches(end, b) for end in a.ends) or any(touches(end, a) for end in b.ends)


def without(all_segments: Sequence[Segment], gone: Iterable[Segment]) -> list[Segment]:
    """The others, in order."""
    ranks = {segment.rank for segment in gone}
    return [segment for segment in all_segments if segment.rank not in ranks]
