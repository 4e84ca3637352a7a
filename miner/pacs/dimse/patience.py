"""How long we wait for a PACS: two limits of one request, silence and the whole of it.

Some archives say nothing for minutes and are honest (tape, a C-MOVE without pending responses), some answer Pending for
ever. So silence counts from whatever was heard last, also within one large message, and the whole has a limit of its
own. Time in which we keep the PACS waiting counts for neither.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum
from types import TracebackType
from typing import Self


class Limit(Enum):
    """Which limit is over."""

    SILENCE = "silence"
    WHOLE = "whole"


class Patience:
    """Watches one request, as a context manager; ``at_end`` is called once, from another thread, when a limit is over.

    ``heard``: when, by the monotonic clock, the peer was last heard. ``over``: the limit, once it is.
    """

    def __init__(self, silence: float, whole: float, heard: Callable[[], float], at_end: Callable[[], None]) -> None:
        self.over: Limit | None = None
        self._silence, self._whole = silence, whole
        self._heard, self._at_end = heard, at_end
        self._start = time.monotonic()
        self._done = threading.Event()
        self._ours_since: float | None = None
        self._ours = 0.0
        self._resumed = self._start

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="patience", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()

    @contextlib.contextmanager
    def ours(self) -> Iterator[None]:
        """What happens inside keeps the PACS waiting, and not us (called by one thread at a time)."""
        since = self._ours_since = time.monotonic()
        try:
            yield
        finally:
            self._resumed = time.monotonic()
            self._ours += self._resumed - since
            self._ours_since = None

    def _watch(self) -> None:
        remaining = self._remaining()
        while not self._done.wait(max(0.0, remaining[0])):
            remaining = self._remaining()
            if remaining[0] <= 0:
                self.over = remaining[1]
                self._at_end()
                return

    def _remaining(self) -> tuple[float, Limit]:
        """Seconds until the next limit, and which. While the time is ours, at least the shorter limit remains."""
        now = time.monotonic()
        since = self._ours_since
        if since is not None:
            return min(self._silence, 1.0), Limit.SILENCE
        silence = max(self._start, self._resumed, self._heard()) + self._silence - now
        whole = self._start + self._whole + self._ours - now
        return (silence, Limit.SILENCE) if silence <= whole else (whole, Limit.WHOLE)
