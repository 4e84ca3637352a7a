"""A listing as tables for people. Coordinates are cut to what fits a line; the JSON document has all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from miner.bookmarks.skeleton import Skeleton, SkeletonElement
from miner.dialect.listing import ListedBookmark, ListedImage, ListedMark, ListedObject, Listing

MAX_POINTS = 4

Listed = TypeVar("Listed", ListedMark, ListedBookmark)


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
    if any(image.spacing is None for image in entry.images):
        yield Page(lines=("Spacing unknown: lengths are in pixels, and texts in mm were not compared.", ""))
    marks = _by_image(entry.marks)
    bookmarks = _by_image(entry.bookmarks)
    for image in dict.fromkeys((*marks, *bookmarks)):
        where = image or "no image"
        yield _page(
            f"Marks on {where}",
            ("mark", "points, and what is said of it", "part of", "doubts", "becomes"),
            [_mark_row(mark) for mark in marks.get(image, ())],
        )
        yield _page(
            f"Bookmarks on {where}",
            ("bookmark", "coordinates, and what is said of it", "length", "text", "confidence", "doubts"),
            [_bookmark_row(bookmark) for bookmark in bookmarks.get(image, ())],
        )
    if not entry.images and not marks:
        yield Page(lines=("",))


def _by_image(things: Iterable[Listed]) -> dict[str, list[Listed]]:
    """Marks or bookmarks by the image they lie on, in their order; those that lie on none come last."""
    found: dict[str, list[Listed]] = {}
    for thing in things:
        found.setdefault(thing.image, []).append(thing)
    if "" in found:
        found[""] = found.pop("")
    return found


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
    references = f"{len(entry.references)} images referenced"
    yield f"   {found}, {references}" + (f": {_cut(entry.references, MAX_POINTS)}" if entry.references else "")
    if entry.empty:
        yield f"   nothing to mine ({entry.empty})"


def _image_row(image: ListedImage) -> tuple[object, ...]:
    size = f"{image.columns} × {image.rows}" if image.given else "not given"
    spacing = "unknown"
    if image.spacing is not None:
        spacing = " × ".join(f"{value:g}" for value in image.spacing) + f" mm, of the {image.spacing_from}"
    return image.name, image.series, size, spacing, ", ".join(image.gate)


def _mark_row(mark: ListedMark) -> tuple[object, ...]:
    parts = [("item", mark.item), ("layer", mark.layer or None), ("group", mark.group)]  # layer 0: it has none
    axis = mark.axis and f"{mark.axis} axis"
    says = (mark.encoding, mark.tool, axis, *mark.texts, mark.lesion, mark.finding, mark.site)
    return (
        f"{mark.order} {mark.shape}",
        _lines(_points(mark.points), ", ".join(filter(None, says))),
        " ".join(f"{word} {value}" for word, value in parts if value is not None),
        ", ".join(mark.doubts),
        mark.becomes,
    )


def _bookmark_row(bookmark: ListedBookmark) -> tuple[object, ...]:
    xs, ys = bookmark.coordinates[::2], bookmark.coordinates[1::2]
    says = (bookmark.lesion, bookmark.finding, bookmark.site)
    lengths = [f"{value:.2f}" for value in (bookmark.length, bookmark.short_axis) if value is not None]
    return (
        bookmark.name,
        _lines(_points(list(zip(xs, ys, strict=True))), ", ".join(filter(None, says))),
        f"{' × '.join(lengths)} {bookmark.unit}" if lengths else "",
        "" if bookmark.text_mm is None else f"{bookmark.text_mm:g} mm",
        f"{bookmark.confidence:.2f}",
        ", ".join(bookmark.doubts),
    )


def _lines(*lines: str) -> str:
    return "\n".join(filter(None, lines))


def _points(points: Sequence[Sequence[float]]) -> str:
    """Points as words without a space, so that a narrow terminal folds between them."""
    return _cut([",".join(f"{value:.1f}" for value in point) for point in points], MAX_POINTS)


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
