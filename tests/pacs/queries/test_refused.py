"""Archives that refuse what is too broad, and something else besides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from miner.pacs.profile import PacsProfile
from miner.pacs.queries.find import StudyFinder
from miner.records import DateWindow
from tests.pacs.queries.simulated import TODAY, Archive, Study, days_from, many

SPRING = DateWindow(date(2024, 1, 1), date(2024, 6, 1))


def finder(archive: Archive) -> StudyFinder:
    return StudyFinder(archive, profile=PacsProfile(), root=lambda: archive.root, today=lambda: TODAY)


def found(finding: StudyFinder, window: DateWindow, *modalities: str, **narrow: str) -> set[str]:
    return {study.study_uid for study in finding.find(window, modalities, **narrow)}


def test_a_refused_list_of_undated_studies_is_no_empty_one() -> None:
    """Not even where longer answers have been seen: a refusal has no length."""
    dated = many(4, lambda n: (days_from(date(2024, 3, 1), n), "101500"))
    undated = [Study(f"2.25.99{n}", "", "", patient_id=f"U{n}") for n in range(3)]
    archive = Archive([*dated, *undated], most_rows=4)
    finding = finder(archive)
    everything = found(finding, DateWindow(date(2024, 1, 1), undated=False), "PR")
    everything |= found(finding, DateWindow(dated=False), "PR")
    assert everything == {study.uid for study in archive.studies} or finding.notes()


def test_modalities_refused_and_breadth_too() -> None:
    archive = Archive(
        many(12, lambda n: (days_from(date(2024, 3, 1), n), "101500")),
        refused=frozenset({"ModalitiesInStudy"}),
        most_rows=3,
    )
    assert found(finder(archive), SPRING, "PR") == {study.uid for study in archive.studies}


def test_a_patients_own_list_is_not_cut_into_days() -> None:
    """What was too broad without a Patient ID need not be so with one."""
    studies = [
        Study(f"2.25.{n}", days_from(date(2024, 3, 1), n % 50), f"{n % 24:02d}0000", patient_id=f"P{n % 20}")
        for n in range(100)
    ]
    archive = Archive(studies, most_rows=30)
    finding = finder(archive)
    found(finding, replace(SPRING, undated=False), "PR")
    before = len(archive.asked)
    assert len(found(finding, DateWindow(), PatientID="P1")) == 5
    assert len(archive.asked) - before < 60


def test_a_day_is_cut_by_time_before_it_is_cut_by_patients() -> None:
    """Prefixes reach no ID that goes on beyond ASCII."""
    studies = [
        Study("2.25.1", time="080000", patient_id="P1"),
        Study("2.25.2", time="120000", patient_id="P\u00e4rt"),
        Study("2.25.3", time="160000", patient_id="P2"),
    ]
    assert found(finder(Archive(studies, most_rows=2)), SPRING, "PR") == {"2.25.1", "2.25.2", "2.25.3"}


def test_an_id_beyond_ascii_and_no_time_is_named_where_it_cannot_be_reached() -> None:
    studies = [
        Study("2.25.1", time="080000", patient_id="P1"),
        Study("2.25.2", time="120000", patient_id="P\u00e4rt"),
        Study("2.25.3", time="", patient_id="P\u00e4rt 2"),
    ]
    finding = finder(Archive(studies, most_rows=2))
    assert found(finding, SPRING, "PR") == {"2.25.1", "2.25.2", "2.25.3"} or finding.notes()
