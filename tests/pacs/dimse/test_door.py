"""Our own door: who is let in, what strangers can do at it, and that those who belong there notice nothing of them."""

from __future__ import annotations

import itertools
import logging
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from pynetdicom import AE, build_context
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE

from miner.config import Pacs as PacsSettings
from miner.demo.pacs import LoopbackPacs
from miner.errors import ConfigError, PacsError, StoppedError
from miner.pacs import Peer
from miner.pacs.books import Books
from miner.pacs.care import Refusal
from miner.pacs.dimse import door, guests
from miner.pacs.dimse.contexts import VERIFICATION
from miner.pacs.dimse.receive import Receiver
from miner.pacs.dimse.storage import StorageScp, listen_for
from miner.records import DateWindow, InstanceRef
from tests.pacs.conftest import Connect
from tests.pacs.scripted import image, reference, with_meta
from tests.peers.dcmtk import echoscu, run
from tests.peers.network import LOOPBACK, free_port

STRANGER = "127.0.0.2"
"""Another address of this machine, as another machine's."""

PACS = "PACS"


def settings_of(**values: Any) -> PacsSettings:
    return PacsSettings(**{"host": LOOPBACK, "ae_title": PACS, "move_port": 0, **values})


@contextmanager
def listening(**values: Any) -> Iterator[tuple[StorageScp, Peer]]:
    peer = Peer(settings_of(**values))
    listener = StorageScp(peer)
    listener.start()
    try:
        yield listener, peer
    finally:
        listener.stop()


def knock(port: int, *, calling: str = PACS, called: str = "MINER", address: str = LOOPBACK) -> Any:
    """An association with our door, established or not."""
    entity = AE(calling)
    entity.acse_timeout = 5
    entity.add_requested_context(VERIFICATION)
    entity.add_requested_context(CTImageStorage, [ImplicitVRLittleEndian])
    return entity.associate(LOOPBACK, port, ae_title=called, bind_address=(address, 0))


def soon(true: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not (so := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return so


def call(port: int, octets: bytes, address: str = LOOPBACK) -> socket.socket:
    """A connection that says this much."""
    wire = socket.create_connection((LOOPBACK, port), 5, source_address=(address, 0))
    wire.settimeout(15)
    with suppress(OSError):
        wire.sendall(octets)
    return wire


def last_words(wire: socket.socket) -> bytes:
    """What it is answered until the connection ends."""
    answer = b""
    try:
        while more := wire.recv(4096):
            answer += more
    except ConnectionError:
        pass
    finally:
        wire.close()
    return answer


def request(calling: str = PACS, called: str = "MINER") -> bytes:
    """A right A-ASSOCIATE-RQ."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    contexts = [build_context(VERIFICATION), build_context(CTImageStorage, [ImplicitVRLittleEndian])]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = contexts
    primitive.maximum_length_received = 16382
    primitive.implementation_class_uid = "1.2.3"
    return A_ASSOCIATE_RQ(primitive).encode()


# ---------------------------------------------------------------------------------------------------- who may come in


def test_the_pacs_may_echo() -> None:
    with listening() as (listener, peer):
        association = knock(listener.port)
        assert association.send_c_echo().Status == 0
        association.release()
        assert listener.visited
        assert listener.echoes == 1
        assert peer.visitors.counts() == {}


@pytest.mark.parametrize(
    ("knocking", "answer", "kind"),
    [
        ({"calling": "STRANGER"}, (1, 1, 3), "unknown-calling-title"),
        ({"called": "ANOTHER"}, (1, 1, 7), "wrong-called-title"),
        ({"calling": "pacs"}, (1, 1, 3), "unknown-calling-title"),
    ],
)
def test_wrong_titles(knocking: dict[str, str], answer: tuple[int, int, int], kind: str) -> None:
    with listening() as (listener, peer):
        association = knock(listener.port, **knocking)
        assert association.is_rejected
        told = association.acceptor.primitive
        assert (told.result, told.result_source, told.diagnostic) == answer
        assert soon(lambda: peer.visitors.counts() == {kind: 1})
        assert not listener.visited


def test_another_address_is_closed_at_once() -> None:
    with listening() as (listener, peer):
        start = time.monotonic()
        assert last_words(call(listener.port, b"", STRANGER)) == b""
        assert last_words(call(listener.port, request(), STRANGER)) == b"", "right titles do not help"
        assert time.monotonic() - start < 2
        assert soon(lambda: peer.visitors.counts() == {"unknown-address": 2})


def test_move_from_names_other_senders() -> None:
    """Each title at its own address only."""
    with listening(move_from=[f"STORE@GATE@{STRANGER}"]) as (listener, peer):
        for knocking, welcome in (
            ({"calling": "STORE@GATE", "address": STRANGER}, True),
            ({"calling": PACS, "address": LOOPBACK}, True),
            ({"calling": PACS, "address": STRANGER}, False),
            ({"calling": "STORE@GATE", "address": LOOPBACK}, False),
        ):
            association = knock(listener.port, **knocking)
            assert association.is_established is welcome, knocking
            if welcome:
                association.release()
        assert peer.visitors.counts() == {"unknown-calling-title": 2}


@pytest.mark.parametrize("entry", ["PACS", "@10.0.0.1", "PACS@", "SEVENTEEN_LETTERS@10.0.0.1"])
def test_an_entry_of_move_from_that_is_none(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"pacs\.move_from"):
        guests.Guests(settings_of(move_from=[entry]))


def test_a_pacs_that_has_moved_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["10.0.0.1"]
    places = lambda *_, **__: [(2, 1, 6, "", (address, 0)) for address in addresses]  # noqa: E731
    monkeypatch.setattr(guests.socket, "getaddrinfo", places)
    known = guests.Guests(settings_of(host="pacs.hospital.example"))
    addresses[:] = ["10.0.0.2"]
    assert known.titles_at("10.0.0.1") == {PACS}
    assert not known.stale, "not asked for again at every knock"
    monkeypatch.setattr(guests, "RESOLVE_SECONDS", 0.0)
    assert known.stale
    known.resolve()
    assert known.titles_at("10.0.0.2") == {PACS}
    assert not known.titles_at("10.0.0.1")
    addresses.clear()
    known.resolve()
    assert known.titles_at("10.0.0.2") == {PACS}, "a name that does not resolve now keeps what it had"


def test_an_address_has_one_form() -> None:
    assert guests.plain_address("::ffff:10.0.0.1") == "10.0.0.1"
    assert guests.plain_address("fe80::1%eth0") == "fe80::1"


def test_a_refusal_is_logged_once_and_without_values(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), listening() as (listener, peer):
        for _ in range(3):
            knock(listener.port, calling="DOE^JANE")
        assert soon(lambda: peer.visitors.counts() == {"unknown-calling-title": 3})
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "pacs.move_from" in warnings[0]
    assert "DOE" not in caplog.text


def test_every_refusal_has_words() -> None:
    assert set(door._WORDS) == set(Refusal)


def test_connections_that_share_a_port_all_count() -> None:
    port = free_port()
    with listening(move_port=port) as (listener, first), listening(move_port=port) as (again, second):
        assert listener.port == again.port == port
        knock(port, calling="STRANGER")
        assert soon(lambda: first.visitors.counts() == second.visitors.counts() == {"unknown-calling-title": 1})


# ------------------------------------------------------------------------------------------------------------ objects


def test_only_what_is_waited_for_is_stored(spool: Path) -> None:
    with listening() as (listener, peer):
        receiver = Receiver(spool, Books([reference(1)]))
        with listener.waiting(receiver):
            association = knock(listener.port)
            statuses = [association.send_c_store(with_meta(image(number))).Status for number in (7, 1, 8)]
            association.release()
        association = knock(listener.port)
        assert association.send_c_store(with_meta(image(1))).Status == 0x0124, "nobody waits any more"
        association.release()
    assert statuses == [0x0124, 0x0000, 0x0124]
    assert peer.visitors.counts() == {"unexpected-object": 3}
    assert len(list(spool.iterdir())) == 1


def test_a_store_without_an_object() -> None:
    with listening() as (listener, peer):
        association = knock(listener.port)
        empty = C_STORE()
        empty.MessageID, empty.Priority = 1, 2
        empty.AffectedSOPClassUID, empty.AffectedSOPInstanceUID = CTImageStorage, "2.25.1"
        association._reactor_checkpoint.clear()
        while not association._is_paused:
            time.sleep(0.001)
        association.dimse.send_msg(empty, 3)
        _, answer = association.dimse.get_msg(block=True)
        assert answer.Status == 0xC000
        association.abort()
        assert peer.visitors.counts() == {"unusable-object": 1}


# ------------------------------------------------------------------------------------------------------------- bounds


def test_silence_at_the_door_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """ARTIM: a connection without a request, and one with half of it."""
    monkeypatch.setattr(door, "ARTIM_SECONDS", 0.5)
    with listening() as (listener, peer):
        start = time.monotonic()
        assert last_words(call(listener.port, b"")) == b""
        assert last_words(call(listener.port, request()[:50])) == b""
        assert time.monotonic() - start < 5
        assert soon(lambda: peer.visitors.counts() == {"not-dicom": 2})


def test_a_request_that_dribbles_ends_in_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "ARTIM_SECONDS", 0.6)
    with listening() as (listener, _):
        wire = call(listener.port, b"")
        start = time.monotonic()
        with pytest.raises(OSError):
            for octet in request():
                wire.sendall(bytes([octet]))
                time.sleep(0.1)
        assert time.monotonic() - start < 5
        wire.close()


def test_half_open_connections_push_each_other_out_and_not_the_pacs() -> None:
    with listening() as (listener, peer):
        idle = [call(listener.port, b"\x01") for _ in range(100)]
        association = knock(listener.port)
        assert association.send_c_echo().Status == 0
        association.release()
        refused = 100 + 1 - door.HALF_OPEN
        assert soon(lambda: 100 - door.HALF_OPEN <= peer.visitors.counts().get("too-many-connections", 0) <= refused)
        assert threading.active_count() < 100
        for wire in idle:
            wire.close()


def test_associations_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAXIMUM_ASSOCIATIONS", 2)
    with listening() as (listener, peer):
        first, second = knock(listener.port), knock(listener.port)
        third = knock(listener.port)
        assert (first.is_established, second.is_established, third.is_rejected) == (True, True, True)
        told = third.acceptor.primitive
        assert (told.result, told.result_source, told.diagnostic) == (2, 3, 2), "local limit exceeded: try again"
        assert peer.visitors.counts() == {"too-many-connections": 1}
        first.release()
        assert soon(lambda: knock(listener.port).is_established)


def test_a_stop_ends_what_others_have_opened() -> None:
    """And stopping the listener does."""
    for stop in (lambda listener, peer: peer.pace.halt.throw(), lambda listener, peer: listener.stop()):
        with listening() as (listener, peer):
            association = knock(listener.port)
            assert association.is_established
            stop(listener, peer)
            assert soon(lambda known=association: not known.is_established)
            if peer.pace.halt.thrown:
                with pytest.raises(StoppedError):
                    StorageScp(peer).start()


def test_the_port_is_free_after_the_last_has_stopped() -> None:
    port = free_port()
    for _ in range(3):
        with listening(move_port=port):
            pass
    with pytest.raises(PacsError, match=r"pacs\.move_port"), socket.create_server((LOOPBACK, port)):
        StorageScp(Peer(settings_of(move_port=port))).start()


# ---------------------------------------------------------------------------------------------------- an administrator


@pytest.mark.peer
def test_an_administrator_tests_the_entry_for_us(caplog: pytest.LogCaptureFixture) -> None:
    peer = Peer(settings_of(move_port=free_port()))
    results: list[bool] = []

    def administrate() -> None:
        port = peer.settings.move_port
        results.append(echoscu(port, called="MINER", calling=PACS))
        results.append(echoscu(port, called="MINER", calling="SOMEBODY"))

    threading.Timer(0.5, administrate).start()
    visits = listen_for(peer, 4.0)
    assert results == [True, False]
    assert (visits.port, visits.echoes, visits.refused) == (peer.settings.move_port, 1, {"unknown-calling-title": 1})


# ------------------------------------------------------------------------------------------------------------ strangers


def malformed(chance: random.Random, calling: str) -> list[bytes]:
    """What a broken or hostile peer sends, in order: from its first octet on, or after a request that lets it in."""
    right = request(calling)
    body = right[6:]

    def pdu(kind: int, length: int, content: bytes) -> bytes:
        return struct.pack(">BBL", kind, 0, length) + content

    def noise(length: int) -> bytes:
        return chance.randbytes(length)

    def mutated() -> bytes:
        octets = bytearray(right)
        for _ in range(chance.randint(1, 12)):
            octets[chance.randrange(6, len(octets))] = chance.randrange(256)
        return bytes(octets)

    def fragments() -> bytes:
        value = noise(chance.randint(0, 200))
        return pdu(4, len(value) + 6, struct.pack(">LBB", len(value) + 2, chance.choice((1, 3, 5, 255)), 3) + value)

    makers: list[Callable[[], list[bytes]]] = [
        lambda: [noise(chance.randint(1, 4000))],
        lambda: [right[: chance.randrange(1, len(right))]],
        lambda: [pdu(1, chance.choice((0, 1, 67, 68, 0x7FFFFFFF, 0xFFFFFFFF)), body)],
        lambda: [pdu(chance.choice((2, 3, 4, 5, 6, 7, 0x16, 0xFF)), 4, noise(4))],
        lambda: [mutated()],
        lambda: [pdu(1, 68 + (size := chance.randint(0, 2000)), body[:68] + noise(size))],
        lambda: [right, pdu(4, chance.choice((0xFFFFFFFF, 131_073)), noise(500))],
        lambda: [right, fragments()],
        lambda: [right, right],
        lambda: [right, pdu(chance.choice((2, 3, 6, 0x33)), 4, noise(4))],
        lambda: [right, noise(chance.randint(1, 2000))],
        lambda: [right, *store_request(chance)],
    ]
    return chance.choice(makers)()


def store_request(chance: random.Random) -> list[bytes]:
    """A C-STORE of an object that nobody waits for, cut off somewhere, or with a mangled command."""
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 1, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = CTImageStorage, "2.25.99"
    primitive.DataSet = BytesIO(chance.randbytes(chance.randint(0, 60_000)))
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    octets = bytearray()
    for part in message.encode_msg(3, 16_382):
        value = b"".join(struct.pack(">LB", len(v) + 1, number) + v for number, v in part.presentation_data_value_list)
        octets += struct.pack(">BBL", 4, 0, len(value)) + value
    if chance.random() < 0.5:
        octets[chance.randrange(12, min(120, len(octets)))] ^= 0xFF
    return [bytes(octets[: chance.randrange(12, len(octets))])]


def attack(port: int, seed: int, address: str, calling: str) -> None:
    """One malformed conversation, to its end."""
    parts = malformed(random.Random(seed), calling)
    wire = call(port, parts[0], address)
    try:
        for part in parts[1:]:
            wire.recv(4096)  # the A-ASSOCIATE-AC
            wire.sendall(part)
        wire.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    last_words(wire)


@pytest.fixture
def archive(tmp_path: Path, slices: list[Path]) -> Iterator[LoopbackPacs]:
    with LoopbackPacs(tmp_path / "pacs") as pacs:
        for path in slices:
            pacs.add(path)
        yield pacs


def test_strangers(
    archive: LoopbackPacs,
    connected: Connect,
    spool: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Unknown titles and addresses, unexpected objects, 200 malformed conversations and 100 half-open connections,
    while fetches by C-MOVE go on: refused and counted, nothing of them stored, the fetches whole.
    """
    monkeypatch.setattr(door, "ARTIM_SECONDS", 3.0)
    uncaught: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: uncaught.append(str(arguments.exc_type)))
    port = free_port()
    archive.destinations["MINER"] = (LOOPBACK, port)
    settings = {"retrieve": "move", "move_port": port, "move_from": [f"OTHER@{STRANGER}"]}
    pacs = connected(archive, **settings, silence_seconds=20.0)
    study = pacs.find_studies(DateWindow(), ("CT",))[0]
    wanted = pacs.find_instances(pacs.find_series(study)[0])
    pacs.fetch(wanted[:1], spool / "first")  # from now on, it listens
    visitors = pacs._peer.visitors
    assert visitors.counts() == {}

    over = threading.Event()
    whole: list[bool] = []

    def mine() -> None:
        for number in itertools.count():
            if over.is_set():
                return
            fetched = pacs.fetch(wanted, spool / str(number))
            whole.append(not fetched.missing and len(fetched.arrived) == len(wanted))

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        half_open = [call(port, b"\x01" * (number % 7)) for number in range(100)]
        seeds = iter(range(200))
        taking = threading.Lock()

        def attacker(address: str, calling: str) -> None:
            while True:
                with taking:
                    seed = next(seeds, None)
                if seed is None:
                    return
                attack(port, seed, address, calling)

        who = [(LOOPBACK, archive.ae_title), (STRANGER, "OTHER")] * 2
        attackers = [threading.Thread(target=attacker, args=one) for one in who]
        for thread in attackers:
            thread.start()
        for _ in range(3):
            assert not knock(port, calling="STRANGER").is_established
            assert not knock(port, calling=archive.ae_title, called="ANOTHER").is_established
            assert last_words(call(port, request(), "127.0.0.3")) == b""
            association = knock(port, calling=archive.ae_title)
            assert association.send_c_store(with_meta(image(9))).Status == 0x0124
            association.release()
        for thread in attackers:
            thread.join(120)
            assert not thread.is_alive()
        for wire in half_open:
            wire.close()
    finally:
        over.set()
        miner.join(60)
    counts = visitors.counts()
    assert len(whole) >= 3
    assert all(whole), "no fetch has suffered"
    assert counts["unknown-calling-title"] >= 3
    assert counts["wrong-called-title"] >= 3
    assert counts["unknown-address"] == 3
    assert counts["unexpected-object"] == 3
    assert counts["not-dicom"] >= 80
    assert counts["too-many-connections"] >= 30, "others were ended by time"
    stored = [path for path in spool.rglob("*") if path.is_file()]
    assert len(stored) == 1 + len(whole) * len(wanted)
    assert {dcmread(path).SOPInstanceUID for path in stored[:20]} <= {one.sop_uid for one in wanted}
    assert uncaught == [], "no thread of ours has ended by an exception"
    assert pacs.fetch(wanted, spool / "afterwards").missing == {}
    association = knock(port, calling=archive.ae_title)
    assert association.send_c_echo().Status == 0
    association.release()
    assert "2.25.99" not in caplog.text


@pytest.mark.peer
def test_honest_peers_of_another_make(slices: list[Path], spool: Path) -> None:
    with listening() as (listener, peer):
        assert echoscu(listener.port, called="MINER", calling=PACS)
        header = dcmread(slices[0], stop_before_pixels=True)
        wanted = InstanceRef(header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)
        receiver = Receiver(spool, Books([wanted]))
        with listener.waiting(receiver):
            addressed = ["-aet", PACS, "-aec", "MINER", LOOPBACK, str(listener.port)]
            assert run("storescu", ["-R", *addressed, slices[0]], check=False).returncode == 0
        assert receiver.books.count == 1
        assert peer.visitors.counts() == {}


def test_nothing_is_said_of_callers_whom_our_own_closing_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Neither counted nor logged: the run is over, and they have done nothing wrong. And nobody lives on."""
    with listening() as (listener, peer):
        waiting = [call(listener.port, octets) for octets in (b"", b"", request()[:40])]
        assert soon(lambda: sum(thread.name == "porter" for thread in threading.enumerate()) >= 3)
    left = [thread for thread in threading.enumerate() if thread.name == "porter"]
    time.sleep(0.3)
    assert peer.visitors.counts() == {}
    assert not [record for record in caplog.records if record.name == door.__name__]
    assert left == []
    for wire in waiting:
        wire.close()
