"""The best matching: which lines are partners when each may have one, and which of them it leaves in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

MARGIN = 0.75
"""Log-odds by which a matching must beat every other one that gives a line another partner: twice as likely, and so."""

MAX_CONTEST = 12
"""Lines that are matched as a whole (2¹² sets). Of more, the pairs that nothing can outdo are settled first; what is
then still one larger tangle of crossing lines is no measurement."""

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Matching:
    """The pairs that no other matching contests, and the lines of those that one does."""

    certain: tuple[Edge, ...]
    doubtful: frozenset[int]


def match(edges: Mapping[Edge, float]) -> Matching:
    """Match lines so that the sum of the weights (log-odds, positive or nearly so) of the pairs is greatest.

    A pair is certain where every matching that pairs one of its lines with another is worse by :data:`MARGIN`.
    """
    certain: list[Edge] = []
    doubtful: set[int] = set()
    for component in _components(edges):
        inside = {edge: weight for edge, weight in edges.items() if edge[0] in component}
        if len(component) > MAX_CONTEST:
            settled = _dominant(inside)
            certain += settled
            taken = {node for edge in settled for node in edge}
            inside = {edge: weight for edge, weight in inside.items() if not taken & set(edge)}
        for part in _components(inside):
            if len(part) > MAX_CONTEST:
                doubtful |= part
                continue
            pairs, doubts = _match({edge: weight for edge, weight in inside.items() if edge[0] in part})
            certain += pairs
            doubtful |= doubts
    return Matching(tuple(certain), frozenset(doubtful))


def _components(edges: Mapping[Edge, float]) -> list[set[int]]:
    """Sets of lines that are joined by candidate pairs."""
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in edges:
        parent[root(a)] = root(b)
    found: dict[int, set[int]] = {}
    for node in list(parent):
        found.setdefault(root(node), set()).add(node)
    return [found[key] for key in sorted(found, key=lambda key: min(found[key]))]


def _dominant(edges: Mapping[Edge, float]) -> list[Edge]:
    """Pairs that outweigh the best other pair of the one line plus the best other pair of the other, by the margin.

    Such a pair is in every matching that comes near the best one, whatever the rest: without it, the matching gains at
    most those two. So it may be settled alone, then its lines are out of the contest, and so on.
    """
    beside: dict[int, dict[Edge, float]] = {}
    for edge, score in edges.items():
        for node in edge:
            beside.setdefault(node, {})[edge] = score
    found: list[Edge] = []
    while (settled := _outweighing(beside)) is not None:
        found.append(settled)
        for edge in {other for node in settled for other in beside[node]}:
            for node in edge:
                del beside[node][edge]
    return found


def _outweighing(beside: Mapping[int, Mapping[Edge, float]]) -> Edge | None:
    """The first pair that is the best of both its lines, and of such a weight."""
    best = {node: min(own, key=lambda edge: (-own[edge], edge)) for node, own in beside.items() if own}
    mutual = [edge for node, edge in sorted(best.items()) if node == edge[0] and best[edge[1]] == edge]
    return next((edge for edge in mutual if _outweighs(edge, beside)), None)


def _outweighs(edge: Edge, beside: Mapping[int, Mapping[Edge, float]]) -> bool:
    rivals = [max((value for other, value in beside[node].items() if other != edge), default=0.0) for node in edge]
    return beside[edge[0]][edge] - sum(rivals) >= MARGIN


def _match(edges: Mapping[Edge, float]) -> tuple[list[Edge], set[int]]:
    """The pairs of the best matching that no other matching contests, and the lines of those that one does."""
    nodes = sorted({node for edge in edges for node in edge})
    bit = {node: 1 << i for i, node in enumerate(nodes)}
    weighted = [(bit[a] | bit[b], score, (a, b)) for (a, b), score in sorted(edges.items())]

    @cache
    def best(free: int) -> tuple[float, tuple[Edge, ...]]:
        """The greatest sum of pairs among the free lines, and the pairs."""
        if not free:
            return 0.0, ()
        lowest = free & -free
        chosen = best(free ^ lowest)
        for mask, score, edge in weighted:
            if mask & lowest and mask & free == mask:
                rest = best(free ^ mask)
                if rest[0] + score > chosen[0]:
                    chosen = (rest[0] + score, (edge, *rest[1]))
        return chosen

    everything = sum(bit.values())
    total, matching = best(everything)
    certain: list[Edge] = []
    doubtful: set[int] = set()
    for edge in matching:
        pair = bit[edge[0]] | bit[edge[1]]
        rivals = [
            (best(everything ^ mask)[0] + score, other)
            for mask, score, other in weighted
            if mask & pair and mask != pair
        ]
        close = [other for value, other in rivals if total - value < MARGIN]
        if close:
            doubtful |= {*edge, *(node for other in close for node in other)}
        else:
            certain.append(edge)
    # a rival's other line may itself be certain elsewhere: it is not in doubt then
    return certain, doubtful - {node for edge in certain for node in edge}
