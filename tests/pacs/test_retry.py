"""Repetition happens at one layer, and only where it can help."""

from __future__ import annotations

import pytest

from miner.errors import ConfigError, PacsError, PacsUnreachable, Reason, StoppedError, StorageError
from miner.pacs.care import Halt
from miner.pacs.retry import LONGEST_PAUSE, ServiceNotOfferedError, TitleRefusedError, pause, persistently


class Flaky:
    """Raises ``error`` so many times, then answers."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "answer"


def test_a_retriable_error_is_repeated_with_growing_pauses() -> None:
    pauses: list[float] = []
    action = Flaky(PacsUnreachable("no"), 2)
    assert persistently(action, 3, pauses.append) == "answer"
    assert action.calls == 3
    assert len(pauses) == 2


def test_the_last_error_is_raised() -> None:
    action = Flaky(PacsUnreachable("no"), 9)
    with pytest.raises(PacsUnreachable):
        persistently(action, 3, lambda _: None)
    assert action.calls == 3


@pytest.mark.parametrize(
    "error",
    [
        TitleRefusedError("title"),
        ServiceNotOfferedError("service"),
        PacsError("destination", Reason.MOVE_DESTINATION_UNKNOWN),
        PacsError("certificate", Reason.TLS_REFUSED),
        PacsError("password", Reason.CREDENTIALS_REFUSED),
        StoppedError("stop"),
        StorageError("disk"),
        ConfigError("config"),
    ],
)
def test_what_gives_the_same_answer_again_is_not_repeated(error: Exception) -> None:
    action = Flaky(error, 9)
    with pytest.raises(type(error)):
        persistently(action, 3, lambda _: None)
    assert action.calls == 1


def test_pauses_grow_with_jitter_and_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner.pacs.retry.FIRST_PAUSE", 1.0)
    assert all(0.5 <= pause(1) <= 1.5 for _ in range(50))
    assert all(2.0 <= pause(3) <= 6.0 for _ in range(50))
    assert all(pause(30) <= 1.5 * LONGEST_PAUSE for _ in range(50))
    assert len({pause(1) for _ in range(10)}) > 1


def test_a_stop_ends_the_pause() -> None:
    halt = Halt()
    action = Flaky(PacsUnreachable("no"), 9)

    def wait(seconds: float) -> None:
        halt.throw()
        halt.wait(seconds)

    with pytest.raises(StoppedError):
        persistently(action, 3, wait)
    assert action.calls == 1
