"""The public face, and the identifiers that are sent."""

from __future__ import annotations

import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from miner.config import Pacs as PacsSettings
from miner.errors import ConfigError
from miner.pacs import Peer, connect, probe
from miner.pacs.dimse.get import GetService
from miner.pacs.dimse.move import MoveService
from miner.pacs.queries import identifiers
from miner.records import DateWindow, InstanceRef, PatientRef, SeriesRef, StudyRef
from tests.peers.network import LOOPBACK


@pytest.mark.parametrize("function", [connect, probe])
def test_a_folder_is_named_in_the_settings(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"pacs\.path is empty"):
        function(Peer(PacsSettings(protocol="folder")))


@pytest.mark.parametrize("function", [connect, probe])
def test_a_dicomweb_service_is_named_in_the_settings(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"pacs\.url is empty"):
        function(Peer(PacsSettings(protocol="dicomweb")))


@pytest.mark.parametrize("function", [connect, probe])
@pytest.mark.parametrize("retrieve", ["auto", "get", "move"])
@pytest.mark.parametrize("entry", ["abc", "OTHER@10.0.0.256", "OTHER@two words", "OTHER@-", "OTHER@10.0.0.1:104"])
def test_a_sender_that_is_none_is_found_before_anything_is_asked(
    function: Callable[..., Any], retrieve: Any, entry: str
) -> None:
    """Also where C-GET would do without it: the night that falls back to C-MOVE is too late."""
    with socket.create_server((LOOPBACK, 0)) as pacs:
        settings = PacsSettings(host=LOOPBACK, port=pacs.getsockname()[1], retrieve=retrieve, move_from=(entry,))
        with pytest.raises(ConfigError, match=r"pacs\.move_from"):
            function(Peer(settings))
        pacs.setblocking(False)
        with pytest.raises(BlockingIOError):
            pacs.accept()


@pytest.mark.parametrize("host", ["10.0.0.1", "fe80::1%eth0", "store", "store-1.hospital.example.", "größe.example"])
def test_senders_are_named_by_address_or_by_name(host: str) -> None:
    connect(Peer(PacsSettings(move_from=(f"OTHER@{host}",)))).close()


def test_nothing_is_opened_before_the_first_request() -> None:
    connect(Peer(PacsSettings(host="192.0.2.1"))).close()


def test_an_interrupted_opening_leaves_no_thread_that_keeps_the_process() -> None:
    before = set(threading.enumerate())  # threads of other tests' peers are no business of this one
    with socket.create_server((LOOPBACK, 0)) as silent:
        pacs = connect(Peer(PacsSettings(host=LOOPBACK, port=silent.getsockname()[1], connect_seconds=60)), attempts=1)
        threading.Timer(0.5, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            list(pacs.find_studies(DateWindow(), ("PR",)))
        end = time.monotonic() + 10
        while (left := [thread for thread in threading.enumerate() if _keeps_the_process(thread, before)]) and (
            time.monotonic() < end
        ):
            time.sleep(0.05)
        assert not left


def _keeps_the_process(thread: threading.Thread, before: set[threading.Thread]) -> bool:
    return not thread.daemon and thread not in before


@pytest.mark.parametrize(
    ("retrieve", "profile", "services"),
    [
        ("auto", None, [GetService, MoveService]),
        ("auto", {"get_offered": False}, [MoveService]),
        ("get", {"get_offered": False}, [GetService]),
        ("move", None, [MoveService]),
    ],
)
def test_order_of_services(retrieve: Any, profile: Any, services: list[type]) -> None:
    pacs: Any = connect(Peer(PacsSettings(retrieve=retrieve)), profile=profile)
    assert [type(service) for service in pacs._services] == services


def test_every_query_asks_for_the_character_set_and_sends_all_parents() -> None:
    study = StudyRef("2.25.1", PatientRef("P"))
    series = SeriesRef(study, "2.25.2", "CT")
    queries = (identifiers.study_query(), identifiers.series_query(study), identifiers.image_query(series))
    assert all("SpecificCharacterSet" in query for query in queries)
    assert [query.QueryRetrieveLevel for query in queries] == ["STUDY", "SERIES", "IMAGE"]
    assert queries[1].StudyInstanceUID == "2.25.1"
    assert (queries[2].StudyInstanceUID, queries[2].SeriesInstanceUID) == ("2.25.1", "2.25.2")
    assert not any("PatientName" in query or "PatientBirthDate" in query for query in queries)


def test_a_retrieval_names_instances_and_all_parents() -> None:
    identifier = identifiers.retrieval([InstanceRef("2.25.1", "2.25.2", uid) for uid in ("2.25.3", "2.25.4")])
    assert (identifier.StudyInstanceUID, identifier.SeriesInstanceUID) == ("2.25.1", "2.25.2")
    assert list(identifier.SOPInstanceUID) == ["2.25.3", "2.25.4"]


def test_broken_uids_are_sent_as_they_are_and_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        identifier = identifiers.retrieval([InstanceRef("1.02.3", "1.2.", "not a uid")])
    assert identifier.StudyInstanceUID == "1.02.3"


def test_a_name_beyond_ascii_names_its_character_set() -> None:
    assert identifiers.study_query(PatientID="Größe").SpecificCharacterSet == "ISO_IR 192"
    assert not identifiers.study_query(PatientID="A1").SpecificCharacterSet
