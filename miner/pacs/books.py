"""The books of one fetch: what was expected against what came, by SOP Instance UID.

Statuses and counts of a PACS are hints; the books alone decide what has arrived. Every instance that was wanted ends in
``arrived`` or, with its reason, in ``missing``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from miner.errors import Reason, StorageError
from miner.pacs.classes import READ_CLASSES
from miner.records import Fetched, InstanceRef


class Books:
    """Expected and received instances of one fetch. Safe for the threads that receive and the one that waits."""

    def __init__(self, wanted: Iterable[InstanceRef]) -> None:
        self._wanted = {instance.sop_uid: instance for instance in wanted}
        self._arrived: dict[str, Path] = {}
        self._reasons: dict[str, Reason] = {}
        self._conflicts: dict[str, Reason] = {}
        self._octets = 0
        self._full: StorageError | None = None
        self._changed = threading.Condition()
        self._last = time.monotonic()
        for uid, instance in self._wanted.items():
            if instance.sop_class_uid and instance.sop_class_uid not in READ_CLASSES:
                self._reasons[uid] = Reason.SOP_CLASS
            elif not (instance.study_uid and instance.series_uid):
                self._reasons[uid] = Reason.NOT_RETRIEVED
        self._askable = frozenset(self._wanted.keys() - self._reasons.keys())

    # ------------------------------------------------------------------------------------------- while objects arrive

    def expects(self, sop_uid: str) -> bool:
        """True where this instance was asked for (also when it has already come)."""
        return sop_uid in self._askable

    def path_of(self, sop_uid: str) -> Path | None:
        """Where an instance that has come lies."""
        return self._arrived.get(sop_uid)

    def enter(self, sop_uid: str, path: Path, octets: int) -> None:
        """An instance has come and is on disk."""
        with self._changed:
            self._arrived[sop_uid] = path
            self._octets += octets
            self._last = time.monotonic()
            self._changed.notify_all()

    def enter_conflict(self, sop_uid: str) -> None:
        """An instance that has come before came again with other content; the first is kept."""
        self._conflicts[sop_uid] = Reason.CONTENT_CONFLICT

    def enter_full_disk(self, error: StorageError) -> None:
        """The spool cannot be written: whatever was asked for, it is our fault and not the PACS's."""
        with self._changed:
            self._full = error
            self._changed.notify_all()

    # ------------------------------------------------------------------------------------------------- while we wait

    @property
    def count(self) -> int:
        """Number of instances that have come."""
        return len(self._arrived)

    def open(self, batch: Sequence[InstanceRef] | None = None) -> list[InstanceRef]:
        """What can be asked for and has not come, of a batch or of all."""
        instances = self._wanted.values() if batch is None else batch
        return [i for i in instances if i.sop_uid in self._askable and i.sop_uid not in self._arrived]

    def come(self, batch: Sequence[InstanceRef]) -> int:
        """How many of a batch have come."""
        return sum(instance.sop_uid in self._arrived for instance in batch)

    def wait(self, batch: Sequence[InstanceRef], enough: int, quiet_seconds: float) -> None:
        """Wait until so many of the batch have come, or nothing has come for ``quiet_seconds`` from now on."""
        start = time.monotonic()
        with self._changed:
            while self.come(batch) < enough and self._full is None:
                remaining = max(start, self._last) + quiet_seconds - time.monotonic()
                if remaining <= 0:
                    return
                self._changed.wait(remaining)

    def check_disk(self) -> None:
        """Raises StorageError where the spool could not be written."""
        if self._full is not None:
            raise self._full

    def blame(self, batch: Iterable[InstanceRef], reason: Reason) -> None:
        """Why these did not come, as far as is known now; a later reason replaces an earlier one."""
        for instance in batch:
            if instance.sop_uid in self._askable:
                self._reasons[instance.sop_uid] = reason

    def close(self, service: str) -> Fetched:
        """The account: each wanted instance in ``arrived`` or in ``missing``."""
        missing = {
            uid: self._reasons.get(uid, Reason.NOT_RETRIEVED) for uid in self._wanted if uid not in self._arrived
        }
        return Fetched(
            arrived=dict(self._arrived),
            missing=missing,
            octets=self._octets,
            service=service,
            conflicts=dict(self._conflicts),
        )
