"""When an object was made, as a text that sorts: its dates and times lie in elements named by a kind."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import Dataset

from miner.bookmarks.elements import text

DOCUMENT = ("Content", "InstanceCreation")
"""Kinds of a document: its content, else its instance."""


def created(dataset: Dataset, kinds: Iterable[str] = DOCUMENT) -> str:
    """YYYYMMDDHHMMSS and six digits of a second, as far as known, of the first kind that has a date; else empty.

    ``kinds``: the beginnings of the elements' keywords (``Content`` for Content Date and Content Time). An offset from
    UTC is not looked at: objects of one PACS follow one clock.
    """
    for kind in kinds:
        date = "".join(c for c in text(dataset, kind + "Date") if c.isascii() and c.isdigit())
        if len(date) != 8:
            continue
        whole, _, fraction = text(dataset, kind + "Time").replace(":", "").partition(".")
        if not (whole.isdigit() and whole.isascii() and len(whole) >= 2 and len(whole) % 2 == 0):
            return date
        digits = "".join(c for c in fraction if c.isascii() and c.isdigit())
        return date + whole[:6].ljust(6, "0") + digits[:6].ljust(6, "0")
    return ""
