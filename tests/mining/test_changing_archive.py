"""An archive that changes between runs: late slices, corrected and deleted states, merged patients, moved series."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from miner.audit import verify
from miner.dataset.dl_info import LesionRow, read_rows
from miner.errors import ExitStatus, Reason
from miner.mining.project import open_catalogue
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.project import release_files
from tests.hospital.series import draw, state_of, uid


def rows_of(hospital: Hospital, name: str) -> list[LesionRow]:
    hospital.release(name)
    assert hospital.check(name).faults == ()
    with open_catalogue(hospital.settings) as catalogue:
        assert verify(catalogue, hospital.settings.images, hospital.folder / name) == []
    return read_rows(hospital.folder / name / "DL_info.csv")


def cells_of(hospital: Hospital, name: str) -> list[tuple[str, ...]]:
    return [row.cells() for row in rows_of(hospital, name)]


def with_selection(hospital: Hospital, **changes: Any) -> None:
    selection = hospital.settings.selection.model_copy(update=changes)
    hospital.settings = hospital.settings.model_copy(update={"selection": selection})


def test_slices_that_arrive_after_the_first_run_renumber_what_no_release_holds(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images[:16], ruler_pair(images[10]))
    hospital.mine()
    hospital.add(images[16:])
    assert hospital.mine().outcomes == {"mined": 1}, "no new annotation, but the series is another one"
    (row,) = rows_of(hospital, "release")
    assert row.key_slice == 24 - 10
    assert row.slice_range == (8, 20)
    stored = {str(path.relative_to(hospital.settings.images)) for path in hospital.settings.images.rglob("*.png")}
    with open_catalogue(hospital.settings) as catalogue:
        assert stored == {f"{entry.series_key}/{entry.number:03d}.png" for entry in catalogue.known_slices()}
    assert hospital.mine().outcomes == {"unchanged": 1}


def test_late_slices_leave_no_trace_in_the_release(hospital: Hospital, tmp_path_factory: Any) -> None:
    images = ct_series()
    hospital.add(images[:16], ruler_pair(images[10]))
    hospital.mine()
    hospital.add(images[16:])
    hospital.mine()
    hospital.release()
    with Hospital(tmp_path_factory.mktemp("whole")) as whole:
        whole.add(images, ruler_pair(images[10]))
        whole.mine()
        whole.release()
        expected = release_files(whole.folder / "release")
    assert release_files(hospital.folder / "release") == expected


def test_late_slices_bring_back_every_study_that_marks_the_series(hospital: Hospital) -> None:
    images = ct_series()
    other_study = ruler_pair(images[4], x=40, name="elsewhere")
    other_study.StudyInstanceUID = uid("P1", "S2")
    hospital.add(images[:16], ruler_pair(images[10]), ct_series(study="S2", series="9", slices=1), other_study)
    hospital.mine()
    assert hospital.status().bookmarks == {"recist": 2}
    hospital.add(images[16:])
    hospital.mine()
    hospital.mine()
    assert hospital.status().bookmarks == {"recist": 2}
    assert [row.key_slice for row in rows_of(hospital, "release")] == [14, 20]


def test_a_published_series_keeps_its_numbers_and_names_what_it_cannot_take_in(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images[:16], ruler_pair(images[10]))
    hospital.mine()
    before = cells_of(hospital, "one")
    hospital.add(images[16:], ruler_pair(images[4], x=40, name="late"))
    hospital.mine()
    assert cells_of(hospital, "two") == before
    assert hospital.status().marks == {Reason.SERIES_CHANGED: 4}


def test_a_lesion_whose_first_state_was_deleted_is_not_published_twice(hospital: Hospital) -> None:
    images = ct_series()
    first = ruler_pair(images[10])
    hospital.add(images, first)
    hospital.mine()
    before = cells_of(hospital, "one")
    corrected = draw(state_of([images[10]], "second"), images[10], (38, 49, 59, 49), (48, 43, 48, 54))
    hospital.remove(first)
    hospital.add(corrected)
    assert hospital.mine().outcomes == {"mined": 1}
    assert cells_of(hospital, "two") == before
    assert len((hospital.folder / "two" / "bookmarks.csv").read_text().splitlines()) == 2


def test_an_older_state_that_arrives_late_is_history_of_the_published_lesion(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    before = cells_of(hospital, "one")
    older = draw(state_of([images[10]], "older"), images[10], (38, 49, 59, 49), (48, 43, 48, 54))
    older.PresentationCreationTime = "080000"
    hospital.add(older)
    hospital.mine()
    assert cells_of(hospital, "two") == before


def test_a_published_lesion_measured_again_in_another_study_stays_one(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    before = cells_of(hospital, "one")
    again = draw(state_of([images[10]], "again"), images[10], (38, 49, 59, 49), (48, 43, 48, 54))
    again.StudyInstanceUID = uid("P1", "S2")
    hospital.add(ct_series(study="S2", series="9", slices=1), again)
    hospital.mine()
    assert cells_of(hospital, "two") == before


def test_an_archive_that_knows_nothing_any_more_undoes_nothing(hospital: Hospital) -> None:
    """Another PACS in the configuration, a share that is not mounted: that is no deletion."""
    images = ct_series()
    state, other = ruler_pair(images[10]), ruler_pair(images[4], x=40, name="of an image that has not come")
    hospital.add(images[:4], images[5:], state, other)
    assert hospital.mine().outcomes == {"partial": 1}
    before = hospital.status()
    assert before.bookmarks == {"recist": 1} and len(before.missing) == 1
    hospital.remove(*images[:4], *images[5:], state, other)
    report = hospital.mine()
    assert report.outcomes == {"failed": 1}
    assert report.exit_status == ExitStatus.INCOMPLETE
    after = hospital.status()
    assert (after.bookmarks, after.objects, after.slices) == (before.bookmarks, before.objects, before.slices)
    assert after.study_reasons == {"failed: find-failed": 1}


def test_a_study_that_was_deleted_is_undone(hospital: Hospital) -> None:
    images = ct_series()
    state, other = ruler_pair(images[10]), ruler_pair(images[4], x=40, name="of an image that has not come")
    hospital.add(images[:4], images[5:], state, other, ct_series(study="S2", series="9", slices=1))
    hospital.mine()
    hospital.remove(*images[:4], *images[5:], state, other)
    assert hospital.mine().outcomes == {"refused": 1}, "the archive knows the patient, by another study"
    assert hospital.status().bookmarks == {}


def test_merged_patients_become_one(hospital: Hospital) -> None:
    one, other = ct_series("P1", "S1"), ct_series("P2", "S2")
    hospital.add(one, other, ruler_pair(one[10]), ruler_pair(other[10]))
    hospital.mine()
    moved = [*other, ruler_pair(other[10])]
    hospital.remove(*moved)
    for entry in moved:
        entry.PatientID = "P1"
    hospital.add(moved)
    assert hospital.mine().outcomes == {"mined": 1, "unchanged": 1}
    assert len({row.patient_index for row in rows_of(hospital, "release")}) == 1


def test_a_study_moved_to_a_patient_without_issuer_loses_the_old_issuer(hospital: Hospital) -> None:
    one, other = ct_series("P1", "S1"), ct_series("P2", "S2")
    moved = [*other, ruler_pair(other[10])]
    for entry in moved:
        entry.IssuerOfPatientID = "ELSEWHERE"
    hospital.add(one, ruler_pair(one[10]), moved)
    hospital.mine()
    hospital.remove(*moved)
    for entry in moved:
        entry.PatientID = "P1"
        del entry.IssuerOfPatientID
    hospital.add(moved)
    hospital.mine()
    assert len({row.patient_index for row in rows_of(hospital, "release")}) == 1


def test_a_series_moved_to_another_study_before_its_release_moves_along(hospital: Hospital) -> None:
    images, state = ct_series(), ruler_pair(ct_series()[10])
    hospital.add(images, state)
    hospital.mine()
    hospital.remove(*images, state)
    for entry in (*images, state):
        entry.StudyInstanceUID = uid("P1", "S2")
    hospital.add(images, state)
    assert hospital.mine().outcomes == {"mined": 1}
    assert len(rows_of(hospital, "release")) == 1
    assert hospital.mine().outcomes == {"unchanged": 1, "refused": 1}, "nothing is left of the old study"


def test_a_series_copied_into_another_study_stays_where_it_was_met_first(hospital: Hospital) -> None:
    images, copies = ct_series(), ct_series(study="S2")
    for copy in copies:
        copy.SeriesInstanceUID = images[0].SeriesInstanceUID
    hospital.add(images, copies, ruler_pair(images[10]), ruler_pair(copies[10]))
    for outcomes in ({"mined": 1, "refused": 1}, {"unchanged": 2}, {"unchanged": 2}):
        assert hospital.mine().outcomes == outcomes
    assert hospital.status().marks == {"used": 2, Reason.CONTENT_CONFLICT: 2}
    assert len(rows_of(hospital, "release")) == 1


def test_a_wider_selection_is_mined_without_a_new_annotation(hospital: Hospital) -> None:
    images = ct_series()
    for image in images:
        image.BodyPartExamined = "HEAD"
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    with_selection(hospital, head_context=True)
    assert hospital.mine().outcomes == {"mined": 1}
    with_selection(hospital, head_context=True, context_mm=10.0)
    hospital.mine()
    (row,) = rows_of(hospital, "release")
    assert row.slice_range == (12, 16)


def rewritten(hospital: Hospital, old: Dataset, new: Dataset, **made: str) -> Dataset:
    """The archive holds ``new`` under the UID of ``old``, written at another time."""
    new.SOPInstanceUID = new.file_meta.MediaStorageSOPInstanceUID = old.SOPInstanceUID
    new.SeriesInstanceUID = old.SeriesInstanceUID
    for keyword, value in made.items():
        setattr(new, keyword, value)
    hospital.remove(old)
    hospital.add(new)
    return new


@pytest.mark.parametrize("keyword", ["PresentationCreationTime", "InstanceCreationTime", "ContentTime"])
def test_a_state_written_anew_under_its_own_uid_is_mined_again(hospital: Hospital, keyword: str) -> None:
    images = ct_series()
    state = ruler_pair(images[10])
    hospital.add(images, state)
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.mine().outcomes == {"unchanged": 1}
    rewritten(hospital, state, ruler_pair(images[12], x=40.0), **{keyword: "160000"})
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.status().bookmarks == {"recist": 1}
    (row,) = rows_of(hospital, "release")
    assert row.key_slice == 24 - 12
    assert hospital.mine().outcomes == {"unchanged": 1}


def test_a_published_measurement_stays_where_its_object_was_written_anew(hospital: Hospital) -> None:
    images = ct_series()
    state = ruler_pair(images[10])
    hospital.add(images, state)
    hospital.mine()
    (first,) = rows_of(hospital, "first")
    again = draw(ruler_pair(images[10], x=49.0), images[14], (20, 40, 40, 40), (30, 35, 30, 45))
    rewritten(hospital, state, again, PresentationCreationTime="160000")
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.status().marks == {"used": 2, Reason.CONTENT_CONFLICT: 2}, "named, and the rest is taken"
    kept, other = rows_of(hospital, "second")
    assert (kept.file_name, kept.cells()[6]) == (first.file_name, first.cells()[6])
    assert other.file_name != kept.file_name
    assert hospital.mine().outcomes == {"unchanged": 1}
    assert len(rows_of(hospital, "third")) == 2


def test_a_published_state_that_is_written_anew_with_the_same_measurement_is_the_same(hospital: Hospital) -> None:
    images = ct_series()
    state = ruler_pair(images[10])
    hospital.add(images, state)
    hospital.mine()
    before = cells_of(hospital, "first")
    rewritten(hospital, state, ruler_pair(images[10]), PresentationCreationTime="160000")
    assert hospital.mine().outcomes == {"mined": 1}
    assert cells_of(hospital, "second") == before
    assert hospital.status().marks == {"used": 2}
