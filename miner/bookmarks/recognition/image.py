"""All marks of one image → its bookmarks. Every mark ends in one bookmark or in one refusal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from miner.bookmarks.agreement import agrees, closest, has_angle
from miner.bookmarks.geometry import Grid, finite
from miner.bookmarks.recognition import shapes
from miner.bookmarks.recognition.arrows import ShaftAndHead, find_arrows
from miner.bookmarks.recognition.pairing import Pair, both_lengths, pair_axes
from miner.bookmarks.recognition.relabelling import relabelled
from miner.bookmarks.recognition.segments import Segment, angle_mm, crossing_of, segments, without
from miner.bookmarks.recognition.structures import (
    Refused,
    refuse_angles,
    refuse_cross_hairs,
    refuse_perpendiculars,
    refuse_ticks,
)
from miner.bookmarks.tools import ANGLES, NOT_A_LESION, Tool
from miner.errors import Reason
from miner.records import Bookmark, Doubt, Kind, Mark, MarkRefusal, Recognition, Shape

EDGE_TOLERANCE = 0.01
"""Pixels by which a point may lie outside of the image's outer edge: rounding of float32 and of decimal strings."""

MAX_LINES = 300
"""Lines of one image among which structure is looked for. Beyond, it is no measured image: all stay single."""

CONFIRMED_LINE, PLAIN_LINE, MISMATCHED_LINE, CONTESTED_LINE = 0.95, 0.8, 0.5, 0.5
"""Confidence of a single line: its text gives its length, it has none, it gives another; it may be part of a pair."""

OBLIQUE = 75.0
"""Degrees below which a pair is flagged: one official row in two hundred."""

NARROW = 0.2
"""Short over long below which a pair is flagged: one official row in a thousand."""

SPACING_DIFFERS = 0.01
"""Relative difference of presentation and image spacing that is more than rounding."""


def recognise(marks: Sequence[Mark], *, columns: int, rows: int, pixel_spacing: tuple[float, float]) -> Recognition:
    """All marks that one object puts on one image, recognised together.

    ``pixel_spacing``: (row, column) in mm, positive. Bookmarks are in the order of their first mark, and have no
    ``source_uid`` yet. The order of ``marks`` does not matter (their own ``order`` does). Raises ValueError for an
    image without size or spacing.
    """
    if columns < 1 or rows < 1 or not all(0 < value < math.inf for value in pixel_spacing):
        raise ValueError("an image needs columns, rows and a positive pixel spacing")
    grid = Grid(columns, rows, pixel_spacing)
    sound, refused = _screened(sorted(marks, key=lambda mark: mark.order), grid)
    lines = [mark for mark in sound if mark.shape is Shape.LINE]
    found, more, used = _among_lines(lines, [mark for mark in sound if mark.shape is not Shape.LINE], grid)
    refused += more
    for mark in sound:
        if mark.shape is Shape.LINE or mark.order in used:
            continue
        bookmark = _RECOGNISERS.get(mark.shape, _unknown)(mark, grid)
        if isinstance(bookmark, Bookmark) and not grid.holds(bookmark.points, EDGE_TOLERANCE):
            bookmark = Reason.POINT_OUTSIDE_IMAGE
        if isinstance(bookmark, Bookmark):
            found.append(bookmark)
        else:
            refused.append(_refusal(mark, bookmark))
    spacings = {mark.order: mark.presentation_spacing for mark in sound}
    found = [_with_spacing_doubt(bookmark, spacings, grid) for bookmark in found]
    return Recognition(
        tuple(sorted(found, key=lambda bookmark: bookmark.orders)),
        tuple(sorted(refused, key=lambda refusal: refusal.order)),
    )


# --------------------------------------------------------------------------------------------------------- screening


def _screened(marks: Iterable[Mark], grid: Grid) -> tuple[list[Mark], list[MarkRefusal]]:
    """Marks that may become bookmarks: finite, on the image, of a tool that measures lesions."""
    sound: list[Mark] = []
    refused: list[MarkRefusal] = []
    for mark in marks:
        kept = _tip_alone(mark, grid)
        reason = _reason_against(kept, grid)
        if reason is None:
            sound.append(kept)
        else:
            refused.append(_refusal(mark, reason))
    return sound, refused


def _tip_alone(mark: Mark, grid: Grid) -> Mark:
    """An arrow drawn from outside of the image: the tip is what it says, so the tail is left out."""
    if mark.shape is not Shape.ARROW or len(mark.points) != 2 or not mark.direction_known or not finite(mark.points):
        return mark
    tail_outside = not grid.holds(mark.points[1:], EDGE_TOLERANCE)
    return replace(mark, points=mark.points[:1]) if tail_outside else mark


def _reason_against(mark: Mark, grid: Grid) -> Reason | None:
    if not finite(mark.points):
        return Reason.POINT_NOT_FINITE
    if not grid.holds(mark.points, EDGE_TOLERANCE):
        return Reason.POINT_OUTSIDE_IMAGE
    if mark.tool in ANGLES:
        return Reason.ANGLE_TOOL
    if mark.tool in NOT_A_LESION:
        return Reason.TOOL_NOT_A_LESION
    return Reason.MALFORMED_GRAPHIC if _is_malformed(mark) else None


def _is_malformed(mark: Mark) -> bool:
    if mark.shape is Shape.LINE:
        return len(mark.points) != 2 or math.dist(*mark.points) <= EDGE_TOLERANCE
    return not mark.points and mark.shape is not Shape.TEXT


def _refusal(mark: Mark, reason: Reason) -> MarkRefusal:
    return MarkRefusal(reason, mark.order, mark.image, mark.shape)


# ------------------------------------------------------------------------------------------------------------- lines


def _among_lines(
    marks: Sequence[Mark], others: Sequence[Mark], grid: Grid
) -> tuple[list[Bookmark], list[MarkRefusal], set[int]]:
    """Bookmarks and refusals among the lines, and the orders of other marks that were part of them (heads, corners)."""
    lines = segments(marks, grid)
    corners = [mark for mark in others if len(mark.points) == 3]
    if len(lines) > MAX_LINES or len(corners) > MAX_LINES:
        return [_line(line, contested=True) for line in lines], [], set()
    lines = relabelled(lines)
    arrows = find_arrows(lines, corners)
    left = without(lines, (arrow.shaft for arrow in arrows))
    found = [_arrow_of(arrow) for arrow in arrows]
    used = {arrow.head.order for arrow in arrows}
    named = [line for line in left if line.mark.tool == Tool.ARROW]
    found += [_arrow_without_head(line) for line in named]
    left = without(left, named)
    gone, corner_marks = _not_measured(left, [mark for mark in corners if mark.order not in used], grid)
    left = without(left, (line for line, _ in gone))
    pairing = pair_axes(left)
    found += [_recist(pair) for pair in pairing.pairs]
    single = without(left, (line for pair in pairing.pairs for line in (pair.long, pair.short)))
    found += [_line(line, contested=line.rank in pairing.contested) for line in single]
    refused = [
        MarkRefusal(reason, order, line.mark.image, Shape.LINE) for line, reason in gone for order in line.orders
    ]
    refused += [_refusal(mark, Reason.TOOL_NOT_A_LESION) for mark in corner_marks]
    return found, refused, used | {mark.order for mark in corner_marks}


def _not_measured(lines: Sequence[Segment], corners: Sequence[Mark], grid: Grid) -> tuple[Refused, list[Mark]]:
    """Lines of tools that measure no lesion, found one kind after the other, and corner marks among the others."""
    gone: Refused = refuse_angles(lines)
    left = without(lines, (line for line, _ in gone))
    perpendicular, corner_marks = refuse_perpendiculars(left, corners)
    left = without(left, (line for line, _ in perpendicular))
    cross_hairs = refuse_cross_hairs(left, grid)
    left = without(left, (line for line, _ in cross_hairs))
    return [*gone, *perpendicular, *cross_hairs, *refuse_ticks(left, grid)], corner_marks


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
    if short.mm < NARROW * long.mm:
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


# ------------------------------------------------------------------------------------------------------- other shapes


def _open_polyline(mark: Mark, grid: Grid) -> Reason:
    return Reason.ANGLE_TOOL if len(mark.points) == 3 and has_angle(mark.texts) else Reason.OPEN_POLYLINE


def _single_point(mark: Mark, grid: Grid) -> Reason:
    return Reason.SINGLE_POINT


def _text(mark: Mark, grid: Grid) -> Reason:
    return Reason.TEXT_ONLY


def _unknown(mark: Mark, grid: Grid) -> Reason:
    return Reason.UNKNOWN_GRAPHIC


_RECOGNISERS: Mapping[Shape, Callable[[Mark, Grid], Bookmark | Reason]] = {
    Shape.POINT: _single_point,
    Shape.TEXT: _text,
    Shape.POLYLINE: _open_polyline,
    Shape.POLYGON: shapes.outline,
    Shape.CURVE: shapes.outline,
    Shape.ELLIPSE: shapes.ellipse,
    Shape.CIRCLE: shapes.circle,
    Shape.ARROW: shapes.arrow,
}
"""Shape → its recognition, for all shapes but lines, which are recognised together."""


def _with_spacing_doubt(bookmark: Bookmark, spacings: Mapping[int, tuple[float, float] | None], grid: Grid) -> Bookmark:
    """Flag a bookmark whose state was shown at another spacing than the image's: its texts may follow that one."""
    shown = spacings.get(bookmark.orders[0])
    if shown is None or all(abs(a - b) <= SPACING_DIFFERS * b for a, b in zip(shown, grid.spacing, strict=True)):
        return bookmark
    return replace(bookmark, doubts=(*bookmark.doubts, Doubt.PRESENTATION_SPACING))
