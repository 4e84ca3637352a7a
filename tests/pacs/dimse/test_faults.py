"""What a PACS does wrong, one fault after the other, from a scripted SCP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage
from pynetdicom import build_context, evt

from miner.errors import PacsError, Reason, StorageError
from miner.pacs.dimse.contexts import FIND, GET, MOVE, VERIFICATION
from miner.records import DateWindow, InstanceRef
from tests.pacs.conftest import Connect
from tests.pacs.scripted import ScriptedScp, asked_for, drop, image, reference, send_later, with_meta
from tests.peers.network import LOOPBACK, free_port

SUCCESS_WITH_NOTHING = (0,)


def give_asked_for(event: evt.Event) -> Iterator[Any]:
    """An honest C-GET."""
    asked = asked_for(event)
    yield len(asked)
    for uid in asked:
        yield 0xFF00, with_meta(image(int(uid.split(".")[-1]) - 100))


def test_success_with_no_sub_operations(connected: Connect, spool: Path) -> None:
    """Pacs-behaviour row 8: Success, and nothing came."""

    def nothing(event: evt.Event) -> Iterator[Any]:
        yield from SUCCESS_WITH_NOTHING

    with ScriptedScp(get=nothing) as scp:
        fetched = connected(scp, retrieve="get").fetch([reference(1), reference(2)], spool)
        assert scp.requests > 1, "what is missing is asked for once more"
    assert fetched.arrived == {}
    assert set(fetched.missing.values()) == {Reason.NOT_RETRIEVED}
    assert len(fetched.missing) == 2


def test_half_of_the_answer_is_completed_by_the_second_request(connected: Connect, spool: Path) -> None:
    requests: list[list[str]] = []

    def half(event: evt.Event) -> Iterator[Any]:
        asked = asked_for(event)
        requests.append(asked)
        numbers = [int(uid.split(".")[-1]) - 100 for uid in asked]
        sent = numbers if len(requests) > 1 else numbers[:2]
        yield len(sent)
        for number in sent:
            yield 0xFF00, with_meta(image(number))

    wanted = [reference(number) for number in range(1, 5)]
    with ScriptedScp(get=half) as scp:
        fetched = connected(scp, retrieve="get").fetch(wanted, spool)
    assert fetched.missing == {}
    assert set(fetched.arrived) == {one.sop_uid for one in wanted}
    assert requests == [[one.sop_uid for one in wanted], [one.sop_uid for one in wanted[2:]]]


def test_a_pacs_that_takes_one_uid_per_request(connected: Connect, spool: Path) -> None:
    def only_single(event: evt.Event) -> Iterator[Any]:
        asked = asked_for(event)
        if len(asked) > 1:
            yield 0
            return
        yield from give_asked_for(event)

    wanted = [reference(number) for number in range(1, 6)]
    with ScriptedScp(get=only_single) as scp:
        pacs = connected(scp, retrieve="get")
        for _ in range(2):
            assert pacs.fetch(wanted, spool).missing == {}
        before = scp.requests
        assert pacs.fetch(wanted, spool).missing == {}
        assert scp.requests - before == len(wanted), "it has learned not to send lists"
        assert pacs.learned()["longest_list"] == 1


def test_connection_lost_in_the_middle_of_a_get(connected: Connect, spool: Path) -> None:
    requests: list[list[str]] = []

    def lose_the_first(event: evt.Event) -> Iterator[Any]:
        asked = asked_for(event)
        requests.append(asked)
        if len(requests) > 1:
            yield from give_asked_for(event)
            return
        yield len(asked)
        yield 0xFF00, with_meta(image(1))
        yield 0xFF00, with_meta(image(2))
        drop(event)
        time.sleep(0.2)

    wanted = [reference(number) for number in range(1, 5)]
    with ScriptedScp(get=lose_the_first) as scp:
        fetched = connected(scp, retrieve="get").fetch(wanted, spool)
    assert fetched.missing == {}
    assert len(fetched.arrived) == 4
    assert requests[1] == [one.sop_uid for one in wanted[2:]], "only what had not come is asked for again"


def test_connection_lost_for_good_leaves_a_partial_answer(connected: Connect, spool: Path) -> None:
    def lose_always(event: evt.Event) -> Iterator[Any]:
        yield len(asked_for(event))
        if "2.25.101" in asked_for(event):
            yield 0xFF00, with_meta(image(1))
        drop(event)
        time.sleep(0.2)

    with ScriptedScp(get=lose_always) as scp:
        fetched = connected(scp, retrieve="get", attempts=2).fetch([reference(1), reference(2)], spool)
    assert set(fetched.arrived) == {"2.25.101"}
    assert fetched.missing == {"2.25.102": Reason.RETRIEVE_FAILED}


def test_pacs_gone_after_the_first_object(connected: Connect, spool: Path) -> None:
    """Row 18: what has come stays, the rest is named."""
    servers: list[ScriptedScp] = []

    def last_words(event: evt.Event) -> Iterator[Any]:
        yield 2
        yield 0xFF00, with_meta(image(1))
        servers[0].stop()
        time.sleep(1)
        drop(event)
        time.sleep(0.2)

    with ScriptedScp(get=last_words) as scp:
        servers.append(scp)
        fetched = connected(scp, retrieve="get", attempts=2).fetch([reference(1), reference(2)], spool)
    assert set(fetched.arrived) == {"2.25.101"}
    assert fetched.missing == {"2.25.102": Reason.UNREACHABLE}


def test_the_same_uid_twice_with_other_content(connected: Connect, spool: Path) -> None:
    """Row 16: the first is kept, the conflict is on record."""

    def twice(event: evt.Event) -> Iterator[Any]:
        yield 3
        yield 0xFF00, with_meta(image(1, "first"))
        yield 0xFF00, with_meta(image(1, "second"))
        yield 0xFF00, with_meta(image(2))

    with ScriptedScp(get=twice) as scp:
        fetched = connected(scp, retrieve="get").fetch([reference(1), reference(2)], spool)
    assert fetched.missing == {}
    assert fetched.conflicts == {"2.25.101": Reason.CONTENT_CONFLICT}
    assert dcmread(fetched.arrived["2.25.101"]).ImageComments == "first"
    assert len(list(spool.iterdir())) == 2


def test_the_same_uid_twice_with_the_same_content_is_no_conflict(connected: Connect, spool: Path) -> None:
    def twice(event: evt.Event) -> Iterator[Any]:
        yield 2
        yield 0xFF00, with_meta(image(1))
        yield 0xFF00, with_meta(image(1))

    with ScriptedScp(get=twice) as scp:
        fetched = connected(scp, retrieve="get").fetch([reference(1)], spool)
    assert fetched.conflicts == {}
    assert len(list(spool.iterdir())) == 1


def test_what_nobody_asked_for_is_refused(connected: Connect, spool: Path) -> None:
    def more(event: evt.Event) -> Iterator[Any]:
        yield 2
        yield 0xFF00, with_meta(image(1))
        yield 0xFF00, with_meta(image(7))

    with ScriptedScp(get=more) as scp:
        fetched = connected(scp, retrieve="get").fetch([reference(1)], spool)
    assert set(fetched.arrived) == {"2.25.101"}
    assert len(list(spool.iterdir())) == 1


@pytest.mark.parametrize("service", ["find", "get"])
def test_silence_ends(connected: Connect, spool: Path, service: str) -> None:
    """Row 10: no message within the limit."""

    def silent(event: evt.Event) -> Iterator[Any]:
        time.sleep(2)
        yield 0

    with ScriptedScp(**{service: silent}) as scp:
        pacs = connected(scp, retrieve="get", attempts=1, silence_seconds=0.4)
        with pytest.raises(PacsError, match=r"silent for 0\.4 s") as caught:
            if service == "find":
                pacs.find_studies(DateWindow())
            else:
                pacs.fetch([reference(1)], spool)
    assert caught.value.reason is Reason.TIMED_OUT


def test_pending_for_ever_ends(connected: Connect) -> None:
    def endless(event: evt.Event) -> Iterator[Any]:
        for _ in range(100):
            row = Dataset()
            row.StudyInstanceUID = "2.25.1"
            yield 0xFF00, row
            time.sleep(0.1)

    with ScriptedScp(find=endless) as scp:
        pacs = connected(scp, attempts=1, request_seconds=0.6)
        with pytest.raises(PacsError, match="did not finish") as caught:
            pacs.find_studies(DateWindow())
    assert caught.value.reason is Reason.TIMED_OUT


def test_asynchronous_move(connected: Connect, spool: Path) -> None:
    """Row 9: Success comes before the first C-STORE."""
    port = free_port()

    def later(event: evt.Event) -> Iterator[Any]:
        numbers = [int(uid.split(".")[-1]) - 100 for uid in asked_for(event)]
        arguments = (port, [image(number) for number in numbers], 0.5)
        threading.Thread(target=send_later, args=arguments, daemon=True).start()
        yield LOOPBACK, port, {"contexts": [build_context(CTImageStorage)], "ae_title": "MINER"}
        yield 0

    with ScriptedScp(move=later) as scp:
        fetched = connected(scp, retrieve="move", move_port=port).fetch([reference(1), reference(2)], spool)
    assert fetched.missing == {}
    assert set(fetched.arrived) == {"2.25.101", "2.25.102"}
    assert fetched.service == "move"
    assert scp.requests == 1


def test_asynchronous_move_that_never_sends(connected: Connect, spool: Path) -> None:
    port = free_port()

    def never(event: evt.Event) -> Iterator[Any]:
        yield LOOPBACK, port, {"contexts": [build_context(CTImageStorage)], "ae_title": "MINER"}
        yield 0

    with ScriptedScp(move=never) as scp:
        pacs = connected(scp, retrieve="move", move_port=port, silence_seconds=0.5)
        fetched = pacs.fetch([reference(1)], spool)
    assert fetched.missing == {"2.25.101": Reason.NOT_RETRIEVED}


def test_move_destination_unknown(connected: Connect, spool: Path) -> None:
    """Row 7: one sentence with everything that has to be entered in the PACS, and no repetition."""
    port = free_port()

    def unknown(event: evt.Event) -> Iterator[Any]:
        yield None, None

    with ScriptedScp(move=unknown) as scp:
        pacs = connected(scp, retrieve="move", move_port=port, calling_ae_title="BOOKMARKS")
        with pytest.raises(PacsError) as caught:
            pacs.fetch([reference(1)], spool)
        assert scp.requests == 1
    assert caught.value.reason is Reason.MOVE_DESTINATION_UNKNOWN
    assert "BOOKMARKS" in str(caught.value)
    assert str(port) in str(caught.value)


def test_listening_takes_only_what_is_waited_for(connected: Connect, spool: Path) -> None:
    """Row 15: what belongs to no retrieve is refused, and nothing of it is written."""
    port = free_port()

    def others_too(event: evt.Event) -> Iterator[Any]:
        yield LOOPBACK, port, {"contexts": [build_context(CTImageStorage)], "ae_title": "MINER"}
        yield 2
        yield 0xFF00, with_meta(image(9))
        yield 0xFF00, with_meta(image(1))

    with ScriptedScp(move=others_too) as scp:
        fetched = connected(scp, retrieve="move", move_port=port).fetch([reference(1)], spool)
    assert set(fetched.arrived) == {"2.25.101"}
    assert len(list(spool.iterdir())) == 1


def test_move_port_taken(connected: Connect, spool: Path) -> None:
    with ScriptedScp() as scp:
        pacs = connected(scp, retrieve="move", move_port=scp.port, attempts=1)
        with pytest.raises(PacsError, match=r"pacs\.move_port"):
            pacs.fetch([reference(1)], spool)


@pytest.mark.parametrize(
    ("services", "scp_role"), [((VERIFICATION, FIND, MOVE), True), ((VERIFICATION, FIND, GET, MOVE), False)]
)
def test_auto_falls_back_to_move(connected: Connect, spool: Path, services: tuple[str, ...], scp_role: bool) -> None:
    """Row 6: C-GET not offered; or offered, and storage accepted, but not the SCP role."""
    port = free_port()

    def move(event: evt.Event) -> Iterator[Any]:
        yield LOOPBACK, port, {"contexts": [build_context(CTImageStorage)], "ae_title": "MINER"}
        yield 1
        yield 0xFF00, with_meta(image(1))

    with ScriptedScp(move=move, get=give_asked_for, services=services, scp_role=scp_role) as scp:
        fetched = connected(scp, move_port=port).fetch([reference(1)], spool)
    assert set(fetched.arrived) == {"2.25.101"}
    assert fetched.service == "move"


def test_get_not_offered_and_demanded(connected: Connect, spool: Path) -> None:
    services = (VERIFICATION, FIND, MOVE)
    with ScriptedScp(services=services) as scp, pytest.raises(PacsError, match=r'pacs\.retrieve to "move"'):
        connected(scp, retrieve="get").fetch([reference(1)], spool)


def test_one_association_at_a_time(connected: Connect, spool: Path) -> None:
    """A PACS has few of them, and some count every one that is open."""

    def study(event: evt.Event) -> Iterator[Any]:
        row = Dataset()
        row.StudyInstanceUID = "2.25.1"
        yield 0xFF00, row

    with ScriptedScp(find=study, get=give_asked_for, maximum_associations=1) as scp:
        # The peer needs a moment to see that an association has ended; a second one held open would never be allowed.
        pacs = connected(scp, retrieve="get", attempts=4)
        for _ in range(2):
            assert len(pacs.find_studies(DateWindow())) == 1
            assert pacs.fetch([reference(1)], spool).missing == {}


def test_other_classes_are_not_even_asked_for(connected: Connect, spool: Path) -> None:
    capture = InstanceRef("2.25.1", "2.25.2", "2.25.3", SecondaryCaptureImageStorage)
    with ScriptedScp() as scp:
        fetched = connected(scp).fetch([capture], spool)
        assert scp.requests == 0
    assert fetched.missing == {"2.25.3": Reason.SOP_CLASS}


def test_a_full_disk_is_our_fault(connected: Connect, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("miner.pacs.dimse.receive.tempfile.mkstemp", full)
    with ScriptedScp(get=give_asked_for) as scp, pytest.raises(StorageError, match=r"storage\.spool") as caught:
        connected(scp, retrieve="get").fetch([reference(1)], spool)
    assert caught.value.reason is Reason.DISK_FULL


def test_a_failing_query_is_an_error_not_an_empty_list(connected: Connect) -> None:
    def failing(event: evt.Event) -> Iterator[Any]:
        yield 0xC001, None

    with ScriptedScp(find=failing) as scp, pytest.raises(PacsError, match="0xC001") as caught:
        connected(scp, attempts=2).find_studies(DateWindow())
    assert caught.value.reason is Reason.FIND_FAILED


def test_a_query_that_fails_once_is_repeated(connected: Connect) -> None:
    """Row 11: sporadic failures."""
    calls: list[int] = []

    def once(event: evt.Event) -> Iterator[Any]:
        calls.append(1)
        if len(calls) == 1:
            yield 0xA700, None
            return
        row = Dataset()
        row.StudyInstanceUID = "2.25.1"
        yield 0xFF00, row

    with ScriptedScp(find=once) as scp:
        assert [study.study_uid for study in connected(scp).find_studies(DateWindow())] == ["2.25.1"]


def test_part_of_an_answer_is_no_answer(connected: Connect) -> None:
    def breaking(event: evt.Event) -> Iterator[Any]:
        row = Dataset()
        row.StudyInstanceUID = "2.25.1"
        yield 0xFF00, row
        drop(event)
        time.sleep(0.2)

    with ScriptedScp(find=breaking) as scp, pytest.raises(PacsError, match="broke off"):
        connected(scp, attempts=2).find_studies(DateWindow())


def test_messages_carry_nothing_from_the_wire(
    connected: Connect, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def nothing(event: evt.Event) -> Iterator[Any]:
        yield 0xA702, None

    with caplog.at_level("DEBUG"), ScriptedScp(get=nothing) as scp:
        fetched = connected(scp, retrieve="get", attempts=2).fetch([reference(1)], spool)
    assert fetched.missing == {"2.25.101": Reason.RETRIEVE_FAILED}
    assert caplog.text
    assert "2.25." not in caplog.text
