"""The door of our storage SCP: who is let in, and what a stranger can take from those who are.

Between the port and pynetdicom stands a porter. A caller shows, one after the other, an address that the PACS may have,
a certificate (with TLS), and an A-ASSOCIATE-RQ whose AE titles belong to that address; all of it within the ARTIM time
(PS3.8 9.1.5). Only then does pynetdicom hear of it, whose own server would shake hands with a silent TLS client while
everybody else waits, and gives each connection two threads before it has said a word.

Half-open connections have few places for each address, and the newest takes the place of the oldest: an honest request
follows its connection within a round trip, so those who only sit there push each other out.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.transport import AssociationServer, RequestHandler

from miner.pacs.care import Refusal
from miner.pacs.dimse.bounds import LONGEST_NEGOTIATION, bound
from miner.pacs.dimse.guests import Guests, plain_address
from miner.pacs.dimse.wire import Wire

log = logging.getLogger(__name__)

ARTIM_SECONDS = 10.0
"""From the connection to the whole A-ASSOCIATE-RQ, the TLS handshake included."""

HALF_OPEN = 32
"""Connections of one address that have not shown who they are."""

MAXIMUM_ASSOCIATIONS = 32
"""A PACS may open one association per object, and close them late."""

_ASSOCIATE_RQ = 0x01
_SHORTEST_REQUEST = 68
_INVALID_PDU = bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, 6))
"""A-ABORT: by the service provider, invalid PDU parameter value (PS3.8 9.3.8)."""

_LINGER_SECONDS = 1.0

_CLOSING_SECONDS = 2.0
"""What those at the door may take to go, once it is closed."""

_WORDS = {
    Refusal.ADDRESS: "Somebody knocked at our port (pacs.move_port) from an address that is neither that of pacs.host "
    "nor in pacs.move_from, and was refused. If it was the PACS, add AE_TITLE@address to pacs.move_from.",
    Refusal.CALLING_TITLE: "Somebody asked for an association at our port (pacs.move_port) under an AE title that is "
    "neither pacs.ae_title nor in pacs.move_from for that address, and was refused. If it was the PACS, add "
    "AE_TITLE@address to pacs.move_from.",
    Refusal.CALLED_TITLE: "Somebody asked at our port (pacs.move_port) for another AE title than "
    "pacs.calling_ae_title, and was refused. If it was the PACS, its entry for us names a wrong AE title.",
    Refusal.PROTOCOL: "Somebody connected to our port (pacs.move_port) and did not ask for an association in DICOM "
    "(with TLS, where pacs.tls is true), and was refused.",
    Refusal.CERTIFICATE: "Somebody connected to our port (pacs.move_port) without a certificate that descends from "
    "pacs.tls_ca, and was refused. If it was the PACS, it does not show its certificate when it sends.",
    Refusal.TOO_MANY: "More connections to our port (pacs.move_port) than are served at once; some were refused.",
    Refusal.UNEXPECTED_OBJECT: "An object came that no retrieve waits for, and was refused.",
    Refusal.UNUSABLE_OBJECT: "Something came that is no object, and was refused.",
}


class Refusals:
    """Counts who and what is refused with everybody who shares the door, and says so once for each kind."""

    def __init__(self) -> None:
        self._told: set[Refusal] = set()
        self._counters: list[Callable[[Refusal], None]] = []

    def join(self, counter: Callable[[Refusal], None]) -> None:
        """From now on, ``counter`` is called too."""
        if counter not in self._counters:
            self._counters.append(counter)

    def __call__(self, why: Refusal) -> None:
        """Count one."""
        for counter in list(self._counters):
            counter(why)
        if why not in self._told:
            self._told.add(why)
            log.warning(_WORDS[why])


# ----------------------------------------------------------------------------------------------------------- the door


@dataclass(eq=False)
class _Caller:
    """A connection that has not shown who it is. ``wire`` changes when TLS begins; ``evicted``: others needed room;
    ``ended``: we end it ourselves, so that nothing can be said of the caller.
    """

    wire: socket.socket
    place: Any
    address: str
    evicted: bool = False
    ended: bool = False
    porter: threading.Thread | None = None


class _TurnedAwayError(Exception):
    """A caller that is not let in; ``answer`` is what it is told, if anything."""

    def __init__(self, why: Refusal, answer: bytes = b"") -> None:
        super().__init__(why)
        self.why = why
        self.answer = answer


class Door(AssociationServer):
    """pynetdicom's server behind the porter. Made by ``AE.make_server(address, server_class=Door, …)``."""

    request_queue_size = 128

    def __init__(
        self,
        *arguments: Any,
        guests: Guests,
        called: str,
        refuse: Callable[[Refusal], None],
        tls: ssl.SSLContext | None,
        silence_seconds: float,
        **options: Any,
    ) -> None:
        self.silence_seconds = silence_seconds
        self._guests = guests
        self._called = called.strip()
        self._refuse = refuse
        self._tls = tls
        self._porch: dict[str, list[_Caller]] = defaultdict(list)
        self._changing = threading.RLock()  # a stop may come out of a signal's handler
        self._closed = False
        super().__init__(*arguments, **options)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    # ------------------------------------------------------------------------------------------- in the accept loop

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """False for an address that nobody of ours has: closed at once, before anything is read."""
        address = plain_address(client_address[0])
        if self._guests.titles_at(address) or self._guests.stale:
            return True
        self._refuse(Refusal.ADDRESS)
        return False

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the caller a place before the door, and a porter."""
        caller = _Caller(request, client_address, plain_address(client_address[0]))
        with self._changing:
            waiting = self._porch[caller.address]
            waiting.append(caller)
            if len(waiting) > HALF_OPEN:
                oldest = waiting.pop(0)
                oldest.evicted = True
                _cut(oldest.wire)
            caller.porter = threading.Thread(target=self._meet, args=(caller,), name="porter", daemon=True)
        caller.porter.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The base class would print a traceback, with the address."""
        log.debug("A connection could not be taken.")

    # ------------------------------------------------------------------------------------------------ in the porter

    def _meet(self, caller: _Caller) -> None:
        end = time.monotonic() + ARTIM_SECONDS
        try:
            first = self._admit(caller, end)
        except _TurnedAwayError as refusal:
            self._turn_away(caller, refusal.why)
            _send_off(caller.wire, refusal.answer)
        except Exception as error:
            # OSError: gone, or too slow. Anything else is pynetdicom's about octets that are no request.
            self._turn_away(caller, Refusal.PROTOCOL)
            _send_off(caller.wire, b"" if isinstance(error, OSError) else _INVALID_PDU)
        else:
            with contextlib.suppress(OSError):
                _Entrance(caller.wire, caller.place, self, first)
            if self._closed:
                self.cut()  # it has come in behind the one who closed
        finally:
            self._forget(caller)

    def _turn_away(self, caller: _Caller, why: Refusal) -> None:
        if not caller.ended:
            self._refuse(Refusal.TOO_MANY if caller.evicted else why)

    def _forget(self, caller: _Caller) -> None:
        with self._changing:
            waiting = self._porch[caller.address]
            if caller in waiting:
                waiting.remove(caller)
            if not waiting:
                del self._porch[caller.address]

    def _admit(self, caller: _Caller, end: float) -> bytes:
        """The A-ASSOCIATE-RQ of a caller who may come in. Raises _TurnedAwayError, OSError, or what decoding raises."""
        if self._guests.stale:
            self._guests.resolve()
        titles = self._guests.titles_at(caller.address)
        if not titles:
            raise _TurnedAwayError(Refusal.ADDRESS)
        if self._tls is not None:
            self._shake_hands(caller, self._tls, end)
        octets = _read_request(caller.wire, end)
        request = A_ASSOCIATE_RQ()
        request.decode(octets)
        request.to_primitive()
        # PS3.8 9.3.4: rejected permanently by the service user.
        if request.calling_ae_title.strip() not in titles:
            raise _TurnedAwayError(Refusal.CALLING_TITLE, _rejection(1, 1, 3))
        if request.called_ae_title.strip() != self._called:
            raise _TurnedAwayError(Refusal.CALLED_TITLE, _rejection(1, 1, 7))
        if len(self.active_associations) >= MAXIMUM_ASSOCIATIONS:
            raise _TurnedAwayError(Refusal.TOO_MANY, _rejection(2, 3, 2))
        return octets

    def _shake_hands(self, caller: _Caller, context: ssl.SSLContext, end: float) -> None:
        caller.wire.settimeout(max(0.01, end - time.monotonic()))
        caller.wire = context.wrap_socket(caller.wire, server_side=True, do_handshake_on_connect=False)
        try:
            caller.wire.do_handshake()
        except ssl.SSLError as error:
            certificate = isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE" in str(error.reason)
            raise _TurnedAwayError(Refusal.CERTIFICATE if certificate else Refusal.PROTOCOL) from None

    # -------------------------------------------------------------------------------------------------------- ending

    def shutdown(self) -> None:
        """Stop listening, and end whatever is open; nobody is at the door any more when it returns."""
        self._closed = True
        socketserver.BaseServer.shutdown(self)
        self.server_close()
        porters = [caller.porter for caller in self._callers()]
        self.cut()
        end = time.monotonic() + _CLOSING_SECONDS
        for porter in porters:
            if porter is not None and porter.ident is not None:
                porter.join(max(0.0, end - time.monotonic()))

    def _callers(self) -> list[_Caller]:
        with self._changing:
            return [caller for waiting in self._porch.values() for caller in waiting]

    def cut(self) -> None:
        """End every connection at once."""
        for caller in self._callers():
            caller.ended = True
            _cut(caller.wire)
        for association in self.active_associations:
            wire = association.dul.socket
            if isinstance(wire, Wire):
                wire.cut()


class _Entrance(RequestHandler):
    """Hands a caller who may come in over to pynetdicom, with what was read of it."""

    server: Door

    def __init__(self, request: Any, client_address: Any, server: Door, first: bytes) -> None:
        self._first = first
        super().__init__(request, client_address, server)

    def handle(self) -> None:
        """Start the association."""
        association = self._create_association()
        dul: Any = association.dul
        dul.event_queue = queue.Queue()  # the wire announces itself, as the socket that it replaces has done
        dul.socket = Wire(
            association, silence_seconds=self.server.silence_seconds, client_socket=self.request, ahead=self._first
        )
        bound(association)
        evt.trigger(association, evt.EVT_CONN_OPEN, {"address": self.client_address})
        association.start()


def open_door(
    entity: AE,
    address: tuple[str, int],
    handlers: Sequence[Any],
    **options: Any,
) -> Door:
    """A door that is open: its accept loop runs. Raises OSError where the port cannot be had."""
    door: Any = entity.make_server(address, evt_handlers=list(handlers), server_class=Door, **options)
    assert isinstance(door, Door)
    threading.Thread(target=door.serve_forever, args=(0.1,), name="door", daemon=True).start()
    return door


# ------------------------------------------------------------------------------------------------------------ octets


def _read_request(wire: socket.socket, end: float) -> bytes:
    """One A-ASSOCIATE-RQ PDU (PS3.8 9.3.2). Raises OSError where it does not come in time."""
    header = _read(wire, 6, end)
    kind, _, length = struct.unpack(">BBL", header)
    if kind != _ASSOCIATE_RQ or not _SHORTEST_REQUEST <= length <= LONGEST_NEGOTIATION:
        raise _TurnedAwayError(Refusal.PROTOCOL, _INVALID_PDU)
    return header + _read(wire, length, end)


def _read(wire: socket.socket, length: int, end: float) -> bytes:
    octets = bytearray()
    while len(octets) < length:
        remaining = end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        wire.settimeout(remaining)
        more = wire.recv(length - len(octets))
        if not more:
            raise ConnectionAbortedError
        octets += more
    return bytes(octets)


def _rejection(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return bytes((3, 0, 0, 0, 0, 4, 0, result, source, reason))


def _send_off(wire: socket.socket, answer: bytes) -> None:
    """Say why, wait a moment for the caller to close (else the answer can be lost on its way), and close."""
    try:
        if answer:
            wire.settimeout(_LINGER_SECONDS)
            wire.sendall(answer)
            socket.socket.shutdown(wire, socket.SHUT_WR)
            end = time.monotonic() + _LINGER_SECONDS
            while time.monotonic() < end and wire.recv(4096):
                pass
    except (OSError, ValueError):
        pass
    finally:
        with contextlib.suppress(OSError):
            wire.close()


def _cut(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(wire, socket.SHUT_RDWR)
