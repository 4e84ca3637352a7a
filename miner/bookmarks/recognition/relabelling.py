"""Texts that nearness tied to the wrong one of several graphics go back to the lines whose length they give.

Only within one Graphic Annotation item, and only where the geometry leaves one choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from miner.bookmarks.agreement import any_agrees, lengths_mm
from miner.bookmarks.geometry import Grid
from miner.bookmarks.recognition.segments import MAX_LINES, MAX_TEXTS, Segment, segments
from miner.bookmarks.recognition.shapes import own_sizes
from miner.records import Mark, Measurement, Shape, Unit

_CLOSED = frozenset({Shape.POLYGON, Shape.CURVE, Shape.ELLIPSE, Shape.CIRCLE})

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


def with_texts_of_outlines(marks: Sequence[Mark], grid: Grid) -> list[Mark]:
    """The marks of one image, lines with the texts given back that were tied to a closed shape beside them.

    A text goes to the one line of its item that it fits and that no text confirms, if no other such text does, and if
    it gives no size of the shape itself (:func:`~miner.bookmarks.recognition.shapes.own_sizes`).
    """
    lines = [mark for mark in marks if mark.shape is Shape.LINE]
    closed = [mark for mark in marks if mark.texts and mark.shape in _CLOSED]
    if not (lines and closed) or len(lines) > MAX_LINES or len(closed) > MAX_LINES:
        return list(marks)
    open_lines: dict[int, list[Segment]] = {}
    for item in {mark.item for mark in closed}:
        measured = segments([mark for mark in lines if mark.item == item], grid)
        open_lines[item] = [line for line in measured if not line.confirmed]
    offers: dict[int, list[tuple[Mark, Measurement]]] = {}
    for mark in closed:
        for text in _of_no_size(mark, grid):
            fitting = [line for line in open_lines[mark.item] if line.confirmed_by(text)]
            if len(fitting) == 1:
                offers.setdefault(fitting[0].mark.order, []).append((mark, text))
    moves = {order: found[0] for order, found in offers.items() if len(found) == 1}
    taken = {(source.order, text) for source, text in moves.values()}
    return [
        replace(mark, texts=(*mark.texts, moves[mark.order][1]))
        if mark.order in moves
        else replace(mark, texts=tuple(text for text in mark.texts if (mark.order, text) not in taken))
        for mark in marks
    ]


def _of_no_size(mark: Mark, grid: Grid) -> list[Measurement]:
    """The first texts of a closed shape that give none of its own sizes, each once."""
    sizes = own_sizes(mark, grid)
    mm_per_pixel = math.sqrt(grid.spacing[0] * grid.spacing[1])
    texts = dict.fromkeys(mark.texts[:MAX_TEXTS])
    return [text for text in texts if not any(any_agrees(lengths_mm([text], mm_per_pixel), size) for size in sizes)]


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
