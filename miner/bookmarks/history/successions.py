"""Successions: which annotation objects are later versions of one another, and what a later one no longer holds.

States of one series and one Content Label (reports: of one series) follow each other: a viewer that saves again writes
such a state. A later one that shows an image without a measurement that an earlier one had there may mean that somebody
took it back, or that the viewer saves only what is new. Only a later state that repeats something of an earlier one, or
that holds nothing at all, is known to be saved whole; and even then the measurement is doubted, never dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from miner.errors import Reason
from miner.records import AnnotationObject, Bookmark, ImageReference, Mark, Point, Shape

SAME_SPOT = 2
"""Decimals of a pixel to which a graphic that is saved again keeps its coordinates."""

MarkKey = tuple[str, int | None, Shape, tuple[Point, ...]]
"""Image, frame, shape and rounded points of a mark."""

LineKey = tuple[str, str, str]
"""Modality, series and label: what the states of one succession share."""

UNREAD = frozenset(
    {
        Reason.IMAGE_AMBIGUOUS,
        Reason.POINT_OUTSIDE_IMAGE,
        Reason.POINT_NOT_FINITE,
        Reason.DISPLAY_UNITS,
        Reason.MALFORMED_GRAPHIC,
        Reason.UNKNOWN_GRAPHIC,
        Reason.NO_COORDINATES,
        Reason.SEGMENTATION,
        Reason.OFF_SLICE,
        Reason.FRAME_OF_REFERENCE,
    }
)
"""Refusals that may hide a measurement: an object with one of these says nothing about what it lacks."""


class Successions:
    """The annotation objects of one study, by time and by succession. Objects that are not among them came first."""

    def __init__(self, objects: Iterable[AnnotationObject]) -> None:
        self._by_uid = {entry.sop_uid: entry for entry in objects}
        self._lines: dict[LineKey, list[AnnotationObject]] = defaultdict(list)
        for entry in self._by_uid.values():
            self._lines[_line(entry)].append(entry)
        self._shown: dict[str, dict[str, set[int | None]]] = {}
        self._drawn: dict[str, dict[int, MarkKey]] = {}

    def order(self, uid: str) -> tuple[str, str]:
        """Sorts objects from the oldest to the newest, always in one way."""
        entry = self._by_uid.get(uid)
        return ("" if entry is None else entry.created, uid)

    def line(self, uid: str) -> LineKey:
        """The succession of an object; an unknown object is alone in its own."""
        entry = self._by_uid.get(uid)
        return ("", uid, "") if entry is None else _line(entry)

    def is_later(self, uid: str, than: str) -> bool:
        """Whether an object was surely made after another one; times of which one is only less exact do not tell."""
        created, before = self.order(uid)[0], self.order(than)[0]
        return bool(before) and created > before and not created.startswith(before)

    def dropped(self, states: Collection[Bookmark], image: ImageReference) -> bool:
        """Whether a later object of their succession, saved whole, shows the image and holds none of ``states``.

        Nor what the newest of them is made of: a measurement that is drawn there still, but is recognised as something
        else beside what was added, has not been taken back.

        Args:
            states: measurements of one lesion in the objects of one succession.
            image: the image that it lies on.
        """
        uids = {state.source_uid for state in states}
        newest = max(states, key=lambda state: self.order(state.source_uid))
        marks = self._marks(newest.source_uid, newest.orders)
        return any(
            entry.sop_uid not in uids
            and self.is_later(entry.sop_uid, newest.source_uid)
            and self._shows(entry, image)
            and self._is_whole(entry)
            and not (marks and marks <= self._marks(entry.sop_uid))
            for entry in self._lines.get(self.line(newest.source_uid), ())
        )

    def _is_whole(self, entry: AnnotationObject) -> bool:
        """Whether an object is known to hold everything that was left, and not only what was new."""
        drawn = self._marks(entry.sop_uid)
        return not drawn or any(
            not drawn.isdisjoint(self._marks(earlier.sop_uid))
            for earlier in self._lines[_line(entry)]
            if self.is_later(entry.sop_uid, earlier.sop_uid)
        )

    def _marks(self, uid: str, orders: Collection[int] | None = None) -> frozenset[MarkKey]:
        """What an object draws, or those of its marks with these orders; nothing for an unknown object."""
        if uid not in self._drawn:
            entry = self._by_uid.get(uid)
            self._drawn[uid] = {mark.order: _key_of(mark) for mark in entry.marks} if entry else {}
        drawn = self._drawn[uid]
        return frozenset(drawn.values() if orders is None else (drawn[order] for order in orders if order in drawn))

    def _shows(self, entry: AnnotationObject, image: ImageReference) -> bool:
        """Whether a graphic on this image would have been read in this object, had there been one."""
        if entry.spatial or any(_may_hide(refusal.reason, refusal.image, image) for refusal in entry.refused):
            return False
        frames = self._images(entry).get(image.sop_uid)
        return frames is not None and (image.frame is None or None in frames or image.frame in frames)

    def _images(self, entry: AnnotationObject) -> dict[str, set[int | None]]:
        """Images that an object references or draws on, each with its frames; None among them: all of it."""
        if entry.sop_uid not in self._shown:
            shown: dict[str, set[int | None]] = defaultdict(set)
            for reference in (*entry.references, *(mark.image for mark in entry.marks)):
                shown[reference.sop_uid].add(reference.frame)
            self._shown[entry.sop_uid] = dict(shown)
        return self._shown[entry.sop_uid]


def _line(entry: AnnotationObject) -> LineKey:
    return (entry.modality, entry.series_uid, entry.label)


def _key_of(mark: Mark) -> MarkKey:
    points = tuple((round(x, SAME_SPOT), round(y, SAME_SPOT)) for x, y in mark.points)
    return (mark.image.sop_uid, mark.image.frame, mark.shape, points)


def _may_hide(reason: Reason, refused_on: ImageReference | None, image: ImageReference) -> bool:
    return reason in UNREAD and (refused_on is None or refused_on.sop_uid == image.sop_uid)
