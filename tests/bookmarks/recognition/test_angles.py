"""Sides of angles where everything stands in one item, and a lesion's axes beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks import recognise
from miner.errors import Reason
from miner.records import Encoding, ImageReference, Kind, Mark, Measurement, Point, Recognition, Shape, Unit

REFERENCE = ImageReference("1.2", "1.2.3")
Make = Callable[..., Mark]
Ends = tuple[Point, Point]
LESION: tuple[Ends, Ends] = (((180.0, 195.0), (220.0, 205.0)), ((203.0, 188.0), (197.0, 212.0)))


def one_item(lines: Sequence[Ends], degrees: dict[int, float]) -> Recognition:
    """All lines in one item; ``degrees``: index of the line that an angle's text is tied to → the angle."""
    marks = [
        Mark(
            Shape.LINE,
            REFERENCE,
            ends,
            Encoding.GSPS_POLYLINE,
            i,
            texts=(Measurement(degrees[i], Unit.DEGREE),) if i in degrees else (),
        )
        for i, ends in enumerate(lines)
    ]
    return recognise(marks, columns=512, rows=512, pixel_spacing=(1.0, 1.0))


def angle(vertex: Point, turn: float, opening: float, sides: tuple[float, float] = (40.0, 40.0)) -> tuple[Ends, Ends]:
    ends = [
        (vertex[0] + length * math.cos(math.radians(t)), vertex[1] + length * math.sin(math.radians(t)))
        for length, t in zip(sides, (turn, turn + opening), strict=True)
    ]
    return (ends[0], vertex), (vertex, ends[1])


def refused(found: Recognition) -> set[int]:
    assert {refusal.reason for refusal in found.refused} <= {Reason.ANGLE_TOOL}
    return {refusal.order for refusal in found.refused}


@settings(max_examples=150, deadline=None)
@given(
    turn=st.floats(0, 360),
    opening=st.floats(8, 172),
    sides=st.tuples(st.floats(20, 80), st.floats(20, 80)),
    tied=st.integers(0, 3),
    first=st.booleans(),
)
def test_an_angle_beside_a_lesion(
    turn: float, opening: float, sides: tuple[float, float], tied: int, first: bool
) -> None:
    """Whichever line its text is tied to, the two that meet and make the angle are its sides."""
    drawn = angle((330.0, 200.0), turn, opening, sides)
    lines = [*drawn, *LESION] if first else [*LESION, *drawn]
    found = one_item(lines, {tied: opening})
    assert refused(found) == ({0, 1} if first else {2, 3})
    assert [bookmark.kind for bookmark in found.bookmarks] == [Kind.RECIST]


def test_an_angle_whose_side_ends_on_a_lesion_s_axis() -> None:
    drawn = angle((205.0, 201.0), 280, 50)
    found = one_item([*LESION, *drawn], {2: 50})
    assert refused(found) == {2, 3}
    assert [bookmark.kind for bookmark in found.bookmarks] == [Kind.RECIST]


@pytest.mark.parametrize("tied", [0, 2, 3])
def test_a_cobb_angle_whose_text_stands_by_a_lesion(tied: int) -> None:
    cobb = (((100.0, 100.0), (150.0, 100.0)), ((100.0, 160.0), (143.3, 185.0)))
    found = one_item([*LESION, *cobb], {tied: 30})
    assert refused(found) == {2, 3}
    assert [bookmark.kind for bookmark in found.bookmarks] == [Kind.RECIST]


def test_helper_lines_of_a_cobb_angle_go_with_it_and_a_lesion_s_axis_does_not() -> None:
    cobb = (((100.0, 100.0), (150.0, 100.0)), ((100.0, 160.0), (143.3, 185.0)))
    helper = ((125.0, 100.0), (125.0, 150.0))
    lesion = (((130.0, 60.0), (130.0, 101.0)), ((118.0, 80.0), (142.0, 81.0)))
    found = one_item([*lesion, *cobb, helper], {2: 30})
    assert refused(found) == {2, 3, 4}
    assert [bookmark.kind for bookmark in found.bookmarks] == [Kind.RECIST]


def test_two_angles_in_one_item() -> None:
    lines = [*angle((100.0, 100.0), 10, 40), *angle((300.0, 300.0), 200, 75)]
    assert refused(one_item(lines, {0: 75, 2: 40})) == {0, 1, 2, 3}


def test_an_angle_that_no_two_lines_make_stays_with_its_line() -> None:
    found = one_item([((100.0, 100.0), (150.0, 100.0)), ((300.0, 300.0), (340.0, 302.0))], {0: 45})
    assert refused(found) == {0}


def test_an_angle_s_text_in_an_item_of_its_own_line_reaches_no_other_item(line: Make) -> None:
    """A producer of one item per graphic ties each text itself."""
    drawn = angle((330.0, 200.0), 0, 60)
    marks = [line(*drawn[0], 0, texts=(Measurement(60.0, Unit.DEGREE),)), line(*drawn[1], 1)]
    found = recognise(marks, columns=512, rows=512, pixel_spacing=(1.0, 1.0))
    assert [(r.order, r.reason) for r in found.refused] == [(0, Reason.ANGLE_TOOL)]


def test_a_supplement_and_an_angle_of_the_body() -> None:
    assert refused(one_item([*angle((330.0, 200.0), 20, 150)], {0: 30})) == {0, 1}
    a, b = angle((330.0, 200.0), 20, 50)
    squeezed = [((p[0], p[1] / 2), (q[0], q[1] / 2)) for p, q in (a, b)]
    marks = [
        Mark(Shape.LINE, REFERENCE, ends, Encoding.GSPS_POLYLINE, i, texts=(Measurement(50.0, Unit.DEGREE),) * (i == 0))
        for i, ends in enumerate(squeezed)
    ]
    found = recognise(marks, columns=512, rows=512, pixel_spacing=(2.0, 1.0))
    assert refused(found) == {0, 1}


def test_a_heap_of_lines_with_angles_ends_somewhere() -> None:
    lines = [((float(i), 10.0), (float(i) + 100, 200.0 + i)) for i in range(120)]
    found = one_item(lines, {i: float(i) for i in range(120)})
    assert len(refused(found)) == 120
