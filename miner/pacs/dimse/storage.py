"""Our own storage SCP, which a C-MOVE sends to (PS3.4 B, C.4.2), and which answers C-ECHO.

It takes only objects that a retrieve is waiting for. The Move Originator attributes that should say which retrieve an
object belongs to are often absent, so an object goes to the retrieve that asked for its SOP Instance UID. Who may come
in at all is decided at :mod:`miner.pacs.dimse.door`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pynetdicom import AE, evt

from miner.config import Pacs as PacsSettings
from miner.errors import Reason
from miner.pacs.care import Refusal
from miner.pacs.dimse import tls
from miner.pacs.dimse.bounds import MAXIMUM_PDU
from miner.pacs.dimse.contexts import listening_contexts
from miner.pacs.dimse.door import ARTIM_SECONDS, MAXIMUM_ASSOCIATIONS, Refusals, open_door
from miner.pacs.dimse.guard import keep_values_out_of_logs
from miner.pacs.dimse.guests import Guests
from miner.pacs.dimse.receive import CANNOT_UNDERSTAND, NOT_AUTHORISED, Receiver, arrival_of, receiver_for
from miner.pacs.peer import Peer
from miner.pacs.retry import PortTakenError


class StorageScp:
    """Listens on ``pacs.move_port`` (0: any free one) as our AE title, from :meth:`start` to :meth:`stop`.

    A port can be listened on once, and the PACS sends everything to it: all that listen on one port in this process
    share one server, which stops when the last of them stops.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._server: _Server | None = None
        self._visited = False
        self._open = contextlib.ExitStack()

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it does not."""
        return 0 if self._server is None else self._server.port

    @property
    def visited(self) -> bool:
        """True once anybody who may has opened an association with us."""
        return self._visited or (self._server is not None and self._server.visited)

    @property
    def echoes(self) -> int:
        """How many C-ECHO were answered since the server started; 0 while it does not listen."""
        return 0 if self._server is None else self._server.echoes

    def start(self) -> None:
        """Listen. Raises PacsError where the port is taken or not allowed, ConfigError for what TLS lacks."""
        if self._server is None:
            server = _join(self._peer)
            self._server = server
            self._open.callback(_leave, server)
            try:
                self._open.enter_context(self._peer.pace.halt.ending(server.cut))
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Stop listening; the last one ends what is still open."""
        if self._server is not None:
            self._visited = self.visited
            self._server = None
            self._open.close()

    @contextlib.contextmanager
    def waiting(self, receiver: Receiver) -> Iterator[None]:
        """While inside, between start and stop, objects that this receiver expects are taken."""
        assert self._server is not None, "start comes first"
        with self._server.waiting(receiver):
            yield


@dataclass(frozen=True, slots=True)
class Visits:
    """Who came while we listened: C-ECHO requests that were answered, and who was refused, by kind."""

    port: int
    echoes: int
    refused: Mapping[str, int]


def listen_for(peer: Peer, seconds: float) -> Visits:
    """Hold the door open, for the C-ECHO by which a PACS administrator tests the entry for us; nothing is stored.

    Raises PacsError where we cannot listen, ConfigError for what TLS lacks, StoppedError when the run is stopped.
    """
    listener = StorageScp(peer)
    before = peer.visitors.counts()
    listener.start()
    try:
        peer.pace.halt.wait(seconds)
        port, echoes = listener.port, listener.echoes
    finally:
        listener.stop()
    after = peer.visitors.counts()
    new = {kind: count - before.get(kind, 0) for kind, count in after.items() if count > before.get(kind, 0)}
    return Visits(port, echoes, new)


class _Server:
    """What really listens. Raises PacsError where it cannot."""

    def __init__(self, peer: Peer) -> None:
        settings = peer.settings
        self.users = 0
        self.visited = False
        self.echoes = 0
        self._receivers: list[Receiver] = []
        self._changing = threading.Lock()
        self.refuse = Refusals()
        keep_values_out_of_logs()
        entity = AE(settings.calling_ae_title)
        # The door decides on titles and numbers; a race of some callers past its count is no harm.
        entity.maximum_associations = 2 * MAXIMUM_ASSOCIATIONS
        entity.maximum_pdu_size = MAXIMUM_PDU
        entity.acse_timeout = ARTIM_SECONDS
        entity.network_timeout = settings.silence_seconds
        entity.supported_contexts = listening_contexts()
        guests = Guests(settings)
        context = tls.acceptor_context(peer) if settings.tls else None
        handlers = [
            (evt.EVT_CONN_OPEN, self._note_visit),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._take),
        ]
        try:
            self._door = open_door(
                entity,
                (_listening_address(settings), settings.move_port),
                handlers,
                guests=guests,
                called=settings.calling_ae_title,
                refuse=self.refuse,
                tls=context,
                silence_seconds=settings.silence_seconds,
            )
        except OSError as error:
            raise PortTakenError(
                f"Port {settings.move_port} (pacs.move_port) cannot be listened on ({type(error).__name__}): stop the "
                "program that uses it, or choose another port and have it entered in the PACS.",
                Reason.RETRIEVE_FAILED,
            ) from None

    @property
    def port(self) -> int:
        return self._door.port

    def shutdown(self) -> None:
        self._door.shutdown()

    def cut(self) -> None:
        """End what is open at once."""
        self._door.cut()

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
            self.refuse(Refusal.UNUSABLE_OBJECT)
            return CANNOT_UNDERSTAND
        with self._changing:
            receiver = receiver_for(arrival, self._receivers)
        status = NOT_AUTHORISED if receiver is None else receiver.take(arrival)
        if status == NOT_AUTHORISED:
            self.refuse(Refusal.UNEXPECTED_OBJECT)
        return status

    def _echo(self, event: evt.Event) -> int:
        self.echoes += 1
        return 0x0000

    def _note_visit(self, event: evt.Event) -> None:
        self.visited = True


_SERVERS: dict[tuple[object, ...], _Server] = {}
_joining = threading.Lock()


def _join(peer: Peer) -> _Server:
    """The server of this process for a port and those it lets in, started where there is none; port 0 is not shared."""
    settings = peer.settings
    place = (
        settings.host,
        settings.move_port,
        settings.calling_ae_title,
        settings.ae_title,
        settings.move_from,
        settings.tls,
    )
    with _joining:
        server = _SERVERS.get(place) or _Server(peer)
        if settings.move_port:
            _SERVERS[place] = server
        server.users += 1
        server.refuse.join(peer.visitors.refuse)
    return server


def _leave(server: _Server) -> None:
    with _joining:
        server.users -= 1
        if server.users:
            return
        for place in [place for place, known in _SERVERS.items() if known is server]:
            del _SERVERS[place]
        server.shutdown()


def _listening_address(settings: PacsSettings) -> str:
    """Loopback where all who may send are on it, else every address of the PACS's family: which one it sees is the
    network's.
    """
    hosts = [settings.host, *(entry.rpartition("@")[2] for entry in settings.move_from)]
    if all(_is_loopback(host) for host in hosts):
        return "127.0.0.1" if settings.host == "localhost" else settings.host
    return "::" if ":" in settings.host else "0.0.0.0"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
