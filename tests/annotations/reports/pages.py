"""One image under one report style: what was drawn on it, measured in mm, and its identifiers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests.annotations.truth import Cobb, Drawing, Ends, Point


@dataclass(frozen=True)
class Page:
    """An image and its drawings. ``seed`` makes other identifiers for one content."""

    image: Dataset
    drawings: tuple[Drawing, ...]
    seed: str = ""

    def numbered(self) -> Iterator[tuple[str, Drawing]]:
        """Each drawing with a tracking unique identifier of its own."""
        for index, drawing in enumerate(self.drawings):
            yield generate_uid(entropy_srcs=["tracking", self.seed, self.image.SOPInstanceUID, str(index)]), drawing

    def mm(self, a: Point, b: Point) -> float:
        """Length in mm."""
        row, column = (float(v) for v in self.image.PixelSpacing)
        return math.hypot((a[0] - b[0]) * column, (a[1] - b[1]) * row)

    def square_mm(self, points: Sequence[Point]) -> float:
        """Area of a polygon in mm²."""
        row, column = (float(v) for v in self.image.PixelSpacing)
        pairs = zip(points, (*points[1:], points[0]), strict=True)
        return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2 * row * column


def degrees(first: Point, vertex: Point, last: Point) -> float:
    """The angle at the vertex, 0 to 180."""
    a = math.atan2(first[1] - vertex[1], first[0] - vertex[0])
    b = math.atan2(last[1] - vertex[1], last[0] - vertex[0])
    turn = abs(math.degrees(a - b)) % 360
    return min(turn, 360 - turn)


def between(cobb: Cobb) -> float:
    """The angle of two lines, 0 to 90."""
    (a, b), (c, d) = cobb.first, cobb.second
    turn = abs(math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]) - math.atan2(d[1] - c[1], d[0] - c[0]))) % 180
    return min(turn, 180 - turn)


def closed(points: Sequence[Point]) -> list[Point]:
    """The points with the first repeated at the end."""
    return [*points, points[0]]


def semi_axes(major: Ends, minor: Ends, page: Page) -> tuple[float, float]:
    """Half lengths of both axes in mm."""
    return page.mm(*major) / 2, page.mm(*minor) / 2
