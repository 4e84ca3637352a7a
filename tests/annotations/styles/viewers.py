"""Viewers that write PIXEL units: one function a style, after the table of producers in the README."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from highdicom.pr import GraphicAnnotation, GraphicLayer, GraphicObject, TextObject
from pydicom.dataset import Dataset

from tests.annotations.elements import annotation, closed, graphic, text
from tests.annotations.styles.geometry import across, between, degrees, lines_of, plain
from tests.annotations.styles.sheet import Sheet, View
from tests.annotations.truth import (
    Angle,
    Arrow,
    Cobb,
    Drawing,
    Ellipse,
    Ends,
    Line,
    Note,
    Outline,
    Pair,
    Perpendicular,
    Point,
    Scale,
)


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
            case Ellipse(major, minor):
                put("ELLIPSE", (*major, *minor), "A=196px, ?=78.9, ?=22.69", major[0])
            case Outline(vertices):
                put("POLYLINE", closed(vertices), "A=371px, ?=77.9, ?=12.91", vertices[0])
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
            case Ellipse(major, _):
                texts.append(text("Area : 123.45 mm²", box_at=(major[1][0] + 3, major[1][1] + 2)))
            case Outline(vertices):
                texts.append(text("Area : 123.45 mm²", box_at=(vertices[0][0] + 3, vertices[0][1] + 2)))
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
                sides = [(first, vertex), (vertex, last)]
                short = [graphic("POLYLINE", across(side, 0.5, 6.0)) for side in sides]
                turn = degrees(first, vertex, last)
                labels = [text(f"{turn:.1f}°", box_at=vertex), text(f"{180 - turn:.1f}°", box_at=first)]
                put("Angle", [*(graphic("POLYLINE", side) for side in sides), *short], labels)
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


def meddream(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """A layer and an item a measurement, without a reference where the state has one image; the layer's description
    names the tool (``Measurement oval`` is established, the other words are made after it); a text's anchor is hidden,
    an ellipse's text is statistics. The whole image is shown, its edges counted from 0."""

    def put(tool: str, graphics: Sequence[Dataset], words: str = "", at: Point = (0.0, 0.0)) -> None:
        name = f"MEASUREMENT_{sheet.number()}"
        sheet.layers[name] = f"Measurement {tool}".strip()
        texts = [text(words, anchor=at, visible=False, box_at=(at[0], at[1] + 8))] if words else []
        reference = None if sheet.alone else sheet.image
        sheet.items.append(annotation(name, image=reference, graphics=graphics, texts=texts))

    sheet.view = View((0, 0), (int(sheet.image.Columns), int(sheet.image.Rows)), edges=True)
    for drawing in drawings:
        match drawing:
            case Pair(labelled=labelled) | Line(labelled=labelled):
                for ends in lines_of(drawing, sheet) or []:
                    words = f"{sheet.mm(*ends) / 10:.2f} cm" if labelled else ""
                    put("line", [graphic("POLYLINE", ends)], words, ends[1])
            case Ellipse(major, minor):
                a, b = sheet.mm(*major), sheet.mm(*minor)
                words = f"Mean: 51.41  SD: 4.29\r\nMin: 12.00 HU  Max: 114.00 HU\r\nArea: {a * b / 127.3:.2f} cm²"
                put("oval", plain(drawing, sheet), f"{words} (W: {a / 10:.2f} cm H:{b / 10:.2f} cm)", major[0])
            case Arrow(tip, _, words):
                put("arrow", plain(drawing, sheet), words, tip)
            case Angle(first, vertex, last):
                put("angle", plain(drawing, sheet), f"{degrees(first, vertex, last):.1f}°", vertex)
            case Cobb():
                put("cobb", plain(drawing, sheet), f"{between(drawing):.1f}°", drawing.first[0])
            case Note(at, words):
                put("text", [], words, at)
            case _:
                put("", plain(drawing, sheet))


def one_item(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """One item an image with its reference, made with highdicom; measurements have an anchored text at an end."""
    layer = GraphicLayer(layer_name="MEASUREMENTS", order=1)
    sheet.layers["MEASUREMENTS"] = ""
    graphics: list[GraphicObject] = []
    texts: list[TextObject] = []

    def label(words: str, at: Point, *, visible: bool = False) -> None:
        texts.append(TextObject(words, "PIXEL", anchor_point=(at[0] + 0.5, at[1] + 0.5), anchor_point_visible=visible))

    for drawing in drawings:
        if not isinstance(drawing, Arrow | Note):
            for item in plain(drawing, sheet):
                data = np.asarray(item.GraphicData, dtype=np.float64).reshape(-1, 2)
                graphics.append(GraphicObject(item.GraphicType, data, "PIXEL"))
        match drawing:
            case Pair(labelled=True) | Line(labelled=True):
                for ends in lines_of(drawing, sheet) or []:
                    label(f"{sheet.mm(*ends):.1f} mm", ends[1])
            case Angle(first, vertex, last):
                label(f"{degrees(first, vertex, last):.1f}°", vertex)
            case Cobb():
                label(f"{between(drawing):.1f}°", drawing.first[0])
            case Arrow(tip, _, words):
                label(words, tip, visible=True)
            case Note(at, words):
                label(words, at)
    sheet.items.append(
        GraphicAnnotation([sheet.image], layer, graphic_objects=graphics or None, text_objects=texts or None)
    )


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
