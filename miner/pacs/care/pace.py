"""How fast the PACS is asked: a bound on associations, on objects and on octets per minute, changeable at any time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from miner.pacs.care.halt import Halt

MINUTE = 60.0
BURST = 0.1
"""The part of a minute's bound that may come at once. The bucket is refilled with the rest over a minute, so that no
stretch of a minute, wherever it begins, sees more than the bound."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the PACS is to bear; 0: no bound. ``paused``: nothing is asked for at all."""

    associations: int = 1
    objects_per_minute: int = 0
    octets_per_minute: int = 0
    paused: bool = False


class Pace:
    """Shared by all connections of a run. Every wait ends with StoppedError when ``halt`` is thrown."""

    def __init__(
        self, bounds: Bounds | None = None, halt: Halt | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.halt = halt or Halt()
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def association(self) -> Iterator[None]:
        """While inside, one of the associations that the PACS is to see is ours. Waits for a free one."""
        yield

    def before_request(self, objects: int = 0) -> int:
        """Wait until a request may be sent. Returns how many of ``objects`` it may name, at least 1 (0 for a query)."""
        self.halt.check()
        return objects

    def took(self, octets: int) -> None:
        """Enter one object that has come; returns when the next may. Called before the object is acknowledged."""

    def set(self, bounds: Bounds) -> None:
        """Change the bounds while a run goes on; who waits looks again."""
        with self._changed:
            self._bounds = bounds
            self._changed.notify_all()
