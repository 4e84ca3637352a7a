"""DISPLAY units: fractions of the displayed area → pixel centres frame (PS3.3 C.10.4, C.10.5, C.10.6).

A graphic or text in DISPLAY units is drawn after the image was rotated and flipped: (0.0, 0.0) is the top left corner
of the displayed area as the viewer shows it, (1.0, 1.0) its bottom right one. The displayed area is given by two
1-based pixel numbers of the image before rotation and flip. Placing a point undoes flip, rotation and area, in that
order, since Image Rotation (clockwise) comes before Image Horizontal Flip.

Graphics are stored as float32. A fraction between a half and one has steps of 6e-8, so that a point comes back within
2e-5 pixels on an area of 512 pixels, 2e-4 on one of 4,096 and 1e-3 on one of 30,000.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, code, items, number, numbers
from miner.bookmarks.geometry import from_corner_frame
from miner.bookmarks.references import KnownImages
from miner.errors import Reason
from miner.records import Doubt, ImageReference, Point

MIN_SIDE = 2.0
"""Pixels: an area a pixel wide shows nothing that could be measured."""

MAX_SIDE = 2.0**20
"""Pixels: sixteen times the largest image (65,535). On a wider area float32 fractions cannot tell pixels apart."""

SQUARE = 1e-6
"""Pixels whose height and width differ by less than this part are square."""

Corners = tuple[int, int]


@dataclass(frozen=True, slots=True)
class DisplayedArea:
    """The displayed area of one image, and how the image was turned when it was drawn upon.

    ``left``, ``top``, ``width``, ``height``: pixels in DICOM's corner frame, before rotation and flip. ``rotation``:
    degrees clockwise, 0, 90, 180 or 270, before the flip. ``aspect``: height of a pixel as shown divided by its width.
    ``doubts``: that its corners are not what the standard says they are.
    """

    left: float
    top: float
    width: float
    height: float
    rotation: int = 0
    flipped: bool = False
    aspect: float = 1.0
    doubts: tuple[Doubt, ...] = ()

    def place(self, u: float, v: float) -> Point:
        """The point at the fractions (u, v) of what is shown, in the pixel centres frame of the image."""
        x, y = _unturned(u, v, self.rotation, self.flipped)
        return from_corner_frame(self.left + x * self.width, self.top + y * self.height)

    @property
    def square_pixels(self) -> bool:
        """Whether a circle as shown is a circle of pixels."""
        return abs(self.aspect - 1.0) <= SQUARE

    def axes_of_circle(self, centre: Point, rim: Point) -> tuple[Point, Point, Point, Point]:
        """Ends of the horizontal and of the vertical diameter of a circle as shown, from its placed centre and rim.

        A CIRCLE is given by its centre and a point on it (PS3.3 C.10.5.1.2), and is round where it is drawn: on the
        display, whose pixels are square, however long and wide the area is. The area is shown with the image's aspect
        ratio (C.10.4: Presentation Pixel Spacing or Presentation Pixel Aspect Ratio), and turning by right angles keeps
        it; so the circle is one of millimetres, and where pixels are not square an upright ellipse of pixels.
        """
        radius = math.hypot(rim[0] - centre[0], (rim[1] - centre[1]) * self.aspect)
        (x, y), tall = centre, radius / self.aspect
        return ((x - radius, y), (x + radius, y), (x, y - tall), (x, y + tall))


Placement = DisplayedArea | Reason
"""How DISPLAY units of an item are placed, or why they can't be."""

NOWHERE: Placement = Reason.DISPLAY_UNITS


@dataclass(frozen=True, slots=True)
class DisplayedAreas:
    """The displayed areas of a state: by image and frame (None: all of its frames), and the one for all images."""

    of_image: Mapping[tuple[str, int | None], Placement]
    of_all: Placement | None = None

    def of(self, image: ImageReference | Reason) -> Placement:
        """The one area that holds for an image or frame; a reason where there is none, or where two contradict."""
        if isinstance(image, Reason):
            return image
        # a reference without frame is to all frames (PS3.3 Table 10-3); frame 1 of a single-frame image is the image
        frames = (None, image.frame or 1)
        holding = {self.of_all, *(self.of_image.get((image.sop_uid, frame)) for frame in frames)} - {None}
        area = holding.pop() if len(holding) == 1 else None
        return NOWHERE if area is None else area


def displayed_areas(dataset: Dataset, known: KnownImages) -> DisplayedAreas:
    """The displayed areas of a presentation state, with its rotation and flip. Never raises."""
    of_image: dict[tuple[str, int | None], Placement] = {}
    of_all: Placement | None = None
    try:
        turned = _turned(dataset)
        selections = items(dataset, "DisplayedAreaSelectionSequence")
    except MalformedError:
        return DisplayedAreas({})
    for selection in selections:
        area = _area(selection, *turned)
        try:
            images = known.named_by(selection)
        except MalformedError:
            return DisplayedAreas({})  # it holds for some image, and nobody knows for which
        for image in images:
            at = (image.sop_uid, image.frame)
            of_image[at] = _agreed(of_image.get(at), area)
        if not images:
            of_all = _agreed(of_all, area)
    return DisplayedAreas(of_image, of_all)


def _agreed(one: Placement | None, other: Placement) -> Placement:
    return other if one is None or one == other else NOWHERE


def _turned(dataset: Dataset) -> tuple[int, bool]:
    """Image Rotation and Image Horizontal Flip (PS3.3 C.10.6); absent: neither. Raises MalformedError."""
    rotation, flip = number(dataset, "ImageRotation") or 0.0, code(dataset, "ImageHorizontalFlip")
    if not math.isfinite(rotation) or rotation % 90 or flip not in ("", "Y", "N"):
        raise MalformedError("ImageRotation")
    return int(rotation % 360), flip == "Y"


def _area(selection: Dataset, rotation: int, flipped: bool) -> Placement:
    """One item of a Displayed Area Selection Sequence (PS3.3 C.10.4)."""
    try:
        first = _corner(selection, "DisplayedAreaTopLeftHandCorner")
        second = _corner(selection, "DisplayedAreaBottomRightHandCorner")
        area = _between(first, second)
        if not all(MIN_SIDE <= side <= MAX_SIDE for side in (area.width, area.height)):
            return NOWHERE
        doubts = area.doubts or _order_doubts(first, second, rotation, flipped)
        return replace(area, rotation=rotation, flipped=flipped, aspect=_aspect(selection), doubts=doubts)
    except MalformedError:
        return NOWHERE


def _corner(selection: Dataset, keyword: str) -> Corners:
    values = numbers(selection, keyword)
    if values is None or len(values) != 2 or not all(math.isfinite(value) and value.is_integer() for value in values):
        raise MalformedError(keyword)
    return int(values[0]), int(values[1])


def _between(first: Corners, second: Corners) -> DisplayedArea:
    """The area between two corner pixels, each included; they may lie outside of the image.

    A corner of 0 with none below 0 shows a writer that counts edges, not pixels: the area starts at the edge 0.
    """
    left, right = sorted((first[0], second[0]))
    top, bottom = sorted((first[1], second[1]))
    if min(left, top) == 0:
        return DisplayedArea(left, top, right - left, bottom - top, doubts=(Doubt.DISPLAYED_AREA,))
    return DisplayedArea(left - 1, top - 1, right - left + 1, bottom - top + 1)


def _order_doubts(first: Corners, second: Corners, rotation: int, flipped: bool) -> tuple[Doubt, ...]:
    """A doubt where the corners are neither those of the image as stored nor those of the image as shown.

    The standard names them after the transformation: of an image that is flipped, the top left corner as shown is the
    top right one as stored. Many writers name them before it. Either way they bound the same area.
    """
    right, down = second[0] > first[0], second[1] > first[1]
    (x0, y0), (x1, y1) = _unturned(0.0, 0.0, rotation, flipped), _unturned(1.0, 1.0, rotation, flipped)
    return () if (right, down) in ((True, True), (x1 > x0, y1 > y0)) else (Doubt.DISPLAYED_AREA,)


def _unturned(u: float, v: float, rotation: int, flipped: bool) -> Point:
    """Fractions of the area as shown → fractions of the area as stored."""
    u = 1.0 - u if flipped else u
    if rotation == 90:
        return v, 1.0 - u
    if rotation == 180:
        return 1.0 - u, 1.0 - v
    if rotation == 270:
        return 1.0 - v, u
    return u, v


def _aspect(selection: Dataset) -> float:
    """Height of a pixel as shown divided by its width: from its spacing, else its ratio, both vertical first."""
    for keyword in ("PresentationPixelSpacing", "PresentationPixelAspectRatio"):
        try:
            pair = numbers(selection, keyword)
        except MalformedError:
            continue
        if pair is not None and len(pair) == 2 and all(0 < value < math.inf for value in pair):
            aspect = pair[0] / pair[1]
            return aspect if 1e-3 <= aspect <= 1e3 else 1.0
    return 1.0
