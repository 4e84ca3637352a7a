"""`--draw`: each image with the bookmarks that were read on it, as panels of one PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from miner.dialect.examination import ImageExamination, ObjectExamination
from miner.dialect.images import GivenImage, Picture, pixels_of
from miner.dialect.redaction import Names
from miner.errors import UsageError
from miner.images import write_png
from miner.records import Bookmark, ImageReference, Kind, Mark, Point, Shape

MAX_PANELS = 12
PANEL = 640
"""Pixels of a panel's longer side."""

FINER = 2
"""Panels are drawn this much larger and scaled down, so that lines have smooth edges."""

STRIP = 40
"""Pixels of the line of text over each panel."""

COLOURS: Mapping[Kind, tuple[int, int, int]] = {
    Kind.RECIST: (255, 208, 0),
    Kind.LINE: (64, 224, 255),
    Kind.ARROW: (255, 96, 96),
    Kind.ELLIPSE: (120, 255, 120),
    Kind.POLYGON: (255, 140, 255),
}
REFUSED = (140, 150, 255)
"""Pale blue: grey would not be seen on a grey image."""

GROUND = (16, 16, 16)
TEXT = (235, 235, 235)
EMPTY_SIDE = 512
"""Pixels of an image whose size is unknown, where its points need no more."""

LARGEST_SIDE = 16_384
"""Points further out than this are not drawn: no image is so large, and a hostile object may say 1e30."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass
class Panel:
    """One image: what is drawn on it by all objects. ``window``: the first that an object sets."""

    image: ImageReference
    given: GivenImage | None
    window: tuple[float, float] | None
    bookmarks: list[Bookmark] = field(default_factory=list)
    refused: list[Mark] = field(default_factory=list)


def check_target(picture: Path, inputs: Sequence[Path]) -> None:
    """Whether a PNG may be written there. An earlier PNG is replaced; no other file ever is. Raises UsageError."""
    if picture.suffix.lower() != ".png":
        raise UsageError(f"{picture} is to be a picture: give --draw a name that ends in .png.")
    if not picture.parent.is_dir():
        raise UsageError(f"{picture.parent} is no folder: create it, or draw elsewhere.")
    if any(picture.resolve() == path.resolve() for path in inputs):
        raise UsageError(f"{picture} is one of the files to read: draw elsewhere.")
    if picture.exists() and not _is_png(picture):
        raise UsageError(f"{picture} exists already and is no PNG: give another name, nothing is overwritten.")


def draw(examined: Iterable[ObjectExamination], names: Names, picture: Path) -> tuple[str, ...]:
    """Draw all images with marks into one PNG; returns sentences on what it shows and what not.

    Pixels are drawn only of images that are given and that the pixel gate lets through, and never in a redacted
    drawing: a face or a burned-in name needs no header. Raises StorageError where the picture cannot be written.
    """
    panels = _panels(examined)
    if not panels:
        return ("No mark lies on an image, so nothing was drawn.",)
    shown = panels[:MAX_PANELS]
    drawn = [_drawn(panel, names) for panel in shown]
    write_png(picture, _png(_sheet([image for image, _ in drawn])))
    notes = [note for _, note in drawn if note]
    if len(panels) > len(shown):
        notes.append(f"Of {len(panels)} images with marks the first {len(shown)} are drawn: give fewer objects.")
    return tuple(dict.fromkeys(notes))


def _is_png(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE
    except OSError:
        return False


# -------------------------------------------------------------------------------------------------------------- panels


def _panels(examined: Iterable[ObjectExamination]) -> list[Panel]:
    """One panel an image (a frame of one), in the order in which the objects name them."""
    panels: dict[tuple[str, int | None], Panel] = {}
    for entry in examined:
        for on_image in entry.images:
            key = (on_image.image.sop_uid, on_image.image.frame)
            window = entry.read.window if entry.read is not None else None
            panel = panels.setdefault(key, Panel(on_image.image, on_image.given, window))
            panel.window = panel.window or window
            panel.bookmarks += on_image.recognition.bookmarks
            panel.refused += _refused(on_image)
    return list(panels.values())


def _refused(on_image: ImageExamination) -> list[Mark]:
    gone = {refusal.order for refusal in on_image.recognition.refused}
    return [mark for mark in on_image.marks if mark.order in gone]


def _drawn(panel: Panel, names: Names) -> tuple[Image.Image, str]:
    """One panel, and a sentence where it does not show the image itself."""
    name = names.uid("image", panel.image.sop_uid)
    columns, rows = _size(panel)
    ground, note = _ground(panel, names, name, columns, rows)
    scale = PANEL * FINER / max(columns, rows)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    canvas = ground.resize(size, Image.Resampling.BILINEAR) if ground is not None else Image.new("RGB", size, GROUND)
    pen = _Pen(ImageDraw.Draw(canvas), scale)
    for mark in panel.refused:
        pen.mark(mark)
    for bookmark in panel.bookmarks:
        pen.bookmark(bookmark)
    small = canvas.resize((max(1, size[0] // FINER), max(1, size[1] // FINER)), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (PANEL, PANEL + STRIP), GROUND)
    sheet.paste(small, (0, STRIP))
    _caption(sheet, panel, name, note)
    return sheet, note


def _ground(panel: Panel, names: Names, name: str, columns: int, rows: int) -> tuple[Image.Image | None, str]:
    """The image at its window, or None and why not."""
    if names.redacted:
        return None, "Redacted: the geometry alone is drawn."
    if panel.given is None:
        return None, f"{name} is not given: its marks are drawn on empty ground."
    pixels = pixels_of(panel.given)
    if pixels is None or pixels.shape != (rows, columns):
        gate = next((reason.value for reason in panel.given.header.gate), "no pixels that can be decoded")
        return None, f"{name} is not shown ({gate}): its marks are drawn on empty ground."
    return Image.fromarray(_windowed(pixels, panel.window or panel.given.header.window)).convert("RGB"), ""


def _windowed(pixels: Picture, window: tuple[float, float] | None) -> npt.NDArray[np.uint8]:
    low, high = window if window is not None else tuple(np.percentile(pixels, (1, 99)))
    span = max(float(high) - float(low), 1e-9)
    grey: npt.NDArray[np.uint8] = np.clip((pixels - low) / span * 255, 0, 255).astype(np.uint8)
    return grey


def _size(panel: Panel) -> tuple[int, int]:
    """Columns and rows: the image's own, else what the points need."""
    if panel.given is not None and panel.given.header.columns > 0 and panel.given.header.rows > 0:
        return panel.given.header.columns, panel.given.header.rows
    points = [point for bookmark in panel.bookmarks for point in bookmark.points]
    points += [point for mark in panel.refused for point in mark.points]
    near = [point for point in points if _near(point)]
    across = max((x for x, _ in near), default=0.0)
    down = max((y for _, y in near), default=0.0)
    return max(EMPTY_SIDE, math.ceil(across) + 8), max(EMPTY_SIDE, math.ceil(down) + 8)


def _near(point: Point) -> bool:
    return all(math.isfinite(value) and abs(value) <= LARGEST_SIDE for value in point)


class _Pen:
    """Draws in the pixel centres frame on a canvas that is ``scale`` times larger."""

    def __init__(self, canvas: ImageDraw.ImageDraw, scale: float) -> None:
        self._canvas = canvas
        self._scale = scale

    def bookmark(self, bookmark: Bookmark) -> None:
        """In its kind's colour."""
        colour, width = COLOURS[bookmark.kind], 2 * FINER
        points = bookmark.points
        if not all(map(_near, points)):
            return
        if bookmark.kind is Kind.RECIST:
            self._path(points[:2], colour, width)
            self._path(points[2:], colour, width)
        elif bookmark.kind is Kind.ARROW:
            self._arrow(points, colour, width)
        elif bookmark.kind is Kind.ELLIPSE:
            self._path(_around(points), colour, width)
        else:
            self._path((*points, points[0]) if bookmark.kind is Kind.POLYGON else points, colour, width)

    def mark(self, mark: Mark) -> None:
        """A refused mark: thin."""
        points = mark.points
        if not points or not all(map(_near, points)):
            return
        if len(points) == 1:
            self._dot(points[0], REFUSED)
        elif mark.shape is Shape.ELLIPSE and len(points) == 4:
            self._path(_around(points), REFUSED, FINER)
        else:
            closed = mark.shape in (Shape.POLYGON, Shape.CURVE)
            self._path((*points, points[0]) if closed else points, REFUSED, FINER)

    def _path(self, points: Sequence[Point], colour: tuple[int, int, int], width: int) -> None:
        self._canvas.line([self._at(point) for point in points], fill=colour, width=width, joint="curve")

    def _arrow(self, points: Sequence[Point], colour: tuple[int, int, int], width: int) -> None:
        """Shaft and head; a tip alone is a ring with a dot."""
        tip = points[0]
        if len(points) == 1:
            x, y = self._at(tip)
            radius = 6 * FINER
            self._canvas.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
            self._dot(tip, colour)
            return
        self._path(points[:2], colour, width)
        turn = math.atan2(points[1][1] - tip[1], points[1][0] - tip[0])
        size = 12 * FINER / self._scale
        sides = [(tip[0] + size * math.cos(turn + a), tip[1] + size * math.sin(turn + a)) for a in (0.45, -0.45)]
        self._canvas.polygon([self._at(point) for point in (tip, *sides)], fill=colour)

    def _dot(self, point: Point, colour: tuple[int, int, int]) -> None:
        x, y = self._at(point)
        radius = 2 * FINER
        self._canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def _at(self, point: Point) -> Point:
        return ((point[0] + 0.5) * self._scale, (point[1] + 0.5) * self._scale)


def _around(axes: Sequence[Point]) -> list[Point]:
    """A closed outline of the ellipse with these axis ends."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = axes
    x, y = (ax + bx) / 2, (ay + by) / 2
    ux, uy, vx, vy = (bx - ax) / 2, (by - ay) / 2, (dx - cx) / 2, (dy - cy) / 2
    turns = np.linspace(0, 2 * math.pi, 73)
    return [(x + math.cos(t) * ux + math.sin(t) * vx, y + math.cos(t) * uy + math.sin(t) * vy) for t in turns]


# --------------------------------------------------------------------------------------------------------------- sheet


def _caption(sheet: Image.Image, panel: Panel, name: str, note: str) -> None:
    """Name, and the kinds that are drawn in their colours."""
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    frame = f" frame {panel.image.frame}" if panel.image.frame is not None else ""
    pen.text((6, 2), f"{name}{frame}" + (" (empty ground)" if note else ""), fill=TEXT, font=font)
    x = 6.0
    entries = [(kind.value, colour, sum(b.kind is kind for b in panel.bookmarks)) for kind, colour in COLOURS.items()]
    for word, colour, count in [*entries, ("refused", REFUSED, len(panel.refused))]:
        if count:
            pen.text((x, 20), f"{count} {word}", fill=colour, font=font)
            x += pen.textlength(f"{count} {word}", font=font) + 14


def _sheet(panels: Sequence[Image.Image]) -> Image.Image:
    """Panels side by side in rows, as square as may be."""
    across = math.ceil(math.sqrt(len(panels)))
    down = math.ceil(len(panels) / across)
    sheet = Image.new("RGB", (across * PANEL, down * (PANEL + STRIP)), GROUND)
    for number, panel in enumerate(panels):
        sheet.paste(panel, (number % across * PANEL, number // across * (PANEL + STRIP)))
    return sheet


def _png(sheet: Image.Image) -> bytes:
    """Pixels alone: no text chunk, no time, nothing about the file."""
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()
