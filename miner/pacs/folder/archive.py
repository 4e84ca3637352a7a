"""A folder of exported DICOM files, or a DICOMDIR, behind the interface of :mod:`miner.pacs.interface`.

Nothing in the folder is ever written. Answers come from the heads of its files (:mod:`miner.pacs.folder.index`), so
dates, modalities, counts and positions are those of the objects themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from miner.errors import ConfigError, PacsError, Reason
from miner.pacs.books import Books
from miner.pacs.folder.contents import Census, Contents
from miner.pacs.folder.handing import UnavailableError, hand_on, same_data
from miner.pacs.folder.index import check_there, index_of
from miner.pacs.peer import Peer
from miner.pacs.queries import rows
from miner.records import DateWindow, Fetched, InstanceRef, SeriesRef, StudyRef


class FolderPacs:
    """One caller's connection to a folder. Those of one process read it once between them."""

    def __init__(self, peer: Peer, *, profile: Mapping[str, object] | None = None, attempts: int = 3) -> None:
        """Raises ConfigError where no folder is named. A folder has no profile to go by, and is read once."""
        if not peer.settings.path:
            raise ConfigError('pacs.path is empty: with protocol = "folder" it names the folder of DICOM files.')
        self._place = peer.path(peer.settings.path)
        self._pace = peer.pace
        self._index = index_of(self._place)
        self._joined = False
        self._joining = threading.RLock()

    def echo(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.echo`: the folder can be listed. Its files are not read for it."""
        check_there(self._place)

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
        wanted = {"study_uid": study_uid.strip(), "patient_id": patient_id.strip(), "accession": accession.strip()}
        return [
            study
            for study in self._contents().studies.values()
            if _in_window(study, window)
            and (not modalities or set(modalities) & set(study.modalities))
            and all(not value or value == _answered(study)[key] for key, value in wanted.items())
        ]

    def find_series(self, study: StudyRef) -> list[SeriesRef]:
        """See :meth:`miner.pacs.interface.Pacs.find_series`."""
        return list(self._contents().series.get(study.study_uid, ()))

    def find_instances(self, series: SeriesRef) -> list[InstanceRef]:
        """See :meth:`miner.pacs.interface.Pacs.find_instances`. Raises PacsError where there is no such series."""
        files = self._contents().files.get((series.study.study_uid, series.series_uid))
        if files is None:
            message = "A series is in the folder no more: its files were moved or deleted."
            raise PacsError(message, Reason.FIND_FAILED)
        return [one.instance for one in files.values()]

    def fetch(self, wanted: Sequence[InstanceRef], spool: Path) -> Fetched:
        """See :meth:`miner.pacs.interface.Pacs.fetch`: the files themselves; only incomplete ones are copied.

        Raises PacsUnreachable where the folder has gone meanwhile, StorageError where the spool cannot be written.
        """
        books = Books(wanted)
        contents = self._contents()
        rest = books.open()
        while rest:
            portion = self._pace.before_request(len(rest))
            for instance in rest[:portion]:
                self._pace.halt.check()
                self._hand_on(instance, contents, books, spool)
            rest = rest[portion:]
        self._pace.after_request()
        if books.open():
            check_there(self._place)
        return books.close("folder")

    def _hand_on(self, instance: InstanceRef, contents: Contents, books: Books, spool: Path) -> None:
        listed = contents.files.get((instance.study_uid, instance.series_uid), {}).get(instance.sop_uid)
        if listed is None:
            return
        try:
            path, octets = hand_on(listed, spool)
        except UnavailableError as error:
            books.blame([instance], error.reason)
            return
        books.enter(instance.sop_uid, path, octets)
        self._pace.took(octets)
        others = (other for other in contents.copies.get(instance.sop_uid, ()) if other.path != listed.path)
        if not all(same_data(listed, other) for other in others):
            books.enter_conflict(instance.sop_uid)

    def learned(self) -> Mapping[str, object]:
        """See :meth:`miner.pacs.interface.Pacs.learned`: a folder has no behaviour to learn."""
        return {}

    def notes(self) -> Sequence[str]:
        """See :meth:`miner.pacs.interface.Pacs.notes`: files that cannot be read, and what a DICOMDIR lists in vain.

        Of what was read; nothing is read for it, so that it can be asked of any connection that is about to be closed.
        """
        with self._joining:
            return self._index.contents.census.sentences() if self._joined else ()

    def unseen(self) -> Mapping[Reason, int]:
        """See :meth:`miner.pacs.interface.Pacs.unseen`: nobody knows of which study a file is that cannot be read."""
        with self._joining:
            unreadable = self._index.contents.census.unreadable if self._joined else 0
        return {Reason.UNREADABLE_FILE: unreadable} if unreadable else {}

    def census(self) -> Census:
        """How many files of each sort the folder holds, those that nobody can read among them."""
        return self._contents().census

    def close(self) -> None:
        """See :meth:`miner.pacs.interface.Pacs.close`."""
        with self._joining:
            if self._joined:
                self._index.leave()
                self._joined = False

    def _contents(self) -> Contents:
        with self._joining:
            if not self._joined:
                self._pace.before_request()
                self._index.join(self._pace.halt)
                self._joined = True
        self._pace.halt.check()
        return self._index.contents


def _in_window(study: StudyRef, window: DateWindow) -> bool:
    day = rows.day(study.study_date)
    if day is None:
        return window.undated
    within = (window.since is None or window.since <= day) and (window.until is None or day <= window.until)
    return window.dated and within


def _answered(study: StudyRef) -> dict[str, str]:
    return {"study_uid": study.study_uid, "patient_id": study.patient.patient_id, "accession": study.accession}
