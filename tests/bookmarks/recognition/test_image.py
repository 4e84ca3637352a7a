"""Styles × kinds with exact truth, refusals, and that nothing is lost."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import FileDataset

from miner.bookmarks import recognise
from miner.errors import Reason
from miner.records import (
    AnnotationObject,
    Bookmark,
    Doubt,
    Encoding,
    Kind,
    Mark,
    Measurement,
    Point,
    Recognition,
    Shape,
    Unit,
)
from tests.annotations import (
    STYLES,
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Line,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Scale,
    Spot,
    ct_image,
    presentation_state,
)
from tests.annotations.scenes import random_pair, scene

Read = Callable[[FileDataset], AnnotationObject]
SPACING = (0.7, 0.7)
IMAGE = ct_image(spacing=SPACING)
PAIR = Pair(((100.2, 100.4), (140.3, 120.8)), ((115.0, 120.0), (124.0, 99.5)))
TOLERANCE = {"bluelight": 1.5}  # cut to integers on both axes
OWN_DOUBTS = {"display": {Doubt.DISPLAYED_AREA}}  # of a style's writing, whatever is drawn


def mine(read: Read, drawn: Sequence[Drawing], style: str) -> tuple[AnnotationObject, Recognition]:
    found = read(presentation_state([IMAGE], {IMAGE.SOPInstanceUID: drawn}, style))
    return found, recognise(found.marks, columns=512, rows=512, pixel_spacing=SPACING)


def near(a: Sequence[Point], b: Sequence[Point], style: str) -> bool:
    return len(a) == len(b) and all(math.dist(p, q) <= TOLERANCE.get(style, 1e-3) for p, q in zip(a, b, strict=True))


def only(found: Recognition) -> Bookmark:
    (bookmark,) = found.bookmarks
    return bookmark


@pytest.mark.parametrize("style", STYLES)
def test_a_pair_in_every_style(read: Read, style: str) -> None:
    bookmark = only(mine(read, [PAIR], style)[1])
    assert bookmark.kind is Kind.RECIST
    assert near(bookmark.points, (*PAIR.long, *PAIR.short), style)
    assert bookmark.length_mm == pytest.approx(0.7 * math.dist(*PAIR.long), abs=1.5 if style == "bluelight" else 1e-3)
    assert bookmark.short_mm == pytest.approx(0.7 * math.dist(*PAIR.short), abs=1.5 if style == "bluelight" else 1e-3)
    assert bookmark.confidence > 0.9
    assert set(bookmark.doubts) <= OWN_DOUBTS.get(style, set())
    if style != "bluelight":
        assert bookmark.text_mm == pytest.approx(0.7 * math.dist(*PAIR.long), abs=0.06)


@pytest.mark.parametrize("style", STYLES)
def test_an_arrow_in_every_style(read: Read, style: str) -> None:
    drawn = Arrow((300.0, 200.0), (330.0, 240.0))
    bookmark = only(mine(read, [drawn], style)[1])
    assert bookmark.kind is Kind.ARROW
    assert near(bookmark.points[:1], [drawn.tip], style)
    assert bookmark.length_mm is None
    assert set(bookmark.doubts) <= OWN_DOUBTS.get(style, set())
    if style in ("agfa", "compound", "bluelight"):
        assert near(bookmark.points, [drawn.tip, drawn.tail], style)


@pytest.mark.parametrize("style", STYLES)
def test_lines_and_closed_shapes_in_every_style(read: Read, style: str) -> None:
    drawn: list[Drawing] = [
        Line(((200.0, 200.0), (240.0, 210.0))),
        Ellipse(((50.0, 300.0), (90.0, 300.0)), ((70.0, 290.0), (70.0, 310.0))),
        Circle((60.0, 60.0), 10.0),
        Outline(((400.0, 400.0), (420.0, 400.0), (420.0, 430.0))),
        Curve(((400.0, 100.0), (420.0, 100.0), (420.0, 130.0), (400.0, 120.0))),
    ]
    bookmarks = mine(read, drawn, style)[1].bookmarks
    assert [bookmark.kind for bookmark in bookmarks] == [
        Kind.LINE,
        Kind.ELLIPSE,
        Kind.ELLIPSE,
        Kind.POLYGON,
        Kind.POLYGON,
    ]
    line, oval, circle, outline, curve = bookmarks
    assert near(line.points, ((200, 200), (240, 210)), style)
    assert near(oval.points, ((50, 300), (90, 300), (70, 290), (70, 310)), style)
    assert near(circle.points, ((50, 60), (70, 60), (60, 50), (60, 70)), style)
    assert near(outline.points, ((400, 400), (420, 400), (420, 430)), style)
    assert (outline.length_mm, outline.text_mm) == (None, None)
    assert curve.encoding is (Encoding.GSPS_DISPLAY if style == "display" else Encoding.GSPS_INTERPOLATED)
    assert oval.length_mm == pytest.approx(28.0, abs=1e-3)


DECOYS: dict[str, tuple[Drawing, ...]] = {
    "angle": (Angle((300.0, 100.0), (330.0, 100.0), (330.0, 140.0)),),
    "cobb": (Cobb(((350.0, 200.0), (400.0, 205.0)), ((350.0, 260.0), (400.0, 240.0))),),
    "cross-hair": (CrossHair((256.0, 250.0)),),
    "scale": (Scale(((15.0, 200.0), (15.0, 300.0))),),
    "open path": (OpenPath(((450.0, 450.0), (460.0, 450.0), (470.0, 460.0), (470.0, 480.0))),),
    "spot": (Spot((480.0, 480.0)),),
}


@pytest.mark.parametrize("style", [style for style in STYLES if style != "bluelight"])
@pytest.mark.parametrize("decoy", DECOYS)
def test_decoys_become_no_bookmark(read: Read, style: str, decoy: str) -> None:
    found, recognised = mine(read, DECOYS[decoy], style)
    assert recognised.bookmarks == ()
    assert found.refused or recognised.refused


@pytest.mark.parametrize("style", ["agfa", "weasis"])
def test_a_perpendicular_is_no_pair(read: Read, style: str) -> None:
    drawn = Perpendicular(((200.0, 400.0), (260.0, 400.0)), ((230.0, 360.0), (230.0, 400.0)))
    recognised = mine(read, [drawn], style)[1]
    assert recognised.bookmarks == ()
    assert {refusal.reason for refusal in recognised.refused} == {Reason.TOOL_NOT_A_LESION}


def test_ruler_ticks_are_counted_and_their_lines_kept(read: Read) -> None:
    recognised = mine(read, [PAIR], "agfa")[1]
    assert [bookmark.kind for bookmark in recognised.bookmarks] == [Kind.RECIST]
    assert [refusal.reason for refusal in recognised.refused] == [Reason.RULER_TICK] * 4


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), style=st.sampled_from(sorted(STYLES)))
def test_every_mark_ends_in_one_bookmark_or_one_refusal(read: Read, seed: int, style: str) -> None:
    random = np.random.default_rng(seed)
    drawn = scene(random, [random_pair(random) for _ in range(int(random.integers(0, 3)))], style=style)
    found, recognised = mine(read, drawn, style)
    ends = [order for bookmark in recognised.bookmarks for order in bookmark.orders]
    ends += [refusal.order for refusal in (*recognised.refused, *found.refused)]
    assert sorted(ends) == list(range(len(found.marks) + len(found.refused)))
    assert sorted(ends) == sorted([m.order for m in found.marks] + [r.order for r in found.refused])
    shuffled = [found.marks[i] for i in random.permutation(len(found.marks))]
    assert recognise(shuffled, columns=512, rows=512, pixel_spacing=SPACING) == recognised


# ------------------------------------------------------------------------------------------------------------- points


def recognise_one(mark: Mark, spacing: tuple[float, float] = SPACING) -> Recognition:
    return recognise([mark], columns=512, rows=256, pixel_spacing=spacing)


@pytest.mark.parametrize("shape", [Shape.LINE, Shape.ARROW, Shape.POLYGON, Shape.ELLIPSE])
@pytest.mark.parametrize("bad", [(-0.52, 10.0), (511.52, 10.0), (10.0, 255.52), (1e30, 10.0)])
def test_points_outside(mark: Callable[..., Mark], shape: Shape, bad: Point) -> None:
    count = {Shape.LINE: 2, Shape.ARROW: 2, Shape.POLYGON: 3, Shape.ELLIPSE: 4}[shape]
    others = [(20.0, 20.0), (40.0, 25.0), (30.0, 60.0)][: count - 1]
    found = recognise_one(mark(shape, [bad, *others]))
    assert [refusal.reason for refusal in found.refused] == [Reason.POINT_OUTSIDE_IMAGE]


def test_points_on_the_outer_edge_are_inside(mark: Callable[..., Mark]) -> None:
    assert recognise_one(mark(Shape.LINE, [(-0.5, -0.5), (511.5, 255.5)])).refused == ()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_points_that_are_no_numbers(mark: Callable[..., Mark], bad: float) -> None:
    found = recognise_one(mark(Shape.LINE, [(1.0, bad), (20.0, 20.0)]))
    assert [refusal.reason for refusal in found.refused] == [Reason.POINT_NOT_FINITE]


def test_a_circle_that_leaves_the_image(mark: Callable[..., Mark]) -> None:
    found = recognise_one(mark(Shape.CIRCLE, [(10.0, 10.0), (30.0, 10.0)]))
    assert [refusal.reason for refusal in found.refused] == [Reason.POINT_OUTSIDE_IMAGE]


def test_an_arrow_from_outside_keeps_its_tip(mark: Callable[..., Mark]) -> None:
    assert only(recognise_one(mark(Shape.ARROW, [(20.0, 20.0), (-30.0, 20.0)]))).points == ((20.0, 20.0),)
    unknown = mark(Shape.ARROW, [(20.0, 20.0), (-30.0, 20.0)], direction_known=False)
    assert [r.reason for r in recognise_one(unknown).refused] == [Reason.POINT_OUTSIDE_IMAGE]


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        (Shape.POLYGON, [(10.0, 10.0), (20.0, 20.0), (30.0, 30.0)]),
        (Shape.CIRCLE, [(10.0, 10.0), (10.1, 10.0)]),
        (Shape.ELLIPSE, [(10.0, 10.0), (50.0, 10.0), (30.0, 10.0), (30.0, 10.0)]),
        (Shape.ELLIPSE, [(10.0, 10.0), (50.0, 10.0), (50.0, 40.0), (10.0, 40.0)]),
        (Shape.LINE, [(10.0, 10.0), (10.0, 10.0)]),
        (Shape.LINE, []),
    ],
)
def test_shapes_without_extent_or_sense(mark: Callable[..., Mark], shape: Shape, points: list[Point]) -> None:
    assert [r.reason for r in recognise_one(mark(shape, points)).refused] == [Reason.MALFORMED_GRAPHIC]


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_an_image_without_size_is_a_fault_of_the_caller(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="columns"):
        recognise([], columns=size[0], rows=size[1], pixel_spacing=SPACING)


# ---------------------------------------------------------------------------------------------------- mm and texts


def test_axes_are_ordered_by_mm(line: Callable[..., Mark]) -> None:
    """40 px across at 0.5 mm are 20 mm; 30 px down at 1 mm are 30 mm: the long axis is the one with fewer pixels."""
    marks = [line((100.0, 100.0), (140.0, 100.0), 0), line((120.0, 85.0), (120.0, 115.0), 1)]
    bookmark = only(recognise(marks, columns=512, rows=512, pixel_spacing=(1.0, 0.5)))
    assert bookmark.points == ((120, 85), (120, 115), (100, 100), (140, 100))
    assert (bookmark.length_mm, bookmark.short_mm) == (30.0, 20.0)
    assert bookmark.pixel_spacing == (1.0, 0.5)


def test_right_angles_are_those_of_the_body(line: Callable[..., Mark]) -> None:
    """Perpendicular in mm, 53° in pixels."""
    marks = [line((100.0, 100.0), (140.0, 120.0), 0), line((110.0, 120.0), (130.0, 100.0), 1)]
    assert [b.kind for b in recognise(marks, columns=512, rows=512, pixel_spacing=(1.0, 1.0)).bookmarks] == [
        Kind.RECIST
    ]
    turned = [line((100.0, 100.0), (140.0, 120.0), 0), line((116.0, 114.0), (124.0, 106.0), 1)]
    assert only(recognise(turned, columns=512, rows=512, pixel_spacing=(2.0, 1.4142))).kind is Kind.RECIST


def test_a_circle_at_unequal_spacing_is_an_ellipse_major_first(mark: Callable[..., Mark]) -> None:
    found = only(recognise_one(mark(Shape.CIRCLE, [(100.0, 100.0), (110.0, 100.0)]), spacing=(1.0, 0.5)))
    assert found.points == ((100, 90), (100, 110), (90, 100), (110, 100))
    assert found.length_mm == 20.0


@pytest.mark.parametrize(
    ("value", "unit", "text_mm", "mismatch"),
    [
        (20.0, Unit.MM, 20.0, False),
        (20.4, Unit.MM, 20.4, False),
        (20.6, Unit.MM, 20.6, True),
        (2.0, Unit.CM, 20.0, False),
        (40.0, Unit.PIXEL, 20.0, False),
        (20.0, Unit.PIXEL, 10.0, True),
    ],
)
def test_text_against_a_line(
    line: Callable[..., Mark], value: float, unit: Unit, text_mm: float, mismatch: bool
) -> None:
    drawn = line((100.0, 100.0), (140.0, 100.0), texts=[Measurement(value, unit)])
    bookmark = only(recognise_one(drawn, spacing=(1.0, 0.5)))
    assert bookmark.text_mm == pytest.approx(text_mm)
    assert (Doubt.TEXT_MISMATCH in bookmark.doubts) is mismatch


def test_two_per_cent_of_a_long_line(line: Callable[..., Mark]) -> None:
    for value, mismatch in ((204.0, False), (204.2, True)):
        drawn = line((100.0, 100.0), (300.0, 100.0), texts=[Measurement(value, Unit.MM)])
        assert (Doubt.TEXT_MISMATCH in only(recognise_one(drawn, spacing=(1.0, 1.0))).doubts) is mismatch


@pytest.mark.parametrize("value", [20.0, 40.0, 10.0, 5.0])
def test_an_ellipse_may_be_labelled_by_any_of_its_sizes(mark: Callable[..., Mark], value: float) -> None:
    points = [(100.0, 100.0), (140.0, 100.0), (120.0, 95.0), (120.0, 105.0)]
    found = only(recognise_one(mark(Shape.ELLIPSE, points, texts=(Measurement(value, Unit.MM),)), spacing=(1.0, 1.0)))
    assert found.doubts == ()
    assert found.text_mm == (40.0 if value == 40.0 else None)
    wrong = mark(Shape.ELLIPSE, points, texts=(Measurement(33.0, Unit.MM),))
    assert only(recognise_one(wrong, spacing=(1.0, 1.0))).doubts == (Doubt.TEXT_MISMATCH,)


def test_presentation_spacing_that_differs_is_flagged(line: Callable[..., Mark]) -> None:
    drawn = line((100.0, 100.0), (140.0, 100.0), presentation_spacing=(1.2, 1.2))
    assert only(recognise_one(drawn, spacing=(1.0, 1.0))).doubts == (Doubt.PRESENTATION_SPACING,)
    same = line((100.0, 100.0), (140.0, 100.0), presentation_spacing=(1.001, 1.0))
    assert only(recognise_one(same, spacing=(1.0, 1.0))).doubts == ()


def test_an_arrow_of_unknown_direction_says_so(mark: Callable[..., Mark], line: Callable[..., Mark]) -> None:
    bare = mark(Shape.ARROW, [(20.0, 20.0), (50.0, 50.0)], direction_known=False)
    assert only(recognise_one(bare)).doubts == (Doubt.ARROW_DIRECTION,)
    named = line((20.0, 20.0), (50.0, 50.0), tool="arrow", direction_known=False)
    found = only(recognise_one(named))
    assert (found.kind, found.doubts) == (Kind.ARROW, (Doubt.ARROW_DIRECTION,))


def test_an_angle_s_callout_is_no_arrow(mark: Callable[..., Mark]) -> None:
    callout = mark(Shape.ARROW, [(20.0, 20.0)], texts=(Measurement(45.0, Unit.DEGREE),))
    assert [r.reason for r in recognise_one(callout).refused] == [Reason.ANGLE_TOOL]


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        ("angle", Reason.ANGLE_TOOL),
        ("cobb", Reason.ANGLE_TOOL),
        ("calibration", Reason.TOOL_NOT_A_LESION),
        ("perpendicular", Reason.TOOL_NOT_A_LESION),
        ("leg-length", Reason.TOOL_NOT_A_LESION),
    ],
)
def test_named_tools_that_measure_no_lesion(line: Callable[..., Mark], tool: str, reason: Reason) -> None:
    marks = [line((100.0, 100.0), (140.0, 100.0), 0, tool=tool), line((120.0, 85.0), (120.0, 115.0), 1, tool=tool)]
    found = recognise(marks, columns=512, rows=512, pixel_spacing=SPACING)
    assert (found.bookmarks, [r.reason for r in found.refused]) == ((), [reason, reason])


def test_a_thousand_lines_are_no_measured_image(line: Callable[..., Mark]) -> None:
    marks = [line((float(i % 50), 10.0), (float(i % 50) + 100, 200.0 + i / 50), i) for i in range(1000)]
    found = recognise(marks, columns=512, rows=512, pixel_spacing=SPACING)
    assert len(found.bookmarks) == 1000
    assert all(Doubt.CONTESTED in bookmark.doubts for bookmark in found.bookmarks)


def test_a_line_drawn_twice_on_one_spot_is_one(line: Callable[..., Mark]) -> None:
    """Else each copy would contest the other's place in the pair."""
    long, short = ((100.0, 100.0), (140.0, 100.0)), ((120.0, 85.0), (120.0, 115.0))
    marks = [line(*long, 0), line(*short, 1), line(*long[::-1], 2), line(*short, 3)]
    bookmark = only(recognise(marks, columns=512, rows=512, pixel_spacing=SPACING))
    assert (bookmark.kind, bookmark.orders) == (Kind.RECIST, (0, 1, 2, 3))


def test_records_are_immutable(line: Callable[..., Mark]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        only(recognise_one(line((1.0, 1.0), (9.0, 9.0)))).kind = Kind.ARROW  # type: ignore[misc]
