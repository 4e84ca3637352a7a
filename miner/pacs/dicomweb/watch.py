"""The clock beside a request: at its deadline it ends the request, wherever that stands."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator


class Watch:
    """Calls ``end`` when a request takes longer than it may. One thread serves all requests of a connection.

    It sleeps until the deadline that it knew when it went to sleep, and looks then: so a request that ends in time, as
    nearly all do, costs it nothing.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self.over = False
        """The last request was ended by its deadline."""
        self._end = end
        self._changed = threading.Condition()
        self._deadline = math.inf
        self._wakes = math.inf
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """While inside, for so long at most. Not to be nested."""
        with self._changed:
            self.over = False
            self._deadline = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()
            elif self._deadline < self._wakes:
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._deadline = math.inf

    def close(self) -> None:
        """End the thread; the next request starts another."""
        with self._changed:
            self._thread = None
            self._changed.notify_all()

    def _run(self) -> None:
        me = threading.current_thread()
        with self._changed:
            while self._thread is me:
                remaining = self._deadline - time.monotonic()
                if remaining <= 0:
                    self.over, self._deadline = True, math.inf
                    self._end()
                    continue
                self._wakes = self._deadline
                self._changed.wait(None if math.isinf(remaining) else remaining)
