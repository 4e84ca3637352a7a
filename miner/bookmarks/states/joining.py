"""What a state says a second time or in a second place joins what it says itself: one object, counted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import chain

from miner.bookmarks.references import distinct
from miner.errors import Reason
from miner.records import AnnotationObject, Mark, MarkRefusal

SAME_DECIMALS = 2
"""Decimals of a pixel to which the points of one graphic agree in two places: both were float32 of one number."""

MAX_REFUSALS = 1_000
"""Things not understood that are counted one by one; there is no knowing what they are."""


def joined(found: AnnotationObject, inners: Sequence[AnnotationObject]) -> AnnotationObject:
    """``found`` and behind it what only ``inners`` say; orders go on without a gap, items and layers stay apart.

    A graphic of the same shape and points on the same image is the same graphic and counts once. Refusals bear no
    points: where an inner one draws nothing of its own, as many refusals of a kind as ``found`` has are the same too.
    """
    joining = _Joining(found)
    for inner in inners:
        joining.add(inner)
    references = (found.references, *(inner.references for inner in inners))
    return replace(
        found,
        references=tuple(distinct(chain.from_iterable(references))),
        marks=tuple(joining.marks),
        refused=tuple(joining.refused),
        window=found.window or next((inner.window for inner in inners if inner.window), None),
        items=joining.items,
    )


def with_refusals(found: AnnotationObject, reason: Reason, count: int = 1) -> AnnotationObject:
    """``found`` and ``count`` more refusals behind everything else."""
    first = len(found.marks) + len(found.spatial) + len(found.refused)
    more = (MarkRefusal(reason, order) for order in range(first, first + count))
    return replace(found, refused=(*found.refused, *more))


class _Joining:
    """Marks and refusals as they grow."""

    def __init__(self, found: AnnotationObject) -> None:
        self.marks = list(found.marks)
        self.refused = list(found.refused)
        self.items = found.items
        self._order = len(found.marks) + len(found.spatial) + len(found.refused)
        self._held = {_drawing(mark) for mark in found.marks}
        self._refusals = Counter(_kind(refusal) for refusal in found.refused)
        self._layers = _layers(found.marks)
        self._groups = max((mark.group + 1 for mark in found.marks if mark.group is not None), default=0)

    def add(self, inner: AnnotationObject) -> None:
        """What ``inner`` says and nobody said before."""
        repeats = all(_drawing(mark) in self._held for mark in inner.marks)
        same = self._refusals.copy() if repeats else Counter[Hashable]()
        things: list[Mark | MarkRefusal] = [*inner.marks, *inner.refused]
        for thing in sorted(things, key=lambda thing: thing.order):
            if isinstance(thing, Mark):
                self._add_mark(thing)
            elif same[_kind(thing)]:
                same[_kind(thing)] -= 1
            else:
                self.refused.append(replace(thing, order=self._order))
                self._order += 1
        self._held.update(map(_drawing, inner.marks))
        above, below = _layers(inner.marks)
        self._layers = (self._layers[0] + above, self._layers[1] + below)
        self._groups += max((mark.group + 1 for mark in inner.marks if mark.group is not None), default=0)
        self.items += inner.items

    def _add_mark(self, mark: Mark) -> None:
        if _drawing(mark) in self._held:
            return
        shift = self._layers[0] if mark.layer > 0 else self._layers[1]
        group = None if mark.group is None else mark.group + self._groups
        self.marks.append(
            replace(mark, order=self._order, item=mark.item + self.items, layer=mark.layer + shift, group=group)
        )
        self._order += 1


def _drawing(mark: Mark) -> Hashable:
    points = tuple((round(x, SAME_DECIMALS), round(y, SAME_DECIMALS)) for x, y in mark.points)
    return (mark.image.sop_uid, mark.image.frame, mark.shape, points)


def _kind(refusal: MarkRefusal) -> Hashable:
    image = refusal.image
    return (refusal.reason, refusal.shape, image and (image.sop_uid, image.frame))


def _layers(marks: Sequence[Mark]) -> tuple[int, int]:
    """The highest and the lowest number of a layer in use: listed layers count up from 1, others down from -1."""
    return (
        max((mark.layer for mark in marks if mark.layer > 0), default=0),
        min((mark.layer for mark in marks if mark.layer < 0), default=0),
    )
