"""All marks of one image → its bookmarks. Every mark ends in one bookmark or in one refusal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from miner.bookmarks.agreement import has_angle
from miner.bookmarks.geometry import Grid, finite
from miner.bookmarks.recognition import shapes
from miner.bookmarks.recognition.lines import REPORTS, among_lines
from miner.bookmarks.recognition.relabelling import with_texts_of_outlines
from miner.bookmarks.tools import ANGLES, NOT_A_LESION
from miner.errors import Reason
from miner.records import Bookmark, Doubt, Mark, MarkRefusal, Recognition, Shape

EDGE_TOLERANCE = 0.01
"""Pixels by which a point may lie outside of the image's outer edge: rounding of float32 and of decimal strings."""

CLAMPED = 1.0
"""Pixels outside of the image at which a point is put on its edge where the state's displayed area counts from 0:
whether its corners name pixels or edges is then a guess of just this size (PS3.3 C.10.4)."""

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
    sound = _with_texts_given_back(sound, grid)
    lines = [mark for mark in sound if mark.shape is Shape.LINE]
    among = among_lines(lines, [mark for mark in sound if mark.shape is not Shape.LINE], grid)
    found = list(among.bookmarks)
    refused += among.refused
    for mark in sound:
        if mark.shape is Shape.LINE or mark.order in among.used:
            continue
        bookmark = _RECOGNISERS.get(mark.shape, _unknown)(mark, grid)
        if isinstance(bookmark, Bookmark) and not grid.holds(bookmark.points, EDGE_TOLERANCE):
            bookmark = Reason.POINT_OUTSIDE_IMAGE
        if isinstance(bookmark, Bookmark):
            found.append(bookmark)
        else:
            refused.append(_refusal(mark, bookmark))
    by_order = {mark.order: mark for mark in sound}
    found = [_with_what_marks_say(bookmark, [by_order[order] for order in bookmark.orders], grid) for bookmark in found]
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
        kept = _tip_alone(_clamped(mark, grid), grid)
        reason = _reason_against(kept, grid)
        if reason is None:
            sound.append(kept)
        else:
            refused.append(_refusal(mark, reason))
    return sound, refused


def _clamped(mark: Mark, grid: Grid) -> Mark:
    if Doubt.DISPLAYED_AREA not in mark.doubts or not finite(mark.points) or not grid.holds(mark.points, CLAMPED):
        return mark
    right, bottom = grid.columns - 0.5, grid.rows - 0.5
    return replace(mark, points=tuple((min(max(x, -0.5), right), min(max(y, -0.5), bottom)) for x, y in mark.points))


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


def _with_texts_given_back(marks: Sequence[Mark], grid: Grid) -> list[Mark]:
    """The marks in order; those of presentation states, whose texts nearness may have tied, with texts given back."""
    tied = [mark for mark in marks if mark.encoding not in REPORTS]
    return sorted(
        [*with_texts_of_outlines(tied, grid), *(mark for mark in marks if mark.encoding in REPORTS)],
        key=lambda mark: mark.order,
    )


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


# ------------------------------------------------------------------------------------------------ from marks to theirs

_Said = TypeVar("_Said")


def _with_what_marks_say(bookmark: Bookmark, marks: Sequence[Mark], grid: Grid) -> Bookmark:
    """A bookmark with its marks' doubts, and with the lesion, finding and site that they name."""
    doubts = [*bookmark.doubts, *(doubt for mark in marks for doubt in mark.doubts)]
    if _was_shown_otherwise(marks[0], grid):
        doubts.append(Doubt.PRESENTATION_SPACING)
    return replace(
        bookmark,
        doubts=tuple(dict.fromkeys(doubts)),
        tracking=_agreed(mark.tracking for mark in marks) or "",
        finding=_agreed(mark.finding for mark in marks),
        site=_agreed(mark.site for mark in marks),
    )


def _agreed(values: Iterable[_Said | None]) -> _Said | None:
    """What the marks say that say anything; None where two contradict each other."""
    said = {value for value in values if value}
    return said.pop() if len(said) == 1 else None


def _was_shown_otherwise(mark: Mark, grid: Grid) -> bool:
    """Whether a mark's state was shown at another spacing than the image's: its texts may follow that one."""
    shown = mark.presentation_spacing
    return shown is not None and any(abs(a - b) > SPACING_DIFFERS * b for a, b in zip(shown, grid.spacing, strict=True))
