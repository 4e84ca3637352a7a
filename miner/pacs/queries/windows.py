"""Cutting a range of study dates into parts, because a PACS may cut off its answer without saying so.

A part is a range of dates, or a range of times within one day. What a PACS takes for the ends of a range differs:
both within, one without, both without. So neighbouring parts overlap by more than their common end, and a part of one
day is asked for as that day, which is no range.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

MINUTES = 24 * 60
FEWEST_MINUTES = 8
"""Below so many minutes a part is not cut by time any more."""

EARLIEST = date(1970, 1, 1)
"""Before it nothing is cut off from an open range: there were no digital archives."""


@dataclass(frozen=True, slots=True)
class Part:
    """Study dates, inclusive, None open; ``minutes``: first and last minute where only part of one day is meant."""

    since: date | None = None
    until: date | None = None
    minutes: tuple[int, int] | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is narrowed by date: studies without one are answered too."""
        return self.since is None and self.until is None

    @property
    def one_day(self) -> bool:
        """Whether all of it lies on one day."""
        return self.since is not None and self.since == self.until

    def keys(self) -> dict[str, str]:
        """Matching keys of the part (PS3.4 C.2.2.2.5); an open range is universal matching.

        Date and time together are used within a single day only: most PACS match them independently.
        """
        keys = {"StudyDate": _range(_da(self.since), _da(self.until))}
        if self.minutes is not None:
            first, last = self.minutes
            # Open at the ends of the day: where an end is exclusive, midnight itself would be lost.
            keys["StudyTime"] = f"{_tm(first) if first else ''}-{_tm(last) if last < MINUTES else ''}"
        return keys

    def padded(self) -> Part:
        """One day more on each side, for a PACS that leaves out the ends of a range; a single day is no range."""
        if self.one_day or self.minutes is not None:
            return self
        first, last = self._ordinals()
        return _days(
            None if first is None else max(1, first - 1),
            None if last is None else min(date.max.toordinal(), last + 1),
        )

    def covers(self, day: date | None, minute: int | None) -> bool:
        """Whether a study of this day and minute can be an answer to it, with some room at its ends.

        An unknown day or minute can be an answer to a part that is not narrowed by it only.
        """
        if not self.everything:
            if day is None or (self.since and day < self.since) or (self.until and day > self.until):
                return False
            if self.minutes is not None:
                return minute is not None and self.minutes[0] - 1 <= minute <= self.minutes[1] + 1
        return True

    def holds(self, other: Part) -> bool:
        """Whether all that can be an answer to the other part can be one to this."""
        if self.everything:
            return True
        since = self.since is None or (other.since is not None and self.since <= other.since)
        until = self.until is None or (other.until is not None and other.until <= self.until)
        return since and until and self.minutes in (None, other.minutes)

    # ------------------------------------------------------------------------------------------------------- cutting

    def halves(self, today: date) -> tuple[Part, ...]:
        """Two parts of equal length that cover this one together, or its few days; none where it cannot be cut."""
        if self.minutes is not None:
            first, last = self.minutes
            middle = (first + last) // 2
            return () if last - first <= FEWEST_MINUTES else self._times((first, middle + 1), (middle, last))
        if self.since is None or self.until is None:
            return self._halves_of_open_range(today)
        days = (self.until - self.since).days
        if days <= 0:
            return replace(self, minutes=(0, MINUTES)).halves(today)
        if days <= 2:
            return tuple(_day(self.since.toordinal() + day) for day in range(days + 1))
        middle_day = self.since + timedelta(days=days // 2)
        return Part(self.since, middle_day + timedelta(days=1)), Part(middle_day, self.until)

    def pieces(self, days: Sequence[date], minutes: Sequence[int], today: date) -> list[Part]:
        """Parts that cover this one together, cut where the studies of an answer lie; none where it cannot be cut.

        ``days`` and ``minutes``: of the studies that were answered, as far as known. In each piece lie fewer of them,
        or, where all lie together, those around them hold none.
        """
        if self.minutes is not None or self.one_day:
            return self._pieces_by_time(minutes, today)
        first, last = self._ordinals()
        known = sorted(day.toordinal() for day in days if self.covers(day, None))
        if not known or (first is not None and last is not None and last - first <= 2):
            return list(self.halves(today))
        middle = _middle(known)
        if middle is not None:
            return [_days(first, middle + 1), _days(middle, last)]
        low, high = known[0] - 1, known[-1] + 1
        around = [_days(first, low)] if first is None or first < low else []
        around += [_days(high, last)] if last is None or last > high else []
        inside = [ordinal for ordinal in range(low, high + 1) if _within(ordinal, first, last)]
        return [*around, *(_day(ordinal) for ordinal in inside)]

    def _ordinals(self) -> tuple[int | None, int | None]:
        since, until = self.since, self.until
        return None if since is None else since.toordinal(), None if until is None else until.toordinal()

    def _pieces_by_time(self, minutes: Sequence[int], today: date) -> list[Part]:
        first, last = self.minutes or (0, MINUTES)
        if last - first <= FEWEST_MINUTES:
            return []
        known = sorted(minute for minute in minutes if first <= minute <= last)
        if not known:
            return list(replace(self, minutes=(first, last)).halves(today))
        middle = _middle(known)
        if middle is not None:
            return list(self._times((first, middle + 1), (middle, last)))
        low, high = known[0], known[-1]
        around = [(first, low - 1)] if first < low - 1 else []
        around += [(high + 2, last)] if high + 2 < last else []
        return list(self._times((max(first, low - 2), min(last, high + 3)), *around))

    def _times(self, *ranges: tuple[int, int]) -> tuple[Part, ...]:
        return tuple(replace(self, minutes=minutes) for minutes in ranges)

    def _halves_of_open_range(self, today: date) -> tuple[Part, ...]:
        if self.until is None:
            if self.since is not None and self.since >= today:
                return ()
            return Part(self.since, today + timedelta(days=1)), Part(today, None)
        pivot = self.until - timedelta(days=365)
        if pivot < EARLIEST:
            return ()
        return Part(None, pivot + timedelta(days=1)), Part(pivot, self.until)


def _middle(known: Sequence[int]) -> int | None:
    """Where to cut so that fewer than all values lie up to one beyond it, and fewer than all from it on; None: nowhere.

    Values: days or minutes, ascending. The best cut is the one whose longer side is shortest.
    """
    count = len(known)
    sides = {
        cut: max(bisect_right(known, cut + 1), count - bisect_left(known, cut))
        for value in set(known)
        for cut in (value - 2, value - 1, value, value + 1)
    }
    best = min(sides, key=lambda cut: (sides[cut], cut))
    return best if sides[best] < count else None


def _within(value: int, first: int | None, last: int | None) -> bool:
    return (first is None or first <= value) and (last is None or value <= last)


def _days(first: int | None, last: int | None) -> Part:
    since = None if first is None else date.fromordinal(first)
    return Part(since, None if last is None else date.fromordinal(last))


def _day(ordinal: int) -> Part:
    return _days(ordinal, ordinal)


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


def _da(day: date | None) -> str:
    return "" if day is None else f"{day:%Y%m%d}"


def _tm(minute: int) -> str:
    return f"{minute // 60:02d}{minute % 60:02d}00"
