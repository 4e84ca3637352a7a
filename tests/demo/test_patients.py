"""Made-up patients: the truth is true, and every oddity is there."""

from __future__ import annotations

import io
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from miner.demo.identity import make_person
from miner.demo.patients import DemoLesion, DemoStudy, _varied, make_patients
from miner.demo.scenarios import SCENARIOS
from miner.errors import Reason
from miner.records import Kind


def written(dataset: Dataset) -> Dataset:
    """The object as it comes back from a file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def hounsfield(dataset: Dataset) -> np.ndarray:
    back = written(dataset)
    return back.pixel_array * float(back.RescaleSlope) + float(back.RescaleIntercept)


def recist(studies: list[DemoStudy]) -> list[tuple[DemoLesion, Dataset]]:
    found = []
    for study in studies:
        objects = {str(item.SOPInstanceUID): item for item in study.objects}
        found += [
            (mark, objects[mark.sop_uid])
            for mark in study.truth
            if mark.kind is Kind.RECIST and mark.sop_uid in objects
        ]
    return found


def at(hu: np.ndarray, mark: DemoLesion, end: int, t: float) -> float:
    """Mean of 3 × 3 pixels at the fraction ``t`` of the way from the middle to an end point."""
    cx, cy = (sum(point[axis] for point in mark.points) / 4 for axis in (0, 1))
    x, y = cx + (mark.points[end][0] - cx) * t, cy + (mark.points[end][1] - cy) * t
    return float(hu[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].mean())


def test_every_end_point_lies_on_the_rim_of_its_lesion(patients: list[DemoStudy]) -> None:
    checked = 0
    for mark, dataset in recist(patients):
        if dataset.Modality != "CT":
            continue
        hu = hounsfield(dataset)
        middle = at(hu, mark, 0, 0.0)
        inside = [at(hu, mark, end, 0.75) for end in range(4)]
        outside = [at(hu, mark, end, 1.5) for end in range(4)]
        # The noise of two means of nine pixels is about 10 HU.
        assert all(abs(value - middle) < 38 for value in inside), (mark.place, middle, inside)
        # A vessel or another organ of the same density may touch one end.
        assert sum(abs(value - middle) > 20 for value in outside) >= 3, (mark.place, middle, outside)
        checked += 1
    assert checked >= 15


def test_lengths_are_those_of_the_lesion(patients: list[DemoStudy]) -> None:
    for mark, dataset in recist(patients):
        spacing = float(dataset.PixelSpacing[0])
        assert mark.length_mm == pytest.approx(math.dist(*mark.points[:2]) * spacing)
        if mark.refusal is Reason.POINT_OUTSIDE_IMAGE:
            continue
        tolerance = 2 * spacing if mark.producer == "bluelight" else 0.01
        assert mark.length_mm == pytest.approx(mark.true_long_mm, abs=tolerance)
        assert mark.short_mm == pytest.approx(mark.true_short_mm, abs=tolerance)


def test_the_same_seed_gives_the_same_objects() -> None:
    def digest() -> list[str]:
        return [
            f"{item.SOPInstanceUID}:{hash(item.PixelData) if 'PixelData' in item else 0}"
            for item in next(make_patients(1)).objects
        ]

    assert digest() == digest()


def test_uids_are_unique_and_under_2_25(patients: list[DemoStudy]) -> None:
    uids = [str(item.SOPInstanceUID) for study in patients for item in study.objects]
    assert len(uids) == len(set(uids))
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)


def test_every_oddity_is_there(patients: list[DemoStudy]) -> None:
    objects = [item for study in patients for item in study.objects]
    images = [item for item in objects if "PixelData" in item]
    assert {str(item.file_meta.TransferSyntaxUID) for item in images} >= {
        "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5",
    }  # fmt: skip
    assert {str(item.Modality) for item in objects} == {"CT", "MR", "OT", "PR", "SR"}
    assert any(item.get("BodyPartExamined") == "HEAD" for item in images)
    assert any(list(item.ImageType)[2:3] == ["LOCALIZER"] for item in images if item.Modality == "CT")
    assert any(float(item.get("GantryDetectorTilt") or 0) for item in images)
    assert any(item.get("BurnedInAnnotation") == "YES" for item in images if item.Modality == "CT")
    assert {int(str(item.PatientAge)[:3]) >= 90 for item in objects} == {True, False}
    storage = {(item.BitsStored, item.PixelRepresentation, str(item.get("RescaleIntercept"))) for item in images}
    assert storage >= {(16, 1, "-1024"), (12, 0, "-1024"), (16, 1, "0")}
    reasons = Counter(mark.refusal for study in patients for mark in study.truth)
    assert {
        Reason.IMAGE_NOT_FOUND, Reason.POINT_OUTSIDE_IMAGE, Reason.IMAGE_REFUSED, Reason.OPEN_POLYLINE,
        Reason.TEXT_ONLY, Reason.TOOL_NOT_A_LESION, Reason.SUPERSEDED,
    } <= set(reasons)  # fmt: skip
    assert {mark.kind for study in patients for mark in study.truth if mark.refusal is None} == set(Kind)


def series_levels(study: DemoStudy) -> list[list[float]]:
    series: dict[str, list[float]] = {}
    for item in study.objects:
        if item.Modality == "CT" and list(item.ImageType)[2] == "AXIAL":
            series.setdefault(str(item.SeriesInstanceUID), []).append(float(item.ImagePositionPatient[2]))
    return [sorted(levels) for levels in series.values()]


def test_gaps_and_uneven_spacing_are_where_they_are_said_to_be(patients: list[DemoStudy]) -> None:
    steps = [{round(b - a, 2) for a, b in pairwise(levels)} for study in patients for levels in series_levels(study)]
    assert steps.count({5.0, 10.0}) == 1
    assert steps.count({2.5, 5.0}) == 1
    assert all(len(step) == 1 for step in steps if step not in ({5.0, 10.0}, {2.5, 5.0}))


def test_presentation_states_only_name_images_of_their_study(patients: list[DemoStudy]) -> None:
    missing = 0
    for study in patients:
        uids = {str(item.SOPInstanceUID) for item in study.objects}
        for state in (item for item in study.objects if item.Modality == "PR"):
            for series in state.ReferencedSeriesSequence:
                missing += sum(str(ref.ReferencedSOPInstanceUID) not in uids for ref in series.ReferencedImageSequence)
    assert missing == 1


def test_identifiers_are_there_to_be_removed(patients: list[DemoStudy]) -> None:
    for study in patients:
        for item in study.objects:
            assert str(item.PatientID).startswith("DEMO-")
            assert str(item.PatientName)
            assert item.PatientComments


def test_a_thirteenth_patient_has_another_body_and_another_name() -> None:
    first, other = SCENARIOS[0], _varied(SCENARIOS[0], 12, 0)
    assert (first.scale, first.fat, first.age) != (other.scale, other.fat, other.age)
    assert _varied(SCENARIOS[0], 12, 0) == other != _varied(SCENARIOS[0], 12, 1)
    people = [make_person(number, sex="F", age=40) for number in range(200)]
    assert len({person.patient_id for person in people}) == 200
    assert len({person.name for person in people}) > 100
