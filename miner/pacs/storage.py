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

from miner.config import Pacs as PacsSettings
from miner.errors import PacsError, Reason
from miner.pacs.association import MAXIMUM_PDU
from miner.pacs.contexts import listening_contexts
from miner.pacs.guard import keep_values_out_of_logs
from miner.pacs.receive import CANNOT_UNDERSTAND, NOT_AUTHORISED, Receiver, arrival_of

MAXIMUM_ASSOCIATIONS = 32
"""A PACS may open one association per object, and close them late."""


class StorageScp:
    """Listens on ``pacs.move_port`` (0: any free one) as our AE title, from :meth:`start` to :meth:`stop`."""

    def __init__(self, settings: PacsSettings) -> None:
        self._settings = settings
        self._server: Any = None
        self._receivers: list[Receiver] = []
        self._changing = threading.Lock()
        self.visited = False
        """True once anybody has opened an association with us."""

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it does not."""
        return 0 if self._server is None else int(self._server.server_address[1])

    def start(self) -> None:
        """Listen. Raises PacsError where the port is taken or not allowed."""
        if self._server is not None:
            return
        keep_values_out_of_logs()
        settings = self._settings
        entity = AE(settings.calling_ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = MAXIMUM_ASSOCIATIONS
        entity.maximum_pdu_size = MAXIMUM_PDU
        entity.network_timeout = settings.silence_seconds
        entity.supported_contexts = listening_contexts()
        try:
            self._server = entity.start_server(
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

    def stop(self) -> None:
        """Stop listening and end what is still open."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    @contextlib.contextmanager
    def waiting(self, receiver: Receiver) -> Iterator[None]:
        """While inside, objects that this receiver expects are taken."""
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
            receiver = next((r for r in self._receivers if r.books.expects(arrival.sop_uid)), None)
        return NOT_AUTHORISED if receiver is None else receiver.take(arrival)

    def _note_visit(self, event: evt.Event) -> None:
        self.visited = True


def _listening_address(pacs_host: str) -> str:
    """Loopback for a PACS on loopback, else every address of the PACS's family: which one it sees is the network's."""
    try:
        address = ipaddress.ip_address(pacs_host)
    except ValueError:
        return "127.0.0.1" if pacs_host == "localhost" else "0.0.0.0"
    if address.is_loopback:
        return str(address)
    return "::" if address.version == 6 else "0.0.0.0"
