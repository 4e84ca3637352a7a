"""Arrows, angles, ticks, rulers and cross-hairs among bare lines, and the pairs beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks import recognise
from miner.errors import Reason
from miner.records import Encoding, ImageReference, Kind, Mark, Measurement, Point, Recognition, Shape, Unit
from tests.annotations.styles import across, head

REFERENCE = ImageReference("1.2", "1.2.3")
Make = Callable[..., Mark]


def found(marks: Sequence[Mark]) -> Recognition:
    return recognise(marks, columns=512, rows=512, pixel_spacing=(1.0, 1.0))


def summary(marks: Sequence[Mark]) -> tuple[list[Kind], list[Reason]]:
    result = found(marks)
    return [b.kind for b in result.bookmarks], [r.reason for r in result.refused]


def degrees(value: float) -> tuple[Measurement, ...]:
    return (Measurement(value, Unit.DEGREE),)


def mm(value: float) -> tuple[Measurement, ...]:
    return (Measurement(value, Unit.MM),)


# ------------------------------------------------------------------------------------------------------------- arrows


@settings(max_examples=100, deadline=None)
@given(
    tip=st.tuples(st.floats(100, 400), st.floats(100, 400)),
    turn=st.floats(0, 2 * math.pi),
    length=st.floats(12, 90),
    tip_first=st.booleans(),
    closed=st.booleans(),
)
def test_a_line_and_a_head(tip: Point, turn: float, length: float, tip_first: bool, closed: bool) -> None:
    tail = (tip[0] + length * math.cos(turn), tip[1] + length * math.sin(turn))
    shaft = (tip, tail) if tip_first else (tail, tip)
    shape = Shape.POLYGON if closed else Shape.POLYLINE
    marks = [
        Mark(Shape.LINE, REFERENCE, shaft, Encoding.GSPS_POLYLINE, 0),
        Mark(shape, REFERENCE, tuple(head(tip, tail)), Encoding.GSPS_POLYLINE, 1),
    ]
    (bookmark,) = found(marks).bookmarks
    assert (bookmark.kind, bookmark.points, bookmark.orders) == (Kind.ARROW, (tip, tail), (0, 1))


def test_an_arrow_s_shaft_is_no_axis(line: Make, mark: Make) -> None:
    """Its tip lies inside of a measured lesion, crossing its long axis."""
    tip, tail = (205.0, 205.0), (205.0, 180.0)
    marks = [
        line((180.0, 200.0), (220.0, 200.0), 0),
        line((200.0, 190.0), (200.0, 212.0), 1),
        line(tail, tip, 2),
        mark(Shape.POLYLINE, head(tip, tail), 3),
    ]
    assert summary(marks) == ([Kind.RECIST, Kind.ARROW], [])


def test_a_large_open_angle_at_a_line_s_end_is_no_head(line: Make, mark: Make) -> None:
    marks = [
        line((100.0, 100.0), (130.0, 100.0), 0),
        mark(Shape.POLYLINE, [(160.0, 60.0), (130.0, 100.0), (160.0, 140.0)], 1),
    ]
    assert summary(marks) == ([Kind.LINE], [Reason.OPEN_POLYLINE])


# ------------------------------------------------------------------------------------------------------------- angles


def test_sides_of_an_angle(line: Make) -> None:
    marks = [
        line((100.0, 100.0), (140.0, 100.0), 0, item=0, texts=degrees(90)),
        line((140.0, 100.0), (140.0, 140.0), 1, item=0),
    ]
    assert summary(marks) == ([], [Reason.ANGLE_TOOL] * 2)


def test_a_cobb_angle_s_other_side_is_the_one_that_makes_the_angle(line: Make) -> None:
    marks = [
        line((100.0, 100.0), (150.0, 100.0), 0, item=0, texts=degrees(30)),
        line((300.0, 300.0), (340.0, 302.0), 1, item=0),
        line((100.0, 160.0), (143.3, 185.0), 2, item=0),
    ]
    assert summary(marks) == ([Kind.LINE], [Reason.ANGLE_TOOL] * 2)


def test_an_angle_s_text_tied_to_a_lesion_s_line_goes_back(line: Make) -> None:
    marks = [
        line((180.0, 195.0), (220.0, 205.0), 0, item=0, texts=degrees(30)),
        line((203.0, 188.0), (197.0, 212.0), 1, item=0),
        line((100.0, 100.0), (150.0, 100.0), 2, item=0),
        line((100.0, 160.0), (143.3, 185.0), 3, item=0),
    ]
    assert summary(marks) == ([Kind.RECIST], [Reason.ANGLE_TOOL] * 2)


def test_a_line_whose_text_gives_length_and_orientation_is_measured(line: Make) -> None:
    drawn = line((100.0, 100.0), (140.0, 100.0), texts=(*mm(40), *degrees(0)))
    assert summary([drawn]) == ([Kind.LINE], [])


def test_lengths_tied_to_the_wrong_line_go_back(line: Make) -> None:
    marks = [
        line((100.0, 100.0), (140.0, 100.0), 0, item=0, texts=mm(25)),
        line((100.0, 110.0), (125.0, 110.0), 1, item=0, texts=mm(40)),
        line((100.0, 120.0), (130.0, 120.0), 2, item=0),
    ]
    assert [(b.text_mm, b.doubts) for b in found(marks).bookmarks] == [(40, ()), (25, ()), (None, ())]
    apart = [
        line((100.0, 100.0), (140.0, 100.0), 0, item=0, texts=mm(25)),
        line((100.0, 110.0), (125.0, 110.0), 1, item=1, texts=mm(40)),
    ]
    assert all(b.doubts for b in found(apart).bookmarks), "not across items: there the producer tied them"


# -------------------------------------------------------------------------------------------------- rulers, cross-hairs


def test_end_ticks_and_rulers(line: Make) -> None:
    ruler = ((100.0, 100.0), (160.0, 130.0))
    ticks = [across(ruler, at, 5.0) for at in (0.0, 1.0)]
    marks = [line(*ends, i) for i, ends in enumerate([ruler, *ticks])]
    assert summary(marks) == ([Kind.LINE], [Reason.RULER_TICK] * 2)
    many = [across(ruler, i / 6, 5.0) for i in range(7)]
    marks = [line(*ends, i) for i, ends in enumerate([ruler, *many])]
    assert summary(marks) == ([Kind.LINE], [Reason.RULER_TICK] * 7)


def test_a_pair_of_rulers_with_ticks_is_a_pair(line: Make) -> None:
    long, short = ((100.0, 200.0), (140.0, 200.0)), ((120.0, 188.0), (120.0, 212.0))
    drawn = [long, across(long, 0, 4.0), across(long, 1, 4.0), short, across(short, 0, 4.0), across(short, 1, 4.0)]
    assert summary([line(*ends, i) for i, ends in enumerate(drawn)]) == ([Kind.RECIST], [Reason.RULER_TICK] * 4)


def test_a_confirmed_short_line_is_no_tick(line: Make) -> None:
    marks = [
        line((100.0, 200.0), (160.0, 200.0), 0, texts=mm(60), tool="distance"),
        line((130.0, 195.0), (130.0, 205.0), 1, texts=mm(10), tool="distance"),
    ]
    assert summary(marks)[0] == [Kind.RECIST]


@pytest.mark.parametrize("labelled", [True, False])
def test_all_distances_on_one_layer_are_not_ticks_of_each_other(line: Make, labelled: bool) -> None:
    marks = [
        line((100.0, 200.0), (140.0, 200.0), 0, tool="distance", texts=mm(40) if labelled else ()),
        line((120.0, 194.0), (120.0, 206.0), 1, tool="distance", texts=mm(12) if labelled else ()),
        line((300.0, 300.0), (340.0, 300.0), 2, tool="distance"),
    ]
    assert summary(marks) == ([Kind.RECIST, Kind.LINE], [])


def test_a_scale_at_the_edge_and_a_measured_ruler_there(line: Make) -> None:
    scale = ((10.0, 200.0), (10.0, 300.0))
    drawn = [scale, *(across(scale, i / 5, 6.0) for i in range(6))]
    bare = [line(*ends, i) for i, ends in enumerate(drawn)]
    assert summary(bare) == ([], [Reason.TOOL_NOT_A_LESION, *[Reason.RULER_TICK] * 6])
    measured = [line(*drawn[0], 0, texts=mm(100)), *bare[1:]]
    assert summary(measured) == ([Kind.LINE], [Reason.RULER_TICK] * 6)


def test_cross_hairs_are_refused_and_a_wide_patient_is_not(line: Make) -> None:
    hair = [line((0.0, 250.0), (511.0, 250.0), 0), line((256.0, 0.0), (256.0, 511.0), 1)]
    assert summary(hair) == ([], [Reason.TOOL_NOT_A_LESION] * 2)
    body = [
        line((40.0, 250.0), (470.0, 250.0), 0, texts=mm(430)),
        line((256.0, 60.0), (256.0, 460.0), 1, texts=mm(400)),
    ]
    assert summary(body) == ([Kind.RECIST], [])


def test_t_with_a_corner_mark(line: Make, mark: Make) -> None:
    marks = [
        line((200.0, 400.0), (260.0, 400.0), 0, item=0),
        line((230.0, 360.0), (230.0, 400.0), 1, item=0),
        mark(Shape.POLYLINE, [(230.0, 395.0), (235.0, 395.0), (235.0, 400.0)], 2, item=0),
    ]
    assert summary(marks) == ([], [Reason.TOOL_NOT_A_LESION] * 3)


@pytest.mark.parametrize("fraction", [0.0, 0.0123])
def test_a_small_pair_cut_to_whole_pixels_is_no_marker(line: Make, fraction: float) -> None:
    """Integers are as exact by chance as a program's cross; BlueLight adds the same fraction to all of them."""
    shift = float(np.float32(200 + fraction)) - 200.5
    arms = [((95, 100), (105, 100)), ((100, 95), (100, 105))]
    marks = [
        line(*((x + shift, y + shift) for x, y in ends), order, item=0, layer=1) for order, ends in enumerate(arms)
    ]
    recognised = found(marks)
    assert [bookmark.kind for bookmark in recognised.bookmarks] == [Kind.RECIST]
