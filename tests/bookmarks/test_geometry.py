from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from miner.bookmarks.geometry import (
    Grid,
    angle_between,
    area,
    box_of,
    box_to_segment,
    crossing,
    distance_to_segment,
    from_corner_frame,
    overlap,
)

coordinate = st.floats(-500, 1500).map(lambda v: round(v, 3))
point = st.tuples(coordinate, coordinate)


def test_the_centre_of_the_first_pixel() -> None:
    """PS3.3 C.10.5: 0.0\\0.0 is the corner; 0.5\\0.5 the centre of the first pixel."""
    assert from_corner_frame(0.5, 0.5) == (0.0, 0.0)
    assert from_corner_frame(511.5, 0.0) == (511.0, -0.5)


def test_the_image_reaches_half_a_pixel_beyond_its_outer_centres() -> None:
    grid = Grid(512, 256, (1.0, 1.0))
    assert grid.holds([(-0.5, -0.5), (511.5, 255.5)], 0)
    assert not grid.holds([(511.51, 0)], 0)
    assert not grid.holds([(0, 255.6)], 0)


def test_length_takes_row_spacing_for_y() -> None:
    grid = Grid(512, 512, (2.0, 0.5))
    assert grid.length((0, 0), (10, 0)) == 5
    assert grid.length((0, 0), (0, 10)) == 20


@given(point, point, point, point)
def test_crossing_is_on_both_lines(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> None:
    assume(math.dist(a, b) > 1 and math.dist(c, d) > 1 and angle_between(a, b, c, d) > 5)
    met = crossing(a, b, c, d)
    assert met is not None
    first = (a[0] + met.first * (b[0] - a[0]), a[1] + met.first * (b[1] - a[1]))
    second = (c[0] + met.second * (d[0] - c[0]), c[1] + met.second * (d[1] - c[1]))
    assert math.dist(first, second) < 1e-5 * (1 + math.hypot(*first))


def test_parallel_lines_do_not_cross() -> None:
    assert crossing((0, 0), (10, 0), (0, 5), (10, 5)) is None
    assert crossing((0, 0), (0, 0), (0, 5), (10, 5)) is None


@given(st.floats(0, math.pi), st.floats(0, 90))
def test_angle_of_two_lines(turn: float, opening: float) -> None:
    other = turn + math.radians(opening)
    ends = [(50 * math.cos(t), 50 * math.sin(t)) for t in (turn, other)]
    assert angle_between((0, 0), ends[0], (0, 0), ends[1]) == pytest.approx(opening, abs=1e-6)
    assert angle_between(ends[0], (0, 0), (0, 0), ends[1]) == pytest.approx(opening, abs=1e-6)


@given(point, point, point)
def test_distance_to_a_segment_is_never_more_than_to_its_ends(
    p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]
) -> None:
    assert distance_to_segment(p, a, b) <= min(math.dist(p, a), math.dist(p, b)) + 1e-9


def test_box_to_segment() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    assert box_to_segment(box, (-5, 5), (15, 5)) == 0
    assert box_to_segment(box, (2, 2), (3, 3)) == 0
    assert box_to_segment(box, (13, -20), (13, 20)) == 3
    assert box_to_segment(box, (20, 20), (13, 14)) == 5


def test_overlap_and_area() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert area([(0, 0), (4, 0), (4, 3)]) == 6
    assert box_of([(3, 8), (1, 9)], 5) == (-4, 3, 8, 14)
