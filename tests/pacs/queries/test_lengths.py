"""What the lengths of answers tell of a limit that is not told."""

from __future__ import annotations

import pytest

from miner.pacs.queries.lengths import Lengths


def test_a_length_at_which_it_was_caught_is_never_believed() -> None:
    lengths = Lengths()
    lengths.enter(40)
    assert not lengths.may_be_cut_off(25), "it gives longer ones"
    lengths.catch(25)
    assert lengths.may_be_cut_off(25)
    assert not lengths.proves(25)


def test_a_limit_of_an_earlier_day_is_not_forgotten() -> None:
    assert Lengths(caught=[25], known=300).may_be_cut_off(25)


@pytest.mark.parametrize(("length", "looked_into"), [(1, False), (7, False), (60, True), (61, True), (62, True)])
def test_the_longest_answer_so_far_has_to_be_confirmed(length: int, looked_into: bool) -> None:
    lengths = Lengths()
    lengths.enter(60)
    assert lengths.may_be_cut_off(length) is looked_into


def test_what_was_proven_whole_is_believed_from_then_on() -> None:
    lengths = Lengths()
    assert lengths.may_be_cut_off(9)
    lengths.prove(9)
    assert not lengths.may_be_cut_off(9)
    assert lengths.proves(9)
    assert not lengths.proves(10)


def test_a_round_number_is_looked_into_whatever_was_seen() -> None:
    lengths = Lengths()
    lengths.enter(5000)
    assert [length for length in (99, 100, 128, 130, 200, 500, 512, 999) if lengths.may_be_cut_off(length)] == [
        100,
        128,
        200,
        500,
        512,
    ]
