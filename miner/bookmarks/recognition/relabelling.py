"""Texts that nearness tied to the wrong one of several lines go back to the lines whose length or angle they give.

Only within one Graphic Annotation item, and only where the geometry leaves one choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from miner.bookmarks.recognition.segments import Segment, angle_mm
from miner.records import Measurement, Unit

ANGLE_FITS = 1.0
"""Degrees between an angle's text and its two lines."""

Offer = tuple[Segment, Measurement]
"""A text and the line that it is tied to now."""


def relabelled(lines: Sequence[Segment]) -> list[Segment]:
    """The lines with their texts given back, first the lengths, then the angles."""
    by_length = _moved(lines, _length_moves(lines))
    return _moved(by_length, _angle_moves(by_length))


def make_angle(a: Segment, b: Segment, text: Measurement) -> bool:
    """Whether two lines make the angle that a text gives (or its supplement)."""
    return abs(angle_mm(a, b) - min(text.value, 180 - text.value)) <= ANGLE_FITS


def _length_moves(lines: Sequence[Segment]) -> dict[int, Offer]:
    """Rank of a line that no text of its own confirms → the one text, tied to another such line, that gives its length.

    A line that is confirmed keeps its other texts: ``L × W`` beside the long axis stays whole.
    """
    offers: dict[int, list[Offer]] = {}
    for line in (line for line in lines if not line.confirmed):
        for text in (text for text in line.texts if text.unit is not Unit.DEGREE):
            fitting = [x for x in _same_item(line, lines) if not x.confirmed and x.confirmed_by(text)]
            if len(fitting) == 1:
                offers.setdefault(fitting[0].rank, []).append((line, text))
    return {rank: found[0] for rank, found in offers.items() if len(found) == 1}


def _angle_moves(lines: Sequence[Segment]) -> dict[int, Offer]:
    """Rank of a side → the angle's text, where the line it is tied to makes that angle with no line, two others do."""
    moves: dict[int, Offer] = {}
    for line in lines:
        for text in (text for text in line.texts if text.unit is Unit.DEGREE):
            others = [x for x in _same_item(line, lines) if not x.confirmed]
            if any(make_angle(line, other, text) for other in others if other.rank != line.rank):
                continue
            sides = [(a, b) for a, b in combinations(others, 2) if b.rank == a.rank + 1 and make_angle(a, b, text)]
            if len(sides) == 1:
                moves[sides[0][0].rank] = (line, text)
    return moves


def _same_item(line: Segment, lines: Iterable[Segment]) -> list[Segment]:
    return [other for other in lines if other.mark.item == line.mark.item]


def _moved(lines: Sequence[Segment], moves: dict[int, Offer]) -> list[Segment]:
    if not moves:
        return list(lines)
    taken = [(source.rank, text) for source, text in moves.values()]
    moved: list[Segment] = []
    for line in lines:
        kept = [text for text in line.texts if (line.rank, text) not in taken]
        gained = [moves[line.rank][1]] if line.rank in moves else []
        moved.append(line.with_texts([*kept, *gained]))
    return moved
