"""The Identifiers of our queries and retrievals in the study root (PS3.4 C.3, C.6.2).

Every Identifier carries Query/Retrieve Level, all parent UIDs and, in queries, Specific Character Set: many PACS name
the character set of their answers only when they are asked. Values are set without validation, because UIDs of real
archives break the rules and pydicom's warnings would repeat them.
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


def study_query(**matching: str) -> Dataset:
    """STUDY level: ``matching`` by keyword; the other keys are asked for."""
    return _identifier("STUDY", {**dict.fromkeys(STUDY_KEYS, ""), **matching})


def series_query(study: StudyRef) -> Dataset:
    """SERIES level: all series of one study."""
    return _identifier("SERIES", {"StudyInstanceUID": study.study_uid, **dict.fromkeys(SERIES_KEYS, "")})


def image_query(series: SeriesRef) -> Dataset:
    """IMAGE level: all instances of one series."""
    parents = {"StudyInstanceUID": series.study.study_uid, "SeriesInstanceUID": series.series_uid}
    return _identifier("IMAGE", {**parents, **dict.fromkeys(IMAGE_KEYS, "")})


def retrieval(instances: Sequence[InstanceRef]) -> Dataset:
    """IMAGE level: these instances, all of one series, as a list of UIDs (PS3.4 C.2.2.2.2, C.4.2.2.1)."""
    first = instances[0]
    identifier = _identifier(
        "IMAGE",
        {
            "StudyInstanceUID": first.study_uid,
            "SeriesInstanceUID": first.series_uid,
            "SOPInstanceUID": [instance.sop_uid for instance in instances],
        },
    )
    del identifier.SpecificCharacterSet
    return identifier


def _identifier(level: str, values: dict[str, str | list[str]]) -> Dataset:
    identifier = Dataset()
    texts = [value for value in values.values() if isinstance(value, str)]
    character_set = "" if all(text.isascii() for text in texts) else "ISO_IR 192"
    for keyword, value in {"SpecificCharacterSet": character_set, "QueryRetrieveLevel": level, **values}.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        identifier.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))
    return identifier
