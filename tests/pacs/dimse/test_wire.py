"""The connection under an association: opened within its limits, read within bounds, cut at any moment."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from miner.config import Pacs as PacsSettings
from miner.errors import AssociationRefused, PacsUnreachable, StoppedError
from miner.pacs import Peer
from miner.pacs.dimse import bounds, wire
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import query_contexts
from tests.pacs.scripted import ScriptedScp
from tests.peers.network import LOOPBACK, free_port


def peer_at(port: int, **settings: Any) -> Peer:
    return Peer(PacsSettings(**{"host": LOOPBACK, "port": port, "connect_seconds": 5, **settings}))


@contextmanager
def answering(answer: bytes, slowly: float = 0.0) -> Iterator[int]:
    """A server that answers the A-ASSOCIATE-RQ with these octets, one by one where ``slowly``; its port."""
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            portion = 1 if slowly else len(answer) + 1
            for start in range(0, len(answer), portion):
                try:
                    connection.sendall(answer[start : start + portion])
                except OSError:
                    return
                if over.wait(slowly):
                    return
            over.wait(20)

    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        over.set()


@pytest.mark.parametrize("length", [bounds.LONGEST_NEGOTIATION + 1, 0xFFFFFFFF])
def test_an_absurd_length_is_not_waited_for(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A-ASSOCIATE-AC of four gigabytes."""
    with answering(struct.pack(">BBL", 2, 0, length) + bytes(1000)) as port:
        start = time.monotonic()
        with pytest.raises(AssociationRefused):
            Link(peer_at(port), query_contexts())
        assert time.monotonic() - start < 4


def test_a_pdu_that_dribbles_ends_by_the_limit_of_silence() -> None:
    """Octet by octet, each within any time limit of a single read."""
    octets = struct.pack(">BBL", 2, 0, 1000) + bytes(1000)
    with answering(octets, slowly=0.1) as port, pytest.raises(AssociationRefused):
        Link(peer_at(port, silence_seconds=0.5), query_contexts())


def test_p_data_is_bounded_by_what_we_have_announced() -> None:
    octets: list[int] = []
    one = object.__new__(wire.Wire)
    one.failure, one._silence, one._ahead, one._kind = None, 1.0, bytearray(), 0
    ours, theirs = socket.socketpair()
    one.socket = ours
    theirs.sendall(struct.pack(">BBL", 4, 0, bounds.MAXIMUM_PDU + 1))
    octets.append(len(one.recv(6)))
    with pytest.raises(wire.OversizedPduError):
        one.recv(bounds.MAXIMUM_PDU + 1)
    theirs.sendall(struct.pack(">BBL", 4, 0, bounds.MAXIMUM_PDU))
    assert octets == [6]
    one.recv(6)
    threading.Thread(target=theirs.sendall, args=(bytes(bounds.MAXIMUM_PDU),), daemon=True).start()
    assert len(one.recv(bounds.MAXIMUM_PDU)) == bounds.MAXIMUM_PDU
    ours.close()
    theirs.close()


def test_what_was_read_ahead_comes_first() -> None:
    one = object.__new__(wire.Wire)
    one.failure, one._silence, one._ahead, one._kind = None, 1.0, bytearray(b"abcdef"), 0
    ours, theirs = socket.socketpair()
    one.socket = ours
    theirs.sendall(b"ghi")
    assert one.ready
    assert one.recv(2) == b"ab"
    assert one.recv(6) == b"cdefgh"
    theirs.close()
    assert one.recv(5) == b"i", "fewer where the connection ends"
    ours.close()


def test_the_second_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedScp() as scp:
        family, kind = socket.AF_INET, socket.SOCK_STREAM
        addresses = [(family, kind, 6, "", (LOOPBACK, port)) for port in (free_port(), scp.port)]
        monkeypatch.setattr(wire.socket, "getaddrinfo", lambda *arguments, **options: addresses)
        link = Link(peer_at(scp.port, ae_title=scp.ae_title), query_contexts())
        assert link.usable
        link.close()


@contextmanager
def never_connecting() -> Iterator[int]:
    """A port that answers no connection request: its queue is full."""
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            fillers.append(filler)
        time.sleep(0.1)
        yield server.getsockname()[1]
        for filler in fillers:
            filler.close()


def test_no_connection_in_time() -> None:
    with never_connecting() as port:
        start = time.monotonic()
        with pytest.raises(PacsUnreachable, match=r"no TCP connection within 0\.6 s"):
            Link(peer_at(port, connect_seconds=0.6), query_contexts())
        assert time.monotonic() - start < 5


def test_nobody_listens() -> None:
    with pytest.raises(PacsUnreachable, match="was refused"):
        Link(peer_at(free_port()), query_contexts())


def test_a_stop_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of an association and the start of its threads: nobody would wake who waits for them."""
    with ScriptedScp() as scp:
        peer = peer_at(scp.port, ae_title=scp.ae_title)

        def stop_here(association: Any) -> None:
            bounds.bound(association)
            link: list[Any] = [ending.__self__ for ending in peer.pace.halt._endings.values()]
            link[0]._note_opening(association, association.dul.socket or made[0])
            peer.pace.halt._thrown = True
            link[0].abort()

        made: list[wire.Wire] = []
        original = wire.Wire.__init__

        def note(one: wire.Wire, *arguments: Any, **options: Any) -> None:
            original(one, *arguments, **options)
            made.append(one)

        monkeypatch.setattr(wire.Wire, "__init__", note)
        monkeypatch.setattr(wire, "bound", stop_here)
        ended: list[BaseException] = []

        def open_one() -> None:
            try:
                Link(peer, query_contexts())
            except BaseException as error:
                ended.append(error)

        thread = threading.Thread(target=open_one, daemon=True)
        thread.start()
        thread.join(5)
        assert [type(error) for error in ended] == [StoppedError]


@pytest.mark.parametrize("stage", ["connecting", "shaking hands", "negotiating"])
def test_a_stop_ends_an_opening(stage: str) -> None:
    """At each stage of it, long before its own limit."""
    context: Any = never_connecting() if stage == "connecting" else answering(b"")
    with context as port:
        peer = peer_at(port, connect_seconds=60, tls=stage == "shaking hands")
        threading.Timer(0.5, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            Link(peer, query_contexts())
        assert time.monotonic() - start < 5
