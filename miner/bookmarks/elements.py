"""Typed reading of elements that may hold anything.

An absent or empty element is None, an empty text or an empty list. An element that is there and cannot be read is
:class:`MalformedError`, which carries no value of the object.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag, Tag

MAX_TEXT = 10_240
"""Characters of a text that are looked at; the longest text VR that presentation states use, ST, holds 1,024."""


class MalformedError(ValueError):
    """An element is present but cannot be read as what the standard says it is."""


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence. Raises MalformedError where the element is no sequence."""
    value = _value(dataset, keyword)
    if value is None:
        return []
    if not isinstance(value, DicomSequence):
        raise MalformedError(keyword)
    return list(value)


def text(dataset: Dataset, keyword: str) -> str:
    """A text value, its parts joined by backslash where there are several; empty where absent or unreadable."""
    try:
        value = _value(dataset, keyword)
    except MalformedError:
        return ""
    if value is None or isinstance(value, bytes | DicomSequence):
        return ""
    parts = [str(part) for part in value] if _is_multiple(value) else [str(value)]
    return "\\".join(parts)[:MAX_TEXT].strip(" \0\r\n\t")


def code(dataset: Dataset, keyword: str) -> str:
    """A code string, its first value in upper case; empty where absent or unreadable."""
    return text(dataset, keyword).split("\\")[0].strip().upper()


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...] | None:
    """All values as floats (which may be NaN or infinite); None where absent. Raises MalformedError."""
    value = _value(dataset, keyword)
    if value is None:
        return None
    if isinstance(value, bytes | DicomSequence):
        raise MalformedError(keyword)
    parts = value if _is_multiple(value) else [value]
    try:
        return tuple(float(part) for part in parts)
    except (TypeError, ValueError, OverflowError):
        raise MalformedError(keyword) from None


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value as a float; None where absent or empty. Raises MalformedError."""
    values = numbers(dataset, keyword)
    return values[0] if values else None


def _value(dataset: Dataset, keyword: str) -> Any:
    """An element's value; None where it is absent or empty. pydicom converts on access, and may fail in many ways."""
    try:
        tag = _tag(keyword)
        value = dataset[tag].value if tag in dataset else None
        return None if value is None or (isinstance(value, str | bytes) and not value) else value
    except Exception:
        raise MalformedError(keyword) from None


@cache
def _tag(keyword: str) -> BaseTag:
    """The tag of a keyword. Looked up each time, it would be a fifth of what reading a state costs."""
    return Tag(keyword)


def _is_multiple(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
