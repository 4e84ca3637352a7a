"""The lists below a study: whole, completed, or an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from miner.errors import PacsError, Reason
from miner.pacs.profile import PacsProfile
from miner.pacs.queries.children import Children, find_instances, find_series
from miner.pacs.retry import RequestRefusedError
from miner.records import PatientRef, SeriesRef, StudyRef
from tests.pacs.queries.simulated import Archive, Study

STUDY = StudyRef("2.25.1", PatientRef("P"))
MANY = ("CT", "MR", "CT", "PT", "OT", "PR", "SR", "PR")


def children(archive: Archive, **profile: Any) -> Children:
    return Children(archive, profile=PacsProfile(**profile), patient_root=lambda: archive.root == "patient")


def an_archive(modalities: tuple[str, ...] = MANY, **values: Any) -> Archive:
    return Archive([Study("2.25.1", modalities=modalities, images=values.pop("images", 1))], **values)


# -------------------------------------------------------------------------------------------------------------- series


def test_series_of_another_study_are_left_out() -> None:
    answer = []
    for study, series in (("2.25.1", "2.25.11"), ("2.25.2", "2.25.12"), ("2.25.1", "2.25.11")):
        row = Dataset()
        row.StudyInstanceUID, row.SeriesInstanceUID, row.Modality = study, series, "CT"
        answer.append(row)
    assert [series.series_uid for series in find_series(lambda identifier, limit=None: answer, STUDY)] == ["2.25.11"]


@pytest.mark.parametrize("cap", range(2, 9))
@pytest.mark.parametrize("counted", [True, False])
def test_a_list_of_series_that_is_cut_off_is_completed(cap: int, counted: bool) -> None:
    archive = an_archive(series_cap=cap, unanswered=frozenset() if counted else {"NumberOfStudyRelatedSeries"})
    asking = children(archive)
    assert [series.modality for series in asking.series(STUDY)].count("PR") == 2
    assert len(asking.series(STUDY)) == len(MANY)
    assert asking.learned() == ({"series_limits": [cap]} if cap < len(MANY) else {})


def test_one_that_cannot_be_completed_is_an_error() -> None:
    with pytest.raises(PacsError, match="2 of 5") as caught:
        children(an_archive(("CT",) * 5, series_cap=2)).series(STUDY)
    assert caught.value.reason is Reason.FIND_FAILED


def test_a_list_that_is_whole_costs_one_query_more_at_most() -> None:
    archive = an_archive()
    asking = children(archive)
    asking.series(STUDY)
    assert len(archive.asked) == 2, "the longest list so far is held against the number of series"


def test_a_study_that_has_gone_has_no_series() -> None:
    assert children(Archive([])).series(STUDY) == []
    assert children(an_archive(())).series(STUDY) == []


def test_a_study_without_series_that_says_it_has_some_is_an_error() -> None:
    archive = an_archive()

    def empty(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        return [] if identifier.QueryRetrieveLevel == "SERIES" else archive(identifier, limit)

    with pytest.raises(PacsError, match="0 of 8"):
        Children(empty, profile=PacsProfile()).series(STUDY)


# ----------------------------------------------------------------------------------------------------------- instances


def a_series(archive: Archive) -> SeriesRef:
    return children(archive).series(STUDY)[0]


def test_a_series_that_is_answered_in_part_is_an_error() -> None:
    archive = an_archive(images=10, image_cap=8, ignored=frozenset({"InstanceNumber"}))
    with pytest.raises(PacsError, match="names 8 instances"):
        children(archive).instances(a_series(archive))


@pytest.mark.parametrize("cap", [2, 7, 9, 10, 11])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("first_number", [1, 5, 0])
def test_a_list_of_instances_that_is_cut_off_is_completed(cap: int, counted: bool, first_number: int) -> None:
    unanswered = frozenset() if counted else frozenset({"NumberOfSeriesRelatedInstances"})
    archive = an_archive(images=10, image_cap=cap, unanswered=unanswered, first_number=first_number)
    asking = children(archive)
    assert len(asking.instances(a_series(archive))) == 10
    assert asking.learned() == ({"image_limits": [cap]} if cap < 10 else {})


def test_a_series_of_unknown_length_is_believed_where_longer_ones_were_seen() -> None:
    archive = Archive(
        [Study("2.25.1", images=30), Study("2.25.2", images=20)],
        unanswered=frozenset({"NumberOfSeriesRelatedInstances"}),
    )
    asking = children(archive)
    other = SeriesRef(StudyRef("2.25.2", PatientRef("P")), "2.25.2.0", "CT")
    assert len(asking.instances(a_series(archive))) == 30
    archive.asked.clear()
    assert len(asking.instances(other)) == 20
    assert len(archive.asked) == 1


def test_a_series_without_any_instance_is_an_error() -> None:
    """An annotation series that is listed and then empty would lose its lesions in silence."""
    with pytest.raises(PacsError, match="names 0 instances of a series that it says exists"):
        find_instances(lambda identifier, limit=None: [], SeriesRef(STUDY, "2.25.11", "PR"))
    assert find_instances(lambda identifier, limit=None: [], SeriesRef(STUDY, "2.25.11", "PR", 0)) == []


def test_hopelessly_many_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner.pacs.queries.children.MOST_SINGLE_QUERIES", 20)
    archive = an_archive(images=100, image_cap=10)
    with pytest.raises(PacsError, match="cuts off its list"):
        children(archive).instances(a_series(archive))


@settings(max_examples=200, deadline=None)
@given(
    images=st.integers(1, 40),
    cap=st.sampled_from([2, 5, 13, 10**9]),
    counted=st.booleans(),
    ignored=st.sets(st.sampled_from(["InstanceNumber", "Modality"])),
    modalities=st.lists(st.sampled_from(["CT", "PR", "SR", "KO", "MR"]), min_size=1, max_size=6),
)
def test_nothing_is_lost_in_silence(
    images: int, cap: int, counted: bool, ignored: set[str], modalities: list[str]
) -> None:
    """Where an archive gives no counts and ignores the key, a list as long as its limit cannot be told from a whole."""
    names = {"NumberOfSeriesRelatedInstances", "NumberOfStudyRelatedSeries"}
    archive = an_archive(
        tuple(modalities),
        images=images,
        series_cap=cap,
        image_cap=cap,
        ignored=frozenset(ignored),
        unanswered=frozenset() if counted else frozenset(names),
    )
    asking = children(archive)
    cannot_tell = not counted and (
        "Modality" in ignored or "InstanceNumber" in ignored or len(modalities) != len(set(modalities))
    )
    try:
        series = asking.series(STUDY)
        instances = asking.instances(series[0])
    except PacsError:
        assert cap < 10**9
        return
    if not cannot_tell:
        assert (len(series), len(instances)) == (len(modalities), images)


def test_the_patient_root_is_asked_with_its_patient() -> None:
    archive = an_archive(root="patient", relational=False)
    asking = children(archive)
    assert len(asking.series(STUDY)) == len(MANY)
    assert len(asking.instances(a_series(archive))) == 1


# -------------------------------------------------------------------------------------------------------- annotations


def stamped(refused: bool = False, emptied: bool = False) -> tuple[Children, list[Dataset]]:
    """An archive that answers one state, and the identifiers it was asked with."""
    asked: list[Dataset] = []

    def ask(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        asked.append(identifier)
        if "ContentTime" in identifier and refused:
            raise RequestRefusedError("an unknown key", Reason.FIND_FAILED)
        if "ContentTime" in identifier and emptied:
            return []
        row = Dataset()
        row.SOPInstanceUID, row.PresentationCreationDate, row.PresentationCreationTime = "2.25.3", "20210304", "120000"
        return [row]

    return Children(ask, profile=PacsProfile()), asked


@pytest.mark.parametrize("modality", ["PR", "SR", "KO"])
def test_annotations_are_asked_for_with_when_they_were_made(modality: str) -> None:
    asking, asked = stamped()
    (found,) = asking.instances(SeriesRef(STUDY, "2.25.2", modality, 1))
    assert found.made == "- - - - 20210304 120000"
    assert len(asked) == 1


def test_images_are_not() -> None:
    asking, asked = stamped()
    (found,) = asking.instances(SeriesRef(STUDY, "2.25.2", "CT", 1))
    assert found.made == ""
    assert "ContentTime" not in asked[0]


def test_a_pacs_that_refuses_to_be_asked_for_that_loses_no_annotation() -> None:
    asking, asked = stamped(refused=True)
    for _ in range(3):
        assert len(asking.instances(SeriesRef(STUDY, "2.25.2", "PR", 1))) == 1
    assert len(asked) == 4, "refused once"


def test_nor_one_that_answers_such_a_query_with_nothing() -> None:
    asking, asked = stamped(emptied=True)
    for _ in range(3):
        assert len(asking.instances(SeriesRef(STUDY, "2.25.2", "PR", 1))) == 1
    assert len(asked) == 4
