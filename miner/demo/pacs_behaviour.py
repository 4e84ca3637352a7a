"""What the loopback PACS was asked, and the one seam through which it can be made to misbehave.

A :class:`Behaviour` stands between the right answer and the wire. The one here changes nothing. A subclass can offer
less, turn connections away, misunderstand a request, hold back, repeat, alter or delay answers, end them early with
another status, or abort the association: the answers of one request are an iterator of ``(status, dataset)`` pairs, in
pynetdicom's convention (a pending status with the identifier or the object to send; a final status ends the request).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydicom.dataset import Dataset

if TYPE_CHECKING:
    from pynetdicom import AE

    from miner.demo.pacs_index import StoredObject

Answer = tuple[int, Dataset | None]
Service = Literal["find", "get", "move"]
Address = tuple[str, int]
"""Host and port."""

SUCCESS = 0x0000
PENDING = 0xFF00
PENDING_UNSUPPORTED_KEYS = 0xFF01
CANCEL = 0xFE00
IDENTIFIER_MISMATCH = 0xA900
"""Statuses of PS3.4 tables C.4-1 to C.4-3."""


@dataclass(frozen=True, slots=True)
class Request:
    """One C-FIND, C-GET or C-MOVE request. ``abort`` ends its association (pynetdicom's) at once (A-ABORT)."""

    service: Service
    level: str
    identifier: Dataset
    calling_ae_title: str
    abort: Callable[[], None]
    association: Any = None
    patient_root: bool = False


class Behaviour:
    """A PACS that does what the standard says. Subclasses override single methods to inject one fault each.

    Associations are pynetdicom's. Methods are called from the threads of several associations.
    """

    def offer(self, entity: AE) -> None:
        """Called with pynetdicom's entity before it listens; may change the contexts and how many it serves."""

    def connected(self, association: Any) -> None:
        """Called when a TCP connection is open, before anything is read from it; may close it."""

    def requested(self, association: Any) -> None:
        """Called before an association is accepted; may reject or abort it."""

    def established(self, association: Any) -> None:
        """Called when an association was accepted, before its first request."""

    def understand(self, request: Request) -> Dataset:
        """The Identifier as the PACS takes it."""
        return request.identifier

    def find(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        """The answers of a C-FIND, right ones in, actual ones out."""
        return answers

    def heeds_cancel(self, request: Request) -> bool:
        """Whether a C-CANCEL ends this request."""
        return True

    def destination(self, request: Request, address: Address | None) -> Address | None:
        """Where a C-MOVE sends to; None where the destination is not known."""
        return address

    def storing(self, request: Request, association: Any) -> None:
        """Called with the association to the destination of a C-MOVE, before the first C-STORE."""

    def select(self, request: Request, objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
        """Which of the matching objects a C-GET or C-MOVE sets out to send."""
        return objects

    def announce(self, request: Request, count: int) -> int:
        """The number of sub-operations that a C-GET or C-MOVE announces."""
        return count

    def send(self, request: Request, answers: Iterator[Answer]) -> Iterator[Answer]:
        """The sub-operations of a C-GET or C-MOVE, right ones in, actual ones out."""
        return answers


@dataclass(frozen=True, slots=True)
class Requests:
    """What a loopback PACS was asked and what it sent; octets are those of the objects' files."""

    associations: int = 0
    echoes: int = 0
    stores: int = 0
    finds: int = 0
    gets: int = 0
    moves: int = 0
    objects_sent: int = 0
    octets_sent: int = 0


class RequestCounter:
    """Counts from several association threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Requests()

    def add(self, **increments: int) -> None:
        """Add to the named counts."""
        with self._lock:
            self._counts = replace(
                self._counts, **{name: getattr(self._counts, name) + value for name, value in increments.items()}
            )

    def snapshot(self) -> Requests:
        """The counts as they are now."""
        with self._lock:
            return self._counts
