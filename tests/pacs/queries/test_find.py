"""Queries against archives that answer as archives do: capped, ignoring keys, refusing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from miner.errors import PacsError, Reason, UsageError
from miner.pacs.queries.find import StudyFinder, find_instances, find_series
from miner.pacs.queries.rows import day as to_day
from miner.pacs.retry import RequestRefusedError
from miner.records import DateWindow, PatientRef, SeriesRef, StudyRef

TODAY = date(2024, 6, 15)


@dataclass
class Archive:
    """Answers C-FIND from ``studies`` (UID → date, time, modalities), with faults to switch on."""

    studies: dict[str, tuple[str, str, tuple[str, ...]]]
    cap: int = 10**9
    matches_modality: bool = True
    lists_modalities: bool = True
    hides_annotations: bool = False
    refuses_modality: bool = False
    broadest_days: int = 10**9
    asked: list[Dataset] = field(default_factory=list)

    def __call__(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        query = identifier
        self.asked.append(query)
        if query.QueryRetrieveLevel == "SERIES":
            return [self._series(query.StudyInstanceUID, code) for code in self.studies[query.StudyInstanceUID][2]]
        if self.refuses_modality and query.ModalitiesInStudy:
            raise RequestRefusedError("no", Reason.FIND_FAILED)
        if self._breadth(query.StudyDate) > self.broadest_days:
            raise RequestRefusedError("too broad", Reason.FIND_FAILED)
        found = [uid for uid in self.studies if self._matches(uid, query)]
        return [self._study(uid) for uid in found[: min(self.cap, limit or self.cap)]]

    def _breadth(self, dates: str) -> int:
        first, separator, last = dates.partition("-")
        if not separator:
            return 1 if first else 10**6
        return (to_day(last) - to_day(first)).days if first and last else 10**6  # type: ignore[operator]

    def _matches(self, uid: str, query: Dataset) -> bool:
        when, clock, modalities = self.studies[uid]
        if query.ModalitiesInStudy and self.matches_modality and query.ModalitiesInStudy not in modalities:
            return False
        if query.get("StudyInstanceUID") and query.StudyInstanceUID != uid:
            return False
        return _in_range(when, query.StudyDate) and _in_range(clock, query.get("StudyTime", ""))

    def _study(self, uid: str) -> Dataset:
        row = Dataset()
        row.StudyInstanceUID, row.PatientID = uid, "P"
        row.StudyDate, row.StudyTime = self.studies[uid][:2]
        listed = [code for code in self.studies[uid][2] if not (self.hides_annotations and code == "PR")]
        row.ModalitiesInStudy = listed if self.lists_modalities else None
        return row

    def _series(self, uid: str, modality: str) -> Dataset:
        row = Dataset()
        row.StudyInstanceUID, row.SeriesInstanceUID, row.Modality = uid, f"{uid}.{ord(modality[0])}", modality
        return row


def _in_range(value: str, wanted: str) -> bool:
    """Range matching as archives do it: an absent value matches universal matching only."""
    if not wanted:
        return True
    first, separator, last = wanted.partition("-")
    return bool(value) and (first <= value and (not last or value <= last) if separator else value == wanted)


def finder(archive: Archive) -> StudyFinder:
    return StudyFinder(archive, today=lambda: TODAY)


def many(count: int, when: Callable[[int], tuple[str, str]]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {f"2.25.{number}": (*when(number), ("CT", "PR")) for number in range(count)}


def test_an_answer_that_is_cut_off_is_completed() -> None:
    studies = many(730, lambda n: (f"{date(2024, 1, 1) + timedelta(days=n % 100):%Y%m%d}", "101500"))
    archive = Archive(studies, cap=100)
    found = finder(archive).find(DateWindow(date(2024, 1, 1), date(2024, 6, 1)), ("PR",))
    assert {study.study_uid for study in found} == set(studies)


def test_a_single_day_is_cut_by_time() -> None:
    studies = many(450, lambda n: ("20240601", f"{n % 24:02d}{n % 60:02d}00"))
    archive = Archive(studies, cap=128)
    found = finder(archive).find(DateWindow(date(2024, 6, 1), date(2024, 6, 1)), ("PR",))
    assert {study.study_uid for study in found} == set(studies)
    assert all(query.get("StudyTime", "") == "" or query.StudyDate == "20240601" for query in archive.asked)


def test_a_round_number_that_is_true_is_believed() -> None:
    studies = many(100, lambda n: (f"{date(2024, 1, 1) + timedelta(days=n):%Y%m%d}", "101500"))
    archive = Archive(studies)
    found = finder(archive).find(DateWindow(date(2024, 1, 1), date(2024, 6, 1)), ())
    assert len(found) == 100


def test_the_whole_archive_is_cut_too() -> None:
    studies = many(300, lambda n: (f"{date(2003, 1, 1) + timedelta(days=25 * n):%Y%m%d}", "101500"))
    found = finder(Archive(studies, cap=100)).find(DateWindow(), ("PR",))
    assert len(found) == 300


def test_what_cannot_be_completed_is_an_error() -> None:
    studies = many(300, lambda n: ("20240601", "000000") if n < 250 else ("20240602", "000000"))
    with pytest.raises(PacsError, match="cuts off its answers at 100") as caught:
        finder(Archive(studies, cap=100)).find(DateWindow(date(2024, 6, 1), date(2024, 6, 2)), ("PR",))
    assert caught.value.reason is Reason.FIND_FAILED


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.integers(1, 10**6),
        st.tuples(st.dates(date(2024, 1, 1), date(2024, 1, 20)), st.integers(0, 23), st.integers(0, 59)),
        min_size=0,
        max_size=400,
    ),
    st.sampled_from([100, 128, 150, 200]),
)
def test_nothing_is_lost_under_a_cap(content: dict[int, tuple[date, int, int]], cap: int) -> None:
    studies = {
        f"2.25.{number}": (f"{when:%Y%m%d}", f"{hour:02d}{minute:02d}00", ("PR",))
        for number, (when, hour, minute) in content.items()
    }
    found = finder(Archive(studies, cap=cap)).find(DateWindow(date(2024, 1, 5), date(2024, 1, 15)), ("PR",))
    wanted = {uid for uid, (when, _, _) in studies.items() if "20240105" <= when <= "20240115"}
    assert {study.study_uid for study in found} == wanted


def test_a_query_refused_as_too_broad_is_cut() -> None:
    studies = many(60, lambda n: (f"{date(2024, 1, 1) + timedelta(days=n):%Y%m%d}", "101500"))
    archive = Archive(studies, broadest_days=10)
    archive.studies.pop("2.25.59")
    found = StudyFinder(
        lambda identifier, limit=None: archive(identifier) if identifier.StudyDate else [], today=lambda: TODAY
    ).find(DateWindow(date(2024, 1, 1), date(2024, 3, 31)), ())
    assert len(found) == 59


def test_an_archive_that_refuses_everything_is_not_asked_for_ever() -> None:
    archive = Archive({}, broadest_days=0)
    with pytest.raises(PacsError):
        finder(archive).find(DateWindow(), ())
    assert len(archive.asked) <= 2


@pytest.mark.parametrize(
    "archive_faults",
    [
        {},
        {"matches_modality": False},
        {"matches_modality": False, "lists_modalities": False},
        {"lists_modalities": False},
        {"refuses_modality": True},
        {"hides_annotations": True},
    ],
)
def test_modalities_in_study(archive_faults: dict[str, bool]) -> None:
    """Row 2: honoured, ignored, not answered, refused, or answered without presentation states."""
    studies = {
        "2.25.1": ("20240601", "", ("CT", "PR")),
        "2.25.2": ("20240601", "", ("CT",)),
        "2.25.3": ("", "", ("CT", "PR")),
        "2.25.4": ("20230601", "", ("CT", "PR")),
    }
    archive = Archive(studies, **archive_faults)  # type: ignore[arg-type]
    found = finder(archive).find(DateWindow(date(2024, 6, 1), date(2024, 6, 2)), ("PR",))
    assert {study.study_uid for study in found} == {"2.25.1", "2.25.3"}
    assert all("PR" in study.modalities for study in found)


def test_several_modalities_are_united() -> None:
    studies = {"2.25.1": ("20240601", "", ("CT", "PR")), "2.25.2": ("20240601", "", ("CT", "SR"))}
    found = finder(Archive(studies)).find(DateWindow(date(2024, 6, 1), None), ("PR", "SR"))
    assert {study.study_uid for study in found} == {"2.25.1", "2.25.2"}


@pytest.mark.parametrize("faults", [{"matches_modality": False}, {"refuses_modality": True}])
def test_a_study_is_asked_for_its_series_once_however_many_modalities(faults: dict[str, bool]) -> None:
    studies = {
        "2.25.1": ("20240601", "", ("CT", "PR")),
        "2.25.2": ("20240601", "", ("CT", "SR")),
        "2.25.3": ("20240601", "", ("CT",)),
    }
    archive = Archive(studies, lists_modalities=False, **faults)
    finding = finder(archive)
    for _ in range(2):
        archive.asked.clear()
        found = finding.find(DateWindow(date(2024, 6, 1), None), ("PR", "SR"))
        assert {study.study_uid for study in found} == {"2.25.1", "2.25.2"}
        series = [query.StudyInstanceUID for query in archive.asked if query.QueryRetrieveLevel == "SERIES"]
        assert sorted(series) == sorted(studies), "and again in the next search: it may have changed"


def test_a_refused_modality_is_refused_once() -> None:
    archive = Archive({"2.25.1": ("20240601", "", ("CT", "SR"))}, refuses_modality=True)
    finder(archive).find(DateWindow(date(2024, 6, 1), date(2024, 6, 2)), ("PR", "SR"))
    by_modality = [query for query in archive.asked if query.get("ModalitiesInStudy")]
    assert len(by_modality) <= 2, "one query, and one for a single day, to see that it is not the breadth"
    windows = [query for query in archive.asked if query.QueryRetrieveLevel == "STUDY" and query not in by_modality]
    assert len(windows) == 2, "the window and the studies without a date, for both modalities together"


def test_other_dates_are_filtered_out_again() -> None:
    """Row 2: a PACS that ignores the date."""
    archive = Archive({"2.25.1": ("20200101", "", ("PR",)), "2.25.2": ("20240601", "", ("PR",))})

    def ignoring(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        identifier.StudyDate = ""
        return archive(identifier, limit)

    found = StudyFinder(ignoring).find(DateWindow(date(2024, 1, 1), None), ("PR",))
    assert [study.study_uid for study in found] == ["2.25.2"]


def test_the_query_without_a_date_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PACS that ignores the modality is not made to send its whole archive, and what may be missed is said."""
    monkeypatch.setattr("miner.pacs.queries.find.UNDATED_ROWS", 200)
    limits = []

    def noting(identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        limits.append(limit)
        return []

    StudyFinder(noting).find(DateWindow(date(2024, 1, 1), None), ("PR",))
    assert limits == [None, 200]


def test_one_row_per_instance_is_one_study() -> None:
    archive = Archive({"2.25.1": ("20240601", "", ("CT", "PR"))})
    found = StudyFinder(lambda identifier, limit=None: archive(identifier) * 5).find(DateWindow(), ())
    assert [study.modalities for study in found] == [("CT", "PR")]


def test_a_row_without_its_uid_is_an_error() -> None:
    with pytest.raises(PacsError, match="no StudyInstanceUID"):
        StudyFinder(lambda identifier, limit=None: [Dataset()]).find(DateWindow(), ())


@pytest.mark.parametrize("value", ["A*", "A?C", "A\\B"])
def test_a_value_with_a_meaning_in_queries_is_refused(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        finder(Archive({})).find(DateWindow(), (), PatientID=value)
    assert value not in str(caught.value)


def test_a_cohort_is_matched_exactly() -> None:
    row = Dataset()
    row.StudyInstanceUID, row.PatientID = "2.25.1", "abc"
    assert StudyFinder(lambda identifier, limit=None: [row]).find(DateWindow(), (), PatientID="ABC") == []
    assert len(StudyFinder(lambda identifier, limit=None: [row]).find(DateWindow(), (), PatientID=" abc ")) == 1


STUDY = StudyRef("2.25.1", PatientRef("P"))


def test_series_of_another_study_are_left_out() -> None:
    rows = []
    for study, series in (("2.25.1", "2.25.11"), ("2.25.2", "2.25.12"), ("2.25.1", "2.25.11")):
        row = Dataset()
        row.StudyInstanceUID, row.SeriesInstanceUID, row.Modality = study, series, "CT"
        rows.append(row)
    assert [series.series_uid for series in find_series(lambda identifier, limit=None: rows, STUDY)] == ["2.25.11"]


def instance_rows(count: int) -> list[Dataset]:
    rows = []
    for number in range(count):
        row = Dataset()
        row.SOPInstanceUID = f"2.25.1{number}"
        rows.append(row)
    return rows


def test_a_series_that_is_answered_in_part_is_an_error() -> None:
    series = SeriesRef(STUDY, "2.25.11", "CT", instances=10)
    assert len(find_instances(lambda identifier, limit=None: instance_rows(10), series)) == 10
    with pytest.raises(PacsError, match="names 8 instances"):
        find_instances(lambda identifier, limit=None: instance_rows(8), series)


def test_a_series_of_unknown_length_is_believed() -> None:
    assert len(find_instances(lambda identifier, limit=None: instance_rows(8), SeriesRef(STUDY, "2.25.11", "CT"))) == 8
