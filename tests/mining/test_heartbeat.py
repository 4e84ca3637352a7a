"""The sign of life of a run, and what happens where it is lost."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from miner.errors import DatabaseError, Reason
from miner.mining import heartbeat as module
from miner.mining.cohort import Request
from miner.mining.heartbeat import heartbeat
from miner.mining.run import open_run, run_in_process
from tests.hospital import Hospital, ct_series, ruler_pair


class Ledger:
    """A catalogue that takes a heartbeat, or raises what it is told to."""

    def __init__(self, *raises: Exception) -> None:
        self.raises = list(raises)
        self.beats = 0

    def heartbeat(self, run: int) -> None:
        self.beats += 1
        if self.raises:
            raise self.raises.pop(0)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)


def until(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_that_fails_is_not_the_last() -> None:
    ledger: Any = Ledger(DatabaseError("planted", Reason.DATABASE_UNAVAILABLE), RuntimeError("planted"))
    lost = threading.Event()
    with heartbeat(ledger, 1, lost.set):
        until(lambda: ledger.beats > 3)
    assert not lost.is_set()


def test_a_lost_lease_is_told_once() -> None:
    ledger: Any = Ledger(DatabaseError("planted", Reason.CATALOGUE_BUSY))
    times: list[int] = []
    with heartbeat(ledger, 1, lambda: times.append(1)):
        until(lambda: times)
        time.sleep(0.1)
    assert (len(times), ledger.beats) == (1, 1)


def test_a_database_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_SECONDS", 0.1)
    hangs, begun = threading.Event(), threading.Event()

    class Hanging:
        def heartbeat(self, run: int) -> None:
            begun.set()
            hangs.wait(30)

    hanging: Any = Hanging()
    start = time.monotonic()
    with heartbeat(hanging, 1):
        assert begun.wait(10)
    assert time.monotonic() - start < 10
    hangs.set()


def test_a_run_that_was_taken_over_asks_the_pacs_for_nothing_more(hospital: Hospital) -> None:
    """Its lease is gone while it waits: it ends, and says why, before it sends another query."""
    images = ct_series()
    hospital.add(images, ruler_pair(images[10]))
    with (
        pytest.raises(DatabaseError, match="taken over") as caught,
        open_run(hospital.settings, Request(since="all")) as run,
    ):
        run.project.catalogue.end_run(run.number, "taken over", {})
        until(lambda: run.pace.halt.thrown)
        run_in_process(run)
    assert caught.value.reason is Reason.CATALOGUE_BUSY
