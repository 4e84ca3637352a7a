"""Faults of what a retrieval brings, and when: rows 8 to 10 and 16. What is sent is changed where it is selected, so
that every way of sending (C-GET, C-MOVE, a C-MOVE that works later) sends the same."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pydicom
from pydicom.uid import generate_uid

from miner.demo.pacs_behaviour import PENDING, Address, Answer, Request
from miner.demo.pacs_index import StoredObject
from miner.demo.pacs_retrieve import storage_contexts
from miner.demo.transcode import NotAcceptedError, transcoded
from tests.peers.faults.fault import Fault, Send, Sporadic, is_final

COUNTS = ("Remaining", "Completed", "Failed", "Warning")
ANNOTATIONS = ("PR", "SR")


def _count(kind: str) -> str:
    return f"NumberOf{kind}Suboperations"


def unreadable(item: StoredObject) -> StoredObject:
    """An object whose file cannot be read when its turn comes: it ends in the failed list."""
    return replace(item, path=item.path.with_suffix(".gone"))


# ------------------------------------------------------------------------------------------------------------ row 8


class SuccessThoughAllFailed(Sporadic):
    """Success, though every sub-operation failed, as its counts say."""

    row = 8

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._struck: set[int] = set()

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        self._struck.discard(id(request.association))
        if not objects or not self.strikes():
            return objects
        self._struck.add(id(request.association))
        return [unreadable(item) for item in objects]

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if is_final(response) and request.service != "find" and id(request.association) in self._struck:
            response.Status, response.Identifier = 0x0000, None
        send(response)


class SuccessWithNothing(Sporadic):
    """Success with no sub-operation, as of a PACS that is overloaded; the counts are 0, or absent."""

    row = 8

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._counted = random.random() < 0.5

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return () if self.strikes() else objects

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if not self._counted and request.service != "find" and not response.NumberOfCompletedSuboperations:
            without_counts(response)
        send(response)


class SuccessInPart(Sporadic):
    """Sends some of what was asked for, and calls it all."""

    row = 8

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        if len(objects) < 2 or not self.strikes():
            return objects
        return self.random.sample(list(objects), self.random.randint(1, len(objects) - 1))


class CountsAbsent(Fault):
    """Answers retrievals without any count of sub-operations."""

    row = 8

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if request.service != "find":
            without_counts(response)
        send(response)


class CountsWrong(Fault):
    """Counts sub-operations at random."""

    row = 8

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if request.service != "find":
            for kind in COUNTS[1:]:
                setattr(response, _count(kind), self.random.randint(0, 50))
        send(response)


class SeriesOffline(Fault):
    """One series is on a medium that is not there: asked for it, Success and nothing comes. It never comes back."""

    row = 8
    withholds = True

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.series = ""

    def begin(self, objects: Sequence[StoredObject]) -> None:
        self.series = self.random.choice(sorted({item.series_uid for item in objects}))

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return [item for item in objects if item.series_uid != self.series]


class ObjectsUnreadable(Fault):
    """Some objects cannot be read: they end in the failed list of 0xB000, or all of a request in 0xA702. For ever."""

    row = 8
    withholds = True

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.uids: frozenset[str] = frozenset()

    def begin(self, objects: Sequence[StoredObject]) -> None:
        known = sorted(item.sop_uid for item in objects)
        annotations = sorted(item.sop_uid for item in objects if item.header.Modality in ANNOTATIONS)
        self.uids = frozenset([*self.random.sample(known, 3), self.random.choice(annotations)])

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return [unreadable(item) if item.sop_uid in self.uids else item for item in objects]


class UidsRemapped(Fault):
    """Gives some objects another SOP Instance UID on their way out: what was asked for never comes."""

    row = 8
    withholds = True

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.altered: dict[str, StoredObject] = {}

    def begin(self, objects: Sequence[StoredObject]) -> None:
        for item in self.random.sample(sorted(objects, key=lambda item: item.sop_uid), 3):
            dataset = pydicom.dcmread(item.path)
            dataset.SOPInstanceUID = generate_uid(entropy_srcs=[item.sop_uid])
            self.altered[item.sop_uid] = replace(item, path=_beside(item, dataset, "remapped"))

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return [self.altered.get(item.sop_uid, item) for item in objects]


# ------------------------------------------------------------------------------------------------------------ row 9


class MovesLater(Fault):
    """Answers a C-MOVE with Success at once and stores afterwards, from an association of its own."""

    row = 9

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.delay = random.uniform(0.02, 0.15)
        self.claims = random.random() < 0.5
        self._addresses: dict[int, tuple[str, Address | None]] = {}
        self._selected: dict[int, int] = {}

    def destination(self, request: Request, address: Address | None) -> Address | None:
        self._addresses[id(request.association)] = (request.calling_ae_title, address)
        return address

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        if request.service != "move" or not objects:
            return objects
        title, address = self._addresses[id(request.association)]
        self._selected[id(request.association)] = len(objects)
        if address is not None:
            threading.Thread(target=self._store, args=(title, address, list(objects)), daemon=True).start()
        return ()

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if request.service == "move" and response.Status == 0 and self.claims:
            response.NumberOfCompletedSuboperations = self._selected.get(id(request.association), 0)
        send(response)

    def _store(self, title: str, address: Address, objects: Sequence[StoredObject]) -> None:
        self.closing.sleep(self.delay)
        association = self.pacs.connect_to(title, address, storage_contexts(objects))
        for item in objects:
            if not association.is_established or self.closing:
                break
            self.pacs.store(association, item)
        if association.is_established:
            association.release()


class WithoutPending(Fault):
    """Says nothing while a C-GET or C-MOVE runs, however long it takes, as dcm4chee does; objects come steadily."""

    row = 9

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.pause = random.uniform(0.01, 0.05)

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            self.closing.sleep(self.pause)
            yield answer

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if request.service == "find" or is_final(response):
            send(response)


class SeveralAssociations(Fault):
    """Stores the objects of one C-MOVE over two associations, in turn."""

    row = 9

    def storing(self, request: Request, association: Any) -> None:
        second = self.pacs.connect_to(
            association.acceptor.ae_title,
            (association.acceptor.address, association.acceptor.port),
            association.requestor.requested_contexts,
        )
        if not second.is_established:
            return
        lines = [association.send_c_store, second.send_c_store]
        release = association.release

        def in_turn(dataset: Any, **options: Any) -> Any:
            lines.reverse()
            return lines[0](dataset, **options)

        def release_both() -> None:
            if second.is_established:
                second.release()
            release()

        association.send_c_store, association.release = in_turn, release_both


# ----------------------------------------------------------------------------------------------------------- row 10


class PendingForEver(Sporadic):
    """Goes on to say Pending and never ends: with the last row again and again, or with counts that stand still."""

    row = 10
    most = 2
    chance = 0.2

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        last: Answer | None = None
        for last in answers:
            yield last
        if last is not None and self.strikes():
            for _ in self.closing.while_open(request.association):
                yield last

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if request.service != "find" and is_final(response) and self.strikes():
            response.Status, response.Identifier = PENDING, None
            for _ in self.closing.while_open(request.association):
                send(response)
            return
        send(response)


class FallsSilent(Sporadic):
    """Takes a request, does its work, and never answers."""

    row = 10
    most = 2
    chance = 0.2

    def respond(self, request: Request, response: Any, send: Send) -> None:
        if is_final(response) and self.strikes():
            for _ in self.closing.while_open(request.association):
                pass
            return
        send(response)


class SilentInTheMiddle(Sporadic):
    """Stops in the middle of a retrieval, the association open."""

    row = 10
    most = 2
    chance = 0.1

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            if self.strikes():
                for _ in self.closing.while_open(request.association):
                    pass
                return
            yield answer


# ----------------------------------------------------------------------------------------------------------- row 16


class SentTwice(Fault):
    """Sends some objects twice in one retrieval."""

    row = 16

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return [copy for item in objects for copy in [item] * self.random.choice([1, 2])]


class OtherContent(Fault):
    """Sends some objects a second time with other content under the same SOP Instance UID."""

    row = 16

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.twins: dict[str, StoredObject] = {}

    def begin(self, objects: Sequence[StoredObject]) -> None:
        for item in self.random.sample(sorted(objects, key=lambda item: item.sop_uid), 6):
            dataset = pydicom.dcmread(item.path)
            dataset.SoftwareVersions = "another"
            self.twins[item.sop_uid] = replace(item, path=_beside(item, dataset, "twin"))

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return [each for item in objects for each in (item, self.twins.get(item.sop_uid)) if each is not None]


# ------------------------------------------------------------------------------------------------------------- tools


def without_counts(response: Any) -> None:
    """Take all counts of sub-operations out of a response."""
    for kind in COUNTS:
        setattr(response, _count(kind), None)


def _beside(item: StoredObject, dataset: pydicom.Dataset, name: str) -> Path:
    path = item.path.with_suffix(f".{name}")
    if not path.exists():
        dataset.save_as(path, enforce_file_format=True)
    return path


def stored(association: Any, item: StoredObject) -> None:
    """C-STORE one object in a form that the peer takes, if it can be read and the peer takes it."""
    syntaxes = frozenset(
        context.transfer_syntax[0]
        for context in association.accepted_contexts
        if str(context.abstract_syntax) == item.sop_class_uid
    )
    with contextlib.suppress(NotAcceptedError, OSError, RuntimeError, ValueError):
        association.send_c_store(transcoded(pydicom.dcmread(item.path), syntaxes))
