from __future__ import annotations

import math
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.dataset import LesionRow
from miner.dataset.checking.measures import box_words, diameter_words
from miner.dataset.geometry import as_written, axes_of, box_of, diameters_of, last_digit, to_written, written
from miner.images import half_width, merge


def test_the_first_pixel_s_centre_is_1_1() -> None:
    assert to_written([(0.0, 0.0), (-0.5, 511.25)]) == (1.0, 1.0, 0.5, 512.25)


def test_a_box_reaches_five_pixels_beyond_and_is_not_clipped() -> None:
    assert box_of((1.0, 2.0, 9.0, 2.0, 5.0, 1.0, 5.0, 4.0)) == (-4.0, -4.0, 14.0, 9.0)


def test_diameters_are_in_pixels_and_axes_in_the_unit_of_the_spacing() -> None:
    coordinates = (1.0, 1.0, 4.0, 5.0, 0.0, 0.0, 0.0, 2.0)
    assert diameters_of(coordinates) == (5.0, 2.0)
    assert axes_of(coordinates, (2.0, 0.5, 9.0)) == pytest.approx((math.hypot(6, 2), 1.0))


@given(st.floats(-1e5, 1e5))
def test_a_written_number_reads_back_as_written(value: float) -> None:
    assert written(as_written(value)) == written(value)
    assert abs(as_written(value) - value) <= 0.501 * max(last_digit(value), 1e-6)


def test_official_boxes_and_diameters_agree_with_their_coordinates(official_rows: list[LesionRow]) -> None:
    """All of them, within what six digits hide; the exact counts are those of the first 1,686 rows."""
    boxes = sum(box_of(row.coordinates) == row.box for row in official_rows)
    diameters = sum(diameters_of(row.coordinates) == row.diameters for row in official_rows)
    assert (boxes, diameters) == (1673, 16)
    for row in official_rows:
        assert not box_words(row.coordinates, row.box, row.size)
        assert not diameter_words(row.coordinates, row.diameters, row.spacing)


def test_official_ranges_follow_the_rule(official_rows: list[LesionRow]) -> None:
    """1,685 of 1,686; the end of a series is not in the file, so a range may end before the rule's window does."""
    series = defaultdict(list)
    for row in official_rows:
        series[row.patient_index, row.study_index, row.series_id].append(row)
    obeyed = 0
    for rows in series.values():
        halves = [half_width(row.spacing[2], axes_of(row.coordinates, row.spacing)[0]) for row in rows]
        blocks = merge((max(1, row.key_slice - h), row.key_slice + h) for row, h in zip(rows, halves, strict=True))
        for row in rows:
            first, last = next(block for block in blocks if block[0] <= row.key_slice <= block[1])
            obeyed += row.slice_range[0] == first and row.slice_range[1] <= last
    assert obeyed == 1685
