"""One association with the PACS: opened, used for one request after another, released.

A :class:`Link` is the only place that calls pynetdicom's services. What it adds: typed errors instead of empty
statuses, the guards of :mod:`miner.pacs.dimse.guard`, bounds (:mod:`miner.pacs.dimse.bounds`), TLS and user identity, a
limit of silence (``silence_seconds``) and one for the whole request (``request_seconds``), one of the associations that
the PACS is to see, and a stop that ends it. It repeats nothing (see :mod:`miner.pacs.retry`) and never negotiates
asynchronous operations: a known PACS drops the connection when it is asked for them, and several associations do the
same work.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from miner.errors import PacsError, Reason
from miner.pacs.dimse import identity
from miner.pacs.dimse.contexts import (
    FIND,
    GET,
    IN_PATIENT_ROOT,
    MOVE,
    PATIENT_ROOT,
    STUDY_ROOT,
    VERIFICATION,
    in_root,
)
from miner.pacs.dimse.ending import Abort
from miner.pacs.dimse.guard import keep_values_out_of_logs, tainted
from miner.pacs.dimse.opening import open_association
from miner.pacs.dimse.outcome import Outcome, outcome_of
from miner.pacs.dimse.patience import Limit, Patience
from miner.pacs.dimse.wire import Wire
from miner.pacs.peer import Peer
from miner.pacs.retry import CrowdedError, RequestRefusedError, ServiceNotOfferedError

log = logging.getLogger(__name__)

MOST_ROWS = 100_000
"""Rows of one C-FIND; no window of ours asks for as many, and half a gigabyte holds no more."""

StoreHandler = Callable[[evt.Event], int]


class Link:
    """An established association. ``on_store`` receives C-STORE requests of a C-GET and gives the status of each."""

    def __init__(
        self,
        peer: Peer,
        contexts: Sequence[PresentationContext],
        roles: Iterable[Any] = (),
    ) -> None:
        """Open it, once the pace allows for it.

        Raises PacsUnreachable, AssociationRefused, StoppedError, or ConfigError for an AE title, a user or a file of
        TLS that cannot be. Contexts of an information model that ``pacs.query_root`` excludes are left out.
        """
        keep_values_out_of_logs()
        self.on_store: StoreHandler | None = None
        self._peer = peer
        self._settings = peer.settings
        self._settled = True
        self._abandoned = False
        self._patience: Patience | None = None
        self._association: Any = None
        self._wire: Wire | None = None
        self._abort: Abort | None = None
        self._letting_go = threading.Lock()
        self._held = contextlib.ExitStack()
        self._contexts = in_root(contexts, self._settings.query_root)
        self._roles = list(roles)
        self._begin()

    # ------------------------------------------------------------------------------------------------------ opening

    def _begin(self) -> None:
        """Open it. Where the PACS takes none beside those of ours that are open, once one of them is closed."""
        while True:
            try:
                self._open()
                return
            except CrowdedError:
                ours = self._peer.pace.refused()
                self._end_opening()
                if not ours:
                    raise
                log.info("The PACS takes no further association of ours; for some minutes fewer are opened at once.")
            except BaseException:
                # Interrupted on the way: pynetdicom's thread would keep this process alive until the association idles.
                self._end_opening()
                raise

    def _open(self) -> None:
        pace = self._peer.pace
        # Of this association alone: what ends late of the one before must not give back the place of this one.
        held = contextlib.ExitStack()
        held.enter_context(pace.association())
        self._held, self._abort = held, None
        held.enter_context(pace.halt.ending(self._stop))
        self._abandoned, self._settled = False, True
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_RELEASED, self._note_end, [held]),
            (evt.EVT_ABORTED, self._note_end, [held]),
        ]
        open_association(self._peer, self._contexts, self._roles, handlers, self._note_opening)

    def _end_opening(self) -> None:
        self.abort()
        self._let_go()

    def _await_turn(self) -> None:
        """Wait until the pace allows for a query; an association that was released for a long wait is opened anew."""
        released: list[bool] = []

        def release() -> None:
            released.append(True)
            self.close()

        self._peer.pace.before_request(release=release)
        if released:
            self._begin()

    def _note_opening(self, association: Association, wire: Wire) -> None:
        held = self._held
        self._association, self._wire = association, wire
        self._abort = Abort(association, wire, lambda: self._let_go(held))
        if self._peer.pace.halt.thrown:
            wire.cut()  # the stop may have come when there was nothing yet that it could end

    def _note_end(self, event: evt.Event, held: contextlib.ExitStack) -> None:
        """Released or aborted, by either side: the PACS sees one association less. Our own abort says itself when."""
        if self._held is held and self._abort is not None and self._abort.begun:
            return
        self._let_go(held)

    def _store(self, event: evt.Event) -> int:
        handler, patience = self.on_store, self._patience
        if handler is None or patience is None:
            return 0x0124  # Refused: Not Authorised (PS3.7 C.5.20)
        with patience.ours():
            return handler(event)

    # -------------------------------------------------------------------------------------------- what was agreed on

    @property
    def usable(self) -> bool:
        """True while requests can be sent."""
        if self._association.is_established:
            return True
        self._let_go()
        return False

    def offers(self, service: str) -> bool:
        """True where the PACS accepted a context of this SOP class; for a query or retrieval, in either root."""
        return self._model(service) is not None

    def roots(self, service: str) -> tuple[str, ...]:
        """The information models in which the PACS accepted a query or retrieval: of ``study`` and ``patient``."""
        models = ((STUDY_ROOT, service), (PATIENT_ROOT, str(IN_PATIENT_ROOT.get(service, ""))))  # type: ignore[call-overload]
        return tuple(root for root, model in models if self._accepted(model))

    @property
    def root(self) -> str:
        """The information model of our requests: ``study`` where the PACS accepted it, else ``patient``."""
        return STUDY_ROOT if any(self._accepted(model) for model in IN_PATIENT_ROOT) else PATIENT_ROOT

    @property
    def secured(self) -> bool:
        """True over TLS."""
        return self._settings.tls

    @property
    def identity_confirmed(self) -> bool:
        """True where the PACS answered our user identity (PS3.7 D.3.3.7)."""
        return identity.confirmed(self._association)

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

    @property
    def class_syntaxes(self) -> dict[str, tuple[str, ...]]:
        """The same for each SOP class, by UID."""
        found: dict[str, set[str]] = {}
        for context in self._association.accepted_contexts:
            if context.as_scp:
                found.setdefault(str(context.abstract_syntax), set()).add(str(context.transfer_syntax[0]))
        return {uid: tuple(sorted(syntaxes)) for uid, syntaxes in sorted(found.items())}

    def _accepted(self, sop_class_uid: str) -> bool:
        return any(context.abstract_syntax == sop_class_uid for context in self._association.accepted_contexts)

    def _model(self, service: str) -> str | None:
        """The SOP class by which a service is asked for: the study root's where it was accepted."""
        if self._accepted(service):
            return service
        other = next((patient for study, patient in IN_PATIENT_ROOT.items() if study == service), None)
        return other if other is not None and self._accepted(other) else None

    # ------------------------------------------------------------------------------------------------------- services

    def echo(self) -> None:
        """C-ECHO (PS3.4 A). Raises PacsError."""
        self._await_turn()
        with self._request("C-ECHO", Reason.UNREACHABLE, VERIFICATION):
            status = self._association.send_c_echo()
            self._check_answered("C-ECHO", status, Reason.UNREACHABLE)
            self._settled = True
            if status.Status != 0:
                raise self._failed("C-ECHO", status.Status, Reason.UNREACHABLE)

    def find(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        """C-FIND (PS3.4 C.4.1): all rows, as they came.

        With ``limit``, the request is cancelled after so many rows and these are returned. Raises PacsError with reason
        FIND_FAILED or TIMED_OUT unless the PACS ended with Success: part of an answer is no answer.
        """
        self._await_turn()
        rows: list[Dataset] = []
        with self._request("C-FIND", Reason.FIND_FAILED, FIND) as model:
            for status, row in self._association.send_c_find(fitting(identifier, model), model):
                self._check_answered("C-FIND", status, Reason.FIND_FAILED)
                if status.Status not in (0xFF00, 0xFF01):
                    self._settled = True
                    if status.Status != 0:
                        raise self._failed("C-FIND", status.Status, Reason.FIND_FAILED)
                    break
                if row is None:
                    raise PacsError(f"{self._peer} answered a query with a row that is not DICOM.", Reason.FIND_FAILED)
                rows.append(row)
                if len(rows) > MOST_ROWS:
                    raise PacsError(
                        f"{self._peer} answered a query with more than {MOST_ROWS} rows.", Reason.FIND_FAILED
                    )
                if limit is not None and len(rows) >= limit:
                    # Many PACS ignore C-CANCEL, so the association is aborted, which none can ignore.
                    self._abandoned = True
                    self.abort()
                    break
        return rows

    def get(self, identifier: Dataset) -> Outcome:
        """C-GET (PS3.4 C.4.3); objects go to ``on_store``. Raises PacsError when it breaks off."""
        with self._request("C-GET", Reason.RETRIEVE_FAILED, GET) as model:
            return self._outcome("C-GET", self._association.send_c_get(fitting(identifier, model), model))

    def move(self, identifier: Dataset, destination: str, last_arrival: Callable[[], float] | None = None) -> Outcome:
        """C-MOVE (PS3.4 C.4.2) to an AE title. Raises PacsError when it breaks off.

        ``last_arrival``: when (by the monotonic clock) an object last came on another association. Some archives say
        nothing at all on this one until the end, so silence counts from the later of the two.
        """
        with self._request("C-MOVE", Reason.RETRIEVE_FAILED, MOVE, last_arrival) as model:
            return self._outcome(
                "C-MOVE", self._association.send_c_move(fitting(identifier, model), destination, model)
            )

    def _outcome(self, service: str, responses: Iterator[tuple[Dataset, Dataset | None]]) -> Outcome:
        for status, identifier in responses:
            self._check_answered(service, status, Reason.RETRIEVE_FAILED)
            if status.Status not in (0xFF00, 0xFF01):
                self._settled = True
                return outcome_of(status, identifier)
        raise self._broken_off(service, Reason.RETRIEVE_FAILED)

    # --------------------------------------------------------------------------------------------------------- limits

    @contextlib.contextmanager
    def _request(
        self, service: str, reason: Reason, sop_class_uid: str, last_arrival: Callable[[], float] | None = None
    ) -> Iterator[str]:
        """Gives the SOP class to ask by. Whatever happens inside ends in success, in a PacsError, or in StoppedError;
        a request that lost a message is a failed one.
        """
        halt = self._peer.pace.halt
        halt.check()
        if not self.usable:
            raise self._broken_off(service, reason)
        model = self._model(sop_class_uid)
        if model is None:
            raise ServiceNotOfferedError(
                f"{self._peer} does not offer {service} to our AE title {self._settings.calling_ae_title} in a root "
                "that we may use (pacs.query_root): ask its administrator to allow it.",
                reason,
            )
        self._settled = False
        try:
            with self._limited(last_arrival):
                yield model
        except RuntimeError:
            # pynetdicom's "not established", or the guard's: the association ended before the request went out.
            halt.check()
            raise self._broken_off(service, reason) from None
        except PacsError:
            if not self._settled:
                self.abort()
            halt.check()
            raise
        except BaseException:
            self.abort()
            raise
        finally:
            self._patience = None
        if tainted(self._association) and not self._abandoned:
            self.abort()
            raise PacsError(f"A message of a {service} was lost on our side; the request is not complete.", reason)

    @contextlib.contextmanager
    def _limited(self, last_arrival: Callable[[], float] | None) -> Iterator[None]:
        wire, settings = self._wire, self._settings
        assert wire is not None

        def heard() -> float:
            return wire.heard if last_arrival is None else max(wire.heard, last_arrival())

        with Patience(settings.silence_seconds, settings.request_seconds, heard, self._end) as self._patience:
            yield

    def _end(self) -> None:
        self.abort()
        # Wakes the thread that waits for a response (dimse.get_msg).
        self._association.dimse.msg_queue.put((None, None))

    def _check_answered(self, service: str, status: Dataset, reason: Reason) -> None:
        """Pynetdicom gives an empty status for silence, for a lost connection and for an invalid response alike."""
        if "Status" not in status:
            raise self._broken_off(service, reason)

    def _broken_off(self, service: str, reason: Reason) -> PacsError:
        limit = None if self._patience is None else self._patience.over
        if limit is Limit.SILENCE or (self._wire is not None and isinstance(self._wire.failure, TimeoutError)):
            silence = self._settings.silence_seconds
            return PacsError(f"{self._peer} was silent for {silence:g} s during a {service}.", Reason.TIMED_OUT)
        if limit is Limit.WHOLE:
            whole = self._settings.request_seconds
            return PacsError(f"{self._peer} did not finish a {service} within {whole:g} s.", Reason.TIMED_OUT)
        return PacsError(
            f"{self._peer} broke off the association during a {service}. If it always does, ask its "
            f"administrator whether our AE title {self._settings.calling_ae_title} may query and retrieve.",
            reason,
        )

    def _failed(self, service: str, status: int, reason: Reason) -> PacsError:
        return RequestRefusedError(f"{self._peer} refused a {service} (status 0x{status:04X}).", reason)

    # -------------------------------------------------------------------------------------------------------- closing

    def abort(self) -> None:
        """End the association at once; the PACS stops what it is doing for us. Takes about a second at most."""
        if self._abort is not None:
            self._abort()

    def _stop(self) -> None:
        """The stop of the run. Each association ends in a thread of its own: one that hangs delays no other."""
        threading.Thread(target=self.abort, name="abort").start()

    def close(self) -> None:
        """Release the association."""
        try:
            self._association.release()
        except RuntimeError:
            self.abort()
        finally:
            self._let_go()

    def _let_go(self, of: contextlib.ExitStack | None = None) -> None:
        """The PACS sees this association no more. ``of``: nothing is done where another one has been opened since."""
        with self._letting_go:
            if of is not None and of is not self._held:
                return
            held, self._held = self._held, contextlib.ExitStack()
        held.close()


def fitting(identifier: Dataset, model: str) -> Dataset:
    """The Identifier without Patient ID where the model does not have it as a parent key.

    In the study root the patient is part of the study: below STUDY, and in every retrieval, only the unique keys of the
    levels above may stand (PS3.4 C.4.1.2.1, C.4.2.2.1, C.6.2). The patient root wants Patient ID there.
    """
    if model in IN_PATIENT_ROOT.values() or "PatientID" not in identifier:
        return identifier
    if model == FIND and identifier.get("QueryRetrieveLevel") == "STUDY":
        return identifier
    fitted = Dataset()
    fitted.update({element.tag: element for element in identifier if element.keyword != "PatientID"})
    return fitted
