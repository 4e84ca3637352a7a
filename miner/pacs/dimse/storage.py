"""Our own storage SCP, which a C-MOVE sends to (PS3.4 B, C.4.2).

It takes only objects that a retrieve is waiting for. The Move Originator attributes that should say which retrieve an
object belongs to are often absent, so an object goes to the retrieve that asked for its SOP Instance UID.
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Iterator
from typing import Any

from pynetdicom import AE, evt

from miner.errors import PacsError, Reason
from miner.pacs.dimse.bounds import MAXIMUM_PDU
from miner.pacs.dimse.contexts import listening_contexts
from miner.pacs.dimse.guard import keep_values_out_of_logs
from miner.pacs.dimse.receive import CANNOT_UNDERSTAND, NOT_AUTHORISED, Receiver, arrival_of
from miner.pacs.peer import Peer

MAXIMUM_ASSOCIATIONS = 32
"""A PACS may open one association per object, and close them late."""


class StorageScp:
    """Listens on ``pacs.move_port`` (0: any free one) as our AE title, from :meth:`start` to :meth:`stop`.

    A port can be listened on once, and the PACS sends everything to it: all that listen on one port in this process
    share one server, which stops when the last of them stops.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._server: _Server | None = None
        self._visited = False

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it does not."""
        return 0 if self._server is None else self._server.port

    @property
    def visited(self) -> bool:
        """True once anybody has opened an association with us."""
        return self._visited or (self._server is not None and self._server.visited)

    def start(self) -> None:
        """Listen. Raises PacsError where the port is taken or not allowed."""
        if self._server is None:
            self._server = _join(self._peer)

    def stop(self) -> None:
        """Stop listening; the last one ends what is still open."""
        if self._server is not None:
            self._visited = self.visited
            _leave(self._server)
            self._server = None

    @contextlib.contextmanager
    def waiting(self, receiver: Receiver) -> Iterator[None]:
        """While inside, between start and stop, objects that this receiver expects are taken."""
        assert self._server is not None, "start comes first"
        with self._server.waiting(receiver):
            yield


class _Server:
    """What really listens. Raises PacsError where it cannot."""

    def __init__(self, peer: Peer) -> None:
        settings = peer.settings
        self.users = 0
        self.visited = False
        self._receivers: list[Receiver] = []
        self._changing = threading.Lock()
        keep_values_out_of_logs()
        entity = AE(settings.calling_ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = MAXIMUM_ASSOCIATIONS
        entity.maximum_pdu_size = MAXIMUM_PDU
        entity.network_timeout = settings.silence_seconds
        entity.supported_contexts = listening_contexts()
        try:
            self._server: Any = entity.start_server(
                (_listening_address(settings.host), settings.move_port),
                block=False,
                evt_handlers=[(evt.EVT_C_STORE, self._take), (evt.EVT_CONN_OPEN, self._note_visit)],
            )
        except OSError as error:
            raise PacsError(
                f"Port {settings.move_port} (pacs.move_port) cannot be listened on ({type(error).__name__}): stop the "
                "program that uses it, or choose another port and have it entered in the PACS.",
                Reason.RETRIEVE_FAILED,
            ) from None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def shutdown(self) -> None:
        self._server.shutdown()

    @contextlib.contextmanager
    def waiting(self, receiver: Receiver) -> Iterator[None]:
        with self._changing:
            self._receivers.append(receiver)
        try:
            yield
        finally:
            with self._changing:
                self._receivers.remove(receiver)

    def _take(self, event: evt.Event) -> int:
        arrival = arrival_of(event)
        if arrival is None:
            return CANNOT_UNDERSTAND
        with self._changing:
            expecting = [r for r in self._receivers if r.books.expects(arrival.sop_uid)]
        # Two studies may ask for one image at the same time: each gets one of the two copies.
        lacking = [r for r in expecting if r.books.path_of(arrival.sop_uid) is None]
        receiver = next(iter(lacking or expecting), None)
        return NOT_AUTHORISED if receiver is None else receiver.take(arrival)

    def _note_visit(self, event: evt.Event) -> None:
        self.visited = True


_SERVERS: dict[tuple[str, int, str], _Server] = {}
_joining = threading.Lock()


def _join(peer: Peer) -> _Server:
    """The server of this process for a port and AE title, started where there is none; port 0 is never shared."""
    settings = peer.settings
    place = (settings.host, settings.move_port, settings.calling_ae_title)
    with _joining:
        server = _SERVERS.get(place) or _Server(peer)
        if settings.move_port:
            _SERVERS[place] = server
        server.users += 1
    return server


def _leave(server: _Server) -> None:
    with _joining:
        server.users -= 1
        if server.users:
            return
        for place in [place for place, known in _SERVERS.items() if known is server]:
            del _SERVERS[place]
        server.shutdown()


def _listening_address(pacs_host: str) -> str:
    """Loopback for a PACS on loopback, else every address of the PACS's family: which one it sees is the network's."""
    try:
        address = ipaddress.ip_address(pacs_host)
    except ValueError:
        return "127.0.0.1" if pacs_host == "localhost" else "0.0.0.0"
    if address.is_loopback:
        return str(address)
    return "::" if address.version == 6 else "0.0.0.0"
