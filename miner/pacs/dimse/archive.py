"""A PACS over DIMSE: the interface of :mod:`miner.pacs.interface` by C-ECHO, C-FIND and C-GET or C-MOVE."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydicom import Dataset

from miner.errors import PacsError, Reason, StoppedError
from miner.pacs.books import Books
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import query_contexts
from miner.pacs.dimse.get import GetService
from miner.pacs.dimse.guests import senders
from miner.pacs.dimse.move import MoveService
from miner.pacs.dimse.receive import Receiver
from miner.pacs.dimse.retrieve import Abilities, RetrieveService, retrieve
from miner.pacs.peer import Peer
from miner.pacs.profile import PacsProfile
from miner.pacs.queries import find
from miner.pacs.retry import ServiceNotOfferedError, persistently
from miner.records import DateWindow, Fetched, InstanceRef, SeriesRef, StudyRef

log = logging.getLogger(__name__)

T = TypeVar("T")


TRIES = 2
"""Fetches that a second service is tried for, while the first has not brought anything."""

_OF_ONE_SERVICE = frozenset({Reason.RETRIEVE_FAILED, Reason.TIMED_OUT})
"""Reasons of failure that another service need not share."""


class DimsePacs:
    """One caller's connection to the PACS: one association at a time, kept from request to request of the same kind.

    Calls from several threads wait for each other; for more at once, use several objects (with C-MOVE, those of one
    process share the port that the PACS sends to; processes need an AE title and a port each).
    """

    def __init__(self, peer: Peer, *, profile: Mapping[str, object] | None = None, attempts: int = 3) -> None:
        """Raises ConfigError for an entry of pacs.move_from that is none: what C-GET does not need, C-MOVE may."""
        senders(peer.settings)
        known = profile or {}
        self._peer = peer
        self._attempts = attempts
        self._one_at_a_time = threading.RLock()
        self._query: Link | None = None
        self._studies = find.StudyFinder(self._ask, profile=PacsProfile.of(known), root=self._root)
        self._services = _services(peer, known)
        self._abilities = Abilities.of(known)
        self._proven = False
        self._tries = 0
        self._learned: dict[str, object] = {}

    def echo(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.echo`."""
        with self._one_at_a_time:
            self._persistently(lambda: self._query_link().echo())

    def find_studies(
        self,
        window: DateWindow,
        modalities: Sequence[str] = (),
        *,
        study_uid: str = "",
        patient_id: str = "",
        accession: str = "",
    ) -> list[StudyRef]:
        """See :meth:`miner.pacs.interface.Pacs.find_studies`."""
        with self._one_at_a_time:
            return self._studies.find(
                window, modalities, StudyInstanceUID=study_uid, PatientID=patient_id, AccessionNumber=accession
            )

    def find_series(self, study: StudyRef) -> list[SeriesRef]:
        """See :meth:`miner.pacs.interface.Pacs.find_series`."""
        with self._one_at_a_time:
            return self._studies.series(study)

    def find_instances(self, series: SeriesRef) -> list[InstanceRef]:
        """See :meth:`miner.pacs.interface.Pacs.find_instances`."""
        with self._one_at_a_time:
            return self._studies.instances(series)

    def fetch(self, wanted: Sequence[InstanceRef], spool: Path) -> Fetched:
        """See :meth:`miner.pacs.interface.Pacs.fetch`. Raises StorageError where the spool cannot be written."""
        with self._one_at_a_time:
            books = Books(wanted, self._peer.pace.halt)
            if not books.open():
                return books.close("")
            self._release_query()
            try:
                return books.close(self._retrieve(Receiver(spool, books, self._peer.pace)))
            except StoppedError:
                self.close()
                raise

    def _retrieve(self, receiver: Receiver) -> str:
        """Retrieve by the first service that works, and what it is not offered for by the second.

        Some PACS negotiate C-GET and then break off, refuse or answer with nothing every request for it. So where it
        has never brought anything, the second service is tried, a few times.
        """
        service, *others = self._services
        books = receiver.books
        failed: PacsError | None = None
        try:
            self._retrieve_by(service, receiver)
        except PacsError as error:
            failed = error
        not_offered, untried = isinstance(failed, ServiceNotOfferedError), not (books.count or self._proven)
        if others and not_offered and untried:
            self._leave(service, others[0])
            return self._retrieve(receiver)
        before = books.count
        if others and (not_offered or (untried and self._may_try_another(failed))):
            service.release()
            with contextlib.suppress(PacsError):
                self._retrieve_by(others[0], receiver)
            if untried and books.count:
                self._leave(service, others[0])
            else:
                others[0].release()  # one association at a time: the next fetch begins with the first service again
        self._proven = self._proven or books.count > 0
        if failed is not None:
            if not books.count:
                raise failed
            books.blame(books.open(), failed.reason)
        return service.name if before or not books.count else others[0].name

    def _may_try_another(self, failed: PacsError | None) -> bool:
        """Whether to see if the second service brings what the first did not: for a reason that they need not share."""
        self._tries += 1
        return self._tries <= TRIES and (failed is None or failed.reason in _OF_ONE_SERVICE)

    def _retrieve_by(self, service: RetrieveService, receiver: Receiver) -> None:
        retrieve(service, receiver, self._peer.pace, self._attempts, self._abilities)

    def _leave(self, service: RetrieveService, other: RetrieveService) -> None:
        log.info("C-%s does not work with this PACS; C-%s is used.", service.name.upper(), other.name.upper())
        self._services.remove(service)
        self._learned["get_offered" if service.name == "get" else "move_offered"] = False
        service.close()

    def learned(self) -> Mapping[str, object]:
        """See :meth:`miner.pacs.interface.Pacs.learned`."""
        return {**self._studies.learned(), **self._abilities.learned(), **self._learned}

    def notes(self) -> Sequence[str]:
        """See :meth:`miner.pacs.interface.Pacs.notes`."""
        return self._studies.notes()

    def unseen(self) -> Mapping[Reason, int]:
        """See :meth:`miner.pacs.interface.Pacs.unseen`."""
        return self._studies.unseen()

    def close(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.close`."""
        with self._one_at_a_time:
            self._release_query()
            for service in self._services:
                service.close()

    def _ask(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        return self._persistently(lambda: self._query_link().find(identifier, limit))

    def _root(self) -> str:
        return self._persistently(lambda: self._query_link().root)

    def _persistently(self, action: Callable[[], T]) -> T:
        return persistently(action, self._attempts, self._peer.pace.halt.wait)

    def _release_query(self) -> None:
        if self._query is not None:
            self._query.close()
            self._query = None

    def _query_link(self) -> Link:
        if self._query is None or not self._query.usable:
            for service in self._services:
                service.release()
            self._query = Link(self._peer, query_contexts())
        return self._query


def _services(peer: Peer, profile: Mapping[str, object]) -> list[RetrieveService]:
    """In the order of preference: C-GET needs no entry in the PACS, so it comes first where it is not known to fail."""
    if peer.settings.retrieve == "get":
        return [GetService(peer)]
    if peer.settings.retrieve == "move" or profile.get("get_offered") is False:
        return [MoveService(peer)]
    return [GetService(peer), MoveService(peer)]
