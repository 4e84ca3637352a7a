"""The Identifiers of our queries and retrievals (PS3.4 C.3, C.6).

Every Identifier carries Query/Retrieve Level, the unique keys of all parents and, in queries, Specific Character Set:
many PACS name the character set of their answers only when they are asked. Patient ID is among the parents: the patient
root needs it, and the association leaves it out in the study root, where it is no unique key (PS3.4 C.6.2.1). Values
are set without validation, because UIDs of real archives break the rules and pydicom's warnings would repeat them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR, tag_for_keyword

from miner.records import InstanceRef, SeriesRef, StudyRef

STUDY_KEYS = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "PatientID",
    "IssuerOfPatientID",
    "ModalitiesInStudy",
)
PATIENT_KEYS = ("PatientID", "IssuerOfPatientID")
COUNT_KEYS = ("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
SERIES_KEYS = ("SeriesInstanceUID", "Modality", "BodyPartExamined", "NumberOfSeriesRelatedInstances")
IMAGE_KEYS = (
    "SOPInstanceUID",
    "SOPClassUID",
    "InstanceNumber",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "ImagePositionPatient",
    "ImageOrientationPatient",
)
MADE_KEYS = (
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ContentDate",
    "ContentTime",
    "PresentationCreationDate",
    "PresentationCreationTime",
)
"""When an annotation object was made: what a PACS changes under its own UID is noticed by these, where it tells."""

ANNOTATIONS = ("PR", "SR", "KO")
"""Modalities of the series of whose objects it is asked."""


def patient_query(**matching: str) -> Dataset:
    """PATIENT level, of the patient root only: ``matching`` by keyword."""
    return _identifier("PATIENT", {**dict.fromkeys(PATIENT_KEYS, ""), **matching})


def study_query(**matching: str) -> Dataset:
    """STUDY level: ``matching`` by keyword; the other keys are asked for."""
    return _identifier("STUDY", {**dict.fromkeys(STUDY_KEYS, ""), **matching})


def count_query(study: StudyRef, *, patient_root: bool = False) -> Dataset:
    """STUDY level: how many series and instances one study has. In the study root its UID alone says which one."""
    patient_id = study.patient.patient_id if patient_root else ""
    return _identifier(
        "STUDY", {"PatientID": patient_id, "StudyInstanceUID": study.study_uid, **dict.fromkeys(COUNT_KEYS, "")}
    )


def series_query(study: StudyRef, **matching: str) -> Dataset:
    """SERIES level: the series of one study; ``matching`` by keyword narrows them."""
    return _identifier("SERIES", {**_study_keys(study), **dict.fromkeys(SERIES_KEYS, ""), **matching})


def image_query(series: SeriesRef, **matching: str) -> Dataset:
    """IMAGE level: the instances of one series; ``matching`` by keyword narrows them."""
    parents = {**_study_keys(series.study), "SeriesInstanceUID": series.series_uid}
    return _identifier("IMAGE", {**parents, **dict.fromkeys(IMAGE_KEYS, ""), **matching})


def annotation_query(series: SeriesRef, **matching: str) -> Dataset:
    """IMAGE level: the annotation objects of one series, and when they were made."""
    return image_query(series, **{**dict.fromkeys(MADE_KEYS, ""), **matching})


def retrieval(instances: Sequence[InstanceRef]) -> Dataset:
    """IMAGE level: these instances, all of one series, as a list of UIDs (PS3.4 C.2.2.2.2, C.4.2.2.1)."""
    first = instances[0]
    identifier = _identifier(
        "IMAGE",
        {
            "PatientID": first.patient_id,
            "StudyInstanceUID": first.study_uid,
            "SeriesInstanceUID": first.series_uid,
            "SOPInstanceUID": [instance.sop_uid for instance in instances],
        },
    )
    return _for_retrieval(identifier)


def series_retrieval(instance: InstanceRef) -> Dataset:
    """SERIES level: the whole series that this instance is of (PS3.4 C.4.2.2.1)."""
    keys: dict[str, str | list[str]] = {
        "PatientID": instance.patient_id,
        "StudyInstanceUID": instance.study_uid,
        "SeriesInstanceUID": instance.series_uid,
    }
    return _for_retrieval(_identifier("SERIES", keys))


def _for_retrieval(identifier: Dataset) -> Dataset:
    """Without a character set, unless a Patient ID needs it: nothing is answered in one."""
    if not identifier.SpecificCharacterSet:
        del identifier.SpecificCharacterSet
    return identifier


def _study_keys(study: StudyRef) -> dict[str, str]:
    return {"PatientID": study.patient.patient_id, "StudyInstanceUID": study.study_uid}


def _identifier(level: str, values: dict[str, str | list[str]]) -> Dataset:
    identifier = Dataset()
    texts = [value for value in values.values() if isinstance(value, str)]
    character_set = "" if all(text.isascii() for text in texts) else "ISO_IR 192"
    for keyword, value in {"SpecificCharacterSet": character_set, "QueryRetrieveLevel": level, **values}.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        identifier.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))
    return identifier
