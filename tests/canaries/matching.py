"""Many patterns in one pass: each octet's next eight are looked up in a table of hashes, and only hits are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from tests.canaries.canary import Canary
from tests.canaries.forms import SHORTEST, forms, is_numeric

_BITS = 22
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
"""Odd, and without a pattern in their bits: two hashes of eight octets that have little in common."""
_SHIFT = np.uint64(64 - _BITS)
_CHUNK = 1 << 20


class Patterns:
    """All forms of some canaries."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._by_head: dict[bytes, list[tuple[bytes, Canary]]] = defaultdict(list)
        for canary in canaries:
            for form in set(forms(canary)):
                self._by_head[form[:SHORTEST]].append((form, canary))
        heads = np.frombuffer(b"".join(self._by_head), dtype="<u8")
        self._tables = [np.zeros(1 << _BITS, dtype=bool) for _ in _FACTORS]
        for table, factor in zip(self._tables, _FACTORS, strict=True):
            table[(heads * factor) >> _SHIFT] = True

    def __len__(self) -> int:
        return sum(map(len, self._by_head.values()))

    def search(self, content: bytes) -> Iterator[Canary]:
        """The canaries of which a form stands in ``content``, whatever its case; one may come more than once."""
        lowered = content.lower()
        for start in range(0, len(lowered), _CHUNK):
            chunk = lowered[start : start + _CHUNK + SHORTEST - 1]
            for place in self._candidates(chunk):
                yield from self._at(lowered, start + place)

    def _candidates(self, chunk: bytes) -> Iterator[int]:
        for offset in range(min(SHORTEST, len(chunk) - SHORTEST + 1)):
            words = np.frombuffer(chunk, dtype="<u8", count=(len(chunk) - offset) // 8, offset=offset)
            found = np.flatnonzero(self._tables[0][(words * _FACTORS[0]) >> _SHIFT])
            found = found[self._tables[1][(words[found] * _FACTORS[1]) >> _SHIFT]]
            yield from (found * 8 + offset).tolist()

    def _at(self, lowered: bytes, place: int) -> Iterator[Canary]:
        for form, canary in self._by_head.get(lowered[place : place + SHORTEST], ()):
            end = place + len(form)
            if lowered[place:end] != form:
                continue
            if not is_numeric(canary) or _stands_alone(lowered, place, end):
                yield canary


def _stands_alone(lowered: bytes, start: int, end: int) -> bool:
    """Not a part of a longer number, save for one digit more (an element's tag may begin with one), or a time."""
    if not lowered[start : start + 1].isdigit():
        return True  # begins with a letter, a sign or a bracket, or is no text at all
    before, behind = lowered[max(0, start - 2) : start], lowered[end : end + 7]
    if before[-1:] == b"." and before[:1].isdigit():
        return False  # the fraction of a number
    more = before[-1:].isdigit() + before[-2:].isdigit() + _digits(behind)
    return more <= 1 or (not before[-1:].isdigit() and end - start == 8 and _digits(behind) == 6)


def _digits(text: bytes) -> int:
    return len(text) - len(text.lstrip(b"0123456789"))
