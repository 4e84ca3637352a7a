"""Text objects of presentation states (PS3.3 C.10.5.1.1), reduced in memory to what they measure and where they are."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, code, numbers, text
from miner.bookmarks.geometry import Box
from miner.bookmarks.states.graphics import Unreadable, compound_id, in_centre_frame
from miner.bookmarks.text import measurements
from miner.bookmarks.tools import Tool, tool_of_label
from miner.errors import Reason
from miner.records import Measurement, Point, Shape


@dataclass(frozen=True, slots=True)
class Label:
    """One text without its words. ``anchor``, ``box``: pixel centres frame, None where absent or in DISPLAY units.

    ``elsewhere``: it has an anchor in units that cannot be placed on the image.
    """

    measured: tuple[Measurement, ...] = ()
    tool: Tool = Tool.NONE
    anchor: Point | None = None
    visible: bool = False
    box: Box | None = None
    compound: int | None = None
    elsewhere: bool = False

    @property
    def points_at_something(self) -> bool:
        """Whether the viewer draws a line from the text to a spot: an arrow, or the leader of a graphic's label."""
        return self.visible and (self.anchor is not None or self.elsewhere)


def read_label(dataset: Dataset) -> Label | Unreadable:
    """One item of a Text Object Sequence. Never raises."""
    words = text(dataset, "UnformattedTextValue")
    try:
        values = numbers(dataset, "AnchorPoint")
        if values is not None and len(values) != 2:
            raise MalformedError("AnchorPoint")
        placed = _place(values, code(dataset, "AnchorPointAnnotationUnits"))
    except MalformedError:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.TEXT)
    if isinstance(placed, Unreadable) and placed.reason is Reason.POINT_NOT_FINITE:
        return Unreadable(Reason.POINT_NOT_FINITE, Shape.TEXT)
    anchor = placed[0] if isinstance(placed, tuple) and placed else None
    return Label(
        measured=measurements(words),
        tool=tool_of_label(words),
        anchor=anchor,
        # absent although an anchor is given: drawn, as viewers do
        visible=values is not None and code(dataset, "AnchorPointVisibility") != "N",
        box=_box(dataset),
        compound=compound_id(dataset),
        elsewhere=isinstance(placed, Unreadable),
    )


def _place(values: tuple[float, ...] | None, units: str) -> tuple[Point, ...] | Unreadable:
    return () if values is None else in_centre_frame([(values[0], values[1])], units)


def _box(dataset: Dataset) -> Box | None:
    """The bounding box; None where there is none that can be used: it is only ever evidence of nearness."""
    try:
        first = numbers(dataset, "BoundingBoxTopLeftHandCorner")
        second = numbers(dataset, "BoundingBoxBottomRightHandCorner")
        if first is None or second is None or len(first) != 2 or len(second) != 2:
            return None
        units = code(dataset, "BoundingBoxAnnotationUnits")
        corners = in_centre_frame([(first[0], first[1]), (second[0], second[1])], units)
    except MalformedError:
        return None
    if isinstance(corners, Unreadable):
        return None
    (x1, y1), (x2, y2) = corners
    return (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
