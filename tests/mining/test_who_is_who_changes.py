"""A crosswalk or an opt-out list that changes reaches what was mined before, whenever that was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from miner.errors import ExitStatus
from miner.mining.project import open_catalogue
from tests.hospital.ward import Ward

LATER = date(2026, 1, 1)
"""A night long after all studies: what its run looks at, it does not look at for having found it."""


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def patients_of(ward: Ward, name: str = "release") -> list[int]:
    """How many lesions each patient of a new release has."""
    patients = [patient for patient, _, _ in ward.release(name)]
    return sorted(patients.count(patient) for patient in set(patients))


def reasons(ward: Ward) -> Mapping[str, int]:
    """Why marks are in no release."""
    with open_catalogue(ward.settings) as catalogue:
        return catalogue.status().marks


def test_the_remedy_of_a_merge_after_publication_is_followed_by_itself(ward: Ward) -> None:
    ward.study("OLD", "S1")
    ward.mine()
    before = ward.release("first")
    ward.study("NEW", "S1", filed="OLD")
    assert ward.mine().reasons == {"failed: content-conflict": 1}
    assert not ward.mine(LATER).outcomes, "nothing was said yet"
    ward.say_whose("NEW,,,OLD,")
    report = ward.mine(LATER)
    assert report.found == 0 and report.outcomes == {"mined": 1}
    assert report.exit_status is ExitStatus.DONE
    assert not ward.mine(LATER).outcomes
    assert ward.release("second") == before
    assert ward.faults() == ()


def test_a_crosswalk_that_is_no_remedy_is_tried_once(ward: Ward) -> None:
    ward.study("OLD", "S1")
    ward.mine()
    ward.release("first")
    ward.say_whose("OLD,,,ELSE,")
    assert ward.mine(LATER).reasons == {"failed: content-conflict": 1}
    assert not ward.mine(LATER).outcomes, "the archive is not asked in vain every night"
    ward.say_whose()
    assert ward.mine(LATER).outcomes == {"mined": 1}


@pytest.mark.parametrize("undone", ["key", "lines", "file"])
def test_a_crosswalk_that_is_taken_back_reaches_too(undone: str, ward: Ward) -> None:
    ward.study("P1", "S1", day="20210101")
    ward.study("P2", "S2", day="20220101")
    ward.say_whose("P2,,,P1,")
    ward.mine()
    if undone == "lines":
        ward.say_whose()
    else:
        ward.forget_the_crosswalk()
    if undone == "file":
        (ward.folder / "project" / "crosswalk.csv").unlink()
    assert ward.mine(LATER).outcomes == {"mined": 1}
    assert not ward.mine(LATER).outcomes
    assert patients_of(ward) == [1, 1]
    assert ward.faults() == ()


def test_the_same_crosswalk_in_other_words_is_no_change(ward: Ward) -> None:
    ward.study("P1", "S1")
    ward.say_whose("P2,,,P1,", "P3,,,P1,")
    ward.mine()
    ward.say_whose("P3,,,P2,", "", "P2,,,P1,")
    with open_catalogue(ward.settings) as catalogue:
        before = list(catalogue.events("who-is-who"))
    ward.mine(LATER)
    with open_catalogue(ward.settings) as catalogue:
        assert list(catalogue.events("who-is-who")) == before
    assert len(before) == 1 and "P2" not in str(before)


def test_a_line_for_a_study_of_images_alone_reaches_the_readings_of_it(ward: Ward) -> None:
    images = ward.images("P1", "S1")
    ward.reading("P1", "R1", images[3])
    ward.study("P1", "S2")
    assert ward.mine().outcomes == {"mined": 2}
    ward.say_whose(f"P1,,{images[0].StudyInstanceUID},P7,")
    assert ward.mine(LATER).outcomes == {"mined": 1}
    assert not ward.mine(LATER).outcomes
    assert patients_of(ward) == [1, 1]
    assert ward.faults() == ()


def test_a_run_of_a_cohort_or_with_a_limit_loses_no_change(ward: Ward) -> None:
    for number in ("P1", "P2", "P3", "P4"):
        ward.study(number, "S1")
    ward.mine()
    ward.say_whose("P2,,,P1,", "P3,,,P1,")
    ward.mine(None, patients=["P4"])
    assert ward.mine(LATER, limit=1).outcomes == {"mined": 1}
    assert ward.mine(LATER).outcomes == {"mined": 1}
    assert patients_of(ward) == [1, 3]
    assert ward.faults() == ()


def test_who_opts_out_after_mining_is_in_no_first_release(ward: Ward) -> None:
    ward.study("P1", "S1")
    ward.study("P2", "S1")
    ward.mine()
    ward.opt_out.write_text("P1\n")
    assert ward.mine(LATER).reasons == {"refused: opted-out": 1}
    assert not ward.mine(LATER).outcomes
    assert patients_of(ward) == [1]
    ward.opt_out.write_text("")
    assert ward.mine(LATER).outcomes == {"mined": 1}
    assert patients_of(ward, "with both") == [1, 1]
    assert ward.faults() == ()


def test_who_opts_out_after_a_release_is_named_with_the_way_out(ward: Ward) -> None:
    ward.study("P1", "S1")
    ward.mine()
    before = ward.release("first")
    ward.opt_out.write_text("P1\n")
    report = ward.mine(LATER)
    assert any("`miner vault forget`" in warning and "1 stud" in warning for warning in report.warnings)
    assert ward.release("second") == before


@pytest.mark.parametrize("listed", ["P7", "P8"])
def test_images_of_another_who_opted_out_are_not_fetched(listed: str, ward: Ward) -> None:
    images = ward.images("P1", "S1")
    ward.reading("P1", "R1", images[3])
    ward.say_whose(f"P1,,{images[0].StudyInstanceUID},P7,", "P8,,,P7,")
    ward.opt_out.write_text(f"{listed}\n")
    report = ward.mine()
    assert report.reasons == {"refused: opted-out": 1}
    assert reasons(ward) == {"opted-out": 2}, "both axes"
    with open_catalogue(ward.settings) as catalogue:
        assert catalogue.status().traffic["image_octets"] == 0
    assert not list(ward.settings.images.rglob("*.png"))
    ward.opt_out.write_text("")
    assert ward.mine().outcomes == {"mined": 1}


def test_images_under_another_number_of_the_person_are_found(ward: Ward) -> None:
    images = ward.images("P2", "S1")
    ward.reading("P1", "R1", images[3])
    assert ward.mine().outcomes == {"partial": 1}
    ward.say_whose("P2,,,P1,")
    assert ward.mine(LATER).outcomes == {"mined": 1}


@pytest.mark.parametrize("named", ["P1", "P2", "P3"])
def test_a_cohort_holds_all_numbers_of_its_people(named: str, ward: Ward) -> None:
    stray = ward.study("P9", "S2")
    for number in ("P1", "P2", "P3", "P4", "P9"):
        ward.study(number, "S1", issuer="NORTH" if number == "P2" else "")
    ward.say_whose("P2,NORTH,,P1,", "P3,,,P2,NORTH", f"P9,,{stray},P1,")
    assert ward.mine(None, patients=[named]).outcomes == {"mined": 4}


def test_an_opt_out_list_that_others_may_read_is_said(ward: Ward) -> None:
    ward.study("P1", "S1")
    assert not any("opt_out" in warning for warning in ward.mine().warnings)
    ward.opt_out.chmod(0o640)
    assert any("chmod 600" in warning and "[selection] opt_out" in warning for warning in ward.mine().warnings)
