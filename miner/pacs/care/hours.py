"""Working hours: when the PACS may be asked, by weekday and local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self
from zoneinfo import ZoneInfo

from miner.config import Settings

_DAY = 24 * 60
_WEEK = 7 * _DAY
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """``week``: ranges [start, end) in minutes of local time since Monday 00:00; what reaches past Sunday goes on at
    its beginning. Local time is the wall clock's: the hour that a clock repeats in autumn is open both times, and of
    one that it skips in spring nothing is missed, since time goes on behind it.
    """

    week: tuple[tuple[int, int], ...] = ((0, _WEEK),)
    zone: tzinfo = UTC

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The hours of config.toml, in [schedule] timezone."""
        return cls(settings.hours.week(), ZoneInfo(settings.schedule.timezone))

    def open_at(self, instant: datetime) -> bool:
        """Whether the PACS may be asked then. ``instant`` has a time zone, any."""
        local = instant.astimezone(self.zone)
        minute = local.weekday() * _DAY + local.hour * 60 + local.minute
        return any(start <= minute < end or start <= minute + _WEEK < end for start, end in self.week)

    def next_change(self, instant: datetime) -> datetime | None:
        """When it next opens, or closes where it is open; in local time, to the minute. None: never."""
        now = self.open_at(instant)
        # In steps, since a clock that is put back or forward moves, repeats and skips the ends of ranges.
        moment = instant.astimezone(UTC).replace(second=0, microsecond=0)
        for _ in range(_WEEK + _DAY):
            moment += _MINUTE
            if self.open_at(moment) != now:
                return moment.astimezone(self.zone)
        return None


ALWAYS = Hours()
