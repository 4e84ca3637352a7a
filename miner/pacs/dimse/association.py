"""One association with the PACS: opened, used for one request after another, released.

A :class:`Link` is the only place that calls pynetdicom's services. What it adds: typed errors instead of empty
statuses, the guards of :mod:`miner.pacs.dimse.guard`, a limit of silence (no message for ``silence_seconds``) and one
for the whole request (``request_seconds``). It repeats nothing (see :mod:`miner.pacs.retry`) and never negotiates
asynchronous operations: a known PACS drops the connection when it is asked for them, and several associations do the
same work.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from miner.errors import AssociationRefused, ConfigError, PacsError, PacsUnreachable, Reason
from miner.pacs.dimse.contexts import FIND, GET, MOVE, VERIFICATION
from miner.pacs.dimse.guard import hold, keep_values_out_of_logs, tainted, untaint
from miner.pacs.peer import Peer
from miner.pacs.retry import RequestRefusedError, ServiceNotOfferedError, TitleRefusedError

MAXIMUM_PDU = 131_072
"""Octets of one protocol data unit that we receive; pynetdicom's 16 KiB makes 32 of every CT slice."""

IDLE_SECONDS = 20.0
"""An association that is not used for so long is released: a PACS has few of them."""

StoreHandler = Callable[[evt.Event], int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The final response of a C-GET or C-MOVE (PS3.7 9.1.3, 9.1.4). Counts that were not answered are None.

    ``unsent``: its Failed SOP Instance UID List (PS3.4 C.4.2.1.4.2), what the PACS says that it could not send.
    """

    status: int
    completed: int | None = None
    failed: int | None = None
    warned: int | None = None
    unsent: frozenset[str] = frozenset()

    @property
    def refused(self) -> bool:
        """True for a status of the category Failure (PS3.7 C.4): neither Success, Warning, Cancel nor Pending."""
        return self.status != 0 and self.status not in (0x0001, 0xFE00, 0xFF00, 0xFF01) and self.status >> 12 != 0xB

    @property
    def claimed(self) -> int | None:
        """How many objects the PACS says it has sent."""
        return None if self.completed is None else self.completed + (self.warned or 0)


class Link:
    """An established association. ``on_store`` receives C-STORE requests of a C-GET and gives the status of each."""

    def __init__(
        self,
        peer: Peer,
        contexts: Sequence[PresentationContext],
        roles: Iterable[Any] = (),
    ) -> None:
        """Open it. Raises PacsUnreachable, AssociationRefused, or ConfigError for an AE title that cannot be."""
        keep_values_out_of_logs()
        self.on_store: StoreHandler | None = None
        self._peer = peer
        self._settings = peer.settings
        self._heard = time.monotonic()
        self._connected = False
        self._answered = False
        self._settled = True
        self._abandoned = False
        self._opening: Association | None = None
        self._association = self._open(contexts, list(roles))

    # ------------------------------------------------------------------------------------------------------ opening

    def _open(self, contexts: Sequence[PresentationContext], roles: list[Any]) -> Association:
        settings = self._settings
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, self._set_socket),
            (evt.EVT_ACSE_RECV, self._note_answer),
            (evt.EVT_ESTABLISHED, lambda event: hold(event.assoc)),
            (evt.EVT_DIMSE_RECV, self._note_message),
            (evt.EVT_C_STORE, self._store),
        ]
        try:
            entity = AE(settings.calling_ae_title)
            entity.connection_timeout = settings.connect_seconds
            entity.acse_timeout = settings.connect_seconds
            entity.dimse_timeout = settings.silence_seconds
            entity.network_timeout = IDLE_SECONDS
            association = entity.associate(
                settings.host,
                settings.port,
                contexts=list(contexts),
                ae_title=settings.ae_title,
                max_pdu=MAXIMUM_PDU,
                ext_neg=roles,
                evt_handlers=handlers,
            )
        except OSError as error:
            raise self._unreachable(f"its name does not resolve ({type(error).__name__})") from None
        except (ValueError, TypeError):
            raise ConfigError(
                "pacs.ae_title and pacs.calling_ae_title must be 1 to 16 printable ASCII characters, no backslash."
            ) from None
        except BaseException:
            # Interrupted on the way: pynetdicom's own thread would keep this process alive until the association idles.
            if self._opening is not None:
                self._opening.abort()
            raise
        association.network_timeout_response = "A-RELEASE"
        if not association.is_established:
            raise self._not_established(association)
        untaint(association)
        return association

    def _not_established(self, association: Association) -> PacsError:
        settings = self._settings
        if not self._connected:
            return self._unreachable(f"no TCP connection within {settings.connect_seconds:g} s, or it was refused")
        if association.is_rejected:
            return _rejection(self._peer, association.acceptor.primitive)
        if not self._answered:
            return self._unreachable(f"it took the connection but did not answer within {settings.connect_seconds:g} s")
        return AssociationRefused(
            f"{self._peer} ended the negotiation with our AE title {settings.calling_ae_title}, or accepted none "
            "of our services: ask its administrator to let this AE title query and retrieve in the study root."
        )

    def _unreachable(self, why: str) -> PacsUnreachable:
        return PacsUnreachable(
            f"{self._peer} cannot be reached: {why}. Check pacs.host and pacs.port, the network, and that it runs."
        )

    def _set_socket(self, event: evt.Event) -> None:
        self._connected = True
        self._opening = event.assoc
        wire: Any = event.assoc.dul.socket.socket  # type: ignore[union-attr]
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # pynetdicom reads a PDU without any limit: a peer that stalls in the middle of one would hold us for ever.
        wire.settimeout(self._settings.silence_seconds)

    def _note_answer(self, event: evt.Event) -> None:
        self._answered = True

    def _note_message(self, event: evt.Event) -> None:
        self._heard = time.monotonic()

    def _store(self, event: evt.Event) -> int:
        return 0x0124 if self.on_store is None else self.on_store(event)  # Refused: Not Authorised (PS3.7 C.5.20)

    # -------------------------------------------------------------------------------------------- what was agreed on

    @property
    def usable(self) -> bool:
        """True while requests can be sent."""
        return bool(self._association.is_established)

    def offers(self, service: str) -> bool:
        """True where the PACS accepted a context of this SOP class."""
        return any(context.abstract_syntax == service for context in self._association.accepted_contexts)

    def stores(self, sop_class_uid: str) -> bool:
        """True where the PACS accepted us as the SCP of this storage class (needed for C-GET)."""
        return any(
            context.abstract_syntax == sop_class_uid and context.as_scp
            for context in self._association.accepted_contexts
        )

    @property
    def store_syntaxes(self) -> frozenset[str]:
        """Transfer syntaxes of the accepted storage contexts."""
        return frozenset(
            str(context.transfer_syntax[0]) for context in self._association.accepted_contexts if context.as_scp
        )

    # ------------------------------------------------------------------------------------------------------- services

    def echo(self) -> None:
        """C-ECHO (PS3.4 A). Raises PacsError."""
        with self._request("C-ECHO", Reason.UNREACHABLE, VERIFICATION):
            status = self._association.send_c_echo()
            self._check_answered("C-ECHO", status, Reason.UNREACHABLE)
            self._settled = True
            if status.Status != 0:
                raise self._failed("C-ECHO", status.Status, Reason.UNREACHABLE)

    def find(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        """C-FIND in the study root (PS3.4 C.4.1): all rows, as they came.

        With ``limit``, the request is cancelled after so many rows and these are returned. Raises PacsError with reason
        FIND_FAILED or TIMED_OUT unless the PACS ended with Success: part of an answer is no answer.
        """
        rows: list[Dataset] = []
        with self._request("C-FIND", Reason.FIND_FAILED, FIND):
            for status, row in self._association.send_c_find(identifier, FIND):
                self._check_answered("C-FIND", status, Reason.FIND_FAILED)
                if status.Status not in (0xFF00, 0xFF01):
                    self._settled = True
                    if status.Status != 0:
                        raise self._failed("C-FIND", status.Status, Reason.FIND_FAILED)
                    break
                if row is None:
                    raise PacsError(f"{self._peer} answered a query with a row that is not DICOM.", Reason.FIND_FAILED)
                rows.append(row)
                if limit is not None and len(rows) >= limit:
                    # Many PACS ignore C-CANCEL, so the association is aborted, which none can ignore.
                    self._abandoned = True
                    self.abort()
                    break
        return rows

    def get(self, identifier: Dataset) -> Outcome:
        """C-GET in the study root (PS3.4 C.4.3); objects go to ``on_store``. Raises PacsError when it breaks off."""
        with self._request("C-GET", Reason.RETRIEVE_FAILED, GET):
            return self._outcome("C-GET", self._association.send_c_get(identifier, GET))

    def move(self, identifier: Dataset, destination: str, last_arrival: Callable[[], float]) -> Outcome:
        """C-MOVE in the study root (PS3.4 C.4.2) to an AE title. Raises PacsError when it breaks off.

        ``last_arrival``: when (by the monotonic clock) an object last came on another association. Some archives say
        nothing at all on this one until the end, so silence counts from the later of the two.
        """
        with self._request("C-MOVE", Reason.RETRIEVE_FAILED, MOVE), self._hearing(last_arrival):
            return self._outcome("C-MOVE", self._association.send_c_move(identifier, destination, MOVE))

    def _outcome(self, service: str, responses: Iterator[tuple[Dataset, Dataset | None]]) -> Outcome:
        for status, identifier in responses:
            self._check_answered(service, status, Reason.RETRIEVE_FAILED)
            if status.Status not in (0xFF00, 0xFF01):
                self._settled = True
                return Outcome(
                    status.Status,
                    status.get("NumberOfCompletedSuboperations"),
                    status.get("NumberOfFailedSuboperations"),
                    status.get("NumberOfWarningSuboperations"),
                    _failed_list(identifier),
                )
        raise self._broken_off(service, Reason.RETRIEVE_FAILED)

    # --------------------------------------------------------------------------------------------------------- limits

    @contextlib.contextmanager
    def _request(self, service: str, reason: Reason, sop_class_uid: str) -> Iterator[None]:
        """Whatever happens inside ends in success or in a PacsError; a request that lost a message is a failed one."""
        if not self.usable:
            raise self._broken_off(service, reason)
        if not self.offers(sop_class_uid):
            raise ServiceNotOfferedError(
                f"{self._peer} does not offer {service} in the study root to our AE title "
                f"{self._settings.calling_ae_title}: ask its administrator to allow it.",
                reason,
            )
        self._heard = time.monotonic()
        self._settled = False
        limit = self._settings.request_seconds
        over = threading.Event()
        watch = threading.Timer(limit, self._end, (over,))
        watch.daemon = True
        watch.start()
        try:
            yield
        except RuntimeError:
            # pynetdicom's "not established", or the guard's: the association ended before the request went out.
            raise self._broken_off(service, reason) from None
        except PacsError:
            if over.is_set():
                raise PacsError(
                    f"{self._peer} did not finish a {service} within {limit:g} s.", Reason.TIMED_OUT
                ) from None
            if not self._settled:
                self.abort()
            raise
        except BaseException:
            self.abort()
            raise
        finally:
            watch.cancel()
        if tainted(self._association) and not self._abandoned:
            self.abort()
            raise PacsError(f"A message of a {service} was lost on our side; the request is not complete.", reason)

    @contextlib.contextmanager
    def _hearing(self, last_arrival: Callable[[], float]) -> Iterator[None]:
        """While inside, silence is that of this association and of those that the objects come on."""
        silence = self._settings.silence_seconds
        done = threading.Event()

        def watch() -> None:
            while not done.wait(min(silence / 10, 1.0)):
                self._heard = max(self._heard, last_arrival())
                if time.monotonic() - self._heard >= silence:
                    self._end(done)

        self._association.dimse_timeout = None
        watcher = threading.Thread(target=watch, name="silence", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            self._association.dimse_timeout = silence

    def _end(self, over: threading.Event) -> None:
        over.set()
        self.abort()
        # Wakes the thread that waits for a response (dimse.get_msg).
        self._association.dimse.msg_queue.put((None, None))

    def _check_answered(self, service: str, status: Dataset, reason: Reason) -> None:
        """Pynetdicom gives an empty status for silence, for a lost connection and for an invalid response alike."""
        if "Status" not in status:
            raise self._broken_off(service, reason)

    def _broken_off(self, service: str, reason: Reason) -> PacsError:
        silence = self._settings.silence_seconds
        if time.monotonic() - self._heard >= silence * 0.95:
            return PacsError(f"{self._peer} was silent for {silence:g} s during a {service}.", Reason.TIMED_OUT)
        return PacsError(
            f"{self._peer} broke off the association during a {service}. If it always does, ask its "
            f"administrator whether our AE title {self._settings.calling_ae_title} may query and retrieve.",
            reason,
        )

    def _failed(self, service: str, status: int, reason: Reason) -> PacsError:
        return RequestRefusedError(f"{self._peer} refused a {service} (status 0x{status:04X}).", reason)

    # -------------------------------------------------------------------------------------------------------- closing

    def abort(self) -> None:
        """End the association at once; the PACS stops what it is doing for us."""
        self._association.abort()

    def close(self) -> None:
        """Release the association."""
        try:
            self._association.release()
        except RuntimeError:
            self._association.abort()


def _failed_list(identifier: Dataset | None) -> frozenset[str]:
    """Failed SOP Instance UID List (0008,0058) of a final response; empty where it is absent or cannot be read."""
    try:
        value = None if identifier is None else identifier.get("FailedSOPInstanceUIDList")
        return frozenset() if not value else frozenset([value] if isinstance(value, str) else map(str, value))
    except Exception:
        # Encoded by the peer and decoded at this access: whatever pydicom raises, the list is a hint only.
        return frozenset()


def _rejection(peer: Peer, answer: Any) -> AssociationRefused:
    """A-ASSOCIATE-RJ in words (PS3.8 9.3.4, Table 9-21)."""
    settings = peer.settings
    us, them = settings.calling_ae_title, settings.ae_title
    source, why = getattr(answer, "result_source", 0), getattr(answer, "diagnostic", 0)
    if (source, why) == (1, 7):
        return TitleRefusedError(
            f"{peer} says that {them} is not its AE title (ours is {us}): set pacs.ae_title to the "
            "title that its administrator names."
        )
    if (source, why) == (1, 3):
        return TitleRefusedError(
            f"{peer} does not know our AE title {us}: ask its administrator to enter {us} with this "
            f"machine's address, and port {settings.move_port} for C-MOVE, as one that may query and retrieve."
        )
    busy = source == 3 or getattr(answer, "result", 0) == 2
    why_not = "it has no association free now" if busy else "it gives no reason"
    return AssociationRefused(
        f"{peer} refused the association with our AE title {us}: {why_not}. If it stays so, ask its "
        f"administrator whether {us} may query and retrieve, and how many associations at once."
    )
