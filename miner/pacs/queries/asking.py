"""How every query is sent: the one thing that a transport gives to this room."""

from __future__ import annotations

from typing import Protocol

from pydicom import Dataset


class Ask(Protocol):
    """Sends one C-FIND and gives all its rows, or raises PacsError; with ``limit``, the first so many and no more."""

    def __call__(self, identifier: Dataset, limit: int | None = None) -> list[Dataset]:
        """Raises PacsError unless the answer is complete."""
