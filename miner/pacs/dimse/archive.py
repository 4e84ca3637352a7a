"""A PACS over DIMSE: the interface of :mod:`miner.pacs.interface` by C-ECHO, C-FIND and C-GET or C-MOVE."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydicom import Dataset

from miner.errors import PacsError, Reason
from miner.pacs.books import Books
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import query_contexts
from miner.pacs.dimse.get import GetService
from miner.pacs.dimse.move import MoveService
from miner.pacs.dimse.receive import Receiver
from miner.pacs.dimse.retrieve import RetrieveService, retrieve
from miner.pacs.peer import Peer
from miner.pacs.queries import find
from miner.pacs.retry import ServiceNotOfferedError, persistently
from miner.records import DateWindow, Fetched, InstanceRef, SeriesRef, StudyRef

log = logging.getLogger(__name__)


class DimsePacs:
    """One caller's connection to the PACS: one association at a time, kept from request to request of the same kind.

    Calls from several threads wait for each other; for more at once, use several objects (with C-MOVE, those of one
    process share the port that the PACS sends to; processes need an AE title and a port each).
    """

    def __init__(self, peer: Peer, *, profile: Mapping[str, object] | None = None, attempts: int = 3) -> None:
        known = profile or {}
        trust = known.get("modalities_in_study") == "honoured" and known.get("annotations_listed") is True
        self._peer = peer
        self._attempts = attempts
        self._one_at_a_time = threading.RLock()
        self._query: Link | None = None
        self._studies = find.StudyFinder(self._ask, trust_modalities=trust)
        self._services = _services(peer, known)
        self._proven = False

    def echo(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.echo`."""
        with self._one_at_a_time:
            persistently(lambda: self._query_link().echo(), self._attempts)

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
            return find.find_series(self._ask, study)

    def find_instances(self, series: SeriesRef) -> list[InstanceRef]:
        """See :meth:`miner.pacs.interface.Pacs.find_instances`."""
        with self._one_at_a_time:
            return find.find_instances(self._ask, series)

    def fetch(self, wanted: Sequence[InstanceRef], spool: Path) -> Fetched:
        """See :meth:`miner.pacs.interface.Pacs.fetch`. Raises StorageError where the spool cannot be written."""
        with self._one_at_a_time:
            books = Books(wanted)
            if not books.open():
                return books.close("")
            self._release_query()
            return books.close(self._retrieve(Receiver(spool, books)))

    def _retrieve(self, receiver: Receiver) -> str:
        """Retrieve by the first service that works; one that the PACS does not offer is not tried again."""
        while True:
            service, *others = self._services
            try:
                retrieve(service, receiver, self._attempts)
                self._proven = self._proven or receiver.books.count > 0
                return service.name
            except ServiceNotOfferedError:
                if not others:
                    raise
                self._leave(service, others[0])
            except PacsError as error:
                # Some PACS negotiate C-GET and then break off every request for it.
                if self._proven or not others or error.reason is not Reason.RETRIEVE_FAILED:
                    raise
                self._try_instead(others[0], receiver, error)
                self._leave(service, others[0])
                return others[0].name

    def _try_instead(self, service: RetrieveService, receiver: Receiver, first: PacsError) -> None:
        """Retrieve by another service; where that brings nothing either, the first one's error stands."""
        self._services[0].release()
        with contextlib.suppress(PacsError):
            retrieve(service, receiver, 1)
        if not receiver.books.count:
            raise first

    def _leave(self, service: RetrieveService, other: RetrieveService) -> None:
        log.info("C-%s does not work with this PACS; C-%s is used.", service.name.upper(), other.name.upper())
        self._services.remove(service)
        service.close()

    def learned(self) -> Mapping[str, object]:
        """See :meth:`miner.pacs.interface.Pacs.learned`."""
        return self._studies.learned()

    def notes(self) -> Sequence[str]:
        """See :meth:`miner.pacs.interface.Pacs.notes`."""
        return self._studies.notes()

    def close(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.close`."""
        with self._one_at_a_time:
            self._release_query()
            for service in self._services:
                service.close()

    def _ask(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        return persistently(lambda: self._query_link().find(identifier, limit), self._attempts)

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
