"""The stop of a run: from any thread, also out of a signal's handler in the middle of the switch itself."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from miner.errors import StoppedError
from miner.pacs.care import Halt


def in_thread(action: Callable[[], Any]) -> bool:
    """Whether it came to an end within some seconds."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


def test_a_throw_by_the_thread_that_is_changing_the_switch() -> None:
    """What a handler of signals does: it runs in the main thread, wherever that stands."""
    halt = Halt()
    ended: list[int] = []

    def interrupted() -> None:
        with halt.ending(lambda: ended.append(1)), halt._changing:
            halt.throw()

    assert in_thread(interrupted)
    assert (ended, halt.thrown) == ([1], True)


def test_a_throw_out_of_a_signals_handler() -> None:
    """The main thread registers, waits and leaves all the time; signals come wherever it stands."""
    halt = Halt()

    def handler(number: int, frame: FrameType | None) -> None:
        halt.throw()

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for number in range(300):
            halt = Halt()
            signal.setitimer(signal.ITIMER_REAL, 0.001 + number * 1e-6)
            with pytest.raises(StoppedError):
                while True:
                    with halt.ending(lambda: None):
                        halt.wait(0.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_wait_ends_by_the_stop_and_by_its_time() -> None:
    halt = Halt()
    halt.wait(0.01)
    threading.Timer(0.1, halt.throw).start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        halt.wait(20)
    assert time.monotonic() - start < 5
    with pytest.raises(StoppedError):
        halt.wait(20)
    with pytest.raises(StoppedError), halt.ending(lambda: None):
        pass


def test_every_ending_is_called_once_and_an_error_of_one_does_not_spare_the_others() -> None:
    halt = Halt()
    ended: list[str] = []

    def fails() -> None:
        ended.append("first")
        raise RuntimeError

    with halt.ending(fails), halt.ending(lambda: ended.append("second")):
        with halt.ending(lambda: ended.append("over")):
            pass
        halt.throw()
        halt.throw()
    assert ended == ["first", "second"]
