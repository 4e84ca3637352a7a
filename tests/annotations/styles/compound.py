"""Compound graphics with their twins (PS3.3 C.10.5.1.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydicom.dataset import Dataset

from tests.annotations.elements import annotation, closed, compound_graphic, graphic, text
from tests.annotations.styles.geometry import across, between, degrees, head, lines_of, middle, plain
from tests.annotations.styles.sheet import Sheet
from tests.annotations.truth import (
    Angle,
    Arrow,
    Cobb,
    CrossHair,
    Drawing,
    Ellipse,
    Ends,
    Line,
    Note,
    Outline,
    Pair,
    Point,
    Scale,
)


def compound(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """Compound graphics with their twins among the simple ones, each in an item of its own, where numbers start again.

    Ellipses and upright rectangles are given by two corners of their box (C.10.5.1.3.3, C.10.5.1.3.4), an oblique
    ellipse by its upright one and the angle by which it is rotated, counterclockwise (C.10.5.1.3.2).
    """
    sheet.layers["MEASUREMENTS"] = ""
    number = 1

    def put(kind: str, points: Sequence[Point], twins: Sequence[tuple[str, Sequence[Point]]], words: str = "") -> None:
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
                put("ELLIPSE", _box(major, minor), [("ELLIPSE", (*major, *minor))])
                _rotate(sheet.items[-1].CompoundGraphicSequence[0], major)
            case Outline(vertices) if _is_rectangle(vertices):
                put("RECTANGLE", (vertices[0], vertices[2]), [("POLYLINE", closed(vertices))])
            case CrossHair(at):
                put("CROSSHAIR", (at,), [("POLYLINE", line) for line in lines_of(drawing, sheet) or []])
            case Scale(ends):
                put("AXIS", ends, [("POLYLINE", line) for line in lines_of(drawing, sheet) or []])
            case Note(at, words):
                sheet.items.append(annotation("MEASUREMENTS", image=sheet.image, texts=[text(words, box_at=at)]))
            case Angle() | Cobb():
                words, at = _angle(drawing)
                item = annotation(
                    "MEASUREMENTS", image=sheet.image, graphics=plain(drawing, sheet), texts=[text(words, box_at=at)]
                )
                sheet.items.append(item)
            case _:
                for item in plain(drawing, sheet):
                    sheet.items.append(annotation("MEASUREMENTS", image=sheet.image, graphics=[item]))


def _angle(drawing: Angle | Cobb) -> tuple[str, Point]:
    """What the text of an angle says, and where it stands."""
    if isinstance(drawing, Cobb):
        return f"{between(drawing):.1f}°", drawing.first[0]
    return f"{degrees(drawing.first, drawing.vertex, drawing.last):.1f}°", drawing.vertex


def _box(major: Ends, minor: Ends) -> Ends:
    """Opposite corners of the box of an ellipse before it is rotated."""
    x, y = middle(major)
    a, b = math.dist(*major) / 2, math.dist(*minor) / 2
    return ((x - a, y - b), (x + a, y + b))


def _rotate(item: Dataset, major: Ends) -> None:
    """The rotation of a compound about its middle; none where its major axis lies level."""
    turn = -math.degrees(math.atan2(major[1][1] - major[0][1], major[1][0] - major[0][0]))
    if abs(turn) > 1e-9:
        item.RotationAngle = turn
        item.RotationPoint = [float(value) + 0.5 for value in middle(major)]


def _is_rectangle(vertices: Sequence[Point]) -> bool:
    """Whether four vertices are an upright rectangle, from the top left one clockwise."""
    if len(vertices) != 4:
        return False
    (x, y), (right, bottom) = vertices[0], vertices[2]
    return tuple(vertices) == ((x, y), (right, y), (right, bottom), (x, bottom))
