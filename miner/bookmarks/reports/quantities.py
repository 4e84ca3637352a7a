"""Measured values of reports: which are lengths, areas, angles. The unit decides, then the code, then the meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from miner.bookmarks.reports.codes import Concept, Term
from miner.records import Measurement, Unit

_LENGTHS: Mapping[str, tuple[float, Unit]] = {
    "um": (0.001, Unit.MM),
    "mm": (1.0, Unit.MM),
    "cm": (1.0, Unit.CM),
    "{pixels}": (1.0, Unit.PIXEL),
    "{pixel}": (1.0, Unit.PIXEL),
    "[px]": (1.0, Unit.PIXEL),
    "px": (1.0, Unit.PIXEL),
    "pixels": (1.0, Unit.PIXEL),
}
_ANGLES: Mapping[str, float] = {"deg": 1.0, "°": 1.0, "rad": 180 / math.pi, "'": 1 / 60}
_AREAS = frozenset({"um2", "mm2", "cm2", "{pixels}2", "px2", "px\xb2"})
_NO_UNIT = frozenset({"", "1", "{ratio}"})

_LENGTH_TERMS = frozenset({Term.LONG_AXIS, Term.SHORT_AXIS, Term.LENGTH})
_NOT_AN_EXTENT = frozenset({Term.AROUND, Term.RADIUS, Term.CALIBRATION})


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured value (PS3.3 C.18.1) and what it is called. ``value`` None: absent or unreadable."""

    term: Term | None
    value: float | None
    unit: str

    @property
    def is_length(self) -> bool:
        """Whether it says from where to where something reaches: a length or diameter, no perimeter or radius."""
        if self.term in _NOT_AN_EXTENT:
            return False
        return self.unit in _LENGTHS or (self.unit not in _OTHERS and self.term in _LENGTH_TERMS)

    @property
    def is_named_length(self) -> bool:
        """Whether its name says so too: a unit of length alone may be a slice's thickness."""
        return self.is_length and self.term in _LENGTH_TERMS

    @property
    def is_area(self) -> bool:
        """Whether it is an area that was really measured: some writers put an empty one beside every curve."""
        named = self.term is Term.AREA and (self.unit in _NO_UNIT or self.unit.startswith("[arb"))
        return (self.unit in _AREAS or named) and self.value is not None and self.value > 0

    @property
    def is_angle(self) -> bool:
        """Whether it is the angle between two lines."""
        return self.unit in _ANGLES or (self.unit in _NO_UNIT and self.term in (Term.ANGLE, Term.COBB_ANGLE))

    def measurement(self) -> Measurement | None:
        """The length or angle with its unit; None where its unit is unknown or says that nothing was calibrated."""
        if self.value is None or not math.isfinite(self.value) or self.value < 0:
            return None
        if self.unit in _ANGLES:
            return Measurement(self.value * _ANGLES[self.unit], Unit.DEGREE)
        if self.unit in _LENGTHS and self.value > 0:
            factor, unit = _LENGTHS[self.unit]
            return Measurement(self.value * factor, unit)
        return None


_OTHERS = _AREAS | frozenset(_ANGLES) | frozenset({"mm3", "cm3", "ml", "[hnsf'U]", "%"})
"""Units that are surely not one of length."""


def unit_of(concept: Concept | None) -> str:
    """A unit's code, whatever its scheme; empty where there is none."""
    return "" if concept is None else concept.value.strip()
