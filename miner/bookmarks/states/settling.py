"""The things of an object become its marks and refusals: each thing ends in exactly one of them, or labels a mark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from miner.bookmarks.agreement import has_angle
from miner.bookmarks.states.graphics import Drawn, Unreadable
from miner.bookmarks.states.labels import Label
from miner.bookmarks.states.linking import Fate, PlacedGraphic, PlacedLabel, link
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import Encoding, ImageReference, Mark, MarkRefusal, Measurement, Shape

ANCHOR_AT_END = 3.0
"""Pixels from an arrow's end within which its text's anchor marks the tip."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of one Graphic Annotation item, in the order of the object. ``image``: which, or why not known."""

    content: Drawn | Label | Unreadable
    item: int
    layer: int
    tool: Tool
    image: ImageReference | Reason

    @property
    def reference(self) -> ImageReference | None:
        """The image, None where it is not known."""
        return self.image if isinstance(self.image, ImageReference) else None


Spacings = Mapping[str, tuple[float, float]]
"""Presentation Pixel Spacing, (row, column) in mm, by SOP Instance UID; under the empty one that of all images."""


def settle(entries: Sequence[Entry], spacings: Spacings) -> tuple[tuple[Mark, ...], tuple[MarkRefusal, ...]]:
    """Marks and refusals in the order of the object; their orders together count 0, 1, 2 … without a gap."""
    labels_of, fates = _linked(entries)
    marks: list[Mark] = []
    refused: list[MarkRefusal] = []
    for index, entry in enumerate(entries):
        order = len(marks) + len(refused)
        content = entry.content
        if isinstance(content, Label):
            fate = fates[index]
            if fate is None:
                continue
            settled = _alone(entry, content, fate, order, spacings)
        elif isinstance(content, Unreadable):
            settled = MarkRefusal(content.reason, order, entry.reference, content.shape)
        else:
            settled = _mark(entry, content, labels_of.get(index, []), order, spacings)
        if isinstance(settled, Mark):
            marks.append(settled)
        else:
            refused.append(settled)
    return tuple(marks), tuple(refused)


def _linked(entries: Sequence[Entry]) -> tuple[dict[int, list[Label]], dict[int, Fate | None]]:
    """Graphic entry → its labels; label entry → its fate, None where it labels a graphic."""
    graphic_entries = [i for i, entry in enumerate(entries) if isinstance(entry.content, Drawn)]
    label_entries = [i for i, entry in enumerate(entries) if isinstance(entry.content, Label)]
    graphics = [PlacedGraphic(e.content, e.item, e.layer, e.reference) for e in entries if isinstance(e.content, Drawn)]
    labels = [PlacedLabel(e.content, e.item, e.layer, e.reference) for e in entries if isinstance(e.content, Label)]
    labels_of: dict[int, list[Label]] = {}
    fates: dict[int, Fate | None] = {}
    for entry, placed, found in zip(label_entries, labels, link(labels, graphics), strict=True):
        if isinstance(found, Fate):
            fates[entry] = found
        else:
            fates[entry] = None
            labels_of.setdefault(graphic_entries[found], []).append(placed.label)
    return labels_of, fates


def _alone(entry: Entry, label: Label, fate: Fate, order: int, spacings: Spacings) -> Mark | MarkRefusal:
    """A text that labels no graphic: an arrow where its anchor is drawn, else a text."""
    if fate is Fate.ALONE:
        return MarkRefusal(Reason.TEXT_ONLY, order, entry.reference, Shape.TEXT)
    if label.anchor is None:
        reason = entry.image if isinstance(entry.image, Reason) else label.elsewhere or Reason.DISPLAY_UNITS
        return MarkRefusal(reason, order, entry.reference, Shape.ARROW)
    encoding = Encoding.GSPS_DISPLAY if label.displayed else Encoding.GSPS_TEXT
    arrow = Drawn(Shape.ARROW, (label.anchor,), encoding, doubts=label.doubts)
    return _mark(entry, arrow, [label], order, spacings)


def _mark(entry: Entry, drawn: Drawn, labels: Sequence[Label], order: int, spacings: Spacings) -> Mark | MarkRefusal:
    if isinstance(entry.image, Reason):
        return MarkRefusal(entry.image, order, None, drawn.shape)
    directed = _directed(drawn, entry.tool, labels)
    return Mark(
        shape=directed.shape,
        image=entry.image,
        points=directed.points,
        encoding=directed.encoding,
        order=order,
        item=entry.item,
        layer=entry.layer,
        tool=(entry.tool or _tool_of(drawn, labels)).value,
        texts=_texts(labels),
        direction_known=directed.direction_known,
        presentation_spacing=spacings.get(entry.image.sop_uid) or spacings.get(""),
        doubts=directed.doubts,
    )


def _directed(drawn: Drawn, tool: Tool, labels: Sequence[Label]) -> Drawn:
    """An arrow drawn as two points, tip first where its text's anchor shows which end that is.

    A line of a tool named arrow stays a line until its head is looked for; it is turned the same way.
    """
    line_as_arrow = drawn.shape is Shape.LINE and tool is Tool.ARROW
    undecided = drawn.shape is Shape.ARROW and not drawn.direction_known
    if len(drawn.points) != 2 or not (line_as_arrow or undecided):
        return drawn
    for label in labels:
        anchor = label.anchor
        if anchor is None:
            continue
        tip, tail = drawn.points
        if math.dist(tail, anchor) < math.dist(tip, anchor):
            tip, tail = tail, tip
        if math.dist(tip, anchor) <= ANCHOR_AT_END < math.dist(tail, anchor):
            return replace(drawn, points=(tip, tail), direction_known=True)
    return replace(drawn, direction_known=False)


def _texts(labels: Iterable[Label]) -> tuple[Measurement, ...]:
    return tuple(measured for label in labels for measured in label.measured)


def _tool_of(drawn: Drawn, labels: Iterable[Label]) -> Tool:
    """The tool that a text names, for shapes that such tools draw: its nearness may mislead.

    An angle's text that gives the angle needs no name: its degrees lead to both sides of the angle.
    """
    if drawn.shape not in (Shape.LINE, Shape.POLYLINE):
        return Tool.NONE
    named = (label.tool for label in labels if label.tool and not has_angle(label.measured))
    return next(named, Tool.NONE)
