"""Doubles: one lesion drawn twice in one object is averaged, end point to end point, as NIH did for DeepLesion.

Source: K. Yan et al., J. Med. Imaging 5(3), 2018, doi:10.1117/1.JMI.5.3.036501.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from miner.bookmarks.geometry import Grid
from miner.bookmarks.history.lesions import aligned, geometry_of, one_lesion
from miner.records import Bookmark, Doubt, Kind, Point


def without_doubles(bookmarks: Sequence[Bookmark]) -> list[Bookmark]:
    """The bookmarks of one kind that one object has on one image, doubles averaged, in canonical order.

    Two that carry different Tracking Unique Identifiers are two lesions by their author's own word, however near; the
    very same geometry is one measurement that was written twice.
    Repeated until nothing changes, since an average may overlap with a third.
    """
    kept = sorted(bookmarks, key=canonical)
    while True:
        groups: list[list[Bookmark]] = []
        for bookmark in kept:
            group = next((group for group in groups if _is_double(group[0], bookmark)), None)
            if group is None:
                groups.append([bookmark])
            else:
                group.append(bookmark)
        if len(groups) == len(kept):
            return kept
        kept = sorted((_average(group) for group in groups), key=canonical)


def canonical(bookmark: Bookmark) -> tuple[Any, ...]:
    """An order of bookmarks that follows from what they say alone."""
    return (bookmark.orders, bookmark.points, bookmark.source_uid, repr(bookmark))


def _is_double(a: Bookmark, b: Bookmark) -> bool:
    told_apart = a.tracking and b.tracking and a.tracking != b.tracking
    return geometry_of(a) == geometry_of(b) or (not told_apart and one_lesion(a, b))


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
        tracking=next((bookmark.tracking for bookmark in group if bookmark.tracking), ""),
        finding=next((bookmark.finding for bookmark in group if bookmark.finding), None),
        site=next((bookmark.site for bookmark in group if bookmark.site), None),
    )
    return _measured_again(merged, first)


def _mean_points(group: Sequence[Bookmark]) -> tuple[Point, ...]:
    first = group[0]
    if first.kind is Kind.POLYGON or any(len(bookmark.points) != len(first.points) for bookmark in group):
        return first.points
    turned = [aligned(bookmark.points, first.points, arrow=first.kind is Kind.ARROW) for bookmark in group]
    weight = sum(bookmark.merged for bookmark in group)
    return tuple(
        (
            math.fsum(points[i][0] * b.merged for points, b in zip(turned, group, strict=True)) / weight,
            math.fsum(points[i][1] * b.merged for points, b in zip(turned, group, strict=True)) / weight,
        )
        for i in range(len(first.points))
    )


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
