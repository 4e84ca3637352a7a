"""C-FIND of the loopback PACS: study root and patient root, baseline hierarchical search (PS3.4 C.4.1.3.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from miner.demo.pacs_behaviour import (
    CANCEL,
    IDENTIFIER_MISMATCH,
    PENDING,
    PENDING_UNSUPPORTED_KEYS,
    Answer,
)
from miner.demo.pacs_index import IMAGE, LEVELS, PATIENT, SERIES, STUDY, UNIQUE_KEYS, Entity, ObjectIndex
from miner.demo.pacs_match import matches, texts

Computed = Callable[[Entity], list[str]]

# fmt: off
_SERIES_ATTRIBUTES = frozenset((
    "Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "SeriesDate", "SeriesTime",
    "BodyPartExamined", "ProtocolName", "Laterality", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime", "PerformedProcedureStepDescription", "RequestAttributesSequence",
    "OperatorsName", "PerformingPhysicianName", "StationName", "InstitutionName", "Manufacturer",
    "ManufacturerModelName", "FrameOfReferenceUID", "PatientPosition", "NumberOfSeriesRelatedInstances",
))
# fmt: on
# fmt: off
_IMAGE_ATTRIBUTES = frozenset((
    "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient",
    "Rows", "Columns", "PixelSpacing", "SliceThickness", "SliceLocation", "ImageType", "NumberOfFrames",
    "BitsAllocated", "BitsStored", "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "ContentDate",
    "ContentTime", "ContentLabel", "ContentDescription", "ContentCreatorName", "PresentationCreationDate",
    "PresentationCreationTime", "ReferencedSeriesSequence", "ConceptNameCodeSequence", "CompletionFlag",
    "VerificationFlag", "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "GantryDetectorTilt",
    "BurnedInAnnotation", "PhotometricInterpretation", "SamplesPerPixel", "InstanceCreationDate",
    "InstanceCreationTime", "AvailableTransferSyntaxUID",
))
# fmt: on
_NOT_KEYS = frozenset({"SpecificCharacterSet", "QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability"})


def answer_find(
    index: ObjectIndex, identifier: Dataset, *, patient_root: bool, ae_title: str, cancelled: Callable[[], bool]
) -> Iterator[Answer]:
    """Answer one query with an identifier per matching entity, each holding just the keys that were asked for.

    The unique keys of the levels above must be there with a single value (PS3.4 C.4.1.1.3.1, C.4.1.3.1.1), else the
    answer is 0xA900. A key of a lower level, or one not known here, is neither matched nor returned with a value, and
    the status of each answer says so (0xFF01).
    """
    level = str(identifier.get("QueryRetrieveLevel", ""))
    parents = parent_keys(identifier, level, patient_root=patient_root)
    if parents is None:
        yield IDENTIFIER_MISMATCH, None
        return
    keys = [
        element
        for element in identifier
        if keyword_for_tag(element.tag) not in _NOT_KEYS and not _group_length(element)
    ]
    unsupported = {element.tag for element in keys if not _supported(element, level)}
    status = PENDING_UNSUPPORTED_KEYS if unsupported else PENDING
    above: dict[str, Sequence[str]] = {name: [value] for name, value in parents.items()}
    for entity in index.entities(level, index.under(above)):
        if cancelled():
            yield CANCEL, None
            return
        if all(element.tag in unsupported or _matches(element, entity) for element in keys):
            yield status, _identifier(entity, keys, unsupported, identifier, ae_title)


def parent_keys(identifier: Dataset, level: str, *, patient_root: bool) -> dict[str, str] | None:
    """The unique keys of the levels above ``level``, each a single value; None where one is not (PS3.4 C.4.1.3.1.1)."""
    levels = LEVELS if patient_root else LEVELS[1:]
    if level not in levels:
        return None
    parents = {}
    for above in levels[: levels.index(level)]:
        element = identifier.get_item(UNIQUE_KEYS[above])
        values = [value for value in texts(identifier[UNIQUE_KEYS[above]]) if value] if element is not None else []
        if len(values) != 1 or "*" in values[0] or "?" in values[0]:
            return None
        parents[above] = values[0]
    return parents


def _group_length(element: DataElement) -> bool:
    return int(element.tag) & 0xFFFF == 0


def _supported(element: DataElement, level: str) -> bool:
    keyword = keyword_for_tag(element.tag)
    if not keyword or (element.VR == "SQ" and element.value):
        return False
    own_level = _level_of(keyword)
    return LEVELS.index(own_level) <= LEVELS.index(level)


def _level_of(keyword: str) -> str:
    if keyword in _IMAGE_ATTRIBUTES:
        return IMAGE
    if keyword in _SERIES_ATTRIBUTES:
        return SERIES
    if keyword.startswith("Patient") or keyword in ("IssuerOfPatientID", "NumberOfPatientRelatedStudies"):
        return PATIENT
    return STUDY


def _matches(key: DataElement, entity: Entity) -> bool:
    if key.VR == "SQ":
        return True
    return matches(key.VR, key, _values(keyword_for_tag(key.tag), entity))


def _values(keyword: str, entity: Entity) -> list[str]:
    compute = _COMPUTED.get(keyword)
    if compute is not None:
        return compute(entity)
    return texts(entity.header[keyword]) if keyword in entity.header else []


def _distinct(entity: Entity, keyword: str) -> list[str]:
    found = (str(item.header.get(keyword, "") or "") for item in entity.objects)
    return sorted({value for value in found if value})


def _count(level: str) -> Computed:
    return lambda entity: [str(len({item.key_at(level) for item in entity.objects}))]


_COMPUTED: dict[str, Computed] = {
    "ModalitiesInStudy": lambda entity: _distinct(entity, "Modality"),
    "SOPClassesInStudy": lambda entity: _distinct(entity, "SOPClassUID"),
    "NumberOfPatientRelatedStudies": _count(STUDY),
    "NumberOfPatientRelatedSeries": _count(SERIES),
    "NumberOfPatientRelatedInstances": _count(IMAGE),
    "NumberOfStudyRelatedSeries": _count(SERIES),
    "NumberOfStudyRelatedInstances": _count(IMAGE),
    "NumberOfSeriesRelatedInstances": _count(IMAGE),
    "AvailableTransferSyntaxUID": lambda entity: sorted({str(item.transfer_syntax) for item in entity.objects}),
}


def _identifier(
    entity: Entity, keys: list[DataElement], unsupported: Collection[int], asked: Dataset, ae_title: str
) -> Dataset:
    """One C-FIND response identifier (PS3.4 C.4.1.1.3.2)."""
    answer = Dataset()
    charset = entity.header.get("SpecificCharacterSet")
    if charset:
        answer.SpecificCharacterSet = charset
    elif "SpecificCharacterSet" in asked:
        answer.SpecificCharacterSet = ""
    for key in keys:
        keyword = keyword_for_tag(key.tag)
        if key.tag in unsupported:
            answer.add(DataElement(key.tag, key.VR, [] if key.VR == "SQ" else ""))
        elif keyword in _COMPUTED:
            values = _COMPUTED[keyword](entity)
            setattr(answer, keyword, values if len(values) > 1 else (values[0] if values else ""))
        elif keyword in entity.header:
            answer.add(entity.header[keyword])
        else:
            answer.add(DataElement(key.tag, key.VR, [] if key.VR == "SQ" else None))
    answer.QueryRetrieveLevel = entity.level
    answer.RetrieveAETitle = ae_title
    if "InstanceAvailability" in asked:
        answer.InstanceAvailability = "ONLINE"
    return answer
