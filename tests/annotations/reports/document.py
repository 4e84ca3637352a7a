"""Whole structured reports around a content tree (PS3.3 A.35)."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from tests.annotations.elements import image_reference
from tests.annotations.reports import content


def document(
    images: Sequence[Dataset], root: Dataset, *, sop_class: UID, created: str, uid: UID, manufacturer: str
) -> FileDataset:
    """A report of one content tree; patient and study are the first image's, all images are its evidence."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    report.SpecificCharacterSet = "ISO_IR 192"
    report.SOPClassUID, report.SOPInstanceUID = sop_class, uid
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(report, keyword, images[0].get(keyword, ""))
    for keyword in ("ReferringPhysicianName", "AccessionNumber", "StudyID"):
        setattr(report, keyword, "")
    report.StudyInstanceUID = images[0].StudyInstanceUID
    report.SeriesInstanceUID = generate_uid(entropy_srcs=[uid, "series"])
    report.Modality, report.SeriesNumber, report.InstanceNumber = "SR", 99, 1
    report.Manufacturer = manufacturer
    report.ContentDate, report.ContentTime = created[:8], created[8:]
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    report.ReferencedPerformedProcedureStepSequence = Items([])
    report.PerformedProcedureCodeSequence = Items([])
    report.CurrentRequestedProcedureEvidenceSequence = Items(_evidence(images))
    for element in root:
        if element.keyword != "RelationshipType":
            report[element.tag] = element
    return report


def measurement_report(
    images: Sequence[Dataset], groups: Sequence[Dataset], *, library: bool, context: bool
) -> Dataset:
    """The root of a TID 1500 report. ``context``: language, observer and procedure; ``library``: an image library."""
    before: list[Dataset] = []
    if context:
        before = [
            content.coded("HAS CONCEPT MOD", content.LANGUAGE, ("eng", "RFC5646", "English")),
            content.person("HAS OBS CONTEXT", content.OBSERVER, "unknown^unknown"),
            content.coded("HAS CONCEPT MOD", content.PROCEDURE, ("1", "99dcmjs", "Unknown procedure")),
        ]
    if library:
        entries = [content.image_item(image, relationship="CONTAINS") for image in images]
        before.append(content.container(content.LIBRARY, content.container(content.LIBRARY_GROUP, *entries)))
    measured = content.container(content.MEASUREMENTS, *groups)
    return content.container(content.REPORT, *before, measured, relationship="", template="1500")


def _evidence(images: Sequence[Dataset]) -> list[Dataset]:
    """One item a study, one inner item a series (PS3.3 C.17.2.3)."""
    studies: dict[str, dict[str, list[Dataset]]] = {}
    for image in images:
        studies.setdefault(image.StudyInstanceUID, {}).setdefault(image.SeriesInstanceUID, []).append(image)
    found: list[Dataset] = []
    for study_uid, by_series in studies.items():
        study = Dataset()
        study.StudyInstanceUID = study_uid
        study.ReferencedSeriesSequence = Items([_series(uid, members) for uid, members in by_series.items()])
        found.append(study)
    return found


def _series(uid: str, members: Sequence[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.ReferencedSOPSequence = Items([image_reference(member) for member in members])
    return series
