"""Graphic objects of presentation states (PS3.3 C.10.5.1.2): type, units and data → one drawn shape.

A graphic type is one entry of :data:`SHAPES`, a coordinate system one branch of :func:`in_centre_frame`. Points in
DISPLAY units need the displayed area of their image (:mod:`~miner.bookmarks.states.display`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, code, number, numbers
from miner.bookmarks.geometry import finite, from_corner_frame, same, without_repeats
from miner.bookmarks.states.display import NOWHERE, Placement
from miner.errors import Reason
from miner.records import Doubt, Encoding, Point, Shape

DISPLAY = "DISPLAY"
PIXEL = "PIXEL"

MAX_POINTS = 20_000
"""Points of one graphic; a contour that follows every pixel of a large organ has some thousands."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One readable graphic: its shape and points as in :class:`miner.records.Mark`.

    ``compound``: Compound Graphic Instance ID, ``group``: Graphic Group ID, of this graphic.
    """

    shape: Shape
    points: tuple[Point, ...]
    encoding: Encoding
    compound: int | None = None
    group: int | None = None
    direction_known: bool = True
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A graphic or text that cannot become a mark, and why. ``compound``: its Compound Graphic Instance ID."""

    reason: Reason
    shape: Shape | None = None
    compound: int | None = None


def read_graphic(dataset: Dataset, placement: Placement = NOWHERE) -> Drawn | Unreadable:
    """One item of a Graphic Object Sequence. ``placement``: the displayed area of its image. Never raises."""
    units = code(dataset, "GraphicAnnotationUnits")
    drawn = _read_shape(dataset, units, placement)
    drawn = replace(drawn, compound=compound_id(dataset))
    if isinstance(drawn, Unreadable):
        return drawn
    drawn = replace(drawn, group=group_id(dataset))
    return as_displayed(_round_as_shown(drawn, placement), placement) if units == DISPLAY else drawn


def _read_shape(dataset: Dataset, units: str, placement: Placement) -> Drawn | Unreadable:
    reader = SHAPES.get(code(dataset, "GraphicType"))
    if reader is None:
        return Unreadable(Reason.UNKNOWN_GRAPHIC)
    try:
        points = read_points(dataset, units, placement)
        return points if isinstance(points, Unreadable) else reader(points, code(dataset, "GraphicFilled") == "Y")
    except MalformedError:
        return Unreadable(Reason.MALFORMED_GRAPHIC)


def read_points(dataset: Dataset, units: str, placement: Placement = NOWHERE) -> tuple[Point, ...] | Unreadable:
    """Graphic Data (0070,0022) as points in our frame. Raises MalformedError where counts and data differ."""
    data = numbers(dataset, "GraphicData") or ()
    count, dimensions = number(dataset, "NumberOfGraphicPoints"), number(dataset, "GraphicDimensions")
    if not data or len(data) % 2 or dimensions not in (None, 2) or count not in (None, len(data) // 2):
        raise MalformedError("GraphicData")
    if len(data) // 2 > MAX_POINTS:
        raise MalformedError("GraphicData")
    return in_centre_frame(tuple(zip(data[::2], data[1::2], strict=True)), units, placement)


def in_centre_frame(
    points: Sequence[Point], units: str, placement: Placement = NOWHERE
) -> tuple[Point, ...] | Unreadable:
    """Points in the units of their object → pixel centres frame. Raises MalformedError where no units are named.

    Values of DISPLAY units outside of 0 to 1 lie beside the displayed area, on the image or not.
    """
    if not units:
        raise MalformedError("GraphicAnnotationUnits")
    if not finite(points):
        return Unreadable(Reason.POINT_NOT_FINITE)
    if units == DISPLAY:
        if isinstance(placement, Reason):
            return Unreadable(placement)
        placed = tuple(placement.place(u, v) for u, v in points)
        return placed if finite(placed) else Unreadable(Reason.POINT_NOT_FINITE)
    if units != PIXEL:
        return Unreadable(Reason.UNKNOWN_GRAPHIC)
    return tuple(from_corner_frame(x, y) for x, y in points)


def as_displayed(drawn: Drawn, placement: Placement) -> Drawn:
    """What was drawn in DISPLAY units, its points placed."""
    if isinstance(placement, Reason):
        return drawn
    return replace(drawn, encoding=Encoding.GSPS_DISPLAY, doubts=placement.doubts)


def _round_as_shown(drawn: Drawn, placement: Placement) -> Drawn:
    if isinstance(placement, Reason) or drawn.shape is not Shape.CIRCLE or placement.square_pixels:
        return drawn
    centre, rim = drawn.points
    return replace(drawn, shape=Shape.ELLIPSE, points=placement.axes_of_circle(centre, rim))


def compound_id(dataset: Dataset) -> int | None:
    """Compound Graphic Instance ID (0070,0226), which ties simple graphics and texts to a compound graphic."""
    return _identifier(dataset, "CompoundGraphicInstanceID")


def group_id(dataset: Dataset) -> int | None:
    """Graphic Group ID (0070,0295), which ties graphics and texts that are one (PS3.3 C.10.11, PS3.17 YY.2)."""
    return _identifier(dataset, "GraphicGroupID")


def _identifier(dataset: Dataset, keyword: str) -> int | None:
    try:
        value = number(dataset, keyword)
        return None if value is None else int(value)
    except (MalformedError, OverflowError, ValueError):
        return None


def _point(points: tuple[Point, ...], filled: bool) -> Unreadable:
    return Unreadable(Reason.SINGLE_POINT if len(points) == 1 else Reason.MALFORMED_GRAPHIC, Shape.POINT)


def _circle(points: tuple[Point, ...], filled: bool) -> Drawn | Unreadable:
    if len(points) != 2 or same(points[0], points[1]):
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.CIRCLE)
    return Drawn(Shape.CIRCLE, points, Encoding.GSPS_CIRCLE)


def _ellipse(points: tuple[Point, ...], filled: bool) -> Drawn | Unreadable:
    if len(points) != 4:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.ELLIPSE)
    return Drawn(Shape.ELLIPSE, points, Encoding.GSPS_ELLIPSE)


def _polyline(points: tuple[Point, ...], filled: bool) -> Drawn | Unreadable:
    return path(points, filled, Encoding.GSPS_POLYLINE, closed_shape=Shape.POLYGON)


def _interpolated(points: tuple[Point, ...], filled: bool) -> Drawn | Unreadable:
    return path(points, filled, Encoding.GSPS_INTERPOLATED, closed_shape=Shape.CURVE)


def path(
    points: tuple[Point, ...], filled: bool, encoding: Encoding, closed_shape: Shape = Shape.POLYGON
) -> Drawn | Unreadable:
    """Points joined in order: a line, an open polyline, or a closed shape (first = last, or filled)."""
    if len(points) < 2:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.POLYLINE)
    closed = len(points) > 2 and same(points[0], points[-1])
    end = len(points)
    while closed and end > 1 and same(points[0], points[end - 1]):
        end -= 1  # more than once: Weasis closes paths that have come back to their start
    corners = points[:end]
    distinct = without_repeats(corners)
    if closed or (filled and len(distinct) > 2):
        if len(distinct) < 3:
            return Unreadable(Reason.MALFORMED_GRAPHIC, closed_shape)
        return Drawn(closed_shape, corners, encoding)
    if len(distinct) < 2:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.LINE)
    if len(distinct) == 2:
        return Drawn(Shape.LINE, distinct, encoding)
    return Drawn(Shape.POLYLINE, distinct, encoding)


SHAPES: Mapping[str, Callable[[tuple[Point, ...], bool], Drawn | Unreadable]] = {
    "POINT": _point,
    "POLYLINE": _polyline,
    "INTERPOLATED": _interpolated,
    "CIRCLE": _circle,
    "ELLIPSE": _ellipse,
}
"""Graphic Type (0070,0023) → its reading."""
