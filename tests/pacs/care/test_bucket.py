"""miner.pacs.care.bucket: no stretch of a minute, wherever it begins, sees more than the bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.pacs.care.bucket import MINUTE, Bucket


def arrivals(per_minute: float, pauses: list[float]) -> list[float]:
    """Somebody who takes a token as soon as there is one, but for some pauses."""
    now, taken = 0.0, []
    bucket = Bucket(per_minute, 1, now, whole=True)
    for pause in pauses:
        now += pause
        now += bucket.seconds_until(1, now)
        bucket.take(1, now)
        taken.append(now)
    return taken


def most_in_a_minute(taken: list[float]) -> int:
    return max(sum(start <= other <= start + MINUTE - 1e-6 for other in taken) for start in taken)


@given(st.integers(1, 60), st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.4, 3.0, 59.0, 61.0]), min_size=1, max_size=200))
def test_never_more_than_the_bound(per_minute: int, pauses: list[float]) -> None:
    assert most_in_a_minute(arrivals(per_minute, pauses)) <= per_minute


@pytest.mark.parametrize("per_minute", [1, 2, 10, 600])
def test_not_much_less_than_the_bound(per_minute: int) -> None:
    taken = arrivals(per_minute, [0.0] * per_minute * 10)
    assert taken[-1] < 10 * MINUTE / 0.89


def test_a_debt_is_made_up_for() -> None:
    bucket = Bucket(60, 1, 0.0, whole=False)
    bucket.take(26, 0.0)
    assert bucket.level(0.0) == -20
    assert bucket.seconds_until(0, 0.0) == pytest.approx(20 / 54 * 60)


def test_a_bound_can_be_changed_and_gives_nothing_away() -> None:
    bucket = Bucket(100, 1, 0.0, whole=False)
    bucket.take(10, 0.0)
    bucket.change(1000, 1, 0.0)
    assert bucket.level(0.0) == 0, "a wider bound fills by time, not at once"
    assert bucket.level(6.0) == pytest.approx(90)
    bucket.change(10, 1, 6.0)
    assert bucket.level(6.0) == 1, "what was saved up under a wider bound is gone"
