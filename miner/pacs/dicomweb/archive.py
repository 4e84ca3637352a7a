"""A PACS over DICOMweb: the interface of :mod:`miner.pacs.interface` by QIDO-RS and WADO-RS (PS3.18 10)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydicom import Dataset

from miner.errors import Reason, StoppedError
from miner.pacs.books import Books
from miner.pacs.dicomweb.connection import Connection
from miner.pacs.dicomweb.instances import InstanceSearch
from miner.pacs.dicomweb.intake import Intake
from miner.pacs.dicomweb.retrieve import Retrieval
from miner.pacs.dicomweb.search import Search
from miner.pacs.dicomweb.wado import Wado
from miner.pacs.peer import Peer
from miner.pacs.profile import PacsProfile
from miner.pacs.queries import identifiers
from miner.pacs.queries.find import StudyFinder
from miner.records import DateWindow, Fetched, InstanceRef, SeriesRef, StudyRef

SERVICE = "wado"
"""How the objects of a fetch came, as :class:`miner.records.Fetched` says it."""


class DicomwebPacs:
    """One caller's connection to the service, kept alive from request to request.

    Calls from several threads wait for each other; for more at once, use several objects.
    """

    def __init__(self, peer: Peer, *, profile: Mapping[str, object] | None = None, attempts: int = 3) -> None:
        """Nothing is opened. Raises ConfigError where the settings cannot be used."""
        known = PacsProfile.of(profile)
        self._peer = peer
        self._one_at_a_time = threading.RLock()
        self._connection = Connection(peer)
        self._search = Search(self._connection, attempts, paging=known.paging)
        self._instances = InstanceSearch(self._search, positions=known.positions, metadata=known.metadata)
        self._studies = StudyFinder(self._ask, profile=known)
        # That single instances can be retrieved is believed from use alone: a mistaken True would forbid the series.
        image_level = False if known.image_retrieve is False else None
        self._retrieval = Retrieval(Wado(self._connection, attempts), image_level=image_level)

    def echo(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.echo`. DICOMweb has none: the smallest of queries takes its place."""
        with self._one_at_a_time:
            self._search(identifiers.study_query(), 1)

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
            self._instances.modality = series.modality
            return self._studies.instances(series)

    def fetch(self, wanted: Sequence[InstanceRef], spool: Path) -> Fetched:
        """See :meth:`miner.pacs.interface.Pacs.fetch`. Raises StorageError where the spool cannot be written."""
        with self._one_at_a_time:
            books = Books(wanted, self._peer.pace.halt)
            if not books.open():
                return books.close("")
            try:
                self._retrieval.run(Intake(spool, books))
            except StoppedError:
                self.close()
                raise
            return books.close(SERVICE)

    def _ask(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        if identifier.QueryRetrieveLevel == "IMAGE" and limit is None:
            return self._instances.ask(identifier)
        return self._search(identifier, limit)

    def learned(self) -> Mapping[str, object]:
        """See :meth:`miner.pacs.interface.Pacs.learned`."""
        seen = {
            "paging": self._search.paging,
            "positions": self._instances.positions,
            "metadata": self._instances.metadata,
        }
        known = {name: value for name, value in seen.items() if value is not None}
        return {**self._studies.learned(), **known, **self._retrieval.learned()}

    def notes(self) -> Sequence[str]:
        """See :meth:`miner.pacs.interface.Pacs.notes`."""
        return self._studies.notes()

    def unseen(self) -> Mapping[Reason, int]:
        """See :meth:`miner.pacs.interface.Pacs.unseen`."""
        return self._studies.unseen()

    def close(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.close`."""
        with self._one_at_a_time:
            self._connection.close()
