"""Reports of dwv: one group an annotation, its coordinates beside the number (CONTAINS), not under it.

The label's position and an arrow's tail are coordinates too (Reference Points): they are no marks of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydicom.dataset import Dataset

from tests.annotations.reports import content
from tests.annotations.reports.content import DEGREES, MM, Concept
from tests.annotations.reports.pages import Page, closed, degrees, semi_axes
from tests.annotations.truth import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
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

REGION: Concept = ("111030", "DCM", "Image Region")
SOURCE: Concept = ("121324", "DCM", "Source Image")
SHORT_LABEL: Concept = ("125309", "DCM", "Short label")
COLOUR: Concept = ("718499004", "SCT", "Color")
REFERENCE_POINTS: Concept = ("122438", "DCM", "Reference Points")
SQUARE_CM: Concept = ("cm2", "UCUM", "Square centimeter")

LENGTH: Concept = ("410668003", "SCT", "Length")
LONG_AXIS: Concept = ("103339001", "SCT", "Long axis")
SHORT_AXIS: Concept = ("103340004", "SCT", "Short axis")
AREA: Concept = ("42798000", "SCT", "Area")
RADIUS: Concept = ("131190003", "SCT", "Radius")
ANGLE: Concept = ("1483009", "SCT", "Angle")

CANNOT_WRITE: frozenset[type[Drawing]] = frozenset({Curve, Perpendicular, CrossHair, Note, Scale, Cobb, OpenPath, Spot})
"""A single point is dwv's arrow; open paths and Cobb angles have no tool."""

AGAINST_THE_STANDARD: frozenset[type[Drawing]] = frozenset({Arrow})
"""Its tail is a concept modifier, which coordinates cannot be (PS3.3 A.35.13)."""


def groups(pages: Sequence[Page]) -> list[Dataset]:
    """One measurement group a drawing."""
    return [_group(page, uid, drawing) for page in pages for uid, drawing in page.numbered()]


def _group(page: Page, uid: str, drawing: Drawing) -> Dataset:
    kind, points, label, numbers = _parts(page, drawing)
    after: list[Dataset] = []
    if isinstance(drawing, Arrow):
        after = [_region("HAS CONCEPT MOD", "MULTIPOINT", [drawing.tail], page, REFERENCE_POINTS)]
    return content.group(
        _region("CONTAINS", kind, points, page, REGION),
        content.text("HAS OBS CONTEXT", content.TRACKING, uid[-11:]),
        content.uid_reference("HAS OBS CONTEXT", content.TRACKING_UID, uid),
        content.text("HAS CONCEPT MOD", SHORT_LABEL, label, *_label_position(page, drawing, points)),
        content.text("HAS CONCEPT MOD", COLOUR, "#ffff80"),
        *after,
        *numbers,
        content.coded("CONTAINS", ("111701", "DCM", "Processing type"), ("123109", "DCM", "Manual Processing")),
    )


def _parts(page: Page, drawing: Drawing) -> tuple[str, Sequence[Point], str, list[Dataset]]:
    """Graphic type, points, label, numbers."""
    kind, points, label = "POLYLINE", list[Point](), "{surface}"
    numbers: list[Dataset] = []
    match drawing:
        case Pair(long, short):
            points, label = [*long, *short], "{longAxis}"
            numbers = [content.number(LONG_AXIS, page.mm(*long), MM), content.number(SHORT_AXIS, page.mm(*short), MM)]
        case Line(ends):
            points, label, numbers = list(ends), "{length}", [content.number(LENGTH, page.mm(*ends), MM)]
        case Arrow(tip, _, words):
            kind, points, label = "POINT", [tip], words
        case Ellipse(major, minor):
            a, b = semi_axes(major, minor, page)
            kind, points, numbers = (
                "ELLIPSE",
                [*major, *minor],
                [content.number(AREA, math.pi * a * b / 100, SQUARE_CM)],
            )
        case Circle((x, y), radius):
            kind, points = "CIRCLE", [(x, y), (x + radius, y)]
            numbers = [content.number(RADIUS, page.mm(*points), MM)]
        case Outline(vertices):
            points, numbers = closed(vertices), [content.number(AREA, page.square_mm(vertices) / 100, SQUARE_CM)]
        case Angle(first, vertex, last):
            points, label = [first, vertex, last], "{angle}"
            numbers = [content.number(ANGLE, degrees(first, vertex, last), DEGREES)]
    return kind, points, label, numbers


def _region(relationship: str, kind: str, points: Sequence[Point], page: Page, concept: Concept) -> Dataset:
    return content.coordinates(relationship, kind, points, page.image, concept=concept, source=SOURCE)


def _label_position(page: Page, drawing: Drawing, points: Sequence[Point]) -> list[Dataset]:
    if not isinstance(drawing, Line) or not drawing.labelled:
        return []
    x, y = points[-1]
    at = (min(x + 12.0, page.image.Columns - 1.0), min(y + 9.0, page.image.Rows - 1.0))
    return [_region("HAS PROPERTIES", "POINT", [at], page, REFERENCE_POINTS)]
