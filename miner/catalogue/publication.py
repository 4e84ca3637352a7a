"""What a release gives for ever, in one transaction: indices, splits, rows and their places.

Where several annotation studies measured one lesion, the measurement that stands is published, and the others are its
history; by any of them the lesion is known again. Identities are written once. Each patient's are one event, so that a
payload stays small and a patient's history can be read on its own.

A place is for ever, with one exception: the rows of a patient who was withdrawn leave holes, and the next publication
closes them. Rows behind a hole move up; their order stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select

from miner.catalogue import chain, tables
from miner.catalogue.canonical import canonical
from miner.catalogue.content import chosen_bookmarks
from miner.catalogue.encode import RowValues
from miner.catalogue.history import filed, shown, united
from miner.catalogue.ledger import (
    BOOKMARK,
    PATIENT,
    RELEASE,
    RELEASE_ROW,
    SERIES,
    STUDY,
    WITHDRAWAL,
    Book,
    RowDigests,
    plain,
)
from miner.catalogue.rows import Publication, PublishedRow
from miner.catalogue.studies import upsert
from miner.catalogue.withdrawals import mark_told
from miner.errors import DatabaseError, PermanentError, Reason

_ALL_BOOKMARKS = select(BOOKMARK.table)


def publish(connection: Connection, site: str, block: tuple[int, int], publication: Publication) -> None:
    """Write a publication whole, or nothing of it.

    Raises PermanentError where it would change what an earlier release gave, DatabaseError (to be repeated) where the
    catalogue moved on since it was read.
    """
    number = publication.release.number
    _require_next(connection, number)
    _require_unmoved(connection, publication)
    _require_in_block(publication, block)
    release_values = _release_values(site, publication)
    upsert(connection, RELEASE.table, [release_values])
    writing = _Writing(connection, site, publication)
    writing.give_identities()
    writing.merge_bookmarks()
    writing.fix_bookmarks()
    writing.write_rows()
    for patient_key, rows in sorted(writing.events.items()):
        payload = {"what": "identities published", "release": number}
        chain.append(connection, site, chain.Activity.GENERATION, f"patient:{patient_key}", payload, rows=rows)
    vouched: RowDigests = {RELEASE.name_of(release_values): RELEASE.digest_of(release_values)}
    vouched.update(writing.left | mark_told(connection, number))
    payload = {"what": "release published", "manifest_sha256": publication.release.manifest_sha256}
    chain.append(connection, site, chain.Activity.GENERATION, f"release:{number}", payload, rows=vouched)


class _Writing:
    """The rows of one publication, and per patient the digests of what was written."""

    def __init__(self, connection: Connection, site: str, publication: Publication) -> None:
        self._connection = connection
        self._site = site
        self._publication = publication
        self._bookmarks = chosen_bookmarks(connection)
        self._stored = [plain(row) for row in connection.execute(_ALL_BOOKMARKS)]
        self._patient_of_series = _patient_of_series(connection)
        self.events: dict[str, RowDigests] = defaultdict(dict)
        self.left: RowDigests = {}
        """places at the end of a CSV that no row has any more"""

    def give_identities(self) -> None:
        """Indices and splits, to rows that have none."""
        publication = self._publication
        patients = {key: {"patient_index": i, "split": s} for key, (i, s) in publication.patients.items()}
        for values in self._give(PATIENT, patients):
            self._vouch(PATIENT, values, values["patient_key"])
        for values in self._give(STUDY, {key: {"study_index": i} for key, i in publication.studies.items()}):
            self._vouch(STUDY, values, values["patient_key"])
        for values in self._give(SERIES, {key: {"series_id": i} for key, i in publication.series.items()}):
            self._vouch(SERIES, values, self._patient_of_series[values["series_key"]])

    def merge_bookmarks(self) -> None:
        """What several measurements are of is one lesion from now on, with the states of all of them."""
        for uid, members in sorted(self._publication.merged.items()):
            head, *others = [self._row_of(member) for member in members]
            self._bookmarks[uid] = {**united(head, others), "uid": uid}

    def fix_bookmarks(self) -> None:
        """Write what a release knows of its bookmarks: until the next one nothing changes it.

        What studies have added to the history of earlier ones is written into them, so that it stays too.
        """
        for uid in sorted({row.uid for row in self._publication.rows}):
            values = self._row_of(uid)
            if values["published_in"] is None:
                self._bookmarks[uid] = {**values, "published_in": self._publication.release.number}
        published: dict[str, list[RowValues]] = defaultdict(list)
        for values in self._bookmarks.values():
            if values["published_in"] is not None:
                published[values["source_study_key"]].append(values)
        stored: dict[str, list[RowValues]] = defaultdict(list)
        for values in self._stored:
            stored[values["source_study_key"]].append(values)
        for study_key, rows in sorted(published.items()):
            now = [entry for values in stored[study_key] for entry in shown(values)]
            self._settle(stored[study_key], filed(rows, now))

    def write_rows(self) -> None:
        """Rows of the CSVs: new ones at their place for ever, old ones with the cells that may change.

        What lies behind the rows of a withdrawn patient moves up, so that places are 0, 1, 2 … again.
        """
        query = select(RELEASE_ROW.table).order_by(RELEASE_ROW.table.c.csv, RELEASE_ROW.table.c.position)
        stored = [plain(row) for row in self._connection.execute(query)]
        places = _closed_up(stored)
        changed = {(row.table, row.uid): row for row in self._publication.rows}
        written = []
        for values in stored:
            name = (values["csv"], values["uid"])
            row = changed.pop(name, None)
            if row is not None and row.position != places[name]:
                raise PermanentError("A release would move a row that was published.", Reason.CONTENT_CONFLICT)
            cells = values["cells"] if row is None else canonical(list(row.cells))
            wanted = {**values, "position": places[name], "cells": cells}
            if wanted != values or row is not None:
                written.append(wanted)
        taken = {(values["csv"], places[values["csv"], values["uid"]]) for values in stored}
        if any((row.table, row.position) in taken for row in changed.values()):
            raise PermanentError("A release would move a row that was published.", Reason.CONTENT_CONFLICT)
        written += [_row_values(self._site, row, self._publication.release.number) for row in changed.values()]
        self._leave_places(stored, places)
        upsert(self._connection, RELEASE_ROW.table, written)
        for values in written:
            self.left.pop(RELEASE_ROW.name_of(values), None)
            series_key = self._bookmarks[values["uid"]]["series_key"]
            self._vouch(RELEASE_ROW, values, self._patient_of_series[series_key])

    def _leave_places(self, stored: Sequence[RowValues], places: Mapping[tuple[str, str], int]) -> None:
        """Remove rows from places that they move up from; their new places are not written yet."""
        for values in stored:
            if places[values["csv"], values["uid"]] != values["position"]:
                matches = and_(*(RELEASE_ROW.table.c[name] == values[name] for name in RELEASE_ROW.key))
                self._connection.execute(delete(RELEASE_ROW.table).where(matches))
                self.left[RELEASE_ROW.name_of(values)] = None

    def _row_of(self, uid: str) -> RowValues:
        if uid not in self._bookmarks:
            raise DatabaseError(
                "A bookmark of this release is no longer in the catalogue: run the release again.",
                Reason.CATALOGUE_BUSY,
            )
        return self._bookmarks[uid]

    def _settle(self, stored: Sequence[RowValues], wanted: Sequence[RowValues]) -> None:
        """Bring the rows of one study to what is wanted: those that differ are written, those of other keys removed."""
        before = {BOOKMARK.key_of(values): values for values in stored}
        changed = [values for values in wanted if values != before.get(BOOKMARK.key_of(values))]
        keys = {BOOKMARK.key_of(values) for values in wanted}
        for values in (values for key, values in sorted(before.items()) if key not in keys):
            matches = and_(*(BOOKMARK.table.c[name] == values[name] for name in BOOKMARK.key))
            self._connection.execute(delete(BOOKMARK.table).where(matches))
            self.events[self._patient_of_series[values["series_key"]]][BOOKMARK.name_of(values)] = None
        upsert(self._connection, BOOKMARK.table, changed)
        for values in changed:
            self._vouch(BOOKMARK, values, self._patient_of_series[values["series_key"]])

    def _give(self, book: Book, given: Mapping[str, dict[str, int]]) -> list[RowValues]:
        """Write identities into rows that have none; returns the rows written."""
        (key,) = book.key
        rows = [plain(row) for row in self._connection.execute(select(book.table)) if row._mapping[key] in given]
        if len(rows) != len(given):
            raise PermanentError("A release gives an identity to something the catalogue lacks.", Reason.INTERNAL)
        changed = []
        for values in rows:
            identity = given[values[key]]
            if all(values[name] is None for name in identity):
                changed.append(values | identity)
            elif any(values[name] != value for name, value in identity.items()):
                raise PermanentError(
                    "A release would change an identity that was given for ever.", Reason.CONTENT_CONFLICT
                )
        upsert(self._connection, book.table, changed)
        return changed

    def _vouch(self, book: Book, values: RowValues, patient_key: str) -> None:
        self.events[patient_key][book.name_of(values)] = book.digest_of(values)


def _closed_up(stored: Sequence[RowValues]) -> dict[tuple[str, str], int]:
    """Place of each published row, by CSV and uid, once holes are closed. ``stored``: in the order of places."""
    count: Counter[str] = Counter()
    places = {}
    for values in stored:
        places[values["csv"], values["uid"]] = count[values["csv"]]
        count[values["csv"]] += 1
    return places


def _require_next(connection: Connection, number: int) -> None:
    last = connection.execute(select(func.max(tables.Release.number))).scalar_one() or 0
    if number != last + 1:
        raise DatabaseError(
            f"Release {number} cannot follow release {last}: another release was published meanwhile; run again.",
            Reason.CATALOGUE_BUSY,
        )


def _require_unmoved(connection: Connection, publication: Publication) -> None:
    """No event since the content was read may withdraw anybody, or name what is being published or was before."""
    if publication.chain_head is None:
        return
    count, last = publication.chain_head
    moved = chain.hash_of(connection, count) != last
    uids = {row.uid for row in publication.rows}.union(publication.merged, *publication.merged.values())
    uids.update(connection.execute(select(tables.ReleaseRow.uid)).scalars())
    for event in chain.read(connection, after=count):
        named = event.payload.get("rows", {})
        assert isinstance(named, dict)
        moved = moved or any(_concerns(name, uids, publication) for name in named)
    if moved:
        raise DatabaseError(
            "Studies of this release were mined again while it was being written: run the release again.",
            Reason.CATALOGUE_BUSY,
        )


def _concerns(name: str, uids: set[str], publication: Publication) -> bool:
    table, _, key = name.partition(":")
    if table == WITHDRAWAL.name:
        return True
    if table == BOOKMARK.name:
        return key.rpartition("/")[2] in uids
    given: Mapping[str, Mapping[str, object]] = {
        PATIENT.name: publication.patients,
        STUDY.name: publication.studies,
        SERIES.name: publication.series,
    }
    return key in given.get(table, {})


def _release_values(site: str, publication: Publication) -> RowValues:
    release = publication.release
    return {
        "number": release.number,
        "site": site,
        "time": release.time,
        "software": release.software,
        "rules_digest": release.rules_digest,
        "deid_profile": release.deid_profile,
        "manifest_sha256": release.manifest_sha256,
        "counts": canonical(release.counts),
    }


def _require_in_block(publication: Publication, block: tuple[int, int]) -> None:
    first, last = block
    if any(not first <= index <= last for index, _split in publication.patients.values()):
        raise PermanentError(f"A Patient_index lies outside this site's block {first} to {last}.", Reason.CONFIG)


def _patient_of_series(connection: Connection) -> dict[str, str]:
    """Series key -> patient key."""
    query = select(tables.Series.series_key, tables.Study.patient_key).join(
        tables.Study, tables.Study.study_key == tables.Series.study_key
    )
    return {row.series_key: row.patient_key for row in connection.execute(query)}


def _row_values(site: str, row: PublishedRow, first_release: int) -> dict[str, Any]:
    return {
        "csv": row.table,
        "position": row.position,
        "site": site,
        "uid": row.uid,
        "cells": canonical(list(row.cells)),
        "first_release": first_release,
    }
