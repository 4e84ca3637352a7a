"""What a peer can make us hold and do: bounds around pynetdicom, which reads and assembles without any.

pynetdicom 3.0.4 collects the fragments of a message until its last one comes, queues messages until somebody takes
them, and lets a fragment that it cannot decode end its thread with a traceback that repeats values from the wire.
:func:`bound` replaces one method of one association's DIMSE provider; :func:`contain` surrounds its two threads. Both
touch what pynetdicom does not promise to keep: it is pinned to 3.0.x from 3.0.4 on, and tests hold the two.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import A_P_ABORT, P_DATA

log = logging.getLogger(__name__)

MAXIMUM_PDU = 131_072
"""Octets of one P-DATA-TF that we announce to receive (PS3.8 D.1); pynetdicom's 16 KiB makes 32 of every CT slice."""

LONGEST_NEGOTIATION = 262_144
"""Octets of any other PDU: 128 presentation contexts of forty transfer syntaxes each are half of it (PS3.8 9.3.2)."""

LONGEST_COMMAND = 65_536
"""Octets of a Command Set (PS3.7 6.3); no honest one comes near."""

LARGEST_OBJECT = 1 << 30
"""Octets of one Data Set: an enhanced CT of two thousand slices at 512 x 512. It is held in memory while it comes."""

IN_FLIGHT = 2 << 30
"""Octets of all Data Sets that are being received in this process at one time."""

ABORT_SECONDS = 1.0
"""An A-ABORT that is not sent and taken within this, by the end of the connection, is replaced by that end."""

WAITING_REQUESTS = 4
"""Requests of a requestor that wait for us. Without asynchronous operations there is one (PS3.7 D.3.3.3)."""


class _Stock:
    """Octets held by all associations of the process together."""

    def __init__(self) -> None:
        self._held = 0
        self._changing = threading.Lock()

    def take(self, octets: int) -> bool:
        """Enter octets; False, and nothing entered, where there is no room."""
        with self._changing:
            if self._held + octets > IN_FLIGHT:
                return False
            self._held += octets
            return True

    def give_back(self, octets: int) -> None:
        with self._changing:
            self._held -= octets


_stock = _Stock()


class _Assembly:
    """Takes the place of ``DIMSEServiceProvider.receive_primitive`` of one association."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._assemble: Callable[[P_DATA], None] = association.dimse.receive_primitive
        self._command = self._data = 0
        self._over = False

    def __call__(self, primitive: P_DATA) -> None:
        """Hand fragments on to pynetdicom, or end the association where they are too many or make no sense."""
        if self._over:
            return
        if not self._fits(primitive):
            self.end()
            return
        try:
            self._assemble(primitive)
        except Exception as error:
            log.debug("A message could not be decoded (%s).", type(error).__name__)
            self.end()
            return
        if self._association.dimse.message is None:
            self._let_go()
            if self._crowded():
                self.end()

    def _crowded(self) -> bool:
        """Responses may queue up, as the rows of a query do; requests may not."""
        waiting = list(self._association.dimse.msg_queue.queue)
        if len(waiting) <= WAITING_REQUESTS:
            return False
        return self._association.is_acceptor or isinstance(waiting[-1][1], C_STORE)

    def _fits(self, primitive: P_DATA) -> bool:
        command = data = 0
        for _, fragment in primitive.presentation_data_value_list:
            if not fragment:
                return False
            # The message control header's lowest bit: a fragment of the Command Set (PS3.8 E.2).
            if fragment[0] & 1:
                command += len(fragment)
            else:
                data += len(fragment)
        if self._command + command > LONGEST_COMMAND or self._data + data > LARGEST_OBJECT or not _stock.take(data):
            return False
        self._command += command
        self._data += data
        return True

    def end(self) -> None:
        """A-P-ABORT: as pynetdicom does with a message that it finds invalid."""
        self._over = True
        self._association.dimse.message = None
        self._let_go()
        self._association.dul.event_queue.put("Evt19")

    def _let_go(self) -> None:
        _stock.give_back(self._data)
        self._command = self._data = 0

    def close(self) -> None:
        """Nothing comes any more: what a half message held is free again."""
        self._over = True
        self._let_go()


def bound(association: Association) -> None:
    """Bound the messages of an association whose threads do not run yet, and contain these."""
    dimse: Any = association.dimse
    assembly = _Assembly(association)
    dimse.receive_primitive = assembly
    _contain(association.dul, lambda: _end_of_wire(association, assembly))
    _contain(association, lambda: _end_of_reactor(association))


def _contain(thread: Any, at_end: Callable[[], None]) -> None:
    run = thread.run

    def contained() -> None:
        try:
            run()
        except Exception as error:
            # Its text can repeat what the peer sent, so threading.excepthook must not see it.
            log.debug("A thread of an association ended by %s.", type(error).__name__)
        finally:
            at_end()

    thread.run = contained


def _end_of_wire(association: Association, assembly: _Assembly) -> None:
    """The upper layer has ended, however: nobody waits for it any more, and the connection is closed."""
    assembly.close()
    wire = association.dul.socket
    if wire is not None:
        with contextlib.suppress(OSError):
            if wire.socket is not None:
                # pynetdicom leaves it open where the peer was the first to close.
                wire.socket.close()
        wire._ready.set()
    association.dul.to_user_queue.put(A_P_ABORT())
    association.dimse.msg_queue.put((None, None))


def _end_of_reactor(association: Association) -> None:
    """The association has ended, however: so does its upper layer, once it has sent the A-ABORT where there is one."""
    association.is_established = False
    if association._sent_abort and association.dul.is_alive():
        association.dul.join(2 * ABORT_SECONDS)
    association.dul.kill_dul()
    # Again: the reactor may have taken the one that tells of the end of the upper layer.
    association.dimse.msg_queue.put((None, None))
