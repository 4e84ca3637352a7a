"""miner.pacs.folder.archive: a folder answers like a PACS, and loses nothing without a word."""

from __future__ import annotations

import logging
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.uid import (
    ComprehensiveSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    ImplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
)

from miner.bookmarks import read_object
from miner.config import Pacs as PacsSettings
from miner.deid import project
from miner.errors import ConfigError, PacsUnreachable, Reason, StoppedError, StorageError
from miner.images import decode
from miner.pacs.care import Bounds, Pace
from miner.pacs.folder import index
from miner.pacs.folder.archive import FolderPacs
from miner.pacs.folder.contents import Census
from miner.pacs.folder.header import Sort
from miner.pacs.folder.probe import probe
from miner.pacs.peer import Peer
from miner.records import DateWindow, InstanceRef, PatientRef, SeriesRef, StudyRef
from tests.hospital import ct_series, ruler_pair
from tests.pacs.folder.conftest import Open, ct, save


def everything(pacs: FolderPacs) -> list[InstanceRef]:
    """All instances, by the three queries."""
    series = [one for study in pacs.find_studies(DateWindow()) for one in pacs.find_series(study)]
    return [instance for one in series for instance in pacs.find_instances(one)]


def written_in(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything that writing into the folder would change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (status.st_mtime_ns, status.st_mode, content)
    return found


# -------------------------------------------------------------------------------------------------------------- queries


def test_what_files_say(folder: Path, opened: Open) -> None:
    for number in (2, 1):
        save(ct(number, IssuerOfPatientID="HOSPITAL"), folder / str(number))
    (study,) = opened(folder).find_studies(DateWindow())
    assert study == StudyRef("2.25.1", PatientRef("P1", "HOSPITAL"), "20210304", "101112", "A1", ("CT",))
    (series,) = opened(folder).find_series(study)
    assert series == SeriesRef(study, "2.25.2", "CT", 2, "CHEST")
    first, second = opened(folder).find_instances(series)
    assert first.sop_uid == "2.25.101"
    assert (second.instance_number, second.position, second.rows, second.columns) == (2, (0, 0, 2), 16, 12)
    assert second.orientation == (1, 0, 0, 0, 1, 0)


@pytest.mark.filterwarnings("ignore:Invalid value for VR DA")
@pytest.mark.parametrize(
    ("window", "found"),
    [
        (DateWindow(), {"1", "2", "3", "none", "odd"}),
        (DateWindow(date(2021, 1, 2)), {"2", "3", "none", "odd"}),
        (DateWindow(None, date(2021, 1, 2)), {"1", "2", "none", "odd"}),
        (DateWindow(date(2021, 1, 2), date(2021, 1, 2)), {"2", "none", "odd"}),
        (DateWindow(date(2021, 1, 2), undated=False), {"2", "3"}),
        (DateWindow(dated=False), {"none", "odd"}),
    ],
)
def test_windows_are_inclusive_and_keep_the_undated(
    folder: Path, opened: Open, window: DateWindow, found: set[str]
) -> None:
    days = {"1": "20210101", "2": "20210102", "3": "20210103", "none": None, "odd": "00000000"}
    for name, day in days.items():
        save(ct(StudyDate=day, StudyInstanceUID=f"2.25.{len(name)}{ord(name[0])}", AccessionNumber=name), folder / name)
    assert {study.accession for study in opened(folder).find_studies(window)} == found


def test_modalities_and_cohorts(folder: Path, opened: Open) -> None:
    images = ct_series("P1", slices=2), ct_series("P2", slices=2)
    for number, item in enumerate([*images[0], *images[1], ruler_pair(images[0][0])]):
        save(item, folder / str(number))
    pacs = opened(folder)
    assert len(pacs.find_studies(DateWindow())) == 2
    assert [study.patient.patient_id for study in pacs.find_studies(DateWindow(), ["PR", "SR"])] == ["P1"]
    assert [study.patient.patient_id for study in pacs.find_studies(DateWindow(), patient_id=" P2 ")] == ["P2"]
    assert len(pacs.find_studies(DateWindow(), accession="ACCS1")) == 2
    assert pacs.find_studies(DateWindow(), study_uid="2.25") == []
    assert pacs.find_studies(DateWindow(), patient_id="P*") == [], "an identifier is meant literally"
    assert pacs.find_series(StudyRef("2.25.9", PatientRef("P1"))) == []


@pytest.mark.parametrize(
    ("sop_class", "modality"),
    [
        (GrayscaleSoftcopyPresentationStateStorage, "PR"),
        (ComprehensiveSRStorage, "SR"),
        (KeyObjectSelectionDocumentStorage, "KO"),
    ],
)
def test_annotations_without_modality_are_found_by_their_class(
    folder: Path, opened: Open, sop_class: str, modality: str
) -> None:
    save(ct(SOPClassUID=sop_class, Modality=None), folder / "state")
    assert [study.modalities for study in opened(folder).find_studies(DateWindow(), [modality])] == [(modality,)]


def test_character_sets(folder: Path, opened: Open) -> None:
    save(ct(1, SpecificCharacterSet="ISO_IR 100", PatientID="Größe"), folder / "latin")
    save(ct(2, StudyInstanceUID="2.25.5", PatientID="Größe"), folder / "utf8")
    assert len(opened(folder).find_studies(DateWindow(), patient_id="Größe")) == 2


def test_what_files_of_one_study_say_differently(folder: Path, opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    save(ct(1, PatientID="", AccessionNumber=None, StudyTime=None), folder / "a")
    save(ct(2, PatientID="P7", IssuerOfPatientID="X"), folder / "b")
    save(ct(3, PatientID="P8", StudyDate="20220101"), folder / "c")
    with caplog.at_level(logging.INFO):
        (study,) = opened(folder).find_studies(DateWindow())
    assert study == StudyRef("2.25.1", PatientRef("P7", "X"), "20210304", "101112", "A1", ("CT",))
    assert "1 studies have files of more than one Patient ID" in caplog.text
    assert "P7" not in caplog.text


# ----------------------------------------------------------------------------------------------------- odd file systems


def test_any_name_any_depth_hidden_too(folder: Path, opened: Open) -> None:
    for number, name in enumerate((".hidden", "a b/ü/IM0001", "x" * 200, "no.dcm/.deep/1"), start=1):
        save(ct(number), folder / name)
    save(ct(9), folder / "bytes").rename(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe"))
    assert len(everything(opened(folder))) == 5


def test_links_lead_nowhere(folder: Path, opened: Open) -> None:
    save(ct(1), folder / "one")
    outside = save(ct(2, StudyInstanceUID="2.25.66"), folder.parent / "elsewhere" / "two")
    (folder / "file").symlink_to(outside)
    (folder / "folder").symlink_to(outside.parent)
    (folder / "loop").symlink_to(folder)
    (folder / "copy").symlink_to(folder / "one")
    pacs = opened(folder)
    assert [instance.sop_uid for instance in everything(pacs)] == ["2.25.101"]
    assert (pacs.census().links, pacs.census().outside) == (4, 2)
    (note,) = pacs.notes()
    assert note.startswith("2 symbolic links lead out of the folder")


def test_the_folder_itself_may_be_a_link(folder: Path, opened: Open) -> None:
    save(ct(1), folder / "one")
    link = folder.parent / "link"
    link.symlink_to(folder)
    (folder / "again").symlink_to(folder / "one")
    pacs = opened(link)
    assert len(everything(pacs)) == 1
    assert (pacs.census().links, pacs.census().outside) == (1, 0)


def test_pipes_and_sockets_are_not_opened(folder: Path, opened: Open) -> None:
    os.mkfifo(folder / "pipe.dcm")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(folder)
        listener.bind("socket.dcm")
    assert opened(folder).census() == Census()


def test_every_file_is_in_one_count(folder: Path, opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    save(ct(1), folder / "one")
    save(ct(1), folder / "again")
    (folder / "Planted^Name.txt").write_text("words")
    (folder / "Planted^Name.dcm").write_text("words")
    save(ct(2, SOPClassUID="1.2.840.10008.5.1.4.39.1", StudyInstanceUID=None), folder / "palette")
    with caplog.at_level(logging.DEBUG):
        census = opened(folder).census()
    assert census == Census(studies=1, objects=2, other=2, unreadable=1)
    assert "1 of the files and folders below it cannot be read (unreadable-file)" in caplog.text
    assert "Planted" not in caplog.text, "names of exported files are often patients'"


@pytest.fixture
def no_right(folder: Path) -> Iterator[Path]:
    """A folder in the folder that may not be listed."""
    closed = folder / "closed"
    save(ct(5), closed / "five")
    if os.geteuid() == 0:
        # root may list everything
        real = os.scandir

        def scandir(path: str) -> object:
            if os.fspath(path) == str(closed):
                raise PermissionError(13, "Permission denied")
            return real(path)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "scandir", scandir)
            yield closed
    else:
        closed.chmod(0)
        yield closed
        closed.chmod(stat.S_IRWXU)


def test_a_folder_that_may_not_be_listed_counts(folder: Path, no_right: Path, opened: Open) -> None:
    save(ct(1), folder / "one")
    pacs = opened(folder)
    assert (pacs.census().objects, pacs.census().unreadable) == (1, 1)
    (note,) = pacs.notes()
    assert "1 of the files and folders below it cannot be read (unreadable-file)" in note


def test_absent_folder(folder: Path, opened: Open) -> None:
    pacs = opened(folder / "nowhere")
    for request in (pacs.echo, lambda: pacs.find_studies(DateWindow())):
        with pytest.raises(PacsUnreachable, match=r"pacs\.path\) is not there") as caught:
            request()
        assert caught.value.reason is Reason.UNREACHABLE
    (folder / "nowhere").mkdir()
    (folder / "nowhere" / "readme.txt").write_text("Nothing here yet.")
    pacs.echo()
    assert pacs.find_studies(DateWindow()) == []


def test_an_empty_folder_is_no_archive_without_studies(folder: Path, opened: Open, spool: Path) -> None:
    """A share that is not mounted: a run that took it for an answer would move its watermark on."""
    pacs = opened(folder)
    for ask in (pacs.echo, lambda: pacs.find_studies(DateWindow())):
        with pytest.raises(PacsUnreachable, match="is empty"):
            ask()
    save(ct(1), folder / "one")
    wanted = everything(pacs)
    (folder / "one").unlink()
    with pytest.raises(PacsUnreachable, match="is empty"):
        pacs.fetch(wanted, spool)


def test_no_folder_named() -> None:
    with pytest.raises(ConfigError, match=r"pacs\.path is empty"):
        FolderPacs(Peer(PacsSettings(protocol="folder")))


def test_a_relative_path_starts_at_the_configuration(folder: Path) -> None:
    save(ct(), folder / "one")
    pacs = FolderPacs(Peer(PacsSettings(protocol="folder", path="export"), base=folder.parent))
    assert len(everything(pacs)) == 1
    pacs.close()


# ---------------------------------------------------------------------------------------------------------------- fetch


def test_files_themselves_are_handed_on_and_nothing_is_written(folder: Path, opened: Open, spool: Path) -> None:
    for number in range(1, 6):
        save(ct(number), folder / str(number))
    before = written_in(folder)
    pacs = opened(folder)
    wanted = everything(pacs)[1:4]
    fetched = pacs.fetch(wanted, spool)
    assert set(fetched.arrived) == {instance.sop_uid for instance in wanted}
    assert all(path.parent == folder for path in fetched.arrived.values())
    assert (fetched.missing, fetched.conflicts, fetched.service) == ({}, {}, "folder")
    assert not spool.exists()
    assert written_in(folder) == before


def test_octets_are_those_of_the_data_sets(folder: Path, opened: Open, spool: Path) -> None:
    path = save(ct(), folder / "one")
    fetched = opened(folder).fetch(everything(opened(folder)), spool)
    meta = int.from_bytes(path.read_bytes()[140:144], "little")
    assert fetched.octets == path.stat().st_size - 144 - meta


@pytest.mark.parametrize("start", [0, 132])
def test_incomplete_files_are_completed_in_the_spool(folder: Path, opened: Open, spool: Path, start: int) -> None:
    """``start`` 132: only the preamble is lacking; 0: there is no File Meta Information either."""
    image, state = ct_series(slices=1)[0], ruler_pair(ct_series(slices=1)[0])
    for name, item in (("image", image), ("state", state)):
        path = save(item, folder / name)
        octets = path.read_bytes()
        path.write_bytes(octets[start:] if start else octets[144 + int.from_bytes(octets[140:144], "little") :])
    before = written_in(folder)
    pacs = opened(folder)
    fetched = pacs.fetch(everything(pacs), spool)
    assert {path.parent for path in fetched.arrived.values()} == {spool}
    header, pixels = project(fetched.arrived[image.SOPInstanceUID])
    assert header.sop_uid == image.SOPInstanceUID
    assert pixels is not None
    assert decode(pixels).tobytes() == image.pixel_array.tobytes()
    assert len(read_object(fetched.arrived[state.SOPInstanceUID]).marks) == 2
    assert written_in(folder) == before


def test_an_implicit_data_set_is_completed_as_such(folder: Path, opened: Open, spool: Path) -> None:
    item = ct()
    item.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    path = save(item, folder / "implicit")
    octets = path.read_bytes()
    path.write_bytes(octets[144 + int.from_bytes(octets[140:144], "little") :])
    (copy,) = opened(folder).fetch(everything(opened(folder)), spool).arrived.values()
    found = dcmread(copy)
    assert (found.file_meta.TransferSyntaxUID, found.PixelData) == (ImplicitVRLittleEndian, item.PixelData)


def test_a_spool_that_cannot_be_written(folder: Path, opened: Open, tmp_path: Path) -> None:
    path = save(ct(), folder / "one")
    path.write_bytes(path.read_bytes()[132:])
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(StorageError):
        opened(folder).fetch(everything(opened(folder)), tmp_path / "taken" / "spool")


def test_equal_copies_are_one_object(folder: Path, opened: Open, spool: Path) -> None:
    save(ct(), folder / "a")
    item = ct()
    item.file_meta.SourceApplicationEntityTitle = "ANOTHER"  # another export's meta information, the same data set
    save(item, folder / "b")
    pacs = opened(folder)
    (wanted,) = everything(pacs)
    fetched = pacs.fetch([wanted], spool)
    assert fetched.conflicts == {}
    assert fetched.arrived[wanted.sop_uid].name == "a"


def test_of_files_that_differ_the_first_by_path_is_kept(folder: Path, opened: Open, spool: Path) -> None:
    save(ct(ImagePositionPatient=[0, 0, 99]), folder / "z")
    save(ct(), folder / "m" / "1")
    pacs = opened(folder)
    (wanted,) = everything(pacs)
    fetched = pacs.fetch([wanted], spool)
    assert wanted.position == (0, 0, 1)
    assert fetched.arrived[wanted.sop_uid] == folder / "m" / "1"
    assert fetched.conflicts == {wanted.sop_uid: Reason.CONTENT_CONFLICT}


def test_an_object_in_two_series_is_listed_in_both(folder: Path, opened: Open, spool: Path) -> None:
    save(ct(), folder / "a")
    save(ct(SeriesInstanceUID="2.25.3"), folder / "b")
    pacs = opened(folder)
    (study,) = pacs.find_studies(DateWindow())
    assert [series.instances for series in pacs.find_series(study)] == [1, 1]
    wanted = everything(pacs)[1]
    fetched = pacs.fetch([wanted], spool)
    assert fetched.arrived[wanted.sop_uid].name == "b"
    assert set(fetched.conflicts) == {wanted.sop_uid}


def test_what_changed_or_vanished_since_it_was_listed_is_missing(folder: Path, opened: Open, spool: Path) -> None:
    for number in range(1, 7):
        save(ct(number), folder / str(number))
    pacs = opened(folder)
    wanted = everything(pacs)
    (folder / "1").unlink()
    save(ct(22), folder / "2")
    save(ct(3, ImagePositionPatient=[0, 0, 9]), folder / "3")
    (folder / "4").write_bytes((folder / "4").read_bytes()[:-20])
    (folder / "5").write_bytes(b"")
    fetched = pacs.fetch(wanted, spool)
    assert set(fetched.arrived) == {"2.25.106"}
    assert fetched.missing == {
        "2.25.101": Reason.NOT_RETRIEVED,
        "2.25.102": Reason.NOT_RETRIEVED,
        "2.25.103": Reason.NOT_RETRIEVED,
        "2.25.104": Reason.UNREADABLE_FILE,
        "2.25.105": Reason.UNREADABLE_FILE,
    }


def test_a_folder_that_is_unmounted_meanwhile_ends_the_run(folder: Path, opened: Open, spool: Path) -> None:
    save(ct(), folder / "one")
    pacs = opened(folder)
    wanted = everything(pacs)
    folder.rename(folder.parent / "gone")
    with pytest.raises(PacsUnreachable):
        pacs.fetch(wanted, spool)


def test_unknown_instances_and_classes_are_accounted_for(folder: Path, opened: Open, spool: Path) -> None:
    save(ct(), folder / "one")
    pacs = opened(folder)
    (known,) = everything(pacs)
    fetched = pacs.fetch(
        [
            replace(known, sop_uid="2.25.77"),
            replace(known, sop_uid="2.25.78", series_uid="2.25.79"),
            replace(known, sop_uid="2.25.79", sop_class_uid="1.2.840.10008.5.1.4.1.1.104.1"),
        ],
        spool,
    )
    assert fetched.arrived == {}
    assert fetched.missing == {
        "2.25.77": Reason.NOT_RETRIEVED,
        "2.25.78": Reason.NOT_RETRIEVED,
        "2.25.79": Reason.SOP_CLASS,
    }


# ---------------------------------------------------------------------------------------------------- reading it once


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose heads were read."""
    names: list[str] = []
    real = index.read_head

    def counting(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(index, "read_head", counting)
    return names


def test_connections_of_a_process_read_it_once(folder: Path, opened: Open, read: list[str]) -> None:
    for number in (1, 2):
        save(ct(number), folder / str(number))
    pacs = [opened(folder) for _ in range(3)]
    assert all(len(everything(one)) == 2 for one in pacs)
    save(ct(3), folder / "3")
    assert len(everything(pacs[0])) == 2, "one state of the folder for all that look at it"
    assert sorted(read) == ["1", "2"]


def test_when_all_have_gone_only_what_is_new_is_read(folder: Path, opened: Open, read: list[str]) -> None:
    for number in (1, 2, 3):
        save(ct(number), folder / str(number))
    pacs = opened(folder)
    assert len(everything(pacs)) == 3
    pacs.close()
    pacs.close()
    read.clear()
    (folder / "1").unlink()
    save(ct(22), folder / "2")
    save(ct(4), folder / "4")
    assert {instance.sop_uid for instance in everything(opened(folder))} == {"2.25.122", "2.25.103", "2.25.104"}
    assert sorted(read) == ["2", "4"]


def test_what_could_not_be_read_is_tried_again(folder: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner was changed, or a share is back: neither its size nor its time tells."""
    save(ct(1), folder / "1")
    with monkeypatch.context() as patch:
        patch.setattr(index, "read_head", lambda path: Sort.UNREADABLE)
        pacs = opened(folder)
        assert pacs.census().unreadable == 1
        pacs.close()
    assert len(everything(opened(folder))) == 1


def test_an_annotation_object_that_is_written_anew_is_seen_to_be(folder: Path, opened: Open) -> None:
    """By its file: its UIDs and dates may all have stayed."""
    images = ct_series(slices=3)
    for number, item in enumerate([*images, ruler_pair(images[1])]):
        dcmwrite(folder / str(number), item, enforce_file_format=True)
    pacs = opened(folder)
    before = {instance.sop_uid: instance.made for instance in everything(pacs)}
    pacs.close()
    assert sorted(map(bool, before.values())) == [False, False, False, True], "images are not told apart by it"
    os.utime(folder / "3", ns=(1, 1))
    after = {instance.sop_uid: instance.made for instance in everything(opened(folder))}
    assert [uid for uid in before if after[uid] != before[uid]] == [ruler_pair(images[1]).SOPInstanceUID]


def test_nothing_is_read_before_the_first_request(folder: Path, opened: Open, read: list[str]) -> None:
    save(ct(), folder / "one")
    pacs = opened(folder)
    pacs.echo()
    assert read == []
    assert pacs.learned() == {}


# --------------------------------------------------------------------------------------------------------- stop, pace


def test_a_stop_ends_reading_and_fetching(folder: Path, opened: Open, spool: Path) -> None:
    for number in (1, 2):
        save(ct(number), folder / str(number))
    pace = Pace()
    pacs = opened(folder, pace=pace)
    wanted = everything(pacs)
    pace.halt.throw()
    with pytest.raises(StoppedError):
        pacs.fetch(wanted, spool)
    stopped = opened(folder.parent, pace=pace)
    with pytest.raises(StoppedError):
        stopped.find_studies(DateWindow())


def test_a_connection_that_was_stopped_is_closed_like_others(folder: Path, opened: Open) -> None:
    """Whoever closes it asks for its notes first: were that to fail, the folder would never be read again."""
    save(ct(1), folder / "1")
    pace = Pace()
    pacs = opened(folder, pace=pace)
    assert len(everything(pacs)) == 1
    pace.halt.throw()
    assert pacs.notes() == ()
    pacs.close()
    assert pacs.notes() == ()
    save(ct(2), folder / "2")
    assert len(everything(opened(folder))) == 2


def test_notes_are_of_what_was_read(folder: Path, opened: Open, read: list[str]) -> None:
    """Closing a connection that was never used costs no reading, and fails nowhere."""
    (folder / "broken.dcm").write_text("no DICOM")
    assert opened(folder).notes() == ()
    assert opened(folder / "nowhere").notes() == ()
    assert read == []


def test_a_bound_on_objects_is_kept_here_too(folder: Path, opened: Open, spool: Path) -> None:
    for number in range(1, 8):
        save(ct(number), folder / str(number))
    pace = Pace(Bounds(objects_per_minute=6000))
    fetched = opened(folder, pace=pace).fetch(everything(opened(folder)), spool)
    assert len(fetched.arrived) == 7


# ---------------------------------------------------------------------------------------------------------------- probe


def test_probe_says_what_is_wrong_and_names_nothing(folder: Path) -> None:
    peer = Peer(PacsSettings(protocol="folder", path=str(folder)))
    (folder / "readme.txt").write_text("Nothing here yet.")
    assert probe(peer).study_level is False
    assert any("no object of any study" in fault for fault in probe(peer).faults)
    save(ct(1), folder / "one")
    assert probe(peer).faults == ()
    save(ct(2, PatientID="P2"), folder / "two")
    (folder / "Planted.dcm").write_text("no DICOM")
    profile = probe(peer)
    assert (profile.protocol, profile.echo, profile.counts, profile.positions) == ("folder", True, True, True)
    assert len(profile.faults) == 2
    assert not any("P2" in fault or "Planted" in fault for fault in profile.faults)
    with pytest.raises(PacsUnreachable):
        probe(Peer(PacsSettings(protocol="folder", path=str(folder / "nowhere"))))
