"""miner.pacs.care.hours: by weekday, past midnight, and through the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.config import Settings, build
from miner.errors import ConfigError
from miner.pacs.care import Hours

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def hours(zone: str = "Europe/Berlin", **days: str) -> Hours:
    return Hours.of(settings(zone, **days))


def settings(zone: str = "Europe/Berlin", **days: str) -> Settings:
    content = {"hours": {**dict.fromkeys(DAYS, ""), **days}, "schedule": {"timezone": zone}}
    return build(content, base=Path(), environment={})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("instant", "open_then"),
    [
        ("2026-03-02T18:59:59", False),  # a Monday
        ("2026-03-02T19:00:00", True),
        ("2026-03-03T00:00:00", True),
        ("2026-03-03T06:59:59", True),
        ("2026-03-03T07:00:00", False),
        ("2026-03-03T19:00:00", False),
    ],
)
def test_a_range_past_midnight_belongs_to_the_day_it_begins(instant: str, open_then: bool) -> None:
    assert hours(monday="19:00-07:00").open_at(at(instant)) is open_then


def test_a_sunday_night_reaches_into_monday() -> None:
    night = hours(sunday="22:00-05:30")
    assert night.open_at(at("2026-03-01T23:00"))
    assert night.open_at(at("2026-03-02T05:29"))
    assert not night.open_at(at("2026-03-02T05:30"))


def test_several_ranges_and_the_whole_day() -> None:
    day = hours(monday="19:00-24:00, 00:00-07:00", tuesday="00:00-24:00")
    assert [day.open_at(at(f"2026-03-02T{hour:02d}:00")) for hour in (0, 6, 7, 18, 19, 23)] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    assert day.next_change(at("2026-03-02T19:00")) == at("2026-03-04T00:00")
    assert Hours.of(Settings()).next_change(at("2026-03-02T19:00")) is None


def test_the_hour_that_is_skipped_in_spring() -> None:
    """2026-03-29, Berlin: 02:00 is followed by 03:00."""
    night = hours(sunday="02:30-04:00")
    assert not night.open_at(at("2026-03-29T01:59"))
    assert night.open_at(at("2026-03-29T03:00"))
    assert night.next_change(at("2026-03-29T00:00")) == at("2026-03-29T03:00")
    assert not night.open_at(at("2026-03-29T04:00"))


def test_the_hour_that_is_repeated_in_autumn() -> None:
    """2026-10-25, Berlin: 03:00 is followed by 02:00 once more."""
    night = hours(sunday="02:00-03:00")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert [night.open_at(first + timedelta(hours=hour)) for hour in (-1, 0, 1, 2)] == [False, True, True, False]
    assert night.next_change(first) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


@given(
    st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)), min_size=7, max_size=7),
    st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5)),
)
def test_as_the_clock_on_the_wall(ranges: list[tuple[int, int]], naive: datetime) -> None:
    """By the definition: a moment is open where its wall clock lies in a range that began on that day or the last."""
    named = {day: f"{text(a)}-{text(b)}" for day, (a, b) in zip(DAYS, ranges, strict=True) if a != b}
    if not named:
        return
    instant = naive.replace(tzinfo=UTC)
    local = instant.astimezone(BERLIN)
    minute = local.hour * 60 + local.minute
    spans = [(a, b if b > a else b + 1440) if a != b else (0, 0) for a, b in ranges]
    today, yesterday = spans[local.weekday()], spans[local.weekday() - 1]
    expected = today[0] <= minute < today[1] or yesterday[0] <= minute + 1440 < yesterday[1]
    assert hours(**named).open_at(instant) is expected


def text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@pytest.mark.parametrize(
    "wrong",
    ["19:00", "19-07", "25:00-26:00", "19:00-24:30", "19:60-20:00", "24:00-07:00", "07:00-07:00", "night", "1:2"],
)
def test_nonsense_is_an_error_that_names_the_day(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"hours\.tuesday: must be ranges of time, such as 19:00-24:00"):
        settings(tuesday=wrong)


def test_no_hours_at_all_would_be_for_ever() -> None:
    with pytest.raises(ConfigError, match=r"hours: no day has any.*limits\.paused"):
        settings()
