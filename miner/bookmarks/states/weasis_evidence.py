"""What Weasis's drawing model says of the standard graphics beside it: their tool, their texts, and mere decoration.

The serialiser (DicomPrSerializer, AdvancedShape of Weasis's public source) writes a tool as polylines, its decoration
among them and nothing that tells them apart: the side of its box beside an ellipse, a cross in the middle of a circle,
the two lines of a perpendicular or an angle. Read alone, a side is a length nobody measured and a cross is a pair of
axes. Handles stand in the model with the same numbers, so what a polyline belongs to is a matter of equal points.

Its newer versions flatten ellipses to closed paths that keep within two pixels: a small one is left with four
corners. Such a path has no handles, but every corner lies on the ellipse of the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from miner.bookmarks.geometry import distance_to_segment, finite
from miner.bookmarks.states.graphics import Unreadable
from miner.bookmarks.states.weasis_tools import Traced, handles_of, traced
from miner.bookmarks.states.weasis_xml import Model, ModelGraphic
from miner.errors import Reason
from miner.records import AnnotationObject, ImageReference, Mark, MarkRefusal, Point, Shape

SAME_POINT = 0.01
"""Pixels: a handle and its copy in Graphic Data differ by the rounding to float32."""

LONGEST_TICK = 16.5
"""Pixels: Weasis clamps the ticks of its ruler to 16."""

UPRIGHT = 1e-2
"""Cosine below which a tick stands upright on its ruler, and a stroke of a circle's cross along a row or column."""

ON_ELLIPSE = 5e-3
"""By which (x/a)² + (y/b)² of a flattened ellipse's corners may differ from 1: a four hundredth of its radius."""

MAX_RULERS = 50
MAX_ELLIPSES = 50
MAX_SHARING = 64
"""Handles within one pixel that are told apart; more of them explain nothing."""

_EXPLAINED = frozenset({Shape.LINE, Shape.POLYLINE, Shape.POLYGON})
_NO_MEASUREMENT = frozenset({Reason.ANGLE_TOOL, Reason.TOOL_NOT_A_LESION})

Ends = tuple[Point, Point]


def explained(found: AnnotationObject, model: Model, image: ImageReference) -> AnnotationObject:
    """``found`` with its lines on ``image`` explained by the model. Every mark stays a mark or becomes a refusal.

    A line whose ends are handles of one graphic alone gets the tool, the axis and the texts of that graphic; as part of
    a tool that measures no lesion, or as decoration, it is refused. A line that no handle explains stays as it is.
    """
    owners = _Owners(model.graphics)
    groups = max((mark.group + 1 for mark in found.marks if mark.group is not None), default=0)
    marks: list[Mark] = []
    refused = list(found.refused)
    for mark in found.marks:
        settled: Mark | Reason = mark
        if same_image(mark.image, image) and mark.shape in _EXPLAINED and finite(mark.points):
            settled = owners.judge(mark, groups)
        if isinstance(settled, Mark):
            marks.append(settled)
        else:
            refused.append(MarkRefusal(settled, mark.order, mark.image, mark.shape))
    refused.sort(key=lambda refusal: refusal.order)
    return replace(found, marks=tuple(marks), refused=tuple(refused))


def same_image(a: ImageReference, b: ImageReference) -> bool:
    """Whether two references are to one image; what else they say of it may come from different places."""
    return (a.sop_uid, a.frame) == (b.sop_uid, b.frame)


class _Owners:
    """Which graphics of the model have a handle at a point."""

    def __init__(self, graphics: Sequence[ModelGraphic]) -> None:
        self._graphics = graphics
        self._readings = [traced(graphic) for graphic in graphics]
        self._at: dict[tuple[int, int], list[tuple[Point, int]]] = {}
        for number, graphic in enumerate(graphics):
            for handle in _handles(graphic):
                sharing = self._at.setdefault(_cell(handle), [])
                if len(sharing) < MAX_SHARING:
                    sharing.append((handle, number))
        rulers = [_handles(graphic) for graphic in graphics if graphic.tool == "ruler"]
        self._rulers = [(handles[0], handles[1]) for handles in rulers[:MAX_RULERS] if len(handles) == 2]
        self._ellipses = [
            (number, part)
            for number, reading in enumerate(self._readings)
            if isinstance(reading, list)
            for part in reading
            if part.shape in (Shape.ELLIPSE, Shape.CIRCLE)
        ][:MAX_ELLIPSES]

    def judge(self, mark: Mark, groups: int) -> Mark | Reason:
        """The mark with what its only owner says of it, or why it is no measurement."""
        if len(mark.points) == 2 and self._decorates((mark.points[0], mark.points[1])):
            return Reason.TOOL_NOT_A_LESION
        owners = set.intersection(*map(self._owners, mark.points))
        if len(owners) != 1:
            return self._unflattened(mark, groups)
        (number,) = owners
        reading = self._readings[number]
        if isinstance(reading, Unreadable):
            return reading.reason if reading.reason in _NO_MEASUREMENT else mark
        part = next((part for part in reading if _is(part, mark)), None)
        if part is None:
            # the dashed side of an ellipse's box: no stroke of it that was drawn
            side = self._graphics[number].tool == "ellipse" and mark.shape is Shape.LINE
            return Reason.TOOL_NOT_A_LESION if side else mark
        return _named(mark, part, self._graphics[number], groups + number)

    def _unflattened(self, mark: Mark, groups: int) -> Mark:
        """The ellipse or circle that a closed path was, where it was just one; else the mark."""
        if mark.shape is not Shape.POLYGON or len(mark.points) < 4:
            return mark
        fitting = [(number, part) for number, part in self._ellipses if _lies_on(mark.points, part)]
        if len(fitting) != 1:
            return mark
        (number, part) = fitting[0]
        whole = replace(mark, shape=part.shape, points=part.points)
        return _named(whole, part, self._graphics[number], groups + number)

    def _owners(self, point: Point) -> set[int]:
        x, y = _cell(point)
        near = (entry for i in (-1, 0, 1) for j in (-1, 0, 1) for entry in self._at.get((x + i, y + j), ()))
        return {number for handle, number in near if math.dist(handle, point) <= SAME_POINT}

    def _decorates(self, ends: Ends) -> bool:
        (ax, ay), (bx, by) = ends
        middle = ((ax + bx) / 2, (ay + by) / 2)
        along_grid = min(abs(ax - bx), abs(ay - by)) <= UPRIGHT * math.dist(*ends)
        if along_grid and any(self._is_centre(number, middle) for number in self._owners(middle)):
            return True
        return any(_is_tick(ends, middle, ruler) for ruler in self._rulers)

    def _is_centre(self, number: int, point: Point) -> bool:
        graphic = self._graphics[number]
        handles = _handles(graphic)
        return graphic.tool == "circle" and len(handles) == 2 and math.dist(handles[0], point) <= SAME_POINT


def _is_tick(ends: Ends, middle: Point, ruler: Ends) -> bool:
    if math.dist(*ends) > LONGEST_TICK or distance_to_segment(middle, *ruler) > SAME_POINT:
        return False
    ux, uy = ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]
    vx, vy = ruler[1][0] - ruler[0][0], ruler[1][1] - ruler[0][1]
    return abs(ux * vx + uy * vy) <= UPRIGHT * math.hypot(ux, uy) * math.hypot(vx, vy)


def _lies_on(points: Sequence[Point], part: Traced) -> bool:
    """Whether all points lie on an ellipse or a circle."""
    if part.shape is Shape.CIRCLE:
        (x, y), radius = part.points[0], math.dist(*part.points)
        a, b = (radius, 0.0), (0.0, radius)
    else:
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = part.points
        (x, y), a, b = ((ax + bx) / 2, (ay + by) / 2), ((bx - ax) / 2, (by - ay) / 2), ((dx - cx) / 2, (dy - cy) / 2)
    first, second = a[0] * a[0] + a[1] * a[1], b[0] * b[0] + b[1] * b[1]
    if not first or not second:
        return False
    for u, v in ((px - x, py - y) for px, py in points):
        along, across = (u * a[0] + v * a[1]) / first, (u * b[0] + v * b[1]) / second
        if not abs(along * along + across * across - 1.0) <= ON_ELLIPSE:
            return False
    return True


def _is(part: Traced, mark: Mark) -> bool:
    """Whether a mark is that part of its owner, in one direction or the other."""
    if len(part.points) != len(mark.points):
        return False
    ways = (mark.points, mark.points[::-1])
    return any(all(math.dist(a, b) <= SAME_POINT for a, b in zip(part.points, way, strict=True)) for way in ways)


def _named(mark: Mark, part: Traced, graphic: ModelGraphic, group: int) -> Mark:
    """The mark with the model's tool, axis and texts; an arrow's line with its points as the model gives them."""
    return replace(
        mark,
        points=part.points if part.shape is Shape.ARROW else mark.points,
        tool=part.tool.value or mark.tool,
        texts=graphic.texts if part.texts is None else part.texts,
        direction_known=mark.direction_known or part.shape is Shape.ARROW,
        group=mark.group if part.axis is None else group,
        axis=mark.axis if part.axis is None else part.axis,
    )


def _handles(graphic: ModelGraphic) -> list[Point]:
    handles = [handle for handle in handles_of(graphic) if handle is not None]
    return handles if finite(handles) else []


def _cell(point: Point) -> tuple[int, int]:
    return (math.floor(point[0]), math.floor(point[1]))
