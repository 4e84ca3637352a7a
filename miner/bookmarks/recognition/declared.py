"""Axis pairs that their object names: a report's Long Axis and Short Axis of one measurement group (TID 1500)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from miner.bookmarks.recognition.pairing import Pair, Pairing, named_pair, pair_axes
from miner.bookmarks.recognition.segments import MAX_LINES, Segment, without
from miner.records import Axis


def declared_pairs(lines: Sequence[Segment]) -> Pairing:
    """Pairs among lines that all have an axis; the order of the sequence does not matter.

    One long and one short axis of a group are a pair, wherever they lie: what geometry says against it lowers the
    confidence. So are one of each that are left of a tracked lesion, whose axes may stand in two groups. Where there
    are several of each, geometry decides which long axis goes with which short one. A single axis stays a line.
    """
    pairs: list[Pair] = []
    contested: set[int] = set()
    left = sorted(lines, key=lambda line: line.rank)
    for name in (_group, _lesion):
        for own in _by(name, left):
            found = _of_one(own)
            pairs += found.pairs
            contested |= found.contested
        left = without(left, (line for pair in pairs for line in (pair.long, pair.short)))
    unpaired = frozenset(line.rank for line in left)
    return Pairing(tuple(sorted(pairs, key=lambda pair: pair.long.rank)), frozenset(contested) & unpaired)


def _of_one(lines: Sequence[Segment]) -> Pairing:
    long, short = ([line for line in lines if line.axis is axis] for axis in (Axis.LONG, Axis.SHORT))
    if len(long) == 1 and len(short) == 1:
        return Pairing((named_pair(long[0], short[0]),), frozenset())
    if len(lines) > MAX_LINES:
        return Pairing((), frozenset(line.rank for line in lines))
    return pair_axes(lines)


def _group(line: Segment) -> Hashable:
    return line.mark.group


def _lesion(line: Segment) -> Hashable:
    """The tracked lesion; one key for all lines of which nothing says what they belong to."""
    return line.mark.tracking or ("" if line.mark.group is None else None)


def _by(name: Callable[[Segment], Hashable], lines: Sequence[Segment]) -> list[list[Segment]]:
    """The lines by what ``name`` gives, those for which it gives None left out."""
    found: dict[Hashable, list[Segment]] = {}
    for line in lines:
        if (key := name(line)) is not None:
            found.setdefault(key, []).append(line)
    return list(found.values())
