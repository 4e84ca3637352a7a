"""The surface forms of a canary: how its text may look wherever somebody has written it down.

Encodings of whole texts (hexadecimal, base64, escapes, compression) are the scanner's: it decodes them first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

from tests.canaries.canary import Canary, Kind

SHORTEST = 8
"""Octets of the shortest form: anything shorter stands somewhere by chance."""

_MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]
_DIGESTS = ("md5", "sha1", "sha256")


def forms(canary: Canary) -> Iterator[bytes]:
    """Every form as octets in lower case, each at least :data:`SHORTEST` long. Search in lowered text."""
    for text in _texts(canary):
        yield from _octets(text, canary)
    yield from _unkeyed_digests(canary.value)


def is_numeric(canary: Canary) -> bool:
    """Whether a hit counts only where no further digit stands beside it: digits stand in longer ones by chance."""
    return canary.kind in (Kind.NUMBER, Kind.DATE, Kind.DIGITS, Kind.TIME)


def _texts(canary: Canary) -> Iterator[str]:
    value = canary.value
    yield value
    if canary.kind is Kind.DATE:
        yield from _of_a_day(value)
    elif canary.kind is Kind.TIME:
        yield f"{value[:2]}:{value[2:4]}:{value[4:]}"
    elif canary.kind is Kind.UID:
        root, _, _ = value.rpartition(".")
        yield f"{root}."  # the institution's root and the device's serial number alone name somebody
        yield value.replace(".", "_")
        yield value.replace(".", "-")
    elif canary.kind is Kind.SCRIPT:
        yield value.upper()
        yield value.title()


def _of_a_day(value: str) -> Iterator[str]:
    day = datetime.strptime(value, "%Y%m%d").replace(tzinfo=UTC)
    year, month, number, name = day.year, day.month, day.day, _MONTHS[day.month - 1]
    for mark in "-/._ ":
        yield f"{year}{mark}{month:02d}{mark}{number:02d}"
        yield f"{number:02d}{mark}{month:02d}{mark}{year}"
        yield f"{month:02d}{mark}{number:02d}{mark}{year}"
        yield f"{number}{mark}{month}{mark}{year}"
        yield f"{month}{mark}{number}{mark}{year}"
    yield f"{number:02d}{month:02d}{year}"
    for word in dict.fromkeys((name, name[:3])):
        yield f"{word} {number} {year}"
        yield f"{word} {number}, {year}"
        yield f"{number} {word} {year}"
        yield f"{number}-{word}-{year}"
    yield f"({year}, {month}, {number}"
    yield str(int(day.timestamp()))


def _octets(text: str, canary: Canary) -> Iterator[bytes]:
    if text.isascii():
        found = [text.encode("ascii")]
    else:
        found = [text.encode(codec, errors="ignore") for codec in ("utf-8", "utf-16-le", "utf-16-be", canary.codec)]
        found.append(text.encode("utf-32-le"))
        found.append(re.sub(rb"\x1b[$()]+[A-Z]", b"", found[3]))  # without its escape sequences (PS3.5 6.1.2.5)
    for octets in found:
        if len(octets) >= SHORTEST:
            yield octets.lower()


def _unkeyed_digests(value: str) -> Iterator[bytes]:
    """A digest without a key names its patient to whoever has a list of record numbers."""
    for name in _DIGESTS:
        digest = hashlib.new(name, value.encode())
        yield digest.hexdigest().encode()
        yield digest.digest().lower()
