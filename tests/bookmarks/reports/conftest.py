"""Hand-made content items: coordinates are given as DICOM has them, so that tests see the change of frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import Comprehensive3DSRStorage, CTImageStorage, ExplicitVRLittleEndian

from miner.bookmarks import read_object
from miner.bookmarks.references import KnownImages
from miner.bookmarks.reports.content import Tree, read_tree
from miner.bookmarks.reports.groups import Scope, scopes_of
from miner.records import AnnotationObject

Name = tuple[str, str] | tuple[str, str, str]
IMAGE = "1.2.3.4"
SERIES = "1.2.3"
SPACE = "1.9.9"


class Content:
    """Content items, one method a value type; ``below``: the items that they hold."""

    GROUP = ("DCM", "125007", "Measurement Group")
    LONG = ("SRT", "G-A185", "Long Axis")
    SHORT = ("SRT", "G-A186", "Short Axis")
    LENGTH = ("SCT", "410668003", "Length")
    AREA = ("SCT", "42798000", "Area")
    ANGLE = ("SCT", "1483009", "Angle")
    REGION = ("DCM", "111030", "Image Region")
    REFERENCE_POINTS = ("DCM", "122438", "Reference Points")
    FINDING = ("DCM", "121071", "Finding")
    SITE = ("SCT", "363698007", "Finding Site")

    @staticmethod
    def code(name: Name) -> Items:
        entry = Dataset()
        entry.CodingSchemeDesignator, entry.CodeValue = name[:2]
        entry.CodeMeaning = name[2] if len(name) > 2 else "meaning"
        return Items([entry])

    def item(self, kind: str, name: Name | None, below: Iterable[Dataset], relationship: str = "CONTAINS") -> Dataset:
        found = Dataset()
        found.RelationshipType, found.ValueType = relationship, kind
        if name is not None:
            found.ConceptNameCodeSequence = self.code(name)
        if below := list(below):
            found.ContentSequence = Items(below)
        return found

    def container(self, *below: Dataset, name: Name | None = ("DCM", "126010", "Imaging Measurements")) -> Dataset:
        return self.item("CONTAINER", name, below)

    def group(self, *below: Dataset) -> Dataset:
        return self.item("CONTAINER", self.GROUP, below)

    def number(
        self, name: Name | None, value: object, unit: str = "mm", *below: Dataset, relationship: str = "CONTAINS"
    ) -> Dataset:
        found = self.item("NUM", name, below, relationship)
        measured = Dataset()
        measured.NumericValue = value
        measured.MeasurementUnitsCodeSequence = self.code(("UCUM", unit))
        found.MeasuredValueSequence = Items([measured])
        return found

    def text(self, name: Name, words: str, *below: Dataset) -> Dataset:
        found = self.item("TEXT", name, below)
        found.TextValue = words
        return found

    def coded(self, name: Name, value: Name, *below: Dataset) -> Dataset:
        found = self.item("CODE", name, below)
        found.ConceptCodeSequence = self.code(value)
        return found

    def tracked(self, uid: str, words: str = "") -> list[Dataset]:
        named = self.item("UIDREF", ("DCM", "112040", "Tracking Unique Identifier"), ())
        named.UID = uid
        return [self.text(("DCM", "112039", "Tracking Identifier"), words), named] if words else [named]

    def image(
        self, uid: str = IMAGE, *, frames: Sequence[int] = (), sop_class: str = CTImageStorage, name: Name | None = None
    ) -> Dataset:
        found = self.item("IMAGE", name, (), "SELECTED FROM")
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sop_class, uid
        if frames:
            reference.ReferencedFrameNumber = list(frames)
        found.ReferencedSOPSequence = Items([reference])
        return found

    def coordinates(
        self,
        kind: str,
        data: Sequence[float],
        *below: Dataset,
        image: str | None = IMAGE,
        name: Name | None = None,
        relationship: str = "INFERRED FROM",
    ) -> Dataset:
        own = [self.image(image)] if image else []
        found = self.item("SCOORD", name, [*own, *below], relationship)
        found.GraphicType, found.GraphicData = kind, list(data)
        return found

    def line(self, *data: float, image: str | None = IMAGE) -> Dataset:
        return self.coordinates("POLYLINE", data, image=image)

    def in_space(
        self, kind: str, data: Sequence[float], *below: Dataset, space: str = SPACE, name: Name | None = None
    ) -> Dataset:
        found = self.item("SCOORD3D", name, below, "INFERRED FROM")
        found.GraphicType, found.GraphicData = kind, list(data)
        if space:
            found.ReferencedFrameOfReferenceUID = space
        return found

    def reference(self, *identifier: int, relationship: str = "SELECTED FROM") -> Dataset:
        found = Dataset()
        found.RelationshipType, found.ReferencedContentItemIdentifier = relationship, list(identifier)
        return found

    def report(
        self,
        *below: Dataset,
        evidence: Sequence[str] = (IMAGE,),
        name: Name = ("DCM", "126000", "Imaging Measurement Report"),
        sop_class: str = Comprehensive3DSRStorage,
    ) -> FileDataset:
        """A whole report; ``evidence``: SOP Instance UIDs of CT images of one series."""
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, "1.5.6"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        report = FileDataset("", self.item("CONTAINER", name, below), file_meta=meta, preamble=b"\0" * 128)
        del report.RelationshipType
        report.SOPClassUID, report.SOPInstanceUID = sop_class, "1.5.6"
        report.StudyInstanceUID, report.SeriesInstanceUID = "1.5", "1.5.7"
        report.Modality, report.PatientName = "SR", "Doe^Jane"
        report.ContentDate, report.ContentTime = "20240102", "030405"
        if evidence:
            report.CurrentRequestedProcedureEvidenceSequence = Items([self.study(evidence)])
        return report

    @staticmethod
    def study(uids: Sequence[str], *, series: str = SERIES, sop_class: str = CTImageStorage) -> Dataset:
        found, holder = Dataset(), Dataset()
        found.StudyInstanceUID, holder.SeriesInstanceUID = "1.5", series
        references = []
        for uid in uids:
            reference = Dataset()
            reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sop_class, uid
            references.append(reference)
        holder.ReferencedSOPSequence = Items(references)
        found.ReferencedSeriesSequence = Items([holder])
        return found


@pytest.fixture
def sr() -> Content:
    return Content()


@pytest.fixture
def tree(sr: Content) -> Callable[..., Tree]:
    """The content tree of a report of these items."""
    return lambda *below: read_tree(sr.report(*below), KnownImages.of(()))


@pytest.fixture
def scopes(tree: Callable[..., Tree]) -> Callable[..., list[Scope]]:
    """The scopes of a report of these items."""
    return lambda *below: scopes_of(tree(*below))


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Dataset], AnnotationObject]:
    """Write a report to a file and read it as the miner does; marks and refusals must add up."""

    def through_a_file(report: Dataset) -> AnnotationObject:
        path = tmp_path / "report.dcm"
        report.save_as(path, enforce_file_format=True)
        found = read_object(path)
        orders = [mark.order for mark in found.marks] + [refusal.order for refusal in found.refused]
        orders += [spatial.mark.order for spatial in found.spatial]
        assert sorted(orders) == list(range(len(orders)))
        return found

    return through_a_file
