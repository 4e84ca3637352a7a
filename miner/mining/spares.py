"""What a PACS that hands out whole series only has sent beside what was wanted: it is laid by, and not asked for again.

The key images of a volume are wanted first, and the slices around them once these were looked at. Asked each time, such
a PACS would send the whole series each time.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from miner.errors import Reason
from miner.records import Fetched, InstanceRef

MOST_OCTETS = 4 << 30
"""Of one study at a time. What is estimated to be more is not laid by, but asked for again when it is wanted."""

_SIDE = 512
"""Rows and columns of an image of which the PACS answers none."""


@dataclass
class Spares:
    """The spares of one study, by SOP Instance UID, in files in ``folder``."""

    folder: Path
    _files: dict[str, tuple[InstanceRef, Path, int]] = field(default_factory=dict)
    _conflicts: dict[str, Reason] = field(default_factory=dict)

    def __contains__(self, sop_uid: str) -> bool:
        return sop_uid in self._files

    def with_series(self, wanted: Sequence[InstanceRef], series: Iterable[InstanceRef]) -> list[InstanceRef]:
        """Those of ``series`` that come along with ``wanted`` and are worth keeping: none where room is short."""
        named = {(entry.study_uid, entry.series_uid) for entry in wanted}
        ours = self._files.keys() | {entry.sop_uid for entry in wanted}
        along = [
            entry for entry in series if (entry.study_uid, entry.series_uid) in named and entry.sop_uid not in ours
        ]
        here = sum(octets for _, _, octets in self._files.values())
        room = min(MOST_OCTETS - here, shutil.disk_usage(self.folder).free // 2)
        return along if sum(map(_estimated_octets, [*wanted, *along])) <= room else []

    def lay_by(self, fetched: Fetched, along: Collection[InstanceRef], octets: dict[str, int]) -> Fetched:
        """Keep what came of ``along``, with its size; the fetch as if they had not been asked for is returned."""
        uids = {entry.sop_uid for entry in along}
        for entry in along:
            if (path := fetched.arrived.get(entry.sop_uid)) is not None:
                self._files[entry.sop_uid] = entry, path, octets[entry.sop_uid]
        self._conflicts.update({uid: reason for uid, reason in fetched.conflicts.items() if uid in uids})
        beside = sum(octets.values())
        return Fetched(
            arrived={uid: path for uid, path in fetched.arrived.items() if uid not in uids},
            missing={uid: reason for uid, reason in fetched.missing.items() if uid not in uids},
            octets=fetched.octets - beside,
            service=fetched.service,
            conflicts={uid: reason for uid, reason in fetched.conflicts.items() if uid not in uids},
            extra_octets=fetched.extra_octets + beside,
        )

    def take(self, wanted: Iterable[InstanceRef]) -> Fetched:
        """Those of ``wanted`` that are here, wanted from now on. Their octets were counted as extra when they came."""
        taken = {entry.sop_uid: self._files.pop(entry.sop_uid) for entry in wanted if entry.sop_uid in self._files}
        octets = sum(octets for _, _, octets in taken.values())
        return Fetched(
            arrived={uid: path for uid, (_, path, _) in taken.items()},
            octets=octets,
            conflicts={uid: self._conflicts.pop(uid) for uid in taken if uid in self._conflicts},
            extra_octets=-octets,
        )

    def keep_only(self, series_uids: Collection[str]) -> None:
        """Remove the spares of all other series: nothing more of these is going to be wanted."""
        for uid, (entry, path, _) in list(self._files.items()):
            if entry.series_uid not in series_uids:
                path.unlink(missing_ok=True)
                del self._files[uid]
                self._conflicts.pop(uid, None)


def _estimated_octets(entry: InstanceRef) -> int:
    """Of an image as it lies in the spool, at two octets a pixel."""
    return 2 * (entry.rows or _SIDE) * (entry.columns or _SIDE) * max(1, entry.frames or 1)
