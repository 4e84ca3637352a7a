"""Whatever an archive does with queries: every study that matches is found, or an error or a note says that not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miner.errors import PacsError
from miner.pacs.queries.find import StudyFinder
from miner.pacs.queries.rows import day
from miner.records import DateWindow
from tests.pacs.queries.simulated import TODAY, Archive, Study

BEGIN = date(2024, 5, 20)
DATES = st.sampled_from(["", *(f"{BEGIN + timedelta(days=n):%Y%m%d}" for n in range(12))])
TIMES = st.sampled_from(["", "000000", "000001", "0930", "093000", "093059", "120000.5", "235959"])
MODALITIES = st.sampled_from([("CT", "PR"), ("PR",), ("CT",), ("CT", "SR"), ("CT", "MR", "PR")])
IDS = st.sampled_from(["A1", "A2", "A 3", "A", "B17", "b2", "0001", "0002", "00021", "Ü3", ""])
KEYS = ("StudyDate", "StudyTime", "ModalitiesInStudy")
WINDOWS = [
    DateWindow(),
    DateWindow(BEGIN, None),
    DateWindow(None, BEGIN + timedelta(days=6)),
    DateWindow(BEGIN + timedelta(days=2), BEGIN + timedelta(days=9)),
    DateWindow(BEGIN + timedelta(days=5), BEGIN + timedelta(days=5)),
    DateWindow(BEGIN, TODAY, undated=False),
    DateWindow(dated=False),
]


@st.composite
def archives(draw: st.DrawFn) -> Archive:
    contents = draw(st.lists(st.tuples(DATES, TIMES, MODALITIES, IDS), max_size=24))
    root, relational = draw(st.sampled_from(["study", "study", "patient"])), draw(st.booleans())
    studies = [Study(f"2.25.{n}", *content) for n, content in enumerate(contents, 1)]
    if root == "patient" and not relational:
        # A known gap: as many dated studies of one patient as the limit is, and undated ones behind them.
        studies = [replace(study, date=study.date or "20240520", time=study.time or "0930") for study in studies]
    cap = draw(st.sampled_from([2, 3, 4, 5, 7, 11, 16, 10**9]))
    patient_cap = draw(st.sampled_from([3, 10**9]))
    if min(cap, patient_cap) < 10**9:
        # The other: as many as the limit is, and others behind them whose Patient ID no first character reaches.
        known = {"": "Y", "Ü3": "Z"}
        studies = [replace(study, patient_id=known.get(study.patient_id, study.patient_id)) for study in studies]
    return Archive(
        studies,
        cap=cap,
        most_rows=draw(st.sampled_from([10**9, 10**9, 8])),
        broadest_days=draw(st.sampled_from([10**9, 10**9, 4])),
        ignored=frozenset(draw(st.sets(st.sampled_from(KEYS)))),
        refused=frozenset(draw(st.sets(st.just("ModalitiesInStudy")))),
        unanswered=frozenset(draw(st.sets(st.sampled_from(["ModalitiesInStudy", "StudyTime"])))),
        hidden=frozenset(draw(st.sets(st.just("PR")))),
        first_modality_only=draw(st.booleans()),
        excludes_since=draw(st.booleans()),
        excludes_until=draw(st.booleans()),
        time_matches_absent=draw(st.booleans()),
        wildcards=draw(st.sampled_from(["honoured", "at the end", "literal", "refused"])),
        repeats=draw(st.sampled_from([1, 1, 2])),
        root=root,
        relational=relational,
        patient_cap=patient_cap,
    )


def wanted(archive: Archive, window: DateWindow) -> set[str]:
    return {study.uid for study in archive.studies if "PR" in study.modalities and _inside(study.date, window)}


def _inside(written: str, window: DateWindow) -> bool:
    when = day(written)
    if when is None:
        return window.undated
    return window.dated and (window.since or when) <= when <= (window.until or when)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(archives(), st.sampled_from(WINDOWS))
def test_nothing_is_lost_in_silence(archive: Archive, window: DateWindow) -> None:
    finding = StudyFinder(archive, root=lambda: archive.root, today=lambda: TODAY)
    try:
        found = {study.study_uid for study in finding.find(window, ("PR",))}
    except PacsError:
        return
    # In the patient root, the series of a patient without an ID cannot be asked for: kept, to be named by mining.
    kept = {study.uid for study in archive.studies if archive.root == "patient" and not study.patient_id}
    found -= kept - wanted(archive, window)
    assert found <= wanted(archive, window)
    if not finding.notes():
        assert found == wanted(archive, window)


@pytest.mark.long
@pytest.mark.timeout(7200)
@settings(max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(archives(), st.sampled_from(WINDOWS))
def test_nothing_is_lost_in_silence_at_length(archive: Archive, window: DateWindow) -> None:
    test_nothing_is_lost_in_silence.hypothesis.inner_test(archive, window)  # type: ignore[attr-defined]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(DATES, TIMES, MODALITIES), max_size=40),
    st.sampled_from([3, 5, 11, 10**9]),
    st.booleans(),
    st.booleans(),
)
def test_an_honest_archive_with_a_limit_is_read_whole(
    contents: list[tuple[str, str, tuple[str, ...]]], cap: int, since: bool, until: bool
) -> None:
    """The test above would pass if everything were an error: where nothing but the limit is wrong, nothing is."""
    studies = [Study(f"2.25.{n}", *content, patient_id=f"{n:03d}") for n, content in enumerate(contents, 1)]
    archive = Archive(studies, cap=cap, excludes_since=since, excludes_until=until)
    finding = StudyFinder(archive, today=lambda: TODAY)
    found = {study.study_uid for study in finding.find(DateWindow(BEGIN, TODAY), ("PR",))}
    assert found == wanted(archive, DateWindow(BEGIN, TODAY))
    assert all("characters of the Patient ID" in note for note in finding.notes()), "the one thing that it cannot know"
