"""A plain pynetdicom client: what a fault looks like from outside, without any of our own code between."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
)
from pynetdicom import AE, build_context, build_role, evt

from miner.pacs.dimse.guard import hold
from tests.peers.faults.pacs import FaultyPacs

STORED = (CTImageStorage, GrayscaleSoftcopyPresentationStateStorage, ComprehensiveSRStorage)
TITLE = "PLAIN"
ROOTS = {"patient": "1.2.840.10008.5.1.4.1.2.1.", "study": "1.2.840.10008.5.1.4.1.2.2."}


@dataclass
class Retrieved:
    """What a retrieval brought: the responses, and the objects as (SOP Instance UID, data set)."""

    responses: list[Dataset] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    objects: list[tuple[str, Dataset]] = field(default_factory=list)
    originators: list[Any] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)

    @property
    def status(self) -> int | None:
        """The final status; None where there was none."""
        return self.responses[-1].get("Status") if self.responses else None

    @property
    def uids(self) -> set[str]:
        return {uid for uid, _ in self.objects}

    def store(self, event: Any) -> int:
        self.objects.append((str(event.request.AffectedSOPInstanceUID), event.dataset))
        self.originators.append(event.request.MoveOriginatorApplicationEntityTitle)
        self.lines.add(id(event.assoc))
        return 0


class Client:
    """Talks to one PACS; associations last for one request."""

    def __init__(self, pacs: FaultyPacs, root: str = "study", timeout: float = 1.0) -> None:
        self.pacs = pacs
        self.timeout = timeout
        self.find_uid, self.move_uid, self.get_uid = (f"{ROOTS[root]}{number}" for number in (1, 2, 3))
        self.ended = threading.Event()

    def associate(self, contexts: Sequence[Any], roles: Sequence[Any] = (), handlers: Sequence[Any] = ()) -> Any:
        """An association, established or not."""
        entity = AE(TITLE)
        entity.connection_timeout = entity.acse_timeout = 2.0
        entity.dimse_timeout = self.timeout
        return entity.associate(
            self.pacs.host,
            self.pacs.port,
            contexts=list(contexts),
            ae_title=self.pacs.ae_title,
            ext_neg=list(roles),
            evt_handlers=[(evt.EVT_CONN_OPEN, lambda event: hold(event.assoc)), *handlers],
        )

    @contextmanager
    def association(self, *args: Any, **options: Any) -> Iterator[Any]:
        """An association that must be established, aborted at the end."""
        association = self.associate(*args, **options)
        assert association.is_established
        try:
            yield association
        finally:
            association.abort()

    def find(self, level: str, at_most: int = 1000, **keys: Any) -> tuple[int | None, list[Dataset]]:
        """Final status and rows of a C-FIND; no more than so many."""
        rows: list[Dataset] = []
        with self.association([build_context(self.find_uid)]) as association:
            for status, row in association.send_c_find(identifier(level, **keys), self.find_uid):
                if status.get("Status") not in (0xFF00, 0xFF01):
                    return status.get("Status"), rows
                rows.append(row)
                if len(rows) >= at_most:
                    break
        return None, rows

    def get(self, level: str, classes: Sequence[str] = STORED, syntaxes: Any = None, **keys: Any) -> Retrieved:
        """A C-GET."""
        got = Retrieved()
        contexts = [build_context(uid, syntaxes or [ExplicitVRLittleEndian]) for uid in classes]
        roles = [build_role(uid, scp_role=True) for uid in classes]
        stores = [(evt.EVT_C_STORE, got.store)]
        with self.association([build_context(self.get_uid), *contexts], roles, stores) as association:
            self._collect(got, association.send_c_get(identifier(level, **keys), self.get_uid))
        return got

    def move(self, level: str, title: str = TITLE, wait: float = 0.0, **keys: Any) -> Retrieved:
        """A C-MOVE to a listener of our own, which the PACS knows under ``TITLE``; ``wait`` for what comes later."""
        got = Retrieved()
        entity = AE(TITLE)
        entity.supported_contexts = [build_context(uid, [ExplicitVRLittleEndian]) for uid in STORED]
        server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, got.store)])
        self.pacs.destinations.setdefault(TITLE, ("127.0.0.1", server.server_address[1]))
        try:
            with self.association([build_context(self.move_uid)]) as association:
                self._collect(got, association.send_c_move(identifier(level, **keys), title, self.move_uid))
            self.ended.wait(wait)
        finally:
            threading.Thread(target=server.shutdown, daemon=True).start()
        return got

    def _collect(self, got: Retrieved, responses: Any, at_most: int = 100) -> None:
        for status, answer in responses:
            got.responses.append(status)
            if answer is not None and "FailedSOPInstanceUIDList" in answer:
                listed = answer.FailedSOPInstanceUIDList
                got.failed = [listed] if isinstance(listed, str) else list(listed)
            if len(got.responses) >= at_most:
                return


def identifier(level: str, **keys: Any) -> Dataset:
    """An Identifier."""
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset
