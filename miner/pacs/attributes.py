"""Everything that is asked of an archive, or read of the heads of files in a folder, to find studies and their objects.

The uses say what becomes of an answer; queries themselves hold these attributes and the archive's own values alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.datadict import tag_for_keyword

from miner.records.attributes import Attribute, Use


def _declared() -> Iterator[Attribute]:
    for keywords, use, why in (
        (("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"), Use.SURROGATE, "what is asked for by its UID"),
        (("PatientID", "IssuerOfPatientID"), Use.SEALED, "whose study it is"),
        (("AccessionNumber",), Use.SEALED, "cohorts named by it"),
        (("StudyDate", "StudyTime"), Use.SEALED, "windows of time, and the order of a patient's studies"),
        (
            (
                *("InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime"),
                *("PresentationCreationDate", "PresentationCreationTime"),
            ),
            Use.JUDGED,
            "whether an object was changed under its UID; in a keyed digest",
        ),
        (("Modality", "ModalitiesInStudy", "BodyPartExamined"), Use.JUDGED, "which series are looked into"),
        (("SOPClassUID", "TransferSyntaxUID"), Use.KEPT, "what kind of object it is, and how it is encoded"),
        (("InstanceNumber", "NumberOfFrames", "Rows", "Columns"), Use.KEPT, "order and size of slices"),
        (("ImagePositionPatient", "ImageOrientationPatient"), Use.KEPT, "order and distance of slices"),
        (
            (
                *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances"),
                *("SpecificCharacterSet", "QueryRetrieveLevel", "DirectoryRecordSequence"),
            ),
            Use.JUDGED,
            "whether an answer is complete, and how it is read",
        ),
    ):
        for keyword in keywords:
            tag = tag_for_keyword(keyword)
            assert tag is not None, keyword
            yield Attribute(tag, use, why)


READ: tuple[Attribute, ...] = tuple(_declared())
"""Held against both editions of PS3.15 Table E.1-1 by a test."""
