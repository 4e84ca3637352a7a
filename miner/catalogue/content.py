"""What a release is made from, and what mining must know of a volume that it has met before."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, select

from miner.catalogue import chain, encode, tables
from miner.catalogue.encode import RowValues
from miner.catalogue.history import shown, standing
from miner.catalogue.ledger import BOOKMARK, plain
from miner.catalogue.review import keys_of, searched_slices
from miner.catalogue.rows import (
    KnownSlice,
    PatientRow,
    PublishedRow,
    ReleaseContent,
    ReleaseRow,
    SeriesRow,
    StoredSeries,
    StudyRow,
    WithdrawalRow,
)
from miner.catalogue.withdrawals import all_withdrawals
from miner.records import PixelReview


def release_content(connection: Connection) -> ReleaseContent:
    """Everything that has an accepted bookmark, each list sorted by its key; one bookmark per uid."""
    bookmarks = chosen_bookmarks(connection)
    stored = _stored_slices(connection)
    with_bookmarks = {values["series_key"] for values in bookmarks.values()}
    series = [
        series_row(row, stored.get(row.series_key, {}))
        for row in connection.execute(select(tables.Series.__table__))
        if row.series_key in with_bookmarks
    ]
    study_keys = {entry.study_key for entry in series}
    studies = [
        study_row(row) for row in connection.execute(select(tables.Study.__table__)) if row.study_key in study_keys
    ]
    patient_keys = {entry.patient_key for entry in studies}
    patients = [
        patient_row(row)
        for row in connection.execute(select(tables.Patient.__table__))
        if row.patient_key in patient_keys
    ]
    published = [published_row(row) for row in connection.execute(select(tables.ReleaseRow.__table__))]
    # Sorted here and not by the database: PostgreSQL would sort keys by its locale.
    return ReleaseContent(
        patients=tuple(sorted(patients, key=lambda entry: entry.patient_key)),
        studies=tuple(sorted(studies, key=lambda entry: entry.study_key)),
        series=tuple(sorted(series, key=lambda entry: entry.series_key)),
        bookmarks=tuple(encode.mined_bookmark(bookmarks[uid]) for uid in sorted(bookmarks)),
        published=tuple(sorted(published, key=lambda entry: (entry.table, entry.position))),
        releases=releases(connection),
        chain_head=chain.head(connection),
        withdrawals=(withdrawals := all_withdrawals(connection)),
        indices_given=_indices_given(connection, withdrawals),
    )


def _indices_given(connection: Connection, withdrawals: Iterable[WithdrawalRow]) -> frozenset[int]:
    given = connection.execute(select(tables.Patient.patient_index)).scalars()
    return frozenset(index for index in (*given, *(row.patient_index for row in withdrawals)) if index is not None)


def chosen_bookmarks(connection: Connection) -> dict[str, RowValues]:
    """One row per uid: what releases hold, and what studies show now, one another's measurements of it included."""
    return {uid: standing(rows) for uid, rows in by_uid(map(plain, connection.execute(select(BOOKMARK.table)))).items()}


def by_uid(rows: Iterable[RowValues]) -> dict[str, list[RowValues]]:
    """Stored rows and what they show now (:func:`miner.catalogue.history.shown`), by uid."""
    found: dict[str, list[RowValues]] = defaultdict(list)
    for row in rows:
        if row["published_in"] is not None:
            found[row["uid"]].append(row)
        for entry in shown(row):
            found[entry["uid"]].append(entry)
    return found


def stored_series(connection: Connection, series_key: str) -> StoredSeries | None:
    """A volume as mining met it before."""
    columns = (
        tables.Series.numbering_digest,
        tables.Series.study_key,
        tables.Series.series_id,
        tables.Series.pixel_findings,
    )
    row = connection.execute(select(*columns).where(tables.Series.series_key == series_key)).one_or_none()
    if row is None:
        return None
    slices = select(tables.Slice.number, tables.Slice.png_sha256).where(tables.Slice.series_key == series_key)
    stored = {row.number: row.png_sha256 for row in connection.execute(slices.order_by(tables.Slice.number))}
    published: list[RowValues] = []
    if row.series_id is not None:
        of_series = select(BOOKMARK.table).where(tables.Bookmark.series_key == series_key)
        held = connection.execute(of_series.where(tables.Bookmark.published_in.is_not(None)))
        published = sorted(map(plain, held), key=lambda values: (values["uid"], values["source_study_key"]))
    return StoredSeries(
        series_key,
        row.numbering_digest,
        stored,
        study_key=row.study_key,
        released=row.series_id is not None,
        published=tuple(map(encode.mined_bookmark, published)),
        searched=frozenset(entry.number for entry in searched_slices(row.pixel_findings) if not entry.failed),
        keys=frozenset(keys_of(connection, series_key)),
    )


def known_slices(connection: Connection) -> Iterator[KnownSlice]:
    """Every PNG that the image store must hold, by series and number."""
    columns = (tables.Slice.series_key, tables.Slice.number, tables.Slice.png_sha256, tables.Slice.png_octets)
    query = select(*columns).order_by(tables.Slice.series_key, tables.Slice.number)
    for row in connection.execute(query.execution_options(yield_per=10_000)):
        yield KnownSlice(row.series_key, row.number, row.png_sha256, row.png_octets)


def releases(connection: Connection) -> tuple[ReleaseRow, ...]:
    """All releases, oldest first."""
    query = select(tables.Release.__table__).order_by(tables.Release.number)
    return tuple(
        ReleaseRow(
            row.number,
            row.time,
            row.software,
            row.rules_digest,
            row.deid_profile,
            row.manifest_sha256,
            json.loads(row.counts),
        )
        for row in connection.execute(query)
    )


def patient_row(row: Row[Any]) -> PatientRow:
    """The record of a patient's row."""
    return PatientRow(row.patient_key, row.patient_index, row.split)


def study_row(row: Row[Any]) -> StudyRow:
    """The record of a study's row."""
    return StudyRow(row.study_key, row.patient_key, row.time_order, row.sex, row.age, row.study_index)


def series_row(row: Row[Any], stored: dict[int, str]) -> SeriesRow:
    """The record of a series' row and its slices."""
    return SeriesRow(
        series_key=row.series_key,
        study_key=row.study_key,
        modality=row.modality,
        slices=row.slices,
        spacing=(row.spacing_x, row.spacing_y, row.spacing_z),
        origin=encode.vector(row.origin),
        orientation=encode.orientation(row.orientation),
        columns=row.image_columns,
        rows=row.image_rows,
        value_rule=row.value_rule,
        policy=row.policy,
        refusals=encode.reasons(row.refusals),
        series_id=row.series_id,
        stored=stored,
        pixel_review=PixelReview(row.pixel_review),
        searched=searched_slices(row.pixel_findings),
    )


def published_row(row: Row[Any]) -> PublishedRow:
    """The record of a published row."""
    return PublishedRow(row.csv, row.position, row.uid, tuple(json.loads(row.cells)))


def _stored_slices(connection: Connection) -> dict[str, dict[int, str]]:
    stored: dict[str, dict[int, str]] = defaultdict(dict)
    columns = (tables.Slice.series_key, tables.Slice.number, tables.Slice.png_sha256)
    for series_key, number, png_sha256 in connection.execute(select(*columns).order_by(tables.Slice.number)):
        stored[series_key][number] = png_sha256
    return stored
