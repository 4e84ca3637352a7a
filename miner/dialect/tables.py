"""A listing as tables for people. Coordinates are cut to what fits a line; the JSON document has all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miner.bookmarks.skeleton import Skeleton, SkeletonElement
from miner.dialect.listing import ListedBookmark, ListedImage, ListedMark, ListedObject, Listing

MAX_POINTS = 4


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of text, or one table where it has columns."""

    lines: tuple[str, ...] = ()
    title: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()


def pages(listing: Listing) -> Iterator[Page]:
    """Everything that a listing says, in reading order."""
    for number, entry in enumerate(listing.objects, start=1):
        yield from _object(entry, number)
    if listing.meanings:
        yield Page(title="Reasons", columns=("reason", "meaning"), rows=tuple(listing.meanings.items()))
    if listing.names:
        yield Page(title="Names", columns=("name", "UID"), rows=tuple(listing.names.items()))
    for number, entry in enumerate(listing.objects, start=1):
        if entry.skeleton is not None:
            yield _skeleton(entry.skeleton, number)
    sorts = ", ".join(f"{count} × {what}" for what, count in sorted(listing.files.items()))
    read = sum(not entry.reason for entry in listing.objects)
    bookmarks = sum(len(entry.bookmarks) for entry in listing.objects)
    yield Page(lines=(f"Files: {sorts}.", f"{read} of {len(listing.objects)} objects read, {bookmarks} bookmarks."))
    if listing.notes:
        yield Page(lines=listing.notes)


def _object(entry: ListedObject, number: int) -> Iterator[Page]:
    yield Page(lines=tuple(_heading(entry, number)))
    yield _page(
        "Images",
        ("image", "series", "columns × rows", "spacing (row × column)", "pixel gate"),
        [_image_row(image) for image in entry.images],
    )
    yield _page(
        "Marks",
        ("mark", "drawn as", "image", "points", "part of", "says", "doubts", "becomes"),
        [_mark_row(mark) for mark in entry.marks],
    )
    yield _page(
        "Bookmarks",
        ("bookmark", "image", "coordinates", "length", "text", "confidence", "doubts", "says"),
        [_bookmark_row(bookmark) for bookmark in entry.bookmarks],
    )


def _page(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Page:
    """A table without the columns that are empty in every row."""
    kept = [number for number in range(len(columns)) if any(row[number] != "" for row in rows)]
    return Page(
        title=title,
        columns=tuple(columns[number] for number in kept),
        rows=tuple(tuple(row[number] for number in kept) for row in rows),
    )


def _heading(entry: ListedObject, number: int) -> Iterator[str]:
    yield f"{number}. {entry.file}: {entry.sop_class or 'a SOP class that is none of the standard'}"
    if entry.reason:
        yield f"   not read ({entry.reason}): {entry.error}"
        return
    written_by = ", ".join(entry.producers) or "unknown"
    yield f"   {entry.name}, {entry.modality}, written by: {written_by}" + (
        f" (Manufacturer: {entry.manufacturer})" if entry.manufacturer else ""
    )
    if entry.made or entry.label:
        yield f"   made {entry.made or 'at an unknown time'}, label: {entry.label or 'none'}"
    found = f"{entry.items} annotation items or groups, {len(entry.marks)} marks, {len(entry.bookmarks)} bookmarks"
    yield f"   {found}, {len(entry.references)} images referenced: {_cut(entry.references, MAX_POINTS)}"


def _image_row(image: ListedImage) -> tuple[object, ...]:
    size = f"{image.columns} × {image.rows}" if image.given else "not given"
    spacing = "unknown: lengths are in pixels, texts in mm were not compared"
    if image.spacing is not None:
        spacing = " × ".join(f"{value:g}" for value in image.spacing) + f" mm, of the {image.spacing_from}"
    return image.name, image.series, size, spacing, ", ".join(image.gate)


def _mark_row(mark: ListedMark) -> tuple[object, ...]:
    parts = [("item", mark.item), ("layer", mark.layer), ("group", mark.group)]
    says = (mark.tool, mark.axis and f"{mark.axis} axis", *mark.texts, mark.lesion, mark.finding, mark.site)
    return (
        f"{mark.order} {mark.shape}",
        mark.encoding,
        mark.image,
        _cut(["(" + " ".join(f"{value:.1f}" for value in point) + ")" for point in mark.points], MAX_POINTS),
        " ".join(f"{word} {value}" for word, value in parts if value is not None),
        ", ".join(filter(None, says)),
        ", ".join(mark.doubts),
        mark.becomes,
    )


def _bookmark_row(bookmark: ListedBookmark) -> tuple[object, ...]:
    coordinates = bookmark.coordinates
    points = [f"({x:.1f} {y:.1f})" for x, y in zip(coordinates[::2], coordinates[1::2], strict=True)]
    lengths = [f"{value:.2f} {bookmark.unit}" for value in (bookmark.length, bookmark.short_axis) if value is not None]
    return (
        bookmark.name,
        bookmark.image,
        _cut(points, MAX_POINTS),
        " × ".join(lengths),
        "" if bookmark.text_mm is None else f"{bookmark.text_mm:g} mm",
        f"{bookmark.confidence:.2f}",
        ", ".join(bookmark.doubts),
        ", ".join(filter(None, (bookmark.lesion, bookmark.finding, bookmark.site))),
    )


def _cut(words: Sequence[str], most: int) -> str:
    return " ".join(words[:most]) + (f" … ({len(words)} in all)" if len(words) > most else "")


def _skeleton(skeleton: Skeleton, number: int) -> Page:
    title = f"Skeleton of object {number} ({skeleton.sop_class or 'private SOP class'}, {skeleton.transfer_syntax})"
    rows = tuple(_element_row(element) for element in skeleton.elements)
    if skeleton.truncated:
        rows = (*rows, ("…", "cut here: more elements, or deeper ones, than are listed", "", "", "", ""))
    return Page(title=title, columns=("tag", "keyword", "VR", "VM", "octets", "shown"), rows=rows)


def _element_row(element: SkeletonElement) -> tuple[object, ...]:
    indent = "· " * element.depth
    length = "" if element.length is None else str(element.length)
    return indent + element.tag, element.keyword, element.vr, str(element.multiplicity), length, element.shown
