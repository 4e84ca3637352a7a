"""Annotation objects written anew under their own UID, after a release has published what they held before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from miner.bookmarks import one_lesion
from miner.deid import Surrogates
from miner.records import Bookmark, Kind, MinedBookmark, Point


@dataclass(frozen=True, slots=True)
class _Drawn:
    kind: Kind
    points: tuple[Point, ...]


def rewritten(
    found: Iterable[Bookmark],
    published: Collection[MinedBookmark],
    surrogates: Surrogates,
    number_of: Callable[[str], int],
) -> tuple[Bookmark, ...]:
    """Those of ``found`` that stand in the place of a published measurement of the same object.

    The object holds that measurement no more, so nothing tells them from two lesions of one object: taken, the lesion
    would be published twice. The first is kept. What the object holds besides is none of these.

    Args:
        found: what one volume shows now.
        published: what releases hold of the volume.
        surrogates: of the project.
        number_of: slice number of an image of the volume.
    """
    found = list(found)
    shown = {_uid(version, surrogates) for entry in found for version in (entry, *entry.history)}
    gone = [entry for entry in published if shown.isdisjoint(state.uid for state in entry.measured)]
    return tuple(
        entry
        for entry in found
        for number in [number_of(entry.image.sop_uid)]
        if any(old.key_slice == number and _replaces(entry, old, surrogates) for old in gone)
    )


def _replaces(entry: Bookmark, old: MinedBookmark, surrogates: Surrogates) -> bool:
    before = [(state.object_key, _Drawn(old.kind, state.points)) for state in old.measured]
    return entry.kind is old.kind and any(
        key == _key(version, surrogates) and one_lesion(drawn, version)
        for version in (entry, *entry.history)
        for key, drawn in before
    )


def _key(version: Bookmark, surrogates: Surrogates) -> str:
    return surrogates.instance(version.source_uid)


def _uid(version: Bookmark, surrogates: Surrogates) -> str:
    return surrogates.bookmark(version.image.sop_uid, version.image.frame, version.kind, version.points)
