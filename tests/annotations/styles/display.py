"""Any viewer's items in DISPLAY units: fractions of a displayed area after rotation and flip (PS3.3 C.10.4 to C.10.6).

The items are written in PIXEL units first, by one of several viewers, then shown. The forward way is written here on
its own, from the standard, so that it checks the reader's way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydicom.dataset import Dataset

from tests.annotations.styles.compound import compound
from tests.annotations.styles.sheet import Sheet, Style, View
from tests.annotations.styles.viewers import agfa, sectra, weasis
from tests.annotations.truth import Drawing, Point

BASES: tuple[Style, ...] = (sectra, agfa, weasis, compound)


def display(sheet: Sheet, drawings: Sequence[Drawing]) -> None:
    """One viewer's items, all of them in DISPLAY units, of a random displayed area that holds everything drawn."""
    state = np.random.default_rng(sheet.seed[0])
    base = BASES[int(state.integers(len(BASES)))]
    rotation, flipped = int(state.integers(4)) * 90, bool(state.random() < 0.5)
    base(sheet, drawings)
    points = [point for item in sheet.items for _, _, points in _coordinates(item) for point in points]
    sheet.view = random_view(np.random.default_rng(sheet.seed), sheet, points, rotation=rotation, flipped=flipped)
    for item in sheet.items:
        show(item, sheet.view, sheet.spacing[0] / sheet.spacing[1])


def random_view(
    random: np.random.Generator, sheet: Sheet, points: Sequence[Point], *, rotation: int, flipped: bool
) -> View:
    """A displayed area around the points (corner frame): zoomed in, panned beyond the image, or counted from 0."""
    if random.random() < 0.15:
        return View((0, 0), (int(sheet.image.Columns), int(sheet.image.Rows)), rotation, flipped, edges=True)
    xs, ys = [x for x, _ in points] or [0.0], [y for _, y in points] or [0.0]
    reach = [int(random.integers(1, 120)) for _ in range(4)]
    left, top = int(np.floor(min(xs))) - reach[0], int(np.floor(min(ys))) - reach[1]
    if min(left, top) == 0:
        left, top = left - 1, top - 1  # a corner of 0 says that the writer counts edges
    right, bottom = int(np.ceil(max(xs))) + reach[2], int(np.ceil(max(ys))) + reach[3]
    return View((left, top), (right, bottom), rotation, flipped)


def seen(view: View, point: Point) -> Point:
    """Where a point of the image (corner frame) is shown, as fractions of the displayed area."""
    first = (view.first[0], view.first[1]) if view.edges else (view.first[0] - 1, view.first[1] - 1)
    x = (point[0] - first[0]) / (view.last[0] - first[0])
    y = (point[1] - first[1]) / (view.last[1] - first[1])
    for _ in range(view.rotation // 90):
        x, y = 1 - y, x  # a quarter clockwise: what was at the bottom comes to the left, the left to the top
    return (1 - x if view.flipped else x), y


def corners(view: View, *, after: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Displayed Area Top Left and Bottom Right Hand Corner: of the image as shown (``after``), or as it is stored."""
    if not after:
        return view.first, view.last
    pixels = [(x, y) for x in (view.first[0], view.last[0]) for y in (view.first[1], view.last[1])]
    shown = {pixel: _turned_pixel(view, pixel) for pixel in pixels}
    return min(pixels, key=lambda pixel: sum(shown[pixel])), max(pixels, key=lambda pixel: sum(shown[pixel]))


def _turned_pixel(view: View, pixel: tuple[int, int]) -> Point:
    """A corner pixel as seen on an area whose corners are fractions 0 and 1."""
    square = View((1, 1), (1, 1), view.rotation, view.flipped)
    at = (float(pixel[0] == view.last[0]), float(pixel[1] == view.last[1]))
    return seen(square, at)


def show(item: Dataset, view: View, aspect: float) -> None:
    """Turn all PIXEL units of one Graphic Annotation item into DISPLAY units. ``aspect``: row by column spacing.

    A circle of pixels that are not square is no circle on the screen: it becomes an ellipse.
    """
    for graphic in item.get("GraphicObjectSequence", ()):
        if graphic.GraphicType == "CIRCLE" and abs(aspect - 1) > 1e-9:
            x, y, rim_x, rim_y = graphic.GraphicData
            radius = float(np.hypot(rim_x - x, rim_y - y))
            across, down = [x - radius, y, x + radius, y], [x, y - radius, x, y + radius]
            graphic.GraphicType, graphic.NumberOfGraphicPoints = "ELLIPSE", 4
            graphic.GraphicData = [*across, *down] if aspect < 1 else [*down, *across]
    for holder, keywords, points in list(_coordinates(item)):
        placed = [seen(view, point) for point in points]
        if keywords[0].startswith("BoundingBox"):
            xs, ys = [x for x, _ in placed], [y for _, y in placed]
            placed = [(min(xs), min(ys)), (max(xs), max(ys))]
        data = [float(v) for v in np.asarray(placed, dtype=np.float32).ravel()]
        for index, keyword in enumerate(keywords):
            setattr(holder, keyword, data if len(keywords) == 1 else data[2 * index : 2 * index + 2])
    for holder in _holders(item):
        if "RotationAngle" in holder and view.flipped:
            holder.RotationAngle = -holder.RotationAngle  # counterclockwise becomes clockwise
        for keyword in _UNITS:
            if keyword in holder:
                setattr(holder, keyword, "DISPLAY")


_UNITS = (
    "GraphicAnnotationUnits",
    "CompoundGraphicUnits",
    "AnchorPointAnnotationUnits",
    "BoundingBoxAnnotationUnits",
)


def _holders(item: Dataset) -> list[Dataset]:
    names = ("GraphicObjectSequence", "CompoundGraphicSequence", "TextObjectSequence")
    return [holder for name in names for holder in item.get(name, ())]


def _coordinates(item: Dataset) -> Iterator[tuple[Dataset, tuple[str, ...], list[Point]]]:
    """Every element that holds points: its item, its keywords, its points (corner frame)."""
    groups = (
        ("GraphicData",),
        ("RotationPoint",),
        ("AnchorPoint",),
        ("BoundingBoxTopLeftHandCorner", "BoundingBoxBottomRightHandCorner"),
    )
    for holder in _holders(item):
        for keywords in groups:
            if all(keyword in holder for keyword in keywords):
                flat = [float(value) for keyword in keywords for value in holder[keyword].value]
                yield holder, keywords, list(zip(flat[::2], flat[1::2], strict=True))
