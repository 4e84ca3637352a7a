"""One lesion measured in several annotation studies: one row, whatever was mined first."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.dataset.doubles import Lesions, one_per_lesion
from miner.records import Doubt, Kind, MinedBookmark
from tests.dataset.making import key, make


def measured(name: str, x: float = 20.0, *, order: int, **changes: object) -> MinedBookmark:
    """A bookmark that an annotation study of this name has on the one series; ``order``: when its state was made."""
    kind = changes.pop("kind", Kind.RECIST)
    slice_number = changes.pop("key_slice", 20)
    mark = make(1, key_slice=slice_number, kind=kind, at=(x, 15.0)).bookmark  # type: ignore[arg-type]
    values: dict[str, object] = {"uid": key(name), "object_key": key("object", name), "state_order": order, **changes}
    return replace(mark, **values)  # type: ignore[arg-type]


def merged(*bookmarks: MinedBookmark, published: tuple[MinedBookmark, ...] = ()) -> Lesions:
    return one_per_lesion(bookmarks, {mark.uid for mark in published})


def test_the_newest_stands_under_the_uid_of_the_oldest_state() -> None:
    old, mid, new = (measured(name, 20 + order / 1000, order=order) for name, order in (("o", 1), ("m", 20), ("n", 90)))
    for order in ((old, mid, new), (new, old, mid)):
        found = merged(*order)
        states = (*new.measured, *mid.measured, *old.measured)
        history = {"history_keys": (mid.object_key, old.object_key), "history_orders": (20, 1)}
        expected = replace(new, uid=old.uid, states=states, **history)
        assert found.bookmarks == (expected,)
        assert found.merged == {old.uid: (new.uid, mid.uid, old.uid)}


def test_the_oldest_state_may_be_history_of_the_newest_study() -> None:
    history = {"history_keys": (key("object", "first"),), "history_orders": (1,)}
    new, old = measured("n", order=90, **history), measured("o", order=20)
    (found,) = merged(new, old).bookmarks
    assert found.uid == new.uid
    assert found.history == ((old.object_key, 20), (key("object", "first"), 1))


def test_a_state_of_unknown_time_is_the_oldest() -> None:
    new, unknown = measured("n", order=90), measured("u", order=0)
    (found,) = merged(new, unknown).bookmarks
    assert (found.uid, found.state_order, found.newer_states) == (unknown.uid, 90, 0)


@pytest.mark.parametrize(
    "other",
    [
        measured("n", 32.0, order=90),
        measured("n", order=90, key_slice=21),
        measured("n", order=90, kind=Kind.ELLIPSE),
        measured("n", order=90, series_key=key("other series")),
        measured("n", order=90, object_key=key("object", "o")),
        measured("n", order=90, history_keys=(key("object", "o"),), history_orders=(1,)),
    ],
)
def test_other_lesions_stay_apart(other: MinedBookmark) -> None:
    old = measured("o", order=1)
    found = merged(old, other)
    assert set(found.bookmarks) == {old, other}
    assert found.merged == {}


def test_one_tracking_identifier_is_one_lesion() -> None:
    old, new = (measured(n, x, order=o, tracking_key=key("t")) for n, x, o in (("o", 20.0, 1), ("n", 32.0, 90)))
    assert len(merged(old, new).bookmarks) == 1


def test_a_published_lesion_keeps_its_measurement_and_knows_the_newer_state() -> None:
    old, new = measured("o", order=1), measured("n", 20.5, order=90, finding_site="SCT:10200004")
    found = merged(old, new, published=(old,))
    (lesion,) = found.bookmarks
    assert (lesion.uid, lesion.points, lesion.newer_states) == (old.uid, old.points, 1)
    assert lesion.finding_site == "SCT:10200004"
    assert found.merged == {old.uid: (old.uid, new.uid)}
    (lesion,) = merged(old, new, published=(new,)).bookmarks
    assert (lesion.uid, lesion.points, lesion.newer_states) == (new.uid, new.points, 0)


def test_two_published_lesions_stay_two() -> None:
    old, new = measured("o", order=1), measured("n", 20.5, order=90)
    assert set(merged(old, new, published=(old, new)).bookmarks) == {old, new}


def test_a_lesion_is_deleted_where_every_study_lacks_it_later() -> None:
    gone = {"doubts": (Doubt.ANGLE, Doubt.DELETED_LATER)}
    old, new = measured("o", order=1), measured("n", 20.5, order=90, **gone)
    assert merged(old, new).bookmarks[0].doubts == (Doubt.ANGLE,)
    assert merged(replace(old, **gone), new).bookmarks[0].doubts == gone["doubts"]  # type: ignore[arg-type]


def test_two_measurements_of_one_object_are_never_one_lesion_through_a_third() -> None:
    left, right = (
        measured("l", 19.0, order=1, object_key=key("one")),
        measured("r", 21.2, order=1, object_key=key("one")),
    )
    middle = measured("m", 20.0, order=90)
    found = merged(left, right, middle)
    assert len(found.bookmarks) == 2
    assert found.merged == {left.uid: (middle.uid, left.uid)}


drawn = st.lists(
    st.tuples(
        st.floats(15, 30).map(lambda v: round(v, 1)),
        st.integers(0, 4),
        st.sampled_from("abcde"),
        st.sampled_from(["", "t"]),
        st.sampled_from([(), (Doubt.DELETED_LATER,)]),
    ),
    min_size=1,
    max_size=8,
)


@given(drawn, st.sets(st.integers(0, 7)), st.randoms(use_true_random=False))
def test_nothing_is_lost_and_no_order_matters(
    found: list[tuple[float, int, str, str, tuple[Doubt, ...]]], published: set[int], chance: random.Random
) -> None:
    marks = [
        measured(
            str(number),
            x,
            order=order,
            object_key=key("object", source),
            tracking_key=tracking and key(tracking),
            doubts=doubts,
        )
        for number, (x, order, source, tracking, doubts) in enumerate(found)
    ]
    released = tuple(mark for number, mark in enumerate(marks) if number in published)
    lesions = merged(*marks, published=released)
    shuffled = list(marks)
    chance.shuffle(shuffled)
    assert merged(*shuffled, published=released) == lesions
    assert {mark.uid for mark in released} <= {mark.uid for mark in lesions.bookmarks}
    told = [uid for mark in lesions.bookmarks for uid in lesions.merged.get(mark.uid, (mark.uid,))]
    assert sorted(told) == sorted(mark.uid for mark in marks)
    again = one_per_lesion(lesions.bookmarks, {mark.uid for mark in released})
    held = {key for mark in lesions.bookmarks for key in (mark.object_key, *mark.history_keys)}
    assert held == {mark.object_key for mark in marks}
    assert len(again.bookmarks) <= len(lesions.bookmarks)
