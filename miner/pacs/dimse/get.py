"""Retrieval by C-GET (PS3.4 C.4.3): the objects come on the association that asked for them; nobody has to know us."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from pydicom import Dataset

from miner.errors import PacsError, Reason
from miner.pacs.classes import READ_CLASSES
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import GET, get_contexts, storage_roles
from miner.pacs.dimse.outcome import Outcome
from miner.pacs.dimse.receive import Receiver
from miner.pacs.peer import Peer
from miner.pacs.retry import ServiceNotOfferedError
from miner.records import InstanceRef

_NOT_DONE_HERE = frozenset({0x0122, 0x0112, 0x0124, 0x0211})
"""SOP Class Not Supported, No Such SOP Instance, Not Authorised, Unrecognised Operation (PS3.7 C.5)."""


class GetService:
    """C-GET with one association that is kept between requests."""

    name = "get"

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._link: Link | None = None

    @contextlib.contextmanager
    def receiving(self, receiver: Receiver) -> Iterator[None]:
        """Nothing to prepare: the association is opened by the first request."""
        yield

    def ask(self, identifier: Dataset, batch: Sequence[InstanceRef], receiver: Receiver) -> None:
        """See :class:`miner.pacs.dimse.retrieve.RetrieveService`."""
        link = self.open()
        self._check_offered(link, batch)
        link.on_store = receiver.handle
        try:
            outcome = link.get(identifier)
        finally:
            link.on_store = None
        receiver.books.blame([one for one in batch if one.sop_uid in outcome.unsent], Reason.NOT_SENT)
        if outcome.refused and not receiver.books.come(batch):
            raise self._failure(outcome)

    def open(self) -> Link:
        """The association, opened where it is not. Raises PacsError."""
        if self._link is None or not self._link.usable:
            self._link = Link(self._peer, get_contexts(), storage_roles())
        return self._link

    def _check_offered(self, link: Link, batch: Sequence[InstanceRef]) -> None:
        """C-GET needs the Get context and, for each class, a storage context with the SCP role: many PACS give the
        first and not the second, and then every sub-operation fails.
        """
        classes = {instance.sop_class_uid for instance in batch} - {""}
        stored = all(link.stores(uid) for uid in classes) if classes else any(link.stores(uid) for uid in READ_CLASSES)
        if not (link.offers(GET) and stored):
            raise self._not_offered()

    def _not_offered(self) -> ServiceNotOfferedError:
        return ServiceNotOfferedError(
            f"{self._peer} does not offer C-GET to our AE title {self._peer.settings.calling_ae_title}: ask its "
            'administrator to allow it, or set pacs.retrieve to "move".'
        )

    def _failure(self, outcome: Outcome) -> PacsError:
        if outcome.status in _NOT_DONE_HERE:
            return self._not_offered()
        message = f"{self._peer} failed a C-GET (status 0x{outcome.status:04X})."
        return outcome.failure(message)

    def release(self) -> None:
        """Release the association; the next request opens another."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def close(self) -> None:
        """Release the association."""
        self.release()
