"""Plane geometry of marks. Points are (x, y) pairs in pixels, origin at the centre of the first pixel, unless named mm.

Millimetres: (x · column spacing, y · row spacing), so that angles and lengths are those of the body, not of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from miner.records import Point

CORNER_TO_CENTRE = -0.5
"""DICOM's PIXEL units put 0.0 at the outer corner of the first pixel (PS3.3 C.10.5.1.1), our frame at its centre."""

CLOSING_TOLERANCE = 1e-3
"""Pixels within which a first and a last point are one: two float32 steps at a coordinate of 4,096."""

Box = tuple[float, float, float, float]
"""left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Size and spacing of one image: ``spacing`` is (row, column) in mm, as in Pixel Spacing (PS3.3 10.7.1.3)."""

    columns: int
    rows: int
    spacing: tuple[float, float]

    def mm(self, point: Point) -> Point:
        """A point of the image plane in mm from the centre of the first pixel."""
        return (point[0] * self.spacing[1], point[1] * self.spacing[0])

    def length(self, a: Point, b: Point) -> float:
        """Distance in mm."""
        return math.dist(self.mm(a), self.mm(b))

    def holds(self, points: Iterable[Point], tolerance: float) -> bool:
        """Whether all points lie on the image, its outer corners being (-0.5, -0.5) and (columns - 0.5, rows - 0.5)."""
        low, right, bottom = -0.5 - tolerance, self.columns - 0.5 + tolerance, self.rows - 0.5 + tolerance
        return all(low <= x <= right and low <= y <= bottom for x, y in points)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where two lines cross, prolonged if need be: 0 and 1 are the ends of each line."""

    first: float
    second: float

    @property
    def margin(self) -> float:
        """How far inside both lines, as a part of the line: 0.5 = in the middle of both, negative = outside of one."""
        return min(self.first, 1 - self.first, self.second, 1 - self.second)


def from_corner_frame(x: float, y: float) -> Point:
    """A point in DICOM's PIXEL units in our frame."""
    return (x + CORNER_TO_CENTRE, y + CORNER_TO_CENTRE)


def finite(points: Iterable[Point]) -> bool:
    """Whether every coordinate is a finite number."""
    return all(math.isfinite(x) and math.isfinite(y) for x, y in points)


def same(a: Point, b: Point, tolerance: float = CLOSING_TOLERANCE) -> bool:
    """Whether two points are one."""
    return math.dist(a, b) <= tolerance


def without_repeats(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points without those that repeat the one before (the last click of a double click, often)."""
    return tuple(point for i, point in enumerate(points) if i == 0 or not same(point, points[i - 1]))


def crossing(a: Point, b: Point, c: Point, d: Point) -> Crossing | None:
    """Where line ab meets line cd; None where they are parallel or have no length."""
    ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    determinant = ux * vy - uy * vx
    if abs(determinant) <= 1e-9 * math.hypot(ux, uy) * math.hypot(vx, vy):
        return None
    wx, wy = c[0] - a[0], c[1] - a[1]
    return Crossing((wx * vy - wy * vx) / determinant, (wx * uy - wy * ux) / determinant)


def angle_between(a: Point, b: Point, c: Point, d: Point) -> float:
    """Angle of the lines ab and cd in degrees, 0 to 90; 0 where one has no length."""
    ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    if not (math.hypot(ux, uy) and math.hypot(vx, vy)):
        return 0.0
    return math.degrees(math.atan2(abs(ux * vy - uy * vx), abs(ux * vx + uy * vy)))


def distance_to_segment(point: Point, a: Point, b: Point) -> float:
    """Distance of a point from the segment ab."""
    ux, uy = b[0] - a[0], b[1] - a[1]
    square = ux * ux + uy * uy
    along = ((point[0] - a[0]) * ux + (point[1] - a[1]) * uy) / square if square else 0.0
    along = min(1.0, max(0.0, along))
    return math.dist(point, (a[0] + along * ux, a[1] + along * uy))


def box_of(points: Sequence[Point], margin: float = 0.0) -> Box:
    """The smallest upright box around the points, grown by ``margin`` on each side."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def distance_to_box(point: Point, box: Box) -> float:
    """Distance of a point from a box; 0 inside."""
    dx = max(box[0] - point[0], 0.0, point[0] - box[2])
    dy = max(box[1] - point[1], 0.0, point[1] - box[3])
    return math.hypot(dx, dy)


def distance_of_boxes(a: Box, b: Box) -> float:
    """Gap between two boxes; 0 where they overlap."""
    return math.hypot(max(a[0] - b[2], 0.0, b[0] - a[2]), max(a[1] - b[3], 0.0, b[1] - a[3]))


def box_to_segment(box: Box, a: Point, b: Point) -> float:
    """Gap between a box and the segment ab; 0 where they touch."""
    corners = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]
    if distance_to_box(a, box) == 0 or distance_to_box(b, box) == 0:
        return 0.0
    for i, corner in enumerate(corners):
        met = crossing(a, b, corner, corners[(i + 1) % 4])
        if met is not None and met.margin >= 0:
            return 0.0
    ends = min(distance_to_box(a, box), distance_to_box(b, box))
    return min(ends, *(distance_to_segment(corner, a, b) for corner in corners))


def area(points: Sequence[Point]) -> float:
    """Area inside a closed polygon, in square pixels (shoelace formula)."""
    following = [*points[1:], *points[:1]]
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(points, following, strict=True))) / 2
