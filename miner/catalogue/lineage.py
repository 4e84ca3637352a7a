"""Where a published name, a picture or a bookmark came from: the queries behind a trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from sqlalchemy import Connection, select

from miner.catalogue import chain, encode, tables
from miner.catalogue.content import by_uid, patient_row, published_row, releases, series_row, study_row
from miner.catalogue.encode import RowValues
from miner.catalogue.history import standing, uids_of
from miner.catalogue.ledger import BOOKMARK, plain
from miner.catalogue.rows import Event, Lineage, PublishedRow, StoredBookmark
from miner.catalogue.status import runs
from miner.errors import Reason
from miner.records import MinedObject, MinedSlice


def series_of_indices(connection: Connection, patient_index: int, study_index: int, series_id: int) -> str | None:
    """The series that a release's folder PPPPPP_SS_RR shows."""
    query = (
        select(tables.Series.series_key)
        .join(tables.Study, tables.Study.study_key == tables.Series.study_key)
        .join(tables.Patient, tables.Patient.patient_key == tables.Study.patient_key)
        .where(
            tables.Patient.patient_index == patient_index,
            tables.Study.study_index == study_index,
            tables.Series.series_id == series_id,
        )
    )
    return connection.execute(query).scalar_one_or_none()


def series_of_bookmark(connection: Connection, uid: str) -> str | None:
    """The series that a bookmark lies on."""
    precedence = (tables.Bookmark.published_in.is_(None), tables.Bookmark.source_study_key)
    query = select(tables.Bookmark.series_key).where(tables.Bookmark.uid == uid).order_by(*precedence)
    return connection.execute(query.limit(1)).scalar_one_or_none()


def uid_of_row(connection: Connection, csv: str, position: int) -> str | None:
    """The bookmark in one row of a release's CSV."""
    query = select(tables.ReleaseRow.uid).where(tables.ReleaseRow.csv == csv, tables.ReleaseRow.position == position)
    return connection.execute(query).scalar_one_or_none()


def lineage(connection: Connection, series_key: str, uids: Sequence[str] | None = None) -> Lineage:
    """Everything about a series, and about its bookmarks: all of them, or those of ``uids``."""
    bookmarks = _bookmarks(connection, series_key, uids)
    series = connection.execute(select(tables.Series.__table__).where(tables.Series.series_key == series_key)).one()
    study = connection.execute(select(tables.Study.__table__).where(tables.Study.study_key == series.study_key)).one()
    patient = connection.execute(
        select(tables.Patient.__table__).where(tables.Patient.patient_key == study.patient_key)
    ).one()
    slices = _slices(connection, series_key)
    published = _published(connection, {entry.bookmark.uid for entry in bookmarks})
    names = {f"bookmark:{entry.source_study_key}/{entry.bookmark.uid}" for entry in bookmarks}
    names |= {f"release_row:{row.table}/{row.position}" for row in published}
    names |= {f"{table}:{series_key}" for table in ("series", "slices")}
    entities = {f"study:{entry.source_study_key}" for entry in bookmarks} | {f"patient:{study.patient_key}"}
    events = _events(connection, entities, names)
    return Lineage(
        patient=patient_row(patient),
        study=study_row(study),
        series=series_row(series, {entry.number: entry.png_sha256 for entry in slices}),
        slices=slices,
        bookmarks=bookmarks,
        objects=_objects(connection, bookmarks),
        published=published,
        releases=releases(connection) if published else (),
        runs=runs(connection, [event.run for event in events if event.run is not None]),
        events=events,
    )


def _bookmarks(connection: Connection, series_key: str, uids: Sequence[str] | None) -> tuple[StoredBookmark, ...]:
    """The rows, each published lesion's before those that it has taken in; what stands with the states of all."""
    query = select(BOOKMARK.table).where(BOOKMARK.table.c.series_key == series_key)
    rows = [plain(row) for row in connection.execute(query)]
    lesion_of = _lesions(rows)
    shown_or_published = by_uid(rows)
    found = []
    for values in rows:
        lesion = lesion_of.get(values["uid"], values["uid"])
        if uids is not None and not {values["uid"], lesion} & set(uids):
            continue
        head = standing(shown_or_published[lesion])
        stands = (values["source_study_key"], values["uid"]) == (head["source_study_key"], head["uid"])
        mark = encode.mined_bookmark(head if stands else values)
        found.append((lesion, StoredBookmark(mark, values["source_study_key"], values["published_in"], stands)))
    found.sort(
        key=lambda pair: (
            pair[1].bookmark.key_slice,
            pair[0],
            not pair[1].stands,
            pair[1].source_study_key,
            pair[1].bookmark.uid,
        )
    )
    return tuple(entry for _, entry in found)


def _lesions(rows: Iterable[RowValues]) -> dict[str, str]:
    """Uid of a measurement → uid of the published lesion that it is of."""
    published = sorted((row for row in rows if row["published_in"] is not None), key=lambda row: row["uid"])
    lesion_of: dict[str, str] = {row["uid"]: row["uid"] for row in published}
    for row in published:
        for uid in uids_of(row):
            lesion_of.setdefault(uid, row["uid"])
    return lesion_of


def _slices(connection: Connection, series_key: str) -> tuple[MinedSlice, ...]:
    query = select(tables.Slice.__table__).where(tables.Slice.series_key == series_key).order_by(tables.Slice.number)
    return tuple(
        MinedSlice(row.number, row.instance_key, row.png_sha256, row.png_octets) for row in connection.execute(query)
    )


def _objects(connection: Connection, bookmarks: Iterable[StoredBookmark]) -> tuple[MinedObject, ...]:
    """The objects that the bookmarks were read from, those of their history included, as far as still known."""
    wanted = {key for entry in bookmarks for key in (entry.bookmark.object_key, *entry.bookmark.history_keys)}
    model = tables.AnnotationObject
    query = select(model.__table__).where(model.object_key.in_(sorted(wanted)))
    found = {
        row.object_key: MinedObject(
            row.object_key,
            row.kind,
            None if row.reason is None else Reason(row.reason),
            row.marks,
            row.used,
            row.refused,
            row.content_digest,
        )
        for row in connection.execute(query.order_by(model.object_key, model.source_study_key))
    }
    return tuple(found[key] for key in sorted(found))


def _published(connection: Connection, uids: Iterable[str]) -> tuple[PublishedRow, ...]:
    query = select(tables.ReleaseRow.__table__).where(tables.ReleaseRow.uid.in_(sorted(uids)))
    rows = [published_row(row) for row in connection.execute(query)]
    return tuple(sorted(rows, key=lambda row: (row.table, row.position)))


def _events(connection: Connection, entities: Iterable[str], names: Set[str]) -> tuple[Event, ...]:
    """Events of these entities that name one of these rows."""
    found = {
        event.number: event
        for entity in sorted(entities)
        for event in chain.read(connection, entity)
        if not names.isdisjoint(_names(event))
    }
    return tuple(found[number] for number in sorted(found))


def _names(event: Event) -> Iterable[str]:
    rows = event.payload.get("rows", {})
    return rows if isinstance(rows, dict) else ()
