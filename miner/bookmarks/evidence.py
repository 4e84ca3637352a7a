"""What a document says it was made from: Current Requested Procedure and Pertinent Other Evidence (PS3.3 C.17.2)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, items, text
from miner.bookmarks.references import distinct, instance_references, is_uid, refuse_more_than_all
from miner.records import ImageReference

_SEQUENCES = ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
TAGS: tuple[str, ...] = _SEQUENCES

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_NO_IMAGES = tuple(
    _STORAGE + branch
    for branch in (
        "11.",  # presentation states
        "66.",  # raw data, registrations, fiducials, segmentations
        "67",  # real world values
        "88.",  # reports, key object selections
        "9.",  # waveforms
        "104.",  # encapsulated documents
        "481.",  # radiotherapy
    )
)
SEGMENTATIONS = frozenset(
    {
        _STORAGE + "66.4",  # Segmentation
        _STORAGE + "66.5",  # Surface Segmentation
        _STORAGE + "66.7",  # Label Map Segmentation
        _STORAGE + "66.8",  # Height Map Segmentation
        _STORAGE + "481.3",  # RT Structure Set
    }
)
"""SOP classes whose objects are regions themselves."""

_RT_IMAGE = _STORAGE + "481.1"


def evidence(dataset: Dataset) -> tuple[ImageReference, ...]:
    """Everything a document was made from, with its series, in its order. A reference that is none is left out: an
    item that names its instance again still finds it, only without its series. Raises ObjectError for too many."""
    found: list[ImageReference] = []
    for study in (item for keyword in _SEQUENCES for item in _items(dataset, keyword)):
        for series in _items(study, "ReferencedSeriesSequence"):
            series_uid = text(series, "SeriesInstanceUID")
            for instance in _items(series, "ReferencedSOPSequence"):
                try:
                    found += instance_references(instance, series_uid if is_uid(series_uid) else "")
                except MalformedError:
                    continue
                refuse_more_than_all(found)
    return tuple(distinct(found))


def is_image(reference: ImageReference) -> bool:
    """Whether a reference may be to an image: its SOP class is unknown or none of those that hold no pixels."""
    sop_class = reference.sop_class_uid
    return sop_class == _RT_IMAGE or not sop_class.startswith(_NO_IMAGES)


def is_segmentation(reference: ImageReference) -> bool:
    """Whether a reference is to an object that is a region itself."""
    return reference.sop_class_uid in SEGMENTATIONS


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    try:
        return items(dataset, keyword)
    except MalformedError:
        return []
