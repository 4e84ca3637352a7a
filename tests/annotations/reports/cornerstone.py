"""Reports of Cornerstone's viewers (OHIF): one TID 1501 group a measurement, a NUM that is inferred from coordinates.

After the adapters of dcmjs and Cornerstone3D. Three ages of them differ in codes, in the tracking identifier that names
the tool, and in how an arrow is written; the newest writes in patient space where its viewport shows no single slice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydicom.dataset import Dataset
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage

from tests.annotations.reports import content
from tests.annotations.reports.content import DEGREES, MM, NO_UNIT, SQUARE_MM, Concept
from tests.annotations.reports.pages import Page, between, closed, degrees, semi_axes
from tests.annotations.reports.space import in_patient
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

CENTRE: Concept = ("111010", "DCM", "Center")
LESION: Concept = ("52988006", "SCT", "Lesion")
LUNG: Concept = ("39607008", "SCT", "Lung")
LABEL_POSITION: Concept = ("TextPosition", "99CS3D", "Text Annotation Position")


@dataclass(frozen=True)
class Dialect:
    """What one age of the adapters writes its own way.

    ``arrow``: ``point`` (the tip alone), ``two points`` (graphic type POINT with the tail behind it, although POINT
    holds one) or ``polyline`` (tip first). ``in_space``: coordinates in patient space. ``coded``: findings are coded,
    not free text. ``uncalibrated``: unlabelled lengths are in pixels, with the unit ``1``.
    """

    tag: str
    sop_class: UID
    long_axis: Concept
    short_axis: Concept
    length: Concept
    area: Concept
    perimeter: Concept
    angle: Concept
    cobb: Concept
    arrow: str
    oval: str = "EllipticalROI"
    circle: str = "CircleROI"
    rectangle: str = "RectangleROI"
    freehand: str = "PlanarFreehandROI"
    in_space: bool = False
    coded: bool = True
    uncalibrated: bool = False
    label_positions: bool = False


OHIF = Dialect(
    tag="Cornerstone3DTools@^0.1.0",
    sop_class=ComprehensiveSRStorage,
    long_axis=("103339001", "SCT", "Long Axis"),
    short_axis=("103340004", "SCT", "Short Axis"),
    length=("410668003", "SCT", "Length"),
    area=("42798000", "SCT", "Area"),
    perimeter=("131191004", "SCT", "Perimeter"),
    angle=("1483009", "SCT", "Angle"),
    cobb=("285285000", "SCT", "Cobb angle"),
    arrow="polyline",
    label_positions=True,
)
"""As now written."""

OHIF_IN_SPACE = Dialect(
    tag="Cornerstone3DTools@^0.1.0",
    sop_class=Comprehensive3DSRStorage,
    long_axis=OHIF.long_axis,
    short_axis=OHIF.short_axis,
    length=OHIF.length,
    area=OHIF.area,
    perimeter=OHIF.perimeter,
    angle=OHIF.angle,
    cobb=OHIF.cobb,
    arrow="polyline",
    in_space=True,
)
"""The same from a volume viewport: no image is named, the frame of reference is."""

EARLY_3D = Dialect(
    tag="Cornerstone3DTools@^0.1.0",
    sop_class=EnhancedSRStorage,
    long_axis=("G-A185", "SRT", "Long Axis"),
    short_axis=("G-A186", "SRT", "Short Axis"),
    length=("G-D7FE", "SRT", "Length"),
    area=("G-D7FE", "SRT", "AREA"),
    perimeter=("G-A197", "SRT", "Perimeter"),
    angle=("1483009", "SCT", "Angle"),
    cobb=("285285000", "SCT", "Cobb angle"),
    arrow="two points",
)
"""Cornerstone3D's first years: the codes of dcmjs, and arrows as a POINT of two points."""

LEGACY = Dialect(
    tag="cornerstoneTools@^4.0.0",
    sop_class=EnhancedSRStorage,
    long_axis=EARLY_3D.long_axis,
    short_axis=EARLY_3D.short_axis,
    length=EARLY_3D.length,
    area=EARLY_3D.area,
    perimeter=EARLY_3D.perimeter,
    angle=("4000022", "99PDL-rad", "Angle"),
    cobb=EARLY_3D.cobb,
    arrow="point",
    oval="EllipticalRoi",
    circle="CircleRoi",
    rectangle="RectangleRoi",
    freehand="FreehandRoi",
    coded=False,
    uncalibrated=True,
)
"""OHIF 2: dcmjs with cornerstoneTools 4."""

CANNOT_WRITE: frozenset[type[Drawing]] = frozenset({Curve, Perpendicular, CrossHair, Note})
"""Drawings that none of these adapters has a tool for."""


def cannot_write(dialect: Dialect) -> frozenset[type[Drawing]]:
    """Drawings that a dialect has no tool for: the freehand tool of cornerstoneTools 4 always closed its path."""
    return CANNOT_WRITE | {OpenPath, Scale} if dialect is LEGACY else CANNOT_WRITE


def against_the_standard(dialect: Dialect) -> frozenset[type[Drawing]]:
    """Drawings that it writes against PS3.3: numbers without a value, two points in a POINT, CIRCLE in space."""
    found: set[type[Drawing]] = {Spot}
    if dialect.arrow != "polyline":
        found.add(Arrow)
    if dialect.in_space:
        found.add(Circle)
    return frozenset(found)


def groups(pages: Sequence[Page], dialect: Dialect) -> list[Dataset]:
    """One measurement group a drawing."""
    return [_Writer(page, dialect).group(uid, drawing) for page in pages for uid, drawing in page.numbered()]


@dataclass(frozen=True)
class _Writer:
    page: Page
    dialect: Dialect

    def group(self, uid: str, drawing: Drawing) -> Dataset:
        tool, numbers = self._tool(drawing)
        return content.group(
            content.text("HAS OBS CONTEXT", content.TRACKING, f"{self.dialect.tag}:{tool}"),
            content.uid_reference("HAS OBS CONTEXT", content.TRACKING_UID, uid),
            *self._findings(drawing),
            *numbers,
            *self._label_position(drawing),
        )

    def _tool(self, drawing: Drawing) -> tuple[str, list[Dataset]]:
        """The tool's name, and its numbers with their coordinates."""
        dialect = self.dialect
        match drawing:
            case Pair(long, short, labelled):
                return "Bidirectional", [
                    self._length(dialect.long_axis, long, labelled),
                    self._length(dialect.short_axis, short, labelled),
                ]
            case Line(ends, labelled):
                return "Length", [self._length(dialect.length, ends, labelled)]
            case Scale(ends):
                concept: Concept = ("102304005", "SCT", "Calibration Ruler")
                return "CalibrationLine", [self._length(concept, ends, True)]
            case Arrow(tip, tail):
                return "ArrowAnnotate", [self._arrow(tip, tail)]
            case Spot(at):
                return "Probe", [content.number(CENTRE, None, NO_UNIT, self._graphic("POINT", [at]))]
            case _:
                return self._other_tool(drawing)

    def _other_tool(self, drawing: Drawing) -> tuple[str, list[Dataset]]:
        page, dialect = self.page, self.dialect
        match drawing:
            case Ellipse(major, minor):
                a, b = semi_axes(major, minor, page)
                shape = self._graphic("ELLIPSE", [*major, *minor])
                return dialect.oval, [content.number(dialect.area, math.pi * a * b, SQUARE_MM, shape)]
            case Circle((x, y), radius):
                around = 2 * math.pi * page.mm((x, y), (x + radius, y))
                shape = self._graphic("CIRCLE", [(x, y), (x + radius, y)])
                return dialect.circle, [content.number(dialect.perimeter, around, MM, shape)]
            case Outline(vertices):
                tool = dialect.rectangle if len(vertices) == 4 else dialect.freehand
                return tool, self._contour(closed(vertices))
            case OpenPath(points):
                return dialect.freehand, self._contour(points)
            case Angle(first, vertex, last):
                shape = self._graphic("POLYLINE", [first, vertex, last])
                return "Angle", [content.number(dialect.angle, degrees(first, vertex, last), DEGREES, shape)]
            case Cobb(first_line, second_line):
                shape = self._graphic("POLYLINE", [*first_line, *second_line])
                return "CobbAngle", [content.number(dialect.cobb, between(drawing), DEGREES, shape)]
            case _:
                raise AssertionError("callers ask for writable drawings only")

    def _length(self, concept: Concept, ends: tuple[Point, Point], labelled: bool) -> Dataset:
        shape = self._graphic("POLYLINE", ends)
        if self.dialect.uncalibrated and not labelled:
            return content.number(concept, math.dist(*ends), NO_UNIT, shape)
        return content.number(concept, self.page.mm(*ends), MM, shape)

    def _arrow(self, tip: Point, tail: Point) -> Dataset:
        if self.dialect.arrow == "polyline":
            concept: Concept = ("111010", "DCM", "label")
            return content.number(concept, 0.0, NO_UNIT, self._graphic("POLYLINE", [tip, tail]))
        points = [tip] if self.dialect.arrow == "point" else [tip, tail]
        return content.number(CENTRE, None, NO_UNIT, self._graphic("POINT", points))

    def _contour(self, points: Sequence[Point]) -> list[Dataset]:
        length = sum(self.page.mm(a, b) for a, b in pairwise(points))
        found = [content.number(self.dialect.perimeter, length, MM, self._graphic("POLYLINE", points))]
        if points[0] == points[-1]:
            found.append(content.number(self.dialect.area, self.page.square_mm(points[:-1]), SQUARE_MM))
        return found

    def _graphic(self, kind: str, points: Sequence[Point]) -> Dataset:
        if self.dialect.in_space:
            placed = in_patient(self.page.image, points)
            return content.coordinates_3d("INFERRED FROM", kind, placed, self.page.image.FrameOfReferenceUID)
        return content.coordinates("INFERRED FROM", kind, points, self.page.image)

    def _findings(self, drawing: Drawing) -> list[Dataset]:
        """Coded, or what a person typed: as the meaning of a code that says so."""
        if isinstance(drawing, Arrow):
            scheme = "CORNERSTONEJS" if self.dialect.coded else "CST4"
            return [content.coded("CONTAINS", content.FINDING, ("CORNERSTONEFREETEXT", scheme, drawing.words))]
        if isinstance(drawing, Pair) and self.dialect.coded:
            return [
                content.coded("CONTAINS", content.FINDING, LESION),
                content.coded("CONTAINS", content.FINDING_SITE, LUNG),
            ]
        return []

    def _label_position(self, drawing: Drawing) -> list[Dataset]:
        """Where a label was moved to: a point that is no mark."""
        if not self.dialect.label_positions or not isinstance(drawing, Line | Pair) or not drawing.labelled:
            return []
        x, y = drawing.ends[1] if isinstance(drawing, Line) else drawing.long[1]
        at = (min(x + 12.0, self.page.image.Columns - 1.0), min(y + 9.0, self.page.image.Rows - 1.0))
        return [content.coordinates("CONTAINS", "POINT", [at], self.page.image, concept=LABEL_POSITION)]
