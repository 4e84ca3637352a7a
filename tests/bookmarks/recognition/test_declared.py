"""What a report says of its lines: named axes, measurement groups, tracked lesions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks import ACCEPTANCE, recognise
from miner.errors import Reason
from miner.records import (
    Axis,
    Bookmark,
    Code,
    Doubt,
    Encoding,
    ImageReference,
    Kind,
    Mark,
    Measurement,
    Point,
    Recognition,
    Shape,
    Unit,
)

REFERENCE = ImageReference("1.2", "1.2.3")
Ends = tuple[Point, Point]
LONG: Ends = ((180.0, 200.0), (220.0, 200.0))
SHORT: Ends = ((200.0, 188.0), (200.0, 212.0))


def line(
    ends: Ends,
    order: int,
    axis: Axis | None = None,
    *,
    group: int | None = 0,
    text: float | None = None,
    **more: object,
) -> Mark:
    texts = () if text is None else (Measurement(text, Unit.MM),)
    values: dict[str, object] = {"item": group or 0, "axis": axis, "group": group, "texts": texts, **more}
    encoding = values.pop("encoding", Encoding.SR_TID1500)
    return Mark(Shape.LINE, REFERENCE, ends, encoding, order, **values)  # type: ignore[arg-type]


def found(marks: Sequence[Mark]) -> Recognition:
    return recognise(marks, columns=512, rows=512, pixel_spacing=(1.0, 1.0))


def only(marks: Sequence[Mark]) -> Bookmark:
    (bookmark,) = found(marks).bookmarks
    return bookmark


def kinds(marks: Sequence[Mark]) -> list[Kind]:
    return [bookmark.kind for bookmark in found(marks).bookmarks]


def turned(ends: Ends, degrees: float, by: Point = (0.0, 0.0)) -> Ends:
    """Turned about (200, 200), then moved."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    moved = [
        (200 + c * (x - 200) - s * (y - 200) + by[0], 200 + s * (x - 200) + c * (y - 200) + by[1]) for x, y in ends
    ]
    return (moved[0], moved[1])


# --------------------------------------------------------------------------------------------------------- named axes


def test_a_long_and_a_short_axis_are_a_pair() -> None:
    bookmark = only([line(LONG, 0, Axis.LONG, text=40), line(SHORT, 1, Axis.SHORT, text=24)])
    assert (bookmark.kind, bookmark.points, bookmark.orders) == (Kind.RECIST, (*LONG, *SHORT), (0, 1))
    assert (bookmark.length_mm, bookmark.short_mm, bookmark.text_mm) == (40, 24, 40)
    assert bookmark.doubts == ()
    assert bookmark.confidence > 0.99


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_named_axes_are_a_pair_wherever_they_lie(seed: int) -> None:
    """Never two lines, never a tick, never another line's partner."""
    random = np.random.default_rng(seed)

    def anywhere() -> Ends:
        return tuple((float(x), float(y)) for x, y in random.uniform(0, 511, (2, 2)))  # type: ignore[return-value]

    marks = [line(anywhere(), 0, Axis.LONG), line(anywhere(), 1, Axis.SHORT)]
    marks += [line(anywhere(), 2 + i, group=1) for i in range(4)]
    pairs = [b for b in found(marks).bookmarks if b.orders == (0, 1)]
    assert [b.kind for b in pairs] == [Kind.RECIST]
    assert pairs[0].length_mm is not None
    assert pairs[0].short_mm is not None
    assert pairs[0].length_mm >= pairs[0].short_mm
    assert 0 <= pairs[0].confidence <= 1


@pytest.mark.parametrize(
    ("short", "doubts"),
    [
        (turned(SHORT, 30), (Doubt.ANGLE,)),
        (turned(SHORT, 0, (0.0, 30.0)), (Doubt.NO_CROSSING,)),
        (((200.0, 198.0), (200.0, 202.0)), (Doubt.AXIS_RATIO,)),
        (turned(LONG, 0, (0.0, 9.0)), (Doubt.ANGLE, Doubt.NO_CROSSING)),
    ],
)
def test_geometry_lowers_the_confidence_and_says_why(short: Ends, doubts: tuple[Doubt, ...]) -> None:
    plain = only([line(LONG, 0, Axis.LONG), line(SHORT, 1, Axis.SHORT)])
    odd = only([line(LONG, 0, Axis.LONG), line(short, 1, Axis.SHORT)])
    assert odd.kind is Kind.RECIST
    assert odd.doubts == doubts
    assert odd.confidence < plain.confidence


def test_axes_that_are_parallel_and_apart_are_not_accepted() -> None:
    bookmark = only([line(LONG, 0, Axis.LONG), line(turned(LONG, 0, (0.0, 200.0)), 1, Axis.SHORT)])
    assert bookmark.kind is Kind.RECIST
    assert bookmark.confidence < ACCEPTANCE


def test_texts_that_differ() -> None:
    right = only([line(LONG, 0, Axis.LONG, text=40), line(SHORT, 1, Axis.SHORT, text=24)])
    wrong = only([line(LONG, 0, Axis.LONG, text=55), line(SHORT, 1, Axis.SHORT, text=33)])
    assert wrong.doubts == (Doubt.TEXT_MISMATCH,)
    assert ACCEPTANCE < wrong.confidence < right.confidence


def test_a_long_axis_that_is_the_shorter_one() -> None:
    bookmark = only([line(SHORT, 0, Axis.LONG), line(LONG, 1, Axis.SHORT)])
    assert bookmark.points == (*LONG, *SHORT)
    assert bookmark.doubts == (Doubt.AXIS_RATIO,)
    rounded = only([line(LONG, 0, Axis.SHORT), line(((200.0, 180.2), (200.0, 219.8)), 1, Axis.LONG)])
    assert rounded.doubts == (), "equal but for rounding"


def test_an_axis_alone_is_a_line() -> None:
    for axis in Axis:
        bookmark = only([line(LONG, 0, axis, text=40)])
        assert (bookmark.kind, bookmark.length_mm, bookmark.text_mm) == (Kind.LINE, 40, 40)


def test_a_named_axis_takes_no_unnamed_partner() -> None:
    assert kinds([line(LONG, 0, Axis.LONG), line(SHORT, 1)]) == [Kind.LINE, Kind.LINE]


def test_a_third_line_of_the_group_stays_a_line() -> None:
    depth = turned(SHORT, 0, (8.0, 0.0))
    assert kinds([line(depth, 0), line(LONG, 1, Axis.LONG), line(SHORT, 2, Axis.SHORT)]) == [Kind.LINE, Kind.RECIST]


def test_one_axis_of_the_pair_is_off_the_image() -> None:
    result = found([line(LONG, 0, Axis.LONG), line(((200.0, 188.0), (200.0, 900.0)), 1, Axis.SHORT)])
    assert [(b.kind, b.orders) for b in result.bookmarks] == [(Kind.LINE, (0,))]
    assert [(r.reason, r.order) for r in result.refused] == [(Reason.POINT_OUTSIDE_IMAGE, 1)]


def test_both_axes_on_one_spot_are_one_line() -> None:
    bookmark = only([line(LONG, 0, Axis.LONG), line(LONG, 1, Axis.SHORT)])
    assert (bookmark.kind, bookmark.orders) == (Kind.LINE, (0, 1))


def test_groups_that_lie_on_each_other_keep_their_own_axes() -> None:
    """Two lesions' axes cross each other as well; the numbers of the groups settle it."""
    other = [turned(ends, 4, (2.0, 1.0)) for ends in (LONG, SHORT)]
    marks = [
        line(LONG, 0, Axis.LONG, group=0),
        line(other[0], 1, Axis.LONG, group=1),
        line(SHORT, 2, Axis.SHORT, group=0),
        line(other[1], 3, Axis.SHORT, group=1),
    ]
    assert [(b.kind, b.orders) for b in found(marks).bookmarks] == [(Kind.RECIST, (0, 2)), (Kind.RECIST, (1, 3))]


def test_several_axes_of_one_group_are_matched_by_geometry() -> None:
    away = [turned(ends, 20, (100.0, 100.0)) for ends in (LONG, SHORT)]
    marks = [
        line(LONG, 0, Axis.LONG),
        line(away[0], 1, Axis.LONG),
        line(away[1], 2, Axis.SHORT),
        line(SHORT, 3, Axis.SHORT),
        line(turned(SHORT, 0, (200.0, 0.0)), 4, Axis.SHORT),
    ]
    assert [(b.kind, b.orders) for b in found(marks).bookmarks] == [
        (Kind.RECIST, (0, 3)),
        (Kind.RECIST, (1, 2)),
        (Kind.LINE, (4,)),
    ]


def test_named_axes_are_a_pair_among_any_number_of_lines() -> None:
    others = [line(turned(LONG, i / 10, (0.0, 50.0)), 2 + i, tracking="2.25.1") for i in range(400)]
    marks = [line(LONG, 0, Axis.LONG), line(SHORT, 1, Axis.SHORT, tracking="2.25.1"), *others]
    found_ones = found(marks).bookmarks
    assert [b.orders for b in found_ones if b.kind is Kind.RECIST] == [(0, 1)]
    heap = [
        line(turned(ends, 0, (i / 10, 0.0)), i, axis)
        for i in range(400)
        for ends, axis in [(LONG, Axis.LONG) if i % 2 else (SHORT, Axis.SHORT)]
    ]
    assert {(b.kind, b.doubts) for b in found(heap).bookmarks} == {(Kind.LINE, (Doubt.CONTESTED,))}


def test_axes_of_a_private_model_without_group() -> None:
    marks = [line(LONG, 0, Axis.LONG, group=None), line(SHORT, 1, Axis.SHORT, group=None)]
    assert kinds([Mark(m.shape, m.image, m.points, Encoding.PRIVATE_MODEL, m.order, axis=m.axis) for m in marks]) == [
        Kind.RECIST
    ]


# ------------------------------------------------------------------------------------------------------------- groups


def test_two_lines_of_one_group_are_a_pair_on_less_evidence() -> None:
    oblique = turned(SHORT, 23)
    assert kinds([line(LONG, 0), line(oblique, 1)]) == [Kind.RECIST]
    assert kinds([line(LONG, 0, group=None), line(oblique, 1, group=None)]) == [Kind.LINE, Kind.LINE]


def test_two_lines_of_one_group_that_make_a_t_are_no_pair() -> None:
    assert kinds([line(LONG, 0), line(((200.0, 200.0), (200.0, 224.0)), 1)]) == [Kind.LINE, Kind.LINE]


def test_lines_of_different_groups_of_a_report_are_different_measurements() -> None:
    assert kinds([line(LONG, 0, group=0), line(SHORT, 1, group=1)]) == [Kind.LINE, Kind.LINE]
    assert kinds([line(LONG, 0, group=None), line(SHORT, 1, group=1)]) == [Kind.LINE, Kind.LINE]
    marks = [line(LONG, 0, group=0, text=40), line(SHORT, 1, group=1, text=40)]
    assert [b.text_mm for b in found(marks).bookmarks] == [40, 40], "nor do texts wander from group to group"


def test_a_group_number_in_a_state_s_model_is_no_wall() -> None:
    """Two rulers that cross are how a presentation state writes a pair, however its producer numbers them."""
    marks = [line(LONG, 0, group=0, encoding=Encoding.PRIVATE_MODEL)]
    marks += [line(SHORT, 1, group=1, encoding=Encoding.PRIVATE_MODEL)]
    assert kinds(marks) == [Kind.RECIST]


def test_groups_of_one_tracked_lesion_are_one() -> None:
    assert kinds([line(LONG, 0, group=0, tracking="2.25.1"), line(SHORT, 1, group=1, tracking="2.25.1")]) == [
        Kind.RECIST
    ]
    named = [
        line(LONG, 0, Axis.LONG, group=0, tracking="2.25.1"),
        line(turned(SHORT, 40), 1, Axis.SHORT, group=1, tracking="2.25.1"),
    ]
    assert kinds(named) == [Kind.RECIST]
    apart = [line(LONG, 0, group=0, tracking="2.25.1"), line(SHORT, 1, group=1, tracking="2.25.2")]
    assert kinds(apart) == [Kind.LINE, Kind.LINE]


def test_a_short_line_of_another_group_is_no_tick() -> None:
    tick = ((200.0, 198.6), (200.0, 201.4))
    assert found([line(LONG, 0, group=0), line(tick, 1, group=1)]).refused == ()


# ------------------------------------------------------------------------------------------------- what marks carry on


NODULE, LUNG, LIVER = Code("SCT", "27925004"), Code("SCT", "39607008"), Code("SCT", "10200004")


def test_tracking_finding_and_site_go_to_the_bookmark() -> None:
    said = {"tracking": "2.25.1", "finding": NODULE, "site": LUNG}
    bookmark = only([line(LONG, 0, Axis.LONG, **said), line(SHORT, 1, Axis.SHORT)])
    assert (bookmark.tracking, bookmark.finding, bookmark.site) == ("2.25.1", NODULE, LUNG)


def test_what_contradicts_itself_is_left_out() -> None:
    marks = [
        line(LONG, 0, Axis.LONG, finding=NODULE, site=LUNG),
        line(SHORT, 1, Axis.SHORT, finding=NODULE, site=LIVER),
    ]
    bookmark = only(marks)
    assert (bookmark.finding, bookmark.site) == (NODULE, None)


@pytest.mark.parametrize("shape", [Shape.ARROW, Shape.ELLIPSE, Shape.POLYGON, Shape.LINE])
def test_doubts_of_a_mark_go_to_its_bookmark(shape: Shape) -> None:
    points = [(100.0, 100.0), (140.0, 100.0), (120.0, 90.0), (120.0, 110.0)]
    count = {Shape.ARROW: 2, Shape.LINE: 2, Shape.POLYGON: 3, Shape.ELLIPSE: 4}[shape]
    mark = Mark(
        shape, REFERENCE, tuple(points[:count]), Encoding.GSPS_DISPLAY, 0, doubts=(Doubt.DISPLAYED_AREA, Doubt.AREA)
    )
    assert only([mark]).doubts == (Doubt.DISPLAYED_AREA, Doubt.AREA)


def test_each_doubt_once() -> None:
    marks = [
        line(ends, i, axis, doubts=(Doubt.ANGLE, Doubt.DISPLAYED_AREA))
        for i, (ends, axis) in enumerate([(LONG, Axis.LONG), (turned(SHORT, 30), Axis.SHORT)])
    ]
    assert only(marks).doubts == (Doubt.ANGLE, Doubt.DISPLAYED_AREA)


@pytest.mark.parametrize(
    ("x", "y", "kept"), [(-1.4, 20.0, (-0.5, 20.0)), (20.0, 512.4, (20.0, 511.5)), (-1.6, 20.0, None)]
)
def test_a_displayed_area_that_counts_from_0_is_clamped(x: float, y: float, kept: Point | None) -> None:
    mark = line(((x, y), (100.0, 100.0)), 0, encoding=Encoding.GSPS_DISPLAY, doubts=(Doubt.DISPLAYED_AREA,))
    result = found([mark])
    assert [b.points[0] for b in result.bookmarks] == ([kept] if kept else [])
    plain = found([line(((x, y), (100.0, 100.0)), 0, encoding=Encoding.GSPS_DISPLAY)])
    assert [r.reason for r in plain.refused] == [Reason.POINT_OUTSIDE_IMAGE]


# ------------------------------------------------------------------------------------------------------------ anything


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_mark_ends_once_and_no_point_is_off_the_image(data: st.DataObject) -> None:
    number = st.one_of(
        st.floats(-5, 70), st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -0.5, 63.5, 64.5, 30.0])
    )
    length = st.builds(Measurement, st.floats(0, 1e9), st.sampled_from(Unit))
    marks = [
        Mark(
            data.draw(st.sampled_from([Shape.LINE, Shape.LINE, Shape.LINE, *Shape])),
            REFERENCE,
            tuple(
                data.draw(st.lists(st.tuples(number, number), min_size=2, max_size=4))[: data.draw(st.integers(0, 4))]
            ),
            data.draw(st.sampled_from(Encoding)),
            order,
            item=data.draw(st.integers(0, 2)),
            layer=data.draw(st.integers(0, 2)),
            tool=data.draw(st.sampled_from(["", "", "distance", "line", "arrow", "bidirectional"])),
            texts=tuple(data.draw(st.lists(length, max_size=2))),
            direction_known=data.draw(st.booleans()),
            doubts=data.draw(st.sampled_from([(), (Doubt.DISPLAYED_AREA,)])),
            group=data.draw(st.sampled_from([None, 0, 1])),
            axis=data.draw(st.sampled_from([None, None, *Axis])),
            tracking=data.draw(st.sampled_from(["", "2.25.1"])),
        )
        for order in range(data.draw(st.integers(0, 9)))
    ]
    result = recognise(marks, columns=64, rows=64, pixel_spacing=(0.5, 1.5))
    ends = [order for b in result.bookmarks for order in b.orders] + [r.order for r in result.refused]
    assert sorted(ends) == list(range(len(marks)))
    for bookmark in result.bookmarks:
        assert all(-0.51 <= value <= 63.51 for point in bookmark.points for value in point)
        assert 0 <= bookmark.confidence <= 1
        assert bookmark.length_mm is None or 0 < bookmark.length_mm < 200
    again = [marks[i] for i in data.draw(st.permutations(range(len(marks))))]
    assert recognise(again, columns=64, rows=64, pixel_spacing=(0.5, 1.5)) == result
