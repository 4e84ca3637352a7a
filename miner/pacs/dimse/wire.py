"""The TCP connection under an association: opened (with TLS where wanted), read within bounds, cut at once.

pynetdicom's own reads as many octets as a peer announces and waits for them for ever, tries the first of a host's
addresses only, and forgets why it failed. :class:`Wire` takes its place behind the same face.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.transport import T_CONNECT, AssociationSocket

from miner.pacs.dimse.bounds import ABORT_SECONDS, LONGEST_NEGOTIATION, MAXIMUM_PDU, bound
from miner.pacs.dimse.names import Place

_HEADER = 6
_P_DATA = 0x04
_TLS_ALERT = b"\x15\x03"
"""First octets of a TLS alert record (RFC 8446 5.1): what a TLS server answers to a request that is no TLS."""

_LOOK_SECONDS = 0.1


class SeveredError(OSError):
    """We ended the connection ourselves while it was being opened."""


class OversizedPduError(OSError):
    """A PDU announces more octets than we receive."""


class AnsweredInTlsError(OSError):
    """The peer answered our plain request with a TLS record."""


class HandshakeError(OSError):
    """The connection ended in the middle of the TLS handshake, without a word of TLS."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """How to open a connection: ``places`` of the host, tried in their order, all within ``seconds``; ``tls`` with the
    name that the peer's certificate must bear, or None without TLS.
    """

    places: Sequence[Place]
    seconds: float
    tls: ssl.SSLContext | None = None
    name: str = ""


class Wire(AssociationSocket):
    """A connection that we open (``dialling``), or that was opened to us (``client_socket``).

    ``silence_seconds``: how long the rest of a PDU may take. ``ahead``: octets that were read before. ``failure``: why
    it could not be opened or read. ``heard``: when, by the monotonic clock, octets last came.
    """

    def __init__(
        self,
        association: Association,
        *,
        silence_seconds: float,
        dialling: Dialling | None = None,
        client_socket: socket.socket | None = None,
        address: Any = None,
        ahead: bytes = b"",
    ) -> None:
        self.failure: Exception | None = None
        self.heard = time.monotonic()
        self._silence = silence_seconds
        self._dialling = dialling
        self._ahead = bytearray(ahead)
        self._severed = False
        self._parting_ends: float | None = None
        self._kind = 0
        super().__init__(association, client_socket, address)
        if client_socket is not None:
            _settle(client_socket, silence_seconds)

    # ------------------------------------------------------------------------------------------------------ opening

    def _create_socket(self, address: Any) -> socket.socket:
        """What pynetdicom would bind before it connects; :meth:`connect` makes one for each address of the host."""
        return socket.socket()

    def connect(self, primitive: T_CONNECT) -> None:
        """Open the connection (called by pynetdicom's upper layer); whatever comes of it is in ``failure``."""
        try:
            self._replace(self._dial())
            assert self.socket is not None
            self.assoc.requestor.address_info = type(primitive.address_info).from_tuple(self.socket.getsockname())
            _settle(self.socket, self._silence)
            self._is_connected = True
            self.heard = time.monotonic()
            evt.trigger(self.assoc, evt.EVT_CONN_OPEN, {"address": primitive.address})
            primitive.result = "Evt2"
        except (OSError, ValueError) as error:
            # ValueError: a name that TLS or the resolver cannot take.
            self.failure = error
            self._shutdown_socket()
            self.socket = None
            primitive.result = "Evt17"
        finally:
            self.provider_queue.put(primitive)
            self._ready.set()

    def _dial(self) -> socket.socket:
        """The first address of the host that answers. Raises OSError with the last one's reason."""
        assert self._dialling is not None
        how = self._dialling
        end = time.monotonic() + how.seconds
        last: OSError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        for family, kind, protocol, _, place in how.places:
            if self._severed:
                raise SeveredError
            plain = socket.socket(family, kind, protocol)
            self._replace(plain)
            try:
                self._reach(plain, place, end)
            except SeveredError:
                raise
            except OSError as error:
                plain.close()
                last = error
                continue
            return plain if how.tls is None else self._secure(plain, how.tls, how.name, how.seconds)
        raise last

    def _replace(self, opened: socket.socket) -> None:
        if self.socket is not None and self.socket is not opened:
            self.socket.close()
        self.socket = opened

    def _reach(self, plain: socket.socket, place: Any, end: float) -> None:
        """TCP connect in small steps, so that a cut ends it."""
        plain.setblocking(False)
        status = plain.connect_ex(place)
        while status == errno.EINPROGRESS:
            if self._severed:
                raise SeveredError
            if time.monotonic() >= end:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            if select.select([], [plain], [], _LOOK_SECONDS)[1]:
                status = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if status:
            raise OSError(status, os.strerror(status))

    def _secure(self, plain: socket.socket, context: ssl.SSLContext, name: str, seconds: float) -> socket.socket:
        plain.settimeout(seconds)
        secured = context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        self.socket = secured  # wrap_socket has taken the plain one's descriptor
        if self._severed:
            raise SeveredError
        try:
            secured.do_handshake()
        except (ssl.SSLEOFError, ConnectionError, TimeoutError) as error:
            raise HandshakeError(type(error).__name__) from None
        return secured

    # ------------------------------------------------------------------------------------------------------ reading

    @property
    def ready(self) -> bool:
        """True where :meth:`recv` has something to read: octets of a PDU, or the end of the connection."""
        if self._ahead:
            return True
        if self._parting and not self._await_their_end():
            return False
        if not super().ready:
            return False
        return self._look_ahead() if isinstance(self.socket, ssl.SSLSocket) else True

    @property
    def _parting(self) -> bool:
        """True once we have sent an A-ABORT: the peer is to close the connection (PS3.8 9.2, Sta13)."""
        return self._dialling is not None and self.assoc.dul.state_machine.current_state == "Sta13"

    def _await_their_end(self) -> bool:
        """Wait for octets of the peer, or its end; False after a second, or when we have ended the connection.

        pynetdicom closes at once: what the peer has sent by then and we have not read makes TCP drop the connection,
        and on some systems the A-ABORT with it that the peer has not read yet.
        """
        now = time.monotonic()
        if self._parting_ends is None:
            self._parting_ends = now + ABORT_SECONDS
        while self.socket is not None and not self._severed and now < self._parting_ends:
            try:
                if select.select([self.socket], [], [], min(_LOOK_SECONDS, self._parting_ends - now))[0]:
                    return True
            except (OSError, ValueError):
                return False
            now = time.monotonic()
        return False

    def _look_ahead(self) -> bool:
        """Under TLS a readable socket may hold no octet for us, but a session ticket: a read would wait for more."""
        assert self.socket is not None
        try:
            self.socket.settimeout(0)
            self._ahead += self.socket.recv(_HEADER)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return False
        except OSError as error:
            self.failure = self.failure or error
        finally:
            with contextlib.suppress(OSError):
                self.socket.settimeout(self._silence)
        return True

    def recv(self, nr_bytes: int) -> bytearray:
        """So many octets, fewer where the connection ends. Raises OSError for too many, and for too slow a peer."""
        if nr_bytes > (MAXIMUM_PDU if self._kind == _P_DATA else LONGEST_NEGOTIATION):
            self.failure = OversizedPduError()
            raise self.failure
        octets = bytearray(nr_bytes)
        filled = min(nr_bytes, len(self._ahead))
        octets[:filled] = self._ahead[:filled]
        del self._ahead[:filled]
        try:
            filled = self._fill(octets, filled)
        except OSError as error:
            self.failure = self.failure or error
            raise
        del octets[filled:]
        if nr_bytes == _HEADER and filled:
            self._kind = octets[0]
            if octets.startswith(_TLS_ALERT) and not isinstance(self.socket, ssl.SSLSocket):
                self.failure = AnsweredInTlsError()
        return octets

    def _fill(self, octets: bytearray, filled: int) -> int:
        assert self.socket is not None
        end = time.monotonic() + self._silence
        with memoryview(octets) as view:
            while filled < len(octets):
                count = self.socket.recv_into(view[filled:])
                if not count:
                    break
                filled += count
                self.heard = time.monotonic()
                if self.heard > end and filled < len(octets):
                    raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return filled

    @property
    def connected(self) -> bool:
        """True while there is a connection, with TLS where wanted."""
        return bool(self._is_connected)

    @property
    def secured(self) -> bool:
        """True over TLS."""
        return self._dialling is not None and self._dialling.tls is not None

    # ------------------------------------------------------------------------------------------------------- ending

    def cut(self) -> None:
        """End the connection at once, from any thread and whatever another one is doing with it. Idempotent."""
        self._severed = True
        wire = self.socket
        if wire is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own: that one takes the TLS state away from under the thread that reads.
                socket.socket.shutdown(wire, socket.SHUT_RDWR)


class Requestor(AE):
    """pynetdicom's application entity, whose associations run over a :class:`Wire` and within bounds.

    ``opening`` is given each association and its wire before anything of it runs.
    """

    def __init__(
        self,
        ae_title: str,
        dialling: Dialling,
        silence_seconds: float,
        opening: Callable[[Association, Wire], None],
    ) -> None:
        super().__init__(ae_title)
        self._dialling = dialling
        self._silence = silence_seconds
        self._at_opening = opening

    def _create_socket(self, assoc: Association, address: Any, tls_args: Any) -> AssociationSocket:
        wire = Wire(assoc, silence_seconds=self._silence, dialling=self._dialling, address=address)
        bound(assoc)
        self._at_opening(assoc, wire)
        return wire


def _settle(wire: socket.socket, seconds: float) -> None:
    """A limit for every read and write; no Nagle delay; a lost peer is noticed."""
    wire.settimeout(seconds)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
