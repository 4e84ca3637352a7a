"""Parts of a date range cover it, whatever they are cut into."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from miner.pacs.queries.windows import MINUTES, Part

TODAY = date(2024, 6, 15)
DAYS = st.dates(date(1990, 1, 1), date(2030, 12, 31))


@st.composite
def parts(draw: st.DrawFn) -> Part:
    since, until = draw(st.none() | DAYS), draw(st.none() | DAYS)
    if since and until and since > until:
        since, until = until, since
    if since and since == until and draw(st.booleans()):
        first = draw(st.integers(0, MINUTES - 1))
        return Part(since, until, (first, draw(st.integers(first + 1, MINUTES))))
    return Part(since, until)


def holds(part: Part, day: date, minute: int) -> bool:
    inside = (part.since is None or part.since <= day) and (part.until is None or day <= part.until)
    return inside and (part.minutes is None or part.minutes[0] <= minute <= part.minutes[1])


@given(parts(), DAYS, st.integers(0, MINUTES - 1))
def test_halves_cover_the_whole_and_nothing_else(part: Part, day: date, minute: int) -> None:
    halves = part.halves(TODAY)
    if halves is not None:
        assert any(holds(half, day, minute) for half in halves) == holds(part, day, minute)


@given(parts())
def test_cutting_comes_to_an_end(part: Part) -> None:
    for _ in range(200):
        halves = part.halves(TODAY)
        if halves is None:
            return
        part = halves[0]
    raise AssertionError("still not at its end")


@given(DAYS, st.integers(2, 4000))
def test_halves_of_days_are_smaller_and_overlap(since: date, days: int) -> None:
    part = Part(since, since + timedelta(days=days))
    halves = part.halves(TODAY)
    assert halves is not None
    first, second = halves
    assert first.until == second.since
    assert part not in halves


def test_keys() -> None:
    day = date(2024, 2, 3)
    assert Part().keys() == {"StudyDate": ""}
    assert Part(day, None).keys() == {"StudyDate": "20240203-"}
    assert Part(None, day).keys() == {"StudyDate": "-20240203"}
    assert Part(day, date(2024, 2, 4)).keys() == {"StudyDate": "20240203-20240204"}
    assert Part(day, day).keys() == {"StudyDate": "20240203"}, "a range of one day is written as the day"
    assert Part(day, day, (0, 720)).keys() == {"StudyDate": "20240203", "StudyTime": "000000-120000"}
    assert Part(day, day, (720, MINUTES)).keys() == {"StudyDate": "20240203", "StudyTime": "120000-"}


def test_nothing_is_cut_below_two_minutes() -> None:
    day = date(2024, 2, 3)
    assert Part(day, day, (5, 6)).halves(TODAY) is None
