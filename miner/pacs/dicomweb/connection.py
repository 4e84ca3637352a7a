"""One HTTP connection to the service, kept alive, used for one request after another; its limits and typed errors.

:meth:`Connection.exchange` is put around every use of the HTTP libraries. Whatever happens inside ends in success or in
an error of :mod:`miner.errors`: no request of theirs is repeated or redirected by them, and none outlives
``request_seconds``, a silence of ``silence_seconds``, its bound of octets, or a stop of the run.
"""

from __future__ import annotations

import contextlib
import math
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import requests
import urllib3
from requests.exceptions import SSLError

from miner.errors import AssociationRefused, MinerError, PacsError, PacsUnreachable, Reason
from miner.pacs.dicomweb import refusals
from miner.pacs.dicomweb.model import unescaped
from miner.pacs.dicomweb.quiet import keep_values_out_of_logs
from miner.pacs.dicomweb.service import Service
from miner.pacs.dicomweb.sockets import Adapter, CutError, Sockets
from miner.pacs.dicomweb.watch import Watch
from miner.pacs.peer import Peer
from miner.pacs.retry import ServiceNotOfferedError, persistently

T = TypeVar("T")

CHUNK = 262_144
"""Octets of one read at most; a read returns what has come."""

IDLE_SECONDS = 20.0
"""A connection that was not used for so long is opened anew: the service may have closed it, and says so too late."""

LONGEST_WAIT = 300.0
"""Seconds that Retry-After is heeded for; no request of the connection is sent before they are over."""

SMALL_BODY = 65_536
"""Octets of a refusal's body that are read, so that its connection can be used again."""


class Connection:
    """The connection of one caller. Not for several threads at a time, save :meth:`cut`."""

    def __init__(self, peer: Peer, *, patience: float = LONGEST_WAIT) -> None:
        """Nothing is opened. Raises ConfigError where the settings cannot be used.

        ``patience``: seconds of Retry-After that are waited for; a request that would have to wait longer is not sent.
        """
        keep_values_out_of_logs()
        self._patience = patience
        self.peer = peer
        self.service = Service.of(peer)
        self.session = self._new_session()
        self.warned = False
        """The last answer to a query carried a warning: there may be more than it holds (PS3.18 8.3.4.4)."""
        self.promised = False
        """It said so in words, not by its status alone."""
        self.accepted = False
        """The service has answered a request of ours with success."""
        self.answers_queries = False
        """And a query with rows, or with none: its root is the right one, whatever comes between."""
        self._page = False
        self._sockets = Sockets()
        self._watch = Watch(self._sockets.cut)
        self.session.mount(f"{self.service.root}/", Adapter(self.service, self._sockets))
        self._limit = self._octets = self._status = 0
        self._reason = Reason.FIND_FAILED
        self._keep_seconds = IDLE_SECONDS
        self._heard = time.monotonic()
        self._not_before = -math.inf
        self._reusable = False

    def _new_session(self) -> requests.Session:
        session = _Session()
        session.trust_env = False
        session.auth = self.service.authorization
        session.headers.clear()
        session.headers.update({"User-Agent": "bookmark-miner", "Accept-Encoding": "identity"})
        session.adapters.clear()
        session.hooks["response"] = [self._receive]
        return session

    @property
    def timeout(self) -> tuple[float, float]:
        """Seconds for connecting and for one read, as requests takes them."""
        settings = self.peer.settings
        return settings.connect_seconds, settings.silence_seconds

    # --------------------------------------------------------------------------------------------------- one request

    @contextlib.contextmanager
    def exchange(self, what: str, reason: Reason, limit: int) -> Iterator[None]:
        """One request and its answer. ``what``: a query, a retrieval; ``limit``: octets of the body, decoded.

        Raises PacsError, with ``reason`` where none fits better, and StoppedError.
        """
        halt = self.peer.pace.halt
        halt.check()
        self._wait_until_allowed()
        if time.monotonic() - self._heard > self._keep_seconds:
            self.close()
        self._limit, self._octets, self._reason = limit, 0, reason
        self._heard, self._reusable = time.monotonic(), False
        self.warned = self.promised = self._page = False
        self._sockets.begin()
        try:
            with halt.ending(self._sockets.cut), self._watch.within(self.peer.settings.request_seconds):
                yield
            if self._watch.over:  # what was cut can look as if it had ended
                raise CutError
            halt.check()
        except MinerError:
            if not self._reusable:
                self.close()  # what of the answer nobody reads is not to be sent
            halt.check()
            raise
        except (OSError, urllib3.exceptions.HTTPError, ValueError, RecursionError) as error:
            self.close()
            halt.check()
            raise self._typed(error, what, reason) from None
        except BaseException:
            self.close()
            raise
        finally:
            self._heard = time.monotonic()

    def _receive(self, response: requests.Response, **_: object) -> requests.Response:
        """The status and header of an answer have come: judge them, and bound what follows."""
        self._heard = time.monotonic()
        self._sockets.fresh = False
        self._keep_seconds = refusals.keep_alive_seconds(response.headers, IDLE_SECONDS)
        if response.status_code not in (200, 204, 206):
            self._discard(response)
            seconds = min(LONGEST_WAIT, refusals.retry_after_seconds(response.headers))
            self._not_before = time.monotonic() + seconds
            raise refusals.refusal(response.status_code, self, self._reason)
        self.accepted, self._status = True, response.status_code
        self.promised = refusals.names_more(response.headers)
        self.warned = self.promised or response.status_code == 206
        self._page = "html" in response.headers.get("Content-Type", "").lower()
        announced = response.headers.get("Content-Length", "0")
        if not announced.isdecimal() or int(announced[:20]) > self._limit:
            response.close()
            raise self.too_large()
        response.raw = _Body(response.raw, self)
        return response

    def _discard(self, response: requests.Response) -> None:
        """Read a refusal to its end where that is near; else its connection is closed."""
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced[:20]) <= SMALL_BODY:
            response.raw.read(SMALL_BODY)
            self._reusable = True
        response.close()

    def took(self, octets: int) -> None:
        """Enter octets of a body as they come."""
        self._heard = time.monotonic()
        self._octets += octets
        if self._octets > self._limit:
            raise self.too_large()

    @property
    def empty(self) -> bool:
        """The last answer claims to hold something, and holds nothing: no matches is 204, or an empty array."""
        return self._status != 204 and not self._octets

    def too_large(self) -> refusals.TooLargeError:
        """What to say of an answer beyond its bound."""
        return refusals.TooLargeError(
            f"{self.peer} answered with more octets than such an answer can have.", self._reason
        )

    def not_rows(self) -> PacsError:
        """What to say of an answer to a query that is none. A web page is no passing trouble, unless there were
        answers before: then it may be a proxy's.
        """
        if self._page and not self.answers_queries:
            return ServiceNotOfferedError(
                f"{self.peer} answers queries with a web page (HTML): check that pacs.url is the root of its DICOMweb "
                "service, and that nothing before it asks for a login.",
                self._reason,
            )
        return PacsError(
            f"{self.peer} answered a query with something that is not DICOM in JSON: where it always does, check that "
            "pacs.url is the root of its DICOMweb service.",
            self._reason,
        )

    def renew(self) -> bool:
        """Take up a new token from its file. True where there is one."""
        return self.service.authorization.renew()

    # ---------------------------------------------------------------------------------------------------------- errors

    def _typed(self, error: Exception, what: str, reason: Reason) -> PacsError:
        settings = self.peer.settings
        if self._watch.over:
            return PacsError(
                f"{self.peer} did not finish a {what} within {settings.request_seconds:g} s.", Reason.TIMED_OUT
            )
        if isinstance(error, SSLError) and self._sockets.fresh and not self._sockets.opening:
            return AssociationRefused(
                f"{self.peer} and we do not agree on TLS ({_tls_fault(error)}): check pacs.tls_ca, pacs.tls_name and, "
                "where it wants a certificate of ours, pacs.tls_certificate.",
                Reason.TLS_REFUSED,
            )
        if self._sockets.opening:
            return PacsUnreachable(
                f"{self.peer} cannot be reached: no TCP connection within {settings.connect_seconds:g} s, it was "
                "refused, or its name does not resolve. Check pacs.url, the network, and that it runs."
            )
        if time.monotonic() - self._heard >= settings.silence_seconds * 0.95:
            return PacsError(
                f"{self.peer} was silent for {settings.silence_seconds:g} s in a {what}.", Reason.TIMED_OUT
            )
        if what == "query" and isinstance(error, ValueError | RecursionError):  # also the JSON library's OSError
            return self.not_rows()
        told = f"broke off a {what} ({type(error).__name__})"
        if isinstance(error, ValueError | RecursionError) and not isinstance(error, OSError):
            told = f"answered a {what} with something that is not a whole body of DICOM objects"
        return PacsError(f"{self.peer} {told}.", reason)

    # --------------------------------------------------------------------------------------------------------- layers

    def repeatedly(self, action: Callable[[], T], attempts: int) -> T:
        """``action()`` by :func:`miner.pacs.retry.persistently`: waits end with a stop and heed Retry-After.

        A refusal that stays the same, however often it is asked for, is not asked for again.
        """

        def once() -> T | refusals.LastingRefusalError:
            try:
                return action()
            except refusals.LastingRefusalError as error:
                return error

        outcome = persistently(once, attempts, self._wait)
        if isinstance(outcome, refusals.LastingRefusalError):
            raise outcome
        return outcome

    def _wait(self, seconds: float) -> None:
        """Between two attempts: a pause, and no shorter one than the service asked for."""
        asked_for, self._not_before = self._not_before - time.monotonic(), -math.inf
        self.peer.pace.halt.wait(max(seconds, asked_for))

    def _wait_until_allowed(self) -> None:
        """What another request was told holds for the next one, whatever it asks for."""
        remaining = self._not_before - time.monotonic()
        if remaining > self._patience:
            message = f"{self.peer} asks not to be asked again for more than {self._patience:g} s (Retry-After)."
            raise PacsError(message, self._reason)
        if remaining > 0:
            self.peer.pace.halt.wait(remaining)

    def close(self) -> None:
        """Close what is open; the next request opens another."""
        self._watch.close()
        self.session.close()
        self._sockets.forget()


class _Session(requests.Session):
    def get(self, url: str | bytes, *arguments: Any, **options: Any) -> requests.Response:
        """Some services take a query as it stands, so nothing is escaped in it that need not be."""
        return super().get(unescaped(url) if isinstance(url, str) else url, *arguments, **options)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Redirects are refused by their status: they would carry identifiers and credentials elsewhere."""


class _Body:
    """The body of an answer as requests reads it: read by read as it comes, counted by the connection."""

    def __init__(self, raw: Any, connection: Connection) -> None:
        self._raw = raw
        self._connection = connection

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:
        while chunk := self._raw.read1(CHUNK, decode_content=decode_content):
            self._connection.took(len(chunk))
            yield chunk

    def close(self) -> None:
        self._raw.close()

    def release_conn(self) -> None:
        self._raw.release_conn()


def _tls_fault(error: BaseException) -> str:
    """OpenSSL's own words: a name of its table, and why a certificate was not believed."""
    found: Any = error
    for _ in range(6):
        if isinstance(found, ssl.SSLCertVerificationError):
            return str(found.verify_message)
        if isinstance(found, ssl.SSLError) and found.reason:
            return str(found.reason).lower().replace("_", " ")
        found = getattr(found, "reason", None) or (found.args[0] if getattr(found, "args", ()) else None)
        if not isinstance(found, BaseException):
            break
    return "no reason given"
