"""The one layer at which a request to the PACS is repeated: with pauses that grow, and jitter.

Nothing below repeats by itself, so a PACS in trouble sees at most ``attempts`` requests for one question. Jitter keeps
several workers from coming back at the same moment.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from miner.errors import AssociationRefused, PacsError, Reason, RetriableError

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE = 1.0
"""Seconds before the second attempt, before jitter; doubles each time."""

LONGEST_PAUSE = 30.0
"""Seconds that a pause never exceeds, before jitter."""

_HOPELESS = frozenset({Reason.MOVE_DESTINATION_UNKNOWN})


class TitleRefusedError(AssociationRefused):
    """The PACS does not know one of the two AE titles: asking again within a run gives the same answer."""


class ServiceNotOfferedError(PacsError):
    """The PACS accepts the association but not the service: asking again within a run gives the same answer."""


class RequestRefusedError(PacsError):
    """The PACS answered with a failure status: it is there and understood us, but did not do it."""


def pause(attempt: int) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 1): exponential, with jitter of ± 50 %."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.5)


def persistently(action: Callable[[], T], attempts: int, sleep: Callable[[float], None] = time.sleep) -> T:
    """``action()``, repeated while it raises a RetriableError that a repetition may cure; the last error is raised."""
    for attempt in range(1, attempts):
        try:
            return action()
        except RetriableError as error:
            if isinstance(error, TitleRefusedError | ServiceNotOfferedError) or error.reason in _HOPELESS:
                raise
            seconds = pause(attempt)
            log.info(
                "Request to the PACS failed (%s); attempt %d follows in %.1f s.", error.reason, attempt + 1, seconds
            )
        sleep(seconds)
    return action()
