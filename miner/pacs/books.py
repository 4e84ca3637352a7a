"""The books of one fetch: what was expected against what came, by SOP Instance UID.

Statuses and counts of a PACS are hints; the books alone decide what has arrived. Every instance that was wanted ends in
``arrived`` or, with its reason, in ``missing``.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from miner.errors import Reason, StorageError
from miner.pacs.care import Halt
from miner.pacs.classes import READ_CLASSES
from miner.records import Fetched, InstanceRef

_TELLING = {Reason.NOT_RETRIEVED: 0, Reason.RETRIEVE_FAILED: 1, Reason.NOT_SENT: 3}
"""How much a reason says. That the PACS cannot be reached any more (2, as all others) says more than that it has failed
before, but less than that it has named the very object as one that it cannot send."""
_OTHERS = 2


class Books:
    """Expected and received instances of one fetch. Safe for the threads that receive and the one that waits."""

    def __init__(self, wanted: Iterable[InstanceRef], halt: Halt | None = None) -> None:
        self._halt = halt or Halt()
        self._wanted = {instance.sop_uid: instance for instance in wanted}
        self._arrived: dict[str, Path] = {}
        self._reasons: dict[str, Reason] = {}
        self._conflicts: dict[str, Reason] = {}
        self._octets = 0
        self._extra_octets = 0
        self._full: StorageError | None = None
        self._closed = False
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
        """True where this instance was asked for (also when it has already come) and the books are open."""
        return sop_uid in self._askable and not self._closed

    def path_of(self, sop_uid: str) -> Path | None:
        """Where an instance that has come lies."""
        return self._arrived.get(sop_uid)

    def enter(self, sop_uid: str, path: Path, octets: int) -> bool:
        """An instance has come and is on disk. False where the books are closed: it has come too late, and stays out"""
        with self._changed:
            if self._closed:
                return False
            self._arrived[sop_uid] = path
            self._octets += octets
            self._hear()
            return True

    def enter_extra(self, octets: int) -> None:
        """Something has come that is not kept: the same object again, or another one of a series asked for whole."""
        with self._changed:
            self._extra_octets += octets
            self._hear()

    def enter_conflict(self, sop_uid: str) -> None:
        """An instance that has come before came again with other content; the first is kept."""
        self._conflicts[sop_uid] = Reason.CONTENT_CONFLICT

    def in_conflict(self, sop_uid: str) -> bool:
        """True where :meth:`enter_conflict` was called for it."""
        return sop_uid in self._conflicts

    def enter_full_disk(self, error: StorageError) -> None:
        """The spool cannot be written: whatever was asked for, it is our fault and not the PACS's."""
        with self._changed:
            self._full = error
            self._changed.notify_all()

    def _hear(self) -> None:
        self._last = time.monotonic()
        self._changed.notify_all()

    # ------------------------------------------------------------------------------------------------- while we wait

    @property
    def count(self) -> int:
        """Number of instances that have come."""
        return len(self._arrived)

    @property
    def last_arrival(self) -> float:
        """When anything came last, by the monotonic clock; when the books were opened where nothing has."""
        return self._last

    def open(self, batch: Sequence[InstanceRef] | None = None) -> list[InstanceRef]:
        """What can be asked for and has not come, of a batch or of all."""
        instances = self._wanted.values() if batch is None else batch
        return [i for i in instances if i.sop_uid in self._askable and i.sop_uid not in self._arrived]

    def come(self, batch: Sequence[InstanceRef]) -> int:
        """How many of a batch have come."""
        return sum(instance.sop_uid in self._arrived for instance in batch)

    def wait(self, batch: Sequence[InstanceRef], enough: int, quiet_seconds: float, deadline: float = math.inf) -> None:
        """Wait until so many of the batch have come, nothing at all has come for ``quiet_seconds``, or ``deadline``.

        ``quiet_seconds`` count from now at the earliest; ``deadline`` is by the monotonic clock. Raises StoppedError as
        soon as the run is stopped.
        """
        start = time.monotonic()
        with self._halt.ending(self._wake), self._changed:
            while self.come(batch) < enough and self._full is None:
                self._halt.check()
                remaining = min(max(start, self._last) + quiet_seconds, deadline) - time.monotonic()
                if remaining <= 0:
                    return
                self._changed.wait(remaining)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def check_disk(self) -> None:
        """Raises StorageError where the spool could not be written."""
        if self._full is not None:
            raise self._full

    def blame(self, batch: Iterable[InstanceRef], reason: Reason) -> None:
        """Why these did not come, as far as is known now; of several reasons the most telling one stays, then the last.

        Reasons of instances that come after all are forgotten.
        """
        for instance in batch:
            uid = instance.sop_uid
            known = self._reasons.get(uid, Reason.NOT_RETRIEVED)
            if uid in self._askable and _TELLING.get(reason, _OTHERS) >= _TELLING.get(known, _OTHERS):
                self._reasons[uid] = reason

    def close(self, service: str) -> Fetched:
        """The account: each wanted instance in ``arrived`` or in ``missing``. Nothing is entered any more."""
        with self._changed:
            self._closed = True
            missing = {
                uid: self._reasons.get(uid, Reason.NOT_RETRIEVED) for uid in self._wanted if uid not in self._arrived
            }
            return Fetched(
                arrived=dict(self._arrived),
                missing=missing,
                octets=self._octets,
                service=service,
                conflicts=dict(self._conflicts),
                extra_octets=self._extra_octets,
            )
