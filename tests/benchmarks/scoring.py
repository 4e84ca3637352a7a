"""What was found against what was drawn: by geometry alone, each found bookmark for one drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from miner.records import Bookmark, Kind, Point
from tests.annotations import Arrow, Circle, Curve, Drawing, Ellipse, Line, Outline, Pair
from tests.annotations.scenes import cross
from tests.annotations.truth import Ends


@dataclass(frozen=True)
class Score:
    """One image's outcome: ``found``: drawing and its bookmark; ``missed``; ``false``: bookmarks of no drawing.

    ``crossing``: false pairs of two rulers that were drawn to cross, which nothing tells from a lesion.
    """

    found: tuple[tuple[Drawing, Bookmark], ...]
    missed: tuple[Drawing, ...]
    false: tuple[Bookmark, ...]
    crossing: tuple[Bookmark, ...]


def score(drawn: Sequence[Drawing], bookmarks: Sequence[Bookmark], tolerance: float) -> Score:
    """Match the bookmarks of one image with its drawings."""
    left = list(bookmarks)
    found: list[tuple[Drawing, Bookmark]] = []
    missed: list[Drawing] = []
    for drawing in (drawing for drawing in drawn if kind_of(drawing) is not None):
        match = next((bookmark for bookmark in left if _same(drawing, bookmark, tolerance)), None)
        if match is None:
            missed.append(drawing)
        else:
            found.append((drawing, match))
            left.remove(match)
    rulers = [drawing for drawing in missed if isinstance(drawing, Line)]
    crossing = [bookmark for bookmark in left if _is_of_crossing_rulers(bookmark, rulers, tolerance)]
    if crossing:
        ends = [ends for bookmark in crossing for ends in _axes(bookmark)]
        missed = [d for d in missed if not (isinstance(d, Line) and any(same_ends(d.ends, e, tolerance) for e in ends))]
    return Score(tuple(found), tuple(missed), tuple(b for b in left if b not in crossing), tuple(crossing))


def kind_of(drawing: Drawing) -> Kind | None:
    """The kind of bookmark that a drawing is; None for a tool that is no bookmark."""
    match drawing:
        case Pair():
            return Kind.RECIST
        case Line():
            return Kind.LINE
        case Arrow():
            return Kind.ARROW
        case Ellipse() | Circle():
            return Kind.ELLIPSE
        case Outline() | Curve():
            return Kind.POLYGON
        case _:
            return None


def is_of_a_decoy_tool(bookmark: Bookmark, drawn: Sequence[Drawing], tolerance: float) -> bool:
    """Whether a pair has an axis that is no lesion's axis and no ruler: a tick, a side of an angle, a cross-hair …"""
    honest = [ends for d in drawn if isinstance(d, Pair) for ends in (d.long, d.short)]
    honest += [d.ends for d in drawn if isinstance(d, Line)]
    return any(not any(same_ends(axis, ends, tolerance) for ends in honest) for axis in _axes(bookmark))


def same_ends(a: Sequence[Point], b: Sequence[Point], tolerance: float) -> bool:
    """The same two ends, in either order."""
    return _near(a, b, tolerance) or _near(a, b[::-1], tolerance)


def _same(drawing: Drawing, bookmark: Bookmark, tolerance: float) -> bool:
    if bookmark.kind is not kind_of(drawing):
        return False
    points = bookmark.points
    match drawing:
        case Pair(long, short):
            same = _same_axes((long, short), points, tolerance)
        case Line(ends):
            same = same_ends(ends, points, tolerance)
        case Arrow(tip, tail):
            same = _near([tip, tail][: len(points)], points, tolerance)
        case Ellipse(major, minor):
            same = _same_axes((major, minor), points, tolerance)
        case Circle((x, y), radius):
            # where coordinates are cut, the error of the rim adds to that of the centre
            axes = (((x - radius, y), (x + radius, y)), ((x, y - radius), (x, y + radius)))
            same = _same_axes(axes, points, tolerance if tolerance < 1 else 2.5)
        case Outline(vertices) | Curve(vertices):
            same = _near(vertices, points, tolerance)
        case _:
            same = False
    return same


def _same_axes(axes: tuple[Ends, Ends], points: Sequence[Point], tolerance: float) -> bool:
    first, second = points[:2], points[2:]
    return any(
        same_ends(axes[0], a, tolerance) and same_ends(axes[1], b, tolerance)
        for a, b in ((first, second), (second, first))
    )


def _near(a: Sequence[Point], b: Sequence[Point], tolerance: float) -> bool:
    return len(a) == len(b) and all(math.dist(p, q) <= tolerance for p, q in zip(a, b, strict=True))


def _axes(bookmark: Bookmark) -> list[Ends]:
    a, b, c, d = bookmark.points
    return [(a, b), (c, d)]


def _is_of_crossing_rulers(bookmark: Bookmark, rulers: Sequence[Line], tolerance: float) -> bool:
    if bookmark.kind is not Kind.RECIST:
        return False
    both = [[ruler for ruler in rulers if same_ends(ruler.ends, axis, tolerance)] for axis in _axes(bookmark)]
    return any(cross(a.ends, b.ends) for a in both[0] for b in both[1])
