"""A trace: the whole chain behind one name, of plain values only, so that it prints as lines and as JSON alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TracedRow:
    """A row of a release's CSV; ``row`` is counted from 0 behind the header."""

    file: str
    row: int
    uid: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracedBookmark:
    """A bookmark; ``points``: (x, y) in pixels, 0-based pixel centres; ``published_in``: the first release with it.

    ``stands``: its measurement is the lesion's; else another study's is, and this one is history. ``newer_states``: how
    many states of its history, which come first there, are newer: corrections of what was published.
    """

    uid: str
    kind: str
    encoding: str
    confidence: float
    doubts: tuple[str, ...]
    key_slice: int
    first_slice: int
    last_slice: int
    points: tuple[tuple[float, float], ...]
    length_mm: float | None
    short_mm: float | None
    text_mm: float | None
    source_study_key: str
    object_key: str
    history_keys: tuple[str, ...]
    published_in: int | None
    stands: bool
    newer_states: int


@dataclass(frozen=True, slots=True)
class TracedPicture:
    """A slice: what was written, and whether the image store still holds it (``agrees``, ``changed``, ``missing``)."""

    number: int
    instance_key: str
    sha256: str
    octets: int
    condition: str


@dataclass(frozen=True, slots=True)
class TracedObject:
    """An annotation object that a bookmark, or an earlier state of it, was read from."""

    object_key: str
    kind: str
    marks: int
    used: int
    refused: int
    content_digest: str


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """A link of the event chain that wrote one of the rows above."""

    number: int
    time: str
    activity: str
    what: str
    entity: str
    run: int | None
    hash: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything the catalogue knows behind ``name``. Keys are surrogates: who is behind them only the vault knows.

    ``file_name`` is None until a release has given the series its name; ``instance_key`` is the slice's of that name
    (or the bookmark's key slice), ``object_key`` the first bookmark's. ``given_file``: whether a file named by its path
    is what was written, None where none was named or it is not there.
    """

    name: str
    file_name: str | None
    number: int
    given_file: str | None
    patient_key: str
    study_key: str
    series_key: str
    instance_key: str | None
    object_key: str | None
    patient_index: int | None
    study_index: int | None
    series_id: int | None
    split: int | None
    series: Mapping[str, Any]
    rows: tuple[TracedRow, ...]
    bookmarks: tuple[TracedBookmark, ...]
    pictures: tuple[TracedPicture, ...]
    objects: tuple[TracedObject, ...]
    runs: tuple[Mapping[str, Any], ...]
    releases: tuple[Mapping[str, Any], ...]
    events: tuple[TracedEvent, ...]

    def as_json(self) -> dict[str, Any]:
        """The trace as what JSON knows."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The trace as text, from the row back to the PACS."""
        yield f"{self.name} is slice {self.number} of series {self.series_key}" + (
            f", published as {self.file_name}" if self.file_name else ", not published yet"
        )
        if self.given_file is not None:
            yield f"the file itself {self.given_file} with what was written"
        yield from self._lines_of_rows()
        for mark in self.bookmarks:
            yield from _lines_of_bookmark(mark)
        yield from self._lines_of_images()
        for entry in self.objects:
            yield (
                f"object {entry.object_key}: {entry.kind}, {entry.marks} marks ({entry.used} used, {entry.refused} "
                f"refused), content {entry.content_digest[:16]}…"
            )
        for run in self.runs:
            yield (
                f"run {run['number']}: {run['started'][:19]} UTC, {run['outcome'] or 'going on'}, version "
                f"{run['version']}, configuration {run['config_digest'][:16]}…, rules {run['rules_digest'][:16]}…"
            )
        for release in self.releases:
            yield f"release {release['number']}: {release['time']}, manifest {release['manifest_sha256'][:16]}…"
        for event in self.events:
            by = f" by run {event.run}" if event.run is not None else ""
            yield f"event {event.number}: {event.time[:19]} UTC, {event.what}{by}, {event.hash[:16]}…"

    def _lines_of_rows(self) -> Iterator[str]:
        for row in self.rows:
            yield f"{row.file} row {row.row}: {', '.join(row.cells)}"

    def _lines_of_images(self) -> Iterator[str]:
        facts = ", ".join(f"{name} {value}" for name, value in self.series.items() if value not in (None, (), ""))
        yield f"series {self.series_key}: {facts}"
        yield f"study {self.study_key} of patient {self.patient_key}"
        for picture in self.pictures:
            yield f"slice {picture.number}: {picture.sha256[:16]}…, {picture.octets} octets, {picture.condition}"


def _lines_of_bookmark(mark: TracedBookmark) -> Iterator[str]:
    length = "" if mark.length_mm is None else f", {mark.length_mm:.6g} mm"
    doubts = f", doubts {';'.join(mark.doubts)}" if mark.doubts else ""
    yield (
        f"bookmark {mark.uid}: {mark.kind} by {mark.encoding} on slice {mark.key_slice}{length}, "
        f"confidence {mark.confidence:.6g}{doubts}"
    )
    earlier = len(mark.history_keys) - mark.newer_states
    history = f", after {earlier} earlier states" if earlier else ""
    corrected = f", corrected since by {mark.newer_states} newer states" if mark.newer_states else ""
    yield f"  read from object {mark.object_key} of study {mark.source_study_key}{history}{corrected}"
    if not mark.stands:
        yield "  history: another study's measurement stands for this lesion"
