"""What should be here and is not: each thing once, by a name that the vault resolves, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset

from miner.audit import verify
from miner.broker import resolve
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import ExitStatus, Reason
from miner.mining.project import open_catalogue, open_project
from tests.hospital import Hospital, ct_series, other_object, ruler_pair
from tests.hospital.project import release_files
from tests.hospital.series import draw, state_of, uid

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


class Withholding(Behaviour):
    """Never sends the objects with these SOP Instance UIDs."""

    def __init__(self, *objects: Dataset) -> None:
        self.uids = {str(entry.SOPInstanceUID) for entry in objects}

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, dataset in answers:
            if dataset is None or str(dataset.SOPInstanceUID) not in self.uids:
                yield status, dataset


class Unlisted(Behaviour):
    """Fails queries whose Identifier a test picks."""

    def __init__(self, fails: Callable[[Dataset], bool]) -> None:
        self.fails = fails

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if self.fails(request.identifier):
            yield 0xC000, None
        else:
            yield from answers


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from miner.pacs import retry

    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)


def named(hospital: Hospital) -> set[tuple[str, str, str, str]]:
    """Level, UID that the vault resolves the key to, kind and reason of everything that is missing."""
    found = set()
    for entry in hospital.status().missing:
        with open_project(hospital.settings) as project:
            levels = resolve(project, str(entry["key"])).levels
        place = {"object": ("object", "instance"), "series": ("series",), "study": ("study",)}[str(entry["level"])]
        name = {"object": "sop_uid", "series": "series_uid", "study": "study_uid"}[str(entry["level"])]
        value = next(levels[level][name] for level in place if level in levels)
        assert levels["patient"]["patient_id"], "whatever is missing leads to its patient"
        found.add((str(entry["level"]), value, str(entry["kind"]), str(entry["reason"])))
    assert len(found) == len(hospital.status().missing), "each once"
    return found


def uids(objects: Iterable[Dataset]) -> list[str]:
    return [str(entry.SOPInstanceUID) for entry in objects]


def adds_up(hospital: Hospital) -> None:
    """Every object asked for has arrived or is named; the counts by reason are those of the list."""
    status = hospital.status()
    never_asked = {Reason.IMAGE_NOT_FOUND}
    objects = [e for e in status.missing if e["level"] == "object" and e["reason"] not in never_asked]
    assert status.traffic["objects_asked"] == status.traffic["objects_arrived"] + len(objects)
    assert sum(status.missing_reasons.values()) == len(status.missing)
    partial = {e["study_key"] for e in status.missing if e["state"] == "partial"}
    assert len(partial) == status.studies.get("partial", 0), "a study that is not whole names what it lacks"
    with open_catalogue(hospital.settings) as catalogue:
        assert verify(catalogue, hospital.settings.images, None) == []


def test_images_that_do_not_come_are_named(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    absent = images[8], images[11]
    hospital.pacs.behaviour = Withholding(*absent)
    report = hospital.mine()
    assert report.exit_status is ExitStatus.INCOMPLETE
    assert named(hospital) == {("object", name, "image", Reason.NOT_RETRIEVED) for name in uids(absent)}
    assert hospital.status().missing_reasons == {"object: not-retrieved": 2}
    adds_up(hospital)


def test_what_is_missing_counts_its_looks_and_goes_when_it_comes(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    hospital.pacs.behaviour = Withholding(images[8], images[11])
    hospital.mine()
    hospital.pacs.behaviour = Withholding(images[11])
    hospital.mine()
    (entry,) = hospital.status().missing
    assert entry["attempts"] == 2
    assert named(hospital) == {("object", images[11].SOPInstanceUID, "image", Reason.NOT_RETRIEVED)}
    adds_up(hospital)
    hospital.pacs.behaviour = Behaviour()
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.status().missing == ()
    adds_up(hospital)


def test_annotations_that_do_not_come_are_named_with_their_modality(hospital: Hospital) -> None:
    images = ct_series()
    state, other = ruler_pair(images[10]), ruler_pair(images[4], x=40, name="other")
    hospital.add(images, state, other)
    hospital.pacs.behaviour = Withholding(state)
    hospital.mine()
    assert named(hospital) == {("object", state.SOPInstanceUID, "PR", Reason.NOT_RETRIEVED)}
    assert hospital.status().bookmarks == {"recist": 1}
    adds_up(hospital)


def test_a_retrieval_that_fails_whole_costs_the_other_series_nothing(hospital: Hospital) -> None:
    images, broken = ct_series(), ct_series(series="2")
    hospital.add(images, broken, ruler_pair(images[10]), ruler_pair(broken[10], name="broken"))

    class Failing(Behaviour):
        def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
            if str(request.identifier.SeriesInstanceUID) == str(broken[0].SeriesInstanceUID):
                yield 0xA702, None
            else:
                yield from answers

    hospital.pacs.behaviour = Failing()
    assert hospital.mine().outcomes == {"partial": 1}
    ((level, name, kind, reason),) = named(hospital)
    assert (level, name, kind) == ("object", broken[10].SOPInstanceUID, "image")
    assert Reason(reason) in (Reason.NOT_RETRIEVED, Reason.RETRIEVE_FAILED)
    assert hospital.status().bookmarks == {"recist": 1}
    adds_up(hospital)


def test_an_annotation_series_that_is_not_listed_is_named(hospital: Hospital) -> None:
    images = ct_series()
    state, other = ruler_pair(images[10]), ruler_pair(images[4], x=40, name="other")
    hospital.add(images, state, other)
    hospital.pacs.behaviour = Unlisted(lambda wanted: wanted.get("SeriesInstanceUID") == state.SeriesInstanceUID)
    assert hospital.mine().outcomes == {"partial": 1}
    assert named(hospital) == {("series", state.SeriesInstanceUID, "PR", Reason.FIND_FAILED)}
    assert hospital.status().bookmarks == {"recist": 1}
    adds_up(hospital)
    hospital.pacs.behaviour = Behaviour()
    hospital.mine()
    assert hospital.status().missing == ()
    assert hospital.status().bookmarks == {"recist": 2}


def test_a_series_of_images_that_is_not_listed_is_named(hospital: Hospital) -> None:
    images, other = ct_series(), ct_series(series="2")
    hospital.add(images, other, ruler_pair(images[10]), ruler_pair(other[10], name="other"))
    hospital.pacs.behaviour = Unlisted(lambda wanted: wanted.get("SeriesInstanceUID") == other[0].SeriesInstanceUID)
    assert hospital.mine().outcomes == {"partial": 1}
    assert named(hospital) == {("series", other[0].SeriesInstanceUID, "image", Reason.FIND_FAILED)}
    assert hospital.status().marks == {"used": 2, Reason.FIND_FAILED: 2}
    adds_up(hospital)


def test_a_series_that_an_image_may_have_gone_to_is_named_while_it_is_not_listed(hospital: Hospital) -> None:
    images, other = ct_series(), ct_series(series="2")
    astray = ruler_pair(images[10])
    astray.ReferencedSeriesSequence[0].SeriesInstanceUID = uid("the name before")
    hospital.add(images, other, astray)
    hospital.pacs.behaviour = Unlisted(lambda wanted: wanted.get("SeriesInstanceUID") == images[0].SeriesInstanceUID)
    hospital.mine()
    assert named(hospital) == {("series", images[0].SeriesInstanceUID, "image", Reason.FIND_FAILED)}
    hospital.pacs.behaviour = Unlisted(lambda wanted: wanted.get("SeriesInstanceUID") == other[0].SeriesInstanceUID)
    assert hospital.mine().outcomes == {"mined": 1}, "found elsewhere: nothing is missing any more"
    assert hospital.status().missing == ()


def test_other_studies_of_the_patient_that_are_not_found_leave_the_series_named(hospital: Hospital) -> None:
    images, prior = ct_series(), ct_series(study="S0")
    state = ruler_pair(prior[10], name="on the prior")
    state.StudyInstanceUID = images[0].StudyInstanceUID
    hospital.add(images, prior, state, ruler_pair(images[10]))
    hospital.pacs.behaviour = Unlisted(lambda wanted: bool(wanted.get("PatientID")))
    assert hospital.mine().outcomes == {"partial": 1}
    assert named(hospital) == {("series", prior[0].SeriesInstanceUID, "image", Reason.FIND_FAILED)}
    assert hospital.status().bookmarks == {"recist": 1}
    hospital.pacs.behaviour = Behaviour()
    hospital.mine()
    assert hospital.status().missing == ()
    assert hospital.status().bookmarks == {"recist": 2}


def test_an_image_that_no_query_shows_is_named_as_not_found(hospital: Hospital) -> None:
    images, elsewhere = ct_series(), ct_series(series="2")
    both = draw(ruler_pair(elsewhere[10], name="astray"), elsewhere[3], (20, 20, 40, 30))
    hospital.add(images, ruler_pair(images[10]), both)
    report = hospital.mine()
    assert report.exit_status is ExitStatus.DONE, "the PACS says that it has no such image"
    assert named(hospital) == {
        ("object", elsewhere[index].SOPInstanceUID, "image", Reason.IMAGE_NOT_FOUND) for index in (3, 10)
    }
    adds_up(hospital)


def test_a_study_that_failed_before_anything_was_listed_is_named(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    hospital.pacs.behaviour = Unlisted(lambda wanted: wanted.QueryRetrieveLevel == "SERIES")
    for attempts in (1, 2):
        assert hospital.mine().outcomes == {"failed": 1}
        assert named(hospital) == {("study", images[0].StudyInstanceUID, "", Reason.FIND_FAILED)}
        assert hospital.status().missing[0]["attempts"] == attempts
    hospital.pacs.behaviour = Behaviour()
    hospital.mine()
    assert hospital.status().missing == ()


def test_a_failed_study_keeps_the_names_of_what_it_lacked_before(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    hospital.pacs.behaviour = Withholding(images[10])
    hospital.mine()
    hospital.pacs.behaviour = Unlisted(lambda wanted: wanted.QueryRetrieveLevel == "SERIES")
    hospital.mine()
    assert named(hospital) == {
        ("study", images[0].StudyInstanceUID, "", Reason.FIND_FAILED),
        ("object", images[10].SOPInstanceUID, "image", Reason.NOT_RETRIEVED),
    }
    adds_up(hospital)


def test_what_the_rules_refuse_is_not_missing(hospital: Hospital) -> None:
    images = ct_series()
    dose = other_object(images[0], "1.2.840.10008.5.1.4.1.1.88.67", "SR")
    captures = ct_series(series="3", slices=3)
    for capture in captures:
        capture.SOPClassUID = capture.file_meta.MediaStorageSOPClassUID = SECONDARY_CAPTURE
    hospital.add(images, captures, dose, ruler_pair(images[10]), ruler_pair(captures[1], name="capture"))
    assert hospital.mine().outcomes == {"mined": 1}
    assert hospital.status().missing == ()
    adds_up(hospital)


def test_names_are_given_once_whatever_comes_on_the_way(hospital: Hospital) -> None:
    """Faults of every kind at once, cured one by one, end in the release that a run without faults gives."""
    one, two = ct_series("P1"), ct_series("P2")
    states = [ruler_pair(one[10]), ruler_pair(one[16], x=40, name="late"), ruler_pair(two[10])]
    hospital.add(one, two, states)
    hospital.pacs.behaviour = Withholding(one[9], one[10], states[1], two[10])
    hospital.mine()
    assert len(named(hospital)) == 3, "the slices beside a key slice that did not come are not asked for"
    adds_up(hospital)
    hospital.pacs.behaviour = Withholding(one[9])
    hospital.mine()
    assert named(hospital) == {("object", one[9].SOPInstanceUID, "image", Reason.NOT_RETRIEVED)}
    adds_up(hospital)
    hospital.pacs.behaviour = Behaviour()
    hospital.mine()
    adds_up(hospital)
    hospital.release("cured")
    with Hospital(hospital.folder / "whole") as whole:
        whole.add(one, two, states)
        whole.mine()
        whole.release("at once")
        assert release_files(whole.folder / "at once") == release_files(hospital.folder / "cured")


def test_a_series_without_positions_that_does_not_come_whole_names_the_slices(hospital: Hospital) -> None:
    class Unplaced(Withholding):
        def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
            for status, row in answers:
                if row is not None and request.level == "IMAGE":
                    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
                        if keyword in row:
                            del row[keyword]
                yield status, row

    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    hospital.pacs.behaviour = Unplaced(images[20])
    hospital.mine()
    assert named(hospital) == {("object", images[20].SOPInstanceUID, "image", Reason.NOT_RETRIEVED)}
    adds_up(hospital)


def test_the_command_shows_the_first_by_name_and_all_in_the_document(
    hospital: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    from miner.console import Terminal
    from miner.show import MISSING_SHOWN, Show

    images = ct_series(slices=60, spacing_z=1.0)
    hospital.add(images, ruler_pair(images[30]))
    hospital.pacs.behaviour = Withholding(*images[:30], *images[31:])
    hospital.mine()
    status = hospital.status()
    assert len(status.missing) == 60 - 1
    Show(Terminal()).status(status)
    shown = capsys.readouterr().out
    assert sum(str(entry["key"]) in shown for entry in status.missing) == MISSING_SHOWN
    assert f"The first {MISSING_SHOWN} of 59" in " ".join(shown.split())
    Show(Terminal(as_json=True)).status(status)
    assert capsys.readouterr().out.count('"kind": "image"') == 59


def _nothing(*_: Any) -> None:
    """Nothing."""


def test_a_mark_that_names_no_image_leaves_its_study_named(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever makes a study partial, something stands in the list for it."""
    from miner.mining.books import StudyBooks

    monkeypatch.setattr(StudyBooks, "miss_image", _nothing)
    images, elsewhere = ct_series(), ct_series(series="2")
    hospital.add(images, ruler_pair(elsewhere[10], name="astray"), state_of(images))
    hospital.mine()
    assert named(hospital) == {("study", images[0].StudyInstanceUID, "", Reason.IMAGE_NOT_FOUND)}
