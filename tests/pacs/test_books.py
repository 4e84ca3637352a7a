"""The account of one fetch: waiting, reasons, and what comes too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import Reason, StoppedError
from miner.pacs.books import Books
from miner.pacs.care import Halt
from tests.pacs.scripted import reference

ONE, TWO = reference(1), reference(2)
SOME = Path("/nowhere")


def beside(seconds: float, action: Callable[[], object]) -> None:
    threading.Timer(seconds, action).start()


def test_what_is_dropped_is_a_sign_of_life() -> None:
    """While the rest of a series comes, the PACS is not silent."""
    books = Books([ONE])
    for step in range(1, 6):
        beside(step * 0.2, lambda: books.enter_extra(10))
    beside(1.2, lambda: books.enter(ONE.sop_uid, SOME, 1))
    books.wait([ONE], 1, 0.8)
    assert not books.open()
    assert books.close("get").extra_octets == 50


def test_a_deadline_ends_waiting_for_a_pacs_that_goes_on_for_ever() -> None:
    books = Books([ONE])
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(0.05):
            books.enter_extra(1)

    threading.Thread(target=repeat).start()
    start = time.monotonic()
    books.wait([ONE], 1, 30, time.monotonic() + 0.5)
    done.set()
    assert time.monotonic() - start < 15
    assert books.open()


def test_a_stop_ends_waiting() -> None:
    halt = Halt()
    books = Books([ONE], halt)
    beside(0.2, halt.throw)
    start = time.monotonic()
    with pytest.raises(StoppedError):
        books.wait([ONE], 1, 60)
    assert time.monotonic() - start < 20
    with pytest.raises(StoppedError):
        books.wait([ONE], 1, 60)


def test_what_comes_after_the_account_stays_out_of_it() -> None:
    books = Books([ONE, TWO])
    books.enter(ONE.sop_uid, SOME, 5)
    fetched = books.close("move")
    assert not books.expects(TWO.sop_uid)
    assert not books.enter(TWO.sop_uid, SOME, 5)
    assert fetched.arrived == {ONE.sop_uid: SOME}
    assert fetched.missing == {TWO.sop_uid: Reason.NOT_RETRIEVED}
    assert fetched.octets == 5


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ([], Reason.NOT_RETRIEVED),
        ([Reason.RETRIEVE_FAILED, Reason.NOT_RETRIEVED], Reason.RETRIEVE_FAILED),
        ([Reason.NOT_SENT, Reason.UNREACHABLE], Reason.NOT_SENT),
        ([Reason.RETRIEVE_FAILED, Reason.UNREACHABLE], Reason.UNREACHABLE),
        ([Reason.TIMED_OUT, Reason.UNREACHABLE], Reason.UNREACHABLE),
    ],
)
def test_the_most_telling_reason_stays(reasons: list[Reason], told: Reason) -> None:
    books = Books([ONE])
    for reason in reasons:
        books.blame([ONE], reason)
    assert books.close("get").missing == {ONE.sop_uid: told}


@given(st.lists(st.sampled_from([Reason.NOT_SENT, Reason.TIMED_OUT, Reason.RETRIEVE_FAILED]), max_size=3))
def test_what_has_come_has_no_reason(reasons: list[Reason]) -> None:
    books = Books([ONE, TWO])
    for reason in reasons:
        books.blame([ONE, TWO], reason)
    books.enter(ONE.sop_uid, SOME, 1)
    assert books.close("get").missing.keys() == {TWO.sop_uid}
