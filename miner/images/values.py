"""Stored values to PNG values: Modality LUT transform and offset (PS3.3 C.11.1, C.7.6.16.2.9)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from miner.errors import Reason, RefusedError

OFFSET = 32768
"""DeepLesion's zero: a PNG value is HU + 32768 (deep enough for -32768 HU)."""

_LARGEST = 65535
_LARGEST_RESCALE = 2.0**40
"""Of slope and intercept. Stored values have 16 bits, so that products stay far within 64."""


def to_values(
    stored: npt.NDArray[np.integer], *, slope: float, intercept: float, has_rescale: bool
) -> npt.NDArray[np.uint16]:
    """PNG values of one slice, same shape, uint16: round-half-even(stored x slope + intercept) + 32768.

    Without rescale (``has_rescale`` False) slope and intercept are ignored: stored + 32768. Whole-numbered slope and
    intercept are applied in integer arithmetic, others in float64. Raises RefusedError(VALUE_RANGE) where a value of
    the slice falls outside 0..65535, or where the rescale is none; nothing is ever clipped or wrapped.
    """
    slope, intercept = (float(slope), float(intercept)) if has_rescale else (1.0, 0.0)
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0 or _is_absurd(slope, intercept):
        raise RefusedError("The image's rescale slope or intercept is not a usable number.", Reason.VALUE_RANGE)
    if slope.is_integer() and intercept.is_integer():
        return _whole(stored, int(slope), int(intercept) + OFFSET)
    values = np.rint(stored * np.float64(slope) + np.float64(intercept)) + OFFSET
    _check(values.min(), values.max())
    return values.astype(np.uint16)


def _is_absurd(slope: float, intercept: float) -> bool:
    return max(abs(slope), abs(intercept)) > _LARGEST_RESCALE


def _whole(stored: npt.NDArray[np.integer], slope: int, offset: int) -> npt.NDArray[np.uint16]:
    # The ends are computed in Python's unbounded integers, so that no intermediate can wrap before it is judged.
    ends = (int(stored.min()) * slope + offset, int(stored.max()) * slope + offset)
    _check(min(ends), max(ends))
    values = stored.astype(np.int64)
    if slope != 1:
        values *= slope
    values += offset
    return values.astype(np.uint16)


def _check(lowest: float, highest: float) -> None:
    if lowest < 0 or highest > _LARGEST:
        raise RefusedError(
            "The slice holds values that 16 bits cannot carry as HU + 32768; it is refused, not clipped.",
            Reason.VALUE_RANGE,
        )
