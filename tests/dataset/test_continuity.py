"""A published lesion is known again: by its uid, by any of its states, by its tracking, by its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from miner.dataset.doubles import one_per_lesion
from miner.records import Kind, MinedBookmark, MinedState
from tests.dataset.making import key, make


def state(x: float, order: int = 1, tracking: str = "", source: str = "") -> MinedState:
    """What an object (of its own, unless ``source`` names it) measured at ``x``."""
    points = make(1, at=(x, 15.0)).bookmark.points
    return MinedState(key("uid", x), key("object", source or (x, order)), order, tracking, points)


def lesion(*states: MinedState, **changes: object) -> MinedBookmark:
    """A lesion of these states, newest first: as a study shows it."""
    own, *history = states
    made = replace(
        make(1).bookmark,
        uid=states[-1].uid,
        points=own.points,
        object_key=own.object_key,
        state_order=own.order,
        tracking_key=own.tracking_key,
        history_keys=tuple(entry.object_key for entry in history),
        history_orders=tuple(entry.order for entry in history),
        states=states if history else (),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def uids(row: MinedBookmark, *shown: MinedBookmark) -> set[str]:
    """Uids of the lesions, where a release holds ``row``."""
    found = one_per_lesion([row, *shown], {row.uid})
    standing = next(mark for mark in found.bookmarks if mark.uid == row.uid)
    assert standing.points == row.points
    return {mark.uid for mark in found.bookmarks}


OLD, MID, NEW, OTHER = state(10, 1), state(20, 2), state(30, 3), state(40, 4)


@pytest.mark.parametrize("held", [OLD, MID, NEW])
def test_known_by_any_of_its_states(held: MinedState) -> None:
    """An even older one may have arrived, a newer one may be gone."""
    shown = lesion(OTHER, NEW, MID, OLD, uid=key("shown"))
    assert uids(lesion(held), shown) == {held.uid}


def test_known_by_a_state_that_only_its_release_saw() -> None:
    row = lesion(NEW, MID, OLD)
    assert uids(row, lesion(MID)) == {OLD.uid}
    assert uids(row, lesion(state(20.5, 5))) == {OLD.uid}, "by its place"
    assert uids(row, lesion(OTHER)) == {OLD.uid, OTHER.uid}


def test_known_by_the_place_of_any_state_of_either() -> None:
    assert uids(lesion(NEW, OLD), lesion(OTHER, state(10.5, 2))) == {OLD.uid}


def test_known_by_its_tracking_wherever_it_was_drawn() -> None:
    assert uids(lesion(state(10, tracking="t")), lesion(state(40, tracking="t"))) == {OLD.uid}
    assert uids(lesion(state(10, tracking="t")), lesion(state(40, tracking="u"))) == {OLD.uid, OTHER.uid}


def test_what_one_object_tells_apart_stays_apart() -> None:
    row = lesion(OLD)
    first, second = state(10.2, 5, source="one"), state(10.4, 5, source="one")
    assert uids(row, lesion(first), lesion(second)) == {OLD.uid, second.uid}
    beside = replace(state(11), object_key=OLD.object_key)
    assert uids(row, lesion(beside)) == {OLD.uid, beside.uid}


def test_the_oldest_state_says_which_of_two_published_lesions_it_is() -> None:
    left, right, both = lesion(OLD), lesion(NEW), lesion(OTHER, replace(NEW, order=2), OLD, uid=key("shown"))
    found = one_per_lesion([left, right, both], {left.uid, right.uid})
    assert found.merged == {left.uid: (left.uid, both.uid)}


@pytest.mark.parametrize("changes", [{"key_slice": 21}, {"kind": Kind.ELLIPSE}])
def test_another_slice_or_kind_is_another_lesion(changes: dict[str, object]) -> None:
    assert len(uids(lesion(OLD), lesion(OLD, uid=key("other"), **changes))) == 2
