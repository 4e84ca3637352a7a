"""The demo's PACS with faults, and the truth about what it gave."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.presentation import PresentationContext

from miner.demo.pacs import LoopbackPacs
from miner.demo.pacs_behaviour import Address, Request
from miner.demo.pacs_index import StoredObject
from miner.pacs.dimse.guard import hold
from tests.peers.faults.fault import Combined, Fault
from tests.peers.faults.retrievals import stored
from tests.peers.faults.troubles import Late

_STORAGE = frozenset(context.abstract_syntax for context in AllStoragePresentationContexts)


class FaultyPacs(LoopbackPacs):
    """A PACS on loopback with these faults, drawn anew for it.

    ``begun``: SOP Instance UIDs that it began to send, whatever became of them. ``delivered``: those of which a peer
    has said that it has them. ``night`` lets a night pass: what is late may come.
    """

    def __init__(
        self, folder: Path, faults: Sequence[Fault], *, destinations: Mapping[str, Address] | None = None
    ) -> None:
        self.faults = tuple(faults)
        self.begun: set[str] = set()
        self.delivered: set[str] = set()
        self._turning = threading.Lock()
        self._observed = _Observed(self.faults, self)
        super().__init__(folder, destinations=destinations, behaviour=self._observed)
        for fault in self.faults:
            fault.pacs = self
            fault.begin(self._index.objects())
        self._waiting: dict[str, StoredObject] = {}
        self._hold_back()

    @property
    def spent(self) -> bool:
        """True where all trouble that goes away by itself has gone."""
        return all(fault.spent for fault in self.faults)

    @property
    def waiting(self) -> bool:
        """True where something has yet to come to the archive."""
        return bool(self._waiting)

    @property
    def held(self) -> frozenset[str]:
        """SOP Instance UIDs of what it holds now."""
        return frozenset(item.sop_uid for item in self._index.objects())

    def night(self) -> None:
        """A night passes: whoever was cut off has been noticed to be gone."""
        end = time.monotonic() + 5
        while self._server is not None and self._server.active_associations and time.monotonic() < end:
            time.sleep(0.01)
        for fault in self.faults:
            if isinstance(fault, Late):
                fault.night()
        self._hold_back()

    def stop(self) -> None:
        """See :meth:`LoopbackPacs.stop`; handlers that stand still let go first. Does not wait for the server's end."""
        for fault in self.faults:
            fault.closing.set()
        threading.Thread(target=self._shut, daemon=True).start()

    def restart(self, seconds: float) -> None:
        """Shut down without ceremony and listen again after a while, from another thread."""

        def run() -> None:
            self._shut()
            time.sleep(seconds)
            with self._turning:
                if not any(fault.closing for fault in self.faults):
                    self.start()

        threading.Thread(target=run, daemon=True).start()

    def _shut(self) -> None:
        with self._turning:
            super().stop()

    def _new_entity(self) -> AE:
        """With the storage classes alone that it holds: every association is negotiated faster."""
        entity = super()._new_entity()
        held = {item.sop_class_uid for item in [*self._index.objects(), *self._waiting.values()]}
        for context in list(entity.supported_contexts):
            if context.abstract_syntax in _STORAGE and str(context.abstract_syntax) not in held:
                entity.remove_supported_context(context.abstract_syntax)
        return entity

    def connect_to(self, title: str, address: Address, contexts: Sequence[PresentationContext]) -> Any:
        """An association of its own to a destination; not established where it was refused."""
        association = AE(self.ae_title).associate(
            *address,
            contexts=list(contexts),
            ae_title=title,
            evt_handlers=[(evt.EVT_CONN_OPEN, lambda e: hold(e.assoc))],
        )
        self._observed.watch(association)
        return association

    def store(self, association: Any, item: StoredObject) -> None:
        """C-STORE one object on an association of its own."""
        stored(association, item)

    def _hold_back(self) -> None:
        late = [fault for fault in self.faults if isinstance(fault, Late)]
        if not late:
            return
        for item in [*self._index.objects(), *self._waiting.values()]:
            if all(fault.has(item.sop_uid) for fault in late):
                self._waiting.pop(item.sop_uid, None)
                self._index.add(item)
            else:
                self._waiting[item.sop_uid] = item
                self._index._objects.pop(item.sop_uid, None)


class _Observed(Combined):
    """Notes what was really given."""

    def __init__(self, faults: Sequence[Fault], pacs: FaultyPacs) -> None:
        super().__init__(faults)
        self._pacs = pacs

    def established(self, association: Any) -> None:
        super().established(association)
        self.watch(association)

    def storing(self, request: Request, association: Any) -> None:
        super().storing(request, association)
        self.watch(association)

    def watch(self, association: Any) -> None:
        """Note every C-STORE of this association."""
        send_c_store = association.send_c_store

        def watched(dataset: Any, *args: Any, **options: Any) -> Any:
            uid = str(dataset.SOPInstanceUID)
            again = uid in self._pacs.begun
            self._pacs.begun.add(uid)  # now: nobody knows how long its answer takes
            try:
                status = send_c_store(dataset, *args, **options)
            except Exception:
                if not again:
                    self._pacs.begun.discard(uid)  # what cannot be encoded never went out
                raise
            if "Status" in status and status.Status == 0:
                self._pacs.delivered.add(uid)
            return status

        association.send_c_store = watched
