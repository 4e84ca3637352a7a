"""One association: its root, its limits, its place among those that the PACS is to see, and the stop that ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_items import AsynchronousOperationsWindowSubItem, UserInformationItem

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason, StoppedError
from miner.pacs import Peer
from miner.pacs.care import Bounds, Pace
from miner.pacs.dimse import association as association_module
from miner.pacs.dimse import opening
from miner.pacs.dimse.association import Link, fitting
from miner.pacs.dimse.contexts import (
    FIND,
    GET,
    IN_PATIENT_ROOT,
    MOVE,
    VERIFICATION,
    get_contexts,
    move_contexts,
    query_contexts,
    storage_roles,
)
from miner.pacs.dimse.patience import Limit, Patience
from miner.pacs.queries.identifiers import series_query, study_query
from miner.pacs.retry import ServiceNotOfferedError
from miner.records import PatientRef, StudyRef
from tests.pacs.conftest import settings_for
from tests.pacs.scripted import ScriptedScp, drop
from tests.peers.network import LOOPBACK, free_port


def one_at_a_time() -> Pace:
    return Pace(Bounds(associations=1))


def peer_with(scp: Any, pace: Pace | None = None, **settings: Any) -> Peer:
    return Peer(settings_for(scp, **settings), pace=pace or Pace())


def is_free(pace: Pace) -> bool:
    """True where another association may be opened at once."""
    free = threading.Event()

    def take() -> None:
        with pace.association():
            free.set()

    threading.Thread(target=take, daemon=True).start()
    return free.wait(2)


def row(event: evt.Event) -> Iterator[Any]:
    answer = Dataset()
    answer.StudyInstanceUID = "2.25.1"
    yield 0xFF00, answer


def for_ever(event: evt.Event) -> Iterator[Any]:
    for _ in range(400):
        if event.assoc.is_aborted:
            return
        yield from row(event)
        time.sleep(0.05)


# ------------------------------------------------------------------------------------------------- what is negotiated


@pytest.mark.parametrize("contexts", [query_contexts, move_contexts, get_contexts])
def test_no_asynchronous_operations_and_at_most_128_contexts(contexts: Callable[[], Any]) -> None:
    """On the wire: a known PACS drops the connection when it is asked for an asynchronous operations window."""
    requests: list[A_ASSOCIATE_RQ] = []
    entity = AE("PACS")
    for service in (VERIFICATION, FIND, MOVE, GET):
        entity.add_supported_context(service)

    def note(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RQ):
            requests.append(event.pdu)

    server: Any = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=[(evt.EVT_PDU_RECV, note)])
    settings = {"host": LOOPBACK, "port": int(server.server_address[1]), "ae_title": "PACS"}
    roles = storage_roles() if contexts is get_contexts else []
    Link(Peer(settings_for(type("At", (), settings))), contexts(), roles).close()
    server.shutdown()
    (request,) = requests
    (told,) = [item for item in request.variable_items if isinstance(item, UserInformationItem)]
    assert not any(isinstance(item, AsynchronousOperationsWindowSubItem) for item in told.user_data)
    assert told.maximum_length == 131_072
    assert 3 <= len(request.presentation_context) <= 128


STUDY_ONLY, PATIENT_ONLY = (VERIFICATION, FIND, MOVE, GET), (VERIFICATION, *IN_PATIENT_ROOT.values())


@pytest.mark.parametrize(
    ("services", "query_root", "root", "roots"),
    [
        (STUDY_ONLY, "auto", "study", ("study",)),
        (PATIENT_ONLY, "auto", "patient", ("patient",)),
        ((*STUDY_ONLY, *PATIENT_ONLY[1:]), "auto", "study", ("study", "patient")),
        ((*STUDY_ONLY, *PATIENT_ONLY[1:]), "study", "study", ("study",)),
        ((*STUDY_ONLY, *PATIENT_ONLY[1:]), "patient", "patient", ("patient",)),
    ],
)
def test_the_root_is_the_study_root_where_it_is_offered(
    services: tuple[str, ...], query_root: str, root: str, roots: tuple[str, ...]
) -> None:
    asked: list[str] = []

    def find(event: evt.Event) -> Iterator[Any]:
        asked.append(str(event.request.AffectedSOPClassUID))
        yield from row(event)

    with ScriptedScp(find=find, services=services) as scp:
        link = Link(peer_with(scp, query_root=query_root), query_contexts())
        assert (link.root, link.roots(FIND), link.offers(FIND)) == (root, roots, True)
        assert len(link.find(study_query())) == 1
        link.close()
    assert asked == [FIND if root == "study" else IN_PATIENT_ROOT[FIND]]


def test_a_root_that_is_not_offered() -> None:
    with ScriptedScp(services=STUDY_ONLY) as scp:
        link = Link(peer_with(scp, query_root="patient"), query_contexts())
        assert not link.offers(FIND)
        with pytest.raises(ServiceNotOfferedError, match=r"pacs\.query_root"):
            link.find(study_query())
        link.close()


def test_the_patient_id_is_a_parent_key_of_the_patient_root_alone() -> None:
    """PS3.4 C.6.2: in the study root the patient is part of the study."""
    study = study_query(PatientID="P1")
    series = series_query(StudyRef("2.25.1", PatientRef("P1")))
    series.PatientID = "P1"
    assert fitting(study, FIND) is study
    assert "PatientID" not in fitting(series, FIND)
    assert fitting(series, FIND).StudyInstanceUID == "2.25.1"
    assert fitting(series, FIND).QueryRetrieveLevel == "SERIES"
    assert "PatientID" in series, "the caller's own is as it was"
    assert "PatientID" not in fitting(study, MOVE)
    for model in IN_PATIENT_ROOT.values():
        assert fitting(series, model) is series


# ------------------------------------------------------------------------------------------- its place at the PACS


def test_its_place_is_free_again_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = one_at_a_time()

    def dropping(event: evt.Event) -> Iterator[Any]:
        drop(event)
        time.sleep(0.1)
        yield 0

    with ScriptedScp(find=dropping) as scp:
        for end in (Link.close, Link.abort):
            link = Link(peer_with(scp, pace), query_contexts())
            end(link)
            assert is_free(pace)
        link = Link(peer_with(scp, pace), query_contexts())
        with pytest.raises(PacsError):
            link.find(study_query())
        assert is_free(pace), "the PACS has broken it off"
        monkeypatch.setattr(opening, "IDLE_SECONDS", 0.2)
        link = Link(peer_with(scp, pace), query_contexts())
        link._association.join(5)
        assert is_free(pace), "it was released because nobody used it"
        link.close()
        link.close()
        assert is_free(pace)


def test_its_place_is_free_again_where_it_was_never_opened() -> None:
    pace = one_at_a_time()
    with ScriptedScp(services=(FIND,)) as scp:
        with pytest.raises(AssociationRefused):
            Link(peer_with(scp, pace, ae_title="ANOTHER"), query_contexts())
        assert is_free(pace)
        with pytest.raises(PacsUnreachable):
            Link(peer_with(scp, pace, port=free_port()), query_contexts())
        assert is_free(pace)
        with pytest.raises(PacsUnreachable, match="does not resolve"):
            Link(peer_with(scp, pace, host="nowhere.invalid"), query_contexts())
        assert is_free(pace)


def test_a_second_one_waits_for_the_first() -> None:
    pace = one_at_a_time()
    with ScriptedScp(find=row) as scp:
        first = Link(peer_with(scp, pace), query_contexts())
        opened = threading.Event()

        def open_another() -> None:
            second = Link(peer_with(scp, pace), query_contexts())
            opened.set()
            second.close()

        thread = threading.Thread(target=open_another)
        thread.start()
        assert not opened.wait(0.5)
        first.close()
        thread.join(5)
        assert opened.is_set()


def test_a_pause_ends_an_idle_association_and_the_next_query_opens_it_anew() -> None:
    pace = Pace()
    with ScriptedScp(find=row) as scp:
        link = Link(peer_with(scp, pace), query_contexts())
        pace.set(Bounds(paused=True))
        answers: list[int] = []
        thread = threading.Thread(target=lambda: answers.append(len(link.find(study_query()))))
        thread.start()
        end = time.monotonic() + 5
        while scp._server.active_associations and time.monotonic() < end:
            time.sleep(0.05)
        assert scp._server.active_associations == [], "a PACS that is left alone keeps none of ours open"
        assert not answers
        pace.set(Bounds())
        thread.join(10)
        assert answers == [1]
        link.close()


# ----------------------------------------------------------------------------------------------------------- a stop


def test_a_stop_ends_what_is_open_and_lets_nothing_begin() -> None:
    with ScriptedScp(find=for_ever) as scp:
        peer = peer_with(scp)
        link, idle = Link(peer, query_contexts()), Link(peer, query_contexts())
        threading.Timer(0.4, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            link.find(study_query())
        assert time.monotonic() - start < 4
        with pytest.raises(StoppedError):
            idle.find(study_query())
        with pytest.raises(StoppedError):
            Link(peer, query_contexts())
        end = time.monotonic() + 5
        while scp._server.active_associations and time.monotonic() < end:
            time.sleep(0.05)
        assert scp._server.active_associations == [], "none is left open at the PACS"


def test_many_that_hang_are_stopped_together() -> None:
    """One after the other would take longer than anybody waits."""

    def hang(event: evt.Event) -> Iterator[Any]:
        event.assoc.dul.socket.send(b"\x04\x00\x00\x01\x00\x00")  # the beginning of a PDU, and nothing more
        time.sleep(8)
        yield 0

    with ScriptedScp(find=hang, maximum_associations=20) as scp:
        peer = peer_with(scp, silence_seconds=60.0)
        ended: list[type] = []

        def ask() -> None:
            link = Link(peer, query_contexts())
            try:
                link.find(study_query())
            except BaseException as error:
                ended.append(type(error))

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(12)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        peer.pace.halt.throw()
        start = time.monotonic()
        for thread in threads:
            thread.join(5)
        assert ended == [StoppedError] * 12
        assert time.monotonic() - start < 5


# ----------------------------------------------------------------------------------------------------------- limits


def test_a_peer_that_stalls_within_a_pdu_is_silent() -> None:
    def stall(event: evt.Event) -> Iterator[Any]:
        event.assoc.dul.socket.send(b"\x04\x00\x00\x01\x00\x00\x00")
        time.sleep(3)
        yield 0

    with ScriptedScp(find=stall) as scp:
        link = Link(peer_with(scp, silence_seconds=0.5), query_contexts())
        with pytest.raises(PacsError) as caught:
            link.find(study_query())
        assert caught.value.reason is Reason.TIMED_OUT


def test_more_rows_than_can_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association_module, "MOST_ROWS", 3)
    with ScriptedScp(find=for_ever) as scp:
        link = Link(peer_with(scp), query_contexts())
        with pytest.raises(PacsError, match="more than 3 rows") as caught:
            link.find(study_query())
        assert caught.value.reason is Reason.FIND_FAILED
        assert not link.usable


def test_a_silent_move_lives_by_what_arrives() -> None:
    """Row 10: no pending response at all, while the objects come on another association."""

    def slow(event: evt.Event) -> Iterator[Any]:
        time.sleep(1.5)
        yield 0xC001, None

    with ScriptedScp(find=slow) as scp:
        link = Link(peer_with(scp, silence_seconds=0.6), query_contexts())
        with pytest.raises(PacsError) as caught:
            link.find(study_query())
        assert caught.value.reason is Reason.TIMED_OUT

    def moving(event: evt.Event) -> Iterator[Any]:
        time.sleep(1.5)
        yield None, None

    with ScriptedScp(move=moving) as scp:
        link = Link(peer_with(scp, silence_seconds=0.6), move_contexts())
        outcome = link.move(study_query(), "MINER", time.monotonic)
        assert outcome.status == 0xA801
        link.close()


def patience(silence: float, whole: float, heard: Callable[[], float]) -> tuple[Patience, threading.Event]:
    over = threading.Event()
    return Patience(silence, whole, heard, over.set), over


def test_silence_counts_from_what_was_heard_last() -> None:
    start = time.monotonic()
    one, over = patience(0.3, 60, lambda: min(time.monotonic(), start + 1))
    with one:
        assert not over.wait(0.9)
        assert over.wait(5)
    assert one.over is Limit.SILENCE


def test_the_whole_has_a_limit_of_its_own() -> None:
    one, over = patience(60, 0.3, time.monotonic)
    with one:
        assert over.wait(5)
    assert one.over is Limit.WHOLE


def test_time_in_which_we_keep_the_pacs_waiting_is_not_its_own() -> None:
    start = time.monotonic()
    one, over = patience(0.4, 0.8, lambda: start)
    with one:
        with one.ours():
            assert not over.wait(1.5)
        assert over.wait(5)
    assert time.monotonic() - start >= 1.8


def test_a_request_that_ends_in_time_is_left_alone() -> None:
    one, over = patience(2, 2, lambda: 0.0)
    with one:
        pass
    assert not over.wait(2.5)
    assert one.over is None
