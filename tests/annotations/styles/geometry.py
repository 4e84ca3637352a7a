"""Geometry that the styles share, and the plain graphics of a drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydicom.dataset import Dataset

from tests.annotations.elements import closed, graphic
from tests.annotations.styles.sheet import Sheet
from tests.annotations.truth import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Ends,
    Line,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Point,
    Scale,
    Spot,
)


def middle(ends: Ends) -> Point:
    """The middle of a line."""
    return ((ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2)


def across(ends: Ends, at: float, size: float) -> Ends:
    """A line of ``size`` pixels perpendicular to ``ends``, its middle at the part ``at`` of it."""
    (ax, ay), (bx, by) = ends
    length = math.dist(*ends)
    ux, uy = (bx - ax) / length, (by - ay) / length
    x, y = ax + at * (bx - ax), ay + at * (by - ay)
    return ((x - uy * size / 2, y + ux * size / 2), (x + uy * size / 2, y - ux * size / 2))


def head(tip: Point, tail: Point, size: float = 8.0) -> list[Point]:
    """An open arrow head of three points, its middle one at the tip."""
    length = math.dist(tip, tail)
    ux, uy = (tail[0] - tip[0]) / length, (tail[1] - tip[1]) / length
    size = min(size, length / 2)
    wings = [(tip[0] + size * (ux - k * uy), tip[1] + size * (uy + k * ux)) for k in (0.5, -0.5)]
    return [wings[0], tip, wings[1]]


def degrees(first: Point, vertex: Point, last: Point) -> float:
    """The angle at the vertex."""
    a = math.atan2(first[1] - vertex[1], first[0] - vertex[0])
    b = math.atan2(last[1] - vertex[1], last[0] - vertex[0])
    turn = abs(math.degrees(a - b)) % 360
    return min(turn, 360 - turn)


def between(cobb: Cobb) -> float:
    """The angle of two lines, 0 to 90."""
    (a, b), (c, d) = cobb.first, cobb.second
    turn = abs(math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]) - math.atan2(d[1] - c[1], d[0] - c[0]))) % 180
    return min(turn, 180 - turn)


def lines_of(drawing: Drawing, sheet: Sheet) -> list[Ends] | None:
    """The bare lines of a drawing that is nothing but lines."""
    match drawing:
        case Pair(long, short):
            lines = [long, short]
        case Line(ends):
            lines = [ends]
        case Cobb(first, second):
            lines = [first, second]
        case Perpendicular(base, foot):
            lines = [base, foot]
        case CrossHair(at):
            right, bottom = sheet.image.Columns - 1.0, sheet.image.Rows - 1.0
            lines = [((0.0, at[1]), (right, at[1])), ((at[0], 0.0), (at[0], bottom))]
        case Scale(ends, ticks):
            lines = [ends, *(across(ends, i / (ticks - 1), 6.0) for i in range(ticks))]
        case _:
            return None
    return lines


def plain(drawing: Drawing, sheet: Sheet, *, truncate: bool = False) -> list[Dataset]:
    """A drawing as simple graphics, without texts."""
    parts: list[tuple[str, Sequence[Point]]]
    match drawing:
        case Ellipse(major, minor):
            parts = [("ELLIPSE", [*major, *minor])]
        case Circle((x, y), radius):
            parts = [("CIRCLE", [(x, y), (x + radius, y)])]
        case Outline(vertices):
            parts = [("POLYLINE", closed(vertices))]
        case Curve(points):
            parts = [("INTERPOLATED", closed(points))]
        case Angle(first, vertex, last):
            parts = [("POLYLINE", [first, vertex, last])]
        case OpenPath(points):
            parts = [("POLYLINE", points)]
        case Spot(at):
            parts = [("POINT", [at])]
        case Arrow(tip, tail):
            parts = [("POLYLINE", [tip, tail]), ("POLYLINE", head(tip, tail))]
        case _:
            parts = [("POLYLINE", line) for line in lines_of(drawing, sheet) or []]
    return [graphic(kind, points, truncate=truncate) for kind, points in parts]
