"""A scripted SCP on loopback: answers as it is told, for the faults that no real peer shows on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context, evt

from miner.pacs.dimse.contexts import FIND, GET, MOVE, VERIFICATION
from miner.records import InstanceRef
from tests.peers.network import LOOPBACK

Handler = Callable[[evt.Event], Iterator[Any]]

STUDY, SERIES = "2.25.1", "2.25.2"


def image(number: int, comment: str = "") -> Dataset:
    """A tiny CT object number ``number`` of the one series; ``comment`` makes its content differ."""
    item = Dataset()
    item.SOPClassUID = CTImageStorage
    item.SOPInstanceUID = f"2.25.{100 + number}"
    item.StudyInstanceUID = STUDY
    item.SeriesInstanceUID = SERIES
    item.InstanceNumber = number
    item.ImageComments = comment
    return item


def reference(number: int) -> InstanceRef:
    """What a query would say about :func:`image`."""
    return InstanceRef(STUDY, SERIES, f"2.25.{100 + number}", CTImageStorage, number)


def asked_for(event: evt.Event) -> list[str]:
    """SOP Instance UIDs that a retrieval names."""
    value = event.identifier.SOPInstanceUID
    return [value] if isinstance(value, str) else list(value)


class ScriptedScp:
    """Starts with its handlers, stops at the end of the ``with``; ``port`` is where it listens."""

    def __init__(
        self,
        *,
        find: Handler | None = None,
        get: Handler | None = None,
        move: Handler | None = None,
        services: tuple[str, ...] = (VERIFICATION, FIND, GET, MOVE),
        scp_role: bool = True,
        maximum_associations: int = 10,
        edit: Callable[[Any], None] | None = None,
    ) -> None:
        """``edit`` may change each DIMSE message (PS3.7 9.3) before it is sent."""
        self.ae_title = "SCRIPTED"
        self.host = LOOPBACK
        self.requests = 0
        self._entity = AE(self.ae_title)
        self._entity.require_called_aet = True
        self._entity.maximum_associations = maximum_associations
        for service in services:
            self._entity.add_supported_context(service)
        syntaxes = [ImplicitVRLittleEndian, ExplicitVRLittleEndian]
        if scp_role:
            self._entity.add_supported_context(CTImageStorage, syntaxes, scu_role=False, scp_role=True)
        else:
            self._entity.add_supported_context(CTImageStorage, syntaxes)
        self._entity.requested_contexts = [build_context(CTImageStorage, syntaxes)]
        handlers = {evt.EVT_C_FIND: find, evt.EVT_C_GET: get, evt.EVT_C_MOVE: move}
        self._handlers: list[Any] = [(event, self._counted(handler)) for event, handler in handlers.items() if handler]
        if edit is not None:
            self._handlers.append((evt.EVT_DIMSE_SENT, lambda event: edit(event.message)))

    def _counted(self, handler: Handler) -> Handler:
        def counting(event: evt.Event) -> Iterator[Any]:
            self.requests += 1
            yield from handler(event)

        return counting

    def __enter__(self) -> ScriptedScp:
        self._server: Any = self._entity.start_server((LOOPBACK, 0), block=False, evt_handlers=self._handlers)
        self.port = int(self._server.server_address[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def open_associations(self) -> int:
        """How many associations others have with it."""
        return len(self._entity.active_associations)

    def stop(self) -> None:
        """Stop listening; open associations stay. Does not wait for the half second that the server takes."""
        server, self._server = self._server, None
        if server is not None:
            threading.Thread(target=server.shutdown, daemon=True).start()


def drop(event: evt.Event) -> None:
    """Close the TCP connection under an association, without a word."""
    event.assoc.dul.socket.socket.shutdown(2)


def send_later(port: int, images: list[Dataset], seconds: float, between: float = 0.0) -> None:
    """Store images with our listener, after a while, as an archive does that answers C-MOVE before it works.

    ``between``: seconds between one and the next.
    """
    time.sleep(seconds)
    entity = AE("SCRIPTED")
    entity.add_requested_context(CTImageStorage, [ImplicitVRLittleEndian])
    association = entity.associate(LOOPBACK, port, ae_title="MINER")
    assert association.is_established
    for item in images:
        if not association.is_established:
            return  # the listener has gone meanwhile
        association.send_c_store(with_meta(item))
        time.sleep(between)
    association.release()


def with_meta(item: Dataset) -> Dataset:
    """The same object, with the transfer syntax that pynetdicom wants to know."""
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return item
