"""Graphic types on images and in space: frames, closedness, arrows; nothing that is not finite gets through."""

from __future__ import annotations

import math
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.bookmarks.reports.content import Graphic
from miner.bookmarks.reports.coordinates import SHAPES, Drawn, Hints, Unreadable, crossed_axes, draw, vertices
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import Shape

ARROW = Hints(Tool.ARROW)
AREA = Hints(encloses=True)


def on_image(kind: str, *data: float) -> Graphic:
    return Graphic(kind, data, 2)


def in_space(kind: str, *data: float) -> Graphic:
    return Graphic(kind, data, 3, "1.2")


def test_the_corner_frame_of_an_image_becomes_ours() -> None:
    """0.5, 0.5 is the centre of the first pixel (PS3.3 C.18.6.1.2)."""
    assert draw(on_image("POLYLINE", 0.5, 0.5, 10.5, 20.5), Hints()) == Drawn(Shape.LINE, ((0.0, 0.0), (10.0, 20.0)))


def test_space_is_left_as_it_is() -> None:
    assert draw(in_space("POLYLINE", 0.5, 0.5, 1, 10.5, 20.5, 2), Hints()) == Drawn(
        Shape.LINE, ((0.5, 0.5, 1), (10.5, 20.5, 2))
    )


@pytest.mark.parametrize(
    ("graphic", "hints", "shape", "points"),
    [
        (on_image("POLYLINE", 1, 1, 5, 1, 5, 5, 1, 1), Hints(), Shape.POLYGON, 3),
        (on_image("POLYLINE", 1, 1, 5, 1, 5, 5, 1.0004, 1), Hints(), Shape.POLYGON, 3),
        (on_image("POLYLINE", 1, 1, 5, 1, 5, 5), Hints(), Shape.POLYLINE, 3),
        (on_image("POLYLINE", 1, 1, 5, 1, 5, 5), AREA, Shape.POLYGON, 3),
        (on_image("POLYLINE", 1, 1, 5, 1), AREA, Shape.LINE, 2),
        (on_image("POLYLINE", 1, 1, 5, 1, 5, 1), Hints(), Shape.LINE, 2),
        (on_image("POLYLINE", 1, 1, 5, 1), ARROW, Shape.ARROW, 2),
        (on_image("CIRCLE", 5, 5, 5, 1), Hints(), Shape.CIRCLE, 2),
        (on_image("ELLIPSE", 1, 5, 9, 5, 5, 1, 5, 9), Hints(), Shape.ELLIPSE, 4),
        (on_image("POINT", 5, 5), ARROW, Shape.ARROW, 1),
        (on_image("POINT", 5, 5, 9, 9), ARROW, Shape.ARROW, 2),
        (on_image("POINT", 5, 5, 5, 5), ARROW, Shape.ARROW, 1),
        (on_image("POINT", 5, 5), Hints(tail=on_image("MULTIPOINT", 9, 9)), Shape.ARROW, 2),
        (in_space("POLYGON", 1, 1, 0, 5, 1, 0, 5, 5, 0, 1, 1, 0), Hints(), Shape.POLYGON, 3),
        (in_space("POLYGON", 1, 1, 0, 5, 1, 0, 5, 5, 0), Hints(), Shape.POLYGON, 3),
        (in_space("CIRCLE", 5, 5, 0, 5, 1, 0), Hints(), Shape.CIRCLE, 2),
        (in_space("ELLIPSE", 1, 5, 0, 9, 5, 0, 5, 1, 0, 5, 9, 0), Hints(), Shape.ELLIPSE, 4),
        (in_space("POINT", 1, 1, 1, 5, 5, 5), ARROW, Shape.ARROW, 2),
    ],
)
def test_shapes(graphic: Graphic, hints: Hints, shape: Shape, points: int) -> None:
    drawn = draw(graphic, hints)
    assert isinstance(drawn, Drawn)
    assert (drawn.shape, len(drawn.points)) == (shape, points)


@pytest.mark.parametrize(
    ("graphic", "hints", "reason"),
    [
        (on_image("POINT", 5, 5), Hints(), Reason.SINGLE_POINT),
        (on_image("POINT", 5, 5, 9, 9), Hints(), Reason.SINGLE_POINT),
        (on_image("POINT", 5, 5), Hints(Tool.POINT), Reason.SINGLE_POINT),
        (on_image("POINT", 5, 5, 6, 6, 7, 7), ARROW, Reason.MALFORMED_GRAPHIC),
        (on_image("POINT", 5, 5), Hints(tail=in_space("MULTIPOINT", 9, 9, 9)), Reason.SINGLE_POINT),
        (on_image("POINT", 5, 5), Hints(tail=on_image("MULTIPOINT", math.nan, 9)), Reason.SINGLE_POINT),
        (on_image("MULTIPOINT", 5, 5, 6, 6), Hints(), Reason.SINGLE_POINT),
        (on_image("POLYLINE", 5, 5), Hints(), Reason.MALFORMED_GRAPHIC),
        (on_image("POLYLINE", 5, 5, 5, 5), Hints(), Reason.MALFORMED_GRAPHIC),
        (on_image("POLYLINE", 5, 5, 9, 9, 5, 5), Hints(), Reason.MALFORMED_GRAPHIC),
        (on_image("CIRCLE", 5, 5, 5, 5), Hints(), Reason.MALFORMED_GRAPHIC),
        (on_image("CIRCLE", 5, 5), Hints(), Reason.MALFORMED_GRAPHIC),
        (on_image("ELLIPSE", 1, 5, 9, 5), Hints(), Reason.MALFORMED_GRAPHIC),
        (on_image("ELLIPSE", 1, 5, 1, 5, 5, 1, 5, 9), Hints(), Reason.MALFORMED_GRAPHIC),
        (in_space("POLYGON", 1, 1, 0, 5, 1, 0), Hints(), Reason.MALFORMED_GRAPHIC),
        (in_space("ELLIPSOID", *range(18)), Hints(), Reason.UNKNOWN_GRAPHIC),
        (on_image("INTERPOLATED", 1, 1, 2, 2), Hints(), Reason.UNKNOWN_GRAPHIC),
        (on_image("", 1, 1, 2, 2), Hints(), Reason.UNKNOWN_GRAPHIC),
        (on_image("POLYLINE", 1, math.nan, 2, 2), Hints(), Reason.POINT_NOT_FINITE),
        (in_space("POLYLINE", 1, 1, math.inf, 2, 2, 2), Hints(), Reason.POINT_NOT_FINITE),
    ],
)
def test_what_is_no_shape(graphic: Graphic, hints: Hints, reason: Reason) -> None:
    drawn = draw(graphic, hints)
    assert isinstance(drawn, Unreadable)
    assert drawn.reason is reason


def test_an_arrow_has_its_tip_first() -> None:
    drawn = draw(on_image("POINT", 5.5, 5.5), Hints(tail=on_image("MULTIPOINT", 9.5, 8.5)))
    assert drawn == Drawn(Shape.ARROW, ((5.0, 5.0), (9.0, 8.0)))
    assert draw(on_image("POLYLINE", 5.5, 5.5, 9.5, 8.5), ARROW) == drawn


def test_both_axes_in_one_polyline() -> None:
    axes = crossed_axes(on_image("POLYLINE", 10.5, 50.5, 90.5, 50.5, 40.5, 30.5, 40.5, 70.5))
    assert axes == (Drawn(Shape.LINE, ((10, 50), (90, 50))), Drawn(Shape.LINE, ((40, 30), (40, 70))))


@pytest.mark.parametrize(
    "graphic",
    [
        on_image("POLYLINE", 10, 50, 90, 50, 90, 80, 10, 80),
        on_image("POLYLINE", 10, 50, 90, 50, 140, 30, 140, 70),
        on_image("POLYLINE", 10, 50, 90, 50, 40, 30),
        on_image("MULTIPOINT", 10, 50, 90, 50, 40, 30, 40, 70),
        on_image("POLYLINE", 10, 50, 90, 50, 40, math.nan, 40, 70),
        in_space("POLYLINE", 10, 50, 0, 90, 50, 0, 40, 30, 0, 40, 70, 0),
    ],
)
def test_a_path_that_is_no_pair_of_axes(graphic: Graphic) -> None:
    assert crossed_axes(graphic) is None


coordinate = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(
    st.sampled_from([*SHAPES, "RUBBISH"]),
    st.sampled_from([2, 3]),
    st.integers(1, 8),
    st.data(),
    st.sampled_from([Hints(), ARROW, AREA]),
)
def test_no_graphic_raises_and_none_lets_rubbish_through(
    kind: str, dimensions: int, count: int, data: st.DataObject, hints: Hints
) -> None:
    values = data.draw(st.lists(coordinate, min_size=dimensions * count, max_size=dimensions * count))
    graphic = Graphic(kind, tuple(values), dimensions)
    drawn = draw(graphic, hints)
    crossed_axes(graphic)
    if isinstance(drawn, Drawn):
        assert all(math.isfinite(value) for value in chain.from_iterable(drawn.points))
        assert set(drawn.points) <= set(vertices(graphic))
        assert len(drawn.points) == len(set(drawn.points)) or drawn.shape in (Shape.POLYLINE, Shape.POLYGON)


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), min_size=3, max_size=12, unique=True))
def test_a_closed_path_gives_its_vertices_back(corners: list[tuple[int, int]]) -> None:
    data = [value + 0.5 for corner in [*corners, corners[0]] for value in corner]
    assert draw(on_image("POLYLINE", *data), Hints()) == Drawn(Shape.POLYGON, tuple(corners))
