"""Numbers and boxes as DeepLesion writes them.

DeepLesion's frame is 1-based: (1.0, 1.0) is the centre of the first pixel, x to the right, y down, in pixels. Inside
the miner (0.0, 0.0) is that centre (:mod:`miner.records`); :func:`to_written` is the only place that converts.

Everything that can be recomputed from a row is computed from the numbers **as written**, so that a reader who
recomputes it from the file gets the digits that stand there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from miner.records import Point

BOX_MARGIN = 5.0
"""Pixels between the end points and the box on every side; boxes are not clipped to the image."""


def written(value: float) -> str:
    """A number as C's ``%.6g``; a negative zero loses its sign."""
    return f"{value + 0.0:.6g}"


def as_written(value: float) -> float:
    """The value that a reader of :func:`written` gets."""
    return float(written(value))


def last_digit(value: float) -> float:
    """Worth of the sixth significant digit of ``value``: the step of ``%.6g``."""
    return 10.0 ** (math.floor(math.log10(abs(value))) - 5) if value else 1e-6


def to_written(points: Sequence[Point]) -> tuple[float, ...]:
    """Points of the pixel centres frame (0-based) as x, y, x, y … of DeepLesion's 1-based frame, as written."""
    return tuple(as_written(value + 1.0) for point in points for value in point)


def box_of(coordinates: Sequence[float]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom: the extent of x, y, x, y … and :data:`BOX_MARGIN` pixels on every side."""
    x, y = coordinates[0::2], coordinates[1::2]
    return (
        as_written(min(x) - BOX_MARGIN),
        as_written(min(y) - BOX_MARGIN),
        as_written(max(x) + BOX_MARGIN),
        as_written(max(y) + BOX_MARGIN),
    )


def diameters_of(coordinates: Sequence[float]) -> tuple[float, float]:
    """Lengths of the two axes of eight coordinates in pixels: Euclidean, without spacing, the long one first."""
    long, short = axes_of(coordinates, (1.0, 1.0))
    return as_written(long), as_written(short)


def axes_of(coordinates: Sequence[float], spacing: Sequence[float]) -> tuple[float, float]:
    """Lengths of the two axes in the unit of ``spacing`` = (x, y, …), the written long axis first, not rounded."""
    return length_of(coordinates[:4], spacing), length_of(coordinates[4:8], spacing)


def length_of(ends: Sequence[float], spacing: Sequence[float]) -> float:
    """Distance of two points x1, y1, x2, y2 in pixels, in the unit of ``spacing`` = (x, y, …)."""
    return math.hypot((ends[2] - ends[0]) * spacing[0], (ends[3] - ends[1]) * spacing[1])
