"""Graphic annotations of presentation states, written the way several producers write them (PS3.3 C.10.5).

Frame: DICOM's corner frame, (column, row) in pixels, 0.0 = outer corner of the first pixel. All graphics are in PIXEL
units. Producers differ in how they group graphics into items, where texts stand, and what else they draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

Point = tuple[float, float]


class Figure(StrEnum):
    """What a radiologist draws."""

    RECIST = "recist"
    LINE = "line"
    ARROW = "arrow"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"
    OPEN_POLYLINE = "open-polyline"
    PERPENDICULAR = "perpendicular"
    TEXT = "text"


class Producer(StrEnum):
    """Whose way of writing."""

    CLEARCANVAS = "clearcanvas"
    WEASIS = "weasis"
    IMPAX = "impax"
    SECTRA = "sectra"
    COMPOUND = "compound"
    BLUELIGHT = "bluelight"
    OHIF = "ohif"
    """Writes reports (reports.py), no presentation states."""


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """The image that a drawing lies on. ``spacing``: mm per pixel, the same in both directions."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_uid: str
    rows: int
    columns: int
    spacing: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure.

    ``points``: RECIST and PERPENDICULAR long, then short axis; ARROW tip, tail; ELLIPSE ends of the major, then of the
    minor axis; POLYGON vertices, the first not repeated; TEXT its anchor. ``words``: the text of TEXT and ARROW.
    """

    figure: Figure
    image: ImageTarget
    points: tuple[Point, ...]
    words: str = ""

    def millimetres(self, first: int = 0) -> float:
        """Length from point ``first`` to the next, in mm."""
        return math.dist(self.points[first], self.points[first + 1]) * self.image.spacing


@dataclass
class Content:
    """What goes into the presentation state: annotation items, and layers as (name, description)."""

    items: list[Dataset] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=dict)

    def layer(self, name: str, description: str = "") -> str:
        """Declare a layer."""
        self.layers.setdefault(name, description)
        return name


def written_points(producer: Producer, points: Sequence[Point]) -> tuple[Point, ...]:
    """The points that this producer really writes: one truncates to whole pixels."""
    if producer is Producer.BLUELIGHT:
        return tuple((float(math.floor(x)), float(math.floor(y))) for x, y in points)
    return tuple(points)


def write(producer: Producer, drawings: Sequence[Drawing]) -> Content:
    """The annotation items and layers that ``producer``, one of :data:`STATE_PRODUCERS`, would write."""
    content = Content()
    _WRITERS[producer](content, drawings)
    return content


# ------------------------------------------------------------------------------------------------------ building blocks


def graphic(kind: str, points: Iterable[Point], *, filled: bool = False) -> Dataset:
    """One item of the Graphic Object Sequence, in PIXEL units."""
    flat = [coordinate for point in points for coordinate in point]
    item = Dataset()
    item.GraphicAnnotationUnits = "PIXEL"
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(flat) // 2
    item.GraphicData = flat
    item.GraphicType = kind
    item.GraphicFilled = "Y" if filled else "N"
    return item


def text(words: str, *, anchor: Point | None = None, visible: bool = True, box: Point | None = None) -> Dataset:
    """One item of the Text Object Sequence; ``box`` is the top left corner of its bounding box."""
    item = Dataset()
    item.UnformattedTextValue = words
    if box is not None:
        item.BoundingBoxAnnotationUnits = "PIXEL"
        item.BoundingBoxTopLeftHandCorner = list(box)
        item.BoundingBoxBottomRightHandCorner = [box[0] + 8.0 * max(len(words), 1), box[1] + 14.0]
        item.BoundingBoxTextHorizontalJustification = "LEFT"
    if anchor is not None:
        item.AnchorPointAnnotationUnits = "PIXEL"
        item.AnchorPoint = list(anchor)
        item.AnchorPointVisibility = "Y" if visible else "N"
    return item


def annotation_item(
    layer: str,
    graphics: Sequence[Dataset] = (),
    texts: Sequence[Dataset] = (),
    image: ImageTarget | None = None,
    compounds: Sequence[Dataset] = (),
) -> Dataset:
    """One item of the Graphic Annotation Sequence; without ``image`` it applies to all that the state references."""
    item = Dataset()
    if image is not None:
        reference = Dataset()
        reference.ReferencedSOPClassUID = image.sop_class_uid
        reference.ReferencedSOPInstanceUID = image.sop_uid
        item.ReferencedImageSequence = DicomSequence([reference])
    item.GraphicLayer = layer
    if texts:
        item.TextObjectSequence = DicomSequence(texts)
    if graphics:
        item.GraphicObjectSequence = DicomSequence(graphics)
    if compounds:
        item.CompoundGraphicSequence = DicomSequence(compounds)
    return item


def closed(points: Sequence[Point]) -> list[Point]:
    """The first point repeated at the end."""
    return [*points, points[0]]


def middle(p: Point, q: Point) -> Point:
    """The point half way."""
    return (p[0] + q[0]) / 2, (p[1] + q[1]) / 2


def tick(p: Point, q: Point, t: float, half: float) -> tuple[Point, Point]:
    """A short line across the line p–q, at the fraction ``t`` of it, reaching ``half`` pixels to each side."""
    length = math.dist(p, q) or 1.0
    ux, uy = (q[0] - p[0]) / length, (q[1] - p[1]) / length
    x, y = p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t
    return (x - uy * half, y + ux * half), (x + uy * half, y - ux * half)


def arrow_head(tip: Point, tail: Point, size: float = 9.0) -> tuple[Point, Point, Point]:
    """An open head: wing, tip, wing."""
    length = math.dist(tip, tail) or 1.0
    ux, uy = (tail[0] - tip[0]) / length, (tail[1] - tip[1]) / length
    return (
        (tip[0] + (ux - 0.5 * uy) * size, tip[1] + (uy + 0.5 * ux) * size),
        tip,
        (tip[0] + (ux + 0.5 * uy) * size, tip[1] + (uy - 0.5 * ux) * size),
    )


def plain_graphics(drawing: Drawing) -> list[Dataset]:
    """The figure as simple graphics, without texts or decoration. ARROW is its shaft, TEXT has none."""
    points = drawing.points
    match drawing.figure:
        case Figure.RECIST | Figure.PERPENDICULAR:
            return [graphic("POLYLINE", points[:2]), graphic("POLYLINE", points[2:4])]
        case Figure.ELLIPSE:
            return [graphic("ELLIPSE", points)]
        case Figure.POLYGON:
            return [graphic("POLYLINE", closed(points))]
        case Figure.TEXT:
            return []
        case _:
            return [graphic("POLYLINE", points)]


def _lines(drawing: Drawing) -> list[tuple[Point, Point, float]]:
    """The measured lines of a figure as (end, end, mm): two of a RECIST, one of a line."""
    starts = {Figure.RECIST: (0, 2), Figure.LINE: (0,)}.get(drawing.figure, ())
    return [(drawing.points[first], drawing.points[first + 1], drawing.millimetres(first)) for first in starts]


# ----------------------------------------------------------------------------------------------------------- producers


def _clearcanvas(content: Content, drawings: Sequence[Drawing]) -> None:
    """One item per graphic, with its image; callouts are texts with a visible anchor, an arrow is a callout alone."""
    layer = content.layer("USER ANNOTATIONS")
    for drawing in drawings:
        lines = _lines(drawing)
        for p, q, mm in lines:
            at = middle(p, q)
            label = text(f"{mm:.1f} mm", anchor=at, box=(at[0] + 20, at[1] - 25))
            content.items.append(annotation_item(layer, [graphic("POLYLINE", (p, q))], [label], drawing.image))
        if drawing.figure in (Figure.ARROW, Figure.TEXT):
            tip = drawing.points[0]
            callout = text(drawing.words or "?", anchor=tip, box=(tip[0] + 30, tip[1] - 40))
            content.items.append(annotation_item(layer, [], [callout], drawing.image))
        elif not lines:
            content.items.append(annotation_item(layer, plain_graphics(drawing), [], drawing.image))


def _weasis(content: Content, drawings: Sequence[Drawing]) -> None:
    """One item per layer with everything in it; the image is named only where the state references several."""
    images = list(dict.fromkeys(drawing.image for drawing in drawings))
    for image in images:
        here = [drawing for drawing in drawings if drawing.image == image]
        named = image if len(images) > 1 else None
        graphics: list[Dataset] = []
        texts: list[Dataset] = []
        for drawing in here:
            if drawing.figure in (Figure.ARROW, Figure.TEXT):
                continue
            graphics += plain_graphics(drawing)
            for p, q, mm in _lines(drawing):
                # A bounding box and nothing else: which line it belongs to shows by nearness alone.
                texts.append(text(f"Length : {mm:.2f} mm", box=(max(p[0], q[0]) + 6, middle(p, q)[1] - 7)))
        if graphics:
            content.items.append(annotation_item(content.layer("MEASURE"), graphics, texts, named))
        arrows = [drawing for drawing in here if drawing.figure in (Figure.ARROW, Figure.TEXT)]
        for drawing in arrows:
            tip = drawing.points[0]
            callout = text(drawing.words, anchor=tip, box=(tip[0] + 25, tip[1] + 25))
            content.items.append(annotation_item(content.layer("DRAW"), [], [callout], named))


def _impax(content: Content, drawings: Sequence[Drawing]) -> None:
    """One layer per annotation, whose description names the tool; ticks and heads are polylines of their own."""
    for drawing in drawings:
        for p, q, mm in _lines(drawing):
            ticks = [graphic("POLYLINE", tick(p, q, t, 4.0)) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
            label = text(f"{mm:.1f} mm", box=(max(p[0], q[0]) + 8, max(p[1], q[1]) + 4))
            _impax_item(content, "Distance", drawing, [graphic("POLYLINE", (p, q)), *ticks], [label])
        match drawing.figure:
            case Figure.ARROW:
                tip, tail = drawing.points[:2]
                shaft = graphic("POLYLINE", (tail, tip))
                head = graphic("POLYLINE", arrow_head(tip, tail))
                label = text(drawing.words or " ", anchor=tip, visible=False, box=(tail[0], tail[1]))
                _impax_item(content, "Arrow", drawing, [shaft, head], [label])
            case Figure.TEXT:
                _impax_item(content, "Text", drawing, [], [text(drawing.words, box=drawing.points[0])])
            case Figure.RECIST | Figure.LINE:
                pass
            case _:
                _impax_item(content, _IMPAX_TOOLS[drawing.figure], drawing, plain_graphics(drawing), [])


_IMPAX_TOOLS = {
    Figure.PERPENDICULAR: "Perpendicular",
    Figure.ELLIPSE: "Ellipse",
    Figure.POLYGON: "Closed Freehand",
    Figure.OPEN_POLYLINE: "Freehand",
}


def _impax_item(
    content: Content, tool: str, drawing: Drawing, graphics: Sequence[Dataset], texts: Sequence[Dataset]
) -> None:
    layer = content.layer(f"LAYER_{len(content.layers) + 1}", tool)
    content.items.append(annotation_item(layer, graphics, texts, drawing.image))


def _sectra(content: Content, drawings: Sequence[Drawing]) -> None:
    """One item per graphic, with its image; texts have an anchor and no box."""
    layer = content.layer("SECTRA")
    for drawing in drawings:
        lines = _lines(drawing)
        for p, q, mm in lines:
            label = text(f"{mm:.1f} mm", anchor=q)
            content.items.append(annotation_item(layer, [graphic("POLYLINE", (p, q))], [label], drawing.image))
        if drawing.figure in (Figure.ARROW, Figure.TEXT):
            label = text(drawing.words or "?", anchor=drawing.points[0], visible=drawing.figure is Figure.ARROW)
            content.items.append(annotation_item(layer, [], [label], drawing.image))
        elif not lines:
            content.items.append(annotation_item(layer, plain_graphics(drawing), [], drawing.image))


def _compound(content: Content, drawings: Sequence[Drawing]) -> None:
    """Compound graphics, each also written as simple graphics with the same instance number (PS3.3 C.10.5.1.2)."""
    layer = content.layer("MEASUREMENTS")
    number = 0
    for drawing in drawings:
        pieces: list[tuple[str, tuple[Point, ...], list[Dataset]]] = []
        for p, q, _mm in _lines(drawing):
            pieces.append(("RULER", (p, q), [graphic("POLYLINE", (p, q))]))
        if drawing.figure is Figure.ARROW:
            tip, tail = drawing.points[:2]
            head = graphic("POLYLINE", arrow_head(tip, tail))
            pieces.append(("ARROW", (tail, tip), [graphic("POLYLINE", (tail, tip)), head]))
        for kind, points, twins in pieces:
            number += 1
            compound = _compound_graphic(kind, points, number)
            for twin in twins:
                twin.CompoundGraphicInstanceID = number
            label = text(f"{math.dist(*points[:2]) * drawing.image.spacing:.1f} mm", anchor=points[1], visible=False)
            label.CompoundGraphicInstanceID = number
            texts = [label] if kind == "RULER" else []
            content.items.append(annotation_item(layer, twins, texts, drawing.image, [compound]))
        if not pieces:
            words = [text(drawing.words, box=drawing.points[0])] if drawing.figure is Figure.TEXT else []
            content.items.append(annotation_item(layer, plain_graphics(drawing), words, drawing.image))


def _compound_graphic(kind: str, points: Sequence[Point], number: int) -> Dataset:
    item = Dataset()
    item.CompoundGraphicUnits = "PIXEL"
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(points)
    item.GraphicData = [coordinate for point in points for coordinate in point]
    item.CompoundGraphicType = kind
    item.CompoundGraphicInstanceID = number
    item.GraphicFilled = "N"
    return item


def _bluelight(content: Content, drawings: Sequence[Drawing]) -> None:
    """One item per image, whole pixels, an empty text item."""
    layer = content.layer("ANNOTATION")
    for image in dict.fromkeys(drawing.image for drawing in drawings):
        graphics = [item for drawing in drawings if drawing.image == image for item in plain_graphics(drawing)]
        content.items.append(annotation_item(layer, graphics, [text("")], image))


_WRITERS: dict[Producer, Callable[[Content, Sequence[Drawing]], None]] = {
    Producer.CLEARCANVAS: _clearcanvas,
    Producer.WEASIS: _weasis,
    Producer.IMPAX: _impax,
    Producer.SECTRA: _sectra,
    Producer.COMPOUND: _compound,
    Producer.BLUELIGHT: _bluelight,
}

STATE_PRODUCERS = tuple(_WRITERS)
"""The producers that write presentation states."""
