"""Units decide what a number measures; the code and its meaning follow."""

from __future__ import annotations

import math

import pytest

from miner.bookmarks.reports.codes import Term
from miner.bookmarks.reports.quantities import Quantity
from miner.records import Measurement, Unit


@pytest.mark.parametrize(
    ("unit", "value", "measured"),
    [
        ("mm", 12.5, Measurement(12.5, Unit.MM)),
        ("cm", 1.25, Measurement(1.25, Unit.CM)),
        ("um", 1500.0, Measurement(1.5, Unit.MM)),
        ("{pixels}", 17.0, Measurement(17.0, Unit.PIXEL)),
        ("deg", 90.0, Measurement(90.0, Unit.DEGREE)),
        ("rad", math.pi, Measurement(180.0, Unit.DEGREE)),
        ("1", 12.5, None),
        ("", 12.5, None),
        ("furlong", 12.5, None),
        ("mm", math.nan, None),
        ("mm", math.inf, None),
        ("mm", -1.0, None),
        ("mm", 0.0, None),
        ("mm", None, None),
    ],
)
def test_a_measurement_has_a_known_unit(unit: str, value: float | None, measured: Measurement | None) -> None:
    assert Quantity(Term.LENGTH, value, unit).measurement() == measured


@pytest.mark.parametrize(
    ("term", "unit", "length", "area", "angle"),
    [
        (Term.LENGTH, "mm", True, False, False),
        (None, "mm", True, False, False),
        (Term.LENGTH, "1", True, False, False),
        (Term.LENGTH, "mm2", False, True, False),
        (Term.AREA, "mm", True, False, False),
        (Term.AREA, "1", False, True, False),
        (Term.LENGTH, "deg", False, False, True),
        (Term.ANGLE, "1", False, False, True),
        (Term.RADIUS, "mm", False, False, False),
        (Term.AROUND, "mm", False, False, False),
        (Term.CALIBRATION, "mm", False, False, False),
        (None, "1", False, False, False),
        (Term.LONG_AXIS, "[hnsf'U]", False, False, False),
    ],
)
def test_the_unit_goes_before_the_code(term: Term | None, unit: str, length: bool, area: bool, angle: bool) -> None:
    number = Quantity(term, 2.0, unit)
    assert (number.is_length, number.is_area, number.is_angle) == (length, area, angle)


def test_an_area_that_was_not_measured_is_none() -> None:
    assert not Quantity(Term.AREA, 0.0, "mm2").is_area
    assert not Quantity(Term.AREA, None, "mm2").is_area
    assert not Quantity(Term.AREA, math.nan, "mm2").is_area


def test_a_unit_of_length_alone_does_not_name_a_length() -> None:
    assert not Quantity(None, 5.0, "mm").is_named_length
    assert Quantity(Term.LENGTH, 5.0, "mm").is_named_length
