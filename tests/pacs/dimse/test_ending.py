"""How an association ends before its time: the PACS is told by an A-ABORT, whoever asks for it and whatever is open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pynetdicom import evt
from pynetdicom.pdu import A_ABORT_RQ

from miner.errors import StoppedError
from miner.pacs import Peer
from miner.pacs.care import Bounds, Pace
from miner.pacs.dimse import guard
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import get_contexts, query_contexts, storage_roles
from miner.pacs.queries.identifiers import study_query
from tests.pacs.conftest import settings_for
from tests.pacs.scripted import ScriptedScp, image, with_meta
from tests.peers.network import LOOPBACK


class Aborts:
    """The A-ABORTs that a scripted PACS has received."""

    def __init__(self, scp: ScriptedScp) -> None:
        self.count = 0
        self._counting = threading.Lock()
        scp._server.bind(evt.EVT_PDU_RECV, self._note)

    def _note(self, event: evt.Event) -> None:
        if isinstance(event.pdu, A_ABORT_RQ):
            with self._counting:
                self.count += 1

    def are(self, number: int) -> bool:
        end = time.monotonic() + 5
        while self.count < number and time.monotonic() < end:
            time.sleep(0.02)
        return self.count == number


def find_all(peer: Peer) -> Any:
    return Link(peer, query_contexts()), lambda link: link.find(study_query())


def get_all(peer: Peer) -> Any:
    link = Link(peer, get_contexts(), storage_roles())
    link.on_store = lambda event: 0
    return link, lambda link: link.get(study_query())


def asking(peer: Peer, number: int, begin: Callable[[Peer], Any] = find_all) -> tuple[list[type], list[Any]]:
    """So many threads, each with an association of its own, in a request; the errors they end by, and the threads."""
    ended: list[type] = []
    opened = threading.Barrier(number + 1)

    def work() -> None:
        link, ask = begin(peer)
        opened.wait(20)
        try:
            ask(link)
        except BaseException as error:
            ended.append(type(error))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    opened.wait(20)
    return ended, threads


def silent(over: threading.Event) -> Any:
    def find(event: evt.Event) -> Iterator[Any]:
        over.wait(20)
        yield 0

    return find


def test_a_stop_in_a_query_is_an_abort_at_the_pacs() -> None:
    over = threading.Event()
    with ScriptedScp(find=silent(over)) as scp:
        aborts = Aborts(scp)
        for count in range(1, 7):
            peer = Peer(settings_for(scp, silence_seconds=60.0), pace=Pace())
            link = Link(peer, query_contexts())
            threading.Timer(0.2, peer.pace.halt.throw).start()
            with pytest.raises(StoppedError):
                link.find(study_query())
            assert aborts.are(count)
        over.set()


def test_a_stop_of_many_is_an_abort_of_each() -> None:
    over = threading.Event()
    with ScriptedScp(find=silent(over)) as scp:
        aborts = Aborts(scp)
        peer = Peer(settings_for(scp, silence_seconds=60.0), pace=Pace())
        ended, threads = asking(peer, 8)
        idle = Link(peer, query_contexts())
        time.sleep(0.3)
        peer.pace.halt.throw()
        for thread in threads:
            thread.join(5)
        assert ended == [StoppedError] * 8
        assert aborts.are(9), "the idle one too"
        assert not idle.usable
        over.set()


def test_a_stop_while_objects_come_is_an_abort_at_the_pacs() -> None:
    def sending(event: evt.Event) -> Iterator[Any]:
        yield 1000
        for number in range(1000):
            if event.assoc.is_aborted:
                return
            yield 0xFF00, with_meta(image(number))

    with ScriptedScp(get=sending) as scp:
        aborts = Aborts(scp)
        peer = Peer(settings_for(scp, silence_seconds=60.0), pace=Pace())
        ended, threads = asking(peer, 2, get_all)
        time.sleep(0.5)
        peer.pace.halt.throw()
        for thread in threads:
            thread.join(5)
        assert ended == [StoppedError] * 2
        assert aborts.are(2)


def test_several_ends_at_once_are_one_abort() -> None:
    over = threading.Event()
    with ScriptedScp(find=silent(over)) as scp:
        aborts = Aborts(scp)
        for count in range(1, 5):
            link = Link(Peer(settings_for(scp), pace=Pace()), query_contexts())
            threads = [threading.Thread(target=link.abort) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(5)
            assert aborts.are(count)
            assert not any(thread.is_alive() for thread in threads)
        over.set()


def test_a_pacs_that_does_not_close_after_an_abort_is_cut_off() -> None:
    """PS3.8 9.2: it is theirs to close the connection; we wait for a second, not for ever."""
    over = threading.Event()

    def deaf(event: evt.Event) -> Iterator[Any]:
        # The PACS reads nothing any more, and says nothing.
        reading = event.assoc.dul._is_transport_event
        event.assoc.dul._is_transport_event = lambda: over.is_set() and reading()
        over.wait(20)
        yield 0

    with ScriptedScp(find=deaf) as scp:
        peer = Peer(settings_for(scp, silence_seconds=60.0), pace=Pace())
        link = Link(peer, query_contexts())
        threading.Timer(0.3, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            link.find(study_query())
        assert time.monotonic() - start < 4
        over.set()


def test_the_place_at_the_pacs_is_kept_until_it_has_been_told() -> None:
    """Given back earlier, the next association could be there before the A-ABORT of this one."""
    pace = Pace(Bounds(associations=1))
    over = threading.Event()
    held: list[int] = []
    with ScriptedScp(find=silent(over)) as scp:
        link = Link(Peer(settings_for(scp), pace=pace), query_contexts())
        link._association.bind(evt.EVT_PDU_SENT, lambda event: held.append(pace._held))
        link.abort()
        assert (held, pace._held) == ([1], 0)
        over.set()


def test_a_thread_is_woken_though_the_reactor_takes_the_word_that_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The abort lets the reactor go, which looks for a message once more: it may be the one for who waits."""
    original = guard.Checkpoint.wait

    def greedy(self: guard.Checkpoint, timeout: float | None = None) -> bool:
        went_on = original(self, timeout)
        end = time.monotonic() + 1
        while self._association._sent_abort and time.monotonic() < end:  # type: ignore[attr-defined]
            self._association.dimse.get_msg(block=False)  # type: ignore[attr-defined]
        return went_on

    monkeypatch.setattr(guard.Checkpoint, "wait", greedy)
    over = threading.Event()
    with ScriptedScp(find=silent(over)) as scp:
        peer = Peer(settings_for(scp, silence_seconds=60.0), pace=Pace())
        ended, threads = asking(peer, 4)
        time.sleep(0.3)
        peer.pace.halt.throw()
        for thread in threads:
            thread.join(6)
        over.set()
        assert ended == [StoppedError] * 4


def test_a_late_word_of_the_association_before_does_not_free_the_place_of_the_next() -> None:
    pace = Pace(Bounds(associations=1))
    with ScriptedScp() as scp:
        link = Link(Peer(settings_for(scp), pace=pace), query_contexts())
        before = link._association
        link.close()
        link._begin()
        evt.trigger(before, evt.EVT_ABORTED, {})
        assert pace._held == 1
        link.close()
        assert pace._held == 0


# ------------------------------------------------------------------------------------------- while it is being opened


def test_a_stop_while_the_pacs_thinks_about_an_association_is_an_abort() -> None:
    said = bytearray()
    with socket.create_server((LOOPBACK, 0)) as server:

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                while more := connection.recv(65536):
                    said.extend(more)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        at = type("At", (), {"host": LOOPBACK, "port": server.getsockname()[1], "ae_title": "PACS"})
        peer = Peer(settings_for(at, connect_seconds=30.0), pace=Pace())
        threading.Timer(0.5, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            Link(peer, query_contexts())
        assert time.monotonic() - start < 4
        thread.join(5)
        assert said[-10:] == bytes((7, 0, 0, 0, 0, 4, 0, 0, 0, 0)), "A-ABORT (PS3.8 9.3.8)"


def test_a_stop_just_before_the_connection_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look whether the run was stopped and the first octet there is nothing yet that a stop could end."""
    with ScriptedScp() as scp:
        connections: list[Any] = []
        scp._server.bind(evt.EVT_CONN_OPEN, connections.append)
        peer = Peer(settings_for(scp), pace=Pace())
        noting = Link._note_opening

        def stopped_then(self: Link, *arguments: Any) -> None:
            peer.pace.halt.throw()
            time.sleep(0.2)
            noting(self, *arguments)

        monkeypatch.setattr(Link, "_note_opening", stopped_then)
        with pytest.raises(StoppedError):
            Link(peer, query_contexts())
        time.sleep(0.2)
        assert not connections


def test_a_stop_while_a_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call into the system cannot be ended; nobody waits for it."""
    over = threading.Event()
    original = socket.getaddrinfo

    def slow(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == "slow.example" and not options.get("flags"):
            over.wait(20)
            return original(LOOPBACK, *arguments, **options)
        return original(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with ScriptedScp() as scp:
        peer = Peer(settings_for(scp, host="slow.example", connect_seconds=30.0), pace=Pace())
        threading.Timer(0.3, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            Link(peer, query_contexts())
        assert time.monotonic() - start < 4
        left = [thread for thread in threading.enumerate() if not thread.daemon and "abort" in thread.name]
        assert not left, "nothing keeps the process alive"
        over.set()
