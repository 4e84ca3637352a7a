"""Key object selections (PS3.3 A.35.4): which images somebody found worth keeping, and how they were shown.

They hold no coordinates: nothing is measured in them, so an object without marks is all they come to. The presentation
states that they name are worth reading; those are objects of their own.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from miner.bookmarks import evidence
from miner.bookmarks.dates import created
from miner.bookmarks.elements import text
from miner.bookmarks.encodings import ObjectEncoding
from miner.bookmarks.references import KnownImages, distinct
from miner.bookmarks.reports.content import read_tree
from miner.bookmarks.reports.images import instances_of
from miner.records import AnnotationObject

SOP_CLASSES: tuple[str, ...] = (KeyObjectSelectionDocumentStorage,)

TAGS: tuple[str, ...] = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "ContentDate",
    "ContentTime",
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ContentSequence",
    *evidence.TAGS,
)
"""The top-level elements that are read."""


def read(dataset: Dataset) -> AnnotationObject:
    """What a key object selection selects: ``references`` are its images and the presentation states they were seen
    through, or else all that it was made from. Raises ObjectError or MalformedError where it cannot be read as a whole.
    """
    known = KnownImages.of(evidence.evidence(dataset))
    named = distinct(reference for item in read_tree(dataset, known) for reference in instances_of(item))
    return AnnotationObject(
        sop_uid=text(dataset, "SOPInstanceUID"),
        sop_class_uid=text(dataset, "SOPClassUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        created=created(dataset),
        references=tuple(named) or known.references,
        marks=(),
        refused=(),
        modality="KO",
    )


ENCODING = ObjectEncoding("KO", SOP_CLASSES, TAGS, read)
