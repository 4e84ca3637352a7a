"""Queries against archives that answer as archives do: capped, ignoring keys, refusing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from pydicom import Dataset

from miner.errors import PacsError, Reason, UsageError
from miner.pacs.profile import PacsProfile
from miner.pacs.queries.find import FRUITLESS_LOOKS, StudyFinder
from miner.records import DateWindow
from tests.pacs.queries.simulated import TODAY, Archive, Study, days_from, many

NEW_YEAR = date(2024, 1, 1)
JUNE = DateWindow(date(2024, 6, 1), date(2024, 6, 2))


def finder(archive: Archive, **profile: Any) -> StudyFinder:
    return StudyFinder(archive, profile=PacsProfile(**profile), root=lambda: archive.root, today=lambda: TODAY)


def uids(archive: Archive, window: DateWindow, *modalities: str, **narrow: str) -> set[str]:
    return {study.study_uid for study in finder(archive).find(window, modalities, **narrow)}


def all_of(archive: Archive) -> set[str]:
    return {study.uid for study in archive.studies}


# ------------------------------------------------------------------------------------------------------ answers cut off


@pytest.mark.parametrize(("cap", "count"), [(100, 430), (97, 430), (13, 100), (2, 30)])
def test_an_answer_that_is_cut_off_at_any_number_is_completed(cap: int, count: int) -> None:
    archive = Archive(many(count, lambda n: (days_from(NEW_YEAR, n % 100), f"10{n % 60:02d}00")), cap=cap)
    assert uids(archive, DateWindow(NEW_YEAR, date(2024, 6, 1)), "PR") == all_of(archive)


def test_the_limit_is_remembered() -> None:
    finding = finder(Archive(many(30, lambda n: (days_from(NEW_YEAR, n), "101500")), cap=7))
    finding.find(DateWindow(NEW_YEAR, date(2024, 6, 1)), ("PR",))
    assert finding.learned()["study_limits"] == [7]


def test_a_known_limit_is_looked_into_whatever_else_was_seen() -> None:
    studies = many(30, lambda n: (days_from(NEW_YEAR, n), "101500"))
    archive = Archive(studies, cap=7)
    found = finder(archive, study_limits=(7,)).find(DateWindow(NEW_YEAR, date(2024, 6, 1)), ("PR",))
    assert {study.study_uid for study in found} == all_of(archive)


def test_a_single_day_is_cut_by_time() -> None:
    archive = Archive(many(450, lambda n: ("20240601", f"{n % 24:02d}{n % 60:02d}00")), cap=128)
    assert uids(archive, DateWindow(date(2024, 6, 1), date(2024, 6, 1)), "PR") == all_of(archive)
    assert all(not query.get("StudyTime") or query.StudyDate == "20240601" for query in archive.asked)


def test_midnight_is_not_lost_where_ends_are_exclusive() -> None:
    archive = Archive(
        many(40, lambda n: ("20240601", f"{n // 20:02d}0000")), cap=25, excludes_since=True, excludes_until=True
    )
    assert uids(archive, DateWindow(date(2024, 6, 1), date(2024, 6, 1)), "PR") == all_of(archive)


def test_studies_without_a_time_are_not_lost_when_a_day_is_cut() -> None:
    """Row 1: a range of times matches no absent time; the first characters of Patient IDs reach them."""
    studies = many(60, lambda n: ("20240601", f"{n % 24:02d}0000")) + [
        Study(f"2.25.9{number}", "20240601", "", patient_id=f"Q{number}") for number in range(20)
    ]
    archive = Archive(studies, cap=30)
    assert uids(archive, DateWindow(date(2024, 6, 1), date(2024, 6, 1)), "PR") == all_of(archive)


def test_where_they_can_be_lost_it_is_said() -> None:
    studies = many(60, lambda n: ("20240601", f"{n % 24:02d}0000"))
    finding = finder(Archive(studies, cap=30, wildcards="literal"))
    finding.find(DateWindow(date(2024, 6, 1), date(2024, 6, 1), undated=False), ("PR",))
    assert any("without a time" in note for note in finding.notes())


@pytest.mark.parametrize("undated", [1, 5, 40])
def test_studies_without_a_date_are_not_lost_behind_a_limit(undated: int) -> None:
    studies = many(30, lambda n: (days_from(NEW_YEAR, n), "101500")) + [
        Study(f"2.25.9{number}", "", "", patient_id=f"{number:05d}") for number in range(undated)
    ]
    for cap in (3, 4, 29, 30, 31):
        archive = Archive(studies, cap=cap)
        assert uids(archive, DateWindow(NEW_YEAR, date(2024, 6, 1)), "PR") == all_of(archive)
        assert uids(Archive(studies, cap=cap), DateWindow(), "PR") == all_of(archive)


def test_where_undated_ones_can_be_lost_it_is_said() -> None:
    studies = [*many(30, lambda n: (days_from(NEW_YEAR, n), "101500")), Study("2.25.99", "", "")]
    finding = finder(Archive(studies, cap=10, wildcards="literal"))
    found = finding.find(DateWindow(NEW_YEAR, date(2024, 6, 1)), ("PR",))
    assert len(found) == 30
    assert any("without a date" in note for note in finding.notes())


def test_a_true_length_is_believed_after_few_queries() -> None:
    archive = Archive(
        many(100, lambda n: (days_from(NEW_YEAR, n), "101500")) + many(1, lambda n: ("20200101", ""), "CT")
    )
    finding = finder(archive)
    assert len(finding.find(DateWindow(NEW_YEAR, date(2024, 6, 1)), ("PR",))) == 100
    assert len(archive.asked) < 10
    assert finding.notes() == ()
    archive.asked.clear()
    assert len(finding.find(DateWindow(NEW_YEAR, date(2024, 2, 1), undated=False), ("PR",))) == 32
    assert len(archive.asked) == 1, "longer answers were seen"


def test_a_length_that_was_given_once_need_not_be_proven_every_night() -> None:
    archive = Archive([*many(100, lambda n: (days_from(NEW_YEAR, n), "101500")), Study("2.25.999", modalities=("CT",))])
    first = finder(archive)
    first.find(DateWindow(dated=False), ("PR",))
    assert first.learned()["longest_answer"] == 100
    archive.asked.clear()
    finder(archive, longest_answer=120).find(DateWindow(undated=False, until=date(2024, 3, 1)), ("PR",))
    assert len(archive.level("STUDY")) == 1


def test_a_limit_that_was_lowered_since_is_found() -> None:
    archive = Archive(many(300, lambda n: (days_from(NEW_YEAR, n % 150), "101500")), cap=117)
    finding = finder(archive, longest_answer=400)
    found = finding.find(DateWindow(NEW_YEAR, date(2024, 6, 1)), ("PR",))
    assert {study.study_uid for study in found} == all_of(archive), "what comes twice is looked into"


def test_a_small_archive_is_proven_whole_once() -> None:
    """Nothing shows that 2 rows are not its limit, but that the characters of Patient IDs bring no more."""
    archive = Archive(many(2, lambda n: ("20240601", "101500")))
    finding = finder(archive)
    for month in range(1, 7):
        finding.find(DateWindow(date(2024, month, 1), date(2024, month, 28), undated=False), ("PR", "SR"))
    assert finding.notes() == ()
    assert sum("*" in query.get("PatientID", "") for query in archive.asked) < 100
    assert finding.learned()["longest_answer"] == 2
    archive.asked.clear()
    finder(archive, longest_answer=2).find(JUNE, ("PR", "SR"))
    assert len(archive.level("STUDY")) < 10


def test_a_walk_through_all_patients_is_not_taken_every_night() -> None:
    """So many studies behind so low a limit: those without a date are worth a thousand queries once a week."""
    studies = many(600, lambda n: (days_from(NEW_YEAR, n % 150), "101500"))
    archive = Archive([*studies, Study("2.25.9", "", "", patient_id="00250")], cap=5)
    first = finder(archive)
    assert "2.25.9" in {study.study_uid for study in first.find(JUNE, ("PR",))}
    known = first.learned()
    assert known["walked_on"] == TODAY.isoformat()
    archive.asked.clear()
    second = finder(archive, **known)
    second.find(JUNE, ("PR",))
    assert len(archive.asked) < 60
    assert any(f"as far as can be, on {TODAY}" in note for note in second.notes())
    week_ago = {**known, "walked_on": (TODAY - timedelta(days=7)).isoformat()}
    third = finder(archive, **week_ago)
    assert "2.25.9" in {study.study_uid for study in third.find(JUNE, ("PR",))}


def test_a_walk_whose_search_fails_is_taken_again() -> None:
    """What it found was not entered: to wait a week for it would lose it in silence until then."""
    archive = Archive(many(600, lambda n: (days_from(NEW_YEAR, n % 150), "101500")), cap=5)
    broken = False

    def ask(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        if broken and identifier.get("ModalitiesInStudy") == "SR":
            raise PacsError("The PACS fell silent.", Reason.TIMED_OUT)
        return archive(identifier, limit)

    finding = StudyFinder(ask, profile=PacsProfile(), today=lambda: TODAY)
    broken = True
    with pytest.raises(PacsError, match="silent"):
        finding.find(JUNE, ("PR", "SR"))
    assert any("*" in query.get("PatientID", "") for query in archive.asked), "it was walked"
    assert "walked_on" not in finding.learned()


def test_the_whole_archive_is_cut_too() -> None:
    archive = Archive(many(300, lambda n: (days_from(date(2003, 1, 1), 25 * n), "101500")), cap=100)
    assert uids(archive, DateWindow(), "PR") == all_of(archive)


@pytest.mark.parametrize("wildcards", ["literal", "refused"])
def test_what_cannot_be_completed_is_an_error(wildcards: str) -> None:
    studies = many(300, lambda n: ("20240601", "000000") if n < 250 else ("20240602", "000000"))
    with pytest.raises(PacsError, match="cuts off its answers at 100") as caught:
        finder(Archive(studies, cap=100, wildcards=wildcards)).find(JUNE, ("PR",))
    assert caught.value.reason is Reason.FIND_FAILED


def test_one_minute_is_cut_by_patients() -> None:
    archive = Archive(many(300, lambda n: ("20240601", "000000") if n < 250 else ("20240602", "000000")), cap=100)
    assert uids(archive, JUNE, "PR") == all_of(archive)


def test_what_cannot_be_told_is_said() -> None:
    finding = finder(Archive(many(5, lambda n: ("20240601", "000000")), wildcards="literal"))
    assert len(finding.find(DateWindow(date(2024, 6, 1), date(2024, 6, 1)), ("PR",))) == 5
    assert finding.notes()


def test_an_archive_that_ignores_dates_is_not_cut_by_them() -> None:
    archive = Archive(
        many(80, lambda n: (days_from(NEW_YEAR, n), "101500")), cap=20, ignored=frozenset({"StudyDate", "StudyTime"})
    )
    finding = finder(archive)
    found = finding.find(DateWindow(date(2024, 1, 5), date(2024, 1, 15)), ("PR",))
    assert {study.study_uid for study in found} == {f"2.25.{number}" for number in range(4, 15)}
    assert len(archive.asked) < 500


# ------------------------------------------------------------------------------------------------------ refused queries


def test_a_query_refused_as_too_broad_is_cut() -> None:
    archive = Archive(many(59, lambda n: (days_from(NEW_YEAR, n), "101500")), broadest_days=10)
    finding = finder(archive)
    found = finding.find(DateWindow(NEW_YEAR, date(2024, 3, 31)), ())
    assert {study.study_uid for study in found} == all_of(archive)
    assert any("without a date" in note for note in finding.notes())


def test_an_answer_refused_for_its_length_is_cut() -> None:
    """Row 1: 0xA700 before any row, where more than a limit would match (dcm4chee)."""
    studies = [
        *many(400, lambda n: (days_from(NEW_YEAR, n % 90), f"{n % 24:02d}0000")),
        Study("2.25.999", "", "", patient_id="U"),
    ]
    archive = Archive(studies, most_rows=50)
    assert uids(archive, DateWindow(NEW_YEAR, date(2024, 6, 1)), "PR") == all_of(archive)
    assert uids(Archive(studies, most_rows=50), DateWindow(), "PR") == all_of(archive)
    assert uids(Archive(studies, most_rows=20), DateWindow(NEW_YEAR, date(2024, 6, 1)), "PR") == all_of(archive)


def test_an_archive_that_refuses_everything_is_not_asked_for_ever() -> None:
    archive = Archive([], broadest_days=0)
    with pytest.raises(PacsError):
        finder(archive).find(DateWindow(), ())
    assert len(archive.asked) <= 5


def test_hopelessly_many_queries_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner.pacs.queries.lister.MOST_QUERIES", 50)
    archive = Archive(many(400, lambda n: (days_from(NEW_YEAR, n), "101500")), cap=2)
    with pytest.raises(PacsError, match="more than 50 queries"):
        finder(archive).find(DateWindow(NEW_YEAR, TODAY), ())


# ----------------------------------------------------------------------------------------------------------- modalities


@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"ignored": frozenset({"ModalitiesInStudy"})},
        {"ignored": frozenset({"ModalitiesInStudy"}), "unanswered": frozenset({"ModalitiesInStudy"})},
        {"unanswered": frozenset({"ModalitiesInStudy"})},
        {"refused": frozenset({"ModalitiesInStudy"})},
        {"hidden": frozenset({"PR"})},
        {"first_modality_only": True},
        {"hidden": frozenset({"CT", "PR"})},
    ],
    ids=lambda faults: ",".join(faults) or "none",
)
def test_modalities_in_study(faults: dict[str, Any]) -> None:
    """Row 2: honoured, ignored, not answered, refused, answered without presentation states, or the first alone."""
    studies = [
        Study("2.25.1"),
        Study("2.25.2", modalities=("CT",)),
        Study("2.25.3", date="", time=""),
        Study("2.25.4", date="20230601"),
        Study("2.25.5", modalities=("PR",)),
    ]
    archive = Archive(studies, **faults)
    found = finder(archive).find(JUNE, ("PR",))
    assert {study.study_uid for study in found} == {"2.25.1", "2.25.3", "2.25.5"}
    assert all("PR" in study.modalities for study in found)


def test_what_is_known_of_modalities_is_not_tried_again() -> None:
    archive = Archive([Study("2.25.1", modalities=("CT",)), Study("2.25.2")])
    finding = finder(archive)
    assert [study.study_uid for study in finding.find(JUNE, ("PR",))] == ["2.25.2"]
    assert finding.learned()["modalities_listed"] == ["PR"]
    assert archive.level("SERIES") == []

    archive = Archive([Study("2.25.1"), Study("2.25.2", modalities=("CT",))], hidden=frozenset({"PR"}))
    finding = finder(archive)
    assert [study.study_uid for study in finding.find(JUNE, ("PR",))] == ["2.25.1"]
    assert finding.learned()["modalities_unlisted"] == ["PR"]
    archive.asked.clear()
    again = finder(archive, modalities_unlisted=("PR",))
    assert [study.study_uid for study in again.find(JUNE, ("PR",))] == ["2.25.1"]
    assert not any(query.get("ModalitiesInStudy") for query in archive.asked)


def test_one_search_outside_the_window_proves_that_a_modality_is_listed() -> None:
    archive = Archive([Study("2.25.1", modalities=("CT",)), Study("2.25.2", date="20200101")])
    assert uids(archive, JUNE, "PR") == set()
    assert archive.level("SERIES") == [], "a study of 2020 names PR: a study of June that does not, holds none"


def test_looking_into_studies_ends_where_it_is_fruitless() -> None:
    archive = Archive(many(FRUITLESS_LOOKS + 50, lambda n: (days_from(NEW_YEAR, n % 60), "101500"), "CT"))
    finding = finder(archive)
    assert finding.find(DateWindow(NEW_YEAR, date(2024, 6, 1)), ("PR",)) == []
    assert len(archive.level("SERIES")) == FRUITLESS_LOOKS
    assert any("names PR" in note for note in finding.notes())


def test_several_modalities_are_united() -> None:
    archive = Archive([Study("2.25.1"), Study("2.25.2", modalities=("CT", "SR"))])
    assert uids(archive, DateWindow(date(2024, 6, 1), None), "PR", "SR") == all_of(archive)


@pytest.mark.parametrize("faults", [{"ignored": frozenset({"ModalitiesInStudy"})}, {"refused": {"ModalitiesInStudy"}}])
def test_a_study_is_asked_for_its_series_once_however_many_modalities(faults: dict[str, Any]) -> None:
    studies = [
        Study("2.25.1"),
        Study("2.25.2", modalities=("CT", "SR")),
        Study("2.25.3", modalities=("CT",)),
    ]
    archive = Archive(studies, unanswered=frozenset({"ModalitiesInStudy"}), **faults)
    finding = finder(archive)
    for _ in range(2):
        archive.asked.clear()
        found = finding.find(DateWindow(date(2024, 6, 1), None), ("PR", "SR"))
        assert {study.study_uid for study in found} == {"2.25.1", "2.25.2"}
        series = [query.StudyInstanceUID for query in archive.level("SERIES") if not query.Modality]
        assert sorted(series) == sorted(all_of(archive)), "and again in the next search: it may have changed"


def test_a_refused_modality_is_refused_once() -> None:
    archive = Archive([Study("2.25.1", modalities=("CT", "SR"))], refused=frozenset({"ModalitiesInStudy"}))
    finder(archive).find(JUNE, ("PR", "SR"))
    by_modality = [query for query in archive.asked if query.get("ModalitiesInStudy")]
    assert len(by_modality) <= 3


def test_a_study_whose_series_cannot_be_listed_is_kept() -> None:
    """It is mined, fails, and is named with its reason."""
    archive = Archive([Study("2.25.1", modalities=())], unanswered=frozenset({"NumberOfStudyRelatedSeries"}))
    assert uids(archive, JUNE, "PR") == {"2.25.1"}


# ------------------------------------------------------------------------------------------------ keys and their values


def test_other_dates_are_filtered_out_again() -> None:
    """Row 2: a PACS that ignores the date."""
    archive = Archive([Study("2.25.1", "20200101"), Study("2.25.2")], ignored=frozenset({"StudyDate"}))
    assert uids(archive, DateWindow(NEW_YEAR, None), "PR") == {"2.25.2"}


@pytest.mark.parametrize("since", [True, False])
@pytest.mark.parametrize("until", [True, False])
def test_the_ends_of_a_window_are_in_it(since: bool, until: bool) -> None:
    archive = Archive(
        many(10, lambda n: (days_from(date(2024, 5, 28), n), "101500")), excludes_since=since, excludes_until=until
    )
    found = finder(archive).find(JUNE, ("PR",))
    assert sorted(study.study_date for study in found) == ["20240601", "20240602"]


def test_dated_and_undated_studies_are_asked_for_apart() -> None:
    archive = Archive([Study("2.25.1"), Study("2.25.2", "", "")])
    assert uids(archive, DateWindow(date(2024, 6, 1), None), "PR") == {"2.25.1", "2.25.2"}
    assert uids(archive, DateWindow(date(2024, 6, 1), None, undated=False), "PR") == {"2.25.1"}
    assert uids(archive, DateWindow(undated=False), "PR") == {"2.25.1"}
    assert uids(archive, DateWindow(dated=False), "PR") == {"2.25.2"}


def test_the_query_without_a_date_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PACS that ignores the modality is not made to send its whole archive, and what may be missed is said."""
    monkeypatch.setattr("miner.pacs.queries.lister.UNDATED_ROWS", 200)
    finding = finder(Archive(many(300, lambda n: (days_from(NEW_YEAR, n % 100), "101500"))))
    assert finding.find(DateWindow(dated=False), ("PR",)) == []
    assert any("without a date" in note for note in finding.notes())


def test_one_row_per_instance_is_one_study() -> None:
    archive = Archive([Study("2.25.1")], repeats=5)
    found = finder(archive).find(DateWindow(), ())
    assert [study.modalities for study in found] == [("CT", "PR")]


def test_a_row_without_its_uid_is_an_error() -> None:
    with pytest.raises(PacsError, match="no StudyInstanceUID"):
        StudyFinder(lambda identifier, limit=None: [Dataset()]).find(DateWindow(), ())


@pytest.mark.parametrize("value", ["A*", "A?C", "A\\B"])
def test_a_value_with_a_meaning_in_queries_is_refused(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        finder(Archive([])).find(DateWindow(), (), PatientID=value)
    assert value not in str(caught.value)


def test_a_cohort_is_matched_exactly() -> None:
    row = Dataset()
    row.StudyInstanceUID, row.PatientID = "2.25.1", "abc"
    assert StudyFinder(lambda identifier, limit=None: [row]).find(DateWindow(), (), PatientID="ABC") == []
    assert len(StudyFinder(lambda identifier, limit=None: [row]).find(DateWindow(), (), PatientID=" abc ")) == 1


def test_several_studies_of_one_accession_are_found() -> None:
    studies = [
        Study("2.25.1", accession="A1"),
        Study("2.25.2", "20240602", accession="A1"),
        Study("2.25.3", "", "", accession="A1"),
        Study("2.25.4", accession="A2"),
    ]
    for ignored in (frozenset[str](), frozenset({"AccessionNumber"})):
        archive = Archive(studies, ignored=ignored)
        assert uids(archive, DateWindow(), "PR", AccessionNumber="A1") == {"2.25.1", "2.25.2", "2.25.3"}


def test_a_key_that_is_not_answered_matches_nobody_and_is_said() -> None:
    archive = Archive([Study("2.25.1", accession="A1")], unanswered=frozenset({"AccessionNumber"}))
    finding = finder(archive)
    assert finding.find(DateWindow(), ("PR",), AccessionNumber="A1") == []
    assert any("AccessionNumber" in note for note in finding.notes())


# ----------------------------------------------------------------------------------------------------- the patient root


@pytest.mark.parametrize("relational", [True, False])
@pytest.mark.parametrize("cap", [10**9, 7])
def test_the_patient_root_alone(relational: bool, cap: int) -> None:
    """Row 5: a study is asked for by its patient, and patients are listed first, unless queries may be relational."""
    studies = [
        Study(f"2.25.{n}", days_from(NEW_YEAR, n % 50) if n % 9 else "", patient_id=f"{n % 20:03d}") for n in range(60)
    ]
    archive = Archive(studies, root="patient", relational=relational, cap=cap, patient_cap=cap)
    finding = finder(archive)
    found = finding.find(DateWindow(NEW_YEAR, TODAY), ("PR",))
    assert {study.study_uid for study in found} == all_of(archive)
    assert finding.learned()["relational"] is relational
    assert finding.series(found[0])


def test_a_study_query_that_is_answered_with_nothing_is_no_relational_one() -> None:
    archive = Archive([Study("2.25.1")], root="patient", relational=False)

    def silent(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        if identifier.QueryRetrieveLevel == "STUDY" and not identifier.PatientID:
            return []
        return archive(identifier, limit)

    finding = StudyFinder(silent, root=lambda: "patient", today=lambda: TODAY)
    assert [study.study_uid for study in finding.find(JUNE, ("PR",))] == ["2.25.1"]


def test_patients_that_cannot_be_asked_for_are_said() -> None:
    archive = Archive(
        [Study("2.25.1"), Study("2.25.2", patient_id="A*B"), Study("2.25.3", patient_id="")],
        root="patient",
        relational=False,
    )
    finding = finder(archive)
    assert [study.study_uid for study in finding.find(JUNE, ("PR",))] == ["2.25.1"]
    assert any("without an ID" in note for note in finding.notes())
    assert finding.unseen() == {Reason.FIND_FAILED: 1}, "they are known to be there"


def test_a_list_of_patients_that_is_cut_off_is_an_error() -> None:
    studies = [Study(f"2.25.{n}", patient_id=f"{n:03d}") for n in range(60)]
    archive = Archive(studies, root="patient", relational=False, patient_cap=20)
    assert uids(archive, JUNE, "PR") == all_of(archive)
