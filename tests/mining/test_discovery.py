"""miner.mining.discovery: nothing that the PACS has is passed over, and nothing that was answered is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.catalogue import RunInfo
from miner.deid import Surrogates
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import ExitStatus, PacsError, PacsUnreachable, Reason
from miner.mining import cohort
from miner.mining.discovery import GIVE_UP_AFTER, Discovery, questions
from miner.mining.project import open_project
from miner.records import DateWindow, PatientRef, StudyRef
from tests.hospital import Hospital, ct_series, ruler_pair

TODAY = date(2026, 3, 10)
NOBODY = Surrogates(bytes(32))
"""Without a crosswalk."""
DAYS = st.dates(date(1990, 1, 1), date(2027, 1, 1))


class Archive:
    """Answers STUDY queries and nothing else; dates in ``fails`` fail whatever window holds them."""

    def __init__(self, days: Sequence[date | None], fails: Sequence[date | None] = (), remarks: Sequence[str] = ()):
        self.studies = {f"1.{number}": day for number, day in enumerate(days)}
        self.fails = set(fails)
        self.remarks = list(remarks)
        self.asked: list[DateWindow] = []
        self.error = PacsError("The PACS failed a C-FIND.", Reason.FIND_FAILED)

    def find_studies(self, window: DateWindow, modalities: Sequence[str] = (), **narrow: str) -> list[StudyRef]:
        self.asked.append(window)
        if any(holds(window, day) for day in self.fails):
            raise self.error
        if "study_uid" in narrow:
            return [self._study(narrow["study_uid"])] if narrow["study_uid"] in self.studies else []
        return [self._study(name) for name, day in self.studies.items() if holds(window, day)]

    def _study(self, name: str) -> StudyRef:
        day = self.studies[name]
        return StudyRef(name, PatientRef("P" + name), f"{day:%Y%m%d}" if day else "")

    def notes(self) -> Sequence[str]:
        return self.remarks


def holds(window: DateWindow, day: date | None) -> bool:
    if day is None:
        return window.undated
    after = window.since is None or window.since <= day
    return window.dated and after and (window.until is None or day <= window.until)


def discover(hospital: Hospital, archive: Archive, **request: Any) -> Discovery:
    """One look, in a run of its own; what it raises leaves what was entered."""
    with open_project(hospital.settings) as project:
        run = project.catalogue.begin_run(RunInfo("0", "c" * 64, "d" * 64, ""))
        discovery = Discovery(project, cohort.Request(**{"since": "all", **request}), run)
        try:
            discovery.ask(archive, TODAY)  # type: ignore[arg-type]
            return discovery
        finally:
            project.catalogue.end_run(run, "done", {})


# ------------------------------------------------------------------------------------------------------ the parts


@given(st.one_of(st.none(), DAYS), st.one_of(st.none(), DAYS), DAYS)
def test_the_parts_cover_the_window_in_order(since: date | None, until: date | None, today: date) -> None:
    if since is not None and until is not None and until < since:
        since, until = until, since
    parts = list(questions(cohort.Request(since="all"), DateWindow(since, until), today, NOBODY))
    dated, undated = parts[:-1], parts[-1]
    assert undated.window == DateWindow(dated=False)
    assert (dated[0].window.since, dated[-1].window.until) == (since, until)
    for part, following in pairwise(dated):
        assert part.window.until == following.window.since, "they overlap by a day"
        assert part.seen_until is not None
        assert part.window.until == part.seen_until + timedelta(days=1)
    assert all(not part.window.undated for part in dated)
    last = dated[-1].seen_until
    assert last is None or last == min(until or today, today)
    assert last is not None or since > today  # type: ignore[operator]


def test_a_window_goes_by_calendar_months() -> None:
    parts = list(questions(cohort.Request(), DateWindow(date(2025, 11, 20), None), TODAY, NOBODY))
    starts = [part.window.since for part in parts[:-1]]
    assert starts == [date(2025, 11, 20), date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    assert parts[-2].window.until is None, "what is dated in the future by mistake is found too"


def test_an_open_start_takes_few_questions() -> None:
    parts = list(questions(cohort.Request(since="all"), DateWindow(), TODAY, NOBODY))
    assert parts[0].window == DateWindow(None, date(2016, 1, 1), undated=False)
    assert len(parts) == 1 + 10 + 3 + 1


def test_a_cohort_is_asked_for_id_by_id() -> None:
    request = cohort.Request(study_uid="1.2", patients=("A", "B"), accessions=("C",))
    narrow = [dict(part.narrow) for part in questions(request, DateWindow(), TODAY, NOBODY)]
    assert narrow == [{"study_uid": "1.2"}, {"patient_id": "A"}, {"patient_id": "B"}, {"accession": "C"}]
    assert all(
        word not in str(part) for part in questions(request, DateWindow(), TODAY, NOBODY) for word in ("1.2", "A", "B")
    )


# --------------------------------------------------------------------------------------------------- what is entered


@given(st.lists(st.one_of(st.none(), DAYS), max_size=30))
def test_every_study_is_found_once_and_undated_ones_are_asked_for_once(days: list[date | None]) -> None:
    archive = Archive(days)
    found: list[str] = []
    for question in questions(cohort.Request(since="all"), DateWindow(), TODAY, NOBODY):
        found += [study.study_uid for study in question.ask(archive, ("PR",))]  # type: ignore[arg-type]
    assert set(found) == set(archive.studies)
    assert sum(window.undated for window in archive.asked) == 1


def test_what_was_answered_before_a_failure_is_entered_and_the_watermark_stands_before_it(hospital: Hospital) -> None:
    days = [date(2026, 1, 5), date(2026, 2, 5), date(2026, 3, 5), None]
    archive = Archive(days, fails=[date(2026, 2, 20)])
    discovery = discover(hospital, archive)
    status = hospital.status()
    assert status.studies == {"found": 3}, "all but the study of February"
    assert status.watermark == "2026-01-31"
    assert discovery.unanswered == 1
    assert "2026-02-01" in discovery.notes[0]
    archive.fails.clear()
    archive.asked.clear()
    discover(hospital, archive, since=None)
    assert hospital.status().studies == {"found": 4}
    assert hospital.status().watermark == "2026-03-10"
    assert min(window.since for window in archive.asked if window.since) == date(2026, 1, 17), "look-back included"


def test_an_archive_that_answers_nothing_ends_the_run(hospital: Hospital) -> None:
    archive = Archive([], fails=[date(2026, 1, day) for day in range(1, 2)])
    archive.find_studies = failing  # type: ignore[method-assign]
    with pytest.raises(PacsError):
        discover(hospital, archive)
    assert hospital.status().watermark is None


def failing(*_: Any, **__: Any) -> list[StudyRef]:
    raise PacsError("The PACS failed a C-FIND.", Reason.FIND_FAILED)


def test_an_archive_that_goes_away_ends_the_run_and_keeps_what_it_said(hospital: Hospital) -> None:
    archive = Archive([date(2026, 1, 5), date(2026, 2, 5)], fails=[date(2026, 2, 20)])
    archive.error = PacsUnreachable("nobody there")
    with pytest.raises(PacsUnreachable):
        discover(hospital, archive)
    assert hospital.status().studies == {"found": 1}
    assert hospital.status().watermark == "2026-01-31"


def test_an_archive_in_trouble_is_not_asked_for_every_part(hospital: Hospital) -> None:
    days = [date(2025, 1, 15), date(2025, 9, 15), None]
    archive = Archive(days, fails=[date(2025, month, 20) for month in range(2, 13)])
    discovery = discover(hospital, archive, since=date(2025, 1, 1))
    assert len(archive.asked) == 1 + GIVE_UP_AFTER
    assert discovery.unanswered == 11 + 3 + 1
    assert len(discovery.notes) == GIVE_UP_AFTER + 1, "one sentence for all that were not asked for"
    assert "not asked for 12 more" in discovery.notes[-1]
    assert hospital.status().watermark == "2025-01-31"
    assert hospital.status().studies == {"found": 1}


def test_a_cohort_leaves_the_watermark_alone_and_waiting_studies_too(hospital: Hospital) -> None:
    archive = Archive([date(2026, 1, 5), date(2026, 2, 5)])
    discover(hospital, archive, since=None, study_uid="1.0")
    assert hospital.status().watermark is None
    with open_project(hospital.settings) as project:
        run = project.catalogue.begin_run(RunInfo("0", "c" * 64, "d" * 64, ""))
        discovery = Discovery(project, cohort.Request(study_uid="1.1"), run)
        discovery.ask(archive, TODAY)  # type: ignore[arg-type]
        assert discovery.chosen() == [project.surrogates.study("1.1")]


def test_remarks_of_the_archive_are_in_the_report_once(hospital: Hospital) -> None:
    discovery = discover(hospital, Archive([None], remarks=["An answer may be cut off.", "An answer may be cut off."]))
    assert discovery.notes == ["An answer may be cut off."]


def test_thousands_of_studies_are_put_in_order_by_two_queries(hospital: Hospital, count: int = 3000) -> None:
    archive = Archive([date(2026, 3, 1)] * count)
    with open_project(hospital.settings) as project:
        run = project.catalogue.begin_run(RunInfo("0", "c" * 64, "d" * 64, ""))
        discovery = Discovery(project, cohort.Request(since="all"), run)
        discovery.ask(archive, TODAY)  # type: ignore[arg-type]
        first, *_ = discovery.chosen()
        assert project.catalogue.claim(run, first)
        project.catalogue.fail_study(run, first, Reason.TIMED_OUT)
        chosen = discovery.chosen()
        assert len(chosen) == count
        assert chosen[-1] == first, "tried before: after those that nobody has looked at"


# ------------------------------------------------------------------------------------------------- the whole way


class FailingDay(Behaviour):
    """Ends the association at every C-FIND at STUDY level whose range of dates holds a day."""

    def __init__(self, day: date) -> None:
        self.day = f"{day:%Y%m%d}"

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        first, _, last = str(request.identifier.get("StudyDate", "")).partition("-")
        if request.level == "STUDY" and (first or last) and first <= self.day <= (last or first):
            request.abort()
        else:
            yield from answers


def test_a_month_that_the_pacs_does_not_answer_costs_the_others_nothing(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    from miner.pacs import retry

    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)
    for patient, day in (("P1", "20210110"), ("P2", "20210310"), ("P3", "20210510")):
        images = ct_series(patient, day=day)
        hospital.add(images, ruler_pair(images[10]))
    hospital.pacs.behaviour = FailingDay(date(2021, 3, 15))
    window = {"since": date(2021, 1, 1), "until": date(2021, 6, 30)}
    report = hospital.mine(**window)
    assert report.outcomes == {"mined": 2}
    assert report.exit_status is ExitStatus.INCOMPLETE
    assert any("2021-03-01" in words for words in report.warnings)
    assert hospital.status().watermark == "2021-02-28"
    hospital.pacs.behaviour = Behaviour()
    report = hospital.mine(since=None, until=date(2021, 6, 30))
    assert report.outcomes["mined"] == 1
    assert report.exit_status is ExitStatus.DONE
    assert hospital.status().watermark == "2021-06-30"


def test_states_written_late_saved_again_and_corrected_are_seen_within_the_look_back(hospital: Hospital) -> None:
    """Table of pacs-behaviour, row 17: the study is days old when its annotations change."""
    day = date.today() - timedelta(days=hospital.settings.selection.look_back_days - 1)
    images = ct_series(day=f"{day:%Y%m%d}")
    hospital.add(images)
    assert hospital.mine().found == 0
    assert hospital.status().watermark == str(date.today())
    hospital.add(ruler_pair(images[10]))
    assert hospital.mine(since=None).outcomes == {"mined": 1}, "written days after the study"
    again = ruler_pair(images[10], name="saved again")
    again.PresentationCreationTime = "130000"
    hospital.add(again)
    assert hospital.mine(since=None).outcomes == {"mined": 1}
    assert hospital.status().bookmarks == {"recist": 1}, "the same measurement under another UID is no second lesion"
    corrected = ruler_pair(images[10], x=49.0, name="corrected")
    corrected.PresentationCreationTime = "140000"
    hospital.add(corrected)
    assert hospital.mine(since=None).outcomes == {"mined": 1}
    assert hospital.status().bookmarks == {"recist": 1}
    assert hospital.mine(since=None).outcomes == {"unchanged": 1}


def test_what_lies_before_the_look_back_is_not_asked_for_again(hospital: Hospital) -> None:
    day = date.today() - timedelta(days=hospital.settings.selection.look_back_days + 1)
    images = ct_series(day=f"{day:%Y%m%d}")
    hospital.add(images)
    hospital.mine()
    hospital.add(ruler_pair(images[10]))
    assert hospital.mine(since=None).found == 0
    assert hospital.mine().outcomes == {"mined": 1}
