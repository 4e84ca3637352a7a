"""The stop of a run: thrown once, from any thread, it wakes all that wait and ends all that is open at the PACS."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from miner.errors import StoppedError


class Halt:
    """One switch for everything that talks to the PACS in one run.

    Whoever waits does it by :meth:`wait`; whoever holds something open at the PACS registers by :meth:`ending` how to
    end it at once. After :meth:`throw` both end, and every further :meth:`check` raises StoppedError.
    """

    def __init__(self) -> None:
        self._thrown = False
        # Reentrant, as an Event's is not: a handler of signals throws wherever the main thread stands, also in here.
        self._changing = threading.Condition(threading.RLock())
        self._endings: dict[int, Callable[[], None]] = {}
        self._next = 0

    @property
    def thrown(self) -> bool:
        """True from the first :meth:`throw` on."""
        return self._thrown

    def throw(self) -> None:
        """Stop everything. What does not end at once is left to its own limits; nothing is raised here. Idempotent."""
        self._thrown = True
        with self._changing:
            self._changing.notify_all()
            endings, self._endings = list(self._endings.values()), {}
        for end in endings:
            with contextlib.suppress(Exception):
                end()

    def check(self) -> None:
        """Raises StoppedError once the switch was thrown."""
        if self._thrown:
            raise StoppedError("The run was stopped.")

    def wait(self, seconds: float) -> None:
        """Sleep. Raises StoppedError as soon as the switch is thrown, also where it was before."""
        with self._changing:
            self._changing.wait_for(lambda: self._thrown, max(0.0, seconds))
        self.check()

    @contextlib.contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """While inside, a throw calls ``end`` from the thrower's thread. Raises StoppedError where it was before."""
        with self._changing:
            self.check()
            key, self._next = self._next, self._next + 1
            self._endings[key] = end
        try:
            yield
        finally:
            with self._changing:
                self._endings.pop(key, None)
