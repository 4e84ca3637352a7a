"""What is said of the given objects: plain records of words and numbers, ready for a table or a JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from miner.bookmarks.producers import Origin
from miner.bookmarks.skeleton import Skeleton
from miner.dialect.examination import ImageExamination, ObjectExamination, Scale
from miner.dialect.redaction import Names
from miner.errors import ExitStatus, ObjectError, Reason
from miner.explanations import EXPLANATIONS
from miner.records import AnnotationObject, Bookmark, ImageReference, Mark, MarkRefusal, Measurement, Point, Vector

DECIMALS = 4
KEY_OBJECTS = "KO"
NOT_PLACED = "its images are not given"


@dataclass(frozen=True, slots=True)
class ListedMark:
    """One thing that an object holds, and what becomes of it: a bookmark's name, a reason code, or a sentence."""

    order: int
    shape: str
    image: str
    points: tuple[tuple[float, ...], ...]
    encoding: str
    tool: str
    item: int | None
    layer: int | None
    group: int | None
    axis: str
    lesion: str
    finding: str
    site: str
    texts: tuple[str, ...]
    doubts: tuple[str, ...]
    becomes: str


@dataclass(frozen=True, slots=True)
class ListedBookmark:
    """One bookmark. ``unit``: of its lengths, ``mm`` or, where the spacing is unknown, ``px``."""

    name: str
    kind: str
    image: str
    coordinates: tuple[float, ...]
    length: float | None
    short_axis: float | None
    unit: str
    text_mm: float | None
    confidence: float
    doubts: tuple[str, ...]
    encoding: str
    lesion: str
    finding: str
    site: str
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image that marks lie on. ``spacing``: (row, column) in mm as far as known, and where it is taken from."""

    name: str
    series: str
    frame: int | None
    given: bool
    columns: int | None
    rows: int | None
    spacing: tuple[float, float] | None
    spacing_from: str
    gate: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One file. ``error`` and ``reason`` are empty where it was read; ``empty``: the reason code of an object that was
    read and holds nothing to mine.
    """

    name: str
    file: str
    sop_class: str
    modality: str
    producers: tuple[str, ...]
    manufacturer: str
    made: str
    label: str
    items: int
    references: tuple[str, ...]
    images: tuple[ListedImage, ...]
    marks: tuple[ListedMark, ...]
    bookmarks: tuple[ListedBookmark, ...]
    reason: str
    error: str
    empty: str
    skeleton: Skeleton | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that is said. ``files``: how many files of which sort; ``names``: name → UID, empty when redacted;
    ``unreadable``: files and folders that could not be opened, named files that are no DICOM files.
    """

    redacted: bool
    files: Mapping[str, int]
    objects: tuple[ListedObject, ...]
    names: Mapping[str, str]
    meanings: Mapping[str, str]
    notes: tuple[str, ...] = ()

    unreadable: int = 0

    @property
    def failed(self) -> int:
        """Objects that could not be read, and what :attr:`unreadable` counts."""
        return self.unreadable + sum(bool(entry.reason) for entry in self.objects)

    @property
    def exit_status(self) -> ExitStatus:
        """Of the command: incomplete where something could not be read."""
        return ExitStatus.INCOMPLETE if self.failed else ExitStatus.DONE


@dataclass(frozen=True, slots=True)
class Facts:
    """What else is known of one object's file: which software wrote it, and how it is built."""

    origin: Origin = Origin()  # noqa: RUF009
    skeleton: Skeleton | None = None


def list_object(examined: ObjectExamination, facts: Facts, names: Names) -> ListedObject:
    """One object's entry."""
    read = examined.read
    error = examined.error
    return ListedObject(
        name=names.uid("object", read.sop_uid) if read is not None else "",
        file=names.file(examined.file.path),
        sop_class=examined.file.sort.sop_class,
        modality=read.modality if read is not None else "",
        producers=facts.origin.producers,
        manufacturer=names.plainly(facts.origin.manufacturer),
        made=names.plainly(read.created) if read is not None else "",
        label=names.plainly(read.label) if read is not None else "",
        items=read.items if read is not None else 0,
        references=tuple(_image(image, names) for image in read.references) if read is not None else (),
        images=tuple(_listed_image(entry, names) for entry in examined.images),
        marks=tuple(sorted(_marks(examined, names), key=lambda mark: mark.order)),
        bookmarks=tuple(entry for on_image in examined.images for entry in _bookmarks(on_image, names)),
        reason=error.reason.value if error is not None else "",
        error=_words_of(error),
        empty=_empty(read),
        skeleton=facts.skeleton,
    )


def meanings_of(objects: Sequence[ListedObject]) -> dict[str, str]:
    """Reason code → its meaning, for the codes that occur."""
    said = {mark.becomes for entry in objects for mark in entry.marks}
    said |= {code for entry in objects for code in (entry.reason, entry.empty)}
    return {reason.value: EXPLANATIONS[reason] for reason in Reason if reason.value in said}


# ----------------------------------------------------------------------------------------------------------- the parts


def _empty(read: AnnotationObject | None) -> str:
    """Why nothing would be mined from an object that was read, as the miner itself would say it."""
    if read is None or read.marks or read.spatial or read.refused:
        return ""
    return (Reason.KEY_OBJECT_SELECTION if read.modality == KEY_OBJECTS else Reason.NO_GRAPHICS).value


def _image(image: ImageReference, names: Names) -> str:
    names.uid("series", image.series_uid)
    return names.uid("image", image.sop_uid) + (f" frame {image.frame}" if image.frame is not None else "")


def _listed_image(entry: ImageExamination, names: Names) -> ListedImage:
    header = entry.given.header if entry.given is not None else None
    return ListedImage(
        name=_image(entry.image, names),
        series=names.uid("series", entry.image.series_uid),
        frame=entry.image.frame,
        given=header is not None,
        columns=header.columns if header is not None else None,
        rows=header.rows if header is not None else None,
        spacing=None if entry.scale is Scale.UNKNOWN else entry.spacing,
        spacing_from=entry.scale.value,
        gate=tuple(reason.value for reason in header.gate) if header is not None else (),
    )


def _marks(examined: ObjectExamination, names: Names) -> Iterator[ListedMark]:
    """Every order of the object once."""
    for refusal in examined.refused:
        yield _refused(refusal, names)
    for spatial in examined.unplaced:
        yield _listed_mark(spatial.mark, spatial.points, NOT_PLACED, names)
    for entry in examined.images:
        fates = {refusal.order: refusal.reason.value for refusal in entry.recognition.refused}
        for bookmark in entry.recognition.bookmarks:
            fates.update(dict.fromkeys(bookmark.orders, _name_of(bookmark)))
        for mark in entry.marks:
            yield _listed_mark(mark, mark.points, fates.get(mark.order, ""), names)


def _refused(refusal: MarkRefusal, names: Names) -> ListedMark:
    shape = refusal.shape.value if refusal.shape is not None else ""
    image = _image(refusal.image, names) if refusal.image is not None else ""
    nothing: tuple[str, ...] = ()
    return ListedMark(
        refusal.order,
        shape,
        image,
        (),
        "",
        "",
        None,
        None,
        None,
        "",
        "",
        "",
        "",
        nothing,
        nothing,
        refusal.reason.value,
    )


def _listed_mark(mark: Mark, points: Sequence[Point] | Sequence[Vector], becomes: str, names: Names) -> ListedMark:
    return ListedMark(
        order=mark.order,
        shape=mark.shape.value,
        image=_image(mark.image, names),
        points=tuple(tuple(_rounded(value) for value in point) for point in points),
        encoding=mark.encoding.value,
        tool=mark.tool,
        item=mark.item,
        layer=mark.layer,
        group=mark.group,
        axis=mark.axis.value if mark.axis is not None else "",
        lesion=names.uid("lesion", mark.tracking),
        finding=names.code(mark.finding),
        site=names.code(mark.site),
        texts=tuple(_measured(text) for text in mark.texts),
        doubts=tuple(doubt.value for doubt in mark.doubts),
        becomes=becomes,
    )


def _bookmarks(entry: ImageExamination, names: Names) -> Iterator[ListedBookmark]:
    known = entry.scale is not Scale.UNKNOWN
    for bookmark in entry.recognition.bookmarks:
        yield ListedBookmark(
            name=_name_of(bookmark),
            kind=bookmark.kind.value,
            image=_image(bookmark.image, names),
            coordinates=tuple(_rounded(value) for point in bookmark.points for value in point),
            length=_rounded(bookmark.length_mm) if bookmark.length_mm is not None else None,
            short_axis=_rounded(bookmark.short_mm) if bookmark.short_mm is not None else None,
            unit="mm" if known else "px",
            text_mm=_rounded(bookmark.text_mm) if bookmark.text_mm is not None and known else None,
            confidence=bookmark.confidence,
            doubts=tuple(doubt.value for doubt in bookmark.doubts),
            encoding=bookmark.encoding.value,
            lesion=names.uid("lesion", bookmark.tracking),
            finding=names.code(bookmark.finding),
            site=names.code(bookmark.site),
            marks=bookmark.orders,
        )


def _name_of(bookmark: Bookmark) -> str:
    """A bookmark is named by its kind and its first mark."""
    return f"{bookmark.kind.value} of {'+'.join(str(order) for order in bookmark.orders)}"


def _measured(text: Measurement) -> str:
    return f"{text.value:g} {text.unit.value}"


def _rounded(value: float) -> float:
    return round(value, DECIMALS) + 0.0


def _words_of(error: ObjectError | None) -> str:
    return str(error) if error is not None else ""
