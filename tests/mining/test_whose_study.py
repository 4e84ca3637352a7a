"""Patients by number, issuer and crosswalk, through whole runs to the release."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import pytest

from miner.console import Terminal
from miner.errors import ConfigError, ExitStatus
from miner.mining.project import open_catalogue, open_project
from miner.show import Show
from tests.hospital.ward import Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def test_one_number_under_two_issuers_is_two_patients(ward: Ward) -> None:
    ward.study("4711", "S1", issuer="NORTH")
    ward.study("4711", "S2", issuer="SOUTH")
    assert ward.mine().outcomes == {"mined": 2}
    rows = ward.release()
    assert len({patient for patient, _, _ in rows}) == len(rows) == 2


def test_one_person_with_two_numbers_is_one_patient_in_order_of_time(ward: Ward) -> None:
    ward.say_whose("P2,,,P1,")
    ward.study("P2", "LATE", issuer="NORTH", day="20220101")
    ward.study("P1", "EARLY", day="20210101")
    ward.study("P2", "LAST", day="20230101")
    assert ward.mine().outcomes == {"mined": 3}
    rows = ward.release()
    assert len({(patient, split) for patient, _, split in rows}) == 1
    assert sorted(study for _, study, _ in rows) == [1, 2, 3]
    assert ward.faults() == ()


def test_a_study_filed_under_another_persons_number_is_split_off(ward: Ward) -> None:
    ward.study("P1", "S1")
    stray = ward.study("P1", "S2")
    ward.study("P7", "S3")
    ward.say_whose(f"P1,,{stray},P7,")
    ward.mine()
    patients = [patient for patient, _, _ in ward.release()]
    assert sorted(patients.count(patient) for patient in set(patients)) == [1, 2]


def test_a_crosswalk_that_comes_later_is_followed_by_what_is_not_published(ward: Ward) -> None:
    ward.study("P1", "S1", day="20210101")
    ward.study("P2", "S2", day="20220101")
    assert ward.mine().outcomes == {"mined": 2}
    ward.say_whose("P2,,,P1,")
    assert ward.mine().outcomes == {"mined": 1, "unchanged": 1}
    assert ward.mine().outcomes == {"unchanged": 2}
    rows = ward.release()
    assert len({patient for patient, _, _ in rows}) == 1
    assert ward.faults() == ()


def test_a_changed_crosswalk_reaches_studies_that_the_run_does_not_ask_for(ward: Ward) -> None:
    ward.study("P1", "S1", day="20210101")
    ward.study("P2", "S2", day="20220101")
    ward.mine()
    ward.say_whose("P2,,,P1,")
    report = ward.mine(date(2026, 1, 1))
    assert report.found == 0 and report.outcomes == {"mined": 1}
    assert not ward.mine(date(2026, 1, 1)).outcomes
    ward.say_whose()
    assert ward.mine(date(2026, 1, 1)).outcomes == {"mined": 1}, "and back"
    assert len({patient for patient, _, _ in ward.release()}) == 2


def test_a_merge_after_publication_is_refused_with_its_remedy_and_the_remedy_works(
    ward: Ward, caplog: pytest.LogCaptureFixture
) -> None:
    ward.study("OLD", "S1")
    ward.mine()
    before = ward.release("first")
    ward.study("NEW", "S1", filed="OLD")
    ward.study("NEW", "S2", day="20220101")
    with caplog.at_level(logging.WARNING):
        report = ward.mine()
    assert report.reasons == {"failed: content-conflict": 1}
    assert report.outcomes == {"failed": 1, "mined": 1}
    assert "[selection] crosswalk, map its new record number to the one that it was published under" in caplog.text
    assert "OLD" not in caplog.text and "NEW" not in caplog.text
    ward.say_whose("NEW,,,OLD,")
    again = ward.mine()
    assert again.exit_status is ExitStatus.DONE and "failed" not in again.outcomes
    after = ward.release("second")
    assert after[: len(before)] == before
    assert len({(patient, split) for patient, _, split in after}) == 1 and len(after) == 2
    assert ward.faults() == ()


def test_where_both_numbers_were_published_the_study_alone_is_mapped(ward: Ward) -> None:
    moved = ward.study("OLD", "S1")
    ward.study("NEW", "S2")
    ward.mine()
    before = ward.release("first")
    ward.study("NEW", "S1", filed="OLD")
    assert ward.mine().reasons == {"failed: content-conflict": 1}
    ward.say_whose(f"NEW,,{moved},OLD,")
    assert ward.mine().exit_status is ExitStatus.DONE
    assert ward.release("second") == before


@pytest.mark.parametrize("listed", ["P1", "P2", "P3", " P3 "])
def test_an_opted_out_number_opts_out_the_person(listed: str, ward: Ward) -> None:
    ward.say_whose("P2,,,P1,", "P3,,,P2,")
    ward.opt_out.write_text(f"{listed}\n")
    for number in ("P1", "P2", "P3", "P4"):
        ward.study(number, "S1", issuer="NORTH" if number == "P2" else "")
    assert ward.mine().reasons == {"refused: opted-out": 3}
    with open_catalogue(ward.settings) as catalogue:
        assert catalogue.status().study_reasons == {"refused: opted-out": 3}
    assert len(ward.release()) == 1


def test_without_a_number_each_study_is_its_own_patient_and_the_books_say_so(
    ward: Ward, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ward.study("", "S1")
    ward.study("", "S2")
    ward.study("P1", "S3")
    report = ward.mine()
    assert report.outcomes == {"mined": 3} and report.nameless == 2
    assert any("2 studies have no patient id" in warning for warning in report.warnings)
    with open_catalogue(ward.settings) as catalogue:
        status = catalogue.status()
    assert status.nameless == 2
    Show(Terminal()).status(status)
    assert "2 studies of the last run have no patient id" in " ".join(capsys.readouterr().out.split())
    ward.say_whose(f",,{first},P1,")
    assert ward.mine().nameless == 1
    patients = [patient for patient, _, _ in ward.release()]
    assert sorted(patients.count(patient) for patient in set(patients)) == [1, 2]


def test_the_vault_keeps_the_study_as_filed_and_the_person_as_said(ward: Ward) -> None:
    ward.say_whose("P2,,,P1,NORTH")
    uid = ward.study("P2", "S1", issuer="SOUTH")
    ward.mine()
    with open_project(ward.settings) as project:
        study = project.vault.resolve("study", project.surrogates.study(uid))
        assert study is not None
        assert (study.value["patient_id"], study.value["issuer"]) == ("P2", "SOUTH")
        with open_catalogue(ward.settings) as catalogue:
            (patient_key,) = {row.patient_key for row in catalogue.release_content().studies}
        patient = project.vault.resolve("patient", patient_key)
        assert patient is not None
        assert (patient.value["patient_id"], patient.value["issuer"]) == ("P1", "NORTH")


def test_nothing_of_a_crosswalk_is_written_down(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    ward.say_whose("MRN7781234,NORTHWARD,,MRN9990001,SOUTHWARD")
    ward.study("MRN7781234", "S1", issuer="NORTHWARD")
    with caplog.at_level(logging.DEBUG):
        ward.mine()
        ward.release()
    written = [path.read_bytes() for path in ward.folder.rglob("*") if path.is_file() and "export" not in path.parts]
    kept = [octets for octets in written if b"MRN7781234" in octets or b"SOUTHWARD" in octets]
    assert len(kept) == 1, "the crosswalk itself, and nothing else"
    assert "MRN" not in caplog.text and "WARD" not in caplog.text


def test_a_crosswalk_in_a_circle_ends_the_run_before_the_pacs_is_asked(ward: Ward) -> None:
    ward.say_whose("P1,,,P2,", "P2,,,P1,")
    with pytest.raises(ConfigError, match="lines 2, 3"):
        ward.mine()
