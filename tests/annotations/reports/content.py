"""Content items of structured reports, written element by element (PS3.3 C.17.3, C.18), with DICOM's corner frame.

Everything that takes points takes them in the pixel centres frame and adds half a pixel, or in mm in patient space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import DSfloat

from tests.annotations.elements import image_reference
from tests.annotations.truth import Point

Concept = tuple[str, str, str]
"""Code value, coding scheme designator, code meaning."""

Position = tuple[float, float, float]

MM: Concept = ("mm", "UCUM", "millimeter")
DEGREES: Concept = ("deg", "UCUM", "degree")
NO_UNIT: Concept = ("1", "UCUM", "px")
SQUARE_MM: Concept = ("mm2", "UCUM", "squaremillimeter")

REPORT: Concept = ("126000", "DCM", "Imaging Measurement Report")
MEASUREMENTS: Concept = ("126010", "DCM", "Imaging Measurements")
GROUP: Concept = ("125007", "DCM", "Measurement Group")
LIBRARY: Concept = ("111028", "DCM", "Image Library")
LIBRARY_GROUP: Concept = ("126200", "DCM", "Image Library Group")
TRACKING: Concept = ("112039", "DCM", "Tracking Identifier")
TRACKING_UID: Concept = ("112040", "DCM", "Tracking Unique Identifier")
FINDING: Concept = ("121071", "DCM", "Finding")
FINDING_SITE: Concept = ("363698007", "SCT", "Finding Site")
OBSERVER: Concept = ("121008", "DCM", "Person Observer Name")
PROCEDURE: Concept = ("121058", "DCM", "Procedure reported")
LANGUAGE: Concept = ("121049", "DCM", "Language of Content Item and Descendants")


def code(concept: Concept) -> Items:
    """A code sequence of one item (PS3.3 8.8)."""
    item = Dataset()
    value, item.CodingSchemeDesignator, item.CodeMeaning = concept
    # Cornerstone's own code values are longer than SH allows
    item.add(DataElement("CodeValue", "SH", value, validation_mode=IGNORE))
    return Items([item])


def content(relationship: str, kind: str, concept: Concept | None = None, *children: Dataset) -> Dataset:
    """Any content item. A relationship is empty for the root alone."""
    item = Dataset()
    if relationship:
        item.RelationshipType = relationship
    item.ValueType = kind
    if concept is not None:
        item.ConceptNameCodeSequence = code(concept)
    if children:
        item.ContentSequence = Items(children)
    return item


def container(concept: Concept, *children: Dataset, relationship: str = "CONTAINS", template: str = "") -> Dataset:
    """A container; ``template``: its template identifier, where the producer names it."""
    item = content(relationship, "CONTAINER", concept, *children)
    item.ContinuityOfContent = "SEPARATE"
    if template:
        named = Dataset()
        named.MappingResource, named.TemplateIdentifier = "DCMR", template
        item.ContentTemplateSequence = Items([named])
    return item


def group(*children: Dataset) -> Dataset:
    """A measurement group without a template identifier, as most viewers write it."""
    return container(GROUP, *children)


def text(relationship: str, concept: Concept, words: str, *children: Dataset) -> Dataset:
    """A text."""
    item = content(relationship, "TEXT", concept, *children)
    item.TextValue = words
    return item


def uid_reference(relationship: str, concept: Concept, uid: str) -> Dataset:
    """A UID."""
    item = content(relationship, "UIDREF", concept)
    item.UID = uid
    return item


def coded(relationship: str, concept: Concept, value: Concept, *children: Dataset) -> Dataset:
    """A coded value."""
    item = content(relationship, "CODE", concept, *children)
    item.ConceptCodeSequence = code(value)
    return item


def person(relationship: str, concept: Concept, name: str) -> Dataset:
    """A person's name."""
    item = content(relationship, "PNAME", concept)
    item.PersonName = name
    return item


def number(concept: Concept, value: float | None, unit: Concept, *children: Dataset) -> Dataset:
    """A measurement; None leaves the measured value out, as dcmjs does for a point."""
    item = content("CONTAINS", "NUM", concept, *children)
    if value is not None:
        measured = Dataset()
        measured.NumericValue = DSfloat(value, auto_format=True)
        measured.MeasurementUnitsCodeSequence = code(unit)
        item.MeasuredValueSequence = Items([measured])
    return item


def image_item(
    image: Dataset, *, relationship: str = "SELECTED FROM", concept: Concept | None = None, frame: int | None = None
) -> Dataset:
    """A reference to an image, or to one frame of it."""
    item = content(relationship, "IMAGE", concept)
    reference = image_reference(image)
    if frame is not None:
        reference.ReferencedFrameNumber = frame
    item.ReferencedSOPSequence = Items([reference])
    return item


def coordinates(
    relationship: str,
    kind: str,
    points: Sequence[Point],
    image: Dataset | None,
    *,
    concept: Concept | None = None,
    source: Concept | None = None,
) -> Dataset:
    """Spatial coordinates on an image (PS3.3 C.18.6); ``image`` None leaves the reference out."""
    item = content(relationship, "SCOORD", concept)
    item.GraphicType = kind
    item.GraphicData = _floats(np.asarray(points, dtype=np.float64) + 0.5)
    if image is not None:
        item.ContentSequence = Items([image_item(image, concept=source)])
    return item


def coordinates_3d(
    relationship: str, kind: str, points: Sequence[Position], frame_of_reference: str, *, concept: Concept | None = None
) -> Dataset:
    """Spatial coordinates in patient space (PS3.3 C.18.9)."""
    item = content(relationship, "SCOORD3D", concept)
    item.GraphicType = kind
    item.GraphicData = _floats(np.asarray(points, dtype=np.float64))
    item.ReferencedFrameOfReferenceUID = frame_of_reference
    return item


def _floats(data: np.ndarray) -> list[float]:
    """VR FL: single precision."""
    return [float(value) for value in data.astype(np.float32).ravel()]
