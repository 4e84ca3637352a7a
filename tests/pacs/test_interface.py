"""One suite for every way to an archive: the same objects behind each, the same answers from each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import XRayRadiationDoseSRStorage

from miner.config import Pacs as PacsSettings
from miner.demo.pacs import LoopbackPacs
from miner.errors import RETRIABLE_REASONS, PacsError, Reason, StoppedError
from miner.pacs import Pacs, Peer, connect
from miner.records import DateWindow, InstanceRef, PatientRef, SeriesRef, StudyRef
from tests.hospital import ct_series, other_object, ruler_pair
from tests.peers.network import free_port
from tests.peers.orthanc import Orthanc

EVERYTHING = DateWindow()
LIMITS: dict[str, Any] = {"connect_seconds": 10.0, "silence_seconds": 2.0, "request_seconds": 60.0}

WAYS = (
    "demo-get",
    "demo-move",
    "demo-patient-root",
    "folder",
    "dicomdir",
    pytest.param("orthanc-get", marks=pytest.mark.peer),
    pytest.param("orthanc-move", marks=pytest.mark.peer),
    pytest.param("orthanc-dicomweb", marks=pytest.mark.peer),
)


@dataclass(frozen=True)
class Content:
    """What every archive of this suite holds."""

    first: list[Dataset]
    """five slices of P1, 4 March 2021"""
    state: Dataset
    """a presentation state on the third of them"""
    second: list[Dataset]
    """three slices of P1, 10 March 2021"""
    undated: list[Dataset]
    """two slices of Größe, without a study date"""
    report: Dataset
    """a dose report in the study without a date"""

    @property
    def objects(self) -> list[Dataset]:
        return [*self.first, self.state, *self.second, *self.undated, self.report]

    def study(self, item: Dataset) -> StudyRef:
        """The study of an object as any archive should name it."""
        modalities = {str(one.Modality) for one in self.objects if one.StudyInstanceUID == item.StudyInstanceUID}
        return StudyRef(
            str(item.StudyInstanceUID),
            PatientRef(str(item.PatientID)),
            str(item.get("StudyDate") or ""),
            str(item.StudyTime),
            str(item.AccessionNumber),
            tuple(sorted(modalities)),
        )


def _content() -> Content:
    first = ct_series("P1", "S1", slices=5)
    second = ct_series("P1", "S2", slices=3, day="20210310")
    undated = ct_series("Größe", "S3", slices=2)
    report = other_object(undated[0], XRayRadiationDoseSRStorage, "SR")
    for item in (*undated, report):
        item.StudyDate = ""
    return Content(first, ruler_pair(first[2]), second, undated, report)


@pytest.fixture(scope="module")
def content() -> Content:
    return _content()


@pytest.fixture(scope="module")
def files(content: Content, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the objects."""
    folder = tmp_path_factory.mktemp("files")
    for number, item in enumerate(content.objects):
        item.save_as(folder / f"{number}", enforce_file_format=True)
    return folder


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest, content: Content, files: Path) -> Iterator[PacsSettings]:
    """Settings that lead to an archive of the objects."""
    name: str = request.param
    with ExitStack() as stack:
        yield _settings(name, content, files, stack)


def _settings(name: str, content: Content, files: Path, stack: ExitStack) -> PacsSettings:
    if name == "folder":
        return PacsSettings(protocol="folder", path=str(files), **LIMITS)
    if name == "dicomdir":
        return PacsSettings(protocol="folder", path=str(_medium(content, files)), **LIMITS)
    if name.startswith("demo"):
        port = free_port()
        demo = stack.enter_context(LoopbackPacs(files / "empty", destinations={"MINER": ("127.0.0.1", port)}))
        for item in content.objects:
            demo.add(item)
        address = {"host": demo.host, "port": demo.port, "ae_title": demo.ae_title, "move_port": port}
        root = "patient" if name == "demo-patient-root" else "study"
        retrieve = "move" if name == "demo-move" else "get"
        return PacsSettings(retrieve=retrieve, query_root=root, **address, **LIMITS)
    peer = stack.enter_context(Orthanc(dicomweb=name == "orthanc-dicomweb"))
    peer.store(path for path in sorted(files.iterdir()) if path.is_file())
    if name == "orthanc-dicomweb":
        return PacsSettings(protocol="dicomweb", url=peer.url, **LIMITS)
    address = {"host": peer.host, "port": peer.port, "ae_title": peer.ae_title, "move_port": peer.move_port}
    return PacsSettings(retrieve="move" if name == "orthanc-move" else "get", **address, **LIMITS)


def _medium(content: Content, files: Path) -> Path:
    """The DICOMDIR of a file-set of the objects. Its records give every study a date, as they must."""
    folder = files.parent / f"{files.name}-medium"
    media = FileSet()
    for number in range(len(content.objects)):
        listed = pydicom.dcmread(files / str(number))
        listed.StudyDate = listed.ContentDate = "20001231"
        listed.ContentTime = "101112"
        media.add(listed)
    media.write(folder)
    originals = {str(item.SOPInstanceUID): files / str(number) for number, item in enumerate(content.objects)}
    for entry in media:
        shutil.copyfile(originals[str(entry.SOPInstanceUID)], entry.path)
    return folder / "DICOMDIR"


@pytest.fixture
def pacs(way: PacsSettings) -> Iterator[Pacs]:
    """A connection of the test's own."""
    connection = connect(Peer(way), attempts=1)
    yield connection
    connection.close()


def only(found: list[Any]) -> Any:
    (one,) = found
    return one


def series_of(pacs: Pacs, content: Content, item: Dataset) -> SeriesRef:
    """The series of an object, by the queries."""
    study = only(pacs.find_studies(EVERYTHING, study_uid=str(item.StudyInstanceUID)))
    return only([one for one in pacs.find_series(study) if one.series_uid == item.SeriesInstanceUID])


def instances_of(pacs: Pacs, content: Content, item: Dataset) -> list[InstanceRef]:
    """All instances of the series of an object, by the queries."""
    return pacs.find_instances(series_of(pacs, content, item))


# -------------------------------------------------------------------------------------------------------------- queries


def test_echo(pacs: Pacs) -> None:
    pacs.echo()


def test_every_study_once_and_as_it_is(pacs: Pacs, content: Content) -> None:
    found = pacs.find_studies(EVERYTHING)
    expected = [content.study(items[0]) for items in (content.first, content.second, content.undated)]
    assert {study.study_uid: study for study in found} == {study.study_uid: study for study in expected}
    assert len(found) == 3


@pytest.mark.parametrize(
    ("window", "studies"),
    [
        (DateWindow(date(2021, 3, 4), date(2021, 3, 4)), {"S1", "S3"}),
        (DateWindow(date(2021, 3, 5), date(2021, 3, 10)), {"S2", "S3"}),
        (DateWindow(date(2021, 3, 4), date(2021, 3, 10)), {"S1", "S2", "S3"}),
        (DateWindow(date(2021, 3, 11)), {"S3"}),
        (DateWindow(None, date(2021, 3, 9)), {"S1", "S3"}),
        (DateWindow(date(2021, 3, 1), date(2021, 3, 31), undated=False), {"S1", "S2"}),
        (DateWindow(dated=False), {"S3"}),
    ],
)
def test_windows_are_inclusive_and_hold_what_has_no_date(pacs: Pacs, window: DateWindow, studies: set[str]) -> None:
    assert {study.accession.removeprefix("ACC") for study in pacs.find_studies(window)} == studies


@pytest.mark.parametrize(
    ("modalities", "studies"),
    [(["PR"], {"S1"}), (["PR", "SR"], {"S1", "S3"}), (["CT"], {"S1", "S2", "S3"}), (["MR"], set())],
)
def test_modalities(pacs: Pacs, modalities: list[str], studies: set[str]) -> None:
    found = pacs.find_studies(EVERYTHING, modalities)
    assert sorted(study.accession.removeprefix("ACC") for study in found) == sorted(studies)


def test_cohorts(pacs: Pacs, content: Content) -> None:
    assert len(pacs.find_studies(EVERYTHING, patient_id="P1")) == 2
    assert pacs.find_studies(EVERYTHING, patient_id="P") == []
    assert only(pacs.find_studies(EVERYTHING, accession="ACCS2")).study_uid == content.second[0].StudyInstanceUID
    assert pacs.find_studies(EVERYTHING, study_uid="2.25.1") == []
    assert pacs.find_studies(EVERYTHING, ["PR"], accession="ACCS2") == []


def test_a_patient_id_beyond_ascii(pacs: Pacs) -> None:
    assert only(pacs.find_studies(EVERYTHING, patient_id="Größe")).accession == "ACCS3"


def test_series_and_instances(pacs: Pacs, content: Content) -> None:
    study = only(pacs.find_studies(EVERYTHING, accession="ACCS1"))
    found = {one.modality: one for one in pacs.find_series(study)}
    assert {modality: one.instances for modality, one in found.items()} == {"CT": 5, "PR": 1}
    assert all(one.study.study_uid == study.study_uid for one in found.values())
    images = {one.sop_uid: one for one in pacs.find_instances(found["CT"])}
    assert set(images) == {image.SOPInstanceUID for image in content.first}
    for image in content.first:
        one = images[image.SOPInstanceUID]
        assert (one.study_uid, one.series_uid) == (image.StudyInstanceUID, image.SeriesInstanceUID)
        assert (one.sop_class_uid, one.instance_number) == (image.SOPClassUID, image.InstanceNumber)
        assert one.position in (None, tuple(image.ImagePositionPatient))
    state = only(pacs.find_instances(found["PR"]))
    assert (state.sop_uid, state.sop_class_uid) == (content.state.SOPInstanceUID, content.state.SOPClassUID)


def test_what_is_not_there(pacs: Pacs, content: Content) -> None:
    """A study without series says so; a series that has no instance is no series, so such an answer is a failure."""
    stranger = StudyRef("2.25.1", PatientRef("P1"))
    assert pacs.find_series(stranger) == []
    with pytest.raises(PacsError) as caught:
        pacs.find_instances(SeriesRef(stranger, "2.25.2", "CT"))
    assert caught.value.reason is Reason.FIND_FAILED


# ---------------------------------------------------------------------------------------------------------------- fetch


def test_exactly_what_is_wanted_comes_as_it_is(pacs: Pacs, content: Content, spool: Path) -> None:
    wanted = [one for one in instances_of(pacs, content, content.first[0]) if one.instance_number in (2, 3, 4)]
    wanted += instances_of(pacs, content, content.state)
    fetched = pacs.fetch(wanted, spool)
    assert set(fetched.arrived) == {one.sop_uid for one in wanted}
    assert (fetched.missing, fetched.conflicts) == ({}, {})
    by_uid = {str(item.SOPInstanceUID): item for item in content.objects}
    for uid, path in fetched.arrived.items():
        came = pydicom.dcmread(path)
        assert came.SOPInstanceUID == uid
        assert came.get("PixelData") == by_uid[uid].get("PixelData")
        assert came.get("GraphicAnnotationSequence") == by_uid[uid].get("GraphicAnnotationSequence")
    assert fetched.octets > sum(len(by_uid[uid].get("PixelData", b"")) for uid in fetched.arrived)


def test_what_does_not_come_is_named(pacs: Pacs, content: Content, spool: Path) -> None:
    known = instances_of(pacs, content, content.second[0])
    stranger = replace(known[0], sop_uid="2.25.404", instance_number=9)
    refused = replace(known[0], sop_uid="2.25.405", sop_class_uid="1.2.840.10008.5.1.4.1.1.104.1")
    fetched = pacs.fetch([*known, stranger, refused], spool)
    assert set(fetched.arrived) == {one.sop_uid for one in known}
    assert set(fetched.missing) == {"2.25.404", "2.25.405"}
    assert fetched.missing["2.25.404"] in RETRIABLE_REASONS
    assert fetched.missing["2.25.405"] is Reason.SOP_CLASS


def test_objects_of_several_studies_in_one_fetch(pacs: Pacs, content: Content, spool: Path) -> None:
    wanted = [
        *instances_of(pacs, content, content.first[0]),
        *instances_of(pacs, content, content.second[0]),
        *instances_of(pacs, content, content.report),
    ]
    fetched = pacs.fetch(wanted, spool)
    assert len(fetched.arrived) == len(wanted) == 9
    assert fetched.missing == {}


def test_nothing_wanted_nothing_asked(pacs: Pacs, spool: Path) -> None:
    fetched = pacs.fetch([], spool)
    assert (fetched.arrived, fetched.missing, fetched.octets) == ({}, {}, 0)


# ----------------------------------------------------------------------------------------------- use, stop and the end


def test_queries_and_fetches_take_turns(pacs: Pacs, content: Content, spool: Path) -> None:
    for items in (content.first, content.second, content.first):
        fetched = pacs.fetch(instances_of(pacs, content, items[0]), spool)
        assert len(fetched.arrived) == len(items)


def test_closing_twice_and_using_again(pacs: Pacs) -> None:
    assert len(pacs.find_studies(EVERYTHING)) == 3
    pacs.close()
    pacs.close()
    assert len(pacs.find_studies(EVERYTHING)) == 3


def test_what_it_says_of_itself_fits_a_profile_and_a_report(pacs: Pacs) -> None:
    pacs.find_studies(EVERYTHING, ["PR"])
    assert all(isinstance(name, str) for name in pacs.learned())
    assert list(pacs.notes()) == []


def test_a_stopped_run_asks_for_nothing_more(way: PacsSettings, content: Content, spool: Path) -> None:
    peer = Peer(way)
    pacs = connect(peer, attempts=3)
    wanted = instances_of(pacs, content, content.first[0])
    peer.pace.halt.throw()
    for request in (lambda: pacs.find_studies(EVERYTHING), lambda: pacs.fetch(wanted, spool)):
        with pytest.raises(StoppedError):
            request()
    pacs.close()


def test_nobody_there_is_an_error_and_no_empty_answer(way: PacsSettings, tmp_path: Path) -> None:
    nowhere = {"port": free_port(), "url": f"http://127.0.0.1:{free_port()}/dicom-web", "path": str(tmp_path / "none")}
    pacs = connect(Peer(way.model_copy(update=nowhere)), attempts=1)
    for request in (pacs.echo, lambda: pacs.find_studies(EVERYTHING)):
        with pytest.raises(PacsError) as caught:
            request()
        assert caught.value.reason is Reason.UNREACHABLE
    pacs.close()
