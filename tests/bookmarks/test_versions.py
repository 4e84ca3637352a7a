"""One lesion measured more than once: saved again, corrected, deleted, drawn twice, in whatever order it comes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks import merge_versions, one_lesion
from miner.bookmarks.history.lesions import geometry_of
from miner.deid import Surrogates
from miner.errors import Reason
from miner.records import (
    AnnotationObject,
    Bookmark,
    Doubt,
    Encoding,
    ImageReference,
    Kind,
    Mark,
    MarkRefusal,
    Point,
    Shape,
    SpatialMark,
)

IMAGE, OTHER = ImageReference("1.2", "1.2.3"), ImageReference("1.2", "1.2.4")
TIMES = {"old": "20200101000000000000", "mid": "20210101000000000000", "new": "20220101000000000000"}


def an_object(
    uid: str, series: str = "", *, created: str = "", shows: Sequence[ImageReference] = (IMAGE,), **fields: object
) -> AnnotationObject:
    """A state of a succession of its own, unless ``series`` says otherwise."""
    values: dict[str, object] = {"marks": (), "refused": (), "label": "MEASURES", **fields}
    created = created or TIMES.get(uid, "")
    return AnnotationObject(uid, "1.1", series or f"of {uid}", "1", created, tuple(shows), **values)  # type: ignore[arg-type]


APART = [an_object(uid) for uid in TIMES]
"""Three states of three readers."""
SUCCESSION = [an_object(uid, "one") for uid in TIMES]
"""Three states of which each is a later version of the one before."""


def recist(
    source: str, dx: float = 0.0, *, order: int = 0, image: ImageReference = IMAGE, **fields: object
) -> Bookmark:
    points = ((100 + dx, 100.0), (140 + dx, 100.0), (120 + dx, 90.0), (120 + dx, 112.0))
    return bookmark(Kind.RECIST, points, source, order=order, image=image, **fields)


def bookmark(
    kind: Kind, points: Sequence[Point], source: str, *, order: int = 0, image: ImageReference = IMAGE, **fields: object
) -> Bookmark:
    length = math.dist(points[0], points[1]) if kind not in (Kind.ARROW, Kind.POLYGON) else None
    values: dict[str, object] = {
        "length_mm": length,
        "short_mm": math.dist(points[2], points[3]) if kind is Kind.RECIST else None,
        "orders": (order,),
        "source_uid": source,
        "pixel_spacing": (1.0, 1.0),
        **fields,
    }
    return Bookmark(kind, image, tuple(points), Encoding.GSPS_POLYLINE, 0.9, **values)  # type: ignore[arg-type]


def test_the_newest_stands_and_the_older_are_its_history() -> None:
    (merged,) = merge_versions([recist("old"), recist("new", 1.0), recist("mid", 0.5)], APART)
    assert merged.source_uid == "new"
    assert [state.source_uid for state in merged.history] == ["mid", "old"]
    assert merged.points == recist("new", 1.0).points
    assert merged.merged == 1
    assert all(state.history == () for state in merged.history)


def test_an_object_of_unknown_time_is_the_oldest() -> None:
    (merged,) = merge_versions([recist("unknown"), recist("old", 1.0)], APART)
    assert (merged.source_uid, merged.history[0].source_uid) == ("old", "unknown")


def test_other_images_frames_kinds_and_places_stay_apart() -> None:
    line = bookmark(Kind.LINE, ((100.0, 100.0), (140.0, 100.0)), "new")
    apart = [recist("old"), recist("new", image=OTHER), recist("new", 30.0), line]
    apart.append(recist("mid", image=replace(IMAGE, frame=2)))
    assert len(merge_versions(apart, APART)) == len(apart)


def test_doubles_within_one_object_are_averaged_end_to_end() -> None:
    first = recist("new", text_mm=40.0)
    turned = tuple(reversed(recist("new", 2.0).points[:2])) + tuple(reversed(recist("new", 2.0).points[2:]))
    second = replace(recist("new", 2.0, order=5, text_mm=41.0), points=turned, doubts=(Doubt.ANGLE,), confidence=0.95)
    (merged,) = merge_versions([first, second], APART)
    assert merged.points == recist("new", 1.0).points
    assert (merged.merged, merged.orders, merged.text_mm) == (2, (0, 5), 40.5)
    assert (merged.doubts, merged.confidence) == ((Doubt.ANGLE,), 0.95)
    assert (merged.length_mm, merged.short_mm) == (40.0, 22.0)
    assert merged.history == ()


def test_an_average_orders_its_axes_by_mm_again() -> None:
    spacing = (1.0, 1.0)
    wide = bookmark(Kind.RECIST, ((0.0, 10.0), (21.0, 10.0), (10.0, 0.0), (10.0, 20.0)), "new", pixel_spacing=spacing)
    tall = bookmark(Kind.RECIST, ((10.0, -1.0), (10.0, 22.0), (0.0, 10.0), (20.0, 10.0)), "new", order=1)
    (merged,) = merge_versions([wide, tall], APART)
    assert merged.points[:2] == ((10.0, -0.5), (10.0, 21.0))
    assert merged.length_mm == pytest.approx(21.5)
    assert merged.short_mm == pytest.approx(20.5)


def test_averaged_lengths_use_the_image_s_spacing() -> None:
    a = bookmark(Kind.LINE, ((0.0, 0.0), (0.0, 20.0)), "new", pixel_spacing=(2.0, 0.5), length_mm=40.0)
    b = bookmark(Kind.LINE, ((0.0, 0.0), (0.0, 22.0)), "new", order=1, pixel_spacing=(2.0, 0.5), length_mm=44.0)
    assert merge_versions([a, b], APART)[0].length_mm == 42.0


def test_crossing_lines_have_equal_boxes_and_stay_two() -> None:
    a = bookmark(Kind.LINE, ((100.0, 100.0), (140.0, 140.0)), "new")
    b = bookmark(Kind.LINE, ((100.0, 140.0), (140.0, 100.0)), "new", order=1)
    assert not one_lesion(a, b)
    assert len(merge_versions([a, b], APART)) == 2
    assert one_lesion(a, replace(a, points=a.points[::-1]))


def test_arrows_are_one_by_their_tips() -> None:
    a = bookmark(Kind.ARROW, ((100.0, 100.0), (140.0, 140.0)), "new")
    assert one_lesion(a, bookmark(Kind.ARROW, ((101.0, 100.0), (141.0, 140.0)), "old"))
    assert not one_lesion(a, bookmark(Kind.ARROW, ((140.0, 140.0), (100.0, 100.0)), "old"))


def test_outlines_of_one_object_keep_the_first() -> None:
    square = ((10.0, 10.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0))
    other = ((10.0, 11.0), (30.0, 9.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0))
    marks = [bookmark(Kind.POLYGON, other, "new", order=1), bookmark(Kind.POLYGON, square, "new")]
    (merged,) = merge_versions(marks, APART)
    assert (merged.points, merged.merged, merged.orders) == (square, 2, (0, 1))


def test_two_lesions_of_an_old_object_are_not_both_one_new_lesion_s_past() -> None:
    """The nearer becomes history, the other stays a lesion: nothing is swallowed."""
    left, right = recist("old", -9.0, order=0), recist("old", 6.0, order=1)
    assert not one_lesion(left, right)
    head = recist("new", 0.0)
    assert one_lesion(head, left)
    assert one_lesion(head, right)
    merged = merge_versions([left, right, head], APART)
    assert sorted(b.source_uid for b in merged) == ["new", "old"]
    assert next(b for b in merged if b.source_uid == "new").history[0].points == right.points


def line(source: str, *points: Point, **fields: object) -> Bookmark:
    return bookmark(Kind.LINE, points, source, **fields)


def square(source: str, left: float, top: float, side: float, **fields: object) -> Bookmark:
    right, bottom = left + side, top + side
    return bookmark(Kind.POLYGON, ((left, top), (right, top), (right, bottom), (left, bottom)), source, **fields)


def arrow(source: str, x: float, y: float) -> Bookmark:
    return bookmark(Kind.ARROW, ((x, y), (x + 30, y + 30)), source)


# ------------------------------------------------------------------------------------------------------------ tracking


def test_one_tracking_identifier_is_one_lesion_wherever_it_was_drawn() -> None:
    (merged,) = merge_versions([recist("old", tracking="t"), recist("new", 80.0, tracking="t")], APART)
    assert (merged.source_uid, [state.source_uid for state in merged.history]) == ("new", ["old"])


def test_tracking_goes_before_place() -> None:
    """The lesion beside it was drawn where this one lay before: each keeps its own past."""
    found = [recist("old", tracking="a"), recist("old", 30.0, order=1, tracking="b")]
    found += [recist("new", 30.0, tracking="a"), recist("new", 60.0, order=1, tracking="b")]
    merged = merge_versions(found, APART)
    assert [(b.tracking, b.history[0].tracking) for b in merged] == [("a", "a"), ("b", "b")]


def test_two_readers_trackings_at_one_place_are_one_lesion() -> None:
    (merged,) = merge_versions([recist("old", tracking="a"), recist("new", 1.0, tracking="b")], APART)
    assert merged.history[0].tracking == "a"


def test_two_trackings_of_one_object_stay_two_lesions() -> None:
    found = [recist("new", tracking="a"), recist("new", 1.0, order=1, tracking="b")]
    assert len(merge_versions(found, APART)) == 2
    assert len(merge_versions([found[0], replace(found[1], tracking="a")], APART)) == 1
    assert len(merge_versions([found[0], replace(found[1], tracking="")], APART)) == 1


def test_the_very_same_geometry_is_one_lesion_whatever_its_trackings() -> None:
    """Its uid is made of its geometry: two of them could not be told apart in a release."""
    first = recist("new", tracking="a")
    (*ends, c, d) = first.points
    twin = replace(first, points=(d, c, *reversed(ends)), orders=(1,), tracking="b")
    (merged,) = merge_versions([first, twin], APART)
    assert (merged.merged, merged.orders, merged.points) == (2, (0, 1), first.points)


@given(
    st.sampled_from([Kind.LINE, Kind.RECIST, Kind.ELLIPSE, Kind.ARROW, Kind.POLYGON]),
    st.lists(st.tuples(*[st.integers(0, 2).map(lambda v: v / 2000)] * 2), min_size=8, max_size=8),
)
def test_geometries_are_equal_where_the_uids_are(kind: Kind, points: list[Point]) -> None:
    count = 2 if kind is Kind.LINE else 4
    a, b = (replace(recist("new"), kind=kind, points=tuple(half[:count])) for half in (points[:4], points[4:]))
    one, other = (Surrogates(bytes(32)).bookmark("1.2.3", None, kind, mark.points) for mark in (a, b))
    assert (geometry_of(a) == geometry_of(b)) == (one == other)


def test_one_tracking_at_two_places_of_one_object_stays_two_bookmarks() -> None:
    found = [recist("new", tracking="a"), recist("new", 80.0, order=1, tracking="a")]
    assert len(merge_versions(found, APART)) == 2


# ---------------------------------------------------------------------------------------------------------- correction

CORRECTIONS = [
    (recist("old"), recist("new", 15.0)),
    (recist("old"), bookmark(Kind.RECIST, ((100.0, 100.0), (170.0, 100.0), (130.0, 85.0), (130.0, 112.0)), "new")),
    (line("old", (100.0, 100.0), (140.0, 100.0)), line("new", (160.0, 104.0), (101.0, 99.0))),
    (square("old", 100, 100, 40), square("new", 110, 112, 40)),
    (arrow("old", 100, 100), arrow("new", 107, 103)),
]
OTHER_LESIONS = [
    (recist("old"), recist("new", 40.0)),
    (line("old", (100.0, 100.0), (140.0, 100.0)), line("new", (120.0, 80.0), (120.0, 120.0))),
    (line("old", (100.0, 100.0), (140.0, 100.0)), line("new", (100.0, 100.0), (100.0, 140.0))),
    (square("old", 100, 100, 20), square("new", 120, 100, 20)),
    (square("old", 100, 100, 100), square("new", 140, 140, 15)),
    (arrow("old", 100, 100), arrow("new", 100, 112)),
    (recist("old", tracking="a"), recist("new", 15.0, tracking="b")),
    (recist("old"), square("new", 100, 85, 40)),
]


@pytest.mark.parametrize(("older", "newer"), CORRECTIONS)
def test_a_measurement_drawn_anew_in_the_next_state_is_its_correction(older: Bookmark, newer: Bookmark) -> None:
    assert not one_lesion(older, newer)
    (merged,) = merge_versions([older, newer], SUCCESSION)
    assert merged == replace(newer, history=(older,))


@pytest.mark.parametrize(("older", "newer"), OTHER_LESIONS)
def test_another_lesion_beside_a_deleted_one_is_no_correction(older: Bookmark, newer: Bookmark) -> None:
    merged = {b.source_uid: b for b in merge_versions([older, newer], SUCCESSION)}
    assert merged["old"] == replace(older, doubts=(Doubt.DELETED_LATER,))
    assert merged["new"] == newer


@pytest.mark.parametrize(("older", "newer"), CORRECTIONS)
def test_what_is_no_later_version_corrects_nothing(older: Bookmark, newer: Bookmark) -> None:
    same_time = [an_object("old", "one", created="20200101"), an_object("new", "one", created="20200101")]
    less_exact = [an_object("old", "one", created="20200101"), an_object("new", "one", created="20200101120000")]
    unknown = [an_object("old", "one", created=""), an_object("new", "one")]
    unknown[0] = replace(unknown[0], created="")
    other_label = [an_object("old", "one"), an_object("new", "one", label="OTHER")]
    other_modality = [an_object("old", "one"), an_object("new", "one", modality="SR")]
    for objects in (APART, same_time, less_exact, unknown, other_label, other_modality, []):
        assert sorted(b.source_uid for b in merge_versions([older, newer], objects)) == ["new", "old"]
        assert not any(b.doubts or b.history for b in merge_versions([older, newer], objects))


def test_what_continues_another_lesion_of_the_succession_corrects_none() -> None:
    left, right = recist("old", 0.0), recist("old", 18.0, order=1)
    merged = merge_versions([left, right, recist("new", 16.0)], SUCCESSION)
    assert {b.source_uid: b.doubts for b in merged} == {"new": (), "old": (Doubt.DELETED_LATER,)}
    assert next(b for b in merged if b.source_uid == "new").history == (right,)


def test_each_of_two_corrected_lesions_finds_its_own() -> None:
    found = [recist("old"), recist("old", 30.0, order=1), recist("new", 12.0), recist("new", 44.0, order=1)]
    merged = merge_versions(found, SUCCESSION)
    assert [(b.points[0][0], b.history[0].points[0][0]) for b in merged] == [(112.0, 100.0), (144.0, 130.0)]


def test_a_correction_may_itself_be_corrected() -> None:
    (merged,) = merge_versions([recist("old"), recist("mid", 15.0), recist("new", 30.0)], SUCCESSION)
    assert [state.source_uid for state in (merged, *merged.history)] == ["new", "mid", "old"]


def test_a_measurement_deleted_and_drawn_again_two_states_later_is_corrected() -> None:
    (merged,) = merge_versions([recist("old"), recist("new", 15.0)], SUCCESSION)
    assert (merged.source_uid, merged.doubts) == ("new", ())


def test_a_correction_is_not_both_of_two_deleted_lesions() -> None:
    merged = merge_versions([recist("old"), recist("old", 24.0, order=1), recist("new", 13.0)], SUCCESSION)
    assert {b.source_uid: len(b.history) for b in merged} == {"new": 1, "old": 0}


# ------------------------------------------------------------------------------------------------------------ deletion


def test_a_lesion_that_a_later_state_lacks_stays_and_is_doubted() -> None:
    (merged,) = merge_versions([recist("old", doubts=(Doubt.ANGLE,))], SUCCESSION)
    assert merged.doubts == (Doubt.ANGLE, Doubt.DELETED_LATER)
    assert merged.history == ()


def test_a_still_later_state_that_has_it_again_lifts_the_doubt() -> None:
    (merged,) = merge_versions([recist("old"), recist("new")], SUCCESSION)
    assert (merged.source_uid, merged.doubts) == ("new", ())
    (doubted,) = merge_versions([recist("old")], SUCCESSION)
    (lifted,) = merge_versions([doubted, recist("new")], SUCCESSION)
    assert lifted == merged


def test_states_of_other_images_say_nothing_about_this_one() -> None:
    elsewhere = [an_object("old", "one"), an_object("new", "one", shows=[OTHER])]
    assert merge_versions([recist("old")], elsewhere)[0].doubts == ()


KEPT = Mark(Shape.LINE, IMAGE, ((1.0, 1.0), (9.0, 9.0)), Encoding.GSPS_POLYLINE, 7)
NEW = replace(KEPT, points=((50.0, 50.0), (59.0, 9.0)))


def test_a_state_that_draws_on_the_image_shows_it() -> None:
    objects = [an_object("old", "one", marks=(KEPT,)), an_object("new", "one", shows=[], marks=(KEPT,))]
    assert merge_versions([recist("old")], objects)[0].doubts == (Doubt.DELETED_LATER,)


def test_a_viewer_that_saves_only_what_is_new_deletes_nothing() -> None:
    objects = [an_object("old", "one", marks=(KEPT,)), an_object("new", "one", marks=(NEW,))]
    assert merge_versions([recist("old")], objects)[0].doubts == ()
    whole = an_object("new", "one", marks=(NEW, KEPT))
    assert merge_versions([recist("old")], [objects[0], whole])[0].doubts == (Doubt.DELETED_LATER,)


def test_what_is_drawn_there_still_but_recognised_as_something_else_was_not_taken_back() -> None:
    long, short = (replace(KEPT, order=order, points=recist("old").points[order * 2 :][:2]) for order in (0, 1))
    before = an_object("old", "one", marks=(long, short))
    for marks, doubts in (((long, short, KEPT), ()), ((long, KEPT), (Doubt.DELETED_LATER,))):
        renumbered = tuple(replace(mark, order=9 - mark.order) for mark in marks)
        later = an_object("new", "one", marks=renumbered)
        found = [recist("old", orders=(0, 1)), line("new", *long.points)]
        merged = merge_versions(found, [before, later])
        assert {entry.kind: entry.doubts for entry in merged} == {Kind.RECIST: doubts, Kind.LINE: ()}


@pytest.mark.parametrize(
    ("shown", "doubts"),
    [(None, (Doubt.DELETED_LATER,)), (2, (Doubt.DELETED_LATER,)), (3, ())],
)
def test_frames_of_one_image_are_told_apart(shown: int | None, doubts: tuple[Doubt, ...]) -> None:
    drawn = recist("old", image=replace(IMAGE, frame=2))
    objects = [an_object("old", "one"), an_object("new", "one", shows=[replace(IMAGE, frame=shown)])]
    assert merge_versions([drawn], objects)[0].doubts == doubts


@pytest.mark.parametrize("refused", [Reason.MALFORMED_GRAPHIC, Reason.DISPLAY_UNITS, Reason.OFF_SLICE])
def test_a_state_of_which_a_graphic_could_not_be_read_says_nothing(refused: Reason) -> None:
    for image, doubts in ((None, ()), (IMAGE, ()), (OTHER, (Doubt.DELETED_LATER,))):
        later = an_object("new", "one", refused=(MarkRefusal(refused, 0, image),))
        assert merge_versions([recist("old")], [an_object("old", "one"), later])[0].doubts == doubts
    text = an_object("new", "one", refused=(MarkRefusal(Reason.TEXT_ONLY, 0, IMAGE),))
    assert merge_versions([recist("old")], [an_object("old", "one"), text])[0].doubts == (Doubt.DELETED_LATER,)


def test_a_state_with_marks_in_space_says_nothing_about_a_single_image() -> None:
    mark = Mark(Shape.LINE, IMAGE, (), Encoding.SR_SCOORD3D, 0)
    spatial = SpatialMark(mark, ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), "1.9", (IMAGE,))
    later = an_object("new", "one", spatial=(spatial,))
    assert merge_versions([recist("old")], [an_object("old", "one"), later])[0].doubts == ()


def test_a_lesion_that_one_of_two_readers_still_holds_is_not_deleted() -> None:
    taken_back = [an_object("old"), an_object("mid", "one"), an_object("new", "one")]
    (merged,) = merge_versions([recist("old"), recist("mid", 1.0)], taken_back)
    assert (merged.source_uid, merged.doubts) == ("mid", ())
    by_both = [*taken_back[1:], an_object("old", "two"), an_object("late", "two", created="2023")]
    (merged,) = merge_versions([recist("old"), recist("mid", 1.0)], by_both)
    assert (merged.source_uid, merged.doubts) == ("mid", (Doubt.DELETED_LATER,))


# ------------------------------------------------------------------------------------------------------------ any order

steps = st.floats(-25, 25).map(lambda v: round(v, 1))
SOURCES = ["old", "mid", "new", "late", ""]
KINDS = {
    Kind.RECIST: recist,
    Kind.LINE: lambda source, dx, **more: line(source, (100 + dx, 100.0), (140.0, 100.0 + dx), **more),
    Kind.POLYGON: lambda source, dx, **more: square(source, 100 + dx, 100.0, 30.0 + dx / 2, **more),
    Kind.ARROW: lambda source, dx, **more: bookmark(Kind.ARROW, ((100 + dx, 100.0), (150.0, 150.0)), source, **more),
}
measured = st.lists(
    st.tuples(
        steps,
        st.sampled_from(SOURCES),
        st.sampled_from([IMAGE, IMAGE, OTHER]),
        st.sampled_from(["", "", "t", "u"]),
        st.sampled_from(list(KINDS)),
    ),
    min_size=1,
    max_size=10,
)
made = st.fixed_dictionaries(
    {
        uid: st.builds(
            an_object,
            st.just(uid),
            st.sampled_from(["one", "two"]),
            created=st.sampled_from([*TIMES.values(), "2021", "20230101"]),
            shows=st.sets(st.sampled_from([IMAGE, OTHER])),
        )
        for uid in ["old", "mid", "new", "late", "empty"]
    }
)


@settings(max_examples=250, deadline=None)
@given(measured, made, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_and_merging_again_changes_nothing(
    drawn: list[tuple[float, str, ImageReference, str, Kind]],
    objects: dict[str, AnnotationObject],
    random: object,
) -> None:
    found = [
        KINDS[kind](source, dx, order=i, image=image, tracking=tracking)
        for i, (dx, source, image, tracking, kind) in enumerate(drawn)
    ]
    known = list(objects.values())
    expected = merge_versions(found, known)
    for shuffled in (found, known):
        random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge_versions(found, known) == expected
    assert merge_versions(expected, known) == expected
    counted = sum(state.merged for b in expected for state in (b, *b.history))
    assert counted == len(found), "every measurement stands, is averaged, or is history"
    for b in expected:
        sources = [state.source_uid for state in (b, *b.history)]
        assert len(sources) == len(set(sources)), "what one object tells apart stays apart"
        assert not any(Doubt.DELETED_LATER in state.doubts or state.history for state in b.history)
        assert len({(state.image, state.kind) for state in (b, *b.history)}) == 1


def test_thousands_of_marks_are_grouped() -> None:
    objects = [an_object(uid, "one") for uid in TIMES]
    found = [
        recist(uid, 60.0 * (i % 60), order=i, image=replace(IMAGE, sop_uid=f"1.2.{i // 600}"))
        for uid in ("old", "new")
        for i in range(1200)
    ]
    assert sum(state.merged for b in merge_versions(found, objects) for state in (b, *b.history)) == len(found)
