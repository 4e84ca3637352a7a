"""One lesion that several annotation studies measured: one row of a release, the others its history.

Mining makes the states of one study one lesion; what another study says of the same image it does not know. Here the
bookmarks of one volume, key slice and kind are held against each other by the same rules (miner.bookmarks: one Tracking
Unique Identifier, or one place), the best links first, and never two of which one object, or two releases, tell apart.
A published lesion keeps its measurement; of the others the newest stands. It counts as deleted where every study that
measured it has a later state without it. The uid is that of the oldest state. Nothing here depends on what was mined
first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from miner.bookmarks import LesionGroups, box_overlap, neighbours, one_lesion
from miner.records import Doubt, MinedBookmark


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
    # Two published lesions stay two: their rows are for ever.
    sources = [
        {bookmark.object_key, *bookmark.history_keys, *(["published"] if bookmark.uid in published else [])}
        for bookmark in found
    ]
    lesions = LesionGroups(sources)
    for *_, a, b in sorted(_links(found)):
        lesions.join(a, b)
    for group in lesions.groups():
        yield [found[number] for number in group]


def _links(found: Sequence[MinedBookmark]) -> Iterator[tuple[bool, float, int, int]]:
    """Pairs that are one lesion, to be sorted: those that say so themselves first, then the greatest overlaps."""
    for a, b in neighbours(found):
        if one_lesion(found[a], found[b]):
            yield True, -box_overlap(found[a], found[b]), a, b
    tracked: dict[str, list[int]] = defaultdict(list)
    for number, bookmark in enumerate(found):
        if bookmark.tracking_key:
            tracked[bookmark.tracking_key].append(number)
    for numbers in tracked.values():
        if len({found[number].object_key for number in numbers}) < len(numbers):
            continue  # one object gives it to several measurements here: it names no place
        for place, a in enumerate(numbers):
            for b in numbers[place + 1 :]:
                yield False, -box_overlap(found[a], found[b]), a, b


def _merge(group: Sequence[MinedBookmark], published: Collection[str]) -> tuple[MinedBookmark, tuple[str, ...]]:
    """The lesion, and the uids that its bookmarks have had so far, that of the one that stands first."""
    head, *others = sorted(group, key=lambda bookmark: _rank(bookmark, published))
    if not others:
        return head, (head.uid,)
    uid = head.uid if head.uid in published else min(group, key=lambda bookmark: (_oldest(bookmark), bookmark.uid)).uid
    states = {key: order for bookmark in (*others, head) for key, order in _states(bookmark).items()}
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
        finding=next((bookmark.finding for bookmark in (head, *others) if bookmark.finding), ""),
        finding_site=next((bookmark.finding_site for bookmark in (head, *others) if bookmark.finding_site), ""),
    )
    return lesion, tuple(bookmark.uid for bookmark in (head, *others))


def _rank(bookmark: MinedBookmark, published: Collection[str]) -> tuple[bool, int, str]:
    return (bookmark.uid not in published, -bookmark.state_order, bookmark.uid)


def _oldest(bookmark: MinedBookmark) -> int:
    return min(_states(bookmark).values())


def _states(bookmark: MinedBookmark) -> dict[str, int]:
    return {bookmark.object_key: bookmark.state_order, **dict(bookmark.history)}
