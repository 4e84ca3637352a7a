"""Closed shapes and arrows of one image → bookmarks, or the reason why not."""

from __future__ import annotations

import math
from dataclasses import replace

from miner.bookmarks.agreement import agrees, any_agrees, closest, has_angle, lengths_mm
from miner.bookmarks.geometry import Grid, angle_between, area, box_of
from miner.errors import Reason
from miner.records import Bookmark, Doubt, Kind, Mark, Point, Shape

CLOSED_CONFIDENCE = 0.9
"""A closed shape says what it is; what remains is whether it is a lesion's outline."""

CONFIRMED_CONFIDENCE = 0.95
MISMATCH_CONFIDENCE = 0.6

ARROW_CONFIDENCE = 0.9
"""Its head, its compound or its text's anchor shows the tip."""

CALLOUT_CONFIDENCE = 0.7
"""A text with a drawn anchor and no graphic: an arrow by convention."""

UNKNOWN_TIP_CONFIDENCE = 0.5

MIN_AREA = 1.0
"""Square pixels below which an outline holds nothing."""

AXES_APART = 2.0
"""Pixels between the middles of an ellipse's two axes (some writers truncate coordinates) …"""

AXES_APART_RATIO = 0.05
"""… or this part of the major axis: beyond, the four points are no axis ends."""

MIN_AXES_ANGLE = 75.0
"""Degrees, in pixels: the axes of an ellipse are perpendicular (PS3.3 C.10.5.1.2)."""

OUTLINES = frozenset({Shape.POLYGON, Shape.CURVE})


def outline(mark: Mark, grid: Grid) -> Bookmark | Reason:
    """A polygon, rectangle or closed curve: its vertices. No length; areas in its text are not compared."""
    if len(mark.points) < 3 or area(mark.points) < MIN_AREA:
        return Reason.MALFORMED_GRAPHIC
    return Bookmark(
        Kind.POLYGON,
        mark.image,
        mark.points,
        mark.encoding,
        CLOSED_CONFIDENCE,
        orders=(mark.order,),
        pixel_spacing=grid.spacing,
    )


def ellipse(mark: Mark, grid: Grid) -> Bookmark | Reason:
    """Ends of the major axis (in mm), then of the minor. Its text may give an axis, a radius or the circumference."""
    if len(mark.points) != 4:
        return Reason.MALFORMED_GRAPHIC
    a, b, c, d = mark.points
    if not _are_axes(a, b, c, d):
        return Reason.MALFORMED_GRAPHIC
    points = (a, b, c, d) if grid.length(a, b) >= grid.length(c, d) else (c, d, a, b)
    return _round(mark, points, grid)


def circle(mark: Mark, grid: Grid) -> Bookmark | Reason:
    """A circle in pixels as an ellipse: horizontal, then vertical diameter (swapped where that is longer in mm)."""
    if len(mark.points) != 2:
        return Reason.MALFORMED_GRAPHIC
    (x, y), rim = mark.points
    radius = math.dist((x, y), rim)
    if math.pi * radius * radius < MIN_AREA:
        return Reason.MALFORMED_GRAPHIC
    across: tuple[Point, Point] = ((x - radius, y), (x + radius, y))
    down: tuple[Point, Point] = ((x, y - radius), (x, y + radius))
    points = (*across, *down) if grid.spacing[1] >= grid.spacing[0] else (*down, *across)
    return _round(mark, points, grid)


def _are_axes(a: Point, b: Point, c: Point, d: Point) -> bool:
    major, minor = max(math.dist(a, b), math.dist(c, d)), min(math.dist(a, b), math.dist(c, d))
    middles = math.dist(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), ((c[0] + d[0]) / 2, (c[1] + d[1]) / 2))
    if math.pi / 4 * major * minor < MIN_AREA or middles > max(AXES_APART, AXES_APART_RATIO * major):
        return False
    # two pixels of truncation turn a short axis by more
    return minor < 4 * AXES_APART or angle_between(a, b, c, d) >= MIN_AXES_ANGLE


def _round(mark: Mark, points: tuple[Point, Point, Point, Point], grid: Grid) -> Bookmark:
    major, minor = grid.length(points[0], points[1]), grid.length(points[2], points[3])
    lengths = lengths_mm(mark.texts, major / math.dist(points[0], points[1]))
    found = closest(lengths, major)
    text_mm, confidence = None, CLOSED_CONFIDENCE
    doubts: tuple[Doubt, ...] = ()
    if found is not None and agrees(found, major):
        text_mm, confidence = found, CONFIRMED_CONFIDENCE
    elif found is not None and not any(any_agrees(lengths, other) for other in _other_sizes(major, minor)):
        text_mm, doubts, confidence = found, (Doubt.TEXT_MISMATCH,), MISMATCH_CONFIDENCE
    return Bookmark(
        Kind.ELLIPSE,
        mark.image,
        points,
        mark.encoding,
        confidence,
        length_mm=major,
        text_mm=text_mm,
        doubts=doubts,
        orders=(mark.order,),
        pixel_spacing=grid.spacing,
    )


def own_sizes(mark: Mark, grid: Grid) -> tuple[float, ...]:
    """Lengths in mm that a text of a closed shape may give of the shape itself; empty where it is none.

    Of a round one axes, half axes and circumference; of an outline its perimeter and the sides of the box around it.
    """
    if mark.shape in OUTLINES and mark.points:
        left, top, right, bottom = box_of(mark.points)
        around = zip(mark.points, (*mark.points[1:], mark.points[0]), strict=True)
        sides = (grid.length((left, top), (right, top)), grid.length((left, top), (left, bottom)))
        return (sum(grid.length(a, b) for a, b in around), *sides)
    found = circle(mark, grid) if mark.shape is Shape.CIRCLE else ellipse(mark, grid)
    if not isinstance(found, Bookmark):
        return ()
    a, b, c, d = found.points
    major, minor = grid.length(a, b), grid.length(c, d)
    return (major, *_other_sizes(major, minor))


def _other_sizes(major: float, minor: float) -> tuple[float, ...]:
    """What else a text of an ellipse may give: minor axis, half axes, circumference (after Ramanujan)."""
    a, b = major / 2, minor / 2
    return (minor, a, b, math.pi * (3 * (a + b) - math.sqrt((3 * a + b) * (a + 3 * b))))


def arrow(mark: Mark, grid: Grid) -> Bookmark | Reason:
    """Tip, then tail where known. A callout whose text gives an angle and no length labels an angle."""
    lengths = lengths_mm(mark.texts, math.sqrt(grid.spacing[0] * grid.spacing[1]))
    if len(mark.points) == 1 and has_angle(mark.texts) and not lengths:
        return Reason.ANGLE_TOOL
    if len(mark.points) not in (1, 2):
        return Reason.MALFORMED_GRAPHIC
    certain = mark.direction_known or len(mark.points) == 1
    confidence = CALLOUT_CONFIDENCE if len(mark.points) == 1 else ARROW_CONFIDENCE
    bookmark = Bookmark(
        Kind.ARROW,
        mark.image,
        mark.points,
        mark.encoding,
        confidence if certain else UNKNOWN_TIP_CONFIDENCE,
        text_mm=lengths[0] if lengths else None,
        orders=(mark.order,),
        pixel_spacing=grid.spacing,
    )
    return bookmark if certain else replace(bookmark, doubts=(Doubt.ARROW_DIRECTION,))
