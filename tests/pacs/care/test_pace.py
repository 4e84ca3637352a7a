"""miner.pacs.care.pace: what the PACS is to bear, between threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.config import build
from miner.errors import StoppedError
from miner.pacs.care import Bounds, Halt, Hours, Pace, Wait, bucket, pace


class Clock:
    """A clock that goes forward when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SimulatedCondition:
    """Waiting is the clock going on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def wait(self, seconds: float) -> None:
        self._clock.now += max(seconds, 1e-3)

    def notify_all(self) -> None:
        pass


def simulated(bounds: Bounds) -> tuple[Pace, Clock]:
    clock = Clock()
    made = Pace(bounds, clock=clock)
    made._changed = SimulatedCondition(clock)  # type: ignore[assignment]
    return made, clock


def most_in_a_minute(sent: list[tuple[float, float]]) -> float:
    """Of (instant, weight) pairs: the heaviest minute, wherever it begins."""
    minute = bucket.MINUTE - 1e-6
    return max(sum(weight for at, weight in sent if start <= at <= start + minute) for start, _ in sent)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 200),
    st.lists(
        st.tuples(st.integers(1, 64), st.sampled_from([0.0, 0.01, 1.0, 45.0, 70.0]), st.integers(0, 3)),
        min_size=1,
        max_size=25,
    ),
)
def test_objects_per_minute_as_the_pacs_sees_them(per_minute: int, requests: list[tuple[int, float, int]]) -> None:
    """Requests of any length, answered at once or after long silence, whole or in part."""
    made, clock = simulated(Bounds(objects_per_minute=per_minute))
    sent: list[tuple[float, float]] = []
    for objects, silence, lacking in requests:
        allowed = made.before_request(objects)
        assert 1 <= allowed <= objects
        clock.now += silence
        for _ in range(max(0, allowed - lacking)):
            sent.append((clock.now, 1))
            clock.now += 0.02
            made.took(1000)
    if sent:
        assert most_in_a_minute(sent) <= per_minute


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 640),
    st.integers(1, 2_000_000),
    st.lists(st.tuples(st.integers(1, 64), st.sampled_from([0.0, 1.0, 70.0])), min_size=1, max_size=8),
)
def test_octets_per_minute_as_the_pacs_sees_them(mebibytes: int, size: int, requests: list[tuple[int, float]]) -> None:
    per_minute = mebibytes * 2**20
    made, clock = simulated(Bounds(octets_per_minute=per_minute))
    made._sizes.append(size)
    made.set(made.bounds)  # as after an object of this size
    sent: list[tuple[float, float]] = []
    for objects, silence in requests:
        allowed = made.before_request(objects)
        clock.now += silence
        for _ in range(allowed):
            sent.append((clock.now, size))
            made.took(size)
    assert most_in_a_minute(sent) <= (per_minute if size <= 0.9 * per_minute else size + 0.1 * per_minute)


def test_an_object_larger_than_any_before_is_paid_for() -> None:
    made, clock = simulated(Bounds(octets_per_minute=10 * 2**20))
    assert made.before_request(1) == 1
    made.took(50 * 2**20)
    assert clock.now == pytest.approx(pace.LONGEST_HOLD), "held before it is acknowledged, but not for long"
    assert made.before_request(5) == 1, "now one at a time"
    assert clock.now > 4 * bucket.MINUTE


def test_what_other_threads_have_asked_for_is_set_aside() -> None:
    made, clock = simulated(Bounds(objects_per_minute=100))
    assert made.before_request(8) == 8
    other = in_thread(lambda: made.before_request(8))
    assert other() == 2, "the bucket holds ten"
    assert clock.now == 0


def test_objects_that_others_receive_count_for_the_request() -> None:
    """A C-MOVE's objects come in threads of the listener."""
    made, clock = simulated(Bounds(objects_per_minute=100))
    made.before_request(5)
    for _ in range(5):
        in_thread(lambda: made.took(1))()
    assert made._asked == {}
    assert made.before_request(5) == 5
    assert clock.now == 0


def test_without_bounds_nothing_waits() -> None:
    made, clock = simulated(Bounds())
    assert made.before_request(1000) == 1000
    for _ in range(1000):
        made.took(10**9)
    with made.association(), made.association():
        assert made.before_request() == 0
    assert clock.now == 0


# ------------------------------------------------------------------------------------------------------- real threads


def in_thread(action: Callable[[], Any]) -> Callable[[], Any]:
    """Start it; the callable that is returned waits for its result, or raises what it raised."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(action())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> Any:
        thread.join(20)
        assert results, "still waiting"
        if isinstance(results[0], BaseException):
            raise results[0]
        return results[0]

    return result


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_associations_are_bound_and_the_bound_can_shrink_and_grow() -> None:
    made = Pace(Bounds(associations=2))
    first, second = made.association(), made.association()
    first.__enter__()
    second.__enter__()
    made.set(Bounds(associations=1))
    third = made.association()
    entered = in_thread(third.__enter__)
    until(lambda: Wait.ASSOCIATION in made.waiting)
    second.__exit__(None, None, None)
    time.sleep(0.05)
    assert Wait.ASSOCIATION in made.waiting, "one is still held, and one is the bound"
    made.set(Bounds(associations=2))
    entered()
    for held in (first, third):
        held.__exit__(None, None, None)
    assert made._held == 0


def test_a_pause_stops_requests_and_its_end_lets_them_go_on() -> None:
    made = Pace(Bounds(paused=True))
    released: list[int] = []
    request = in_thread(lambda: made.before_request(3, release=lambda: released.append(1)))
    association = in_thread(made.association().__enter__)
    until(lambda: list(made._waiting.values()) == [Wait.PAUSED] * 2)
    assert made.closed is Wait.PAUSED
    made.took(100)
    made.set(Bounds())
    assert request() == 3
    association()
    assert released == [1], "an idle association is released before a long wait, once"
    assert made.waiting == frozenset()


def test_hours_stop_requests() -> None:
    opening = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
    instant = [datetime(2026, 3, 2, 18, 59, 59, tzinfo=UTC)]
    night = Hours(((19 * 60, 31 * 60),))
    made = Pace(Bounds(hours=night), wall_clock=lambda: instant[0])
    request = in_thread(made.before_request)
    until(lambda: made.waiting == {Wait.HOURS})
    assert (made.closed, made.opens) == (Wait.HOURS, opening)
    instant[0] = opening
    assert request() == 0
    assert (made.closed, made.opens) == (None, None)


@pytest.mark.parametrize("bounds", [Bounds(paused=True), Bounds(objects_per_minute=1), Bounds(associations=1)])
def test_a_stop_ends_every_wait(bounds: Bounds) -> None:
    made = Pace(bounds, Halt())
    held = made.association()
    if not bounds.paused:
        made.before_request(1)
        held.__enter__()
    waits = [in_thread(lambda: made.before_request(1)), in_thread(made.association().__enter__)]
    until(lambda: bool(made.waiting))
    time.sleep(0.05)
    start = time.monotonic()
    made.halt.throw()
    stopped = 0
    for wait in waits:
        try:
            wait()
        except StoppedError:
            stopped += 1
    assert stopped >= 1
    assert time.monotonic() - start < 0.9, "woken, not only at the next look"
    with pytest.raises(StoppedError):
        made.before_request(1)
    made.took(1)


def test_a_stop_ends_the_hold_of_an_object() -> None:
    made = Pace(Bounds(octets_per_minute=1000))
    held = in_thread(lambda: made.took(10**6))
    time.sleep(0.05)
    made.halt.throw()
    held()


def test_a_changed_bound_wakes_who_waits() -> None:
    made = Pace(Bounds(objects_per_minute=1))
    made.before_request(1)
    made.took(1)
    waiting = in_thread(lambda: made.before_request(30))
    until(lambda: made.waiting == {Wait.RATE})
    made.set(Bounds())
    assert waiting() == 30


def test_bounds_of_the_configuration() -> None:
    content = {"limits": {"associations": 3, "objects_per_minute": 60, "mebibytes_per_minute": 1.5, "paused": True}}
    bounds = Bounds.of(build(content, base=Path(), environment={}))
    assert (bounds.associations, bounds.objects_per_minute, bounds.octets_per_minute) == (3, 60, 1.5 * 2**20)
    assert bounds.paused
    assert bounds.hours.open_at(datetime.now(UTC))


# ------------------------------------------------------------------------------- a PACS that takes fewer associations


def test_one_rejection_does_not_slow_the_whole_run_down() -> None:
    """It may have been others that held them all for a moment."""
    made, clock = simulated(Bounds(associations=3))
    with made.association(), made.association():
        assert made.refused()
    with made.association():
        assert (made.associations, made.crowded) == (1, True)
    clock.now += pace.WIDER_AFTER + 1
    with made.association():
        assert made.associations == 2, "one more is tried"
    clock.now += pace.WIDER_AFTER + 1
    with made.association():
        assert (made.associations, made.crowded) == (3, False)


def test_a_pacs_that_goes_on_rejecting_is_tried_less_and_less() -> None:
    made, clock = simulated(Bounds(associations=3))
    rejections: list[float] = []
    while clock.now < 24 * 3600:
        with made.association():
            if made.associations > 1:
                with made.association():
                    assert made.refused()
                    rejections.append(clock.now)
        clock.now += 10
    between = [later - earlier for earlier, later in pairwise(rejections)]
    assert between == sorted(between)
    assert len(rejections) < 35, "about one an hour"
    assert between[-1] <= pace.LONGEST_WIDER_AFTER + 20


def test_three_refused_at_once_are_one_rejection() -> None:
    made, clock = simulated(Bounds(associations=4))
    with made.association():
        with made.association(), made.association(), made.association():
            for _ in range(3):
                assert made.refused()
        clock.now += pace.WIDER_AFTER + 1
        wider = made.associations
        with made.association():
            assert made.associations == wider + 1


def test_who_waits_for_the_rate_gives_its_idle_association_to_who_has_the_rate() -> None:
    """Else each holds what the other waits for."""
    made = Pace(Bounds(associations=1, objects_per_minute=60))
    mine = made.association()
    mine.__enter__()
    theirs = in_thread(lambda: (made.before_request(6), made.association().__enter__()))
    until(lambda: Wait.ASSOCIATION in made.waiting)
    request = in_thread(lambda: made.before_request(6, release=lambda: mine.__exit__(None, None, None)))
    theirs()
    made.set(Bounds())
    assert request() == 6


def test_nobody_looks_a_thousand_times_a_second_for_what_others_have_set_aside() -> None:
    made = Pace(Bounds(objects_per_minute=60))
    assert made.before_request(6) == 6, "all that the bucket holds"
    looks: list[int] = []
    allow = made._allow

    def counting(objects: int) -> tuple[int, float]:
        looks.append(objects)
        return allow(objects)

    made._allow = counting  # type: ignore[method-assign]
    request = in_thread(lambda: made.before_request(6))
    time.sleep(0.5)
    assert len(looks) < 50
    made.set(Bounds())
    assert request() == 6
