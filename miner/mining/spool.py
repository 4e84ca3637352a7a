"""The spool of one study: what was received lies here until the study commits, and is never asked for twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from miner.errors import Reason, storage_error
from miner.mining.books import StudyBooks
from miner.mining.disk import STUDY_PREFIX
from miner.pacs.interface import Pacs
from miner.records import Fetched, InstanceRef


@dataclass
class StudySpool:
    """Received objects of one study, by SOP Instance UID."""

    pacs: Pacs
    folder: Path
    _held: dict[str, Path] = field(default_factory=dict)
    _missing: dict[str, Reason] = field(default_factory=dict)

    def fetch(self, wanted: Sequence[InstanceRef], books: StudyBooks, *, images: bool) -> Fetched:
        """Retrieve what is not here yet; ``images`` says under which heading the octets are counted."""
        new = [entry for entry in wanted if entry.sop_uid not in self._held and entry.sop_uid not in self._missing]
        if new:
            fetched = self.pacs.fetch(new, self.folder)
            books.count_fetch(len(new), fetched, image_octets=fetched.octets if images else 0)
            books.note_conflicts(fetched.conflicts)
            self._held.update(fetched.arrived)
            self._missing.update(fetched.missing)
        uids = [entry.sop_uid for entry in wanted]
        return Fetched(
            {uid: self._held[uid] for uid in uids if uid in self._held},
            {uid: self._missing[uid] for uid in uids if uid in self._missing},
        )


@contextmanager
def study_spool(pacs: Pacs, parent: Path) -> Iterator[StudySpool]:
    """A folder of one study's own inside the spool, 0700, removed at the end whatever happens."""
    try:
        folder = Path(mkdtemp(prefix=STUDY_PREFIX, dir=parent))
    except OSError as error:
        raise storage_error(error, parent) from None
    try:
        yield StudySpool(pacs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
