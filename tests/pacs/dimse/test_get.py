"""C-GET: statuses, lists of what was not sent, and what makes the connection go over to C-MOVE."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import build_context, evt

from miner.demo.pacs import LoopbackPacs
from miner.demo.pacs_behaviour import Answer, Behaviour, Request
from miner.errors import PacsError, Reason, StoppedError
from miner.pacs import Peer
from miner.pacs.dimse.archive import DimsePacs
from miner.records import DateWindow, InstanceRef
from tests.pacs.conftest import Connect, settings_for
from tests.pacs.scripted import ScriptedScp, asked_for, image, reference, with_meta
from tests.peers.network import LOOPBACK, free_port


def numbers(event: evt.Event) -> list[int]:
    return [int(uid.split(".")[-1]) - 100 for uid in asked_for(event)]


def honest(event: evt.Event) -> Iterator[Any]:
    asked = numbers(event)
    yield len(asked)
    for number in asked:
        yield 0xFF00, with_meta(image(number))


WANTED = [reference(number) for number in range(1, 5)]


def not_sent(number: int) -> Dataset:
    """An object that the scripted SCP counts as failed, and names in its list."""
    item = Dataset()
    item.SOPInstanceUID = reference(number).sop_uid
    return item


def test_what_the_pacs_names_as_not_sent(connected: Connect, spool: Path) -> None:
    """Row 11: 0xB000 with a failed list, again and again."""

    def partly(event: evt.Event) -> Iterator[Any]:
        asked = numbers(event)
        yield len(asked)
        for number in asked:
            yield 0xFF00, not_sent(2) if number == 2 else with_meta(image(number))

    with ScriptedScp(get=partly) as scp:
        fetched = connected(scp, retrieve="get").fetch(WANTED, spool)
    assert fetched.missing == {reference(2).sop_uid: Reason.NOT_SENT}


@pytest.mark.parametrize("status", [0xA701, 0xA702, 0xC000, 0xC001])
def test_sporadic_statuses_are_asked_for_again(connected: Connect, spool: Path, status: int) -> None:
    """Row 11."""
    calls: list[int] = []

    def once(event: evt.Event) -> Iterator[Any]:
        calls.append(1)
        if len(calls) == 1:
            yield 1
            yield status, None
            return
        yield from honest(event)

    with ScriptedScp(get=once) as scp:
        assert connected(scp, retrieve="get").fetch(WANTED, spool).missing == {}
    assert len(calls) == 2


def test_an_association_that_is_lost_again_and_again_is_made_anew_while_something_comes(
    connected: Connect, spool: Path
) -> None:
    def two_at_a_time(event: evt.Event) -> Iterator[Any]:
        asked = numbers(event)
        yield len(asked)
        for number in asked[:2]:
            yield 0xFF00, with_meta(image(number))
        event.assoc.abort()

    wanted = [reference(number) for number in range(1, 12)]
    with ScriptedScp(get=two_at_a_time) as scp:
        fetched = connected(scp, retrieve="get", attempts=2).fetch(wanted, spool)
    assert fetched.missing == {}


def nothing(event: evt.Event) -> Iterator[Any]:
    yield 0


def refusing(event: evt.Event) -> Iterator[Any]:
    yield 1
    yield 0xC000, None


def breaking(event: evt.Event) -> Iterator[Any]:
    yield 1
    event.assoc.abort()


@pytest.mark.parametrize("get", [nothing, refusing, breaking])
def test_a_get_that_brings_nothing_is_replaced_by_a_move_that_does(
    connected: Connect, spool: Path, get: Callable[[evt.Event], Iterator[Any]]
) -> None:
    """Row 6: it is negotiated, with the role, and never works."""
    port = free_port()

    def move(event: evt.Event) -> Iterator[Any]:
        yield LOOPBACK, port, {"contexts": [build_context(CTImageStorage)], "ae_title": "MINER"}
        yield from honest(event)

    with ScriptedScp(get=get, move=move) as scp:
        pacs = connected(scp, move_port=port, attempts=1)
        fetched = pacs.fetch(WANTED, spool)
        assert fetched.service == "move"
        assert fetched.missing == {}
        assert pacs.learned()["get_offered"] is False
        before = scp.requests
        assert pacs.fetch(WANTED, spool).missing == {}
        assert scp.requests == before + 1


def test_what_neither_service_brings_is_tried_by_both_twice_at_most(connected: Connect, spool: Path) -> None:
    port = free_port()

    def move(event: evt.Event) -> Iterator[Any]:
        yield LOOPBACK, port, {"contexts": [build_context(CTImageStorage)], "ae_title": "MINER"}
        yield 0

    with ScriptedScp(get=nothing, move=move) as scp:
        pacs = connected(scp, move_port=port, silence_seconds=0.3)
        costs = []
        for number in range(1, 5):
            before = scp.requests
            fetched = pacs.fetch([reference(number)], spool)
            costs.append(scp.requests - before)
            assert fetched.missing == {reference(number).sop_uid: Reason.NOT_RETRIEVED}
        assert costs[2] == costs[3] < costs[0]
        assert "get_offered" not in pacs.learned()


def test_a_class_that_is_not_accepted_by_get_comes_by_move(spool: Path, connected: Connect, states: list[Path]) -> None:
    """The storage role is given for images and not for presentation states: both come, each by its way."""
    port = free_port()
    state = dcmread(states[0])
    wanted = InstanceRef(
        str(state.StudyInstanceUID), str(state.SeriesInstanceUID), str(state.SOPInstanceUID), str(state.SOPClassUID)
    )

    def move(event: evt.Event) -> Iterator[Any]:
        yield LOOPBACK, port, {"contexts": [build_context(state.SOPClassUID, ExplicitVRLittleEndian)]}
        yield 1
        yield 0xFF00, state

    with ScriptedScp(get=honest, move=move) as scp:
        pacs = connected(scp, move_port=port)
        fetched = pacs.fetch([*WANTED, wanted], spool)
        assert fetched.missing == {}
        assert "get_offered" not in pacs.learned(), "it works for the images"
        assert pacs.fetch([wanted], spool / "again").service == "move"
        assert pacs.fetch(WANTED, spool / "images").service == "get"


def test_a_stop_ends_a_get_and_leaves_nothing_open(spool: Path) -> None:
    def slow(event: evt.Event) -> Iterator[Any]:
        yield 2
        yield 0xFF00, with_meta(image(1))
        time.sleep(3)
        yield 0xFF00, with_meta(image(2))

    with ScriptedScp(get=slow) as scp:
        peer = Peer(settings_for(scp, retrieve="get"))
        pacs = DimsePacs(peer)
        threading.Timer(0.7, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            pacs.fetch(WANTED, spool)
        assert time.monotonic() - start < 3
        with pytest.raises(StoppedError):
            pacs.find_studies(DateWindow())


def test_a_stop_ends_the_pause_before_a_repetition(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner.pacs.retry.FIRST_PAUSE", 60.0)
    with ScriptedScp(get=refusing) as scp:
        peer = Peer(settings_for(scp, retrieve="get"))
        threading.Timer(0.7, peer.pace.halt.throw).start()
        start = time.monotonic()
        with pytest.raises(StoppedError):
            DimsePacs(peer).fetch(WANTED, spool)
        assert time.monotonic() - start < 20


class SeriesOnly(Behaviour):
    """No IMAGE level retrieval: refused, or answered with nothing."""

    def __init__(self, *, refuse: bool) -> None:
        self.refuse = refuse

    def select(self, request: Request, objects: Any) -> Any:
        return objects if request.level == "SERIES" or self.refuse else []

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return answers if request.level == "SERIES" or not self.refuse else iter([(0xA900, None)])


@pytest.mark.parametrize("refuse", [True, False])
@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_series_level_alone(connected: Connect, spool: Path, slices: list[Path], retrieve: str, refuse: bool) -> None:
    port = free_port()
    with LoopbackPacs(spool.parent / "archive", destinations={"MINER": (LOOPBACK, port)}) as archive:
        archive.behaviour = SeriesOnly(refuse=refuse)
        for path in slices:
            archive.add(path)
        pacs = connected(archive, retrieve=retrieve, move_port=port, silence_seconds=1)
        (study,) = pacs.find_studies(DateWindow())
        (series,) = pacs.find_series(study)
        wanted = pacs.find_instances(series)[1:3]
        for _ in range(3):
            before = archive.requests.objects_sent
            fetched = pacs.fetch(wanted, spool)
            assert fetched.missing == {}
            assert archive.requests.objects_sent - before == len(slices)
        assert pacs.learned()["image_retrieve"] is False
        assert fetched.extra_octets > fetched.octets
    with pytest.raises(PacsError):
        pacs.fetch(wanted, spool)
