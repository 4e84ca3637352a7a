"""What a service does is found out and said, without a word of what it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from miner.errors import AssociationRefused, PacsUnreachable
from miner.pacs import PacsProfile, probe
from miner.pacs.profile import HONOURED, IGNORED, REFUSED, UNMATCHED
from tests.hospital import ct_series
from tests.pacs.dicomweb.conftest import web_peer
from tests.pacs.dicomweb.service import Answer, Asked, DicomwebService, rows
from tests.peers.network import LOOPBACK, free_port
from tests.peers.orthanc import Orthanc


def probed(service: DicomwebService) -> PacsProfile:
    profile = probe(web_peer(service.url))
    written = json.dumps(profile.as_json())
    for item in service.objects:
        values = [item.PatientID, item.AccessionNumber, item.StudyInstanceUID, item.SeriesInstanceUID]
        assert not any(str(value) in written for value in values)
    assert not any(asked.kind == "objects" for asked in service.asked), "nothing is retrieved"
    assert len(service.asked) < 40
    return profile


@pytest.fixture
def archive(study: list[Dataset]) -> list[Dataset]:
    return [*study, *ct_series("P2", "S2", slices=2)]


def test_a_good_service(archive: list[Dataset]) -> None:
    with DicomwebService(archive) as service:
        profile = probed(service)
    assert profile.faults == ()
    assert (profile.protocol, profile.tls, profile.identity) == ("dicomweb", False, None)
    assert (profile.echo, profile.study_level, profile.series_level, profile.image_level) == (True, True, True, True)
    assert (profile.study_uid, profile.patient_id, profile.date_range) == (HONOURED, HONOURED, HONOURED)
    assert (profile.modalities_in_study, profile.annotations_listed) == (HONOURED, True)
    assert (profile.counts, profile.study_counts, profile.sop_classes) == (True, True, True)
    assert (profile.positions, profile.paging, profile.metadata) == (True, True, True)
    assert {"SOPClassUID", "InstanceNumber", "ImagePositionPatient"} <= set(profile.image_keys)


def ignore(key: str, service: DicomwebService) -> None:
    """The service does not look at a key from now on."""

    def change(asked: Asked, answer: Answer) -> Answer:
        if asked.kind != "query":
            return answer
        return service.answer(Asked(asked.path, {k: v for k, v in asked.query.items() if k != key}, asked.headers))

    service.change = change


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("ModalitiesInStudy", "modalities_in_study", IGNORED),
        ("StudyDate", "date_range", IGNORED),
        ("StudyInstanceUID", "study_uid", IGNORED),
        ("offset", "paging", False),
    ],
)
def test_keys_that_are_ignored(archive: list[Dataset], key: str, field: str, value: object) -> None:
    with DicomwebService(archive) as service:
        ignore(key, service)
        assert getattr(probed(service), field) == value


def test_keys_that_match_nothing_or_are_refused(archive: list[Dataset]) -> None:
    change = lambda asked, answer: rows([]) if "ModalitiesInStudy" in asked.query else answer  # noqa: E731
    with DicomwebService(archive, change=change) as service:
        assert probed(service).modalities_in_study == UNMATCHED
    change = lambda asked, answer: Answer(400) if "ModalitiesInStudy" in asked.query else answer  # noqa: E731
    with DicomwebService(archive, change=change) as service:
        profile = probed(service)
    assert profile.modalities_in_study == REFUSED
    assert profile.faults


def test_no_positions_and_no_headers(archive: list[Dataset]) -> None:
    change = lambda asked, answer: Answer(501) if asked.kind == "headers" else answer  # noqa: E731
    with DicomwebService(archive, change=change, positions=False) as service:
        profile = probed(service)
    assert (profile.positions, profile.metadata) == (False, False)


def test_an_empty_archive() -> None:
    with DicomwebService() as service:
        profile = probed(service)
    assert (profile.study_level, profile.series_level, profile.paging) == (True, None, None)


def test_a_service_that_cannot_be_asked() -> None:
    with pytest.raises(PacsUnreachable):
        probe(web_peer(f"http://{LOOPBACK}:{free_port()}/dicom-web"))
    with DicomwebService(change=lambda asked, answer: Answer(401)) as service, pytest.raises(AssociationRefused):
        probe(web_peer(service.url))


def test_a_service_that_wants_to_be_left_alone_is() -> None:
    """An examination asks some thirty times; a service that is overloaded is asked once, and nobody waits an hour."""
    change = lambda asked, answer: Answer(503).with_headers(Retry_After="600")  # noqa: E731
    with DicomwebService(change=change) as service:
        profile = probe(web_peer(service.url))
    assert len(service.asked) == 1
    assert (profile.echo, profile.study_level) == (False, False)
    assert len(profile.faults) == 2
    assert any("Retry-After" in fault for fault in profile.faults)


@pytest.mark.peer
def test_orthanc(dicomweb: Orthanc, slices: list[Path], states: list[Path]) -> None:
    dicomweb.store([*slices, *states])
    profile = probe(web_peer(dicomweb.url))
    assert profile.faults == ()
    assert (profile.modalities_in_study, profile.annotations_listed, profile.paging) == (HONOURED, True, True)
    written = json.dumps(profile.as_json())
    header = dcmread(states[0])
    assert not any(value in written for value in (header.PatientID, header.StudyInstanceUID, header.AccessionNumber))
