"""The clock beside a request."""

from __future__ import annotations

import threading
import time

from miner.pacs.dicomweb.watch import Watch


def wait_for(event: threading.Event) -> bool:
    return event.wait(10)


def test_a_request_is_ended_at_its_deadline() -> None:
    ended = threading.Event()
    watch = Watch(ended.set)
    with watch.within(0.1):
        assert wait_for(ended)
    assert watch.over
    watch.close()


def test_requests_that_end_in_time_are_left_alone_by_one_thread() -> None:
    ended = threading.Event()
    watch = Watch(ended.set)
    before = threading.active_count()
    for _ in range(100):
        with watch.within(0.3):
            pass
    assert threading.active_count() <= before + 1
    time.sleep(0.5)
    assert not ended.is_set()
    assert not watch.over
    watch.close()


def test_a_shorter_limit_after_a_longer_one() -> None:
    ended = threading.Event()
    watch = Watch(ended.set)
    with watch.within(3600):
        pass
    with watch.within(0.1):
        assert wait_for(ended)
    ended.clear()
    with watch.within(0.1):
        assert wait_for(ended)
    with watch.within(3600):
        assert not watch.over
    watch.close()


def test_after_closing_it_serves_again() -> None:
    ended = threading.Event()
    watch = Watch(ended.set)
    with watch.within(3600):
        pass
    watch.close()
    with watch.within(0.1):
        assert wait_for(ended)
    watch.close()
