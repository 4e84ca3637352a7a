"""Attribute matching of the Query/Retrieve service class (PS3.4 C.2.2.2): does one attribute match one key?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from pydicom.dataelem import DataElement

_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""Wild card matching is defined for these only (PS3.4 C.2.2.2.4)."""

_NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"})
_FIRST_TIME = "000000.000000"
_LAST_TIME = "235959.999999"
_LAST_MOMENT = "99991231235959.999999"
_FIRST_MOMENT = "00010101000000.000000"


def matches(vr: str, key: DataElement, values: Iterable[str]) -> bool:
    """True if any of an attribute's ``values`` matches ``key``.

    Single value, list of UID, universal, wild card and range matching (PS3.4 C.2.2.2.1 to C.2.2.2.5). Several values
    of a key other than a list of UIDs are alternatives. Person names match without regard to case, everything else
    with regard to it. An attribute without a value matches only an empty key or ``*``.
    """
    wanted = texts(key)
    if not any(wanted):
        return True
    held = [value for value in values if value] or [""]
    return any(_one(vr, want, value) for want in wanted for value in held)


def texts(element: DataElement) -> list[str]:
    """The values of an element as trimmed strings; no value is an empty list."""
    if element.VR == "SQ" or element.value is None:
        return []
    several = element.value if element.VM > 1 else [element.value]
    return [str(value).strip(" \0") for value in several]


def _one(vr: str, want: str, value: str) -> bool:
    if vr == "DA":
        return _in_range(want, value, _date, "", "99999999")
    if vr == "TM":
        return _in_range(want, value, _time, _FIRST_TIME, _LAST_TIME)
    if vr == "DT":
        return _in_range(want, value, _moment, _FIRST_MOMENT, _LAST_MOMENT)
    if vr in _NUMBER_VRS:
        return _number(want) == _number(value) and _number(value) is not None
    if vr == "PN":
        want, value = want.casefold().rstrip("^"), value.casefold().rstrip("^")
    if vr in _WILDCARD_VRS and ("*" in want or "?" in want):
        return _pattern(want).fullmatch(value) is not None
    return want == value


@lru_cache(maxsize=256)
def _pattern(want: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in want), re.DOTALL)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _in_range(want: str, value: str, normal: _Normal, first: str, last: str) -> bool:
    """Range matching, inclusive on both sides (PS3.4 C.2.2.2.5). An attribute without a value is in no range."""
    if not value:
        return False
    held = normal(value, first)
    if "-" not in want:
        return held == normal(want, first)
    low, _, high = want.partition("-")
    return (not low or normal(low, first) <= held) and (not high or held <= normal(high, last))


class _Normal:
    """Brings a date or time into a form in which the order of strings is the order of time."""

    def __init__(self, drop: str, *, whole_seconds_at: int | None) -> None:
        self._drop = drop
        self._point_at = whole_seconds_at

    def __call__(self, text: str, rest: str) -> str:
        """``text`` without separators; what its precision leaves out is taken from ``rest``."""
        for char in self._drop:
            text = text.replace(char, "")
        if self._point_at is None:
            return text
        return text + rest[len(text) :]


_date = _Normal(".", whole_seconds_at=None)
_time = _Normal(":", whole_seconds_at=6)
_moment = _Normal("", whole_seconds_at=14)
