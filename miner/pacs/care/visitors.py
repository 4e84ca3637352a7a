"""Who knocked at our door and was not let in: counted by kind, for the report of the run."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum


class Refusal(StrEnum):
    """Why somebody or something was refused at our storage SCP."""

    ADDRESS = "unknown-address"
    CALLING_TITLE = "unknown-calling-title"
    CALLED_TITLE = "wrong-called-title"
    PROTOCOL = "not-dicom"
    CERTIFICATE = "no-known-certificate"
    TOO_MANY = "too-many-connections"
    UNEXPECTED_OBJECT = "unexpected-object"
    UNUSABLE_OBJECT = "unusable-object"


class Visitors:
    """Counts, safe for the threads of several associations."""

    def __init__(self) -> None:
        self._counts = Counter[Refusal]()
        self._counting = threading.Lock()

    def refuse(self, why: Refusal) -> None:
        """Count one."""
        with self._counting:
            self._counts[why] += 1

    def counts(self) -> Mapping[str, int]:
        """How many were refused so far, by kind; empty when nobody was."""
        with self._counting:
            return {str(kind): count for kind, count in sorted(self._counts.items())}
