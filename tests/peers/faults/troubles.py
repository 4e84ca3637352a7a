"""Trouble that comes and goes, and a PACS that does: rows 11, 12, 17 and 18."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from pynetdicom import AE

from miner.demo.pacs_behaviour import Answer, Request
from miner.demo.pacs_index import StoredObject
from tests.peers.faults.fault import Fault, Sporadic, drop
from tests.peers.faults.retrievals import ANNOTATIONS, unreadable

UNABLE = 0xC000
NO_MATCHES_CALCULATED = 0xA701
NO_SUB_OPERATIONS = 0xA702

# ----------------------------------------------------------------------------------------------------------- row 11


class QueriesFail(Sporadic):
    """Now and then a query fails (0xC000), after some of its rows or before the first."""

    row = 11

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if not self.strikes():
            yield from answers
            return
        rows = self.random.randint(0, 2)
        for _, answer in zip(range(rows), answers, strict=False):
            yield answer
        yield UNABLE, None


class RetrievalsFail(Sporadic):
    """Now and then a retrieval fails: 0xA701, 0xA702 or 0xC000, nothing sent."""

    row = 11

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._struck: set[int] = set()

    def announce(self, request: Request, count: int) -> int:
        if not self.strikes():
            return count
        self._struck.add(id(request.association))
        return max(count, 1)

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        if id(request.association) not in self._struck:
            return answers
        self._struck.discard(id(request.association))
        return iter([(self.random.choice([NO_MATCHES_CALCULATED, NO_SUB_OPERATIONS, UNABLE]), None)])


class RetrievalsWarn(Sporadic):
    """Now and then some objects of a retrieval fail: 0xB000 with their list."""

    row = 11

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        if not self.strikes():
            return objects
        return [unreadable(item) if self.random.random() < 0.5 else item for item in objects]


class AssociationsRejected(Sporadic):
    """Now and then an association is rejected: local limit exceeded, congestion, or no reason given."""

    row = 11

    def requested(self, association: Any) -> None:
        if self.strikes():
            association.acse.send_reject(*self.random.choice([(2, 3, 2), (2, 3, 1), (1, 1, 1)]))
            association.kill()


class AssociationsAborted(Sporadic):
    """Now and then an association is aborted instead of accepted."""

    row = 11

    def requested(self, association: Any) -> None:
        if self.strikes():
            association.acse.send_abort(0x02)
            association.is_aborted = True
            association.kill()


class OneAssociation(Fault):
    """Takes one association at a time; a second one is rejected (local limit exceeded)."""

    row = 11

    def offer(self, entity: AE) -> None:
        entity.maximum_associations = 1


class IdleAborted(Fault):
    """Aborts an association that has been idle for a moment."""

    row = 11

    def offer(self, entity: AE) -> None:
        entity.network_timeout = 0.25


# ----------------------------------------------------------------------------------------------------------- row 12


class CancelIgnored(Fault):
    """Goes on after a C-CANCEL."""

    row = 12

    def heeds_cancel(self, request: Request) -> bool:
        return False


# ----------------------------------------------------------------------------------------------------------- row 17


class Late(Fault):
    """Some objects come to the PACS a run or two later than the rest of their study."""

    row = 17

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.nights: dict[str, int] = {}

    def victims(self, objects: Sequence[StoredObject]) -> list[str]:
        raise NotImplementedError

    def begin(self, objects: Sequence[StoredObject]) -> None:
        self.nights = {uid: self.random.randint(1, 2) for uid in self.victims(objects)}

    @property
    def spent(self) -> bool:
        return not any(self.nights.values())

    def has(self, sop_uid: str) -> bool:
        return self.nights.get(sop_uid, 0) <= 0

    def night(self) -> None:
        self.nights = {uid: nights - 1 for uid, nights in self.nights.items() if nights > 1}


class StatesLate(Late):
    """Presentation states and reports are written days after the study, re-saved, or corrected."""

    def victims(self, objects: Sequence[StoredObject]) -> list[str]:
        states = sorted(item.sop_uid for item in objects if item.header.Modality in ANNOTATIONS)
        return self.random.sample(states, self.random.randint(1, len(states)))


class ImagesLate(Late):
    """Images come after the presentation states that name them."""

    def victims(self, objects: Sequence[StoredObject]) -> list[str]:
        images = sorted(item.sop_uid for item in objects if item.header.Modality == "CT")
        return self.random.sample(images, self.random.randint(1, len(images) // 2))


# ----------------------------------------------------------------------------------------------------------- row 18


class GoesAway(Sporadic):
    """In the middle of an answer the connection is gone; so are the next few, before anything is said."""

    row = 18
    chance = 0.1
    most = 3

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._away = 0

    @property
    def spent(self) -> bool:
        return super().spent and self._away <= 0

    def connected(self, association: Any) -> None:
        if self._away > 0:
            self._away -= 1
            association.acse_timeout = 0.1  # else it waits, and counts as open, for half a minute
            drop(association)

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return self._broken(request, answers)

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        return self._broken(request, answers)

    def _broken(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            if self.strikes():
                self._away = self.random.randint(0, 4)
                drop(request.association)
                return
            yield answer


class Restarts(Sporadic):
    """Is shut down in the middle of an answer, does not listen for a while, and comes back."""

    row = 18
    chance = 0.1
    most = 1

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            if self.strikes():
                self.pacs.restart(self.random.uniform(0.1, 0.5))
                for _ in self.closing.while_open(request.association, 5.0):
                    pass
                return
            yield answer
