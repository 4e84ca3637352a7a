"""One lesion that several annotation studies measured: one row of a release, the others its history.

Mining makes the states of one study one lesion; what another study says of the same image it does not know, nor what
releases hold. Here the bookmarks of one volume, key slice and kind are held against each other, each by every
measurement that is known of it. A published lesion is known again by its measurements; then the rules of one study are
asked (miner.bookmarks: one Tracking Unique Identifier, or one place), the best links first, and never two of which one
object, or two releases, tell apart. A published lesion keeps its measurement; of the others the newest stands. It
counts as deleted where every study that measured it has a later state without it. The uid is that of the oldest state.
All of it follows from what releases hold and what the studies show now; what was mined in between has no say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from miner.bookmarks import LesionGroups, box_overlap, neighbours, one_lesion
from miner.records import Doubt, Kind, MinedBookmark, MinedState, Point


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One measurement of a bookmark, by the bookmark's number."""

    number: int
    kind: Kind
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Lesions:
    """Bookmarks, each of another lesion.

    ``merged``: uid of a lesion of several bookmarks → their uids so far, that of the measurement that stands first.
    """

    bookmarks: tuple[MinedBookmark, ...]
    merged: Mapping[str, tuple[str, ...]]


def one_per_lesion(bookmarks: Iterable[MinedBookmark], published: Collection[str]) -> Lesions:
    """Merge the bookmarks of one lesion.

    Args:
        bookmarks: of all annotation studies, one per uid.
        published: uids that a release has given.
    """
    places: dict[tuple[str, int, str], list[MinedBookmark]] = defaultdict(list)
    for bookmark in sorted(bookmarks, key=lambda bookmark: bookmark.uid):
        places[bookmark.series_key, bookmark.key_slice, bookmark.kind.value].append(bookmark)
    lesions: list[MinedBookmark] = []
    merged: dict[str, tuple[str, ...]] = {}
    for found in places.values():
        for group in _groups(found, published):
            lesion, uids = _merge(group, published)
            lesions.append(lesion)
            if len(uids) > 1:
                merged[lesion.uid] = uids
    return Lesions(tuple(sorted(lesions, key=lambda bookmark: bookmark.uid)), dict(sorted(merged.items())))


def _groups(found: Sequence[MinedBookmark], published: Collection[str]) -> Iterator[list[MinedBookmark]]:
    if len(found) == 1:
        yield list(found)
        return
    lesions = LesionGroups([_sources(bookmark, published) for bookmark in found])
    for *_, a, b in sorted(_known_again(found, published)):
        lesions.join(a, b)
    for *_, a, b in sorted(_links(found)):
        lesions.join(a, b)
    for group in lesions.groups():
        yield [found[number] for number in group]


def _sources(bookmark: MinedBookmark, published: Collection[str]) -> dict[str, set[str]]:
    """Objects of its states, and what it measures in each; two published lesions stay two: their rows are for ever."""
    sources: dict[str, set[str]] = defaultdict(set)
    for state in bookmark.measured:
        sources[state.object_key].add(state.uid)
    for key in {bookmark.object_key, *bookmark.history_keys} - sources.keys():
        sources[key].add(f"unknown to {bookmark.uid}")
    if bookmark.uid in published:
        sources["published"].add(bookmark.uid)
    return sources


def _known_again(found: Sequence[MinedBookmark], published: Collection[str]) -> Iterator[tuple[int, int, int]]:
    """Pairs of which one, published, has a measurement that is a state of the other: by its oldest state first."""
    holders: dict[str, list[int]] = defaultdict(list)
    for number, bookmark in enumerate(found):
        if bookmark.uid in published:
            for uid in sorted({state.uid for state in bookmark.measured}):
                holders[uid].append(number)
    for number, bookmark in enumerate(found):
        if bookmark.uid not in published:
            states = sorted(bookmark.measured, key=lambda state: (state.uid != bookmark.uid, state.order, state.uid))
            for rank, state in enumerate(states):
                for holder in holders.get(state.uid, ()):
                    yield rank, holder, number


def _links(found: Sequence[MinedBookmark]) -> Iterator[tuple[bool, float, int, int]]:
    """Pairs that are one lesion, to be sorted: those that say so themselves first, then the greatest overlaps.

    Held against each other by every measurement that is known of them.
    """
    drawn = [
        _Drawn(number, bookmark.kind, state.points)
        for number, bookmark in enumerate(found)
        for state in bookmark.measured
    ]
    for one, other in neighbours(drawn):
        a, b = drawn[one], drawn[other]
        if a.number != b.number and one_lesion(a, b):
            yield True, -box_overlap(a, b), min(a.number, b.number), max(a.number, b.number)
    tracked: dict[str, set[tuple[str, str]]] = defaultdict(set)
    carriers: dict[str, set[int]] = defaultdict(set)
    for number, bookmark in enumerate(found):
        for state in bookmark.measured:
            if state.tracking_key:
                tracked[state.tracking_key].add((state.object_key, state.uid))
                carriers[state.tracking_key].add(number)
    for key, measured in tracked.items():
        if len({object_key for object_key, _ in measured}) < len(measured):
            continue  # one object gives it to several measurements here: it names no place
        for a_number, b_number in combinations(sorted(carriers[key]), 2):
            yield False, -box_overlap(found[a_number], found[b_number]), a_number, b_number


def _merge(group: Sequence[MinedBookmark], published: Collection[str]) -> tuple[MinedBookmark, tuple[str, ...]]:
    """The lesion, and the uids that its bookmarks have had so far, that of the one that stands first."""
    head, *others = sorted(group, key=lambda bookmark: _rank(bookmark, published))
    if not others:
        return head, (head.uid,)
    uid = head.uid if head.uid in published else min(group, key=lambda bookmark: (_oldest(bookmark), bookmark.uid)).uid
    states = {key: order for bookmark in (*others, head) for key, order in _orders(bookmark).items()}
    del states[head.object_key]
    history = sorted(states.items(), key=lambda state: (-state[1], state[0]))
    doubts = head.doubts
    if not all(Doubt.DELETED_LATER in bookmark.doubts for bookmark in group):
        doubts = tuple(doubt for doubt in doubts if doubt is not Doubt.DELETED_LATER)
    lesion = replace(
        head,
        uid=uid,
        doubts=doubts,
        history_keys=tuple(key for key, _ in history),
        history_orders=tuple(order for _, order in history),
        states=_states(head, others),
        finding=next((bookmark.finding for bookmark in (head, *others) if bookmark.finding), ""),
        finding_site=next((bookmark.finding_site for bookmark in (head, *others) if bookmark.finding_site), ""),
    )
    return lesion, tuple(bookmark.uid for bookmark in (head, *others))


def _states(head: MinedBookmark, others: Sequence[MinedBookmark]) -> tuple[MinedState, ...]:
    """Every measurement of the lesion, newest first."""
    states = {(s.object_key, s.uid): s for bookmark in (*reversed(others), head) for s in bookmark.measured}
    return tuple(sorted(states.values(), key=lambda state: (-state.order, state.object_key, state.uid)))


def _rank(bookmark: MinedBookmark, published: Collection[str]) -> tuple[bool, int, str]:
    return (bookmark.uid not in published, -bookmark.state_order, bookmark.uid)


def _oldest(bookmark: MinedBookmark) -> int:
    return min(_orders(bookmark).values())


def _orders(bookmark: MinedBookmark) -> dict[str, int]:
    return {bookmark.object_key: bookmark.state_order, **dict(bookmark.history)}
