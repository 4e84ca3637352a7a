"""Structured reports (PS3.3 A.35.1 to A.35.3, A.35.13, A.35.15): content tree → measurement groups → marks.

Basic Text, Enhanced, Comprehensive, Comprehensive 3D and Extensible SR are read, whatever their template. Reports of
dose, of echocardiography and of computer-aided detection (Mammography, Chest, Colon CAD SR) are not: what a program
marked is no radiologist's measurement.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    ExtensibleSRStorage,
)

from miner.bookmarks import evidence
from miner.bookmarks.dates import created
from miner.bookmarks.elements import items, text
from miner.bookmarks.encodings import ObjectEncoding
from miner.bookmarks.references import KnownImages, distinct
from miner.bookmarks.reports.content import read_tree
from miner.bookmarks.reports.groups import scopes_of
from miner.bookmarks.reports.images import images_of
from miner.bookmarks.reports.marks import marks_of
from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject

SOP_CLASSES: tuple[str, ...] = (
    BasicTextSRStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
    ExtensibleSRStorage,
)

TAGS: tuple[str, ...] = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "ContentDate",
    "ContentTime",
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ValueType",
    "ConceptNameCodeSequence",
    "ContentSequence",
    *evidence.TAGS,
)
"""The top-level elements that are read; nested ones by name where they are used."""

_OSIRIX = "99HUG"
"""Coding scheme of the root of all reports that OsiriX and Horos write: regions, key images, their windows' state."""


def read(dataset: Dataset) -> AnnotationObject:
    """What a structured report says. Raises ObjectError or MalformedError where it cannot be read as a whole."""
    _refuse_archives(dataset)
    known = KnownImages.of(evidence.evidence(dataset))
    tree = read_tree(dataset, known)
    images = tuple(distinct((*filter(evidence.is_image, known.references), *images_of(tree))))
    scopes = scopes_of(tree)
    found = marks_of(tree, scopes, images)
    return AnnotationObject(
        sop_uid=text(dataset, "SOPInstanceUID"),
        sop_class_uid=text(dataset, "SOPClassUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        created=created(dataset),
        references=images,
        marks=found.marks,
        refused=found.refused,
        items=found.groups,
        modality="SR",
        spatial=found.spatial,
    )


def _refuse_archives(dataset: Dataset) -> None:
    """OsiriX and Horos keep their regions as an archive of their own in a report whose tree says nothing of them."""
    if any(text(code, "CodingSchemeDesignator") == _OSIRIX for code in items(dataset, "ConceptNameCodeSequence")):
        raise ObjectError(
            "A report of OsiriX or Horos keeps its regions as an archive that no other software reads; "
            "export them there as a presentation state or a measurement report.",
            Reason.UNSUPPORTED_OBJECT,
        )


ENCODING = ObjectEncoding("SR", SOP_CLASSES, TAGS, read)
