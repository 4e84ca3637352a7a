"""The catalogue: what was found, what it gave and what was published; surrogates only, every change an event."""

from miner.catalogue.rows import (
    Event,
    KnownSlice,
    Lineage,
    PatientRow,
    Publication,
    PublishedRow,
    ReleaseContent,
    ReleaseRow,
    RunInfo,
    RunRow,
    SeriesRow,
    Status,
    StoredBookmark,
    StoredSeries,
    StudyRow,
    WorkRow,
)
from miner.catalogue.status import UNANSWERED, UNSEEN
from miner.catalogue.store import Catalogue

__all__ = [
    "UNANSWERED",
    "UNSEEN",
    "Catalogue",
    "Event",
    "KnownSlice",
    "Lineage",
    "PatientRow",
    "Publication",
    "PublishedRow",
    "ReleaseContent",
    "ReleaseRow",
    "RunInfo",
    "RunRow",
    "SeriesRow",
    "Status",
    "StoredBookmark",
    "StoredSeries",
    "StudyRow",
    "WorkRow",
]
