"""The catalogue: what was found, what it gave and what was published; surrogates only, every change an event."""

from miner.catalogue.rows import (
    Event,
    Holdings,
    KnownSlice,
    Lineage,
    PatientRow,
    Publication,
    PublishedRow,
    ReleaseContent,
    ReleaseRow,
    Remains,
    RunInfo,
    RunRow,
    SeriesRow,
    Status,
    StoredBookmark,
    StoredSeries,
    StudyRow,
    WithdrawalRow,
    WorkRow,
)
from miner.catalogue.status import NAMELESS, PASSED_OVER, UNANSWERED, UNSEEN
from miner.catalogue.store import Catalogue
from miner.databases import Piece

__all__ = [
    "NAMELESS",
    "PASSED_OVER",
    "UNANSWERED",
    "UNSEEN",
    "Catalogue",
    "Event",
    "Holdings",
    "KnownSlice",
    "Lineage",
    "PatientRow",
    "Piece",
    "Publication",
    "PublishedRow",
    "ReleaseContent",
    "ReleaseRow",
    "Remains",
    "RunInfo",
    "RunRow",
    "SeriesRow",
    "Status",
    "StoredBookmark",
    "StoredSeries",
    "StudyRow",
    "WithdrawalRow",
    "WorkRow",
]
