"""Retrieval by C-MOVE (PS3.4 C.4.2): the PACS opens an association back to us and stores there.

It knows host and port of our AE title from its own configuration only. Its final response says little: some send
Success before the first object, some after none. So the books decide, and after the response we wait as long as objects
come. How long without any depends on what the PACS has shown: one that sends before it answers is given a moment, one
that answers first is given the whole time that silence may last.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence

from pydicom import Dataset

from miner.errors import PacsError, Reason
from miner.pacs.dimse.association import Link
from miner.pacs.dimse.contexts import move_contexts
from miner.pacs.dimse.outcome import Outcome
from miner.pacs.dimse.receive import Receiver
from miner.pacs.dimse.storage import StorageScp
from miner.pacs.peer import Peer
from miner.records import InstanceRef

log = logging.getLogger(__name__)

DESTINATION_UNKNOWN = 0xA801
"""Refused: Move Destination unknown (PS3.4 Table C.4-2)."""

GRACE_SECONDS = 2.0
"""Wait for late objects of a PACS that is believed to answer after its last object."""

EMPTY_FETCHES = 2
"""Fetches that were answered and brought nothing, with nobody ever at our port, before that is said aloud."""


class MoveService:
    """C-MOVE with one association that is kept between requests, and a listener that runs from the first request on."""

    name = "move"

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._settings = peer.settings
        self._listener = StorageScp(peer)
        self._link: Link | None = None
        self._in_step = False
        self._late = False
        self._failed = False
        self._in_vain = False
        self._empty_fetches = 0

    @contextlib.contextmanager
    def receiving(self, receiver: Receiver) -> Iterator[None]:
        """Listen; objects are taken until the whole fetch is over, also late ones of an earlier request.

        Few PACS answer 0xA801 for an unknown destination: where every request failed, or counted what never came, or
        fetch after fetch brought nothing, and nobody has ever knocked at our port, it is taken for one.
        """
        self._listener.start()
        self._failed = self._in_vain = False
        with self._listener.waiting(receiver):
            yield
        if receiver.books.count or self._listener.visited:
            return
        self._empty_fetches += 1
        if self._failed or self._in_vain or self._empty_fetches >= EMPTY_FETCHES:
            raise self._destination_unknown()
        log.warning("%s", self._with_hint(f"{self._peer} answered a C-MOVE and sent nothing."))

    def ask(self, identifier: Dataset, batch: Sequence[InstanceRef], receiver: Receiver) -> None:
        """See :class:`miner.pacs.dimse.retrieve.RetrieveService`."""
        books = receiver.books
        try:
            link = self.open()  # may wait for its turn, which is no part of the request
            deadline = time.monotonic() + self._settings.request_seconds
            outcome = link.move(identifier, self._settings.calling_ae_title, lambda: books.last_arrival)
        except PacsError as error:
            if type(error) is not PacsError or books.come(batch):
                raise
            # Some PACS abort when they do not know the destination.
            raise PacsError(self._with_hint(str(error)), error.reason) from None
        unsent = [one for one in batch if one.sop_uid in outcome.unsent]
        books.blame(unsent, Reason.NOT_SENT)
        if outcome.refused and not books.come(batch):
            raise self._failure(outcome)
        promised = [one for one in batch if one.sop_uid not in outcome.unsent]
        self._await_late(promised, receiver, outcome, deadline)

    def open(self) -> Link:
        """The association, opened where it is not. Raises PacsError."""
        if self._link is None or not self._link.usable:
            self._link = Link(self._peer, move_contexts())
        return self._link

    def _await_late(self, batch: Sequence[InstanceRef], receiver: Receiver, outcome: Outcome, deadline: float) -> None:
        """Wait while objects come, until silence or the end of the request's time (PS3.4 C.4.2 demands none of it).

        Counts are hints: there are PACS that count one sub-operation, the whole order, and send it later.
        """
        books = receiver.books
        come = books.come(batch)
        if come == len(batch):
            self._in_step = self._in_step or come > 0
            return
        told = outcome.claimed is not None and 0 < outcome.claimed <= come
        settled = not self._late and (self._in_step or outcome.refused or told)
        silence = self._settings.silence_seconds
        if settled:
            books.wait(batch, len(batch), min(GRACE_SECONDS, silence), deadline)
        if not settled or books.come(batch) > come:
            # Once in vain is enough for one fetch.
            books.wait(batch, len(batch), min(GRACE_SECONDS, silence) if self._in_vain else silence, deadline)
        self._late = self._late or books.come(batch) > come
        if books.come(batch) < len(batch) and time.monotonic() >= deadline:
            raise PacsError(
                f"{self._peer} did not send all of a C-MOVE within {self._settings.request_seconds:g} s.",
                Reason.TIMED_OUT,
            )
        # No error yet: some do nothing at IMAGE level, and count all the same.
        if outcome.claimed and not books.come(batch) and not self._listener.visited:
            self._in_vain = True

    def _failure(self, outcome: Outcome) -> PacsError:
        if outcome.status == DESTINATION_UNKNOWN and not self._listener.visited:
            return self._destination_unknown()  # else it has found us before, and means something else
        self._failed = True
        message = f"{self._peer} failed a C-MOVE (status 0x{outcome.status:04X})."
        return outcome.failure(self._with_hint(message))

    def _with_hint(self, message: str) -> str:
        return message if self._listener.visited else f"{message} Nothing has ever come to us: {self._entry()}"

    def _destination_unknown(self) -> PacsError:
        return PacsError(
            f"{self._peer} does not know where to send to, or cannot reach it: {self._entry()}",
            Reason.MOVE_DESTINATION_UNKNOWN,
        )

    def _entry(self) -> str:
        title, port = self._settings.calling_ae_title, self._listener.port or self._settings.move_port
        entry = f"have our AE title {title}, this machine's address and port {port} entered in it as a destination."
        if not self._peer.visitors.counts():
            return entry
        return f"{entry} Somebody was refused at our port: if it was the PACS, name it in pacs.move_from."

    def release(self) -> None:
        """Release the association; the next request opens another."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def close(self) -> None:
        """Release the association and stop listening."""
        self.release()
        self._listener.stop()
