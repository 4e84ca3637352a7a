"""What a peer can make us hold: the bounds around pynetdicom's assembling of messages, and its threads contained."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import P_DATA

from miner.errors import PacsError
from miner.pacs.dimse import bounds
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import query_contexts
from miner.pacs.queries.identifiers import study_query
from tests.pacs.conftest import peer_for
from tests.pacs.scripted import ScriptedScp


@pytest.fixture
def association() -> Association:
    """One whose threads do not run, with the bounds on."""
    one = Association(AE("MINER"), "acceptor")
    bounds.bound(one)
    return one


def fragment(octets: bytes, *, command: bool = False, last: bool = False) -> P_DATA:
    primitive = P_DATA()
    primitive.presentation_data_value_list = [[1, bytes([command + 2 * last]) + octets]]
    return primitive


def ended(association: Association) -> bool:
    """True where it was told to end by A-P-ABORT."""
    return list(association.dul.event_queue.queue) == ["Evt19"]


def test_an_object_has_a_bound(association: Association, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LARGEST_OBJECT", 10_000)
    for _ in range(9):
        association.dimse.receive_primitive(fragment(bytes(1000)))
    assert not ended(association)
    association.dimse.receive_primitive(fragment(bytes(1000)))
    assert ended(association)
    assert association.dimse.message is None
    association.dimse.receive_primitive(fragment(bytes(1000)))
    assert association.dimse.message is None, "what still comes is dropped"


def test_a_command_has_a_bound(association: Association) -> None:
    for _ in range(bounds.LONGEST_COMMAND // 1000 + 1):
        association.dimse.receive_primitive(fragment(bytes(1000), command=True))
    assert ended(association)


def test_all_objects_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what an association held is free when its connection has ended."""
    monkeypatch.setattr(bounds, "IN_FLIGHT", 10_000)
    several = [Association(AE("MINER"), "acceptor") for _ in range(3)]
    for one in several:
        bounds.bound(one)
        one.dimse.receive_primitive(fragment(bytes(3999)))
    assert [ended(one) for one in several] == [False, False, True]
    several[0].dul._kill_thread = True
    several[0].dul.run()
    fourth = Association(AE("MINER"), "acceptor")
    bounds.bound(fourth)
    fourth.dimse.receive_primitive(fragment(bytes(3999)))
    assert not ended(fourth)
    for one in (several[1], fourth):
        one.dul._kill_thread = True
        one.dul.run()


@pytest.mark.parametrize(
    "primitive",
    [
        fragment(b"\xff" * 50, command=True, last=True),
        fragment(b"\0\0\0\1\2\0\0\0\x34\x12", command=True, last=True),
        fragment(b"", command=True, last=True),
    ],
)
def test_what_makes_no_sense_ends_the_association_and_not_the_thread(
    association: Association, primitive: P_DATA
) -> None:
    association.dimse.receive_primitive(primitive)
    assert ended(association)


def test_a_fragment_without_its_header_octet(association: Association) -> None:
    primitive = P_DATA()
    primitive.presentation_data_value_list = [[1, b""]]
    association.dimse.receive_primitive(primitive)
    assert ended(association)


def test_requests_do_not_queue_up(association: Association, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that does not wait for answers, against PS3.7 D.3.3.3."""
    for _ in range(bounds.WAITING_REQUESTS):
        association.dimse.msg_queue.put((1, C_ECHO()))
    echo = Dataset()
    echo.AffectedSOPClassUID, echo.CommandField = "1.2.840.10008.1.1", 0x0030
    echo.MessageID, echo.CommandDataSetType = 1, 0x0101
    octets = encode(echo, True, True)
    assert octets is not None
    association.dimse.receive_primitive(fragment(octets, command=True, last=True))
    assert ended(association)


def test_rows_of_a_query_may_queue_up_and_objects_not() -> None:
    requestor = Association(AE("MINER"), "requestor")
    bounds.bound(requestor)
    assembly: Any = requestor.dimse.receive_primitive
    for primitive, crowded in ((C_ECHO(), False), (C_STORE(), True)):
        for _ in range(bounds.WAITING_REQUESTS + 1):
            requestor.dimse.msg_queue.put((1, primitive))
        assert assembly._crowded() is crowded


# ------------------------------------------------------------------------------------------------- against a real peer


@pytest.fixture
def uncaught(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Threads that ended by an exception which nobody has caught: Python would print it, values of the wire and all."""
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: seen.append(arguments.exc_type.__name__))
    yield seen


def raw(octets: bytes) -> Callable[[Any], Iterator[Any]]:
    """A C-FIND handler that puts these octets on the wire instead of an answer."""

    def handler(event: Any) -> Iterator[Any]:
        event.assoc.dul.socket.send(octets)
        time.sleep(1)
        yield 0

    return handler


@pytest.mark.parametrize(
    "octets",
    [
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x03\x03",  # a command that holds nothing
        b"\x04\x00\x00\x00\x00\x05\x00\x00\x00\x01\x03",  # a fragment without its header octet
        b"\x04\x00\x00\x00\x00\x04\xff\xff\xff\xff",  # a fragment longer than its PDU
        b"\x04\x00\xff\xff\xff\xff",
        b"\x03\x00\x00\x00\x00\x04\x00\x01\x01\x01",  # a rejection of what was accepted
        b"\x02\x00\x00\x00\x00\x01\x00",
        b"\x99\x00\x00\x00\x00\x00",
    ],
    ids=["command", "fragment", "overrun", "length", "rejection", "acceptance", "unknown"],
)
def test_a_pacs_that_answers_nonsense(octets: bytes, uncaught: list[str]) -> None:
    """Ends in a typed error, soon, whatever it is; and no thread of ours ends by an exception."""
    with ScriptedScp(find=raw(octets)) as scp:
        link = Link(peer_for(scp, silence_seconds=8.0), query_contexts())
        start = time.monotonic()
        with pytest.raises(PacsError):
            link.find(study_query())
        assert time.monotonic() - start < 6
        assert not link.usable
        link._association.dul.join(5)
        assert not link._association.dul.is_alive()
        assert link._wire is not None
    ours = [name for name in uncaught if name not in ("OSError", "BrokenPipeError")]
    assert ours == []
