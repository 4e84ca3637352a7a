"""Cutting a range of study dates into parts, because a PACS may cut off its answer without saying so.

A part is a range of dates, or a range of times within one day. Halves overlap by their common end (a day, a minute), so
that a PACS which takes an end as exclusive loses nothing; rows are de-duplicated by UID.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

MINUTES = 24 * 60
EARLIEST = date(1970, 1, 1)
"""Before it nothing is cut off from an open range: there were no digital archives."""


@dataclass(frozen=True, slots=True)
class Part:
    """Study dates, inclusive, None open; ``minutes``: first and last minute where only part of one day is meant."""

    since: date | None = None
    until: date | None = None
    minutes: tuple[int, int] | None = None

    def keys(self) -> dict[str, str]:
        """Matching keys of the part (PS3.4 C.2.2.2.5); an open range is universal matching.

        Date and time together are used within a single day only: most PACS match them independently.
        """
        keys = {"StudyDate": _range(_da(self.since), _da(self.until))}
        if self.minutes is not None:
            first, last = self.minutes
            keys["StudyTime"] = f"{_tm(first)}-{'' if last >= MINUTES else _tm(last)}"
        return keys

    def halves(self, today: date) -> tuple[Part, Part] | None:
        """Two parts that cover this one together; None where it cannot be cut any more."""
        if self.minutes is not None:
            return self._halves_of_minutes(self.minutes)
        if self.since is None or self.until is None:
            return self._halves_of_open_range(today)
        days = (self.until - self.since).days
        if days <= 0:
            return self._halves_of_minutes((0, MINUTES))
        if days == 1:
            return Part(self.since, self.since), Part(self.until, self.until)
        middle = self.since + timedelta(days=days // 2)
        return Part(self.since, middle), Part(middle, self.until)

    def _halves_of_minutes(self, minutes: tuple[int, int]) -> tuple[Part, Part] | None:
        first, last = minutes
        if last - first <= 1:
            return None
        middle = (first + last) // 2
        return replace(self, minutes=(first, middle)), replace(self, minutes=(middle, last))

    def _halves_of_open_range(self, today: date) -> tuple[Part, Part] | None:
        if self.until is None:
            if self.since is not None and self.since >= today:
                return None
            return Part(self.since, today), Part(today, None)
        pivot = self.until - timedelta(days=365)
        if pivot < EARLIEST:
            return None
        return Part(None, pivot), Part(pivot, self.until)


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


def _da(day: date | None) -> str:
    return "" if day is None else f"{day:%Y%m%d}"


def _tm(minute: int) -> str:
    return f"{minute // 60:02d}{minute % 60:02d}00"
