"""Connections that are lent to threads: each is closed, whatever it says before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from miner.errors import MinerError, PacsError, Reason
from miner.mining.connections import Connections
from miner.pacs.care import Bounds, Pace


class Connection:
    """Says what it is given to say."""

    def __init__(self, unseen: int = 0, fails: Exception | None = None) -> None:
        self.closed = 0
        self._unseen = unseen
        self._fails = fails

    def learned(self) -> Mapping[str, object]:
        return {"paging": True}

    def notes(self) -> Sequence[str]:
        if self._fails is not None:
            raise self._fails
        return ["one"]

    def unseen(self) -> Mapping[Reason, int]:
        return {Reason.UNREADABLE_FILE: self._unseen} if self._unseen else {}

    def close(self) -> None:
        self.closed += 1


def connections(*made: Connection) -> Connections:
    left: list[Any] = list(made)
    return Connections(lambda: left.pop(0), Pace(Bounds()))


def test_what_all_see_is_counted_once() -> None:
    two = Connection(2), Connection(3)
    pool = connections(*two)
    with pool.lent(), pool.lent():
        pass
    pool.close()
    assert [one.closed for one in two] == [1, 1]
    assert (pool.notes, pool.unseen, pool.learned) == (["one"], {Reason.UNREADABLE_FILE: 3}, {"paging": True})


@pytest.mark.parametrize("error", [PacsError("planted", Reason.FIND_FAILED), MinerError("planted")])
def test_one_that_has_nothing_to_say_any_more_is_closed_all_the_same(error: Exception) -> None:
    one = Connection(fails=error)
    pool = connections(one)
    with pool.lent():
        pass
    pool.close()
    assert one.closed == 1


def test_one_in_which_anything_was_raised_is_not_lent_again() -> None:
    one, other = Connection(), Connection()
    pool = connections(one, other)
    with pytest.raises(KeyError), pool.lent():
        raise KeyError
    with pool.lent() as lent:
        assert lent is other
    assert one.closed == 1
