"""Marks in patient space (SCOORD3D, PS3.3 C.18.9) → marks on the slice that they were drawn on.

A frame of reference (PS3.3 C.7.4.1) says which space the coordinates are in. Where either side names none, nothing says
that the two are one space, and a patient who was moved between two series lies a lesion's breadth elsewhere: such marks
are refused, never placed by chance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from miner.bookmarks.recognition.planes import Array, PlaneStack
from miner.errors import Reason
from miner.records import ImagePlane, Mark, MarkRefusal, Point, Shape, SpatialMark, Vector


def place(spatial: SpatialMark, planes: Sequence[ImagePlane]) -> Mark | MarkRefusal:
    """The mark on its slice, points in pixels (x, y); or the reason why it lies on none of ``planes``.

    Its slice is a plane of the mark's frame of reference from which no point is further than half the distance of
    slices (half a millimetre for a single image; 5 mm at most). Of several: first those that hold all points inside of
    the image, then those that they lie on exactly, then images that the object names, then images of series that it
    names, then the nearest, then the first of ``planes``.

    Refusals: FRAME_OF_REFERENCE, no plane is of that frame, or the mark names none; OFF_SLICE, no slice is near enough
    to every point, or the points leave the plane by more than half the distance of slices (a measurement across
    slices); POINT_NOT_FINITE; MALFORMED_GRAPHIC, no points. A point beside the image is left to ``recognise``.
    """
    return place_all([spatial], planes)[0]


def place_all(spatial: Iterable[SpatialMark], planes: Sequence[ImagePlane]) -> list[Mark | MarkRefusal]:
    """:func:`place` for many marks, in their order; the planes are prepared once."""
    frames: dict[str, list[ImagePlane]] = {}
    for plane in planes:
        frames.setdefault(plane.frame_of_reference, []).append(plane)
    stacks = {frame: PlaneStack.of(found, measured=True) for frame, found in frames.items() if frame}
    return [_placed(mark, stacks.get(mark.frame_of_reference)) for mark in spatial]


def nearest_planes(spatial: SpatialMark, planes: Sequence[ImagePlane], count: int = 1) -> tuple[ImagePlane, ...]:
    """The planes that the mark may lie on, best first, ``count`` of each series at most: what to fetch, then to place.

    For planes known from an IMAGE-level query (``plane_of_instance``): a plane without a frame of reference is not
    ruled out, one without spacing is not asked whether the points lie inside of the image, and slices are looked for to
    twice the distance of :func:`place`, since a PACS may round positions. Empty where none comes near, or where the
    mark has no usable points or no frame of reference.
    """
    return nearest_planes_all([spatial], planes, count)[0]


def nearest_planes_all(
    spatial: Iterable[SpatialMark], planes: Sequence[ImagePlane], count: int = 1
) -> list[tuple[ImagePlane, ...]]:
    """:func:`nearest_planes` for many marks, in their order; the planes are prepared once."""
    stack = PlaneStack.of(planes, measured=False)
    return [tuple(_nearest(mark, stack, count)) if _fault(mark) is None else () for mark in spatial]


def _nearest(spatial: SpatialMark, stack: PlaneStack, count: int) -> Iterator[ImagePlane]:
    taken: Counter[str] = Counter()
    for index in stack.ranked(_array(spatial.points), spatial.candidates, times=2.0):
        plane = stack.planes[index]
        if plane.frame_of_reference in ("", spatial.frame_of_reference) and taken[plane.image.series_uid] < count:
            taken[plane.image.series_uid] += 1
            yield plane


def _placed(spatial: SpatialMark, stack: PlaneStack | None) -> Mark | MarkRefusal:
    mark = spatial.mark
    if (fault := _fault(spatial)) is not None:
        return MarkRefusal(fault, mark.order, None, mark.shape)
    if stack is None or not stack.planes:
        return MarkRefusal(Reason.FRAME_OF_REFERENCE, mark.order, None, mark.shape)
    points = _array(spatial.points)
    fitting = stack.ranked(points, spatial.candidates)
    if not fitting:
        return MarkRefusal(Reason.OFF_SLICE, mark.order, None, mark.shape)
    plane = stack.planes[fitting[0]]
    on_plane = tuple((float(x), float(y)) for x, y in stack.projected(points, fitting[0]))
    if mark.shape is Shape.CIRCLE and len(on_plane) == 2:
        axes = _axes_of_circle(on_plane[0], math.dist(*spatial.points), plane.spacing)
        return replace(mark, shape=Shape.ELLIPSE, points=axes, image=plane.image)
    return replace(mark, points=on_plane, image=plane.image)


def _fault(spatial: SpatialMark) -> Reason | None:
    if not spatial.points:
        return Reason.MALFORMED_GRAPHIC
    if not all(math.isfinite(value) for point in spatial.points for value in point):
        return Reason.POINT_NOT_FINITE
    return None if spatial.frame_of_reference else Reason.FRAME_OF_REFERENCE


def _axes_of_circle(centre: Point, radius_mm: float, spacing: tuple[float, float]) -> tuple[Point, ...]:
    """A circle of the body is an ellipse of pixels where rows and columns are spaced differently."""
    (x, y), across, down = centre, radius_mm / spacing[1], radius_mm / spacing[0]
    return ((x - across, y), (x + across, y), (x, y - down), (x, y + down))


def _array(points: Sequence[Vector]) -> Array:
    return np.array(points, dtype=np.float64).reshape(-1, 3)
