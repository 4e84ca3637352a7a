"""The withdrawal of a patient: every row goes in one transaction, a tombstone stays.

A patient's are the studies filed under the patient, with their volumes and slices; what was read from them, on
whosever images; and what any study says of their images. One event of the patient vouches for all that was removed.
Its names are how pictures and published names are known again after the rows are gone: by surrogate, which leads
nowhere once the vault has forgotten who it stood for.

Each study keeps a work row, refused as ``withdrawn``: a study that is filed under somebody else later does not come
back. Rows of releases leave holes in the order of their CSV, which the next publication closes
(:mod:`miner.catalogue.publication`), so that it can say where each row has gone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select

from miner.catalogue import chain, encode, runs, tables
from miner.catalogue.canonical import canonical
from miner.catalogue.encode import RowValues
from miner.catalogue.ledger import (
    BOOKMARK,
    MISSING,
    OBJECT,
    PATIENT,
    REFUSAL,
    RELEASE_ROW,
    SERIES,
    SLICE,
    STUDY,
    WITHDRAWAL,
    WORK,
    Book,
    plain,
    slices_name,
)
from miner.catalogue.rows import Holdings, WithdrawalRow
from miner.catalogue.studies import Changes, upsert
from miner.catalogue.withdrawals import EVERY_ISSUER, WITHDRAWN, invalidate, next_number, tombstone, withdrawal_row
from miner.catalogue.work import batches, found_row, keys_in
from miner.errors import Reason
from miner.records import WorkState

_OF_SOURCE = (OBJECT, REFUSAL, MISSING)
_CSV_FILES = {name: f"{name}.csv" for name in tables.CSV_NAMES}


@dataclass(frozen=True)
class _Belongings:
    """All rows of a patient, and the rows of others that change with them."""

    patient: list[RowValues]
    studies: list[RowValues]
    series: list[RowValues]
    slices: Mapping[str, list[RowValues]]
    bookmarks: list[RowValues]
    of_sources: Mapping[str, list[RowValues]]
    work: list[RowValues]
    study_keys: frozenset[str]
    others: list[RowValues]
    """work rows of other patients' studies that had bookmarks on the patient's volumes"""
    release_rows: list[RowValues]

    @property
    def counts(self) -> dict[str, int]:
        """What goes, by the word that tombstone and report use."""
        gone = sum(row["state"] == WorkState.REFUSED and row["reason"] == Reason.WITHDRAWN for row in self.work)
        rows = {file: sum(row["csv"] == name for row in self.release_rows) for name, file in _CSV_FILES.items()}
        return {
            "studies": len(self.study_keys) - gone,
            "series": len(self.series),
            "slices": sum(map(len, self.slices.values())),
            "bookmarks": len({row["uid"] for row in self.bookmarks}),
            "annotation_objects": len(self.of_sources[OBJECT.name]),
            **rows,
        }


def holdings(connection: Connection, patient_key: str, study_keys: Iterable[str]) -> Holdings:
    """What a withdrawal would take."""
    belongings = _belongings(connection, patient_key, study_keys)
    return Holdings(belongings.counts, tuple(_releases_with(connection, belongings.release_rows)))


def known_studies(connection: Connection, study_keys: Iterable[str]) -> frozenset[str]:
    """Those of the studies that have anything here, as annotation study or as images; withdrawn ones have not."""
    keys = sorted(set(study_keys))
    found = {row["study_key"] for row in _of(connection, STUDY, "study_key", keys)}
    for row in _of(connection, WORK, "study_key", keys):
        if (row["state"], row["reason"]) != (WorkState.REFUSED, Reason.WITHDRAWN):
            found.add(row["study_key"])
    return frozenset(found)


def withdraw(
    connection: Connection, site: str, patient_key: str, study_keys: Iterable[str] = (), *, run: int | None = None
) -> WithdrawalRow:
    """Remove every row of a patient and lay the tombstone; again, where something of the patient has come since.

    Args:
        connection: one writing transaction.
        site: the catalogue's.
        patient_key: the patient; one that the catalogue never had gets a tombstone all the same.
        study_keys: studies that the vault knows of the patient, whoever the catalogue has them filed under.
        run: the run that does it, which holds the lease; without one no run may be alive.

    Raises DatabaseError(CATALOGUE_BUSY) where another run is alive, or ``run`` has lost its lease.
    """
    require_alone(connection, site, run)
    belongings = _belongings(connection, patient_key, study_keys)
    releases = _releases_with(connection, belongings.release_rows)
    changes = Changes(connection)
    _remove(changes, site, belongings)
    _strip_others(changes, belongings)
    stored = tombstone(connection, patient_key)
    if stored is not None and not changes.digests:
        return withdrawal_row(stored)
    values = {"site": site, "patient_key": patient_key, **_told(connection, belongings, releases, stored)}
    upsert(connection, WITHDRAWAL.table, [values])
    changes.digests[WITHDRAWAL.name_of(values)] = WITHDRAWAL.digest_of(values)
    payload = {"what": WITHDRAWN, "counts": belongings.counts, "studies_returned": len(belongings.others)}
    invalidate(connection, site, patient_key, payload, rows=changes.digests, run=run)
    row = tombstone(connection, patient_key)
    assert row is not None
    return withdrawal_row(row)


def require_alone(connection: Connection, site: str, run: int | None) -> None:
    """Raise DatabaseError(CATALOGUE_BUSY) where another run than ``run`` is alive; a dead one is closed."""
    if run is None:
        runs.make_way(connection, site)
    else:
        runs.renew(connection, run)


def _belongings(connection: Connection, patient_key: str, study_keys: Iterable[str]) -> _Belongings:
    named = set(study_keys)
    studies = _of(connection, STUDY, "patient_key", [patient_key])
    studies += [row for row in _of(connection, STUDY, "study_key", named) if row["patient_key"] != patient_key]
    work = _of(connection, WORK, "patient_key", [patient_key])
    keys = named | {row["study_key"] for row in (*studies, *work)}
    work = _of(connection, WORK, "study_key", keys)
    series = _of(connection, SERIES, "study_key", {row["study_key"] for row in studies})
    series_keys = {row["series_key"] for row in series}
    slices: dict[str, list[RowValues]] = defaultdict(list)
    for row in _of(connection, SLICE, "series_key", series_keys):
        slices[row["series_key"]].append(row)
    on_images = _of(connection, BOOKMARK, "series_key", series_keys)
    read_from = _of(connection, BOOKMARK, "source_study_key", keys)
    bookmarks = on_images + [row for row in read_from if row["series_key"] not in series_keys]
    others = {row["source_study_key"] for row in on_images} - keys
    return _Belongings(
        patient=_of(connection, PATIENT, "patient_key", [patient_key]),
        studies=studies,
        series=series,
        slices=slices,
        bookmarks=bookmarks,
        of_sources={book.name: _of(connection, book, "source_study_key", keys) for book in _OF_SOURCE},
        work=work,
        study_keys=frozenset(keys),
        others=_of(connection, WORK, "study_key", others),
        release_rows=_of(
            connection, RELEASE_ROW, "uid", {row["uid"] for row in bookmarks if row["published_in"] is not None}
        ),
    )


def _of(connection: Connection, book: Book, column: str, keys: Iterable[str]) -> list[RowValues]:
    return keys_in(connection, select(book.table), book.table.c[column], sorted(set(keys)))


def _remove(changes: Changes, site: str, going: _Belongings) -> None:
    """Children before parents, as the foreign keys ask."""
    changes.remove(RELEASE_ROW, going.release_rows)
    changes.remove(BOOKMARK, going.bookmarks)
    for batch in batches(going.slices):
        changes.connection.execute(delete(SLICE.table).where(SLICE.table.c.series_key.in_(batch)))
        changes.digests.update({slices_name(key): None for key in batch})
    for book in _OF_SOURCE:
        changes.remove(book, going.of_sources[book.name])
    changes.remove(SERIES, going.series)
    changes.remove(STUDY, going.studies)
    changes.remove(PATIENT, _without_studies(changes.connection, going.patient))
    stored = {WORK.key_of(row): row for row in (*going.work, *going.others)}
    again = {"state": WorkState.FOUND.value, "reason": None, "annotations_digest": ""}
    known = {row["study_key"]: row["run"] for row in going.work}
    gone = [_withdrawn_work(site, key, known.get(key)) for key in sorted(going.study_keys)]
    changes.settle(WORK, [*gone, *({**row, **again} for row in going.others)], stored)


def _withdrawn_work(site: str, study_key: str, run: int | None) -> RowValues:
    """The row of a study that went: nothing is known of it any more but that it is not to be looked at."""
    settled = {"state": WorkState.REFUSED.value, "reason": Reason.WITHDRAWN.value, "run": run}
    return {**found_row(site, 0, study_key), **settled}


def _without_studies(connection: Connection, patients: Sequence[RowValues]) -> list[RowValues]:
    keys = [row["patient_key"] for row in patients]
    left = set(connection.execute(select(tables.Study.patient_key).where(tables.Study.patient_key.in_(keys))).scalars())
    return [row for row in patients if row["patient_key"] not in left]


def _strip_others(changes: Changes, going: _Belongings) -> None:
    """Take the patient's annotation objects out of the history of lesions that others have measured too."""
    objects = {row["object_key"] for row in going.of_sources[OBJECT.name]}
    if not objects:
        return
    bookmarks = BOOKMARK.table
    told = or_(bookmarks.c.history_keys != "[]", bookmarks.c.states != "[]", bookmarks.c.present != "")
    rows = [plain(row) for row in changes.connection.execute(select(bookmarks).where(told))]
    changes.settle(BOOKMARK, [_stripped(row, objects) for row in rows], {BOOKMARK.key_of(row): row for row in rows})


def _stripped(row: RowValues, objects: Collection[str]) -> RowValues:
    keys: list[str] = json.loads(row["history_keys"])
    orders: list[int] = json.loads(row["history_orders"])
    kept = [place for place, key in enumerate(keys) if key not in objects]
    states = [state for state in json.loads(row["states"]) if state[1] not in objects or state[1] == row["object_key"]]
    alone = len(states) == 1 and [states[0][1], states[0][0]] == [row["object_key"], row["uid"]]
    present = row.get("present", "")
    if present:
        entries = [{**row, **entry, "present": ""} for entry in json.loads(present)]
        present = canonical(
            [
                {name: value for name, value in _stripped(full, objects).items() if name in entry}
                for full, entry in zip(entries, json.loads(row["present"]), strict=True)
            ]
        )
    return {
        **row,
        "history_keys": canonical([keys[place] for place in kept]),
        "history_orders": encode.orders_json(orders[place] for place in kept if place < len(orders)),
        "states": canonical([] if alone else states),
        "present": present,
    }


def _releases_with(connection: Connection, rows: Sequence[RowValues]) -> list[int]:
    """Every release from the first that holds one of these rows: a row that was published stays in all later ones."""
    if not rows:
        return []
    last = connection.execute(select(func.max(tables.Release.number))).scalar_one()
    return list(range(min(row["first_release"] for row in rows), last + 1))


def _told(connection: Connection, going: _Belongings, releases: Sequence[int], stored: Row[Any] | None) -> RowValues:
    """A new tombstone, or the one that is there with what goes now; told again where rows of releases go."""
    index = next((row["patient_index"] for row in going.patient), None)
    counts, number, told_in = going.counts, next_number(connection), None
    if stored is not None:
        before = json.loads(stored.counts)
        if going.release_rows and stored.told_in is not None:  # the next release tells of what none has told of
            before |= dict.fromkeys(_CSV_FILES.values(), 0)
        counts = {name: before.get(name, 0) + count for name, count in counts.items()}
        counts |= {name: before[name] for name in (EVERY_ISSUER,) if name in before}
        releases = sorted({*releases, *json.loads(stored.releases)})
        number, index = stored.number, stored.patient_index if index is None else index
        told_in = None if going.release_rows else stored.told_in
    return {
        "number": number,
        "time": chain.instant(),
        "patient_index": index,
        "releases": canonical(list(releases)),
        "counts": canonical(counts),
        "finished": 0,
        "told_in": told_in,
    }
