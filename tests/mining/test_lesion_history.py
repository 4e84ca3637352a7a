"""One lesion and its states: corrected and deleted before and after a release, and measured in several studies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset

from miner.audit import trace, verify
from miner.dataset.dl_info import LesionRow, read_rows
from miner.mining.project import open_catalogue
from tests.annotations import Pair
from tests.annotations.reports import report
from tests.hospital import Hospital, ct_series
from tests.hospital.project import release_files
from tests.hospital.series import draw, state_of, uid

IMAGES = ct_series()
KEY = IMAGES[10]


@pytest.fixture
def hospital(hospital: Hospital) -> Hospital:
    """The images are so flat that each lesion lacks contrast: here that alone makes none noisy."""
    return lenient(hospital)


def lenient(hospital: Hospital) -> Hospital:
    release = hospital.settings.release.model_copy(update={"noise_threshold": 0.7})
    hospital.settings = hospital.settings.model_copy(update={"release": release})
    return hospital


def a_state(name: str, time: str, *centres: tuple[float, float], image: Dataset = KEY, series: str = "one") -> Dataset:
    """A state of the succession ``series``, made at ``time`` (HHMMSS): pairs of 20 x 10 pixels around the centres."""
    state = state_of([image], name)
    state.SeriesInstanceUID = uid(image.StudyInstanceUID, series)
    state.PresentationCreationTime = time
    for x, y in centres:
        draw(state, image, (x - 10, y, x + 10, y), (x, y - 5, x, y + 5))
    return state


def elsewhere(state: Dataset, study: str) -> Dataset:
    """The state, filed in another study of the patient (with images of its own, as archives want)."""
    state.StudyInstanceUID = uid("P1", study)
    return state


def released(hospital: Hospital, name: str) -> list[LesionRow]:
    """The lesions of a release that its check and the audit agree with."""
    hospital.release(name)
    assert hospital.check(name).faults == ()
    with open_catalogue(hospital.settings) as catalogue:
        assert verify(catalogue, hospital.settings.images, hospital.folder / name) == []
    return read_rows(hospital.folder / name / "DL_info.csv")


def cells(rows: list[LesionRow]) -> list[tuple[str, ...]]:
    return [row.cells() for row in rows]


def said(hospital: Hospital, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((hospital.folder / name / "release.json").read_text())
    return content


def noise_of(hospital: Hospital, name: str) -> list[str]:
    lines = (hospital.folder / name / "lesions.csv").read_text().splitlines()
    return [line.split(",")[6].replace("contrast", "").strip(";") for line in lines[1:]]


def centre(row: LesionRow) -> tuple[float, float]:
    """Of the box, in DICOM's corner frame."""
    left, top, right, bottom = row.box
    return (left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5


def text_of(hospital: Hospital, name: str) -> str:
    with open_catalogue(hospital.settings) as catalogue:
        return "\n".join(trace(catalogue, hospital.settings.images, name).lines())


def test_corrected_before_its_release_it_is_one_lesion_as_corrected(hospital: Hospital) -> None:
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)), a_state("b", "110000", (48, 48)))
    hospital.mine()
    (row,) = released(hospital, "one")
    assert centre(row) == (48, 48)
    assert (row.noisy, noise_of(hospital, "one")) == (0, [""])
    assert "after 1 earlier states" in text_of(hospital, "DL_info.csv:0")
    assert said(hospital, "one")["corrections"] == []


def test_moved_by_another_reader_it_is_two(hospital: Hospital) -> None:
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)), a_state("b", "110000", (48, 48), series="two"))
    hospital.mine()
    assert sorted(map(centre, released(hospital, "one"))) == [(40, 48), (48, 48)]


def test_corrected_after_its_release_the_row_stays_and_the_correction_is_told(hospital: Hospital) -> None:
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)))
    hospital.mine()
    released(hospital, "one")
    hospital.add(a_state("b", "110000", (48, 48)), a_state("c", "120000", (56, 48)))
    assert hospital.mine().outcomes == {"mined": 1}
    released(hospital, "two")
    assert release_files(hospital.folder / "one") == release_files(hospital.folder / "two")
    (lesion_uid,) = {row.split(",")[0] for row in (hospital.folder / "two/lesions.csv").read_text().splitlines()[1:]}
    assert said(hospital, "two")["corrections"] == [
        {"uid": lesion_uid, "rows": {"DL_info.csv": 0, "bookmarks.csv": 0}, "newer_states": 2}
    ]
    assert said(hospital, "two")["row_changes"] == []
    assert "corrected since by 2 newer states" in text_of(hospital, lesion_uid)
    with open_catalogue(hospital.settings) as catalogue:
        told = [event.payload["corrected"] for event in catalogue.events() if "corrected" in event.payload]
    assert told == [[], [lesion_uid]]
    assert hospital.mine().outcomes == {"unchanged": 1}


def test_deleted_before_its_release_it_stays_and_may_be_noise(hospital: Hospital) -> None:
    both, one = a_state("a", "100000", (40, 48), (70, 60)), a_state("b", "110000", (70, 60))
    hospital.add(IMAGES, both, one)
    hospital.mine()
    rows = {centre(row): row.noisy for row in released(hospital, "one")}
    assert rows == {(40, 48): 1, (70, 60): 0}
    assert sorted(noise_of(hospital, "one")) == ["", "deleted-later"]


def test_a_state_that_holds_only_what_is_new_deletes_nothing(hospital: Hospital) -> None:
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)), a_state("b", "110000", (70, 60)))
    hospital.mine()
    assert [row.noisy for row in released(hospital, "one")] == [0, 0]


def test_a_pair_that_a_later_line_makes_ambiguous_was_not_deleted(hospital: Hospital) -> None:
    both = draw(a_state("b", "110000", (40, 48)), KEY, (41, 43, 41, 53.5), (38, 44, 38, 54))
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)), both)
    hospital.mine()
    assert [(centre(row), row.noisy) for row in released(hospital, "one")] == [((40, 48), 0)]


def test_a_state_without_any_graphic_left_deletes(hospital: Hospital) -> None:
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)), a_state("b", "110000"))
    hospital.mine()
    assert [row.noisy for row in released(hospital, "one")] == [1]


def test_a_state_of_another_image_deletes_nothing(hospital: Hospital) -> None:
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)), a_state("b", "110000", (40, 48), image=IMAGES[14]))
    hospital.mine()
    assert [row.noisy for row in released(hospital, "one")] == [0, 0]


def test_deleted_after_its_release_the_change_is_listed_and_taken_back(hospital: Hospital) -> None:
    hospital.add(IMAGES, a_state("a", "100000", (40, 48)))
    hospital.mine()
    released(hospital, "one")
    for name, time, centres, noisy in (("b", "110000", (), 1), ("c", "120000", ((40, 48),), 0)):
        hospital.add(a_state(name, time, *centres))
        hospital.mine()
        assert [row.noisy for row in released(hospital, name)] == [noisy]
        (change,) = said(hospital, name)["row_changes"]
        assert (change["column"], change["old"], change["new"]) == ("Possibly_noisy", str(1 - noisy), str(noisy))
        assert noise_of(hospital, name) == ["deleted-later" if noisy else ""]


def test_one_measurement_written_twice_in_a_report_is_one_lesion(hospital: Hospital) -> None:
    """Each group has a Tracking Unique Identifier of its own; the study is not lost by it."""
    pair = Pair(((30.0, 48.0), (50.0, 48.0)), ((40.0, 43.0), (40.0, 53.0)))
    written = report([KEY], {KEY.SOPInstanceUID: [pair, pair]}, "ohif")
    hospital.add(IMAGES, written)
    assert hospital.mine().outcomes == {"mined": 1}
    assert [centre(row) for row in released(hospital, "one")] == [(40.5, 48.5)]


Fill = Callable[[Hospital], None]


def in_studies(*studies: str) -> list[Dataset]:
    """States of one lesion in these studies, each a little further right and an hour later than the one before."""
    return [
        elsewhere(a_state(study, f"1{hour}0000", (40 + hour, 48), series=study), study)
        for hour, study in enumerate(studies)
    ]


@pytest.fixture
def mined_in(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Files of a release after the states were added and mined one after the other in this order, and its rows."""

    def _mined(states: list[Dataset]) -> tuple[dict[str, bytes], list[LesionRow], dict[str, Any]]:
        with Hospital(tmp_path_factory.mktemp("hospital")) as opened:
            hospital = lenient(opened)
            hospital.add(IMAGES, *(ct_series(study=study, series="9", slices=1) for study in ("S2", "S3")))
            for state in states:
                hospital.add(state)
                hospital.mine()
            assert hospital.status().bookmarks == {"recist": len(states)}
            rows = released(hospital, "one")
            status = hospital.status()
            assert (status.bookmarks, status.superseded) == ({"recist": 1}, len(states) - 1)
            text = text_of(hospital, "DL_info.csv:0")
            assert text.count("another study's measurement stands") == len(states) - 1
            files = release_files(hospital.folder / "one")
            hospital.mine()
            again = released(hospital, "two")
            assert cells(again) == cells(rows), "the states that did not stand stay history"
            return files, rows, said(hospital, "one")

    return _mined


def test_one_lesion_in_several_annotation_studies_is_one_row_in_any_order(mined_in: Any) -> None:
    states = in_studies("S1", "S2", "S3")
    files, (row,), statement = mined_in(states)
    assert centre(row) == (42, 48), "the newest stands"
    assert [entry["bookmarks"] for entry in statement["merged"]] == [3]
    for order in ([2, 1, 0], [1, 2, 0]):
        assert mined_in([states[number] for number in order])[0] == files


@pytest.mark.parametrize("issuers", [("", "X", "Y"), ("", "Q", ""), ("", "R", "")])
def test_the_newest_stands_where_the_studies_name_other_issuers(hospital: Hospital, issuers: tuple[str, ...]) -> None:
    hospital.add(IMAGES)
    for study, issuer, state in zip(("S1", "S2", "S3"), issuers, in_studies("S1", "S2", "S3"), strict=True):
        filed = [state] if study == "S1" else [state, *ct_series(study=study, series="9", slices=1)]
        for entry in filed:
            entry.IssuerOfPatientID = issuer
        hospital.add(filed)
    hospital.mine()
    (row,) = released(hospital, "one")
    assert centre(row) == (42, 48)


def test_a_new_measurement_in_another_study_after_the_release_is_a_correction(hospital: Hospital) -> None:
    first, second = in_studies("S1", "S2")
    hospital.add(IMAGES, ct_series(study="S2", series="9", slices=1), first)
    hospital.mine()
    before = released(hospital, "one")
    hospital.add(second)
    hospital.mine()
    assert cells(released(hospital, "two")) == cells(before)
    (correction,) = said(hospital, "two")["corrections"]
    assert correction["newer_states"] == 1
    assert (hospital.status().bookmarks, hospital.status().superseded) == ({"recist": 1}, 1)
