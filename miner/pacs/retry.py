"""The one layer at which a request to the PACS is repeated: with pauses that grow, and jitter.

Nothing below repeats by itself, so a PACS in trouble sees at most ``attempts`` requests for one question. Jitter keeps
several workers from coming back at the same moment.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

from miner.errors import AssociationRefused, PacsError, Reason

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE = 1.0
"""Seconds before the second attempt, before jitter; doubles each time."""

LONGEST_PAUSE = 30.0
"""Seconds that a pause never exceeds, before jitter."""

_HOPELESS = frozenset({Reason.MOVE_DESTINATION_UNKNOWN, Reason.TLS_REFUSED, Reason.CREDENTIALS_REFUSED})


class TitleRefusedError(AssociationRefused):
    """The PACS does not know one of the two AE titles: asking again within a run gives the same answer."""


class CrowdedError(AssociationRefused):
    """The PACS has no association free now, be it that others hold them or that we do."""


class ServiceNotOfferedError(PacsError):
    """The PACS accepts the association but not the service: asking again within a run gives the same answer."""


class PortTakenError(PacsError):
    """We cannot listen for what a C-MOVE sends: no other request of the run can either."""


class RequestRefusedError(PacsError):
    """The PACS answered with a failure status: it is there and understood us, but did not do it."""


class OutOfResourcesError(RequestRefusedError):
    """The PACS says that it is overloaded: a repetition may be asked for, never anything bigger."""


_HOPELESS_ERRORS = (TitleRefusedError, ServiceNotOfferedError, PortTakenError)


def pause(attempt: int) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 1): exponential, with jitter of ± 50 %."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.5)


def persistently(action: Callable[[], T], attempts: int, wait: Callable[[float], None]) -> T:
    """``action()``, repeated while it raises a PacsError that a repetition may cure; the last error is raised.

    ``wait``: sleeps for so many seconds; that of the run's :class:`~miner.pacs.care.Halt`, which a stop ends with
    StoppedError.
    """
    for attempt in range(1, attempts):
        try:
            return action()
        except PacsError as error:
            if isinstance(error, _HOPELESS_ERRORS) or error.reason in _HOPELESS:
                raise
            seconds = pause(attempt)
            log.info(
                "Request to the PACS failed (%s); attempt %d follows in %.1f s.", error.reason, attempt + 1, seconds
            )
        wait(seconds)
    return action()
