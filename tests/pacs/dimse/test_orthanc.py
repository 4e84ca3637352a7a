"""The whole interface against a real Orthanc."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason
from miner.pacs import PacsProfile, probe
from miner.pacs.dimse.archive import DimsePacs
from miner.records import DateWindow, InstanceRef
from tests.pacs.conftest import Connect, peer_for
from tests.peers.dcmtk import getscu
from tests.peers.network import free_port
from tests.peers.orthanc import Orthanc

pytestmark = pytest.mark.peer

EVERYTHING = DateWindow()


@pytest.fixture
def archive(orthanc: Orthanc, slices: list[Path], states: list[Path]) -> Orthanc:
    orthanc.store([*slices, *states])
    return orthanc


def instances_of(pacs: DimsePacs, modality: str = "CT") -> list[InstanceRef]:
    study = pacs.find_studies(EVERYTHING, (modality,))[0]
    series = next(one for one in pacs.find_series(study) if one.modality == modality)
    return pacs.find_instances(series)


def headers(paths: list[Path]) -> dict[str, Dataset]:
    return {dataset.SOPInstanceUID: dataset for dataset in map(dcmread, paths)}


def data_set_octets(path: Path) -> bytes:
    """What follows the File Meta Information of a Part 10 file."""
    content = path.read_bytes()
    return content[144 + int.from_bytes(content[140:144], "little") :]


def as_file(dataset: Dataset, syntax: str = ImplicitVRLittleEndian) -> bytes:
    """A Part 10 file of the object, in an uncompressed transfer syntax."""
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def assert_same_content(received: Dataset, stored: Dataset) -> None:
    """Equal in every element but the group lengths, which Orthanc computes anew when it sends."""
    assert {element.tag for element in received} == {element.tag for element in stored}
    for element in stored:
        if element.tag.element != 0:
            assert received[element.tag] == element


def test_echo(archive: Orthanc, connected: Connect) -> None:
    connected(archive).echo()


def test_three_levels(archive: Orthanc, connected: Connect, slices: list[Path]) -> None:
    pacs = connected(archive)
    stored = headers(slices)
    first = next(iter(stored.values()))
    (study,) = pacs.find_studies(EVERYTHING, ("CT",))
    assert (study.study_uid, study.study_date) == (first.StudyInstanceUID, first.StudyDate)
    assert (study.patient.patient_id, study.accession) == (first.PatientID, first.AccessionNumber)
    (series,) = pacs.find_series(study)
    assert (series.series_uid, series.modality, series.instances) == (first.SeriesInstanceUID, "CT", len(slices))
    found = {one.sop_uid: one for one in pacs.find_instances(series)}
    assert set(found) == set(stored)
    for uid, header in stored.items():
        assert found[uid].position == pytest.approx([float(value) for value in header.ImagePositionPatient])
        assert found[uid].orientation == pytest.approx([float(value) for value in header.ImageOrientationPatient])
        assert (found[uid].rows, found[uid].columns) == (header.Rows, header.Columns)
        assert found[uid].instance_number == header.InstanceNumber
        assert found[uid].sop_class_uid == header.SOPClassUID


def test_studies_by_modality(archive: Orthanc, connected: Connect, states: list[Path]) -> None:
    found = connected(archive).find_studies(EVERYTHING, ("PR",))
    assert {study.study_uid for study in found} == {one.StudyInstanceUID for one in headers(states).values()}
    assert all("PR" in study.modalities for study in found)


def test_studies_by_date(archive: Orthanc, connected: Connect) -> None:
    pacs = connected(archive)
    on_the_day = DateWindow(date(2000, 1, 1), date(2000, 1, 1))
    assert len(pacs.find_studies(on_the_day, ("CT",))) == 1
    assert pacs.find_studies(DateWindow(date(2000, 1, 2), None), ("CT",)) == []
    assert pacs.find_studies(DateWindow(None, date(1999, 12, 31)), ("CT",)) == []


def test_a_study_without_a_date_is_always_found(archive: Orthanc, connected: Connect, slices: list[Path]) -> None:
    undated = dcmread(slices[0])
    undated.StudyInstanceUID = "2.25.77"
    undated.SOPInstanceUID = undated.file_meta.MediaStorageSOPInstanceUID = "2.25.78"
    undated.StudyDate = ""
    archive.store([as_file(undated)])
    found = connected(archive).find_studies(DateWindow(date(2020, 1, 1), date(2020, 1, 31)), ("CT",))
    assert [study.study_uid for study in found] == ["2.25.77"]


def test_studies_of_a_cohort(archive: Orthanc, connected: Connect, slices: list[Path]) -> None:
    pacs = connected(archive)
    header = dcmread(slices[0])
    for narrow in (
        {"study_uid": header.StudyInstanceUID},
        {"patient_id": header.PatientID},
        {"accession": header.AccessionNumber},
    ):
        assert len(pacs.find_studies(EVERYTHING, ("CT",), **narrow)) == 1
    assert pacs.find_studies(EVERYTHING, ("CT",), patient_id="NOBODY") == []


@pytest.mark.parametrize("service", ["get", "move"])
def test_fetch(archive: Orthanc, connected: Connect, slices: list[Path], spool: Path, service: str) -> None:
    pacs = connected(archive, retrieve=service)
    wanted = instances_of(pacs)[1:4]
    fetched = pacs.fetch(wanted, spool)
    assert fetched.missing == {}
    assert fetched.service == service
    assert set(fetched.arrived) == {one.sop_uid for one in wanted}
    assert fetched.octets == sum(len(data_set_octets(path)) for path in fetched.arrived.values())
    stored = headers(slices)
    for uid, path in fetched.arrived.items():
        received = dcmread(path)
        assert received.file_meta.MediaStorageSOPInstanceUID == uid
        assert received.file_meta.TransferSyntaxUID == stored[uid].file_meta.TransferSyntaxUID
        assert_same_content(received, stored[uid])


def test_get_and_move_bring_the_same_octets_as_dcmtk(
    orthanc: Orthanc, connected: Connect, slices: list[Path], spool: Path, tmp_path: Path
) -> None:
    """In explicit VR, which both clients take; ``+B`` makes getscu write what comes, octet by octet."""
    orthanc.store(as_file(dcmread(path), ExplicitVRLittleEndian) for path in slices[:2])
    wanted = instances_of(connected(orthanc))
    by_dcmtk = tmp_path / "dcmtk"
    by_dcmtk.mkdir()
    keys = [
        "QueryRetrieveLevel=IMAGE",
        f"StudyInstanceUID={wanted[0].study_uid}",
        f"SeriesInstanceUID={wanted[0].series_uid}",
        "SOPInstanceUID=" + "\\".join(one.sop_uid for one in wanted),
    ]
    files = getscu(orthanc.port, keys, called=orthanc.ae_title, folder=by_dcmtk, options=("+B",))
    reference = {dcmread(path).SOPInstanceUID: data_set_octets(path) for path in files}
    assert len(reference) == 2
    for service in ("get", "move"):
        fetched = connected(orthanc, retrieve=service).fetch(wanted, spool / service)
        assert {uid: data_set_octets(path) for uid, path in fetched.arrived.items()} == reference


def test_fetch_presentation_states(archive: Orthanc, connected: Connect, states: list[Path], spool: Path) -> None:
    pacs = connected(archive)
    for study in pacs.find_studies(EVERYTHING, ("PR",)):
        for series in pacs.find_series(study):
            fetched = pacs.fetch(pacs.find_instances(series), spool)
            assert fetched.missing == {}
            for uid, path in fetched.arrived.items():
                assert dcmread(path).GraphicAnnotationSequence == headers(states)[uid].GraphicAnnotationSequence


@pytest.mark.parametrize("service", ["get", "move"])
def test_partial_results(archive: Orthanc, connected: Connect, spool: Path, service: str) -> None:
    pacs = connected(archive, retrieve=service)
    wanted = instances_of(pacs)
    absent = dataclasses.replace(wanted[0], sop_uid="2.25.404")
    fetched = pacs.fetch([absent, *wanted], spool)
    assert set(fetched.arrived) == {one.sop_uid for one in wanted}
    assert fetched.missing == {"2.25.404": Reason.RETRIEVE_FAILED}


def test_wrong_called_title(archive: Orthanc, connected: Connect) -> None:
    with pytest.raises(AssociationRefused) as caught:
        connected(archive, ae_title="WRONG").echo()
    assert "WRONG" in str(caught.value)
    assert "MINER" in str(caught.value)
    assert "pacs.ae_title" in str(caught.value)


def test_unknown_calling_title(archive: Orthanc, connected: Connect, spool: Path) -> None:
    """Orthanc negotiates with anybody and then drops the connection: the message still names our title."""
    pacs = connected(archive, calling_ae_title="STRANGER", attempts=2)
    with pytest.raises(PacsError, match="STRANGER"):
        pacs.find_studies(EVERYTHING)
    with pytest.raises(PacsError, match="STRANGER"):
        pacs.fetch([InstanceRef("2.25.1", "2.25.2", "2.25.3")], spool)


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_unreachable(archive: Orthanc, connected: Connect, host: str) -> None:
    port = free_port()
    with pytest.raises(PacsUnreachable) as caught:
        connected(archive, host=host, port=port, attempts=2).echo()
    assert f"{host}:{port}" in str(caught.value)


def test_unknown_move_destination(slices: list[Path], connected: Connect, spool: Path) -> None:
    anybody = {"DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True}
    with Orthanc(client_ae_title="SOMEBODY", options=anybody) as archive:
        archive.store(slices)
        pacs = connected(archive, retrieve="move", calling_ae_title="NEWCOMER", attempts=2)
        with pytest.raises(PacsError) as caught:
            pacs.fetch(instances_of(pacs), spool)
        pacs.close()
    assert caught.value.reason is Reason.MOVE_DESTINATION_UNKNOWN
    assert "NEWCOMER" in str(caught.value)
    assert str(archive.move_port) in str(caught.value)


def test_auto_falls_back_where_get_is_forbidden(slices: list[Path], connected: Connect, spool: Path) -> None:
    """This PACS negotiates C-GET, role and all, and then drops every connection that uses it."""
    with Orthanc(offer_get=False) as archive:
        archive.store(slices)
        pacs = connected(archive)
        wanted = instances_of(pacs)
        fetched = pacs.fetch(wanted, spool)
        assert fetched.service == "move"
        assert set(fetched.arrived) == {one.sop_uid for one in wanted}
        assert pacs.fetch(wanted[:1], spool).service == "move"
        pacs.close()


def test_files_in_the_spool_are_not_named_by_the_pacs(archive: Orthanc, connected: Connect, spool: Path) -> None:
    pacs = connected(archive)
    wanted = instances_of(pacs)
    pacs.fetch(wanted, spool)
    names = " ".join(path.name for path in spool.iterdir())
    assert not any(one.sop_uid in names or one.study_uid in names for one in wanted)
    assert spool.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in spool.iterdir())


def test_probe(archive: Orthanc, slices: list[Path]) -> None:
    profile = probe(peer_for(archive))
    assert profile.faults == ()
    assert (profile.echo, profile.study_level, profile.series_level, profile.image_level) == (True, True, True, True)
    assert profile.modalities_in_study == "honoured"
    assert profile.annotations_listed is True
    assert profile.counts is True
    assert profile.get_offered is True
    assert profile.move_offered is True
    written = json.dumps(profile.as_json())
    header = dcmread(slices[0])
    assert not any(value in written for value in (header.PatientID, header.StudyInstanceUID, header.AccessionNumber))


def test_probe_of_an_empty_archive(orthanc: Orthanc) -> None:
    profile = probe(peer_for(orthanc))
    assert isinstance(profile, PacsProfile)
    assert profile.study_level is True
    assert profile.series_level is None
    assert profile.modalities_in_study == "unknown"
