"""The loopback PACS with pynetdicom as its client."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AE, build_role, evt

from miner.demo.pacs import LoopbackPacs
from miner.demo.pacs_behaviour import Answer, Behaviour, Request

FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{service}" for service in (1, 2, 3))
PIXELS = np.arange(4096).reshape(64, 64) * 5 - 300


def study_identifier(uid: str = "1.2.1", level: str = "STUDY") -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    dataset.StudyInstanceUID = uid
    return dataset


def connect(pacs: LoopbackPacs, entity: AE, *, handlers: Any = None, syntaxes: Any = None) -> Any:
    for model in (FIND, MOVE, GET, "1.2.840.10008.1.1"):
        entity.add_requested_context(model)
    entity.add_requested_context(CTImageStorage, syntaxes or [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    association = entity.associate(
        pacs.host,
        pacs.port,
        ae_title=pacs.ae_title,
        ext_neg=[build_role(CTImageStorage, scp_role=True, scu_role=True)],
        evt_handlers=handlers or [],
    )
    assert association.is_established
    return association


def keeping(received: list[Dataset]) -> Callable[[Any], int]:
    def keep(event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        received.append(dataset)
        return 0

    return keep


def test_echo_and_counting(pacs: LoopbackPacs, entity: AE) -> None:
    association = connect(pacs, entity)
    assert association.send_c_echo().Status == 0
    association.release()
    assert (pacs.requests.associations, pacs.requests.echoes) == (1, 1)


def test_it_listens_on_loopback_only(pacs: LoopbackPacs) -> None:
    assert pacs._server.server_address[0] == "127.0.0.1"


def test_a_wrong_called_title_is_rejected(pacs: LoopbackPacs, entity: AE) -> None:
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate(pacs.host, pacs.port, ae_title="SOMEONE")
    assert association.is_rejected


def test_find_over_the_wire(pacs: LoopbackPacs, entity: AE) -> None:
    association = connect(pacs, entity)
    query = study_identifier("")
    query.PatientName = "*"
    answers = [(status.Status, row) for status, row in association.send_c_find(query, FIND)]
    association.release()
    assert {row.StudyInstanceUID for _, row in answers if row} == {"1.2.1", "1.2.2", "1.2.3"}
    assert answers[-1][0] == 0
    assert pacs.requests.finds == 1


def test_get_brings_every_object_with_right_counts(pacs: LoopbackPacs, entity: AE) -> None:
    received: list[Dataset] = []
    association = connect(pacs, entity, handlers=[(evt.EVT_C_STORE, keeping(received))])
    statuses = [status for status, _ in association.send_c_get(study_identifier(), GET)]
    association.release()
    assert statuses[-1].Status == 0
    assert statuses[-1].NumberOfCompletedSuboperations == 5
    assert len({str(item.SOPInstanceUID) for item in received}) == 5
    assert (received[0].pixel_array == PIXELS).all()
    assert (pacs.requests.gets, pacs.requests.objects_sent) == (1, 5)
    sent = (path for path in pacs.folder.glob("*.dcm") if pydicom.dcmread(path).StudyInstanceUID == "1.2.1")
    assert pacs.requests.octets_sent == sum(path.stat().st_size for path in sent)


def test_get_of_named_images_only(pacs: LoopbackPacs, entity: AE) -> None:
    received: list[Dataset] = []
    association = connect(pacs, entity, handlers=[(evt.EVT_C_STORE, keeping(received))])
    query = study_identifier(level="IMAGE")
    query.SeriesInstanceUID = "1.2.1.1"
    query.SOPInstanceUID = ["1.2.1.1.3", "1.2.1.1.1", "1.2.9"]
    list(association.send_c_get(query, GET))
    association.release()
    assert {str(item.SOPInstanceUID) for item in received} == {"1.2.1.1.3", "1.2.1.1.1"}


def test_a_retrieve_without_its_parents_is_refused(pacs: LoopbackPacs, entity: AE) -> None:
    association = connect(pacs, entity)
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.SeriesInstanceUID = "1.2.1.1"
    statuses = [status.Status for status, _ in association.send_c_get(query, GET)]
    association.release()
    assert statuses == [0xA900]


def test_objects_without_a_context_are_failed_and_named(pacs: LoopbackPacs, entity: AE, make_object: Any) -> None:
    pacs.add(make_object(sop="1.2.1.1.9", SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))
    received: list[Dataset] = []
    association = connect(pacs, entity, handlers=[(evt.EVT_C_STORE, keeping(received))])
    answers = list(association.send_c_get(study_identifier(), GET))
    association.release()
    status, failed = answers[-1]
    assert status.Status == 0xB000
    assert (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (5, 1)
    assert failed.FailedSOPInstanceUIDList == "1.2.1.1.9"


@pytest.mark.parametrize(
    "stored",
    [
        ImplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
)
@pytest.mark.parametrize("accepted", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, None])
def test_pixels_survive_every_transfer_syntax(
    tmp_path: Path, entity: AE, make_object: Any, stored: Any, accepted: Any
) -> None:
    received: list[Dataset] = []
    with LoopbackPacs(tmp_path) as pacs:
        pacs.add(make_object(syntax=stored))
        wanted = accepted or stored
        association = connect(pacs, entity, handlers=[(evt.EVT_C_STORE, keeping(received))], syntaxes=[wanted])
        statuses = [status for status, _ in association.send_c_get(study_identifier(), GET)]
        association.release()
    assert statuses[-1].Status == 0
    (item,) = received
    assert item.file_meta.TransferSyntaxUID == wanted
    assert (item.pixel_array == PIXELS).all()
    assert item.PatientName == "Alpha^Ann"


def test_store_then_find(tmp_path: Path, entity: AE, make_object: Any) -> None:
    with LoopbackPacs(tmp_path) as pacs:
        association = connect(pacs, entity)
        assert association.send_c_store(make_object()).Status == 0
        assert association.send_c_store(make_object()).Status == 0
        rows = [row for _, row in association.send_c_find(study_identifier(""), FIND) if row]
        association.release()
        assert len(rows) == len(pacs) == 1
    assert len(LoopbackPacs(tmp_path)) == 1


@pytest.fixture
def destination() -> Iterator[tuple[int, list[Dataset]]]:
    received: list[Dataset] = []
    entity = AE(ae_title="DEST")
    entity.add_supported_context(CTImageStorage, [ExplicitVRLittleEndian, RLELossless])
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, keeping(received))])
    yield server.server_address[1], received
    server.shutdown()


def test_move_to_a_known_destination(pacs: LoopbackPacs, entity: AE, destination: tuple[int, list[Dataset]]) -> None:
    port, received = destination
    pacs.destinations["DEST"] = ("127.0.0.1", port)
    association = connect(pacs, entity)
    statuses = [status for status, _ in association.send_c_move(study_identifier(), "DEST", MOVE)]
    association.release()
    assert statuses[-1].Status == 0
    assert statuses[-1].NumberOfCompletedSuboperations == 5
    assert len(received) == 5
    assert pacs.requests.moves == 1


def test_move_to_an_unknown_destination(pacs: LoopbackPacs, entity: AE) -> None:
    association = connect(pacs, entity)
    statuses = [status.Status for status, _ in association.send_c_move(study_identifier(), "NOWHERE", MOVE)]
    association.release()
    assert statuses == [0xA801]


def test_move_to_a_destination_that_is_down(pacs: LoopbackPacs, entity: AE) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        pacs.destinations["DEST"] = ("127.0.0.1", closed.getsockname()[1])
        association = connect(pacs, entity)
        statuses = [status.Status for status, _ in association.send_c_move(study_identifier(), "DEST", MOVE)]
        association.release()
    assert statuses == [0xA801]


def test_cancelling_a_get(tmp_path: Path, entity: AE, make_object: Any) -> None:
    received: list[Dataset] = []
    with LoopbackPacs(tmp_path) as pacs:
        for number in range(60):
            pacs.add(make_object(sop=f"1.2.1.1.{number + 1}"))
        association = connect(pacs, entity, handlers=[(evt.EVT_C_STORE, keeping(received))])
        statuses = []
        for status, _ in association.send_c_get(study_identifier(), GET, msg_id=7):
            statuses.append(status.Status)
            if len(statuses) == 3:
                association.send_c_cancel(7, query_model=GET)
        association.release()
    assert statuses[-1] == 0xFE00
    assert len(received) < 60


class HalfAnswer(Behaviour):
    """Ends a C-FIND after its first row, and holds back the last object of a C-GET."""

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        yield next(answers)

    def select(self, request: Request, objects: Any) -> Any:
        return objects[:-1]


def test_the_seam_for_faults(tmp_path: Path, entity: AE, make_object: Any) -> None:
    received: list[Dataset] = []
    with LoopbackPacs(tmp_path, behaviour=HalfAnswer()) as pacs:
        for number in range(3):
            pacs.add(make_object(study=f"1.2.{number + 1}", sop=f"1.2.{number + 1}.5"))
            pacs.add(make_object(study=f"1.2.{number + 1}", sop=f"1.2.{number + 1}.6"))
        association = connect(pacs, entity, handlers=[(evt.EVT_C_STORE, keeping(received))])
        found = [row for _, row in association.send_c_find(study_identifier(""), FIND) if row]
        list(association.send_c_get(study_identifier(), GET))
        association.release()
    assert len(found) == 1
    assert len(received) == 1


def test_a_file_in_place_is_indexed_not_copied(tmp_path: Path, make_object: Any) -> None:
    path = tmp_path / "elsewhere" / "one.dcm"
    path.parent.mkdir()
    make_object().save_as(path, enforce_file_format=True)
    pacs = LoopbackPacs(tmp_path / "objects")
    pacs.add(path)
    assert len(pacs) == 1
    assert list((tmp_path / "objects").iterdir()) == []
    assert pydicom.dcmread(path).PatientID == "P1"
