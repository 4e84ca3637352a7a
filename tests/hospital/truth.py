"""Rows of a release against what was drawn."""

from __future__ import annotations

import math

from miner.dataset import LesionRow
from tests.annotations import Pair


def distance(row: LesionRow, drawn: Pair) -> float:
    """Largest distance in pixels of an end point from where it was drawn; the order of two ends has no meaning."""
    points = [(row.coordinates[k] - 1.0, row.coordinates[k + 1] - 1.0) for k in range(0, 8, 2)]
    return max(
        min(max(math.dist(a, ends[0]), math.dist(b, ends[1])) for a, b in (pair, pair[::-1]))
        for pair, ends in ((points[:2], drawn.long), (points[2:], drawn.short))
    )
