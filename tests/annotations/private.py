"""Drawings in private elements, with exact truth: nested presentation states, and Weasis's own model.

Both take what :func:`tests.annotations.presentation_state` takes, and put it where its producer hides it.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from tests.annotations.states import empty_state, presentation_state
from tests.annotations.styles import degrees
from tests.annotations.truth import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Ends,
    Line,
    Note,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Point,
    Scale,
    Spot,
)

PHILIPS = "Philips Imaging DD 129"
WEASIS = "weasis/model/xml/2.5"

_NOT_NESTED = frozenset({0x00080005})


def private_element(
    state: Dataset, place: tuple[str | None, int, int], vr: str, value: object, *, block: int = 0x10
) -> None:
    """Put a private element into a block of one's choice.

    ``place``: creator, group, offset; the creator None leaves the block unreserved.
    """
    creator, group, offset = place
    if creator is not None:
        state.add_new(Tag(group, block), "LO", creator)
    state.add_new(Tag(group, block << 8 | offset), vr, value)


def as_item(state: FileDataset, *, without: Sequence[str] = ()) -> Dataset:
    """A presentation state as an item of a sequence; ``without``: keywords that it leaves to the outer object."""
    item = Dataset()
    for element in state:
        if element.tag not in _NOT_NESTED and element.keyword not in without:
            item[element.tag] = element
    return item


def nested_state(
    images: Sequence[Dataset],
    graphics: Mapping[str, Sequence[Drawing]],
    style: str,
    *,
    outer: Mapping[str, Sequence[Drawing]] | None = None,
    creator: str | None = PHILIPS,
    block: int = 0x90,
    offset: int = 0x00,
    without: Sequence[str] = (),
    created: str = "20240102030405",
    seed: str = "",
) -> FileDataset:
    """A presentation state that holds ``graphics`` only in a presentation state nested in a private sequence.

    ``outer``: what it holds itself besides. ``style``: of both. ``without``: keywords that the nested state leaves to
    the outer one, which then has the nested one's. The others as in :func:`tests.annotations.presentation_state`.
    """
    state = presentation_state(images, outer or {}, style, created=created, seed=seed)
    inner = presentation_state(images, graphics, style, created=created, seed=seed)
    for keyword in without:
        if keyword in inner:
            state[keyword] = inner[keyword]
    item = as_item(inner, without=without)
    private_element(state, (creator, 0x2001, offset), "SQ", Items([item]), block=block)
    return state


# ------------------------------------------------------------------------------------------------- Weasis's model


def weasis_model_state(
    images: Sequence[Dataset],
    graphics: Mapping[str, Sequence[Drawing]],
    *,
    standard: Mapping[str, Sequence[Drawing]] | None = None,
    bidirectional: bool = False,
    compressed: bool = True,
    creator: str | None = WEASIS,
    block: int = 0x70,
    created: str = "20240102030405",
    xml: str | None = None,
) -> FileDataset:
    """A presentation state whose drawing stands in Weasis's model alone, on the one image that has drawings.

    ``standard``: standard graphics besides, as Weasis writes them. ``bidirectional``: pairs of axes are drawn with the
    tool of that name, else as two lines. ``xml``: another document in place of the model.
    """
    drawn = {uid: drawings for uid, drawings in graphics.items() if drawings}
    if len(drawn) > 1:
        raise ValueError("a model lies on one image")
    image = next((image for image in images if image.SOPInstanceUID in drawn), images[0])
    document = (
        model_xml(image, drawn.get(image.SOPInstanceUID, ()), bidirectional=bidirectional) if xml is None else xml
    )
    if standard is None:
        state = empty_state(images, created=created)
    else:
        state = presentation_state(images, standard, "weasis", created=created)
    data = gzip.compress(document.encode(), mtime=0) if compressed else document.encode()
    private_element(state, (creator, 0x7107, 0x01), "OB", data + b"\0" * (len(data) % 2), block=block)
    return state


def model_xml(image: Dataset, drawings: Sequence[Drawing], *, bidirectional: bool = False, frames: str = "") -> str:
    """The model of one image as Weasis serialises it. ``frames``: counted from 0, as there."""
    graphics = "".join(
        graphic.xml() for drawing in drawings for graphic in _tools(drawing, image, bidirectional=bidirectional)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<presentation uuid="5c6c1d0a-0000-4000-8000-000000000000">'
        f"<references><series uuid={quoteattr(image.SeriesInstanceUID)}>"
        f"<image frames={quoteattr(frames)} uuid={quoteattr(image.SOPInstanceUID)}/></series></references>"
        '<layers><layer level="30" locked="false" selectable="true" type="MEASURE" visible="true" uuid="m"/>'
        '<layer level="40" locked="false" selectable="true" type="DRAW" visible="true" uuid="d"/></layers>'
        f"<graphics>{graphics}</graphics></presentation>"
    )


@dataclass(frozen=True)
class Tool:
    """One graphic of the model: its element, its handles in the pixel centres frame, its labels."""

    name: str
    handles: Sequence[Point | None]
    labels: Sequence[str] = ()

    def xml(self) -> str:
        """Its element; handles count from the outer corner of the first pixel."""
        pts = "".join(
            "<pt/>" if handle is None else f'<pt x="{handle[0] + 0.5!r}" y="{handle[1] + 0.5!r}"/>'
            for handle in self.handles
        )
        labels = "".join(f"<label>{escape(label)}</label>" for label in self.labels)
        if labels:
            labels = f"<labels>{labels}</labels>"
            if self.name != "annotation":
                labels = f"<graphicLabel>{labels}<offsetX>0.0</offsetX><offsetY>0.0</offsetY></graphicLabel>"
        return (
            f'<{self.name} fillOpacity="1.0" fill="false" showLabel="true" thickness="1.0" uuid="g">'
            f'<paint rgb="ffffff00"/>{labels}<layer>m</layer><pts>{pts}</pts></{self.name}>'
        )


def _tools(drawing: Drawing, image: Dataset, *, bidirectional: bool) -> list[Tool]:
    match drawing:
        case Pair(long, short, labelled):
            texts = [[f"{_mm(ends, image):.2f} mm"] if labelled else [] for ends in (long, short)]
            if bidirectional:
                return [Tool("bidirectional", [*long, *short], [word for text in texts for word in text])]
            return [Tool("line", ends, text) for ends, text in zip((long, short), texts, strict=True)]
        case Line(ends, labelled):
            return [Tool("line", ends, [f"Length : {_mm(ends, image):.2f} mm"] if labelled else [])]
        case CrossHair((x, y)):
            return [Tool("lineWithGap", [(0.0, y), (511.0, y)]), Tool("lineWithGap", [(x, 0.0), (x, 511.0)])]
        case Circle((x, y), radius):
            rim = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in (0.0, 2.0, 4.0)]
            return [Tool("threePointsCircle", rim)]
    return [_tool(drawing)]


def _tool(drawing: Drawing) -> Tool:
    name, handles, *labels = _SIMPLE[type(drawing)](drawing)
    return Tool(name, handles, labels)


_SIMPLE: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    Arrow: lambda it: ("annotation", [it.tip, it.tail], it.words),
    Note: lambda it: ("annotation", [None, it.at], it.words),
    Ellipse: lambda it: ("ellipse", _box(it.major, it.minor), "Area : 12.5 mm2"),
    Outline: lambda it: ("polygon", it.vertices),
    Curve: lambda it: ("polygon", it.points),
    OpenPath: lambda it: ("polyline", it.points),
    Spot: lambda it: ("point", [it.at]),
    Angle: lambda it: (
        "angle",
        [it.first, it.vertex, it.last],
        f"Angle : {degrees(it.first, it.vertex, it.last):.1f} °",
    ),
    Cobb: lambda it: ("cobbAngle", [*it.first, *it.second, it.first[0]]),
    Perpendicular: lambda it: ("perpendicularLine", [*it.base, *it.foot]),
    Scale: lambda it: ("ruler", it.ends),
}
"""Drawings that are one graphic each: its element, its handles, its labels."""


def _mm(ends: Ends, image: Dataset) -> float:
    row, column = (float(value) for value in image.PixelSpacing)
    (ax, ay), (bx, by) = ends
    return math.hypot((ax - bx) * column, (ay - by) * row)


def _box(major: Ends, minor: Ends) -> list[Point]:
    """An ellipse's handles: the ends of one side of its box, then the middle of that side and of the opposite one."""
    (x, y), (u, v) = ((major[0][0] + major[1][0]) / 2, (major[0][1] + major[1][1]) / 2), major[1]
    half = (u - x, v - y)
    c, d = minor
    return [(c[0] - half[0], c[1] - half[1]), (c[0] + half[0], c[1] + half[1]), c, d]
