"""Patient_index and split, from the patient's surrogate alone.

The surrogate is a keyed digest already, so what is drawn from it follows neither record number, date nor order of
discovery; the plain SHA-256 here only separates the uses.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from itertools import count

_TRAIN_PERCENT = 70
_TRAIN_AND_VALIDATION_PERCENT = 85


def patient_sequence(patient_key: str, first: int, last: int) -> Iterator[int]:
    """The patient's own walk over ``first``..``last``: every index of the block once, then again, without end.

    A patient gets the first free number of it at release. The walk is that of double hashing (Knuth, The Art of
    Computer Programming, vol. 3, 6.4, algorithm D): a drawn start, then drawn steps of a length that has no common
    divisor with the size of the block. Two patients that meet at one number part again at the next.

    Raises ValueError for an empty block.
    """
    size = last - first + 1
    if size < 1:
        raise ValueError("a block of patient indices needs at least one number")
    place = _draw(patient_key, "start") % size
    step = _step(patient_key, size)
    return (first + (place + taken * step) % size for taken in count())


def split_of(patient_key: str) -> int:
    """1 training, 2 validation, 3 test, at 70/15/15 (Train_Val_Test): for ever, whatever other patients come."""
    percent = _draw(patient_key, "split") * 100 >> 128
    if percent < _TRAIN_PERCENT:
        return 1
    return 2 if percent < _TRAIN_AND_VALIDATION_PERCENT else 3


def _step(patient_key: str, size: int) -> int:
    """A step of 1..size - 1 that shares no divisor with ``size``: the first that fits after a drawn one."""
    if size < 3:
        return 1
    drawn = _draw(patient_key, "step")
    candidates = (1 + (drawn + skipped) % (size - 1) for skipped in range(size - 1))
    return next(step for step in candidates if math.gcd(step, size) == 1)


def _draw(patient_key: str, use: str) -> int:
    """A number of 128 bits."""
    return int.from_bytes(hashlib.sha256(f"{use}:{patient_key}".encode()).digest()[:16], "big")
