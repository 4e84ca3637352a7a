"""The lines of one image → arrows, axis pairs and single lines; sides of angles, ticks and rulers refused.

A presentation state groups nothing: all its lines on an image are looked at together. A report says which lines belong
to one measurement: only lines of one measurement group, or of one tracked lesion, are ever made into one bookmark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from miner.bookmarks.agreement import agrees, closest
from miner.bookmarks.geometry import Grid
from miner.bookmarks.recognition import shapes
from miner.bookmarks.recognition.angles import Refused, refuse_angles
from miner.bookmarks.recognition.arrows import ShaftAndHead, find_arrows
from miner.bookmarks.recognition.declared import declared_pairs
from miner.bookmarks.recognition.pairing import Pair, both_lengths, pair_axes
from miner.bookmarks.recognition.relabelling import relabelled
from miner.bookmarks.recognition.segments import MAX_LINES, Segment, angle_mm, crossing_of, segments, without
from miner.bookmarks.recognition.structures import refuse_cross_hairs, refuse_markers, refuse_perpendiculars
from miner.bookmarks.recognition.ticks import end_ticks, refuse_ticks, with_texts_of_ticks
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import Axis, Bookmark, Doubt, Encoding, Kind, Mark, MarkRefusal, Shape

CONFIRMED_LINE, PLAIN_LINE, MISMATCHED_LINE, CONTESTED_LINE = 0.95, 0.8, 0.5, 0.5
"""Confidence of a single line: its text gives its length, it has none, it gives another; it may be part of a pair."""

OBLIQUE = 75.0
"""Degrees below which a pair is flagged: one official row in two hundred."""

NARROW = 0.2
"""Short over long below which a pair is flagged: one official row in a thousand."""

REPORTS = frozenset({Encoding.SR_TID1500, Encoding.SR_SCOORD3D})
"""Encodings whose objects say which marks belong to one measurement."""


@dataclass(frozen=True, slots=True)
class FoundLines:
    """``used``: orders of other marks that were part of something made of lines: arrow heads, corner marks."""

    bookmarks: tuple[Bookmark, ...]
    refused: tuple[MarkRefusal, ...]
    used: frozenset[int]


def among_lines(marks: Sequence[Mark], others: Iterable[Mark], grid: Grid) -> FoundLines:
    """Bookmarks and refusals among the lines ``marks``. ``others``: the marks of other shapes on the image."""
    rest = [mark for mark in others if len(mark.points) == 3]
    tracked = _tracked((*marks, *rest))
    lines: dict[_Scope, list[Mark]] = {}
    corners: dict[_Scope, list[Mark]] = {}
    for mark in marks:
        lines.setdefault(_scope(mark, tracked), []).append(mark)
    for mark in rest:
        corners.setdefault(_scope(mark, tracked), []).append(mark)
    found = [_within(segments(own, grid), corners.get(scope, []), grid) for scope, own in lines.items()]
    return FoundLines(
        tuple(bookmark for part in found for bookmark in part.bookmarks),
        tuple(refusal for part in found for refusal in part.refused),
        frozenset(order for part in found for order in part.used),
    )


_Scope = tuple[str, int | None]


def _scope(mark: Mark, tracked: Mapping[int, str]) -> _Scope:
    """What a mark shares with those that it may be one bookmark with: nothing less in a state, a lesion in a report."""
    if mark.encoding not in REPORTS:
        return ("", None)
    lesion = mark.tracking or ("" if mark.group is None else tracked.get(mark.group, ""))
    return (lesion, None) if lesion else ("", mark.group)


def _tracked(marks: Iterable[Mark]) -> dict[int, str]:
    """The lesion of each group that names just one: not every mark of a group need repeat it."""
    named: dict[int, set[str]] = {}
    for mark in marks:
        if mark.group is not None and mark.tracking:
            named.setdefault(mark.group, set()).add(mark.tracking)
    return {group: lesions.pop() for group, lesions in named.items() if len(lesions) == 1}


def _within(lines: Sequence[Segment], corners: Sequence[Mark], grid: Grid) -> FoundLines:
    named = [line for line in lines if line.axis is not None]
    declared = declared_pairs(named)
    found = [_recist(pair) for pair in declared.pairs]
    found += [_line(line, contested=line.rank in declared.contested) for line in _single(named, declared.pairs)]
    left = without(lines, named)
    if len(left) > MAX_LINES or len(corners) > MAX_LINES:
        found += [_line(line, contested=True) for line in left]
        return FoundLines(tuple(found), (), frozenset())
    others = _among_undeclared(left, corners, grid)
    return replace(others, bookmarks=(*found, *others.bookmarks))


def _among_undeclared(lines: Sequence[Segment], corners: Sequence[Mark], grid: Grid) -> FoundLines:
    ticks = end_ticks(lines)
    left = relabelled(with_texts_of_ticks(lines, ticks))
    arrows = find_arrows(without(left, (line for line in left if line.rank in ticks)), corners)
    left = without(left, (arrow.shaft for arrow in arrows))
    found = [_arrow_of(arrow) for arrow in arrows]
    used = {arrow.head.order for arrow in arrows}
    named = [line for line in left if line.mark.tool == Tool.ARROW]
    found += [_arrow_without_head(line) for line in named]
    left = without(left, named)
    rest = [mark for mark in corners if mark.order not in used]
    gone, corner_marks, left = _not_measured(left, rest, ticks, grid)
    pairing = pair_axes(left)
    found += [_recist(pair) for pair in pairing.pairs]
    found += [_line(line, contested=line.rank in pairing.contested) for line in _single(left, pairing.pairs)]
    refused = [
        MarkRefusal(reason, order, line.mark.image, Shape.LINE) for line, reason in gone for order in line.orders
    ]
    refused += [MarkRefusal(Reason.TOOL_NOT_A_LESION, mark.order, mark.image, mark.shape) for mark in corner_marks]
    return FoundLines(tuple(found), tuple(refused), frozenset(used | {mark.order for mark in corner_marks}))


def _single(lines: Sequence[Segment], pairs: Iterable[Pair]) -> list[Segment]:
    return without(lines, (line for pair in pairs for line in (pair.long, pair.short)))


def _not_measured(
    lines: Sequence[Segment], corners: Sequence[Mark], ticks: Mapping[int, Segment], grid: Grid
) -> tuple[Refused, list[Mark], list[Segment]]:
    """Lines of tools that measure no lesion, found one kind after the other; their corner marks; the other lines."""
    angles, left = refuse_angles(lines)
    perpendicular, corner_marks = refuse_perpendiculars(left, corners)
    left = without(left, (line for line, _ in perpendicular))
    crosses = [*refuse_cross_hairs(left, grid), *refuse_markers(left)]
    left = without(left, (line for line, _ in crosses))
    scales = refuse_ticks(left, ticks, grid)
    gone = [*angles, *perpendicular, *crosses, *scales]
    return gone, corner_marks, without(left, (line for line, _ in scales))


def _recist(pair: Pair) -> Bookmark:
    long, short = pair.long, pair.short
    pooled = (*long.lengths, *short.lengths)
    text_mm = closest(long.lengths or pooled, long.mm)
    both = both_lengths(pooled, long.mm, short.mm)
    if both:
        text_mm = closest(pooled, long.mm)
    doubts: list[Doubt] = []
    met = crossing_of(long, short)
    if angle_mm(long, short) < OBLIQUE:
        doubts.append(Doubt.ANGLE)
    misnamed = long.axis is Axis.SHORT and not agrees(short.mm, long.mm)
    if short.mm < NARROW * long.mm or misnamed:
        doubts.append(Doubt.AXIS_RATIO)
    if met is None or met.margin < 0:
        doubts.append(Doubt.NO_CROSSING)
    if pooled and not both and not _texts_fit(long, short):
        doubts.append(Doubt.TEXT_MISMATCH)
    if text_mm is not None and not agrees(text_mm, long.mm) and Doubt.TEXT_MISMATCH not in doubts:
        text_mm = None  # the short axis's text alone
    return Bookmark(
        Kind.RECIST,
        long.mark.image,
        (*long.ends, *short.ends),
        long.mark.encoding,
        round(pair.evidence.confidence, 4),
        length_mm=long.mm,
        short_mm=short.mm,
        text_mm=text_mm,
        doubts=tuple(doubts),
        orders=tuple(sorted((*long.orders, *short.orders))),
        pixel_spacing=long.grid.spacing,
    )


def _texts_fit(long: Segment, short: Segment) -> bool:
    """Whether each line that has texts has its own length, or the pair's other length, among them."""
    sizes = (long.mm, short.mm)
    return all(any(agrees(t, size) for t in line.lengths for size in sizes) for line in (long, short) if line.lengths)


def _line(line: Segment, *, contested: bool) -> Bookmark:
    text_mm = closest(line.lengths, line.mm)
    mismatch = text_mm is not None and not agrees(text_mm, line.mm)
    doubts = [Doubt.CONTESTED] * contested + [Doubt.TEXT_MISMATCH] * mismatch
    confidence = MISMATCHED_LINE if mismatch else PLAIN_LINE if text_mm is None else CONFIRMED_LINE
    return Bookmark(
        Kind.LINE,
        line.mark.image,
        line.ends,
        line.mark.encoding,
        min(confidence, CONTESTED_LINE) if contested else confidence,
        length_mm=line.mm,
        text_mm=text_mm,
        doubts=tuple(doubts),
        orders=line.orders,
        pixel_spacing=line.grid.spacing,
    )


def _arrow_of(arrow: ShaftAndHead) -> Bookmark:
    drawn = replace(arrow.shaft.mark, shape=Shape.ARROW, points=(arrow.tip, arrow.tail), direction_known=True)
    return _whole_arrow(drawn, arrow.shaft, (*arrow.shaft.orders, arrow.head.order))


def _arrow_without_head(line: Segment) -> Bookmark:
    """A line of a tool named arrow: its text's anchor may have shown the tip."""
    return _whole_arrow(replace(line.mark, shape=Shape.ARROW), line, line.orders)


def _whole_arrow(mark: Mark, line: Segment, orders: tuple[int, ...]) -> Bookmark:
    bookmark = shapes.arrow(replace(mark, texts=line.texts), line.grid)
    assert isinstance(bookmark, Bookmark), "an arrow of two ends is always one"
    return replace(bookmark, orders=tuple(sorted(orders)))
