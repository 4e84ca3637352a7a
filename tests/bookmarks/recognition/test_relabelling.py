"""Texts that nearness tied to an outline, and that give the length of a line beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from miner.bookmarks.recognition import recognise
from miner.records import Bookmark, Doubt, Encoding, Mark, Measurement, Point, Shape, Unit

MakeMark = Callable[..., Mark]
ENDS = ((100.0, 100.0), (150.0, 100.0))
OUTLINES: dict[Shape, Sequence[Point]] = {
    Shape.POLYGON: [(160, 95), (220, 95), (220, 150), (160, 150)],
    Shape.CURVE: [(160, 95), (220, 95), (220, 150), (160, 150)],
    Shape.ELLIPSE: [(160, 120), (230, 120), (195, 100), (195, 140)],
    Shape.CIRCLE: [(195, 120), (225, 120)],
}


def found(*marks: Mark) -> tuple[Bookmark, ...]:
    return recognise(marks, columns=512, rows=512, pixel_spacing=(0.7, 0.7)).bookmarks


def mm(value: float) -> tuple[Measurement, ...]:
    return (Measurement(value, Unit.MM),)


@pytest.mark.parametrize("shape", OUTLINES)
def test_a_length_that_fits_a_line_alone_goes_to_the_line(mark: MakeMark, shape: Shape) -> None:
    line, outline = found(mark(Shape.LINE, ENDS, 0, item=0), mark(shape, OUTLINES[shape], 1, item=0, texts=mm(35.0)))
    assert (line.length_mm, line.text_mm, line.confidence) == (pytest.approx(35.0), 35.0, 0.95)
    assert (outline.text_mm, outline.doubts, outline.confidence) == (None, (), 0.9)


@pytest.mark.parametrize(
    ("shape", "value"), [(Shape.ELLIPSE, 49.0), (Shape.ELLIPSE, 28.0), (Shape.CIRCLE, 42.0), (Shape.POLYGON, 161.0)]
)
def test_a_size_of_its_own_stays(mark: MakeMark, shape: Shape, value: float) -> None:
    """Major axis, minor axis, diameter, perimeter: a line of that length beside it may be a coincidence."""
    ends = ((100.0, 100.0), (100.0 + value / 0.7, 100.0))
    line, _ = found(mark(Shape.LINE, ends, 0, item=0), mark(shape, OUTLINES[shape], 1, item=0, texts=mm(value)))
    assert line.text_mm is None


def test_a_length_that_fits_two_lines_or_a_measured_one_stays(mark: MakeMark) -> None:
    outline = mark(Shape.ELLIPSE, [(160, 120), (220, 120), (190, 95), (190, 145)], 9, item=0, texts=mm(30.1))
    first = mark(Shape.LINE, ((100, 100), (143, 100)), 0, item=0)
    twin = mark(Shape.LINE, ((100, 300), (143, 300)), 1, item=0)
    assert [bookmark.text_mm for bookmark in found(first, twin, outline)] == [None, None, 30.1]
    measured = mark(Shape.LINE, ((100, 100), (143, 100)), 0, item=0, texts=mm(30.0))
    assert [bookmark.text_mm for bookmark in found(measured, outline)] == [30.0, 30.1]


def test_a_length_stays_in_its_item(mark: MakeMark) -> None:
    outline = mark(Shape.ELLIPSE, OUTLINES[Shape.ELLIPSE], 1, item=1, texts=mm(30.1))
    line, oval = found(mark(Shape.LINE, ((100, 100), (143, 100)), 0, item=0), outline)
    assert (line.text_mm, oval.doubts) == (None, (Doubt.TEXT_MISMATCH,))


def test_reports_tie_their_numbers_themselves(mark: MakeMark) -> None:
    line = mark(Shape.LINE, ((100, 100), (143, 100)), 0, item=0)
    oval = mark(Shape.ELLIPSE, OUTLINES[Shape.ELLIPSE], 1, item=0, texts=mm(30.1))
    for given in (line, oval):
        object.__setattr__(given, "encoding", Encoding.SR_TID1500)
    assert [bookmark.text_mm for bookmark in found(line, oval)] == [None, 30.1]
