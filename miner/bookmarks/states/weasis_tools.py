"""The tools of the Weasis viewer: what the handles of one graphic of its drawing model mean.

From the classes of Weasis's public source that draw them (packages ``graphic.imp.line``, ``.area``, ``.angle``). A tool
is one entry of :data:`TOOLS`, by the name of its element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from miner.bookmarks.geometry import finite, from_corner_frame, same
from miner.bookmarks.states.graphics import Unreadable, path
from miner.bookmarks.states.weasis_xml import ModelGraphic, is_finite
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import Axis, Encoding, Measurement, Point, Shape


@dataclass(frozen=True, slots=True)
class Traced:
    """One shape of one graphic, in the pixel centres frame. A bidirectional measurement is two, each with its axis.

    ``texts``: those of its own, None for all texts of the graphic.
    """

    shape: Shape
    points: tuple[Point, ...]
    tool: Tool = Tool.NONE
    axis: Axis | None = None
    texts: tuple[Measurement, ...] | None = None


Handles = Sequence[Point | None]
"""Handles in the pixel centres frame, in the order of the tool; None where one is left open."""

Reading = list[Traced] | Unreadable


def traced(graphic: ModelGraphic) -> Reading:
    """What one graphic shows, or why it is no mark."""
    reader = TOOLS.get(graphic.tool)
    if reader is None:
        return Unreadable(Reason.UNKNOWN_GRAPHIC)
    if isinstance(reader, Unreadable):
        return reader
    if not is_finite(graphic):
        return Unreadable(Reason.POINT_NOT_FINITE)
    if not graphic.readable:
        return Unreadable(Reason.MALFORMED_GRAPHIC)
    reading = reader(handles_of(graphic), graphic.texts)
    if isinstance(reading, list) and not all(finite(part.points) for part in reading):
        return Unreadable(Reason.POINT_NOT_FINITE)  # finite handles, but so far apart that their sums are not
    return reading


def handles_of(graphic: ModelGraphic) -> Handles:
    """The handles in the pixel centres frame."""
    return [None if point is None else from_corner_frame(*point) for point in graphic.points]


def _line(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    ends = _set(handles)
    if len(ends) != 2 or len(handles) != 2 or same(*ends):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.LINE)
    return [Traced(Shape.LINE, ends, Tool.LINE)]


def _arrow(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    """The head is at the first handle."""
    ends = _set(handles)
    if len(ends) != 2 or len(handles) != 2 or same(*ends):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.ARROW)
    return [Traced(Shape.ARROW, ends, Tool.ARROW)]


def _annotation(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    """A text box and, where it is drawn out of the box, what it points at: anchor, then centre of the box.

    The tail is left out as in the standard graphics: where the box was dropped says nothing of the lesion.
    """
    anchor = handles[0] if len(handles) == 2 else None
    box = handles[1] if len(handles) == 2 else None
    if anchor is None or (box is not None and same(anchor, box)):
        return Unreadable(Reason.TEXT_ONLY, Shape.TEXT)
    return [Traced(Shape.ARROW, (anchor,), Tool.ARROW)]


def _point(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    points = _set(handles)
    return [Traced(Shape.POINT, points[:1])] if points else Unreadable(Reason.MALFORMED_GRAPHIC, Shape.POINT)


def _polyline(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    return _path(handles, filled=False)


def _polygon(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    return _path(handles, filled=True)


def _path(handles: Handles, *, filled: bool) -> Reading:
    points = _set(handles)
    if len(points) != len(handles):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.POLYGON if filled else Shape.POLYLINE)
    drawn = path(points, filled, Encoding.PRIVATE_MODEL)
    return drawn if isinstance(drawn, Unreadable) else [Traced(drawn.shape, drawn.points)]


def _rectangle(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    frame = _frame(handles)
    if frame is None:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.POLYGON)
    a, b, (cx, cy), (dx, dy) = frame
    across = (dx - cx, dy - cy)
    return [Traced(Shape.POLYGON, (a, b, _sum(b, across), _sum(a, across)), Tool.RECTANGLE)]


def _ellipse(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    """Two handles on one side of its box, one in the middle of that side, one in the middle of the opposite side."""
    frame = _frame(handles)
    if frame is None:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.ELLIPSE)
    (ax, ay), (bx, by), c, d = frame
    middle = ((c[0] + d[0]) / 2, (c[1] + d[1]) / 2)
    half = ((bx - ax) / 2, (by - ay) / 2)
    along = ((middle[0] - half[0], middle[1] - half[1]), _sum(middle, half))
    major, minor = sorted((along, (c, d)), key=lambda ends: -math.dist(*ends))
    return [Traced(Shape.ELLIPSE, (*major, *minor), Tool.ELLIPSE)]


def _frame(handles: Handles) -> tuple[Point, Point, Point, Point] | None:
    """A, B along one side of a box, C in its middle, D in the middle of the opposite side.

    Older models give eight handles of an upright box, of which the first two are opposite corners.
    """
    points = _set(handles)
    if len(points) != len(handles) or len(points) not in (4, 8):
        return None
    if len(points) == 8:
        left, right = sorted((points[0][0], points[1][0]))
        top, bottom = sorted((points[0][1], points[1][1]))
        middle = (left + right) / 2
        points = ((left, top), (right, top), (middle, top), (middle, bottom))
    a, b, c, d = points
    return None if same(a, b) or same(c, d) else (a, b, c, d)


def _circle(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    points = _set(handles)
    if len(points) != 2 or len(handles) != 2 or same(*points):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.CIRCLE)
    return [Traced(Shape.CIRCLE, points, Tool.ELLIPSE)]


def _circle_through(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    points = _set(handles)
    centre = _circumcentre(*points) if len(points) == len(handles) == 3 else None
    if centre is None:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.CIRCLE)
    return [Traced(Shape.CIRCLE, (centre, points[0]), Tool.ELLIPSE)]


def _circumcentre(a: Point, b: Point, c: Point) -> Point | None:
    """The point as far from each of three points; None where they lie on a line or coincide."""
    ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    twice = 2 * (ux * vy - uy * vx)
    if abs(twice) <= 1e-9 * math.hypot(ux, uy) * math.hypot(vx, vy):
        return None
    u, v = ux * ux + uy * uy, vx * vx + vy * vy
    centre = (a[0] + (vy * u - uy * v) / twice, a[1] + (ux * v - vx * u) / twice)
    return centre if math.isfinite(centre[0]) and math.isfinite(centre[1]) else None


def _bidirectional(handles: Handles, texts: tuple[Measurement, ...]) -> Reading:
    """Two axes of one lesion. Its label gives the long one first; with other texts than two they go to the long one."""
    points = _set(handles)
    if len(points) != 4 or len(handles) != 4 or same(points[0], points[1]) or same(points[2], points[3]):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.LINE)
    first, second = (points[0], points[1]), (points[2], points[3])
    axes = (Axis.LONG, Axis.SHORT) if math.dist(*first) >= math.dist(*second) else (Axis.SHORT, Axis.LONG)
    of_axis = {Axis.LONG: texts, Axis.SHORT: ()}
    if len(texts) == 2:
        of_axis = {Axis.LONG: texts[:1], Axis.SHORT: texts[1:]}
    return [
        Traced(Shape.LINE, ends, Tool.BIDIRECTIONAL, axis, of_axis[axis])
        for ends, axis in zip((first, second), axes, strict=True)
    ]


def _set(handles: Handles) -> tuple[Point, ...]:
    return tuple(point for point in handles if point is not None)


def _sum(a: Point, b: Point) -> Point:
    return (a[0] + b[0], a[1] + b[1])


TOOLS: Mapping[str, Callable[[Handles, tuple[Measurement, ...]], Reading] | Unreadable] = {
    "line": _line,
    "polyline": _polyline,
    "freehand": _polyline,
    "polygon": _polygon,
    "rectangle": _rectangle,
    "ellipse": _ellipse,
    "circle": _circle,
    "threePointsCircle": _circle_through,
    "bidirectional": _bidirectional,
    "arrow": _arrow,
    "annotation": _annotation,
    "point": _point,
    "pixelInfo": Unreadable(Reason.SINGLE_POINT, Shape.POINT),
    "angle": Unreadable(Reason.ANGLE_TOOL),
    "openAngle": Unreadable(Reason.ANGLE_TOOL),
    "fourPointsAngle": Unreadable(Reason.ANGLE_TOOL),
    "cobbAngle": Unreadable(Reason.ANGLE_TOOL),
    "perpendicularLine": Unreadable(Reason.TOOL_NOT_A_LESION),
    "parallelLine": Unreadable(Reason.TOOL_NOT_A_LESION),
    "lineWithGap": Unreadable(Reason.TOOL_NOT_A_LESION),
    "ruler": Unreadable(Reason.TOOL_NOT_A_LESION),
    "ctr": Unreadable(Reason.TOOL_NOT_A_LESION),
}
"""Element of a graphic → its reading. Selection and non-editable graphics have no handles and are never written."""
