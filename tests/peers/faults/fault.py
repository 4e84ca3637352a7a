"""What a fault is, and how several act together.

A :class:`Fault` is one way in which a PACS misbehaves, a row of the table that ``FAULTS`` (catalogue.py) spells out. It
acts through the seam of the demo's PACS (:class:`miner.demo.pacs_behaviour.Behaviour`) and, for what pynetdicom's
services would never say, on the responses as they go out (:meth:`Fault.respond`). Each draws its own parameters.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, ClassVar

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE

from miner.demo.pacs_behaviour import Address, Answer, Behaviour, Request
from miner.demo.pacs_index import StoredObject

Send = Callable[[Any], None]
"""Sends one response primitive to the peer."""

_RESPONSES = (C_FIND, C_GET, C_MOVE)
_DATA_TRANSFER = "Sta6"
"""State of the DUL service in which an association can carry messages (PS3.8 Table 9-10)."""

PENDING = (0xFF00, 0xFF01)


class Closing:
    """Set when the PACS stops: whatever holds a thread lets go."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def sleep(self, seconds: float) -> None:
        """As :func:`time.sleep`, ended early when the PACS stops."""
        self._event.wait(seconds)

    def while_open(self, association: Any, seconds: float = 120.0) -> Iterator[float]:
        """Every 20 ms the seconds so far, as long as the association is open on both sides."""
        start = time.monotonic()
        while not self and is_open(association) and time.monotonic() - start < seconds:
            yield time.monotonic() - start
            self.sleep(0.02)


class Fault(Behaviour):
    """One way of misbehaving; a subclass says in its docstring what it does.

    ``row`` is the row of the table in the documentation of PACS that misbehave. ``withholds``: some objects or studies
    never come, whatever is asked: they must be named. ``closes``: what cannot be used at all with it, of ``get``,
    ``move``, ``study-root``, ``patient-root``, ``image-level``.
    """

    row: ClassVar[int]
    withholds: ClassVar[bool] = False
    closes: ClassVar[frozenset[str]] = frozenset()
    pacs: Any

    def __init__(self, random: Random) -> None:
        self.random = random
        self.closing = Closing()

    @property
    def spent(self) -> bool:
        """True where it has no more trouble in store that will go away by itself."""
        return True

    def respond(self, request: Request, response: Any, send: Send) -> None:
        """One C-FIND, C-GET or C-MOVE response (pynetdicom's primitive) on its way out; may send none, or several."""
        send(response)

    def begin(self, objects: Sequence[StoredObject]) -> None:
        """Called with everything the PACS holds, before it listens: to draw victims."""

    def __str__(self) -> str:
        return type(self).__name__


class Sporadic(Fault):
    """Trouble that comes and goes: it strikes with a probability, but only so many times in all."""

    chance: ClassVar[float] = 0.5
    most: ClassVar[int] = 4

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._left = random.randint(1, self.most)
        self._drawing = threading.Lock()

    @property
    def spent(self) -> bool:
        return self._left <= 0

    def strikes(self) -> bool:
        """True where it strikes this time."""
        with self._drawing:
            struck = self._left > 0 and self.random.random() < self.chance
            self._left -= struck
            return struck


class Combined(Behaviour):
    """Several faults at once: each sees what the one before it has left."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        self._requests: dict[int, Request] = {}

    def offer(self, entity: AE) -> None:
        for fault in self.faults:
            fault.offer(entity)

    def connected(self, association: Any) -> None:
        for fault in self.faults:
            if has_connection(association):
                fault.connected(association)

    def requested(self, association: Any) -> None:
        for fault in self.faults:
            if not (association.is_rejected or association.is_aborted):
                fault.requested(association)

    def established(self, association: Any) -> None:
        self._intercept(association)
        for fault in self.faults:
            fault.established(association)

    def understand(self, request: Request) -> Dataset:
        self._requests[id(request.association)] = request
        for fault in self.faults:
            request = with_identifier(request, fault.understand(request))
        return request.identifier

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for fault in self.faults:
            answers = fault.find(request, answers)
        return answers

    def heeds_cancel(self, request: Request) -> bool:
        return all(fault.heeds_cancel(request) for fault in self.faults)

    def destination(self, request: Request, address: Address | None) -> Address | None:
        for fault in self.faults:
            address = fault.destination(request, address)
        return address

    def storing(self, request: Request, association: Any) -> None:
        for fault in self.faults:
            fault.storing(request, association)

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        for fault in self.faults:
            objects = fault.select(request, objects)
        return objects

    def announce(self, request: Request, count: int) -> int:
        for fault in self.faults:
            count = fault.announce(request, count)
        return count

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for fault in self.faults:
            answers = fault.send(request, answers)
        return answers

    def _intercept(self, association: Any) -> None:
        """Let every fault see the responses of this association before they are sent."""
        forward = association.dimse.send_msg

        def send_msg(primitive: Any, context_id: int) -> None:
            request = self._requests.get(id(association))
            if request is None or not isinstance(primitive, _RESPONSES):
                forward(primitive, context_id)
                return
            send: Send = partial(_forward, forward, context_id)
            for fault in reversed(self.faults):
                send = partial(_through, fault, request, send)
            send(primitive)

        association.dimse.send_msg = send_msg


def _forward(forward: Callable[[Any, int], None], context_id: int, primitive: Any) -> None:
    forward(primitive, context_id)


def _through(fault: Fault, request: Request, send: Send, primitive: Any) -> None:
    fault.respond(request, primitive, send)


def with_identifier(request: Request, identifier: Dataset) -> Request:
    """The same request, understood in another way."""
    return replace(request, identifier=identifier, level=str(identifier.get("QueryRetrieveLevel", "")))


# ------------------------------------------------------------------------------------------------- on an association


def is_open(association: Any) -> bool:
    """True while both sides of an established association are there, also from within a handler."""
    dul = association.dul
    return bool(dul.is_alive()) and dul.state_machine.current_state == _DATA_TRANSFER


def has_connection(association: Any) -> bool:
    """True where its TCP connection was not closed by :func:`drop`."""
    return association.dul.socket is not None and association.dul.socket.socket is not None


def drop(association: Any) -> None:
    """Close the TCP connection under an association, without a word."""
    wire = association.dul.socket
    if wire is not None and wire.socket is not None:
        try:
            wire.socket.shutdown(2)
        except OSError:
            wire.socket.close()


def is_final(response: Any) -> bool:
    """True for the last response of a request."""
    return response.Status not in PENDING


def copied(identifier: Dataset, **values: Any) -> Dataset:
    """A copy of an Identifier with other values; None takes an element out."""
    copy = Dataset()
    for element in identifier:
        if element.keyword not in values:
            copy.add(element)
    # A new element each: those of an answer are the ones that the PACS's own index holds.
    for keyword, value in values.items():
        if value is not None:
            setattr(copy, keyword, value)
    return copy
