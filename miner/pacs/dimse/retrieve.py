"""A fetch: every wanted instance is asked for, what is missing once more, and the books tell how it ended.

C-GET and C-MOVE stand behind one shape, :class:`RetrieveService`; how often and in what portions to ask is decided here
for both. Requests name instances of one series by a list of SOP Instance UIDs, with all parent UIDs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Protocol

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason
from miner.pacs.dimse.receive import Receiver
from miner.pacs.retry import RequestRefusedError, ServiceNotOfferedError, persistently
from miner.records import InstanceRef

log = logging.getLogger(__name__)

LIST_LENGTH = 64
"""UIDs in one request: 4 KiB of Identifier. Some archives refuse longer lists, and a failed request costs less."""

GIVE_UP_AFTER = 3
"""Requests for single instances in a row that bring nothing, after which the rest is not asked for one by one."""

_STOPS = frozenset({Reason.MOVE_DESTINATION_UNKNOWN, Reason.TIMED_OUT})


class RetrieveService(Protocol):
    """C-GET or C-MOVE. ``list_length``: how many UIDs one request may name."""

    name: str
    list_length: int

    def receiving(self, receiver: Receiver) -> AbstractContextManager[None]:
        """While inside, what the PACS sends goes to this receiver. Raises PacsError where we cannot receive."""

    def ask(self, batch: Sequence[InstanceRef], receiver: Receiver) -> None:
        """One request; returns when nothing more is to be expected of it.

        Raises PacsError where it failed and nothing came, ServiceNotOfferedError where the PACS cannot do this at all.
        """

    def release(self) -> None:
        """Release the association; the next request opens another."""

    def close(self) -> None:
        """Release the association and stop listening."""


def retrieve(service: RetrieveService, receiver: Receiver, attempts: int) -> None:
    """Ask for everything that is open in the receiver's books.

    Raises PacsError where the PACS could not be asked and nothing came (ServiceNotOfferedError where it never can), and
    StorageError for the spool.
    """
    books = receiver.books
    try:
        with service.receiving(receiver):
            _Fetch(service, receiver, attempts).run()
    except PacsError as error:
        books.check_disk()
        if not books.count:
            raise
        books.blame(books.open(), error.reason)
    books.check_disk()


class _Fetch:
    """The passes of one fetch, and what was learned in them."""

    def __init__(self, service: RetrieveService, receiver: Receiver, attempts: int) -> None:
        self._service = service
        self._receiver = receiver
        self._attempts = attempts
        self._answered = False
        self._lists_work = service.list_length == 1
        self._error: PacsError | None = None

    def run(self) -> None:
        books = self._receiver.books
        self._ask_all(self._attempts)
        if self._error is not None and not (self._answered or books.count):
            raise self._error
        if self._lists_work:
            self._ask_all(1)
        elif books.open():
            self._ask_singly()

    def _ask_all(self, attempts: int) -> None:
        books = self._receiver.books
        for batch in batches(books.open(), self._service.list_length):
            before = books.count
            self._ask(batch, attempts)
            self._lists_work = self._lists_work or books.count - before > 1

    def _ask_singly(self) -> None:
        """Some PACS take one UID per request only, and some fail a whole list for one UID that they don't have."""
        books = self._receiver.books
        empty_handed = 0
        for batch in batches(books.open(), 1):
            before = books.count
            self._ask(batch, 1)
            empty_handed = 0 if books.count > before else empty_handed + 1
            if empty_handed == GIVE_UP_AFTER:
                return
        if not books.open():
            self._service.list_length = 1

    def _ask(self, batch: Sequence[InstanceRef], attempts: int) -> None:
        """One request with its repetitions. What makes every further request pointless is raised, the rest is noted."""
        books = self._receiver.books

        def ask_for_the_rest() -> None:
            if rest := books.open(batch):
                self._service.ask(rest, self._receiver)

        try:
            persistently(ask_for_the_rest, attempts)
            self._answered = True
        except (PacsUnreachable, AssociationRefused, ServiceNotOfferedError):
            raise
        except PacsError as error:
            if error.reason in _STOPS:
                raise
            if self._error is None or str(error) != str(self._error):
                log.warning("%s", error)
            self._error = error
            self._answered = self._answered or isinstance(error, RequestRefusedError)
            books.blame(books.open(batch), error.reason)
        books.check_disk()


def batches(instances: Sequence[InstanceRef], length: int) -> Iterator[list[InstanceRef]]:
    """Portions of at most ``length`` instances, each of one series, in the order given within a series."""

    def series_of(instance: InstanceRef) -> tuple[str, str]:
        return instance.study_uid, instance.series_uid

    for _, group in groupby(sorted(instances, key=series_of), series_of):
        members = list(group)
        for start in range(0, len(members), length):
            yield members[start : start + length]
