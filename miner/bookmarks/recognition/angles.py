"""Which lines are the sides of an angle that a text gives: angle, Cobb angle, open angle tools.

Where everything stands in one item, a text is tied to the nearest line, which may be a lesion's axis beside the angle.
So the sides are looked for among all lines of the item: two lines that make the angle, that meet, that were drawn one
after the other, that the text stands beside, and that are no cross of a long and a short axis.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, takewhile

from miner.bookmarks.geometry import angle_between
from miner.bookmarks.recognition.segments import MEETS, Segment, angle_mm, crossing_of, ends_on
from miner.errors import Reason
from miner.records import Measurement, Unit

ANGLE_FITS = 1.0
"""Degrees between an angle's text and its two lines."""

MEET, ADJACENT, LABELLED, AXIS = 3.0, 2.0, 1.5, -2.0
"""What speaks for two lines as sides: they share an end; drawn one after the other; the text is tied to one; and what
speaks against: each that crosses another line as an axis does."""

AXIS_ANGLE, AXIS_MARGIN, AXIS_RATIO = 75.0, 0.1, 0.25
"""Two lines drawn one after the other that cross like this are a lesion's axes: so do all but one official row in
eighty, and few sides of angles."""

MAX_LINES = 60
"""Unmeasured lines of one item among which two sides are looked for; in a larger heap an angle's line alone is one."""

Refused = list[tuple[Segment, Reason]]


def refuse_angles(lines: Sequence[Segment]) -> tuple[Refused, list[Segment]]:
    """The sides of angles and the lines that join them; and the other lines, without texts that belong to the sides."""
    items: dict[int, list[Segment]] = {}
    for line in lines:
        items.setdefault(line.mark.item, []).append(line)
    sides: set[int] = set()
    given_back: set[tuple[int, Measurement]] = set()
    for item in items.values():
        if any(line.is_angle for line in item):
            own = _sides(item)
            sides |= own.sides | _joined(own.sides, item)
            given_back |= own.given_back
    refused: Refused = [(line, Reason.ANGLE_TOOL) for line in lines if line.rank in sides]
    return refused, [_without(line, given_back) for line in lines if line.rank not in sides]


@dataclass(frozen=True, slots=True)
class _Sides:
    """Ranks of sides; and (rank, text) where a text turned out to belong to other lines than its own."""

    sides: set[int]
    given_back: set[tuple[int, Measurement]]


def _sides(item: Sequence[Segment]) -> _Sides:
    """The sides of each angle's text in one item; a text whose angle no two lines make stays with its line."""
    texts = [(line, text) for line in item if line.is_angle for text in line.texts if text.unit is Unit.DEGREE]
    wanted = sorted((min(text.value, 180 - text.value), index) for index, (_, text) in enumerate(texts))
    axes = _axes(item)
    offers = [
        (-_score(a, b, texts[index][0], axes), a.rank, b.rank, index)
        for a, b, angles in _pairs([line for line in item if not line.confirmed])
        for index in {index for angle in angles for index in _fitting(angle, wanted)}
    ]
    sides: set[int] = set()
    found: dict[int, tuple[int, int]] = {}
    for _, a, b, index in sorted(offers):
        if index not in found and a not in sides and b not in sides:
            found[index] = (a, b)
            sides |= {a, b}
    given_back: set[tuple[int, Measurement]] = set()
    for index, (line, text) in enumerate(texts):
        if index not in found:
            sides.add(line.rank)
        elif line.rank not in found[index]:
            given_back.add((line.rank, text))
    return _Sides(sides, given_back)


def _fitting(angle: float, wanted: Sequence[tuple[float, int]]) -> Iterator[int]:
    """Indices of the texts that give this angle; ``wanted``: (degrees, index), sorted."""
    start = bisect_left(wanted, (angle - ANGLE_FITS, -1))
    return (index for value, index in takewhile(lambda entry: entry[0] <= angle + ANGLE_FITS, wanted[start:]))


def _score(a: Segment, b: Segment, labelled: Segment, axes: dict[int, set[int]]) -> float:
    crossed = sum(bool(axes.get(one.rank, set()) - {other.rank}) for one, other in ((a, b), (b, a)))
    return (
        MEET * _meet(a, b)
        + ADJACENT * (abs(a.rank - b.rank) == 1)
        + LABELLED * (labelled.rank in (a.rank, b.rank))
        + AXIS * crossed
    )


def _joined(sides: set[int], item: Sequence[Segment]) -> set[int]:
    """Helper lines that end on a side and were drawn with it (a Cobb angle's sides need not meet)."""
    axes = _axes(item)
    found = set(sides)
    by_rank = {line.rank: line for line in item}
    waiting = sorted(sides)
    while waiting:
        rank = waiting.pop()
        for other in (by_rank.get(rank - 1), by_rank.get(rank + 1)):
            if other is None or other.rank in found or other.confirmed or axes.get(other.rank, set()) - found:
                continue
            if any(ends_on(by_rank[side], other) for side in found if side in by_rank):
                found.add(other.rank)
                waiting.append(other.rank)
    return found


def _axes(lines: Sequence[Segment]) -> dict[int, set[int]]:
    """Rank of a line → the lines drawn next to it that it crosses like an axis."""
    found: dict[int, set[int]] = {}
    ordered = sorted(lines, key=lambda line: line.rank)
    for a, b in pairwise(ordered):
        met = crossing_of(a, b)
        longer, shorter = max(a.mm, b.mm), min(a.mm, b.mm)
        crossed = met is not None and met.margin >= AXIS_MARGIN and shorter >= AXIS_RATIO * longer
        if crossed and angle_mm(a, b) >= AXIS_ANGLE:
            found.setdefault(a.rank, set()).add(b.rank)
            found.setdefault(b.rank, set()).add(a.rank)
    return found


def _pairs(lines: Sequence[Segment]) -> Iterator[tuple[Segment, Segment, tuple[float, float]]]:
    """Every two lines with the angles that they make, in the body and on the pixel grid: tools measure either."""
    if len(lines) <= MAX_LINES:
        for a, b in combinations(lines, 2):
            yield a, b, (angle_mm(a, b), angle_between(*a.ends, *b.ends))


def _meet(a: Segment, b: Segment) -> bool:
    return any(abs(p[0] - q[0]) <= MEETS and abs(p[1] - q[1]) <= MEETS for p in a.ends for q in b.ends)


def _without(line: Segment, given_back: Iterable[tuple[int, Measurement]]) -> Segment:
    gone = {text for rank, text in given_back if rank == line.rank}
    return line.with_texts(text for text in line.texts if text not in gone) if gone else line
