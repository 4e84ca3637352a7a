"""The end of an association before its time: one A-ABORT, and a hard end of the connection where it takes too long."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pynetdicom.association import Association

from miner.pacs.dimse.bounds import ABORT_SECONDS
from miner.pacs.dimse.wire import Wire


class Abort:
    """Aborts one association, once: whoever calls it first sends the A-ABORT (PS3.8 9.3.8), the others wait for that.

    A stop, a limit that is over and the error of an ended request often come together. Were each to end the connection
    by itself, the last would cut it before the A-ABORT of the first had been sent, and the PACS would go on working for
    us until it notices. ``at_end`` is called once the connection has ended.
    """

    def __init__(self, association: Association, wire: Wire, at_end: Callable[[], None]) -> None:
        self._association = association
        self._wire = wire
        self._at_end = at_end
        self._first = threading.Lock()
        self._over = threading.Event()

    @property
    def begun(self) -> bool:
        """True from the first call on."""
        return self._first.locked()

    def __call__(self) -> None:
        """End the association; returns when it has ended, after about a second at most. Raises nothing."""
        if not self._first.acquire(blocking=False):
            self._over.wait(2 * ABORT_SECONDS)
            return
        wire = self._wire
        if not wire.connected:
            wire.cut()  # there is nobody yet who could be told
        cutter = threading.Timer(ABORT_SECONDS, wire.cut)
        cutter.daemon = True
        cutter.start()
        try:
            self._association.abort()
        finally:
            cutter.cancel()
            wire.cut()
            self._over.set()
            self._at_end()
