"""A right and complete little PACS on loopback, for the demonstration and for tests.

C-ECHO, C-STORE, C-FIND, C-GET and C-MOVE, study root and patient root. Objects lie as Part 10 files in one folder;
headers are read once. It binds 127.0.0.1 only.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.presentation import PresentationContext

from miner.demo.pacs_behaviour import (
    IDENTIFIER_MISMATCH,
    Answer,
    Behaviour,
    Request,
    RequestCounter,
    Requests,
    Service,
)
from miner.demo.pacs_find import answer_find
from miner.demo.pacs_index import ObjectIndex, StoredObject, read_object
from miner.demo.pacs_retrieve import AcceptedSyntaxes, select, storage_contexts, sub_operations
from miner.pacs.dimse.guard import hold, keep_values_out_of_logs

_HOST = "127.0.0.1"
_PDU_OCTETS = 256 * 1024
_ASSOCIATIONS = 64
_CANNOT_UNDERSTAND = 0xC000

_VERIFICATION = UID("1.2.840.10008.1.1")
_UNCOMPRESSED = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]
_STORAGE_SYNTAXES = [*_UNCOMPRESSED, *(syntax for syntax in AllTransferSyntaxes if syntax.is_encapsulated)]
_QUERY_MODELS = {
    UID(f"1.2.840.10008.5.1.4.1.2.{root}.{service}"): root == 1 for root in (1, 2) for service in (1, 2, 3)
}
"""Query/Retrieve SOP classes, FIND, MOVE and GET: True for the patient root (PS3.4 C.6)."""


class LoopbackPacs:
    """A PACS on a free port of 127.0.0.1, as a context manager or between ``start`` and ``stop``.

    ``folder`` holds its objects, those already there included. ``destinations`` are the C-MOVE destinations it
    knows, AE title to (host, port). ``behaviour`` is the seam for faults.
    """

    host = _HOST

    def __init__(
        self,
        folder: Path,
        *,
        ae_title: str = "DEMOPACS",
        destinations: Mapping[str, tuple[str, int]] | None = None,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.ae_title = ae_title
        self.folder = folder
        self.destinations: dict[str, tuple[str, int]] = dict(destinations or {})
        self.behaviour = behaviour or Behaviour()
        self._index = ObjectIndex()
        self._counter = RequestCounter()
        self._store_lock = threading.Lock()
        self._entity: Any = None
        self._server: Any = None
        self._port = 0
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.dcm")):
            self._index.add(read_object(path))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __len__(self) -> int:
        """Number of objects held."""
        return len(self._index)

    @property
    def port(self) -> int:
        """The port it listens on; 0 before ``start``."""
        return self._port

    @property
    def requests(self) -> Requests:
        """What it was asked so far, and what it sent."""
        return self._counter.snapshot()

    def add(self, item: Dataset | Path) -> None:
        """Take in a data set (written into the folder) or a Part 10 file (indexed where it lies)."""
        if isinstance(item, Path):
            self._index.add(read_object(item))
            return
        # A digest, not the UID: a UID from a peer is not a safe file name.
        path = self.folder / f"{hashlib.sha256(str(item.SOPInstanceUID).encode()).hexdigest()[:32]}.dcm"
        with self._store_lock:
            if not path.exists():
                item.save_as(path, enforce_file_format=True)
                self._index.add(read_object(path))

    def start(self) -> Self:
        """Listen; after a ``stop``, on the same port again. Raises OSError where no port can be had."""
        keep_values_out_of_logs()
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, self._on_connected),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ESTABLISHED, self._on_established),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_C_GET, self._on_get),
            (evt.EVT_C_MOVE, self._on_move),
        ]
        self._entity = self._new_entity()
        self.behaviour.offer(self._entity)
        self._server = self._entity.start_server((_HOST, self._port), block=False, evt_handlers=handlers)
        self._port = int(self._server.server_address[1])
        return self

    def stop(self) -> None:
        """Stop listening and end all associations."""
        if self._server is not None:
            self._entity.shutdown()
            self._server = None

    def _new_entity(self) -> AE:
        entity = AE(ae_title=self.ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = _ASSOCIATIONS
        entity.maximum_pdu_size = _PDU_OCTETS
        entity.add_supported_context(_VERIFICATION)
        for model in _QUERY_MODELS:
            entity.add_supported_context(model, _UNCOMPRESSED)
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(str(context.abstract_syntax), _STORAGE_SYNTAXES, scu_role=True, scp_role=True)
        return entity

    # ------------------------------------------------------------------------------------------------- associations

    def _on_connected(self, event: Any) -> None:
        _send_at_once(event)
        self.behaviour.connected(event.assoc)

    def _on_requested(self, event: Any) -> None:
        self.behaviour.requested(event.assoc)

    def _on_established(self, event: Any) -> None:
        self._counter.add(associations=1)
        self.behaviour.established(event.assoc)

    def _on_echo(self, _event: Any) -> int:
        self._counter.add(echoes=1)
        return 0x0000

    def _on_store(self, event: Any) -> int:
        self._counter.add(stores=1)
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        try:
            self.add(dataset)
        except (AttributeError, ValueError):
            return _CANNOT_UNDERSTAND
        return 0x0000

    # -------------------------------------------------------------------------------------------------------- queries

    def _request(self, service: Service, event: Any) -> Request:
        asked = event.identifier
        request = Request(
            service,
            str(asked.get("QueryRetrieveLevel", "")),
            asked,
            str(event.assoc.requestor.ae_title),
            event.assoc.abort,
            event.assoc,
            _is_patient_root(event),
        )
        understood = self.behaviour.understand(request)
        return replace(request, identifier=understood, level=str(understood.get("QueryRetrieveLevel", "")))

    def _cancelled(self, request: Request, event: Any) -> bool:
        return bool(event.is_cancelled) and self.behaviour.heeds_cancel(request)

    def _on_find(self, event: Any) -> Iterator[Answer]:
        self._counter.add(finds=1)
        request = self._request("find", event)
        answers = answer_find(
            self._index,
            request.identifier,
            patient_root=request.patient_root,
            ae_title=self.ae_title,
            cancelled=lambda: self._cancelled(request, event),
        )
        yield from self.behaviour.find(request, answers)

    # ------------------------------------------------------------------------------------------------------ retrieval

    def _on_get(self, event: Any) -> Iterator[int | Answer]:
        self._counter.add(gets=1)
        request = self._request("get", event)
        objects = self._selected(request)
        if objects is None:
            yield 1
            yield IDENTIFIER_MISMATCH, None
            return
        yield self.behaviour.announce(request, len(objects))
        yield from self._sent(request, objects, event, _accepted_by(event.assoc))

    def _on_move(self, event: Any) -> Iterator[Any]:
        self._counter.add(moves=1)
        request = self._request("move", event)
        address = self.behaviour.destination(request, self.destinations.get(str(event.move_destination).strip()))
        if address is None:
            yield None, None
            return
        objects = self._selected(request)
        associations: list[Any] = []

        def opened(established: Any) -> None:
            associations.append(established.assoc)
            self.behaviour.storing(request, established.assoc)

        options = {
            "contexts": storage_contexts(objects or ()) or AllStoragePresentationContexts[:1],
            "max_pdu": _PDU_OCTETS,
            "evt_handlers": [
                (evt.EVT_CONN_OPEN, _open_destination),
                (evt.EVT_ESTABLISHED, opened),
            ],
        }
        yield *address, options
        if objects is None:
            yield 1
            yield IDENTIFIER_MISMATCH, None
            return
        yield self.behaviour.announce(request, len(objects))

        def accepted(sop_class_uid: str) -> frozenset[UID]:
            return _accepted_by(associations[0])(sop_class_uid)

        yield from self._sent(request, objects, event, accepted)

    def _selected(self, request: Request) -> list[StoredObject] | None:
        objects = select(self._index, request.identifier, patient_root=request.patient_root)
        return None if objects is None else list(self.behaviour.select(request, objects))

    def _sent(
        self, request: Request, objects: list[StoredObject], event: Any, accepted: AcceptedSyntaxes
    ) -> Iterator[Answer]:
        answers = sub_operations(objects, accepted, self._counter, lambda: self._cancelled(request, event))
        return self.behaviour.send(request, answers)


def _is_patient_root(event: Any) -> bool:
    return _QUERY_MODELS[UID(str(event.request.AffectedSOPClassUID))]


def _accepted_by(association: Any) -> AcceptedSyntaxes:
    """What the peer takes from us: the accepted contexts in which we have the SCU role (PS3.7 D.3.3.4)."""
    contexts: list[PresentationContext] = [context for context in association.accepted_contexts if context.as_scu]

    def syntaxes(sop_class_uid: str) -> frozenset[UID]:
        return frozenset(
            context.transfer_syntax[0] for context in contexts if str(context.abstract_syntax) == sop_class_uid
        )

    return syntaxes


def _open_destination(event: Any) -> None:
    """A C-MOVE's own association is a client's, and pynetdicom's race can lose a C-STORE response there."""
    hold(event.assoc)
    _send_at_once(event)


def _send_at_once(event: Any) -> None:
    """No Nagle delay: peers that acknowledge late would stall 40 ms at every object."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
