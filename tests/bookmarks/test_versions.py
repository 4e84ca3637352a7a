"""One lesion measured more than once: the newest stands, doubles are averaged, whatever the order they come in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks import merge_versions
from miner.bookmarks.versions import one_lesion
from miner.records import Bookmark, Doubt, Encoding, ImageReference, Kind, Point

IMAGE, OTHER = ImageReference("1.2", "1.2.3"), ImageReference("1.2", "1.2.4")
CREATED = {"old": "20200101000000000000", "mid": "20210101000000000000", "new": "20220101000000000000"}


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
    (merged,) = merge_versions([recist("old"), recist("new", 1.0), recist("mid", 0.5)], CREATED)
    assert merged.source_uid == "new"
    assert [state.source_uid for state in merged.history] == ["mid", "old"]
    assert merged.points == recist("new", 1.0).points
    assert merged.merged == 1
    assert all(state.history == () for state in merged.history)


def test_an_object_of_unknown_time_is_the_oldest() -> None:
    (merged,) = merge_versions([recist("unknown"), recist("old", 1.0)], CREATED)
    assert (merged.source_uid, merged.history[0].source_uid) == ("old", "unknown")


def test_other_images_frames_kinds_and_places_stay_apart() -> None:
    line = bookmark(Kind.LINE, ((100.0, 100.0), (140.0, 100.0)), "new")
    apart = [recist("old"), recist("new", image=OTHER), recist("new", 30.0), line]
    apart.append(recist("mid", image=replace(IMAGE, frame=2)))
    assert len(merge_versions(apart, CREATED)) == len(apart)


def test_doubles_within_one_object_are_averaged_end_to_end() -> None:
    first = recist("new", text_mm=40.0)
    turned = tuple(reversed(recist("new", 2.0).points[:2])) + tuple(reversed(recist("new", 2.0).points[2:]))
    second = replace(recist("new", 2.0, order=5, text_mm=41.0), points=turned, doubts=(Doubt.ANGLE,), confidence=0.95)
    (merged,) = merge_versions([first, second], CREATED)
    assert merged.points == recist("new", 1.0).points
    assert (merged.merged, merged.orders, merged.text_mm) == (2, (0, 5), 40.5)
    assert (merged.doubts, merged.confidence) == ((Doubt.ANGLE,), 0.95)
    assert (merged.length_mm, merged.short_mm) == (40.0, 22.0)
    assert merged.history == ()


def test_an_average_orders_its_axes_by_mm_again() -> None:
    spacing = (1.0, 1.0)
    wide = bookmark(Kind.RECIST, ((0.0, 10.0), (21.0, 10.0), (10.0, 0.0), (10.0, 20.0)), "new", pixel_spacing=spacing)
    tall = bookmark(Kind.RECIST, ((10.0, -1.0), (10.0, 22.0), (0.0, 10.0), (20.0, 10.0)), "new", order=1)
    (merged,) = merge_versions([wide, tall], CREATED)
    assert merged.points[:2] == ((10.0, -0.5), (10.0, 21.0))
    assert merged.length_mm == pytest.approx(21.5)
    assert merged.short_mm == pytest.approx(20.5)


def test_averaged_lengths_use_the_image_s_spacing() -> None:
    a = bookmark(Kind.LINE, ((0.0, 0.0), (0.0, 20.0)), "new", pixel_spacing=(2.0, 0.5), length_mm=40.0)
    b = bookmark(Kind.LINE, ((0.0, 0.0), (0.0, 22.0)), "new", order=1, pixel_spacing=(2.0, 0.5), length_mm=44.0)
    assert merge_versions([a, b], CREATED)[0].length_mm == 42.0


def test_crossing_lines_have_equal_boxes_and_stay_two() -> None:
    a = bookmark(Kind.LINE, ((100.0, 100.0), (140.0, 140.0)), "new")
    b = bookmark(Kind.LINE, ((100.0, 140.0), (140.0, 100.0)), "new", order=1)
    assert not one_lesion(a, b)
    assert len(merge_versions([a, b], CREATED)) == 2
    assert one_lesion(a, replace(a, points=a.points[::-1]))


def test_arrows_are_one_by_their_tips() -> None:
    a = bookmark(Kind.ARROW, ((100.0, 100.0), (140.0, 140.0)), "new")
    assert one_lesion(a, bookmark(Kind.ARROW, ((101.0, 100.0), (141.0, 140.0)), "old"))
    assert not one_lesion(a, bookmark(Kind.ARROW, ((140.0, 140.0), (100.0, 100.0)), "old"))


def test_outlines_of_one_object_keep_the_first() -> None:
    square = ((10.0, 10.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0))
    other = ((10.0, 11.0), (30.0, 9.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0))
    marks = [bookmark(Kind.POLYGON, other, "new", order=1), bookmark(Kind.POLYGON, square, "new")]
    (merged,) = merge_versions(marks, CREATED)
    assert (merged.points, merged.merged, merged.orders) == (square, 2, (0, 1))


def test_two_lesions_of_an_old_object_are_not_both_one_new_lesion_s_past() -> None:
    """The nearer becomes history, the other stays a lesion: nothing is swallowed."""
    left, right = recist("old", -9.0, order=0), recist("old", 6.0, order=1)
    assert not one_lesion(left, right)
    head = recist("new", 0.0)
    assert one_lesion(head, left)
    assert one_lesion(head, right)
    merged = merge_versions([left, right, head], CREATED)
    assert sorted(b.source_uid for b in merged) == ["new", "old"]
    assert next(b for b in merged if b.source_uid == "new").history[0].points == right.points


steps = st.floats(-25, 25).map(lambda v: round(v, 1))
measured = st.lists(
    st.tuples(steps, st.sampled_from(["old", "mid", "new", ""]), st.sampled_from([IMAGE, OTHER])),
    min_size=1,
    max_size=9,
)


@settings(max_examples=150, deadline=None)
@given(measured, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_and_merging_again_changes_nothing(
    drawn: list[tuple[float, str, ImageReference]], random: object
) -> None:
    found = [recist(source, dx, order=i, image=image) for i, (dx, source, image) in enumerate(drawn)]
    expected = merge_versions(found, CREATED)
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge_versions(shuffled, CREATED) == expected
    assert merge_versions(expected, CREATED) == expected
    counted = sum(state.merged for b in expected for state in (b, *b.history))
    assert counted == len(found), "every measurement stands, is averaged, or is history"
