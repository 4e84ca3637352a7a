"""The spool of one study: what was received lies here until the study commits, and is never asked for twice."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp

from miner.errors import (
    RETRIABLE_REASONS,
    AssociationRefused,
    PacsError,
    PacsUnreachable,
    Reason,
    storage_error,
)
from miner.mining.books import StudyBooks
from miner.mining.disk import STUDY_PREFIX
from miner.mining.spares import Spares
from miner.pacs.care import Halt
from miner.pacs.interface import Pacs
from miner.pacs.retry import PortTakenError
from miner.records import Fetched, InstanceRef

log = logging.getLogger(__name__)

_META_START = 144
"""Preamble, prefix, and the length of the File Meta Information, which always come first."""

_EVERYBODYS = frozenset({Reason.MOVE_DESTINATION_UNKNOWN, Reason.TLS_REFUSED, Reason.CREDENTIALS_REFUSED})


def concerns_all(error: PacsError) -> bool:
    """Whether every other request would fail alike, of this study and of any: nobody there, or we are not let in."""
    return isinstance(error, PacsUnreachable | AssociationRefused | PortTakenError) or error.reason in _EVERYBODYS


@dataclass
class StudySpool:
    """Received objects of one study, by SOP Instance UID."""

    pacs: Pacs
    folder: Path
    halt: Halt = field(default_factory=Halt)
    """the run's: whoever works on what has come looks at it between two images"""
    _held: dict[str, Path] = field(default_factory=dict)
    _missing: dict[str, Reason] = field(default_factory=dict)
    _images: set[str] = field(default_factory=set)
    _kept: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._spares = Spares(self.folder)

    def fetch(
        self,
        wanted: Sequence[InstanceRef],
        books: StudyBooks,
        *,
        images: bool,
        series: Iterable[InstanceRef] = (),
    ) -> Fetched:
        """Retrieve what is not here yet; ``images`` says under which heading octets and missing ones are counted.

        ``series``: images of the same series of which more may be wanted later; a PACS that is known to hand out whole
        series only is asked for them at once, and what has come of them so is not asked for again.

        A request that fails as a whole leaves its objects missing, each by name, and the rest of the study goes on.
        Raises PacsError only where every other request would fail alike, StorageError for the spool.
        """
        new = [entry for entry in wanted if entry.sop_uid not in self._held and entry.sop_uid not in self._missing]
        if here := [entry for entry in new if entry.sop_uid in self._spares]:
            self._enter(here, self._spares.take(here), books, images=images)
        if absent := [entry for entry in new if entry.sop_uid not in self._held]:
            self._enter(absent, self._retrieve_with(absent, series), books, images=images)
        uids = [entry.sop_uid for entry in wanted]
        return Fetched(
            {uid: self._held[uid] for uid in uids if uid in self._held},
            {uid: self._missing[uid] for uid in uids if uid in self._missing},
        )

    def _enter(self, new: Sequence[InstanceRef], fetched: Fetched, books: StudyBooks, *, images: bool) -> None:
        books.count_fetch(len(new), fetched, images=images)
        books.note_conflicts(fetched.conflicts)
        self._held.update(fetched.arrived)
        self._missing.update(fetched.missing)
        if images:
            self._images.update(fetched.arrived)
            _name_missing_images(new, fetched, books)

    def _retrieve_with(self, new: Sequence[InstanceRef], series: Iterable[InstanceRef]) -> Fetched:
        """Retrieve these; of a PACS that sends whole series only, with what comes along."""
        if self.pacs.learned().get("image_retrieve") is not False:
            return self._retrieve(new)
        more = [entry for entry in series if entry.sop_uid not in self._held and entry.sop_uid not in self._missing]
        along = self._spares.with_series(new, more)
        fetched = self._retrieve([*new, *along])
        arrived = [entry.sop_uid for entry in along if entry.sop_uid in fetched.arrived]
        return self._spares.lay_by(fetched, along, {uid: dataset_octets(fetched.arrived[uid]) for uid in arrived})

    def needs_only(self, series_uids: Collection[str]) -> None:
        """Nothing more of any other series is going to be wanted: what came beside of those leaves the disk."""
        self._spares.keep_only(series_uids)

    def _retrieve(self, new: Sequence[InstanceRef]) -> Fetched:
        try:
            fetched = self.pacs.fetch(new, self.folder)
        except PacsError as error:
            if concerns_all(error):
                raise
            log.warning("A retrieval failed: %s", error)
            return Fetched({}, {entry.sop_uid: error.reason for entry in new})
        unaccounted = {e.sop_uid for e in new} - fetched.arrived.keys() - fetched.missing.keys()
        return replace(fetched, missing={**fetched.missing, **dict.fromkeys(unaccounted, Reason.NOT_RETRIEVED)})

    def keep(self, sop_uids: Iterable[str]) -> None:
        """Images of a volume that gave bookmarks: whatever was fetched of it was needed."""
        self._kept.update(sop_uids)

    def octets_of(self, sop_uids: Iterable[str]) -> int:
        """Encoded size of those of these objects that have come, in octets of data sets."""
        return sum(dataset_octets(self._held[uid]) for uid in sop_uids if uid in self._held)

    def octets_looked_at(self) -> int:
        """Encoded size of the images that were received of volumes that gave nothing."""
        return self.octets_of(sorted(self._images - self._kept))


def _name_missing_images(wanted: Iterable[InstanceRef], fetched: Fetched, books: StudyBooks) -> None:
    """What was refused unasked, since its SOP class is not read, is not missing."""
    for entry in wanted:
        reason = fetched.missing.get(entry.sop_uid)
        if reason in RETRIABLE_REASONS:
            books.miss_image(entry, entry.study_uid, reason)


def dataset_octets(path: Path) -> int:
    """Size of a DICOM file without preamble and File Meta Information: what the PACS has sent of it (PS3.10 7.1)."""
    with path.open("rb") as file:
        head = file.read(_META_START)
    size = path.stat().st_size
    if head[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00":
        return size
    return max(0, size - _META_START - int.from_bytes(head[140:144], "little"))


@contextmanager
def study_spool(pacs: Pacs, parent: Path, halt: Halt | None = None) -> Iterator[StudySpool]:
    """A folder of one study's own inside the spool, 0700, removed at the end whatever happens."""
    try:
        folder = Path(mkdtemp(prefix=STUDY_PREFIX, dir=parent))
    except OSError as error:
        raise storage_error(error, parent) from None
    try:
        yield StudySpool(pacs, folder, halt or Halt())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
