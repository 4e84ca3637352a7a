"""Texts that nearness tied to the wrong one of several lines go back to the lines whose length they give.

Only within one Graphic Annotation item, and only where the geometry leaves one choice.
"""

from __future__ import annotations

from collections.abc import Sequence

from miner.bookmarks.recognition.segments import Segment
from miner.records import Measurement, Unit

Offer = tuple[Segment, Measurement]
"""A text and the line that it is tied to now."""


def relabelled(lines: Sequence[Segment]) -> list[Segment]:
    """The lines with their texts given back."""
    return _moved(lines, _length_moves(lines))


def _length_moves(lines: Sequence[Segment]) -> dict[int, Offer]:
    """Rank of a line that no text of its own confirms → the one text, tied to another such line, that gives its length.

    A line that is confirmed keeps its other texts: ``L × W`` beside the long axis stays whole.
    """
    offers: dict[int, list[Offer]] = {}
    items: dict[int, list[Segment]] = {}
    for line in (line for line in lines if not line.confirmed):
        items.setdefault(line.mark.item, []).append(line)
    for item in items.values():
        for line in item:
            for text in (text for text in line.texts if text.unit is not Unit.DEGREE):
                fitting = [other for other in item if other.confirmed_by(text)]
                if len(fitting) == 1:
                    offers.setdefault(fitting[0].rank, []).append((line, text))
    return {rank: found[0] for rank, found in offers.items() if len(found) == 1}


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
