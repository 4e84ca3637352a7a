"""Text objects of presentation states (PS3.3 C.10.5.1.1), reduced in memory to what they measure and where they are."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, code, numbers, text
from miner.bookmarks.geometry import Box, box_of
from miner.bookmarks.states.display import NOWHERE, Placement
from miner.bookmarks.states.graphics import DISPLAY, Unreadable, compound_id, group_id, in_centre_frame
from miner.bookmarks.text import measurements
from miner.bookmarks.tools import Tool, tool_of_label
from miner.errors import Reason
from miner.records import Doubt, Measurement, Point, Shape


@dataclass(frozen=True, slots=True)
class Label:
    """One text without its words. ``anchor``, ``box``: pixel centres frame, None where absent or not to be placed.

    ``elsewhere``: why its anchor cannot be placed on the image. ``numbered``: its words hold a digit, as those of every
    measurement do. ``displayed``: its anchor was given in DISPLAY units; ``doubts``: of placing it. ``compound``,
    ``group``: as in :class:`~miner.bookmarks.states.graphics.Drawn`.
    """

    measured: tuple[Measurement, ...] = ()
    tool: Tool = Tool.NONE
    anchor: Point | None = None
    visible: bool = False
    box: Box | None = None
    compound: int | None = None
    group: int | None = None
    elsewhere: Reason | None = None
    numbered: bool = False
    displayed: bool = False
    doubts: tuple[Doubt, ...] = ()

    @property
    def points_at_something(self) -> bool:
        """Whether the viewer draws a line from the text to a spot: an arrow, or the leader of a graphic's label."""
        return self.visible and (self.anchor is not None or self.elsewhere is not None)


def read_label(dataset: Dataset, placement: Placement = NOWHERE) -> Label | Unreadable:
    """One item of a Text Object Sequence. ``placement``: the displayed area of its image. Never raises."""
    words = text(dataset, "UnformattedTextValue")
    # older versions of Weasis name the units of the box alone
    units = code(dataset, "AnchorPointAnnotationUnits") or code(dataset, "BoundingBoxAnnotationUnits")
    try:
        values = numbers(dataset, "AnchorPoint")
        if values is not None and len(values) != 2:
            raise MalformedError("AnchorPoint")
        placed = () if values is None else in_centre_frame([(values[0], values[1])], units, placement)
    except MalformedError:
        return Unreadable(Reason.MALFORMED_GRAPHIC, Shape.TEXT)
    if isinstance(placed, Unreadable) and placed.reason is Reason.POINT_NOT_FINITE:
        return Unreadable(Reason.POINT_NOT_FINITE, Shape.TEXT)
    anchor = placed[0] if isinstance(placed, tuple) and placed else None
    displayed = anchor is not None and units == DISPLAY
    return Label(
        measured=measurements(words),
        tool=tool_of_label(words),
        anchor=anchor,
        # absent although an anchor is given: drawn, as viewers do
        visible=values is not None and code(dataset, "AnchorPointVisibility") != "N",
        box=_box(dataset, placement),
        compound=compound_id(dataset),
        group=group_id(dataset),
        elsewhere=placed.reason if isinstance(placed, Unreadable) else None,
        numbered=any(character.isdecimal() for character in words),
        displayed=displayed,
        doubts=placement.doubts if displayed and not isinstance(placement, Reason) else (),
    )


def _box(dataset: Dataset, placement: Placement) -> Box | None:
    """The bounding box; None where there is none that can be used: it is only ever evidence of nearness."""
    try:
        first = numbers(dataset, "BoundingBoxTopLeftHandCorner")
        second = numbers(dataset, "BoundingBoxBottomRightHandCorner")
        if first is None or second is None or len(first) != 2 or len(second) != 2:
            return None
        units = code(dataset, "BoundingBoxAnnotationUnits")
        corners = in_centre_frame([(first[0], first[1]), (second[0], second[1])], units, placement)
    except MalformedError:
        return None
    return None if isinstance(corners, Unreadable) else box_of(corners)
