"""C-MOVE: what comes on other associations, before, beside and after the response."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage
from pynetdicom import build_context, evt
from pynetdicom.dsutils import encode

from miner.errors import PacsError, Reason, StoppedError
from miner.pacs import Peer
from miner.pacs.dimse.archive import DimsePacs
from miner.records import DateWindow
from tests.pacs.conftest import Connect, settings_for
from tests.pacs.scripted import ScriptedScp, asked_for, image, reference, send_later
from tests.peers.network import LOOPBACK, free_port
from tests.peers.orthanc import Orthanc


def asked_images(event: evt.Event) -> list[Dataset]:
    return [image(int(uid.split(".")[-1]) - 100) for uid in asked_for(event)]


def destination(port: int) -> tuple[str, int, dict[str, Any]]:
    return LOOPBACK, port, {"contexts": [build_context(CTImageStorage)], "ae_title": "MINER"}


def beside(*arguments: Any) -> None:
    threading.Thread(target=send_later, args=arguments, daemon=True).start()


def answer(status: int = 0, completed: int | None = None, failed: Sequence[str] = ()) -> Callable[[Any], None]:
    """Makes the final response of a C-MOVE one of this status, with these counts and this list."""

    def edit(message: Any) -> None:
        if type(message).__name__ != "C_MOVE_RSP":
            return
        command = message.command_set
        command.Status = status
        for name in ("Completed", "Failed", "Warning"):
            command.pop(f"NumberOf{name}Suboperations", None)
        if completed is not None:
            command.NumberOfCompletedSuboperations = completed
        if failed:
            identifier = Dataset()
            identifier.FailedSOPInstanceUIDList = list(failed)
            encoded = encode(identifier, is_implicit_vr=True, is_little_endian=True)
            command.CommandDataSetType = 1
            message.data_set = BytesIO(encoded or b"")

    return edit


def done(port: int) -> Iterator[Any]:
    """The end of a scripted C-MOVE that has sent, or will send, on associations of its own."""
    yield destination(port)
    yield 0


WANTED = [reference(number) for number in range(1, 6)]


def test_objects_that_come_long_after_one_counted_success(
    connected: Connect, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 9: the whole order counts as one sub-operation, and is carried out after the response, slowly."""
    monkeypatch.setattr("miner.pacs.dimse.move.GRACE_SECONDS", 0.8)
    port = free_port()

    def orders(event: evt.Event) -> Iterator[Any]:
        images = asked_images(event)
        send_later(port, images[:1], 0)
        beside(port, images[1:], 0.3, 1.2)
        yield from done(port)

    with ScriptedScp(move=orders, edit=answer(completed=1)) as scp:
        fetched = connected(scp, retrieve="move", move_port=port).fetch(WANTED, spool)
        assert scp.requests == 1, "nothing is asked for twice while it is on its way"
    assert fetched.missing == {}
    assert fetched.extra_octets == 0


def test_no_pending_response_while_the_objects_come(connected: Connect, spool: Path) -> None:
    """Rows 10 and dcm4che's way: the association of the C-MOVE is silent for as long as the others are busy."""
    port = free_port()

    def silent(event: evt.Event) -> Iterator[Any]:
        send_later(port, asked_images(event), 0, 0.5)
        yield from done(port)

    with ScriptedScp(move=silent, edit=answer(completed=5)) as scp:
        fetched = connected(scp, retrieve="move", move_port=port, silence_seconds=1.2, attempts=1).fetch(WANTED, spool)
        assert scp.requests == 1
    assert fetched.missing == {}


def test_a_pacs_that_is_silent_on_all_associations(connected: Connect, spool: Path) -> None:
    port = free_port()

    def hangs(event: evt.Event) -> Iterator[Any]:
        send_later(port, asked_images(event)[:2], 0)
        time.sleep(2.5)
        yield from done(port)

    with ScriptedScp(move=hangs) as scp:
        fetched = connected(scp, retrieve="move", move_port=port, silence_seconds=0.8, attempts=1).fetch(WANTED, spool)
    assert len(fetched.arrived) >= 2
    assert set(fetched.missing.values()) <= {Reason.TIMED_OUT}


def test_objects_on_several_associations_at_once(connected: Connect, spool: Path) -> None:
    """Row 15 too: nothing says which C-MOVE an object belongs to."""
    port = free_port()

    def parallel(event: evt.Event) -> Iterator[Any]:
        senders = [threading.Thread(target=send_later, args=(port, [one], 0)) for one in asked_images(event)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        yield from done(port)

    with ScriptedScp(move=parallel, edit=answer(completed=5)) as scp:
        fetched = connected(scp, retrieve="move", move_port=port).fetch(WANTED, spool)
    assert fetched.missing == {}
    assert len(list(spool.iterdir())) == len(WANTED)


def test_the_failed_list_says_what_will_not_come(connected: Connect, spool: Path) -> None:
    """Row 11: 0xB000; what is named is not waited for, is asked for once more, and keeps its reason."""
    port = free_port()

    def partly(event: evt.Event) -> Iterator[Any]:
        images = [one for one in asked_images(event) if one.InstanceNumber != 3]
        send_later(port, images, 0)
        yield from done(port)

    with ScriptedScp(move=partly, edit=answer(0xB000, 4, [reference(3).sop_uid])) as scp:
        start = time.monotonic()
        fetched = connected(scp, retrieve="move", move_port=port, silence_seconds=30).fetch(WANTED, spool)
        assert time.monotonic() - start < 20
        assert scp.requests == 2
    assert fetched.missing == {reference(3).sop_uid: Reason.NOT_SENT}
    assert len(fetched.arrived) == 4


@pytest.mark.parametrize("before", [0, 1])
def test_a_trickle_has_an_end(connected: Connect, spool: Path, before: int) -> None:
    """Row 10: there is always something coming, and it is never enough."""
    port = free_port()
    wanted = [reference(number) for number in range(1, 40)]

    def trickles(event: evt.Event) -> Iterator[Any]:
        images = asked_images(event)
        send_later(port, images[:before], 0)
        beside(port, images[before:], 0.1, 0.4)
        yield from done(port)

    with ScriptedScp(move=trickles, edit=answer(completed=1)) as scp:
        pacs = connected(scp, retrieve="move", move_port=port, request_seconds=1.5, attempts=1)
        fetched = pacs.fetch(wanted, spool)
    assert 0 < len(fetched.arrived) < len(wanted)
    assert set(fetched.missing.values()) == {Reason.TIMED_OUT}


def test_success_with_nothing_again_and_again_names_what_to_enter(connected: Connect, spool: Path) -> None:
    """Row 7: some PACS answer Success when they do not know the destination."""
    port = free_port()

    def success(event: evt.Event) -> Iterator[Any]:
        return iter([(LOOPBACK, other.port, {"contexts": [build_context(CTImageStorage)]}), 0])

    with ScriptedScp() as other, ScriptedScp(move=success) as scp:
        pacs = connected(scp, retrieve="move", move_port=port, silence_seconds=0.3)
        assert pacs.fetch([reference(1)], spool).missing == {"2.25.101": Reason.NOT_RETRIEVED}
        with pytest.raises(PacsError, match=str(port)) as caught:
            pacs.fetch([reference(2)], spool)
    assert caught.value.reason is Reason.MOVE_DESTINATION_UNKNOWN


def test_counts_of_what_was_never_sent_are_no_reason_to_give_up(connected: Connect, spool: Path) -> None:
    """Rows 5, 8: at IMAGE level it counts what it does not send; whole series come."""
    port = free_port()

    def series_alone(event: evt.Event) -> Iterator[Any]:
        if event.identifier.QueryRetrieveLevel == "SERIES":
            send_later(port, [image(number) for number in range(1, 6)], 0)
        yield from done(port)

    with ScriptedScp(move=series_alone, edit=answer(completed=5)) as scp:
        fetched = connected(scp, retrieve="move", move_port=port, silence_seconds=0.5).fetch(WANTED, spool)
    assert fetched.missing == {}


def test_who_has_found_us_before_does_know_the_destination(connected: Connect, spool: Path) -> None:
    """0xA801 at IMAGE level, from a PACS that has opened an association with us: whole series come."""
    port = free_port()

    def series_alone(event: evt.Event) -> Iterator[Any]:
        whole = event.identifier.QueryRetrieveLevel == "SERIES"
        send_later(port, [image(number) for number in range(1, 6) if whole], 0)
        yield from done(port)

    def refused(message: Any) -> None:
        if levels and levels[-1] == "IMAGE":
            answer(0xA801)(message)

    levels: list[str] = []

    def noting(event: evt.Event) -> Iterator[Any]:
        levels.append(event.identifier.QueryRetrieveLevel)
        return series_alone(event)

    with ScriptedScp(move=noting, edit=refused) as scp:
        fetched = connected(scp, retrieve="move", move_port=port, silence_seconds=0.5, attempts=1).fetch(WANTED, spool)
    assert levels[-1] == "SERIES"
    assert fetched.missing == {}


def test_counts_of_what_never_comes_at_all_name_what_to_enter(connected: Connect, spool: Path) -> None:
    port = free_port()
    with ScriptedScp(move=lambda event: done(port), edit=answer(completed=5)) as scp:
        start = time.monotonic()
        with pytest.raises(PacsError, match=str(port)) as caught:
            connected(scp, retrieve="move", move_port=port, silence_seconds=6).fetch(WANTED, spool)
        assert time.monotonic() - start < 24, "only once as long as silence may last"
    assert caught.value.reason is Reason.MOVE_DESTINATION_UNKNOWN


def test_a_stop_ends_the_wait_and_closes_the_port(spool: Path) -> None:
    port = free_port()

    def never(event: evt.Event) -> Iterator[Any]:
        send_later(port, asked_images(event)[:1], 0)
        yield from done(port)

    with ScriptedScp(move=never, edit=answer()) as scp:
        peer = Peer(settings_for(scp, retrieve="move", move_port=port, silence_seconds=60))
        pacs = DimsePacs(peer)
        threading.Timer(1.5, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            pacs.fetch(WANTED, spool)
        assert time.monotonic() - start < 10
        end = time.monotonic() + 5
        while scp.open_associations and time.monotonic() < end:
            time.sleep(0.05)
        assert scp.open_associations == 0
    with socket.create_server((LOOPBACK, port)):
        pass


def test_what_comes_again_and_differs_on_another_association(connected: Connect, spool: Path) -> None:
    """Row 16: the first is kept."""
    port = free_port()

    def twice(event: evt.Event) -> Iterator[Any]:
        send_later(port, [image(1, "first")], 0)
        send_later(port, [image(1, "second"), image(2)], 0)
        yield from done(port)

    with ScriptedScp(move=twice, edit=answer(completed=3)) as scp:
        fetched = connected(scp, retrieve="move", move_port=port).fetch([reference(1), reference(2)], spool)
    assert fetched.conflicts == {"2.25.101": Reason.CONTENT_CONFLICT}
    assert fetched.missing == {}


@pytest.mark.peer
def test_an_orthanc_that_answers_before_it_sends(connected: Connect, spool: Path, shared_data: Path) -> None:
    """Its ``SynchronousCMove`` off: Success for the order, one sub-operation, and the objects by a job of its own."""
    with Orthanc(options={"SynchronousCMove": False}) as orthanc:
        orthanc.store(sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))[:40])
        pacs = connected(orthanc, retrieve="move", silence_seconds=20)
        (study,) = pacs.find_studies(DateWindow())
        wanted = pacs.find_instances(pacs.find_series(study)[0])
        assert len(wanted) > 20
        for round_ in range(3):
            fetched = pacs.fetch(wanted, spool / str(round_))
            assert fetched.missing == {}
            assert fetched.extra_octets == 0, "nothing was asked for twice"
