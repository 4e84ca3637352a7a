"""Compound graphics (PS3.3 C.10.5.1.3, Compound Graphic Sequence): one object for what else is many simple graphics.

A compound also stands as simple graphics with the same instance id, its twins. The compound is read, its twins are
skipped, or everything would count twice. Where a compound cannot be read but its twins can, they stand for themselves.
Where the standard's prose leaves the meaning of the points open to writers, the twin decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, code, number
from miner.bookmarks.states.display import NOWHERE, Placement
from miner.bookmarks.states.graphics import (
    DISPLAY,
    Drawn,
    Unreadable,
    as_displayed,
    compound_id,
    group_id,
    path,
    read_points,
)
from miner.errors import Reason
from miner.records import Encoding, Point, Shape

NEARER = 1.0
"""Pixels by which an arrow's head is nearer to its tip than to its tail, on average over its corners."""

NO_ROTATION = 1e-6
"""Degrees below which Rotation Angle (0070,0230) is none."""


def read_compound(dataset: Dataset, twins: Sequence[Drawn], placement: Placement = NOWHERE) -> Drawn | Unreadable:
    """One item of a Compound Graphic Sequence. Never raises.

    ``twins``: simple graphics of its instance id; ``placement``: the displayed area of its image. Points are given
    before Rotation Angle (C.10.5.1.3.2) is applied, the twins as drawn: of a rotated compound only they are read.
    """
    reader = COMPOUNDS.get(code(dataset, "CompoundGraphicType"))
    if reader is None:
        return Unreadable(Reason.UNKNOWN_GRAPHIC)
    try:
        units = code(dataset, "CompoundGraphicUnits")
        points = read_points(dataset, units, placement)
        if isinstance(points, Unreadable):
            return points
        rotated = abs(number(dataset, "RotationAngle") or 0.0) > NO_ROTATION
        if rotated and reader not in (_rectangle, _ellipse, _not_a_lesion):
            return Unreadable(Reason.UNKNOWN_GRAPHIC)
        drawn = reader(() if rotated else points, twins)
    except MalformedError:
        return Unreadable(Reason.MALFORMED_GRAPHIC)
    if isinstance(drawn, Unreadable):
        return drawn
    drawn = replace(drawn, compound=compound_id(dataset), group=group_id(dataset))
    return as_displayed(drawn, placement) if units == DISPLAY else drawn


def _line(points: tuple[Point, ...], twins: Sequence[Drawn]) -> Drawn | Unreadable:
    return path(points, filled=False, encoding=Encoding.GSPS_COMPOUND)


def _multiline(points: tuple[Point, ...], twins: Sequence[Drawn]) -> Drawn | Unreadable:
    """Two points are a line; whether more are joined or are lines of their own only the twins can tell."""
    return _line(points, twins) if len(points) == 2 else Unreadable(Reason.UNKNOWN_GRAPHIC, Shape.POLYLINE)


def _arrow(points: tuple[Point, ...], twins: Sequence[Drawn]) -> Drawn | Unreadable:
    """Tip, then tail. The order of the points is not certain (one writer: tail, tip); the twin's head tells.

    The head may be drawn in one path with the shaft: most corners are those of the head.
    """
    if len(points) != 2 or points[0] == points[1]:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.ARROW)
    tail, tip = points
    heads = [twin for twin in twins if twin.shape in (Shape.POLYLINE, Shape.POLYGON)]
    if not heads:
        return Drawn(Shape.ARROW, (tip, tail), Encoding.GSPS_COMPOUND, direction_known=False)
    nearer = _distance(heads[0], tail) - _distance(heads[0], tip)
    ends = (tip, tail) if nearer >= 0 else (tail, tip)
    return Drawn(Shape.ARROW, ends, Encoding.GSPS_COMPOUND, direction_known=abs(nearer) >= NEARER)


def _distance(head: Drawn, end: Point) -> float:
    return sum(math.dist(end, corner) for corner in head.points) / len(head.points)


def _rectangle(points: tuple[Point, ...], twins: Sequence[Drawn]) -> Drawn | Unreadable:
    """Four corners, from the twin where there is one, else from two opposite corners."""
    outline = _twin_of(twins, Shape.POLYGON)
    if outline is not None:
        return outline
    if len(points) == 2:
        (left, top), (right, bottom) = points
        points = ((left, top), (right, top), (right, bottom), (left, bottom))
    if len(points) < 4:
        return Unreadable(Reason.UNKNOWN_GRAPHIC, Shape.POLYGON)
    return path(points, filled=True, encoding=Encoding.GSPS_COMPOUND)


def _ellipse(points: tuple[Point, ...], twins: Sequence[Drawn]) -> Drawn | Unreadable:
    """Axis ends, from the twin where there is one, else from four axis ends or two opposite corners of its box."""
    outline = _twin_of(twins, Shape.ELLIPSE) or _twin_of(twins, Shape.CIRCLE)
    if outline is not None:
        return outline
    if len(points) == 2:
        (left, top), (right, bottom) = points
        x, y = (left + right) / 2, (top + bottom) / 2
        points = ((left, y), (right, y), (x, top), (x, bottom))
    if len(points) != 4:
        return Unreadable(Reason.UNKNOWN_GRAPHIC, Shape.ELLIPSE)
    return Drawn(Shape.ELLIPSE, points, Encoding.GSPS_COMPOUND)


def _not_a_lesion(points: tuple[Point, ...], twins: Sequence[Drawn]) -> Unreadable:
    return Unreadable(Reason.TOOL_NOT_A_LESION)


def _twin_of(twins: Sequence[Drawn], shape: Shape) -> Drawn | None:
    twin = next((twin for twin in twins if twin.shape is shape), None)
    if twin is None or twin.encoding is Encoding.GSPS_DISPLAY:
        return twin
    return replace(twin, encoding=Encoding.GSPS_COMPOUND)


COMPOUNDS: Mapping[str, Callable[[tuple[Point, ...], Sequence[Drawn]], Drawn | Unreadable]] = {
    "RULER": _line,
    "MULTILINE": _multiline,
    "ARROW": _arrow,
    "RECTANGLE": _rectangle,
    "ELLIPSE": _ellipse,
    "INFINITELINE": _not_a_lesion,
    "CUTLINE": _not_a_lesion,
    "RANGELINE": _not_a_lesion,
    "AXIS": _not_a_lesion,
    "CROSSHAIR": _not_a_lesion,
}
"""Compound Graphic Type (0070,0294) → its reading."""
