"""Three guards around pynetdicom 3.0.4: a race that loses responses, and logs that would carry identifiers.

**The race.** An association has a reactor thread that serves what the peer sends by itself. While we wait for responses
it must stand still. ``send_c_find`` and the like clear an event, then wait until the reactor's flag ``_is_paused`` is
set. The reactor sets that flag *before* it looks at the event::

    self._is_paused = True
    self._reactor_checkpoint.wait()   # may find the event still set, and go on
    self._is_paused = False

So the caller can see the flag while the reactor is about to go on, take a response off the queue as if it were a
request, log "Received unexpected …" and drop it: a C-FIND then ends in Success with a row missing. :class:`Checkpoint`
closes the gap: its ``clear()`` returns only once the reactor really waits inside ``wait()``.

**The second net.** :class:`WireLog` listens for that very warning; :func:`tainted` then tells that the association has
lost a message, and its request is repeated.

**The log.** Messages of pynetdicom and pydicom can carry UIDs, AE titles and identifiers from the wire, so none of
their text goes on to other handlers: only the place in their source, at level DEBUG.
"""

from __future__ import annotations

import logging
import threading
import time
import warnings
from typing import Any

from pynetdicom import _config
from pynetdicom.association import Association

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05


class AssociationEndedError(RuntimeError):
    """The association's reactor has ended, so no request can be sent any more."""


class Checkpoint(threading.Event):
    """The reactor's checkpoint of one association, with a ``clear()`` that waits for the reactor to stand still.

    ``wait`` is called by the association's own thread alone; ``clear`` and ``set`` by the thread that sends a request,
    and by the association's own thread when it releases or aborts by itself.
    """

    def __init__(self, association: threading.Thread) -> None:
        super().__init__()
        self._association = association
        self._changed = threading.Condition()
        self._open = True
        self._waiting = False

    def is_set(self) -> bool:
        """True while the reactor may run."""
        return self._open

    def set(self) -> None:
        """Let the reactor run."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Stop the reactor; return once it stands still. Raises AssociationEndedError where it has ended instead."""
        own = threading.current_thread() is self._association
        with self._changed:
            self._open = False
            while not (own or self._waiting):
                if not self._association.is_alive():
                    raise AssociationEndedError
                self._changed.wait(_POLL_SECONDS)

    def wait(self, timeout: float | None = None) -> bool:
        """Stand still until the reactor may run (called by the reactor)."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._open:
                self._waiting = True
                self._changed.notify_all()
                remaining = None if end is None else end - time.monotonic()
                if (remaining is not None and remaining <= 0) or not self._changed.wait(remaining):
                    break
            self._waiting = False
            return self._open


def hold(association: Association) -> None:
    """Give an association that has not started its thread yet a :class:`Checkpoint`.

    Touches a private attribute: pynetdicom is pinned to 3.0.x from 3.0.4 on, and a test holds the race against it.
    """
    association._reactor_checkpoint = Checkpoint(association)


class WireLog(logging.Handler):
    """Takes every record of pynetdicom and pydicom, passes on its place alone, and remembers who lost a message."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._dropped: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Note a dropped message; log level, module and line of the record, never its text.

        The record itself is emptied, in case that somebody has put another handler behind this one.
        """
        if str(record.msg).startswith("Received unexpected"):
            self._dropped.add(record.thread or 0)
        record.msg, record.args = "withheld: it may carry values from the wire", None
        record.exc_info, record.exc_text, record.stack_info = None, None, None
        log.debug("%s in %s, line %d", record.levelname, record.name, record.lineno)

    def dropped(self, thread: int | None) -> bool:
        """True where the thread of that number has dropped a message."""
        return thread in self._dropped

    def forget(self, thread: int | None) -> None:
        """Numbers of threads are given again: forget what an earlier one did."""
        self._dropped.discard(thread or 0)


_wire_log = WireLog()


def tainted(association: Association) -> bool:
    """True where the association's reactor has dropped a message since :func:`untaint`."""
    return _wire_log.dropped(association.ident)


def untaint(association: Association) -> None:
    """Call once the association's thread runs."""
    _wire_log.forget(association.ident)


def keep_values_out_of_logs() -> None:
    """No identifiers, no message dumps and no text of pynetdicom or pydicom in any log or warning. Idempotent.

    Both repeat values that they find invalid. The settings are the process's: they hold for every user of the two.
    """
    settings: Any = _config
    settings.LOG_REQUEST_IDENTIFIERS = False
    settings.LOG_RESPONSE_IDENTIFIERS = False
    settings.LOG_HANDLER_LEVEL = "none"
    warnings.filterwarnings("ignore", module=r"pydicom(\..*)?$")
    for name in ("pynetdicom", "pydicom"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        if _wire_log not in logger.handlers:
            logger.handlers = [_wire_log]
