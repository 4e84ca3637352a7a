"""The whole interface against Orthanc's own DICOMweb plug-in."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ImplicitVRLittleEndian, JPEGLosslessSV1

from miner.errors import AssociationRefused, PacsUnreachable, Reason
from miner.pacs.dicomweb.archive import DicomwebPacs
from miner.pacs.peer import Credentials
from miner.records import DateWindow, InstanceRef, SeriesRef, StudyRef
from tests.hospital import ct_series
from tests.pacs.conftest import Connect
from tests.pacs.dicomweb.conftest import EVERYTHING, ConnectWeb
from tests.pacs.dicomweb.service import file_of
from tests.peers.network import free_port
from tests.peers.orthanc import Orthanc

pytestmark = pytest.mark.peer


def _fields(entry: StudyRef | SeriesRef | InstanceRef) -> str:
    """To sort by; records show nothing of themselves."""
    return repr(dataclasses.asdict(entry))


@pytest.fixture
def archive(dicomweb: Orthanc, slices: list[Path], states: list[Path]) -> Orthanc:
    dicomweb.store([*slices, *states])
    return dicomweb


def instances_of(pacs: DicomwebPacs, modality: str = "CT") -> list[InstanceRef]:
    study = pacs.find_studies(EVERYTHING, (modality,))[0]
    series = next(one for one in pacs.find_series(study) if one.modality == modality)
    return pacs.find_instances(series)


def headers(paths: list[Path]) -> dict[str, Dataset]:
    return {dataset.SOPInstanceUID: dataset for dataset in map(dcmread, paths)}


def test_it_says_the_same_as_over_dimse(archive: Orthanc, web: ConnectWeb, connected: Connect) -> None:
    by_web, by_dimse = web(archive), connected(archive)
    by_web.echo()
    for modalities in (("CT",), ("PR",), ("CT", "PR"), ()):
        studies = by_web.find_studies(EVERYTHING, modalities)
        assert sorted(studies, key=_fields) == sorted(by_dimse.find_studies(EVERYTHING, modalities), key=_fields)
    for study in by_web.find_studies(EVERYTHING):
        series = by_web.find_series(study)
        assert sorted(series, key=_fields) == sorted(by_dimse.find_series(study), key=_fields)
        for one in series:
            found, expected = by_web.find_instances(one), by_dimse.find_instances(one)
            assert sorted(found, key=_fields) == sorted(expected, key=_fields)


def test_studies_by_date_and_of_a_cohort(archive: Orthanc, web: ConnectWeb, slices: list[Path]) -> None:
    pacs = web(archive)
    assert len(pacs.find_studies(DateWindow(date(2000, 1, 1), date(2000, 1, 1)), ("CT",))) == 1
    assert pacs.find_studies(DateWindow(date(2000, 1, 2), None), ("CT",)) == []
    header = dcmread(slices[0])
    for narrow in (
        {"study_uid": header.StudyInstanceUID},
        {"patient_id": header.PatientID},
        {"accession": header.AccessionNumber},
    ):
        assert len(pacs.find_studies(EVERYTHING, ("CT",), **narrow)) == 1
    assert pacs.find_studies(EVERYTHING, ("CT",), patient_id="NOBODY") == []


@pytest.mark.parametrize("value", ["A B", "A/C", "50%", "A+B", "A&B", "A^B", "A,B", "A#B", "A=B;C", "Größe"])
def test_a_patient_whose_id_must_be_escaped(dicomweb: Orthanc, web: ConnectWeb, value: str) -> None:
    """This Orthanc compares what stands in the URL, escaped or not."""
    for number, patient_id in enumerate((value, "another", "AxB")):
        item = ct_series(f"P{number}", f"S{number}", slices=1)[0]
        item.PatientID = item.AccessionNumber = patient_id
        dicomweb.store([file_of(item)])
    pacs = web(dicomweb)
    for narrow in ({"patient_id": value}, {"accession": value}):
        assert [study.patient.patient_id for study in pacs.find_studies(EVERYTHING, ("CT",), **narrow)] == [value]


def test_objects_come_octet_by_octet_as_they_are_stored(
    archive: Orthanc, web: ConnectWeb, slices: list[Path], states: list[Path], spool: Path
) -> None:
    """Implicit and explicit VR, and whatever group lengths and file meta information they have."""
    pacs = web(archive)
    stored = {uid: path for path in [*slices, *states] for uid in [dcmread(path).SOPInstanceUID]}
    for study in pacs.find_studies(EVERYTHING):
        for series in pacs.find_series(study):
            fetched = pacs.fetch(pacs.find_instances(series), spool)
            assert fetched.missing == {}
            assert fetched.service == "wado"
            for uid, path in fetched.arrived.items():
                assert path.read_bytes() == stored[uid].read_bytes() == archive.file_of(uid)
    assert pacs.learned()["as_stored"] is True


def test_compressed_objects_are_not_transcoded(
    dicomweb: Orthanc, web: ConnectWeb, slices: list[Path], spool: Path
) -> None:
    """A lossless JPEG stays one; the pixels here are no real ones, so a decoder would fail."""
    item = dcmread(slices[0])
    item.file_meta.TransferSyntaxUID = UID(JPEGLosslessSV1)
    item.PixelData = encapsulate([b"\xff\xd8 not really \xff\xd9"])
    item["PixelData"].is_undefined_length = True
    stream = BytesIO()
    dcmwrite(stream, item, enforce_file_format=True)
    dicomweb.store([stream.getvalue()])
    pacs = web(dicomweb)
    (path,) = pacs.fetch(instances_of(pacs), spool).arrived.values()
    assert path.read_bytes() == stream.getvalue()


def test_partial_results(archive: Orthanc, web: ConnectWeb, spool: Path) -> None:
    pacs = web(archive)
    wanted = instances_of(pacs)
    absent = dataclasses.replace(wanted[0], sop_uid="2.25.404")
    fetched = pacs.fetch([absent, *wanted], spool)
    assert set(fetched.arrived) == {one.sop_uid for one in wanted}
    assert fetched.missing == {"2.25.404": Reason.NOT_SENT}


def test_pages_and_headers(dicomweb: Orthanc, web: ConnectWeb, shared_data: Path) -> None:
    paths = sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))
    dicomweb.store(paths)
    pacs = web(dicomweb)
    found = instances_of(pacs)
    assert {one.sop_uid for one in found} == {
        dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID for path in paths
    }
    assert pacs.learned()["paging"] is True
    without = web(dicomweb, profile={"positions": False, "metadata": True})
    assert sorted(instances_of(without), key=_fields) == sorted(found, key=_fields)


@pytest.fixture
def guarded(slices: list[Path]) -> Iterator[Orthanc]:
    with Orthanc(dicomweb=True, users={"miner": "s3cret-word"}) as peer:
        peer.store(slices[:1])
        yield peer


def test_registered_users(guarded: Orthanc, web: ConnectWeb, spool: Path) -> None:
    pacs = web(guarded, user="miner", credentials=Credentials("miner", "s3cret-word"))
    assert pacs.fetch(instances_of(pacs), spool).missing == {}
    for credentials in (Credentials(), Credentials("miner", "another"), Credentials(token="s3cret-word")):
        stranger = web(guarded, credentials=credentials)
        with pytest.raises(AssociationRefused) as caught:
            stranger.find_studies(EVERYTHING)
        assert caught.value.reason is Reason.CREDENTIALS_REFUSED
        with pytest.raises(AssociationRefused):
            stranger.fetch([InstanceRef("2.25.1", "2.25.2", "2.25.3")], spool)


def test_unreachable(web: ConnectWeb) -> None:
    class Place:
        url = f"http://127.0.0.1:{free_port()}/dicom-web"

    with pytest.raises(PacsUnreachable):
        web(Place, attempts=2).echo()


def test_implicit_little_endian_comes_as_it_is(
    dicomweb: Orthanc, web: ConnectWeb, slices: list[Path], spool: Path
) -> None:
    """The default of WADO-RS would be a transcoded copy."""
    item = dcmread(slices[0])
    item.file_meta.TransferSyntaxUID = UID(ImplicitVRLittleEndian)
    stream = BytesIO()
    dcmwrite(stream, item, enforce_file_format=True)
    dicomweb.store([stream.getvalue()])
    pacs = web(dicomweb)
    (path,) = pacs.fetch(instances_of(pacs), spool).arrived.values()
    assert dcmread(path).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert json.dumps(dict(pacs.learned()))
