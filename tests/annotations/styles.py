"""How producers write what was drawn: one function a style, after the table of producers in the README.

A style gets the drawings on one image and adds Graphic Annotation items and layers (with descriptions) to a sheet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from highdicom.pr import GraphicAnnotation, GraphicLayer, GraphicObject, TextObject
from pydicom.dataset import Dataset

from tests.annotations.elements import annotation, closed, compound_graphic, graphic, text
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


@dataclass
class Sheet:
    """One image under one style: its items, its layers (name → description), its spacing (row, column) in mm."""

    image: Dataset
    alone: bool
    items: list[Dataset] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def spacing(self) -> tuple[float, float]:
        row, column = self.image.PixelSpacing
        return float(row), float(column)

    def mm(self, a: Point, b: Point) -> float:
        """Length in mm."""
        row, column = self.spacing
        return math.hypot((a[0] - b[0]) * column, (a[1] - b[1]) * row)

    def number(self) -> int:
        """A number that no other annotation of the object has."""
        self.count += 1
        return self.count


Style = Callable[[Sheet, Sequence[Drawing]], None]


# ---------------------------------------------------------------------------------------------------- geometry, shared


def middle(ends: Ends) -> Point:
    """The middle of a line."""
    return ((ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2)


def across(ends: Ends, at: float, size: float) -> Ends:
    """A line of ``size`` pixels perpendicular to ``ends``, its middle at the part ``at`` of it."""
    (ax, ay), (bx, by) = ends
    length = math.dist(*ends)
    ux, uy = (bx - ax) / length, (by - ay) / length
    x, y = ax + at * (bx - ax), ay + at * (by - ay)
    return ((x - uy * size / 2, y + ux * size / 2), (x + uy * size / 2, y - ux * size / 2))


def head(tip: Point, tail: Point, size: float = 8.0) -> list[Point]:
    """An open arrow head of three points, its middle one at the tip."""
    length = math.dist(tip, tail)
    ux, uy = (tail[0] - tip[0]) / length, (tail[1] - tip[1]) / length
    size = min(size, length / 2)
    wings = [(tip[0] + size * (ux - k * uy), tip[1] + size * (uy + k * ux)) for k in (0.5, -0.5)]
    return [wings[0], tip, wings[1]]


def degrees(first: Point, vertex: Point, last: Point) -> float:
    """The angle at the vertex."""
    a = math.atan2(first[1] - vertex[1], first[0] - vertex[0])
    b = math.atan2(last[1] - vertex[1], last[0] - vertex[0])
    turn = abs(math.degrees(a - b)) % 360
    return min(turn, 360 - turn)


def between(cobb: Cobb) -> float:
    """The angle of two lines, 0 to 90."""
    (a, b), (c, d) = cobb.first, cobb.second
    turn = abs(math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]) - math.atan2(d[1] - c[1], d[0] - c[0]))) % 180
    return min(turn, 180 - turn)


def lines_of(drawing: Drawing, sheet: Sheet) -> list[Ends] | None:
    """The bare lines of a drawing that is nothing but lines."""
    match drawing:
        case Pair(long, short):
            lines = [long, short]
        case Line(ends):
            lines = [ends]
        case Cobb(first, second):
            lines = [first, second]
        case Perpendicular(base, foot):
            lines = [base, foot]
        case CrossHair(at):
            right, bottom = sheet.image.Columns - 1.0, sheet.image.Rows - 1.0
            lines = [((0.0, at[1]), (right, at[1])), ((at[0], 0.0), (at[0], bottom))]
        case Scale(ends, ticks):
            lines = [ends, *(across(ends, i / (ticks - 1), 6.0) for i in range(ticks))]
        case _:
            return None
    return lines


def plain(drawing: Drawing, sheet: Sheet, *, truncate: bool = False) -> list[Dataset]:
    """A drawing as simple graphics, without texts."""
    parts: list[tuple[str, Sequence[Point]]]
    match drawing:
        case Ellipse(major, minor):
            parts = [("ELLIPSE", [*major, *minor])]
        case Circle((x, y), radius):
            parts = [("CIRCLE", [(x, y), (x + radius, y)])]
        case Outline(vertices):
            parts = [("POLYLINE", closed(vertices))]
        case Curve(points):
            parts = [("INTERPOLATED", closed(points))]
        case Angle(first, vertex, last):
            parts = [("POLYLINE", [first, vertex, last])]
        case OpenPath(points):
            parts = [("POLYLINE", points)]
        case Spot(at):
            parts = [("POINT", [at])]
        case Arrow(tip, tail):
            parts = [("POLYLINE", [tip, tail]), ("POLYLINE", head(tip, tail))]
        case _:
            parts = [("POLYLINE", line) for line in lines_of(drawing, sheet) or []]
    return [graphic(kind, points, truncate=truncate) for kind, points in parts]


# ---------------------------------------------------------------------------------------------------------- the styles


def clearcanvas(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """One item per graphic with its reference; each measurement's text is a callout; an arrow is a callout alone."""
    layer = GraphicLayer(layer_name="USER ANNOTATIONS", order=1)
    sheet.layers["USER ANNOTATIONS"] = ""

    def put(kind: str | None, points: Sequence[Point], words: str = "", anchor: Point | None = None) -> None:
        data = [[x + 0.5, y + 0.5] for x, y in points]
        graphics = [GraphicObject(kind, np.asarray(data, dtype=np.float64), "PIXEL")] if kind else None
        texts = None
        if anchor is not None:
            x = min(max(anchor[0] + 20, 1.0), sheet.image.Columns - 61.0)
            y = min(max(anchor[1] - 15, 1.0), sheet.image.Rows - 13.0)
            texts = [
                TextObject(
                    words, "PIXEL", bounding_box=(x, y, x + 60, y + 12), anchor_point=(anchor[0] + 0.5, anchor[1] + 0.5)
                )
            ]
        sheet.items.append(GraphicAnnotation([sheet.image], layer, graphic_objects=graphics, text_objects=texts))

    for drawing in drawings:
        lines = lines_of(drawing, sheet)
        match drawing:
            case Pair(labelled=labelled) | Line(labelled=labelled):
                for ends in lines or []:
                    put("POLYLINE", ends, f"{sheet.mm(*ends):.1f} mm", ends[1] if labelled else None)
            case Arrow(tip, _, words):
                put(None, [], words, tip)
            case Angle(first, vertex, last):
                put("POLYLINE", [first, vertex, last], f"{degrees(first, vertex, last):.1f}°", vertex)
            case Cobb():
                put("POLYLINE", drawing.first, f"{between(drawing):.1f}°", drawing.first[0])
                put("POLYLINE", drawing.second, f"{between(drawing):.1f}°", drawing.second[0])
            case Note(at, words):
                sheet.items.append(annotation("USER ANNOTATIONS", image=sheet.image, texts=[text(words, box_at=at)]))
            case _:
                for item in plain(drawing, sheet):
                    sheet.items.append(annotation("USER ANNOTATIONS", image=sheet.image, graphics=[item]))


def weasis(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """One item for everything, without a reference where the state has one image; texts are tied by nearness alone."""
    graphics: list[Dataset] = []
    texts: list[Dataset] = []
    sheet.layers["MEASURE"] = ""
    for drawing in drawings:
        match drawing:
            case Arrow(tip, tail, words):
                texts.append(text(words, anchor=tip, visible=True, box_at=tail))
                continue
            case Note(at, words):
                texts.append(text(words, box_at=at))
                continue
            case Angle(first, vertex, last):
                graphics += [graphic("POLYLINE", [first, vertex]), graphic("POLYLINE", [vertex, last])]
                texts.append(text(f"Angle : {degrees(first, vertex, last):.1f} °", box_at=(vertex[0] + 3, vertex[1])))
                continue
            case Perpendicular(base, foot):
                graphics += plain(drawing, sheet)
                graphics.append(graphic("POLYLINE", _corner(base, foot)))
                continue
        graphics += plain(drawing, sheet)
        match drawing:
            case Pair(labelled=True) | Line(labelled=True):
                for ends in lines_of(drawing, sheet) or []:
                    texts.append(text(f"Length : {sheet.mm(*ends):.2f} mm", box_at=(ends[1][0] + 3, ends[1][1] + 2)))
            case Cobb():
                texts.append(text(f"{between(drawing):.1f} °", box_at=(drawing.first[1][0] + 3, drawing.first[1][1])))
    reference = None if sheet.alone else sheet.image
    sheet.items.append(annotation("MEASURE", image=reference, graphics=graphics, texts=texts))


def agfa(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """One layer per annotation, whose description names the tool; rulers and lines carry ticks; arrows have a head."""

    def put(tool: str, graphics: Sequence[Dataset], texts: Sequence[Dataset] = ()) -> None:
        name = f"LAYER{sheet.number()}"
        sheet.layers[name] = tool
        sheet.items.append(annotation(name, image=sheet.image, graphics=graphics, texts=texts))

    for drawing in drawings:
        lines = lines_of(drawing, sheet) or []
        match drawing:
            case Pair(labelled=True) | Line(labelled=True):
                for ends in lines:
                    ticks = [graphic("POLYLINE", across(ends, at, 4.0)) for at in (0.0, 1.0)]
                    label = text(f"{sheet.mm(*ends):.1f} mm", box_at=(ends[1][0] + 4, ends[1][1] + 4))
                    put("Distance", [graphic("POLYLINE", ends), *ticks], [label])
            case Pair() | Line():
                for ends in lines:
                    put("Line", [graphic("POLYLINE", ends), graphic("POLYLINE", across(ends, 0.5, 3.0))])
            case Arrow(tip, tail, words):
                put("Arrow", plain(drawing, sheet), [text(words, anchor=tip, visible=False, box_at=tail)])
            case Perpendicular():
                put("Perpendicular", plain(drawing, sheet))
            case Scale():
                put("Calibration Ruler", plain(drawing, sheet))
            case Angle(first, vertex, last):
                label = text(f"{degrees(first, vertex, last):.1f}°", box_at=vertex)
                put("Angle", [graphic("POLYLINE", [first, vertex]), graphic("POLYLINE", [vertex, last])], [label])
            case Cobb():
                put("Cobb", plain(drawing, sheet), [text(f"{between(drawing):.1f}°", box_at=drawing.first[0])])
            case Note(at, words):
                put("Text", [], [text(words, box_at=at)])
            case _:
                put("", plain(drawing, sheet))


def sectra(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """One item per graphic with its reference; texts have an anchor and no box."""
    sheet.layers["SECTRA"] = ""

    def put(graphics: Sequence[Dataset], texts: Sequence[Dataset] = ()) -> None:
        sheet.items.append(annotation("SECTRA", image=sheet.image, graphics=graphics, texts=texts))

    for drawing in drawings:
        match drawing:
            case Pair(labelled=labelled) | Line(labelled=labelled):
                for ends in lines_of(drawing, sheet) or []:
                    label = text(f"{sheet.mm(*ends):.1f} mm", anchor=ends[1])
                    put([graphic("POLYLINE", ends)], [label] if labelled else [])
            case Arrow(tip, _, words):
                put([], [text(words, anchor=tip)])
            case Angle(first, vertex, last):
                put(plain(drawing, sheet), [text(f"{degrees(first, vertex, last):.1f}°", anchor=vertex)])
            case Cobb():
                for ends in (drawing.first, drawing.second):
                    put([graphic("POLYLINE", ends)], [text(f"{between(drawing):.1f}°", anchor=ends[0])])
            case Note(at, words):
                put([], [text(words, anchor=at, visible=False)])
            case _:
                for item in plain(drawing, sheet):
                    put([item])


def bluelight(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """One item per image, coordinates cut to integers, no measurements' texts, one empty text."""
    sheet.layers["LAYER"] = ""
    drawn = [drawing for drawing in drawings if not isinstance(drawing, Note)]
    graphics = [item for drawing in drawn for item in plain(drawing, sheet, truncate=True)]
    sheet.items.append(annotation("LAYER", image=sheet.image, graphics=graphics, texts=[text("", box_at=(0.0, 0.0))]))


def compound(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """Compound graphics with their twins among the simple ones."""
    sheet.layers["MEASUREMENTS"] = ""

    def put(kind: str, points: Sequence[Point], twins: Sequence[tuple[str, Sequence[Point]]], words: str = "") -> None:
        number = sheet.number()
        item = annotation(
            "MEASUREMENTS",
            image=sheet.image,
            graphics=[graphic(twin, data, compound=number) for twin, data in twins],
            compounds=[compound_graphic(kind, points, number)],
            texts=[text(words, box_at=points[0], compound=number)] if words else [],
        )
        sheet.items.append(item)

    for drawing in drawings:
        match drawing:
            case Pair(labelled=labelled) | Line(labelled=labelled):
                for ends in lines_of(drawing, sheet) or []:
                    twins = [("POLYLINE", ends), *(("POLYLINE", across(ends, at, 5.0)) for at in (0.0, 1.0))]
                    put("RULER", ends, twins, f"{sheet.mm(*ends):.1f} mm" if labelled else "")
            case Arrow(tip, tail, words):
                put("ARROW", (tail, tip), [("POLYLINE", (tail, tip)), ("POLYLINE", head(tip, tail))], words)
            case Ellipse(major, minor):
                put("ELLIPSE", (*major, *minor), [("ELLIPSE", (*major, *minor))])
            case CrossHair(at):
                put("CROSSHAIR", (at,), [("POLYLINE", line) for line in lines_of(drawing, sheet) or []])
            case Scale(ends):
                put("AXIS", ends, [("POLYLINE", line) for line in lines_of(drawing, sheet) or []])
            case Note(at, words):
                sheet.items.append(annotation("MEASUREMENTS", image=sheet.image, texts=[text(words, box_at=at)]))
            case Angle(first, vertex, last):
                label = text(f"{degrees(first, vertex, last):.1f}°", box_at=vertex)
                sheet.items.append(
                    annotation("MEASUREMENTS", image=sheet.image, graphics=plain(drawing, sheet), texts=[label])
                )
            case Cobb():
                label = text(f"{between(drawing):.1f}°", box_at=drawing.first[0])
                sheet.items.append(
                    annotation("MEASUREMENTS", image=sheet.image, graphics=plain(drawing, sheet), texts=[label])
                )
            case _:
                for item in plain(drawing, sheet):
                    sheet.items.append(annotation("MEASUREMENTS", image=sheet.image, graphics=[item]))


STYLES: dict[str, Style] = {
    "clearcanvas": clearcanvas,
    "weasis": weasis,
    "agfa": agfa,
    "sectra": sectra,
    "bluelight": bluelight,
    "compound": compound,
}
"""Style → its writer."""


def _corner(base: Ends, foot: Ends, size: float = 5.0) -> list[Point]:
    """The small mark of a right angle where ``foot[1]`` stands on ``base``."""
    stand = foot[1]
    up, along = math.dist(*foot), math.dist(*base)
    u = ((foot[0][0] - stand[0]) / up * size, (foot[0][1] - stand[1]) / up * size)
    v = ((base[1][0] - base[0][0]) / along * size, (base[1][1] - base[0][1]) / along * size)
    return [
        (stand[0] + u[0], stand[1] + u[1]),
        (stand[0] + u[0] + v[0], stand[1] + u[1] + v[1]),
        (stand[0] + v[0], stand[1] + v[1]),
    ]
