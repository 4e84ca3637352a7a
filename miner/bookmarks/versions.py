"""Several measurements of one lesion on one image: saved again in a later object, or drawn twice in one.

Two bookmarks of one kind are of one lesion where their boxes, grown by 5 px on each side as in DeepLesion, overlap by
more than 60 % (intersection over union). Across objects the newest stands, the older are its history. Doubles within
one object are averaged, end point to end point, as NIH did for DeepLesion (Yan 2018, doi:10.1117/1.JMI.5.3.036501).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Protocol

from miner.bookmarks.geometry import Grid, box_of, overlap
from miner.records import Bookmark, Doubt, Kind, Point

BOX_MARGIN = 5.0
SAME_LESION = 0.60

END_SHIFT = 0.3
"""Part of a line's length by which its ends may have moved: two crossing lines have equal boxes and are not one."""

TIP_SHIFT = 5.0
"""Pixels by which an arrow's tip may have moved."""


class Measured(Protocol):
    """What makes a measurement comparable with another one on the same image."""

    @property
    def kind(self) -> Kind:
        """Of bookmark."""

    @property
    def points(self) -> tuple[Point, ...]:
        """In the pixel centres frame."""


def merge_versions(bookmarks: Sequence[Bookmark], created: Mapping[str, str]) -> tuple[Bookmark, ...]:
    """One bookmark a lesion, from all bookmarks on one volume out of all objects of a study.

    ``created``: ``source_uid`` → :attr:`AnnotationObject.created`; an object that is not in it counts as the oldest.
    The result does not depend on the order of ``bookmarks``, and merging it again changes nothing.
    """
    places: dict[tuple[Any, ...], list[Bookmark]] = {}
    for bookmark in bookmarks:
        place = (bookmark.image.sop_uid, bookmark.image.frame or 0, bookmark.kind.value)
        places.setdefault(place, []).append(bookmark)
    merged: list[Bookmark] = []
    for place in sorted(places):
        merged += _of_one_place(places[place], created)
    return tuple(merged)


def _of_one_place(bookmarks: Sequence[Bookmark], created: Mapping[str, str]) -> list[Bookmark]:
    """Bookmarks of one kind on one image: each object's doubles first, then the objects from newest to oldest."""
    sources: dict[str, list[Bookmark]] = {}
    for bookmark in bookmarks:
        sources.setdefault(bookmark.source_uid, []).append(bookmark)
    chains: list[list[Bookmark]] = []
    for source in sorted(sources, key=lambda uid: (created.get(uid, ""), uid), reverse=True):
        own = _without_doubles(sources[source])
        follows = _followed(own, chains)
        for index, bookmark in enumerate(own):
            if index in follows:
                chains[follows[index]].append(bookmark)
            else:
                chains.append([bookmark])
    return sorted((_with_history(chain, created) for chain in chains), key=_canonical)


def _followed(own: Sequence[Bookmark], chains: Sequence[Sequence[Bookmark]]) -> dict[int, int]:
    """Index of an older bookmark → the chain that it is the past of. The greatest overlaps first, one of each chain."""
    fits = [
        (-box_overlap(bookmark, member), index, number)
        for index, bookmark in enumerate(own)
        for number, chain in enumerate(chains)
        for member in chain
        if one_lesion(bookmark, member) and bookmark.source_uid not in _sources(chain)
    ]
    found: dict[int, int] = {}
    for _, index, number in sorted(fits):
        if index not in found and number not in found.values():
            found[index] = number
    return found


def _sources(chain: Sequence[Bookmark]) -> set[str]:
    return {state.source_uid for member in chain for state in (member, *member.history)}


def _with_history(chain: Sequence[Bookmark], created: Mapping[str, str]) -> Bookmark:
    head, *older = chain
    past = [replace(bookmark, history=()) for bookmark in (*head.history, *older)]
    past += [state for bookmark in older for state in bookmark.history]
    past.sort(key=lambda state: (created.get(state.source_uid, ""), state.source_uid), reverse=True)
    return replace(head, history=tuple(past))


def one_lesion(a: Measured, b: Measured) -> bool:
    """Whether two bookmarks of one kind on one image measure one lesion."""
    if box_overlap(a, b) <= SAME_LESION:
        return False
    if a.kind is Kind.ARROW:
        return math.dist(a.points[0], b.points[0]) <= TIP_SHIFT
    if a.kind is Kind.LINE:
        aligned = _aligned(b.points, a.points)
        longest = max(math.dist(*a.points), math.dist(*b.points))
        return all(math.dist(p, q) <= END_SHIFT * longest for p, q in zip(a.points, aligned, strict=True))
    return True


def box_overlap(a: Measured, b: Measured) -> float:
    """Intersection over union of the two boxes, grown by 5 px on each side."""
    return overlap(box_of(a.points, BOX_MARGIN), box_of(b.points, BOX_MARGIN))


# ------------------------------------------------------------------------------------------------ doubles in one object


def _without_doubles(bookmarks: Sequence[Bookmark]) -> list[Bookmark]:
    """The bookmarks of one object with doubles averaged; repeated, since an average may overlap with a third."""
    kept = sorted(bookmarks, key=_canonical)
    while True:
        groups: list[list[Bookmark]] = []
        for bookmark in kept:
            group = next((group for group in groups if one_lesion(group[0], bookmark)), None)
            if group is None:
                groups.append([bookmark])
            else:
                group.append(bookmark)
        if len(groups) == len(kept):
            return kept
        kept = sorted((_average(group) for group in groups), key=_canonical)


def _average(group: Sequence[Bookmark]) -> Bookmark:
    """One bookmark for the doubles: mean end points. Outlines of different vertices have no mean: the first stands."""
    first = group[0]
    if len(group) == 1:
        return first
    texts = [bookmark.text_mm for bookmark in group if bookmark.text_mm is not None]
    doubts: dict[Doubt, None] = dict.fromkeys(doubt for bookmark in group for doubt in bookmark.doubts)
    merged = replace(
        first,
        points=_mean_points(group),
        confidence=max(bookmark.confidence for bookmark in group),
        text_mm=math.fsum(texts) / len(texts) if texts else None,
        doubts=tuple(sorted(doubts)),
        orders=tuple(sorted(order for bookmark in group for order in bookmark.orders)),
        merged=sum(bookmark.merged for bookmark in group),
        history=tuple(state for bookmark in group for state in bookmark.history),
    )
    return _measured_again(merged, first)


def _mean_points(group: Sequence[Bookmark]) -> tuple[Point, ...]:
    first = group[0]
    if first.kind is Kind.POLYGON or any(len(bookmark.points) != len(first.points) for bookmark in group):
        return first.points
    aligned = [_aligned(bookmark.points, first.points, arrow=first.kind is Kind.ARROW) for bookmark in group]
    weight = sum(bookmark.merged for bookmark in group)
    return tuple(
        (
            math.fsum(points[i][0] * b.merged for points, b in zip(aligned, group, strict=True)) / weight,
            math.fsum(points[i][1] * b.merged for points, b in zip(aligned, group, strict=True)) / weight,
        )
        for i in range(len(first.points))
    )


def _aligned(points: Sequence[Point], to: Sequence[Point], *, arrow: bool = False) -> tuple[Point, ...]:
    """The same axes with ends (and, of near equal axes, axes) in the order that lies nearest to ``to``."""
    if arrow or len(points) not in (2, 4):
        return tuple(points)
    axes = [tuple(points[i : i + 2]) for i in range(0, len(points), 2)]
    orders = [axes] if len(axes) == 1 else [axes, axes[::-1]]
    ways = [
        tuple(point for axis, turned in zip(order, turns, strict=True) for point in (axis[::-1] if turned else axis))
        for order in orders
        for turns in product((False, True), repeat=len(axes))
    ]
    return min(ways, key=lambda way: math.fsum(math.dist(p, q) for p, q in zip(way, to, strict=True)))


def _measured_again(bookmark: Bookmark, before: Bookmark) -> Bookmark:
    """Lengths of the averaged points, long axis first."""
    if bookmark.length_mm is None or before.length_mm is None:
        return bookmark
    points = bookmark.points
    if bookmark.pixel_spacing is not None:
        grid = Grid(1, 1, bookmark.pixel_spacing)
    else:
        scale = before.length_mm / math.dist(*before.points[:2])
        grid = Grid(1, 1, (scale, scale))
    lengths = [grid.length(points[i], points[i + 1]) for i in range(0, len(points), 2)]
    if len(lengths) == 2 and lengths[1] > lengths[0]:
        points, lengths = (*points[2:], *points[:2]), lengths[::-1]
    short = lengths[1] if bookmark.kind is Kind.RECIST else None
    return replace(bookmark, points=points, length_mm=lengths[0], short_mm=short)


def _canonical(bookmark: Bookmark) -> tuple[Any, ...]:
    """An order of bookmarks that follows from what they say alone."""
    return (bookmark.orders, bookmark.points, bookmark.source_uid, repr(bookmark))
