"""Tombstones: who was withdrawn, what went with them, and what still has to go.

A tombstone is a surrogate, which leads nowhere once the vault has forgotten who it stood for. The names in the event
of a withdrawal are how pictures and published names are known again after their rows are gone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from miner.catalogue import chain, tables
from miner.catalogue.canonical import canonical
from miner.catalogue.ledger import BOOKMARK, SERIES, SLICES, WITHDRAWAL, WORK, RowDigests, plain
from miner.catalogue.rows import Remains, WithdrawalRow
from miner.catalogue.work import keys_in
from miner.errors import Reason, RefusedError
from miner.records import MinedStudy, WorkState

WITHDRAWN = "patient withdrawn"
"""What the event of a withdrawal says in ``payload["what"]``."""

EVERY_ISSUER = "every_issuer"
"""In the counts of a tombstone that stands for a record number under every issuer; alone there, it is no person."""


def all_withdrawals(connection: Connection) -> tuple[WithdrawalRow, ...]:
    """Every tombstone, oldest first."""
    query = select(tables.Withdrawal.__table__).order_by(tables.Withdrawal.number)
    return tuple(withdrawal_row(row) for row in connection.execute(query))


def withdrawn_patients(connection: Connection) -> frozenset[str]:
    """Keys of the patients who were withdrawn."""
    return frozenset(connection.execute(select(tables.Withdrawal.patient_key)).scalars())


def withdrawn_studies(connection: Connection, study_keys: Iterable[str]) -> frozenset[str]:
    """Those of the studies that went with a patient."""
    settled = and_(WORK.table.c.state == WorkState.REFUSED, WORK.table.c.reason == Reason.WITHDRAWN)
    rows = keys_in(connection, select(WORK.table).where(settled), WORK.table.c.study_key, list(study_keys))
    return frozenset(row["study_key"] for row in rows)


def require_none_withdrawn(connection: Connection, mined: MinedStudy) -> None:
    """Raise RefusedError where a study is of a patient who was withdrawn, or lies on images of one."""
    patients = {mined.patient_key, *(study.patient_key for study in mined.studies)}
    studies = {mined.study_key, *(study.study_key for study in mined.studies)}
    known = select(tables.Withdrawal.number).where(tables.Withdrawal.patient_key.in_(sorted(patients)))
    if mined.reason is Reason.WITHDRAWN:
        return
    if connection.execute(known.limit(1)).first() is not None or withdrawn_studies(connection, sorted(studies)):
        raise RefusedError("The patient of a study was withdrawn: nothing of it is kept.", Reason.WITHDRAWN)


def lay_for_every_issuer(connection: Connection, site: str, patient_key: str) -> None:
    """A tombstone of a record number without its issuer, which stands for the number under every issuer.

    That of a person whose record names no issuer is widened.
    """
    stored = tombstone(connection, patient_key)
    if stored is not None and EVERY_ISSUER in json.loads(stored.counts):
        return
    alone = {
        "number": next_number(connection),
        "site": site,
        "patient_key": patient_key,
        "time": chain.instant(),
        "patient_index": None,
        "releases": "[]",
        "finished": 1,
        "told_in": None,
    }
    before = {} if stored is None else json.loads(stored.counts)
    values = (alone if stored is None else plain(stored)) | {"counts": canonical({**before, EVERY_ISSUER: 1})}
    if stored is None:
        connection.execute(insert(tables.Withdrawal).values(**values))
    else:
        mine = tables.Withdrawal.patient_key == patient_key
        connection.execute(update(tables.Withdrawal).where(mine).values(counts=values["counts"]))
    rows: RowDigests = {WITHDRAWAL.name_of(values): WITHDRAWAL.digest_of(values)}
    invalidate(connection, site, patient_key, {"what": "record number withdrawn under every issuer"}, rows=rows)


def finish(connection: Connection, site: str, patient_key: str, run: int | None) -> None:
    """Note that pictures and vault entries of a withdrawn patient are gone too."""
    row = tombstone(connection, patient_key)
    if row is None or row.finished:
        return
    values = plain(row) | {"finished": 1}
    connection.execute(update(tables.Withdrawal).where(tables.Withdrawal.patient_key == patient_key).values(finished=1))
    rows: RowDigests = {WITHDRAWAL.name_of(values): WITHDRAWAL.digest_of(values)}
    payload = {"what": "withdrawal finished: pictures and vault entries removed"}
    invalidate(connection, site, patient_key, payload, rows=rows, run=run)


def remains(connection: Connection, patient_key: str) -> Remains:
    """What may be left outside the catalogue: the events of the withdrawal name it.

    Volumes that the catalogue has again, and studies that are not settled as withdrawn, are not among it.
    """
    series: set[str] = set()
    studies: set[str] = set()
    for event in chain.read(connection, f"patient:{patient_key}"):
        if event.payload.get("what") != WITHDRAWN:
            continue
        for name in _rows_of(event.payload):
            table, _, key = name.partition(":")
            if table in (SERIES.name, SLICES):
                series.add(key)
            elif table == WORK.name:
                studies.add(key)
    here = keys_in(connection, select(SERIES.table), SERIES.table.c.series_key, sorted(series))
    gone = series - {row["series_key"] for row in here}
    return Remains(patient_key, tuple(sorted(gone)), tuple(sorted(withdrawn_studies(connection, sorted(studies)))))


def patient_behind(connection: Connection, key: str, patient_index: int | None) -> str | None:
    """The patient of a Patient_index, or else of a surrogate of a patient, study, series or bookmark; None: unknown."""
    if patient_index is not None:
        query = select(tables.Patient.patient_key).where(tables.Patient.patient_index == patient_index)
        return connection.execute(query).scalar_one_or_none()
    of_series = select(tables.Study.patient_key).join(tables.Series, tables.Series.study_key == tables.Study.study_key)
    marked = select(tables.Bookmark.series_key).where(tables.Bookmark.uid == key)
    queries = (
        select(tables.Patient.patient_key).where(tables.Patient.patient_key == key),
        select(tables.Withdrawal.patient_key).where(tables.Withdrawal.patient_key == key),
        select(tables.Study.patient_key).where(tables.Study.study_key == key),
        select(tables.Work.patient_key).where(tables.Work.study_key == key, tables.Work.patient_key.is_not(None)),
        of_series.where(tables.Series.series_key == key),
        of_series.where(tables.Series.series_key.in_(marked)),
    )
    found = (connection.execute(query.limit(1)).scalar_one_or_none() for query in queries)
    return next((patient_key for patient_key in found if patient_key is not None), None)


def withdrawn_behind(connection: Connection, names: Collection[str], patient_index: int | None) -> str | None:
    """The withdrawn patient of a Patient_index, or else of a row that went with them; None: nobody's.

    ``names``: of the row, as events have them, but a bookmark's by its uid. What the catalogue has still, or again, is
    not asked here.
    """
    if patient_index is not None:
        known = select(tables.Withdrawal.patient_key).where(tables.Withdrawal.patient_index == patient_index)
        return connection.execute(known).scalars().first()
    events = select(tables.Event.payload, tables.Event.entity).where(
        tables.Event.activity == chain.Activity.INVALIDATION, tables.Event.entity.startswith("patient:")
    )
    for event in connection.execute(events):
        content = json.loads(event.payload)
        if content.get("what") != WITHDRAWN:
            continue
        for name, digest in _rows_of(content).items():
            table, _, key = name.partition(":")
            spoken = f"{table}:{key.rpartition('/')[2]}" if table == BOOKMARK.name else name
            if spoken in names and (digest is None or table == WORK.name):
                return str(event.entity).removeprefix("patient:")
    keys = {name.partition(":")[2] for name in names}
    return next((row.patient_key for row in all_withdrawals(connection) if row.patient_key in keys), None)


def mark_told(connection: Connection, release: int) -> RowDigests:
    """Note that a release says of all withdrawals before it; returns the rows that changed, for its event."""
    query = select(WITHDRAWAL.table).where(WITHDRAWAL.table.c.told_in.is_(None))
    rows = [plain(row) | {"told_in": release} for row in connection.execute(query)]
    connection.execute(update(tables.Withdrawal).where(tables.Withdrawal.told_in.is_(None)).values(told_in=release))
    return {WITHDRAWAL.name_of(row): WITHDRAWAL.digest_of(row) for row in rows}


def invalidate(
    connection: Connection,
    site: str,
    patient_key: str,
    payload: Mapping[str, object],
    *,
    rows: RowDigests,
    run: int | None = None,
) -> None:
    """Add an event that tells what of a patient is no more."""
    chain.append(connection, site, chain.Activity.INVALIDATION, f"patient:{patient_key}", payload, rows=rows, run=run)


def next_number(connection: Connection) -> int:
    """The number of the next tombstone."""
    return (connection.execute(select(func.max(tables.Withdrawal.number))).scalar_one() or 0) + 1


def tombstone(connection: Connection, patient_key: str) -> Row[Any] | None:
    """A patient's tombstone, None without one."""
    query = select(tables.Withdrawal.__table__).where(tables.Withdrawal.patient_key == patient_key)
    return connection.execute(query).one_or_none()


def withdrawal_row(row: Row[Any]) -> WithdrawalRow:
    """The record of a tombstone's row."""
    counts: dict[str, int] = json.loads(row.counts)
    return WithdrawalRow(
        number=row.number,
        patient_key=row.patient_key,
        patient_index=row.patient_index,
        releases=tuple(json.loads(row.releases)),
        counts=counts,
        finished=bool(row.finished),
        told_in=row.told_in,
        every_issuer=EVERY_ISSUER in counts,
        person=counts.keys() != {EVERY_ISSUER},
    )


def _rows_of(payload: Mapping[str, object]) -> Mapping[str, str | None]:
    rows = payload.get("rows", {})
    return rows if isinstance(rows, dict) else {}
