"""miner.mining.crew: the threads of a run, their number, and how they end."""

from __future__ import annotations

import threading
import time

import pytest

from miner.errors import MinerError, StoppedError
from miner.mining.crew import Crew, beside
from miner.pacs.care import Halt


def test_everything_is_done_once_and_in_order_by_one_thread() -> None:
    done: list[int] = []
    told: list[int] = []
    Crew(range(50), done.append, halt=Halt()).run(told.append)
    assert done == list(range(50))
    assert told[-1] == 50
    assert told == sorted(told)


def test_the_number_of_threads_follows() -> None:
    width = [1]
    lock = threading.Lock()
    now, most = 0, {1: 0, 3: 0}

    def work(item: int) -> None:
        nonlocal now
        with lock:
            now += 1
            most[width[0]] = max(most[width[0]], now)
        time.sleep(0.02)
        with lock:
            now -= 1
        if item == 9:
            width[0] = 3

    Crew(range(60), work, halt=Halt(), width=lambda: width[0]).run()
    assert most == {1: 1, 3: 3}
    width[0] = 3
    most.update({1: 0})

    def narrow(item: int) -> None:
        if item == 9:
            width[0] = 1
            time.sleep(0.3)  # what was begun before is finished
        work(item + 100)

    Crew(range(40), narrow, halt=Halt(), width=lambda: width[0]).run()
    assert most[1] <= 3


def test_the_first_error_ends_it_and_what_was_begun_is_finished() -> None:
    begun: list[int] = []
    finished: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.05)
        if item == 3:
            raise MinerError("the third")
        finished.append(item)

    with pytest.raises(MinerError, match="the third"):
        Crew(range(100), work, halt=Halt(), width=lambda: 2).run()
    assert len(begun) < 10
    assert sorted(finished) == sorted(set(begun) - {3})


def test_enough_is_enough() -> None:
    done: list[int] = []
    Crew(range(100), done.append, halt=Halt(), enough=lambda: len(done) >= 5).run()
    assert done == list(range(5))


def test_a_stop_wakes_who_waits_and_is_raised() -> None:
    halt = Halt()
    threading.Timer(0.2, halt.throw).start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        Crew(range(5), lambda item: halt.wait(60), halt=halt, width=lambda: 3).run()
    assert time.monotonic() - start < 10


def test_an_interrupt_stops_everything_before_it_is_raised() -> None:
    halt = Halt()
    begun: list[int] = []
    stopped: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        try:
            halt.wait(60)
        except StoppedError:
            stopped.append(item)
            raise

    def interrupted(done: int) -> None:
        if len(begun) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Crew(range(5), work, halt=halt, width=lambda: 2).run(interrupted)
    assert halt.thrown
    assert sorted(stopped) == [0, 1]


def test_what_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    from miner.mining import crew

    monkeypatch.setattr(crew, "STOP_SECONDS", 0.2)
    halt, free = Halt(), threading.Event()
    threading.Timer(0.1, halt.throw).start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        Crew([0], lambda item: free.wait(60), halt=halt).run()
    assert time.monotonic() - start < 20
    free.set()


def test_beside_gives_what_the_call_gives() -> None:
    assert beside(lambda: 7, Halt()) == 7
    with pytest.raises(MinerError, match="no"):
        beside(_refuse, Halt())


def _refuse() -> int:
    raise MinerError("no")
