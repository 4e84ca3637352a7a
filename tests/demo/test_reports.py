"""How the made-up patients' reports are written."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from miner.demo.patients import DemoStudy


def items_of(holder: Dataset) -> Iterator[Dataset]:
    for item in holder.get("ContentSequence", []):
        yield item
        yield from items_of(item)


def reports(patients: list[DemoStudy]) -> list[Dataset]:
    found = [item for study in patients for item in study.objects if item.Modality == "SR"]
    return [report for report in found if "CurrentRequestedProcedureEvidenceSequence" in report]


def test_two_patients_were_measured_in_reports(patients: list[DemoStudy]) -> None:
    assert len({report.PatientID for report in reports(patients)}) == 2
    tools = {
        str(item.TextValue).rpartition(":")[2]
        for report in reports(patients)
        for item in items_of(report)
        if item.ValueType == "TEXT"
    }
    assert tools == {"Bidirectional", "Length", "ArrowAnnotate"}


def test_every_image_named_in_the_tree_is_evidence(patients: list[DemoStudy]) -> None:
    for report in reports(patients):
        named = {
            str(reference.ReferencedSOPInstanceUID)
            for item in items_of(report)
            if item.ValueType == "IMAGE"
            for reference in item.ReferencedSOPSequence
        }
        evidence = {
            str(reference.ReferencedSOPInstanceUID)
            for study in report.CurrentRequestedProcedureEvidenceSequence
            for series in study.ReferencedSeriesSequence
            for reference in series.ReferencedSOPSequence
        }
        assert named == evidence


def test_coordinates_are_inferred_from_one_image_each(patients: list[DemoStudy]) -> None:
    numbers = [item for report in reports(patients) for item in items_of(report) if item.ValueType == "NUM"]
    assert len(numbers) == 2 * 2 + 1 + 2 + 1, "two pairs and an arrow; a pair and a line"
    for number in numbers:
        (drawn,) = number.ContentSequence
        assert (drawn.RelationshipType, drawn.GraphicType, len(drawn.GraphicData)) == ("INFERRED FROM", "POLYLINE", 4)
        assert len(drawn.ContentSequence[0].ReferencedSOPSequence) == 1
