"""Several measurements of one lesion on one image: one lesion with a history.

A lesion is saved again in a later object, measured by a second reader, drawn twice in one object, corrected, or taken
back. What the objects of a study say about one image and kind is grouped into lesions (:mod:`.lesions`): first by
Tracking Unique Identifier and by place; then, within a succession of states, the measurement that ends is joined with
one that begins in its stead, its *correction*. Of each lesion the newest measurement stands and the others are its
history. Where every succession that held a lesion has a later state that shows the image without it, it was
*deleted*: it stays, with :attr:`Doubt.DELETED_LATER`; a still later state that has it again lifts the doubt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from miner.bookmarks.history.doubles import canonical, without_doubles
from miner.bookmarks.history.lesions import LesionGroups, box_overlap, may_be_correction, neighbours, one_lesion
from miner.bookmarks.history.successions import LineKey, Successions
from miner.records import AnnotationObject, Bookmark, Doubt


def merge_versions(bookmarks: Sequence[Bookmark], objects: Iterable[AnnotationObject]) -> tuple[Bookmark, ...]:
    """One bookmark a lesion, from all bookmarks on one volume out of all objects of a study.

    ``objects``: every annotation object that was read in the study, those without a bookmark on the volume included:
    a state that lacks what an earlier one had says so by what it lacks. An object that is not among them counts as the
    oldest. The result does not depend on any order, and merging it again changes nothing.
    """
    successions = Successions(objects)
    places: dict[tuple[Any, ...], list[Bookmark]] = defaultdict(list)
    for state in _states(bookmarks):
        places[state.image.sop_uid, state.image.frame or 0, state.kind.value].append(state)
    return tuple(merged for place in sorted(places) for merged in _of_one_place(places[place], successions))


def _states(bookmarks: Iterable[Bookmark]) -> Iterator[Bookmark]:
    """Every measurement on its own, as it was before any merging: what follows decides anew."""
    for bookmark in bookmarks:
        for state in (bookmark, *bookmark.history):
            doubts = tuple(doubt for doubt in state.doubts if doubt is not Doubt.DELETED_LATER)
            yield replace(state, history=(), doubts=doubts)


def _of_one_place(states: Sequence[Bookmark], successions: Successions) -> list[Bookmark]:
    """Bookmarks of one kind on one image: each object's doubles first, then all objects together."""
    by_source: dict[str, list[Bookmark]] = defaultdict(list)
    for state in states:
        by_source[state.source_uid].append(state)
    measured: list[Bookmark] = []
    for source in sorted(by_source, key=successions.order, reverse=True):
        measured += without_doubles(by_source[source])
    lesions = LesionGroups([{bookmark.source_uid: (str(number),)} for number, bookmark in enumerate(measured)])
    for *_, a, b in sorted(_links(measured)):
        lesions.join(a, b)
    _join_corrections(measured, lesions, successions)
    merged = [_one_of([measured[number] for number in group], successions) for group in lesions.groups()]
    return sorted(merged, key=canonical)


def _links(measured: Sequence[Bookmark]) -> Iterator[tuple[bool, float, int, int]]:
    """Pairs that are one lesion, to be sorted: those that say so themselves first, then the greatest overlaps.

    A Tracking Unique Identifier that one object gives to several measurements on one image names no place there.
    """
    for a, b in neighbours(measured):
        if one_lesion(measured[a], measured[b]):
            yield True, -box_overlap(measured[a], measured[b]), a, b
    tracked: dict[str, list[int]] = defaultdict(list)
    for number, bookmark in enumerate(measured):
        if bookmark.tracking:
            tracked[bookmark.tracking].append(number)
    for numbers in tracked.values():
        if len({measured[number].source_uid for number in numbers}) < len(numbers):
            continue
        for place, a in enumerate(numbers):
            for b in numbers[place + 1 :]:
                yield False, -box_overlap(measured[a], measured[b]), a, b


# --------------------------------------------------------------------------------------------------------- corrections


def _join_corrections(measured: Sequence[Bookmark], lesions: LesionGroups, successions: Successions) -> None:
    """Join each lesion that ends in a succession with the one that begins there later in its place, if there is one.

    Each has one successor and one predecessor at most, the nearest first; what continues another lesion of the same
    succession is nobody's correction.
    """
    first, last = _first_and_last(measured, lesions, successions)
    group = [lesions.group_of(number) for number in range(len(measured))]
    found = []
    for pair in neighbours(measured):
        for older, newer in (pair, pair[::-1]):
            line = successions.line(measured[older].source_uid)
            if (
                group[older] != group[newer]
                and last[group[older], line] == older
                and first.get((group[newer], line)) == newer
                and successions.is_later(measured[newer].source_uid, measured[older].source_uid)
                and _may_be_correction(measured[older], measured[newer])
            ):
                found.append((-box_overlap(measured[older], measured[newer]), older, newer))
    corrected: set[int] = set()
    correcting: set[int] = set()
    for _, older, newer in sorted(found):
        if older not in corrected and newer not in correcting and lesions.join(older, newer):
            corrected.add(older)
            correcting.add(newer)


def _may_be_correction(older: Bookmark, newer: Bookmark) -> bool:
    """As by place; Tracking Unique Identifiers that differ say that it is another lesion."""
    told_apart = older.tracking and newer.tracking and older.tracking != newer.tracking
    return not told_apart and may_be_correction(older, newer)


def _first_and_last(
    measured: Sequence[Bookmark], lesions: LesionGroups, successions: Successions
) -> tuple[dict[tuple[int, LineKey], int], dict[tuple[int, LineKey], int]]:
    """(Lesion, succession) → number of its oldest, and of its newest measurement there. Newest come first."""
    first: dict[tuple[int, LineKey], int] = {}
    last: dict[tuple[int, LineKey], int] = {}
    for number, bookmark in enumerate(measured):
        key = (lesions.group_of(number), successions.line(bookmark.source_uid))
        last.setdefault(key, number)
        first[key] = number
    return first, last


# ------------------------------------------------------------------------------------------------ one lesion's history


def _one_of(states: Sequence[Bookmark], successions: Successions) -> Bookmark:
    """The newest measurement, with the others as its history, newest first; doubted where nobody holds it any more."""
    head, *older = sorted(states, key=lambda state: successions.order(state.source_uid), reverse=True)
    by_line: dict[LineKey, list[Bookmark]] = defaultdict(list)
    for state in states:
        by_line[successions.line(state.source_uid)].append(state)
    deleted = all(successions.dropped(held, head.image) for held in by_line.values())
    doubts = (*head.doubts, Doubt.DELETED_LATER) if deleted else head.doubts
    return replace(head, history=tuple(older), doubts=doubts)
