"""From a published name, a picture or a uid back to the objects, runs and events it came from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from miner.audit.names import BookmarkName, Name, PictureName, RowName, StoredName, file_name, parse
from miner.audit.pictures import condition, path_of, sha256_of_file
from miner.audit.trace_record import (
    Trace,
    TracedBookmark,
    TracedEvent,
    TracedObject,
    TracedPicture,
    TracedRow,
)
from miner.catalogue import Catalogue, Event, Lineage, RunRow, StoredBookmark
from miner.errors import UsageError

DIFFERS = "does not agree"
"""Said of a file that is not what the catalogue wrote."""


def trace(catalogue: Catalogue, images: Path, name: str) -> Trace:
    """The whole chain behind ``name``: rows, bookmarks, pictures, objects, runs, releases, events.

    Args:
        catalogue: the catalogue; no vault is needed.
        images: the image store, to say whether it still holds the pictures as written.
        name: see :func:`miner.audit.names.parse`. A path may name a file that exists: then it is held against the hash.

    Raises:
        UsageError: the name is of no known form, or the catalogue does not know it.
    """
    meaning = parse(name)
    if meaning is None:
        raise UsageError(
            f"{name!r} is not a name that can be traced: give a File_name such as 000123_01_01_045.png, the path of a "
            "PNG of a release, a Lesion_uid, or DL_info.csv:ROW (rows are counted from 0)."
        )
    lineage = _lineage(catalogue, meaning)
    number = None if lineage is None else _slice_number(lineage, meaning)
    if lineage is None or number is None:
        if withdrawn_behind(catalogue, meaning) is not None:
            raise UsageError(f"The patient of {name!r} was withdrawn: nothing of it is kept, and it leads nowhere.")
        raise UsageError(f"The catalogue knows nothing named {name!r}: is it of another site, or not released yet?")
    return _record(lineage, number, images, name)


def withdrawn_behind(catalogue: Catalogue, meaning: Name) -> str | None:
    """The patient, withdrawn since, of a name that the catalogue does not know any more; None: nobody's.

    A row's place may have been given to another row since.
    """
    match meaning:
        case PictureName(patient_index):
            return catalogue.withdrawn_behind(patient_index=patient_index)
        case StoredName(series_key):
            return catalogue.withdrawn_behind([f"series:{series_key}"])
        case RowName(csv, position):
            return catalogue.withdrawn_behind([f"release_row:{csv}/{position}"])
        case BookmarkName(uid):
            kinds = ("bookmark", "patient", "study", "series", "work")
            return catalogue.withdrawn_behind([f"{kind}:{uid}" for kind in kinds])


def _lineage(catalogue: Catalogue, meaning: Name) -> Lineage | None:
    match meaning:
        case PictureName(patient_index, study_index, series_id):
            return catalogue.lineage_of_picture(patient_index, study_index, series_id)
        case StoredName(series_key):
            return catalogue.lineage_of_series(series_key)
        case RowName(csv, position):
            return catalogue.lineage_of_row(csv, position)
        case BookmarkName(uid):
            return catalogue.lineage_of_bookmark(uid)


def _slice_number(lineage: Lineage, meaning: Name) -> int | None:
    """The slice that is meant; None for a picture that is not stored."""
    if isinstance(meaning, PictureName | StoredName):
        return meaning.number if meaning.number in lineage.series.stored else None
    return lineage.bookmarks[0].bookmark.key_slice


def _record(lineage: Lineage, number: int, images: Path, name: str) -> Trace:
    marks = _bookmarks_at(lineage, number)
    uids = {entry.bookmark.uid for entry in marks}
    object_keys = {key for entry in marks for key in (entry.bookmark.object_key, *entry.bookmark.history_keys)}
    patient, study, series = lineage.patient, lineage.study, lineage.series
    public = None
    if patient.patient_index is not None and study.study_index is not None and series.series_id is not None:
        public = file_name(patient.patient_index, study.study_index, series.series_id, number)
    return Trace(
        name=name,
        file_name=public,
        number=number,
        given_file=_given_file(name, series.stored.get(number)),
        patient_key=patient.patient_key,
        study_key=study.study_key,
        series_key=series.series_key,
        instance_key=next((entry.instance_key for entry in lineage.slices if entry.number == number), None),
        object_key=marks[0].bookmark.object_key if marks else None,
        patient_index=patient.patient_index,
        study_index=study.study_index,
        series_id=series.series_id,
        split=patient.split,
        series=_series_facts(lineage),
        rows=tuple(
            TracedRow(f"{row.table}.csv", row.position, row.uid, row.cells)
            for row in lineage.published
            if row.uid in uids
        ),
        bookmarks=tuple(_bookmark(entry) for entry in marks),
        pictures=_pictures(lineage, marks, number, images),
        objects=tuple(
            TracedObject(entry.object_key, entry.kind, entry.marks, entry.used, entry.refused, entry.content_digest)
            for entry in lineage.objects
            if entry.object_key in object_keys
        ),
        runs=tuple(_run(run) for run in lineage.runs),
        releases=tuple(asdict(release) for release in lineage.releases),
        events=tuple(_event(event) for event in lineage.events),
    )


def _bookmarks_at(lineage: Lineage, number: int) -> list[StoredBookmark]:
    """The bookmarks on a slice; on a slice that carries none, those that it was kept for."""
    on_it = [entry for entry in lineage.bookmarks if entry.bookmark.key_slice == number]
    return on_it or [entry for entry in lineage.bookmarks if entry.bookmark.first <= number <= entry.bookmark.last]


def _given_file(name: str, sha256: str | None) -> str | None:
    found = sha256_of_file(Path(name))
    if found is None or sha256 is None:
        return None
    return "agrees" if found == sha256 else DIFFERS


def _series_facts(lineage: Lineage) -> dict[str, object]:
    series = lineage.series
    return {
        "modality": series.modality,
        "slices": series.slices,
        "spacing": series.spacing,
        "columns": series.columns,
        "rows": series.rows,
        "value_rule": series.value_rule,
        "policy": series.policy,
        "refusals": tuple(reason.value for reason in series.refusals),
        "stored": len(series.stored),
    }


def _pictures(lineage: Lineage, marks: list[StoredBookmark], number: int, images: Path) -> tuple[TracedPicture, ...]:
    """The slice itself, and all that were kept around the bookmarks."""
    wanted = {number}
    for entry in marks:
        wanted.update(range(entry.bookmark.first, entry.bookmark.last + 1))
    return tuple(
        TracedPicture(
            entry.number,
            entry.instance_key,
            entry.png_sha256,
            entry.png_octets,
            condition(path_of(images, lineage.series.series_key, entry.number), entry.png_sha256),
        )
        for entry in lineage.slices
        if entry.number in wanted
    )


def _bookmark(entry: StoredBookmark) -> TracedBookmark:
    mark = entry.bookmark
    return TracedBookmark(
        uid=mark.uid,
        kind=mark.kind.value,
        encoding=mark.encoding.value,
        confidence=mark.confidence,
        doubts=tuple(doubt.value for doubt in mark.doubts),
        key_slice=mark.key_slice,
        first_slice=mark.first,
        last_slice=mark.last,
        points=mark.points,
        length_mm=mark.length_mm,
        short_mm=mark.short_mm,
        text_mm=mark.text_mm,
        source_study_key=entry.source_study_key,
        object_key=mark.object_key,
        history_keys=mark.history_keys,
        published_in=entry.published_in,
        stands=entry.stands,
        newer_states=mark.newer_states,
    )


def _run(run: RunRow) -> dict[str, object]:
    return {
        "number": run.number,
        "started": run.started,
        "ended": run.ended,
        "outcome": run.outcome,
        **asdict(run.info),
    }


def _event(event: Event) -> TracedEvent:
    what = str(event.payload.get("what", event.activity))
    return TracedEvent(event.number, event.time, event.activity, what, event.entity, event.run, event.hash)
