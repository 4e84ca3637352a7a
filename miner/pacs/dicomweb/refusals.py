"""What a status and the headers of an HTTP answer mean to us (PS3.18 8.3.4.4, 10.6.3, RFC 9110)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Protocol

from miner.errors import PacsError, Reason
from miner.pacs.peer import Peer
from miner.pacs.retry import RequestRefusedError, ServiceNotOfferedError, TitleRefusedError

BUSY = frozenset({408, 425, 429, 503})
"""It could do it, but not now."""

FAILED = frozenset({500, 502, 504, 507, 508})
"""It tried, or something between us did, and failed: also the answer of many to what is too broad."""

UNAUTHORISED, FORBIDDEN, PROXY_AUTHENTICATION, NOT_FOUND = 401, 403, 407, 404


class LastingRefusalError(RequestRefusedError):
    """Understood and refused: the same request gets the same answer. ``status``: of HTTP."""

    def __init__(self, message: str, reason: Reason, status: int) -> None:
        super().__init__(message, reason)
        self.status = status


class TooLargeError(LastingRefusalError):
    """An answer is larger than its bound: it is we who refuse it. What of it had come is thrown away."""

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message, reason, 413)


class Asking(Protocol):
    """What a refusal's meaning depends on: who was asked, and whether we were ever let in."""

    peer: Peer
    accepted: bool

    def renew(self) -> bool:
        """Take up a new token. True where there is one."""


def refusal(status: int, asking: Asking, reason: Reason = Reason.FIND_FAILED) -> PacsError:
    """The typed error of a status that is not success."""
    peer = asking.peer
    if 300 <= status < 400:
        return ServiceNotOfferedError(
            f"{peer} sends us to another address (HTTP {status}), where we do not follow with identifiers and "
            "credentials: set pacs.url to the address that it really has.",
            reason,
        )
    if status in (UNAUTHORISED, PROXY_AUTHENTICATION) or (status == FORBIDDEN and not asking.accepted):
        return _credentials_refused(status, asking, reason)
    if status in BUSY:
        return PacsError(f"{peer} has no time for a request now (HTTP {status}).", reason)
    if status in FAILED:
        return RequestRefusedError(f"{peer} failed a request (HTTP {status}).", reason)
    return LastingRefusalError(f"{peer} refused a request (HTTP {status}).", reason, status)


def _credentials_refused(status: int, asking: Asking, reason: Reason) -> PacsError:
    if asking.renew():
        return PacsError(f"{asking.peer} refused our token (HTTP {status}); its file holds a new one.", reason)
    return TitleRefusedError(
        f"{asking.peer} refused us (HTTP {status}): check pacs.user and its password, or the token and whether it has "
        "expired, and ask its administrator whether they may query and retrieve.",
        Reason.CREDENTIALS_REFUSED,
    )


def names_more(headers: Mapping[str, str]) -> bool:
    """True where a warning says that there may be more than this answer holds; of fuzzy matching we ask for none."""
    warnings = re.split(r",\s*(?=[0-9]{3}\s)", headers.get("Warning", ""))
    return any("299" in warning and "fuzzy" not in warning.lower() for warning in warnings)


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Retry-After (RFC 9110 10.2.3), seconds or a date; 0 where there is none or it is neither."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def keep_alive_seconds(headers: Mapping[str, str], longest: float) -> float:
    """How long a connection may rest before it is better opened anew: half of what the service keeps it open for."""
    named = re.search(r"timeout=([0-9]{1,6})", headers.get("Keep-Alive", ""))
    return min(longest, float(named.group(1)) / 2) if named else longest
