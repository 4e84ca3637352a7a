"""Stored values to PNG values: exact, or refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import Reason, RefusedError
from miner.images import to_values


def values(stored, slope=1.0, intercept=0.0, has_rescale=True, dtype=np.int16):
    array = np.array([stored], dtype)
    return to_values(array, slope=slope, intercept=intercept, has_rescale=has_rescale)[0].tolist()


def test_hu_plus_32768():
    assert values([0, 1024, 4095], 1, -1024, dtype=np.uint16) == [31744, 32768, 35839]
    assert values([-2000, 0, 3071]) == [30768, 32768, 35839]
    assert values([0, 2, 4], 0.5, -1000) == [31768, 31769, 31770]


def test_without_rescale_slope_and_intercept_are_nothing():
    assert values([-5, 7], 3, 100, has_rescale=False) == [32763, 32775]


def test_halves_go_to_the_even_neighbour():
    assert values([1, 3, 5, -1, -3], 0.5, 0) == [32768, 32770, 32770, 32768, 32766]


def test_the_ends_of_the_range_are_kept():
    assert values([-32768, 32767]) == [0, 65535]
    assert values([0, 65535], 1, -32768, dtype=np.uint16) == [0, 65535]


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "dtype"),
    [
        ([0, 65535], 1, 0, np.uint16),
        ([0, 65535], 1, -32769, np.uint16),
        ([-32768, 0], 1, -1, np.int16),
        ([0, 32767], 1, 1, np.int16),
        ([0, 4096], 16, 0, np.int16),
        ([0, 2**31 - 1], 2**40, 0, np.int32),
        ([0, 1], 1e300, 0, np.int16),
        ([0, 32767], 1.00005, 0, np.int16),
        ([0, 1], float("nan"), 0, np.int16),
        ([0, 1], 1, float("inf"), np.int16),
        ([0, 1], 0, 0, np.int16),
    ],
)
def test_what_16_bits_cannot_carry_is_refused(stored, slope, intercept, dtype):
    with pytest.raises(RefusedError) as caught:
        values(stored, slope, intercept, dtype=dtype)
    assert caught.value.reason is Reason.VALUE_RANGE


def test_one_pixel_is_enough():
    stored = np.zeros((64, 64), np.uint16)
    stored[63, 63] = 65535
    with pytest.raises(RefusedError):
        to_values(stored, slope=1, intercept=0, has_rescale=True)


def test_shape_and_input_stay():
    stored = np.arange(6, dtype=np.int16).reshape(2, 3)
    result = to_values(stored, slope=2, intercept=0, has_rescale=True)
    assert (result.shape, result.dtype) == ((2, 3), np.uint16)
    assert stored.tolist() == [[0, 1, 2], [3, 4, 5]]


@given(
    st.lists(st.integers(-32768, 32767), min_size=1, max_size=20),
    st.one_of(st.integers(-3, 3).filter(bool).map(float), st.sampled_from([0.5, 0.25, 1.5, -0.5, 0.125])),
    st.integers(-2000, 2000),
)
def test_against_exact_arithmetic(stored, slope, intercept):
    """Slopes that float64 holds exactly: the result is that of rational numbers."""
    exact = [round(Fraction(slope) * value + intercept) + 32768 for value in stored]
    if min(exact) < 0 or max(exact) > 65535:
        with pytest.raises(RefusedError):
            values(stored, slope, intercept)
    else:
        assert values(stored, slope, intercept) == exact


@pytest.mark.parametrize(("slope", "intercept"), [(1e300, 0.0), (-1e19, 0.0), (1.0, 1e300), (2.0**63, -(2.0**63))])
def test_a_rescale_beyond_whole_numbers_is_refused_even_of_zeros(slope: float, intercept: float) -> None:
    with pytest.raises(RefusedError) as caught:
        to_values(np.zeros((2, 2), np.int16), slope=slope, intercept=intercept, has_rescale=True)
    assert caught.value.reason is Reason.VALUE_RANGE
