"""A fetch: every wanted instance is asked for, what is missing again, and the books tell how it ended.

C-GET and C-MOVE stand behind one shape, :class:`RetrieveService`; what to ask for, in what portions and how often is
decided here for both, series by series:

1. lists of SOP Instance UIDs (IMAGE level), again for what is missing as long as something new comes;
2. where a list brings nothing, single instances out of it, and when one of these comes, the list in halves: some PACS
   take one UID per request, others fail a whole list for one object that they cannot send;
3. where nothing has ever come at IMAGE level, the whole series, once; not from a PACS that says that it is overloaded.
   Never a whole study.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from pydicom import Dataset

from miner.errors import AssociationRefused, PacsError, PacsUnreachable, Reason
from miner.pacs.care import Pace
from miner.pacs.dimse.receive import Receiver
from miner.pacs.queries.identifiers import retrieval, series_retrieval
from miner.pacs.retry import OutOfResourcesError, RequestRefusedError, ServiceNotOfferedError, persistently
from miner.records import InstanceRef

log = logging.getLogger(__name__)

LIST_LENGTH = 64
"""UIDs in one request: 4 KiB of Identifier. Some archives refuse longer lists, and a failed request costs less."""

ENOUGH_SIGNS = 2
"""How often the PACS must be seen to do no lists, or nothing at IMAGE level, before that is taken for its way: once may
be a bad moment of a PACS that does."""

TIMED_OUT_REQUESTS = 2
"""Questions in one fetch that may run out of time, with all their repetitions, before the rest is not asked for."""


class RetrieveService(Protocol):
    """C-GET or C-MOVE."""

    name: str

    def receiving(self, receiver: Receiver) -> AbstractContextManager[None]:
        """While inside, what the PACS sends goes to this receiver. Raises PacsError where we cannot receive."""

    def ask(self, identifier: Dataset, batch: Sequence[InstanceRef], receiver: Receiver) -> None:
        """One request; returns when nothing more is to be expected of it. ``batch``: what is wanted of it.

        Raises PacsError where it failed and nothing came, ServiceNotOfferedError where the PACS cannot do this at all,
        StoppedError where the run was stopped.
        """

    def release(self) -> None:
        """Release the association; the next request opens another."""

    def close(self) -> None:
        """Release the association and stop listening."""


@dataclass
class Abilities:
    """What a PACS can do in retrievals, as known before or found out on the way.

    ``longest_list``: how many UIDs one request may name; ``lists``: several instances have come of one that named
    several. ``image_level``: True once an instance came that was asked for by its UID, False where only whole series
    come, None while neither is known.
    """

    longest_list: int = LIST_LENGTH
    lists: bool = False
    image_level: bool | None = None
    _series_alone: int = 0
    _singles_alone: int = 0

    @classmethod
    def of(cls, profile: Mapping[str, object]) -> Abilities:
        """From the fields of a :class:`~miner.pacs.profile.PacsProfile`."""
        length = profile.get("longest_list")
        longest = length if isinstance(length, int) and 0 < length < LIST_LENGTH else LIST_LENGTH
        # That single instances can be retrieved is believed from use alone: a mistaken True would forbid the series.
        return cls(longest, image_level=False if profile.get("image_retrieve") is False else None)

    def learned(self) -> dict[str, object]:
        """As fields of a profile; empty where nothing is known."""
        fields: dict[str, object] = {} if self.image_level is None else {"image_retrieve": self.image_level}
        return fields if self.longest_list == LIST_LENGTH else {**fields, "longest_list": self.longest_list}

    def note_images(self, came: int) -> None:
        """So many instances came of a request that named them."""
        if came:
            self.image_level, self._series_alone = True, 0
        if came > 1:
            self.lists, self._singles_alone = True, 0

    def note_series(self) -> None:
        """A series came that nothing had come of at IMAGE level."""
        self._series_alone += 1
        if self.image_level is None and self._series_alone >= ENOUGH_SIGNS:
            self.image_level = False

    def note_singles(self) -> None:
        """All instances of a list came singly, and none when they were named together."""
        self._singles_alone += 1
        if self._singles_alone >= ENOUGH_SIGNS:
            self.longest_list = 1


def retrieve(service: RetrieveService, receiver: Receiver, pace: Pace, attempts: int, abilities: Abilities) -> None:
    """Ask for everything that is open in the receiver's books.

    Raises PacsError where the PACS could not be asked and nothing came, ServiceNotOfferedError where it does not offer
    this service, or not for everything, StorageError for the spool, and StoppedError where the run was stopped.
    """
    books = receiver.books
    try:
        with service.receiving(receiver):
            _Fetch(service, receiver, pace, attempts, abilities).run()
    except ServiceNotOfferedError:
        raise
    except PacsError as error:
        pace.halt.check()
        books.check_disk()
        if not books.count:
            raise
        books.blame(books.open(), error.reason)
    finally:
        pace.after_request()
    books.check_disk()


class _Fetch:
    """One fetch, and what was seen in it."""

    def __init__(
        self, service: RetrieveService, receiver: Receiver, pace: Pace, attempts: int, abilities: Abilities
    ) -> None:
        self._service = service
        self._receiver = receiver
        self._books = receiver.books
        self._pace = pace
        self._attempts = attempts
        self._abilities = abilities
        self._answered = False
        self._probed_in_vain = False
        self._series_in_vain = False
        self._overloaded = False
        self._timed_out = 0
        self._error: PacsError | None = None

    def run(self) -> None:
        not_offered: ServiceNotOfferedError | None = None
        for series in by_series(self._books.open()):
            try:
                self._fetch_series(series)
            except ServiceNotOfferedError as error:
                not_offered = error
        if not_offered is not None:
            raise not_offered
        if self._error is not None and not (self._answered or self._books.count):
            raise self._error

    def _fetch_series(self, series: Sequence[InstanceRef]) -> None:
        if self._abilities.image_level is not False:
            start = 0
            while start < len(series):
                length = self._abilities.longest_list
                self._fetch_list(series[start : start + length])
                start += length
        rest = self._books.open(series)
        if rest and not (self._abilities.image_level or self._series_in_vain or self._overloaded):
            self._fetch_whole(rest)

    # ------------------------------------------------------------------------------------------------- at IMAGE level

    def _fetch_list(self, batch: Sequence[InstanceRef]) -> None:
        """Ask for a list until nothing new comes of it, then look into it."""
        rest = self._books.open(batch)
        while rest and self._ask(rest, self._attempts):
            rest = self._books.open(rest)
        if len(rest) > 1:
            self._look_into(rest)

    def _look_into(self, batch: Sequence[InstanceRef]) -> None:
        """A list brought nothing: examples out of it, then its halves, or one by one while no list has ever worked."""
        examples = [batch[at] for at in dict.fromkeys((0, len(batch) // 2, len(batch) - 1))]
        if self._probed_in_vain or not any(self._ask([one], 1) for one in examples):
            self._probed_in_vain = True
            return
        rest = self._books.open(batch)
        if len(rest) > 1 and not self._abilities.lists:
            self._ask(rest[:2], 1)
            rest = self._books.open(rest)
        if self._abilities.lists:
            middle = (len(rest) + 1) // 2
            for half in (rest[:middle], rest[middle:]):
                self._fetch_list(half)
            return
        for one in rest:
            self._ask([one], 1)
        if not self._books.open(batch):
            self._abilities.note_singles()

    def _ask(self, batch: Sequence[InstanceRef], attempts: int) -> bool:
        """Requests for a batch, as many as the pace makes of it. True where something new came."""
        before = self._books.count
        pending = list(batch)
        while pending:
            asked = {instance.sop_uid for instance in self._ask_part(pending, attempts)}
            pending = [instance for instance in self._books.open(pending) if instance.sop_uid not in asked]
        return self._books.count > before

    def _ask_part(self, pending: Sequence[InstanceRef], attempts: int) -> Sequence[InstanceRef]:
        """One request, repeated where it fails, for as much as the pace allows; returns what it has named last."""
        named: Sequence[InstanceRef] = ()

        def ask() -> None:
            nonlocal named
            if rest := self._books.open(pending):
                named = rest[: max(1, self._pace.before_request(len(rest), release=self._service.release))]
                self._service.ask(retrieval(named), named, self._receiver)

        before = self._books.come(pending)
        error = self._persist(ask, attempts)
        if error is not None:
            self._books.blame(self._books.open(named), error.reason)
        self._abilities.note_images(self._books.come(pending) - before)
        return named

    # ------------------------------------------------------------------------------------------------ at SERIES level

    def _fetch_whole(self, wanted: Sequence[InstanceRef]) -> None:
        """One series as a whole: what is not wanted of it is taken and dropped, for a refusal could end the rest."""
        before = self._books.count
        self._receiver.take_whole(wanted[0].series_uid)

        def ask() -> None:
            if rest := self._books.open(wanted):
                self._pace.before_request(len(rest), release=self._service.release)
                self._service.ask(series_retrieval(rest[0]), rest, self._receiver)

        if (error := self._persist(ask, self._attempts)) is not None:
            self._books.blame(self._books.open(wanted), error.reason)
        if self._books.count > before:
            self._abilities.note_series()
        else:
            # Where the PACS is known to do nothing smaller, this series is missing, but the next may not be.
            self._series_in_vain = self._abilities.image_level is None

    # ---------------------------------------------------------------------------------------------------- either way

    def _persist(self, ask: Callable[[], None], attempts: int) -> PacsError | None:
        """One question with its repetitions. What makes every further one pointless is raised, other errors given."""
        before = self._books.count
        failed: PacsError | None = None
        try:
            persistently(ask, attempts, self._pace.halt.wait)
            self._answered = True
        except (PacsUnreachable, AssociationRefused, ServiceNotOfferedError):
            raise
        except PacsError as error:
            self._pace.halt.check()
            self._timed_out += error.reason is Reason.TIMED_OUT
            if error.reason is Reason.MOVE_DESTINATION_UNKNOWN or self._timed_out >= TIMED_OUT_REQUESTS:
                raise
            if self._error is None or str(error) != str(self._error):
                log.warning("%s", error)
            self._answered = self._answered or isinstance(error, RequestRefusedError)
            self._overloaded = isinstance(error, OutOfResourcesError)
            self._error = failed = error
        if self._books.count > before:
            self._probed_in_vain = False
        self._books.check_disk()
        return failed


def by_series(instances: Sequence[InstanceRef]) -> Iterator[list[InstanceRef]]:
    """The instances of one series after the other, in the order given within a series."""

    def series_of(instance: InstanceRef) -> tuple[str, str]:
        return instance.study_uid, instance.series_uid

    for _, group in groupby(sorted(instances, key=series_of), series_of):
        yield list(group)
