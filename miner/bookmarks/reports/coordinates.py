"""Spatial coordinates of reports → drawn shapes.

On an image (SCOORD, PS3.3 C.18.6.1.2) a point is (column, row) in pixels, 0.0 being the outer corner of the first
pixel; drawn shapes are in our pixel centres frame. In patient space (SCOORD3D, C.18.9.1.2) a point is (x, y, z) in mm
in its frame of reference. A graphic type is one entry of :data:`SHAPES`, read alike in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from miner.bookmarks.geometry import CLOSING_TOLERANCE, CORNER_TO_CENTRE, crossing, finite
from miner.bookmarks.reports.content import Graphic
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import Shape

Vertex = tuple[float, ...]
"""(x, y) in pixels or (x, y, z) in mm."""

MISSED = 0.02
"""How far the axes of a bidimensional measurement may end short of each other, as a part of their length: rounding."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One shape; points as in :class:`miner.records.Mark`, in the pixel centres frame or in mm."""

    shape: Shape
    points: tuple[Vertex, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Coordinates that cannot become a mark, and why."""

    reason: Reason
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Hints:
    """What stands beside coordinates and tells what they are.

    ``tool``: with which they were drawn; ``encloses``: an area was measured inside; ``tail``: coordinates of an arrow's
    tail, where a writer keeps it apart.
    """

    tool: Tool = Tool.NONE
    encloses: bool = False
    tail: Graphic | None = None


def vertices(graphic: Graphic) -> tuple[Vertex, ...]:
    """The points of a graphic, those of an image in our frame."""
    shift = CORNER_TO_CENTRE if graphic.dimensions == 2 else 0.0
    data = [value + shift for value in graphic.data]
    return tuple(zip(*(data[axis :: graphic.dimensions] for axis in range(graphic.dimensions)), strict=True))


def draw(graphic: Graphic, hints: Hints) -> Drawn | Unreadable:
    """The shape that coordinates draw. Never raises."""
    reader = SHAPES.get(graphic.kind)
    if reader is None:
        return Unreadable(Reason.UNKNOWN_GRAPHIC)
    if not all(math.isfinite(value) for value in graphic.data):
        return Unreadable(Reason.POINT_NOT_FINITE)
    return reader(vertices(graphic), hints)


def crossed_axes(graphic: Graphic) -> tuple[Drawn, Drawn] | None:
    """The two axes of a bidimensional measurement that is written as one open polyline of four points; else None.

    dwv writes so: both ends of the long axis, then both ends of the short one, which crosses it. The caller knows that
    two axes were measured; a path that happens to have four points does not cross itself.
    """
    if graphic.kind != "POLYLINE" or graphic.dimensions != 2 or len(graphic.data) != 8:
        return None
    a, b, c, d = ((x, y) for x, y in vertices(graphic))
    met = crossing(a, b, c, d) if finite((a, b, c, d)) else None
    if met is None or met.margin < -MISSED:
        return None
    return Drawn(Shape.LINE, (a, b)), Drawn(Shape.LINE, (c, d))


def _point(points: tuple[Vertex, ...], hints: Hints) -> Drawn | Unreadable:
    """An arrow's tip, where it is one; Cornerstone keeps the tail of its arrow as a second point of the same type."""
    if hints.tool is Tool.ARROW:
        return _arrow(points)
    if hints.tail is not None and len(points) == 1:
        tail = vertices(hints.tail)
        if hints.tail.dimensions == len(points[0]) and all(map(math.isfinite, tail[0])):
            return _arrow((points[0], tail[0]))
    return Unreadable(Reason.SINGLE_POINT, Shape.POINT)


def _points(points: tuple[Vertex, ...], hints: Hints) -> Drawn | Unreadable:
    return Unreadable(Reason.SINGLE_POINT, Shape.POINT)


def _arrow(points: Sequence[Vertex]) -> Drawn | Unreadable:
    """Tip, then tail."""
    if len(points) > 2:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.ARROW)
    tip, *tails = points
    return Drawn(Shape.ARROW, (tip, *(tail for tail in tails if not _same(tip, tail))))


def _polyline(points: tuple[Vertex, ...], hints: Hints) -> Drawn | Unreadable:
    """A line, an open polyline, or an outline: first point = last, or an area was measured inside."""
    if len(points) < 2:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.POLYLINE)
    distinct = [point for i, point in enumerate(points) if i == 0 or not _same(point, points[i - 1])]
    closed = len(distinct) > 2 and _same(distinct[0], distinct[-1])
    if closed:
        distinct.pop()
    if len(distinct) > 2:
        return Drawn(Shape.POLYGON if closed or hints.encloses else Shape.POLYLINE, tuple(distinct))
    if len(distinct) < 2 or closed:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.POLYGON if closed else Shape.LINE)
    return _arrow(distinct) if hints.tool is Tool.ARROW else Drawn(Shape.LINE, tuple(distinct))


def _polygon(points: tuple[Vertex, ...], hints: Hints) -> Drawn | Unreadable:
    drawn = _polyline(points, Hints(encloses=True))
    return drawn if drawn.shape is Shape.POLYGON else Unreadable(Reason.MALFORMED_GRAPHIC, Shape.POLYGON)


def _circle(points: tuple[Vertex, ...], hints: Hints) -> Drawn | Unreadable:
    """Centre and a point of the rim. In space it is no type of the standard, but Cornerstone3D writes it so."""
    if len(points) != 2 or _same(points[0], points[1]):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.CIRCLE)
    return Drawn(Shape.CIRCLE, points)


def _ellipse(points: tuple[Vertex, ...], hints: Hints) -> Drawn | Unreadable:
    if len(points) != 4 or _same(points[0], points[1]) or _same(points[2], points[3]):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.ELLIPSE)
    return Drawn(Shape.ELLIPSE, points)


def _body(points: tuple[Vertex, ...], hints: Hints) -> Unreadable:
    return Unreadable(Reason.UNKNOWN_GRAPHIC)


def _same(a: Vertex, b: Vertex) -> bool:
    return math.dist(a, b) <= CLOSING_TOLERANCE


SHAPES: Mapping[str, Callable[[tuple[Vertex, ...], Hints], Drawn | Unreadable]] = {
    "POINT": _point,
    "MULTIPOINT": _points,
    "POLYLINE": _polyline,
    "POLYGON": _polygon,
    "CIRCLE": _circle,
    "ELLIPSE": _ellipse,
    "ELLIPSOID": _body,
}
"""Graphic Type (0070,0023) of a content item → its reading."""
