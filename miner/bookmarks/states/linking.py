"""Which text belongs to which graphic.

The standard ties a text to nothing but its Graphic Annotation item. Producers differ: one graphic and its text an item;
everything of a layer in one item, texts tied by nearness only; an arrow written as a text whose anchor is drawn, with
no graphic. Evidence is taken in this order: the compound's instance id, the graphic group, the item, the anchor, the
bounding box.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from miner.bookmarks.agreement import has_angle
from miner.bookmarks.geometry import (
    Box,
    box_of,
    box_to_segment,
    distance_of_boxes,
    distance_to_box,
    distance_to_segment,
)
from miner.bookmarks.states.graphics import Drawn
from miner.bookmarks.states.labels import Label
from miner.bookmarks.tools import ANGLES
from miner.records import ImageReference, Point, Shape

ANCHOR_TOUCHES = 5.0
"""Pixels from a graphic within which an anchor lies on it (a leader ends at the outline, drawn by hand)."""

ANCHOR_NEAR = 12.0
"""Pixels beyond which the one text of an item's one graphic is no leader to it, if it measures no length.

A text without any digit is no statistics of an area either: its leader has to touch (:data:`ANCHOR_TOUCHES`).
"""

BOX_NEAR = 120.0
"""Pixels within which a measuring text's box belongs to the nearest graphic; texts get dragged off the anatomy."""

MAX_COMPARISONS = 200_000
"""Texts times graphics above which nearness is not looked for: no person labelled that many."""


ROUNDING = 1e-6
"""Pixels by which two ways to one distance may differ."""

MAX_PATH = 64
"""Points of an open path up to which its distance is measured exactly."""

_OPEN = frozenset({Shape.LINE, Shape.ARROW, Shape.POLYLINE})


class Fate(Enum):
    """What a text is that labels no graphic."""

    ARROW = "arrow"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class PlacedGraphic:
    """A graphic and where it stands in its object. ``image`` is None where the item does not say which."""

    drawn: Drawn
    item: int
    layer: int
    image: ImageReference | None


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """A text and where it stands in its object."""

    label: Label
    item: int
    layer: int
    image: ImageReference | None


def link(labels: Sequence[PlacedLabel], graphics: Sequence[PlacedGraphic]) -> list[int | Fate]:
    """For each label the index of its graphic, or its fate where it labels none."""
    by_item: dict[int, list[int]] = {}
    for index, graphic in enumerate(graphics):
        by_item.setdefault(graphic.item, []).append(index)
    texts_of_item: dict[int, list[Label]] = {}
    for placed in labels:
        texts_of_item.setdefault(placed.item, []).append(placed.label)
    named = _Named(graphics)
    near = len(labels) * len(graphics) <= MAX_COMPARISONS
    found: list[int | Fate] = []
    for placed in labels:
        label = placed.label
        tied = named.graphics_of(placed)
        if tied:
            nearest = _nearest(label, _fitting(label, tied, graphics), graphics)[0] if near else None
            found.append(tied[0] if nearest is None else nearest)
            continue
        candidates = by_item.get(placed.item, [])
        fate = _in_item(label, candidates, graphics, texts_of_item[placed.item], near)
        if fate is Fate.ALONE and near:
            others = _neighbours(placed, graphics)
            fate = _across_items(label, others, graphics)
        found.append(fate)
    return found


class _Named:
    """Graphics by the numbers that tie texts to them.

    A Compound Graphic Instance ID is unique within the sequence of one item (PS3.3 C.10.5.1.3.1): writers start again
    from 1 in the next, so the item's own comes first. A Graphic Group ID is unique within the state (C.10.11).
    """

    def __init__(self, graphics: Sequence[PlacedGraphic]) -> None:
        self._in_item: dict[tuple[int, int], list[int]] = {}
        self._on_image: dict[tuple[ImageReference | None, int], list[int]] = {}
        self._groups: dict[tuple[ImageReference | None, int], list[int]] = {}
        for index, graphic in enumerate(graphics):
            if graphic.drawn.compound is not None:
                self._in_item.setdefault((graphic.item, graphic.drawn.compound), []).append(index)
                self._on_image.setdefault((graphic.image, graphic.drawn.compound), []).append(index)
            if graphic.drawn.group is not None:
                self._groups.setdefault((graphic.image, graphic.drawn.group), []).append(index)

    def graphics_of(self, placed: PlacedLabel) -> list[int]:
        """Indices of the graphics that a label is tied to by number."""
        compound, group = placed.label.compound, placed.label.group
        found: list[int] = []
        if compound is not None:
            found = self._in_item.get((placed.item, compound), []) or self._on_image.get((placed.image, compound), [])
        if not found and group is not None:
            found = self._groups.get((placed.image, group), [])
        return found


def _in_item(
    label: Label, candidates: list[int], graphics: Sequence[PlacedGraphic], texts: Sequence[Label], near: bool
) -> int | Fate:
    """The graphic of the same item that the label belongs to; ALONE where the item has none for it."""
    candidates = _fitting(label, candidates, graphics)
    if not candidates:
        return Fate.ALONE
    if len(candidates) == 1 and len(texts) == 1:
        astray = label.points_at_something and not label.measured and label.anchor is not None
        gap = _gap(label, graphics[candidates[0]].drawn)
        reach = ANCHOR_NEAR if label.numbered else ANCHOR_TOUCHES
        return Fate.ARROW if astray and gap is not None and gap > reach else candidates[0]
    if not near:
        return candidates[0] if len(candidates) == 1 else Fate.ALONE
    nearest, gap = _nearest(label, candidates, graphics)
    if nearest is None or gap is None:
        return candidates[0] if len(candidates) == 1 else Fate.ALONE
    if label.points_at_something and label.anchor is not None:
        # a writer that draws no leader from its measurements draws one for arrows alone, and a word without any number
        # that is drawn to a spot among several graphics points at the spot
        plain = any(not other.points_at_something and (other.measured or other.anchor is None) for other in texts)
        if plain or not label.numbered or (gap > ANCHOR_TOUCHES and not label.measured):
            return Fate.ARROW
    return nearest if gap <= BOX_NEAR else Fate.ALONE


def _fitting(label: Label, candidates: list[int], graphics: Sequence[PlacedGraphic]) -> list[int]:
    """The candidates that may bear such a text: an angle is one of lines, wherever the text's box may reach."""
    if label.tool not in ANGLES and not has_angle(label.measured):
        return candidates
    return [i for i in candidates if graphics[i].drawn.shape in (Shape.LINE, Shape.POLYLINE)] or candidates


def _across_items(label: Label, candidates: list[int], graphics: Sequence[PlacedGraphic]) -> int | Fate:
    """The graphic of another item on the same image, for a text whose own item has none that fits."""
    candidates = _fitting(label, candidates, graphics)
    arrow = label.points_at_something
    if label.measured and candidates:
        nearest, gap = _nearest(label, candidates, graphics)
        reach = ANCHOR_TOUCHES if arrow else BOX_NEAR
        if nearest is not None and gap is not None and gap <= reach:
            return nearest
    return Fate.ARROW if arrow else Fate.ALONE


def _neighbours(placed: PlacedLabel, graphics: Sequence[PlacedGraphic]) -> list[int]:
    """Graphics of other items on the same image, those of the same layer alone where there are any."""
    if placed.image is None:
        return []
    others = [i for i, g in enumerate(graphics) if g.image == placed.image and g.item != placed.item]
    return [i for i in others if graphics[i].layer == placed.layer] or others


def _nearest(label: Label, candidates: list[int], graphics: Sequence[PlacedGraphic]) -> tuple[int | None, float | None]:
    """The nearest graphic and its distance; of equally near ones the one whose middle is nearest, then the earlier."""
    best: tuple[float, float, int] | None = None
    for index in candidates:
        drawn = graphics[index].drawn
        gap = _gap(label, drawn, math.inf if best is None else best[0])
        if gap is None:
            continue
        rank = (gap, math.dist(_middle_of_label(label), _middle(box_of(drawn.points))), index)
        best = rank if best is None or rank < best else best
    return (None, None) if best is None else (best[2], best[0])


def _gap(label: Label, drawn: Drawn, limit: float = math.inf) -> float | None:
    """Pixels between a label (its anchor, else its box) and a graphic: open ones exactly, closed ones by their box.

    A gap beyond ``limit`` need not be exact: no graphic is nearer than the box around it.
    """
    outline = box_of(_extent(drawn))
    anchor, box = label.anchor, label.box
    if anchor is not None:
        least = distance_to_box(anchor, outline)
    elif box is not None:
        least = distance_of_boxes(box, outline)
    else:
        return None
    if least > limit + ROUNDING or drawn.shape not in _OPEN or len(drawn.points) > MAX_PATH:
        return least
    path = pairwise(drawn.points)
    if anchor is not None:
        return min((distance_to_segment(anchor, a, b) for a, b in path), default=least)
    assert box is not None
    return min((box_to_segment(box, a, b) for a, b in path), default=least)


def _extent(drawn: Drawn) -> tuple[Point, ...]:
    if drawn.shape is not Shape.CIRCLE:
        return drawn.points
    centre, rim = drawn.points
    radius = math.dist(centre, rim)
    return ((centre[0] - radius, centre[1] - radius), (centre[0] + radius, centre[1] + radius))


def _middle(box: Box) -> Point:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def _middle_of_label(label: Label) -> Point:
    if label.box is not None:
        return _middle(label.box)
    return label.anchor if label.anchor is not None else (0.0, 0.0)
