"""Archives that list, name and hold things as no standard says: nothing is doubled, lost in silence, or starved."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import ExitStatus, PacsError, Reason
from miner.mining import cohort
from miner.mining.run import RunReport, open_run, run_in_process
from miner.pacs import Peer
from miner.pacs.dimse.archive import DimsePacs
from miner.records import InstanceRef, SeriesRef, StudyRef
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.series import draw, state_of, uid


class ListedTwice(DimsePacs):
    """Lists every object of a series once more in a second series of the study."""

    SUFFIX = ".2"

    def find_series(self, study: StudyRef) -> list[SeriesRef]:
        found = super().find_series(study)
        return found + [replace(entry, series_uid=entry.series_uid + self.SUFFIX) for entry in found]

    def find_instances(self, series: SeriesRef) -> list[InstanceRef]:
        real = replace(series, series_uid=series.series_uid.removesuffix(self.SUFFIX))
        return [replace(entry, series_uid=series.series_uid) for entry in super().find_instances(real)]

    def fetch(self, wanted: Sequence[InstanceRef], spool: Path):  # type: ignore[no-untyped-def]
        real = [replace(entry, series_uid=entry.series_uid.removesuffix(self.SUFFIX)) for entry in wanted]
        return super().fetch(real, spool)


def mine_with(hospital: Hospital, pacs: type[DimsePacs]) -> RunReport:
    with open_run(
        hospital.settings, cohort.Request(since="all"), open_pacs=lambda: pacs(Peer.of(hospital.settings), attempts=1)
    ) as run:
        return run_in_process(run)


def test_a_state_listed_in_two_series_is_read_once(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    assert mine_with(hospital, ListedTwice).outcomes == {"mined": 1}
    assert hospital.status().bookmarks == {"recist": 1}
    assert hospital.status().marks == {"used": 2}
    assert hospital.status().objects == {"accepted": 1}


def test_an_image_listed_in_two_series_lies_in_the_one_that_its_mark_names(hospital: Hospital) -> None:
    images = ct_series()
    first, second = ruler_pair(images[10]), ruler_pair(images[16], name="second")
    second.ReferencedSeriesSequence[0].SeriesInstanceUID += ListedTwice.SUFFIX
    both = draw(state_of([images[10]], "both"), images[10], (38, 49, 59, 49), (48, 43, 48, 54))
    both.ReferencedSeriesSequence[0].SeriesInstanceUID += ListedTwice.SUFFIX
    hospital.add(images, first, second, both)
    assert mine_with(hospital, ListedTwice).outcomes == {"mined": 1}
    hospital.release()
    assert hospital.check().faults == ()
    assert hospital.status().marks == {"used": 6}
    names = [line.split(",")[0] for line in (hospital.folder / "release" / "DL_info.csv").read_text().splitlines()[1:]]
    assert len(names) == 2, "one lesion on an image, whichever series its states name"
    assert len({name[:12] for name in names}) == 2, "each in the series that is named"


@pytest.mark.parametrize("patient_id", ["P*", "P?1", "*"])
def test_a_patient_id_with_a_wildcard_costs_no_lesion(hospital: Hospital, patient_id: str) -> None:
    images, elsewhere = ct_series(patient_id), ct_series(patient_id, series="2")
    hospital.add(images, ruler_pair(images[10]), ruler_pair(elsewhere[10], name="astray"))
    hospital.mine()
    assert hospital.status().marks == {"used": 2, Reason.IMAGE_NOT_FOUND: 2}


class SeriesQueries(Behaviour):
    """Counts queries at SERIES level."""

    count = 0

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        self.count += request.level == "SERIES"
        return answers


def test_the_search_in_a_patients_other_studies_is_bounded(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    import miner.mining.locate as module

    monkeypatch.setattr(module, "OTHER_STUDIES", 3)
    images = ct_series(study="S20", day="20210320")
    prior = ct_series(study="S19", day="20210319")
    state = ruler_pair(prior[10])
    state.StudyInstanceUID = images[0].StudyInstanceUID
    for number in range(1, 19):
        hospital.add(ct_series(study=f"S{number}", slices=1, day=f"202103{number:02d}"))
    astray = ruler_pair(ct_series(study="S50")[3], name="astray")
    astray.StudyInstanceUID = images[0].StudyInstanceUID
    hospital.add(images, prior, state, astray)
    queries = hospital.pacs.behaviour = SeriesQueries()
    hospital.mine(since=None, study_uid=images[0].StudyInstanceUID)
    assert hospital.status().marks == {"used": 2, Reason.IMAGE_NOT_FOUND: 2}, "the nearest in time are asked first"
    assert queries.count <= 2 + 3, "of the study to find and to mine it, and of three others"


def test_an_issuer_that_one_study_alone_names_does_not_refile_the_other(hospital: Hospital) -> None:
    images = ct_series()
    own = ruler_pair(images[10])
    for entry in (*images, own):
        entry.IssuerOfPatientID = "HOSPITAL"
    later = ct_series(study="S2", series="9", slices=1)
    state = ruler_pair(images[4], x=40, name="later")
    state.StudyInstanceUID = later[0].StudyInstanceUID
    hospital.add(images, own, later, state)
    assert hospital.mine().outcomes == {"mined": 2}
    hospital.release()
    hospital.add(_moved_to(later[0], ruler_pair(images[16], x=52, name="latest")))
    assert hospital.mine().outcomes == {"mined": 1, "unchanged": 1}


def _moved_to(image: Dataset, state: Dataset) -> Dataset:
    state.StudyInstanceUID = image.StudyInstanceUID
    return state


class Withholding(Behaviour):
    """Never sends the objects with these SOP Instance UIDs."""

    def __init__(self, uids: Iterable[str]) -> None:
        self.uids = frozenset(uids)

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for status, dataset in answers:
            if dataset is None or str(dataset.SOPInstanceUID) not in self.uids:
                yield status, dataset


def test_what_did_not_come_is_not_hidden_by_what_is_not_there(hospital: Hospital) -> None:
    images, elsewhere = ct_series(), ct_series(series="2")
    hospital.add(images, ruler_pair(images[10]), ruler_pair(elsewhere[10], name="astray"))
    hospital.pacs.behaviour = Withholding([images[10].SOPInstanceUID])
    report = hospital.mine()
    assert hospital.status().marks == {Reason.NOT_RETRIEVED: 2, Reason.IMAGE_NOT_FOUND: 2}
    assert report.exit_status is ExitStatus.INCOMPLETE


def test_studies_that_stay_incomplete_do_not_stand_before_new_ones(hospital: Hospital) -> None:
    for number in range(4):
        absent = ct_series(f"A{number}")
        hospital.add(absent[:1], ruler_pair(ct_series(f"A{number}", series="2")[3], name="astray"))
    hospital.mine()
    images = ct_series("NEW")
    hospital.add(images, ruler_pair(images[10]))
    assert hospital.mine(limit=1).outcomes == {"mined": 1}


def test_an_opt_out_list_from_a_spreadsheet_is_read_whole(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    (hospital.folder / "opt-out.txt").write_bytes("\ufeffP1\r\nP2\r\n".encode())
    selection = hospital.settings.selection.model_copy(update={"opt_out": str(hospital.folder / "opt-out.txt")})
    hospital.settings = hospital.settings.model_copy(update={"selection": selection})
    hospital.mine()
    assert hospital.status().study_reasons == {f"refused: {Reason.OPTED_OUT}": 1}
    assert hospital.pacs.requests.objects_sent == 0


def test_several_associations_share_one_listener(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pacs = {"retrieve": "move", "move_port": port}
    with Hospital(tmp_path, pacs=pacs, limits={"associations": 3, "attempts": 1}) as hospital:
        hospital.pacs.destinations["MINER"] = ("127.0.0.1", port)
        for number in range(6):
            images = ct_series(f"P{number}")
            hospital.add(images, ruler_pair(images[10]))
        assert hospital.mine().outcomes == {"mined": 6}
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_an_unknown_destination_ends_the_run_with_one_sentence(tmp_path: Path) -> None:
    with Hospital(tmp_path, pacs={"retrieve": "move", "move_port": 0}, limits={"attempts": 1}) as hospital:
        for number in range(5):
            images = ct_series(f"P{number}")
            hospital.add(images, ruler_pair(images[10]))
        with pytest.raises(PacsError, match="AE title MINER") as caught:
            hospital.mine()
        assert caught.value.reason is Reason.MOVE_DESTINATION_UNKNOWN
        assert hospital.pacs.requests.moves == 1, "every other study would get the same answer"
        assert hospital.status().studies == {"failed": 1, "found": 4}


def test_a_spool_inside_somebody_elses_folder_takes_nothing_away(hospital: Hospital) -> None:
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    folder = hospital.folder / "scratch"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    storage = hospital.settings.storage.model_copy(update={"spool": str(folder)})
    hospital.settings = hospital.settings.model_copy(update={"storage": storage})
    assert hospital.mine().outcomes == {"mined": 1}
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def _out_of_range(images: list[Dataset]) -> None:
    images[11].RescaleSlope = 40


def _broken_key(images: list[Dataset]) -> None:
    images[10].RescaleSlope = 40


@pytest.mark.parametrize("change", [_out_of_range, _broken_key])
def test_a_volume_that_gives_nothing_leaves_no_picture(
    hospital: Hospital, change: Callable[[list[Dataset]], None]
) -> None:
    images = ct_series()
    change(images)
    hospital.add(images, ruler_pair(images[10]))
    hospital.mine()
    assert hospital.status().bookmarks == {}
    assert not list(hospital.settings.images.rglob("*.png"))


def test_a_reference_without_a_series_is_looked_for_in_the_study(hospital: Hospital) -> None:
    images = ct_series()
    other = ct_series(series="2", slices=3)
    state = ruler_pair(images[10])
    del state.ReferencedSeriesSequence
    hospital.add(images, other, state)
    hospital.mine()
    assert hospital.status().marks == {"used": 2}


def test_a_reference_to_a_series_that_was_renamed_is_looked_for_in_the_study(hospital: Hospital) -> None:
    images = ct_series()
    state = ruler_pair(images[10])
    state.ReferencedSeriesSequence[0].SeriesInstanceUID = uid("the series' name before")
    hospital.add(images, state)
    hospital.mine()
    assert hospital.status().marks == {"used": 2}
