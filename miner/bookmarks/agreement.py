"""Do the texts say what the geometry says? A mismatch shows a wrong image, a user calibration or a wrong pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from miner.records import Measurement, Unit

RELATIVE = 0.02
"""Viewers round points and spacing, and measure on screen: 2 % …"""

ABSOLUTE_MM = 0.5
"""… or half a millimetre, the rounding of a text without decimals."""


def lengths_mm(texts: Iterable[Measurement], mm_per_pixel: float) -> tuple[float, ...]:
    """The lengths among the texts in mm. ``mm_per_pixel``: along the graphic, for texts that count pixels."""
    factors = {Unit.MM: 1.0, Unit.CM: 10.0, Unit.PIXEL: mm_per_pixel}
    return tuple(text.value * factors[text.unit] for text in texts if text.unit in factors)


def has_angle(texts: Iterable[Measurement]) -> bool:
    """Whether a text gives an angle."""
    return any(text.unit is Unit.DEGREE for text in texts)


def agrees(text_mm: float, length_mm: float) -> bool:
    """Whether a text and a length are the same measurement."""
    return abs(text_mm - length_mm) <= max(RELATIVE * length_mm, ABSOLUTE_MM)


def closest(lengths: Sequence[float], length_mm: float) -> float | None:
    """Of several measured lengths the one that is meant; None where there is none."""
    return min(lengths, key=lambda length: (abs(length - length_mm), length), default=None)


def any_agrees(lengths: Iterable[float], length_mm: float) -> bool:
    """Whether one of several measured lengths is this one."""
    return any(agrees(length, length_mm) for length in lengths)
