"""What becomes of an attribute that is read out of a DICOM object or an answer of an archive.

Each room that reads declares what it reads; a test holds every declaration against PS3.15 Table E.1-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Use(StrEnum):
    """What becomes of an attribute that is read."""

    KEPT = "kept"
    """Its value, or a word or number made of it, stands in the record."""
    SURROGATE = "surrogate"
    """A UID: in the record, which lives in memory; written down only as a surrogate, and in the vault."""
    SEALED = "sealed"
    """Written down in the vault alone; elsewhere a surrogate, or a rank in time, stands in its place."""
    JUDGED = "judged"
    """Only a reason, or a number computed from it, stands in the record; never its value."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that is read. ``option``: the code of :data:`miner.deid.PROFILE` under which it may be kept."""

    tag: int
    use: Use
    why: str
    option: str = ""
