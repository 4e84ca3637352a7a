"""Series in whose pixels text is suspected: who waits, what there is to see, and a person's decision.

None of this needs the key or the vault. What :func:`draw` writes is for the site's own eyes.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from miner.catalogue import Catalogue
from miner.catalogue.rows import ReviewedSeries
from miner.config import Settings
from miner.deid.text_search import OFF, require_text_search, views
from miner.errors import ObjectError, Reason, StorageError, UsageError, storage_error
from miner.images import decode_png
from miner.mining.text import around, search_slices
from miner.records import PixelReview, SearchedSlice

MOST_SLICES = 24
"""Slices on one sheet."""

_MARGIN, _STRIP = 4, 20
_RED, _WHITE = (255, 40, 40), (255, 255, 255)
_PNG = b"\x89PNG\r\n\x1a\n"


class ReviewNote(StrEnum):
    """Why a person decided so; a closed list, since a free text could name somebody."""

    NO_TEXT = "no-text"
    """there is none: edges, a table, noise"""
    HARMLESS_TEXT = "harmless-text"
    """a scale, a side, a technical number: nobody is named"""
    IDENTIFYING_TEXT = "identifying-text"
    """a name, a number, a date, a place"""
    UNREADABLE = "unreadable"
    """there is something, and it cannot be told what"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was drawn: which slices, of how many that there are to look at."""

    path: Path
    series_key: str
    slices: tuple[int, ...]
    of: int


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What a search of the image store did. ``reviews``: number of series by what is known of them then."""

    series: int
    slices: int
    failed: int
    quarantined: tuple[str, ...]
    reviews: dict[str, int]


def waiting(catalogue: Catalogue, *, decided: bool = False) -> tuple[ReviewedSeries, ...]:
    """Series in quarantine, longest waiting first; with ``decided`` those that a person passed or rejected too."""
    wanted = {PixelReview.QUARANTINED, *((PixelReview.PASSED, PixelReview.REJECTED) if decided else ())}
    found = [entry for entry in catalogue.reviewed_series() if entry.review in wanted]
    return tuple(sorted(found, key=lambda entry: (entry.since, entry.series_key)))


def decide(catalogue: Catalogue, name: str, decision: PixelReview, note: ReviewNote | None = None) -> ReviewedSeries:
    """Pass or reject a series; an event each time. Any series can be decided on, not only one that waits.

    Args:
        catalogue: the catalogue.
        name: its surrogate, as `miner quarantine list` prints it, or PPPPPP_SS_RR of a release.
        decision: PASSED or REJECTED.
        note: why.

    Raises UsageError where no such series is known.
    """
    entry = find_series(catalogue, name)
    catalogue.decide_pixels(entry.series_key, decision, "" if note is None else note.value)
    return find_series(catalogue, entry.series_key)


def find_series(catalogue: Catalogue, name: str) -> ReviewedSeries:
    """The series of this surrogate, or of this folder of a release. Raises UsageError where there is none."""
    key = name
    if match := re.fullmatch(r"(\d{6})_(\d{2,})_(\d{2,})", name):
        patient, study, series = map(int, match.groups())
        lineage = catalogue.lineage_of_picture(patient, study, series)
        key = lineage.series.series_key if lineage is not None else name
    for entry in catalogue.reviewed_series():
        if entry.series_key == key:
            return entry
    raise UsageError(
        "No series of this name is in the catalogue: give a surrogate that `miner quarantine list` prints, or a "
        "release's PPPPPP_SS_RR."
    )


def draw(catalogue: Catalogue, images: Path, name: str, out: Path) -> Sheet:
    """Draw a series' suspicious slices with their boxes (its key slices where none is) to a PNG of mode 0600.

    Each slice stands in two windows: from its lowest to its highest value, and soft tissue. An earlier PNG at ``out``
    is replaced, nothing else is.

    Raises:
        UsageError: no such series, or something else is at ``out``.
        StorageError: the image store lacks a slice, or ``out`` cannot be written.
    """
    _require_png_or_nothing(out)
    entry = find_series(catalogue, name)
    looked = entry.suspicious or tuple(SearchedSlice(number) for number in entry.keys if number in entry.stored)
    shown = looked[:MOST_SLICES]
    panels = [_panel(images / entry.series_key / f"{slice_.number:03d}.png", slice_) for slice_ in shown]
    if not panels:
        raise UsageError("The image store holds no slice of this series to look at.")
    _write_private(out, _sheet(panels))
    return Sheet(out, entry.series_key, tuple(slice_.number for slice_ in shown), len(looked))


def search_stored(
    settings: Settings, catalogue: Catalogue, progress: Callable[[int, int], None] = lambda done, total: None
) -> SearchReport:
    """Search key slices and neighbours of every series that was not searched yet, or whose search failed.

    It reads the image store, and asks no PACS. What a person decided stays, as in mining. Each series is one
    transaction: what was done stays done when it is interrupted.

    Raises ConfigError where ``[pixels] text_search`` is off, or its package is not installed.
    """
    if settings.pixels.text_search == OFF:
        raise UsageError('Nothing is searched while pixels.text_search is "off": set it to "ocr" first.')
    require_text_search(settings.pixels.text_search)
    todo = [(entry, numbers) for entry in catalogue.reviewed_series() if (numbers := _unsearched(entry, settings))]
    slices = failed = 0
    quarantined = []
    for done, (entry, numbers) in enumerate(todo):
        progress(done, len(todo))
        found = search_slices(settings.images / entry.series_key, numbers)
        slices, failed = slices + len(found), failed + sum(slice_.failed for slice_ in found)
        now = catalogue.settle_search(entry.series_key, found)
        if now is PixelReview.QUARANTINED and entry.review is not PixelReview.QUARANTINED:
            quarantined.append(entry.series_key)
    progress(len(todo), len(todo))
    reviews = dict.fromkeys((review.value for review in PixelReview), 0)
    for entry in catalogue.reviewed_series():
        reviews[entry.review.value] += 1
    return SearchReport(len(todo), slices, failed, tuple(quarantined), reviews)


def _unsearched(entry: ReviewedSeries, settings: Settings) -> set[int]:
    known = {slice_.number for slice_ in entry.searched if not slice_.failed}
    return (around(entry.keys, settings.pixels.neighbours) & set(entry.stored)) - known


# ------------------------------------------------------------------------------------------------------------ drawing


def _panel(path: Path, slice_: SearchedSlice) -> Image.Image:
    try:
        values = decode_png(path.read_bytes())
    except (OSError, ObjectError):
        raise StorageError(
            f"Slice {slice_.number} of the series cannot be read from the image store: run `miner audit verify`.",
            Reason.NOT_WRITABLE,
        ) from None
    pictures = [Image.fromarray(view).convert("RGB") for view in views(values)]
    rows, columns = values.shape
    panel = Image.new("RGB", (len(pictures) * (columns + _MARGIN), rows + _STRIP))
    pen = ImageDraw.Draw(panel)
    for place, picture in enumerate(pictures):
        left = place * (columns + _MARGIN)
        panel.paste(picture, (left, _STRIP))
        for x0, y0, x1, y1 in slice_.boxes:
            pen.rectangle((left + x0 - 2, _STRIP + y0 - 2, left + x1 + 2, _STRIP + y1 + 2), outline=_RED)
    told = "search failed" if slice_.failed else f"{len(slice_.boxes)} boxes"
    pen.text((2, 2), f"slice {slice_.number}: {told}", fill=_WHITE, font=ImageFont.load_default(14))
    return panel


def _sheet(panels: Sequence[Image.Image]) -> bytes:
    width, height = max(panel.width for panel in panels), max(panel.height for panel in panels)
    across = 1 if len(panels) < 4 else 2
    down = -(-len(panels) // across)
    sheet = Image.new("RGB", (across * width, down * height))
    for place, panel in enumerate(panels):
        sheet.paste(panel, (place % across * width, place // across * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _require_png_or_nothing(path: Path) -> None:
    try:
        with path.open("rb") as file:
            if file.read(len(_PNG)) == _PNG:
                return
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"{path} cannot be used ({type(error).__name__}): name a file that is not there yet."
        ) from None
    raise UsageError(f"{path} is there and is no PNG: name another file.")


def _write_private(path: Path, data: bytes) -> None:
    """Whole or not at all, readable by its owner only from the first byte on."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(error, path.parent) from None
        raise


__all__ = ["ReviewNote", "SearchReport", "Sheet", "decide", "draw", "find_series", "search_stored", "waiting"]
