"""The best matching against all matchings, tried one by one; large tangles against small ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks.recognition import matching
from miner.bookmarks.recognition.matching import MARGIN, MAX_CONTEST, Edge, match

Weights = dict[Edge, float]


def all_matchings(edges: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
    if not edges:
        yield ()
        return
    first, rest = edges[0], edges[1:]
    yield from all_matchings(rest)
    for other in all_matchings(tuple(edge for edge in rest if not {*edge} & {*first})):
        yield (first, *other)


def certain_by_trial(weights: Mapping[Edge, float]) -> set[Edge]:
    """The pairs of the best matching that no matching within the margin gives another partner."""
    sums = [(sum(weights[edge] for edge in way), way) for way in all_matchings(tuple(weights))]
    total, best = max(sums)
    near = [way for value, way in sums if total - value < MARGIN]
    rivals = {edge for way in near for edge in way}
    return {edge for edge in best if not any({*edge} & {*other} for other in rivals - {edge})}


@st.composite
def tangles(draw: st.DrawFn, most: int = 6) -> Weights:
    nodes = draw(st.integers(2, most))
    weights: Weights = {}
    for a in range(nodes):
        for b in range(a + 1, nodes):
            if draw(st.booleans()):
                weights[(b, a) if draw(st.booleans()) else (a, b)] = draw(st.floats(0.01, 9))
    return weights


@settings(max_examples=200, deadline=None)
@given(weights=tangles())
def test_certain_pairs_are_those_that_no_matching_contests(weights: Weights) -> None:
    found = match(weights)
    assert set(found.certain) == (certain_by_trial(weights) if weights else set())
    used = [node for edge in found.certain for node in edge]
    assert len(used) == len(set(used))
    assert not found.doubtful & set(used)


@settings(max_examples=200, deadline=None)
@given(weights=tangles(9))
def test_settling_first_what_nothing_outdoes_changes_nothing(weights: Weights) -> None:
    """The way of a large tangle, on small ones: pairs that outweigh all beside them are those of the whole matching."""
    exact = match(weights)
    assert set(matching._dominant(weights)) <= set(exact.certain)


@pytest.mark.parametrize("seed", range(5))
def test_a_large_tangle_of_clear_pairs(seed: int) -> None:
    """Forty lesions whose lines all touch a neighbour's: a chain of 80 lines, far more than are matched as a whole."""
    random = np.random.default_rng(seed)
    weights = {(2 * i, 2 * i + 1): float(random.uniform(3, 5)) for i in range(40)}
    weights |= {(2 * i + 1, 2 * i + 2): float(random.uniform(0.1, 1)) for i in range(39)}
    found = match(weights)
    assert set(found.certain) == {(2 * i, 2 * i + 1) for i in range(40)}
    assert found.doubtful == frozenset()


def test_a_large_tangle_without_order_stays_in_doubt() -> None:
    weights = {(i, j): 1.0 for i in range(MAX_CONTEST) for j in range(MAX_CONTEST, 2 * MAX_CONTEST)}
    assert match(weights) == matching.Matching((), frozenset(range(2 * MAX_CONTEST)))


def test_what_is_clear_in_a_large_tangle_is_settled_and_the_rest_is_not() -> None:
    weights = {(i, j): 1.0 for i in range(MAX_CONTEST) for j in range(MAX_CONTEST, 2 * MAX_CONTEST)}
    weights |= {(100, 0): 0.5, (100, 101): 4.0}
    found = match(weights)
    assert found.certain == ((100, 101),)
    assert found.doubtful == frozenset(range(2 * MAX_CONTEST))
