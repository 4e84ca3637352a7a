"""Reports of dcmqi: TID 1411 groups about segments of a segmentation, with numbers and without any coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import SegmentationStorage, generate_uid

from tests.annotations.reports import content
from tests.annotations.reports.content import SQUARE_MM, Concept
from tests.annotations.reports.pages import Page, semi_axes
from tests.annotations.truth import (
    Angle,
    Arrow,
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
    Scale,
    Spot,
)

SEGMENT: Concept = ("121191", "DCM", "Referenced Segment")
SOURCE_SERIES: Concept = ("121232", "DCM", "Source series for segmentation")
AREA: Concept = ("G-A166", "SRT", "Area")
LESION: Concept = ("52988006", "SCT", "Lesion")

CANNOT_WRITE: frozenset[type[Drawing]] = frozenset(
    {Pair, Line, Arrow, Angle, Cobb, Perpendicular, CrossHair, Scale, OpenPath, Spot, Note, Curve}
)
"""Only what has an area is a segment."""


def groups(pages: Sequence[Page]) -> list[Dataset]:
    """One measurement group a drawing, each about a segment."""
    found: list[Dataset] = []
    for page in pages:
        for number, (uid, drawing) in enumerate(page.numbered(), 1):
            found.append(_group(page, number, uid, drawing))
    return found


def _group(page: Page, number: int, uid: str, drawing: Drawing) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = SegmentationStorage
    reference.ReferencedSOPInstanceUID = generate_uid(entropy_srcs=["segmentation", page.image.SOPInstanceUID])
    reference.ReferencedSegmentNumber = number
    segment = content.content("CONTAINS", "IMAGE", SEGMENT)
    segment.ReferencedSOPSequence = Items([reference])
    return content.container(
        content.GROUP,
        content.text("HAS OBS CONTEXT", content.TRACKING, f"Segment {number}"),
        content.uid_reference("HAS OBS CONTEXT", content.TRACKING_UID, uid),
        content.coded("CONTAINS", content.FINDING, LESION),
        segment,
        content.uid_reference("CONTAINS", SOURCE_SERIES, page.image.SeriesInstanceUID),
        content.number(AREA, _area(page, drawing), SQUARE_MM),
        template="1411",
    )


def _area(page: Page, drawing: Drawing) -> float:
    match drawing:
        case Outline(vertices):
            return page.square_mm(vertices)
        case Ellipse(major, minor):
            a, b = semi_axes(major, minor, page)
            return math.pi * a * b
        case _:
            radius = drawing.radius  # type: ignore[union-attr]  # a circle: the only one left
            (x, y) = drawing.centre  # type: ignore[union-attr]
            return math.pi * page.mm((x, y), (x + radius, y)) ** 2
