"""Where every row and picture comes from, and whether the books still agree. Needs no vault and no key."""

from miner.audit.trace_record import Trace, TracedBookmark, TracedEvent, TracedObject, TracedPicture, TracedRow
from miner.audit.tracing import trace
from miner.audit.verification import verify

__all__ = [
    "Trace",
    "TracedBookmark",
    "TracedEvent",
    "TracedObject",
    "TracedPicture",
    "TracedRow",
    "trace",
    "verify",
]
