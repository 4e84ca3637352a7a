"""Retrieval by C-MOVE (PS3.4 C.4.2): the PACS opens an association back to us and stores there.

It knows host and port of our AE title from its own configuration only. Its final response says little: some send
Success before the first object, some after none. So the books decide, and after the response we wait as long as objects
come.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from miner.errors import PacsError, Reason
from miner.pacs.dimse.association import Link, Outcome
from miner.pacs.dimse.contexts import move_contexts
from miner.pacs.dimse.receive import Receiver
from miner.pacs.dimse.retrieve import LIST_LENGTH
from miner.pacs.dimse.storage import StorageScp
from miner.pacs.peer import Peer
from miner.pacs.queries.identifiers import retrieval
from miner.pacs.retry import RequestRefusedError
from miner.records import InstanceRef

DESTINATION_UNKNOWN = 0xA801
"""Refused: Move Destination unknown (PS3.4 Table C.4-2)."""

GRACE_SECONDS = 2.0
"""Wait for late objects of a PACS whose Success has come after its last object, when it claims to have sent none."""


class MoveService:
    """C-MOVE with one association that is kept between requests, and a listener that runs from the first request on."""

    name = "move"

    def __init__(self, peer: Peer) -> None:
        self.list_length = LIST_LENGTH
        self._peer = peer
        self._settings = peer.settings
        self._listener = StorageScp(peer)
        self._link: Link | None = None
        self._in_step = False
        self._failed = False

    @contextlib.contextmanager
    def receiving(self, receiver: Receiver) -> Iterator[None]:
        """Listen; objects are taken until the whole fetch is over, also late ones of an earlier request.

        Few PACS answer 0xA801 for an unknown destination: where every request failed, nothing came and nobody has ever
        knocked at our port, it is taken for one.
        """
        self._listener.start()
        self._failed = False
        with self._listener.waiting(receiver):
            yield
            if self._failed and not receiver.books.count and not self._listener.visited:
                raise self._destination_unknown()

    def ask(self, batch: Sequence[InstanceRef], receiver: Receiver) -> None:
        """See :class:`miner.pacs.dimse.retrieve.RetrieveService`."""
        try:
            outcome = self.open().move(retrieval(batch), self._settings.calling_ae_title)
        except PacsError as error:
            if type(error) is not PacsError or receiver.books.come(batch):
                raise
            # Some PACS abort when they do not know the destination.
            raise PacsError(self._with_hint(str(error)), error.reason) from None
        if outcome.refused and not receiver.books.come(batch):
            raise self._failure(outcome)
        self._await_late(batch, receiver, outcome)

    def open(self) -> Link:
        """The association, opened where it is not. Raises PacsError."""
        if self._link is None or not self._link.usable:
            self._link = Link(self._peer, move_contexts())
        return self._link

    def _await_late(self, batch: Sequence[InstanceRef], receiver: Receiver, outcome: Outcome) -> None:
        """Wait while objects come: until what the PACS claims is here, or silence (PS3.4 C.4.2 demands none of it)."""
        claimed = outcome.claimed
        if claimed and receiver.books.come(batch) >= claimed:
            self._in_step = True
            return
        silence = self._settings.silence_seconds
        quiet = min(GRACE_SECONDS, silence) if self._in_step and not claimed else silence
        if not outcome.refused:
            receiver.books.wait(batch, min(claimed or len(batch), len(batch)), quiet)
        if claimed and not receiver.books.come(batch) and not self._listener.visited:
            raise self._destination_unknown()

    def _failure(self, outcome: Outcome) -> PacsError:
        if outcome.status == DESTINATION_UNKNOWN:
            return self._destination_unknown()
        self._failed = True
        message = f"{self._peer} failed a C-MOVE (status 0x{outcome.status:04X})."
        return RequestRefusedError(self._with_hint(message), Reason.NOT_RETRIEVED)

    def _with_hint(self, message: str) -> str:
        return message if self._listener.visited else f"{message} Nothing has ever come to us: {self._entry()}"

    def _destination_unknown(self) -> PacsError:
        return PacsError(
            f"{self._peer} does not know where to send to, or cannot reach it: {self._entry()}",
            Reason.MOVE_DESTINATION_UNKNOWN,
        )

    def _entry(self) -> str:
        title, port = self._settings.calling_ae_title, self._listener.port or self._settings.move_port
        return f"have our AE title {title}, this machine's address and port {port} entered in it as a destination."

    def release(self) -> None:
        """Release the association; the next request opens another."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def close(self) -> None:
        """Release the association and stop listening."""
        self.release()
        self._listener.stop()
