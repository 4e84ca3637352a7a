"""Parts of a date range cover it, whatever they are cut into, and whatever a PACS takes the ends of a range for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.pacs.queries.windows import FEWEST_MINUTES, MINUTES, Part

TODAY = date(2024, 6, 15)
DAYS = st.dates(date(1990, 1, 1), date(2030, 12, 31))
NEAR = st.dates(date(2024, 2, 1), date(2024, 2, 20))
ENDS = [(True, True), (True, False), (False, True), (False, False)]


@st.composite
def parts(draw: st.DrawFn, days: st.SearchStrategy[date] = DAYS) -> Part:
    since, until = draw(st.none() | days), draw(st.none() | days)
    if since and until and since > until:
        since, until = until, since
    if since and since == until and draw(st.booleans()):
        first = draw(st.integers(0, MINUTES - 1))
        return Part(since, until, (first, draw(st.integers(first + 1, MINUTES))))
    return Part(since, until)


def matches(part: Part, day: date, second: int, ends: tuple[bool, bool]) -> bool:
    """Whether a PACS that takes the ends of ranges as within, or not, answers with a study of that moment."""
    if part.minutes is not None:
        keys = part.keys()["StudyTime"]
        low, _, high = keys.partition("-")
        after = not low or _after(_second(low), second, ends[0])
        before = not high or _after(second, _second(high), ends[1])
        return day == part.since and after and before
    if part.one_day:
        return day == part.since
    after = part.since is None or _after(part.since.toordinal(), day.toordinal(), ends[0])
    return after and (part.until is None or _after(day.toordinal(), part.until.toordinal(), ends[1]))


def _after(first: int, second: int, inclusive: bool) -> bool:
    return first <= second if inclusive else first < second


def _second(value: str) -> int:
    return int(value[:2]) * 3600 + int(value[2:4]) * 60 + int(value[4:6])


@given(parts(), DAYS, st.integers(0, 86399), st.sampled_from(ENDS))
def test_halves_cover_the_whole(part: Part, day: date, second: int, ends: tuple[bool, bool]) -> None:
    halves = part.halves(TODAY)
    if halves and matches(part, day, second, ends):
        assert any(matches(half, day, second, ends) for half in halves)


@given(
    parts(NEAR),
    st.lists(st.tuples(NEAR, st.integers(0, MINUTES - 1)), max_size=6),
    NEAR,
    st.integers(0, 86399),
    st.sampled_from(ENDS),
)
def test_pieces_cover_the_whole(
    part: Part, known: list[tuple[date, int]], day: date, second: int, ends: tuple[bool, bool]
) -> None:
    inside = [(day, minute) for day, minute in known if part.covers(day, minute)]
    pieces = part.pieces([day for day, _ in inside], [minute for _, minute in inside], TODAY)
    if pieces and matches(part, day, second, ends):
        assert any(matches(piece, day, second, ends) for piece in pieces)


@given(parts(NEAR), st.lists(st.tuples(NEAR, st.integers(0, MINUTES - 1)), min_size=1, max_size=6))
def test_each_piece_is_smaller_or_holds_fewer(part: Part, known: list[tuple[date, int]]) -> None:
    inside = [(day, minute) for day, minute in known if part.covers(day, minute)]
    for piece in part.pieces([day for day, _ in inside], [minute for _, minute in inside], TODAY):
        held = [entry for entry in inside if piece.covers(*entry)]
        assert piece != part
        assert len(held) < len(inside) or piece.one_day or not inside


@pytest.mark.parametrize("ends", ENDS)
def test_a_padded_window_holds_its_ends(ends: tuple[bool, bool]) -> None:
    first, last = date(2024, 2, 3), date(2024, 2, 5)
    for part in (Part(first, last), Part(first, None), Part(None, last), Part(first, first), Part()):
        for day in (first, last):
            if matches(part, day, 0, (True, True)):
                assert matches(part.padded(), day, 0, ends)


@given(parts())
def test_cutting_comes_to_an_end(part: Part) -> None:
    for _ in range(200):
        halves = part.halves(TODAY)
        if not halves:
            return
        part = halves[0]
    raise AssertionError("still not at its end")


@given(DAYS, st.integers(3, 4000))
def test_halves_of_days_are_smaller_and_overlap(since: date, days: int) -> None:
    part = Part(since, since + timedelta(days=days))
    first, second = part.halves(TODAY)
    assert first.until is not None and second.since is not None
    assert (first.until - second.since).days == 1, "by two days, for a PACS that leaves out both ends"
    assert part not in (first, second)


def test_keys() -> None:
    day = date(2024, 2, 3)
    assert Part().keys() == {"StudyDate": ""}
    assert Part(day, None).keys() == {"StudyDate": "20240203-"}
    assert Part(None, day).keys() == {"StudyDate": "-20240203"}
    assert Part(day, date(2024, 2, 4)).keys() == {"StudyDate": "20240203-20240204"}
    assert Part(day, day).keys() == {"StudyDate": "20240203"}, "a range of one day is written as the day"
    assert Part(day, day, (0, 720)).keys() == {"StudyDate": "20240203", "StudyTime": "-120000"}
    assert Part(day, day, (720, MINUTES)).keys() == {"StudyDate": "20240203", "StudyTime": "120000-"}


def test_a_part_holds_what_is_within_it() -> None:
    day, next_day = date(2024, 2, 3), date(2024, 2, 4)
    assert Part().holds(Part(day, day))
    assert Part(day, None).holds(Part(next_day, next_day))
    assert Part(day, day).holds(Part(day, day, (5, 9)))
    assert not Part(day, day, (5, 9)).holds(Part(day, day))
    assert not Part(day, next_day).holds(Part(day, None))
    assert not Part(day, None).holds(Part())


def test_nothing_is_cut_below_a_few_minutes() -> None:
    day = date(2024, 2, 3)
    assert Part(day, day, (5, 5 + FEWEST_MINUTES)).halves(TODAY) == ()
    assert Part(day, day, (5, 5 + FEWEST_MINUTES)).pieces([day], [7], TODAY) == []
