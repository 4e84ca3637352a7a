"""C-FIND answers, without a network."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from miner.demo.pacs import LoopbackPacs
from miner.demo.pacs_find import answer_find


def identifier(level: str, **keys: object) -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset


def ask(pacs: LoopbackPacs, query: Dataset, *, patient_root: bool = False) -> list[tuple[int, Dataset | None]]:
    return list(
        answer_find(pacs._index, query, patient_root=patient_root, ae_title=pacs.ae_title, cancelled=lambda: False)
    )


def rows(answers: list[tuple[int, Dataset | None]]) -> list[Dataset]:
    return [row for _, row in answers if row is not None]


def test_studies_by_modality_and_date(pacs: LoopbackPacs) -> None:
    query = identifier("STUDY", StudyInstanceUID="", ModalitiesInStudy="PR", StudyDate="20200101-20201231")
    found = rows(ask(pacs, query))
    assert [row.StudyInstanceUID for row in found] == ["1.2.1"]
    assert list(found[0].ModalitiesInStudy) == ["CT", "PR"]


def test_counts_are_of_the_whole_study(pacs: LoopbackPacs) -> None:
    query = identifier(
        "STUDY", StudyInstanceUID="1.2.1", NumberOfStudyRelatedSeries=None, NumberOfStudyRelatedInstances=None
    )
    (row,) = rows(ask(pacs, query))
    assert (int(row.NumberOfStudyRelatedSeries), int(row.NumberOfStudyRelatedInstances)) == (2, 5)


def test_only_what_was_asked_for_comes_back(pacs: LoopbackPacs) -> None:
    (row,) = rows(ask(pacs, identifier("STUDY", StudyInstanceUID="1.2.2")))
    assert {element.keyword for element in row} == {"StudyInstanceUID", "QueryRetrieveLevel", "RetrieveAETitle"}


def test_image_level_gives_geometry(pacs: LoopbackPacs) -> None:
    query = identifier(
        "IMAGE", StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.1", SOPInstanceUID="", ImagePositionPatient=None,
        ImageOrientationPatient=None, Rows=None, Columns=None, InstanceNumber=None, SOPClassUID="",
    )  # fmt: skip
    found = rows(ask(pacs, query))
    assert sorted(int(row.InstanceNumber) for row in found) == [1, 2, 3, 4]
    assert [float(value) for value in found[0].ImagePositionPatient] == [0, 0, 12.5]
    assert (found[0].Rows, found[0].Columns) == (64, 64)


@pytest.mark.parametrize(
    "query",
    [
        identifier("SERIES", SeriesInstanceUID=""),
        identifier("IMAGE", StudyInstanceUID="1.2.1", SOPInstanceUID=""),
        identifier("IMAGE", StudyInstanceUID=["1.2.1", "1.2.2"], SeriesInstanceUID="1.2.1.1"),
        identifier("SERIES", StudyInstanceUID="*", SeriesInstanceUID=""),
        identifier("PATIENT", PatientID=""),
        identifier("FRAME"),
    ],
)
def test_parents_must_be_named(pacs: LoopbackPacs, query: Dataset) -> None:
    assert ask(pacs, query) == [(0xA900, None)]


def test_patient_root_needs_the_patient_below_its_level(pacs: LoopbackPacs) -> None:
    assert ask(pacs, identifier("STUDY", StudyInstanceUID=""), patient_root=True) == [(0xA900, None)]
    found = rows(ask(pacs, identifier("STUDY", PatientID="P1", StudyInstanceUID=""), patient_root=True))
    assert {row.StudyInstanceUID for row in found} == {"1.2.1", "1.2.2"}
    patients = rows(
        ask(pacs, identifier("PATIENT", PatientID="", NumberOfPatientRelatedStudies=None), patient_root=True)
    )
    assert {(row.PatientID, int(row.NumberOfPatientRelatedStudies)) for row in patients} == {("P1", 2), ("P2", 1)}


def test_keys_of_a_lower_level_are_said_to_be_unsupported(pacs: LoopbackPacs) -> None:
    answers = ask(pacs, identifier("STUDY", StudyInstanceUID="", Modality="MR"))
    assert len(answers) == 3
    assert {status for status, _ in answers} == {0xFF01}
    assert all(row.Modality == "" for row in rows(answers))


def test_cancelling_ends_the_answers(pacs: LoopbackPacs) -> None:
    answers = answer_find(
        pacs._index, identifier("STUDY", StudyInstanceUID=""), patient_root=False, ae_title="X", cancelled=lambda: True
    )
    assert list(answers) == [(0xFE00, None)]
