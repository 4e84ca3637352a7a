"""Connections to the PACS, one for each thread that mines, kept open from study to study."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from miner.errors import MinerError, Reason
from miner.pacs.care import Pace
from miner.pacs.interface import Pacs

log = logging.getLogger(__name__)


class Connections:
    """``learned``: what those that are closed found out; ``notes``: what they could not settle by queries; ``unseen``:
    how much they could not look at, by reason."""

    def __init__(self, open_pacs: Callable[[], Pacs], pace: Pace) -> None:
        self.learned: dict[str, object] = {}
        self.notes: list[str] = []
        self.unseen: dict[Reason, int] = {}
        self._open_pacs = open_pacs
        self._pace = pace
        self._idle: list[Pacs] = []
        self._lock = threading.Lock()

    @contextmanager
    def lent(self) -> Iterator[Pacs]:
        """One of this thread's own; idle again afterwards, closed where anything was raised or others wait for it."""
        with self._lock:
            pacs = self._idle.pop() if self._idle else None
        pacs = pacs or self._open_pacs()
        try:
            yield pacs
        except BaseException:
            self._close(pacs)
            raise
        finally:
            self._pace.after_request()
        if self._pace.crowded:
            self._close(pacs)
            return
        with self._lock:
            self._idle.append(pacs)

    def close(self) -> None:
        """Close those that are idle; those that are lent stay."""
        while True:
            with self._lock:
                if not self._idle:
                    return
                pacs = self._idle.pop()
            self._close(pacs)

    def _close(self, pacs: Pacs) -> None:
        try:
            self._hear(pacs)
        finally:
            try:
                pacs.close()
            except MinerError as error:
                log.info("A connection was not closed in order (%s).", error.reason)

    def _hear(self, pacs: Pacs) -> None:
        """What a connection has to say, before it is closed; one that cannot say it any more is closed all the same."""
        try:
            with self._lock:
                self.learned.update(pacs.learned())
                self.notes.extend(note for note in pacs.notes() if note not in self.notes)
                for reason, count in pacs.unseen().items():  # each of them sees the same
                    self.unseen[reason] = max(count, self.unseen.get(reason, 0))
        except MinerError as error:
            log.info("A connection could not say what it found out (%s).", error.reason)
