"""The race of pynetdicom 3.0.4, forced: rows are lost without the guard and none with it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pynetdicom.association
import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association

from miner.config import Pacs as PacsSettings
from miner.errors import PacsError, Reason
from miner.pacs import Peer
from miner.pacs.dimse import guard, opening
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import FIND, query_contexts
from miner.pacs.queries.identifiers import study_query
from tests.pacs.conftest import peer_for
from tests.pacs.scripted import ScriptedScp
from tests.peers.network import LOOPBACK

ROWS = 8
QUERIES = 4
HOLD_SECONDS = 0.15
DECODE_SECONDS = 0.05


def some_rows(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
    for number in range(ROWS):
        row = Dataset()
        row.QueryRetrieveLevel = "STUDY"
        row.StudyInstanceUID = f"2.25.{number + 1}"
        yield 0xFF00, row


class HeldEvent(threading.Event):
    """Holds the reactor, once, between its checkpoint and the moment it clears its flag: where the race is."""

    def __init__(self) -> None:
        super().__init__()
        self.set()
        self.holding = threading.Event()
        self.let_go = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        passed = super().wait(timeout)
        self.holding.set()
        self.let_go.wait(5)
        return passed


class HeldCheckpoint(guard.Checkpoint):
    """The guard, held at the same place."""

    def wait(self, timeout: float | None = None) -> bool:
        passed = super().wait(timeout)
        time.sleep(HOLD_SECONDS)
        return passed


@pytest.fixture
def race(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Association]]:
    """Puts what is needed for the race on every association that is entered into the list.

    The reactor is held until rows lie in the queue while the caller is busy with the first one, as on a busy machine.
    """
    # pynetdicom's logging handlers need a lock that its decoding holds, so they would keep the rows out of the queue.
    guard.keep_values_out_of_logs()
    held: list[Association] = []
    decode = pynetdicom.association.decode

    def slow(*arguments: Any) -> Dataset:
        queue, checkpoint = held[0].dimse.msg_queue, held[0]._reactor_checkpoint
        end = time.monotonic() + 5
        while queue.qsize() < ROWS and not checkpoint.let_go.is_set() and time.monotonic() < end:
            time.sleep(0.01)
        checkpoint.let_go.set()
        time.sleep(DECODE_SECONDS)
        return decode(*arguments)

    monkeypatch.setattr(pynetdicom.association, "decode", slow)
    yield held
    for association in held:
        association._reactor_checkpoint.let_go.set()


def hold_without_guard(association: Association, held: list[Association]) -> None:
    association._reactor_checkpoint = HeldEvent()
    held.append(association)


def test_rows_are_lost_without_the_guard(race: list[Association]) -> None:
    """If this ever fails, pynetdicom has closed the race and the guard can go."""
    with ScriptedScp(find=some_rows) as scp:
        entity = AE("MINER")
        entity.dimse_timeout = 1
        handlers: list[Any] = [(evt.EVT_ESTABLISHED, lambda event: hold_without_guard(event.assoc, race))]
        association = entity.associate(
            scp.host, scp.port, query_contexts(), ae_title=scp.ae_title, evt_handlers=handlers
        )
        assert association._reactor_checkpoint.holding.wait(5)
        rows = [row for _, row in association.send_c_find(study_query(), FIND) if row is not None]
        association.abort()
    assert len(rows) < ROWS


def test_the_second_net_notices_a_lost_row(race: list[Association], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "hold", lambda association: hold_without_guard(association, race))
    with ScriptedScp(find=some_rows) as scp:
        link = Link(peer_for(scp, silence_seconds=1.0), query_contexts())
        assert link._association._reactor_checkpoint.holding.wait(5)
        with pytest.raises(PacsError, match="lost on our side") as caught:
            link.find(study_query())
        assert caught.value.reason is Reason.FIND_FAILED
        assert not link.usable


def test_no_row_is_lost_with_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reactor is held at the same place; only the guard is different."""

    def hold_with_guard(association: Association) -> None:
        association._reactor_checkpoint = HeldCheckpoint(association)

    decode = pynetdicom.association.decode

    def slow(*arguments: Any) -> Dataset:
        time.sleep(DECODE_SECONDS)
        return decode(*arguments)

    monkeypatch.setattr(pynetdicom.association, "decode", slow)
    monkeypatch.setattr(opening, "hold", hold_with_guard)
    with ScriptedScp(find=some_rows) as scp:
        link = Link(peer_for(scp), query_contexts())
        assert [len(link.find(study_query())) for _ in range(QUERIES)] == [ROWS] * QUERIES
        link.close()


LOADED_QUERIES, LOADED_ROWS = 1000, 50


@pytest.fixture
def rows_port() -> Iterator[int]:
    """A PACS in another process that answers every query with fifty rows at one go; its port."""
    command = [sys.executable, "-m", "tests.pacs.dimse.rows_scp", str(LOADED_ROWS)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline())
        process.stdin.close()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two threads that want the interpreter lock all the time, one without a pause, and a lock that is passed on often:
    the reactor is interrupted at every place, the gap of the race among them.
    """
    over = threading.Event()

    def work(pause: float) -> None:
        while not over.is_set():
            sum(range(20_000))
            time.sleep(pause)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    threads = [threading.Thread(target=work, args=(pause,), daemon=True) for pause in (0.0, 0.002)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)


def test_a_thousand_queries_under_load_lose_no_row(rows_port: int, load: None) -> None:
    """Some of them over an association of their own, as a run that mines asks them."""
    peer = Peer(PacsSettings(host=LOOPBACK, port=rows_port, ae_title="ROWS", silence_seconds=60))
    expected = {f"2.25.{number + 1}" for number in range(LOADED_ROWS)}
    lost = 0
    for _ in range(LOADED_QUERIES // 100):
        link = Link(peer, query_contexts())
        for _ in range(100):
            rows = link.find(study_query())
            lost += len(expected - {row.StudyInstanceUID for row in rows}) + abs(len(rows) - LOADED_ROWS)
        link.close()
    assert lost == 0


def test_every_link_is_guarded() -> None:
    with ScriptedScp(find=some_rows) as scp:
        link = Link(peer_for(scp), query_contexts())
        assert isinstance(link._association._reactor_checkpoint, guard.Checkpoint)
        link.close()


def test_clear_returns_only_once_the_reactor_waits() -> None:
    passes: list[float] = []

    def reactor() -> None:
        while not over.is_set():
            checkpoint.wait()
            time.sleep(0.02)
            passes.append(time.monotonic())

    over = threading.Event()
    thread = threading.Thread(target=reactor, daemon=True)
    checkpoint = guard.Checkpoint(thread)
    thread.start()
    for _ in range(5):
        checkpoint.clear()
        cleared = time.monotonic()
        time.sleep(0.05)
        assert not passes or passes[-1] <= cleared
        checkpoint.set()
    over.set()
    thread.join(1)


def test_clear_does_not_wait_for_a_reactor_that_has_ended() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    with pytest.raises(guard.AssociationEndedError):
        guard.Checkpoint(thread).clear()


def test_wait_returns_false_when_its_time_is_over() -> None:
    checkpoint = guard.Checkpoint(threading.current_thread())
    checkpoint.clear()
    assert not checkpoint.is_set()
    assert checkpoint.wait(0.01) is False
    checkpoint.set()
    assert checkpoint.wait(0.01) is True


def test_an_idle_association_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reactor releases by itself, calling the guard's clear() from its own thread."""
    monkeypatch.setattr(opening, "IDLE_SECONDS", 0.2)
    with ScriptedScp(find=some_rows) as scp:
        link = Link(peer_for(scp), query_contexts())
        assert len(link.find(study_query())) == ROWS
        link._association.join(5)
        assert not link.usable
        assert link._association.is_released
        with pytest.raises(PacsError, match="broke off"):
            link.find(study_query())


def test_pynetdicoms_text_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    guard.keep_values_out_of_logs()
    with caplog.at_level(logging.DEBUG, logger="miner"):
        logging.getLogger("pynetdicom.association").error("a value from the wire: %s", "DOE^JANE")
    assert "DOE" not in caplog.text
    assert "pynetdicom.association, line" in caplog.text


def test_identifiers_are_not_logged() -> None:
    guard.keep_values_out_of_logs()
    assert guard._config.LOG_REQUEST_IDENTIFIERS is False
    assert guard._config.LOG_RESPONSE_IDENTIFIERS is False
