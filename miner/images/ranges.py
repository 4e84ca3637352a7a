"""Which slices belong to a bookmark: DeepLesion's Slice_range rule, and its stand-in where spacing is not even.

Slice numbers count from 1 in the whole volume, head to feet; windows are (first, last), both included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from miner.errors import Reason
from miner.records import SeriesGeometry

_POSITION_SLACK_MM = 0.01


def half_width(spacing_z: float, long_mm: float, context_mm: float = 30.0) -> int:
    """Slices on each side of a key slice.

    As many as cover ``context_mm``, unless half the long axis reaches more than half a slice beyond them: then as many
    as cover half the long axis. ``spacing_z`` and ``long_mm`` in mm; both are taken as written in DL_info.csv
    (``%.6g``), so that a reader of the file computes the same. Raises ValueError where spacing is not positive.
    """
    distance, length = _as_written(spacing_z), _as_written(long_mm)
    if not (distance > 0 and math.isfinite(distance) and math.isfinite(length) and math.isfinite(context_mm)):
        raise ValueError("slice distance, length and context must be finite, the distance positive")
    base = max(0, math.ceil(context_mm / distance - 1e-6))
    radius = length / 2 / distance
    return math.ceil(radius - 1e-9) if radius > base + 0.5 else base


def _as_written(value: float) -> float:
    return float(f"{value:.6g}")


def window(key: int, half: int, slices: int) -> tuple[int, int]:
    """``[key - half, key + half]`` clipped to ``[1, slices]``. Raises ValueError for a key slice outside the volume."""
    if not 1 <= key <= slices or half < 0:
        raise ValueError("the key slice must lie in its volume and the half width must not be negative")
    return max(1, key - half), min(slices, key + half)


def merge(windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Blocks of windows that overlap or touch (next first <= last + 1), in order; neighbours are at least two apart."""
    blocks: list[tuple[int, int]] = []
    for first, last in sorted(windows):
        if first > last:
            raise ValueError("a window's first slice must not lie behind its last")
        if blocks and first <= blocks[-1][1] + 1:
            blocks[-1] = (blocks[-1][0], max(blocks[-1][1], last))
        else:
            blocks.append((first, last))
    return blocks


def within(geometry: SeriesGeometry, key: int, context_mm: float) -> tuple[int, int]:
    """Slices no further than ``context_mm`` from the key slice along the normal, for volumes refused for DL_info.csv.

    The key slice alone where the volume has no positions: an unknown distance is not a small one.
    """
    if not 1 <= key <= geometry.slices:
        raise ValueError("the key slice must lie in its volume")
    if Reason.NO_POSITION in geometry.refusals:
        return key, key
    centre, reach = geometry.positions[key - 1], context_mm + _POSITION_SLACK_MM
    near = [number for number, at in enumerate(geometry.positions, start=1) if abs(at - centre) <= reach]
    return near[0], near[-1]
