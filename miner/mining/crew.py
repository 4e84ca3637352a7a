"""The threads of a run. The main thread only waits, so that Ctrl-C and SIGTERM find it at one known place.

Studies are mined in threads of their own, as many as the PACS is to see associations; the number may change meanwhile.
They are daemons: one that hangs in a call to the system does not keep a stopped process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from miner.errors import StoppedError
from miner.pacs.care import Halt

T = TypeVar("T")

STOP_SECONDS = 3.0
"""How long a stopped thread may take to come to an end, before it is left behind. It can write nothing any more: every
write renews the run's lease, which the run gives back when it ends."""

_LOOK_AGAIN = 0.5


class Crew(Generic[T]):
    """Threads that call ``work`` with one item after another.

    The first error ends it: no item is begun after it, those under way are finished, and it is raised.
    """

    def __init__(
        self,
        items: Iterable[T],
        work: Callable[[T], object],
        *,
        halt: Halt,
        width: Callable[[], int] = lambda: 1,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        self._items: Iterator[T] = iter(items)
        self._work = work
        self._halt = halt
        self._width = width
        self._enough = enough
        self._changed = threading.Condition()
        self._active = 0
        self._left = True
        self._error: BaseException | None = None
        self.done = 0

    def run(self, progress: Callable[[int], None] = lambda done: None) -> None:
        """Until all is done; ``progress`` gets the number of items that are. Interrupted, it stops everything first.

        Raises what an item raised first, or StoppedError once the halt is thrown.
        """
        try:
            while self._man():
                progress(self.done)
                with self._changed:
                    self._changed.wait(_LOOK_AGAIN)
        except BaseException:
            self._halt.throw()
            self._await_end()
            raise
        if self._error is not None:
            raise self._error
        self._halt.check()
        progress(self.done)

    def _man(self) -> bool:
        """Start as many threads as there may be; False once there is nothing more to wait for."""
        if self._halt.thrown:
            self._await_end()
            return False
        with self._changed:
            while self._goes_on() and self._active < self._width():
                self._active += 1
                threading.Thread(target=self._toil, name="mining", daemon=True).start()
            return self._active > 0

    def _goes_on(self) -> bool:
        return self._left and self._error is None and not self._halt.thrown and not self._enough()

    def _await_end(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._active == 0, STOP_SECONDS)

    def _toil(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._work(item[0])
                with self._changed:
                    self.done += 1
                    self._changed.notify_all()
        except BaseException as error:
            with self._changed:
                if self._error is None or isinstance(self._error, StoppedError):
                    self._error = error
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def _next(self) -> tuple[T] | None:
        with self._changed:
            if not self._goes_on() or self._active > self._width():
                return None
            for item in self._items:
                return (item,)
            self._left = False
            return None


def beside(action: Callable[[], T], halt: Halt) -> T:
    """Call ``action`` in a thread of its own and wait for it; interrupted, stop everything first."""
    results: list[T] = []
    Crew([action], lambda call: results.append(call()), halt=halt).run()
    return results[0]
