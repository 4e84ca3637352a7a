"""One mined study into the catalogue, in one transaction.

What a study's annotations gave (objects, refusals, bookmarks) belongs to it and is replaced when it is mined again.
What its images are (patients, studies, series, slices) is shared with other studies and only ever added to, but for a
volume that no release holds and that the archive now shows otherwise (:func:`forget_series`). What a release has
published stays: a bookmark is kept as it is even if the PACS no longer has it, with what its study shows now beside it
(:mod:`miner.catalogue.history`); a published series keeps its geometry.

Only rows that differ are written. The same study again writes nothing but the count of attempts, and no event.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, Table, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from miner.catalogue import chain, encode, review, tables
from miner.catalogue.encode import RowValues
from miner.catalogue.history import continued, filed, newer_states, shown
from miner.catalogue.ledger import (
    BOOKMARK,
    MISSING,
    OBJECT,
    PATIENT,
    REFUSAL,
    SERIES,
    SLICE,
    STUDY,
    WORK,
    Book,
    RowDigests,
    slices_digest,
    slices_name,
)
from miner.catalogue.runs import renew
from miner.catalogue.withdrawals import require_none_withdrawn
from miner.catalogue.work import drop_claim, keys_in
from miner.errors import ChainError, PermanentError, Reason
from miner.records import MinedStudy, WorkState

Key = tuple[Any, ...]


@dataclass
class Changes:
    """What one study changes: rows to write and to remove, and their digests for the event."""

    connection: Connection
    digests: RowDigests = field(default_factory=dict)

    def settle(self, book: Book, wanted: Iterable[RowValues], stored: Mapping[Key, RowValues]) -> None:
        """Write those of ``wanted`` that are not in ``stored`` as they are."""
        changed = [values for values in wanted if self._differs(book, values, stored.get(book.key_of(values)))]
        upsert(self.connection, book.table, changed)
        for values in changed:
            self.digests[book.name_of(values)] = book.digest_of(values)

    def remove(self, book: Book, rows: Iterable[RowValues]) -> None:
        """Delete rows by their key."""
        for values in rows:
            matches = and_(*(book.table.c[name] == values[name] for name in book.key))
            self.connection.execute(delete(book.table).where(matches))
            self.digests[book.name_of(values)] = None

    @staticmethod
    def _differs(book: Book, values: RowValues, stored: RowValues | None) -> bool:
        return stored is None or book.digest_of(values) != book.digest_of(stored)


def commit_study(connection: Connection, site: str, run: int, mined: MinedStudy) -> None:
    """Write one mined study.

    Raises ChainError where its books do not add up, PermanentError where it contradicts the catalogue, RefusedError
    (WITHDRAWN) where its patient, or that of its images, was withdrawn.
    """
    renew(connection, run)
    require_balanced(mined)
    require_none_withdrawn(connection, mined)
    changes = Changes(connection)
    attempts = _settle_work(changes, encode.work_row(site, run, mined))
    _settle_patients_and_studies(changes, site, mined)
    _settle_series(changes, site, mined, run)
    _settle_slices(changes, site, mined)
    _replace(changes, OBJECT, mined.study_key, [encode.object_row(site, mined.study_key, o) for o in mined.objects])
    _replace(changes, REFUSAL, mined.study_key, encode.refusal_rows(site, mined))
    _settle_missing(changes, site, mined)
    published = _settle_bookmarks(changes, site, mined)
    drop_claim(connection, mined.study_key)
    connection.execute(
        update(tables.Work).where(tables.Work.study_key == mined.study_key).values(attempts=attempts, run=run)
    )
    if changes.digests:
        payload = {
            "what": "study mined",
            "state": mined.state.value,
            "reason": None if mined.reason is None else mined.reason.value,
            **published,
        }
        entity = f"study:{mined.study_key}"
        chain.append(connection, site, chain.Activity.GENERATION, entity, payload, rows=changes.digests, run=run)


def forget_series(connection: Connection, site: str, run: int, series_key: str) -> None:
    """Remove a volume that no release holds, with its slices and every bookmark on it: it is to be mined anew.

    The PACS shows it otherwise than when it was numbered. The studies that its bookmarks were read from go back to
    FOUND, so that each of them is read again. Raises PermanentError where a release holds the volume.
    """
    renew(connection, run)
    changes = Changes(connection)
    series = _stored(changes, SERIES, "series_key", [series_key])
    bookmarks = _stored(changes, BOOKMARK, "series_key", [series_key])
    if any(row["series_id"] is not None for row in series.values()):
        raise PermanentError(
            "A series has other images or another order than when its slices were numbered.", Reason.SERIES_CHANGED
        )
    if _stored(changes, SLICE, "series_key", [series_key]):
        connection.execute(delete(SLICE.table).where(SLICE.table.c.series_key == series_key))
        changes.digests[slices_name(series_key)] = None
    changes.remove(BOOKMARK, bookmarks.values())
    changes.remove(SERIES, series.values())
    sources = _stored(changes, WORK, "study_key", sorted({row["source_study_key"] for row in bookmarks.values()}))
    again = {"state": WorkState.FOUND.value, "reason": None, "annotations_digest": ""}
    changes.settle(WORK, [row | again for row in sources.values()], sources)
    if changes.digests:
        payload = {
            "what": review.FORGOTTEN,
            "bookmarks": len(bookmarks),
            "studies_returned": len(sources),
            "pixel_review": "".join(row["pixel_review"] for row in series.values()),
        }
        entity = f"series:{series_key}"
        chain.append(connection, site, chain.Activity.GENERATION, entity, payload, rows=changes.digests, run=run)


def require_balanced(mined: MinedStudy) -> None:
    """Raise ChainError unless every object and mark of the study is accounted for once, and its state is settled."""
    if mined.state in (WorkState.FOUND, WorkState.CLAIMED):
        raise ChainError("A study came to the catalogue before it was settled.", Reason.INTERNAL)
    if any(entry.marks != entry.used + entry.refused for entry in mined.objects):
        raise ChainError("The marks of an annotation object do not add up to those used and refused.", Reason.INTERNAL)
    explained = Counter[str]()
    for entry in mined.refused:
        if entry.subject == "mark":
            explained[entry.key] += entry.count
    if +explained != +Counter({entry.object_key: entry.refused for entry in mined.objects}):
        raise ChainError("The refused marks of a study do not add up to the reasons given for them.", Reason.INTERNAL)
    keys: tuple[tuple[str, Iterable[Any]], ...] = (
        ("annotation objects", (entry.object_key for entry in mined.objects)),
        ("missing items", ((entry.level, entry.key) for entry in mined.missing)),
        ("bookmarks", (entry.uid for entry in mined.bookmarks)),
        ("series", (entry.series_key for entry in mined.series)),
        ("slices", ((series.series_key, s.number) for series in mined.series for s in series.stored)),
    )
    for what, entries in keys:
        if any(count > 1 for count in Counter(entries).values()):
            raise ChainError(f"A study came to the catalogue with two {what} under one key.", Reason.INTERNAL)


def upsert(connection: Connection, table: Table, rows: Sequence[RowValues]) -> None:
    """Insert rows, or replace those of the same primary key; all rows hold every column."""
    if rows:
        connection.execute(_upsert_statement(table, connection.dialect.name), list(rows))


@cache
def _upsert_statement(table: Table, dialect: str) -> Executable:
    # Both dialects spell it alike (ON CONFLICT … DO UPDATE), but SQLAlchemy has no common construct for it.
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table).values({column.name: bindparam(column.name) for column in table.columns})
    keys = [column.name for column in table.primary_key.columns]
    others = {name: value for name, value in statement.excluded.items() if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def _stored(changes: Changes, book: Book, column: str, keys: Iterable[str]) -> dict[Key, RowValues]:
    rows = keys_in(changes.connection, select(book.table), book.table.c[column], list(dict.fromkeys(keys)))
    return {book.key_of(values): values for values in rows}


def _settle_work(changes: Changes, values: RowValues) -> int:
    """Write the work row; returns the number of attempts it has now had."""
    stored = _stored(changes, WORK, "study_key", [values["study_key"]])
    attempts: int = 1 + sum(row["attempts"] for row in stored.values())
    changes.settle(WORK, [values | {"attempts": attempts}], stored)
    return attempts


def _settle_patients_and_studies(changes: Changes, site: str, mined: MinedStudy) -> None:
    stored = _stored(changes, STUDY, "study_key", (study.study_key for study in mined.studies))
    patients = _stored(changes, PATIENT, "patient_key", (study.patient_key for study in mined.studies))
    new_patients = {study.patient_key for study in mined.studies} - {key for (key,) in patients}
    changes.settle(PATIENT, [encode.patient_row(site, key) for key in sorted(new_patients)], patients)
    wanted = []
    for study in mined.studies:
        old = stored.get((study.study_key,))
        if old is None or old["study_index"] is None:
            wanted.append(encode.study_row(site, study))
        elif old["patient_key"] != study.patient_key:
            raise PermanentError(
                "A study that a release holds is now filed under another patient: in [selection] crosswalk, map "
                "its new record number to the one that it was published under, with its study UID where the new number "
                "has been published too, and run again.",
                Reason.CONTENT_CONFLICT,
            )
    changes.settle(STUDY, wanted, stored)


def _settle_series(changes: Changes, site: str, mined: MinedStudy, run: int) -> None:
    stored = _stored(changes, SERIES, "series_key", (series.series_key for series in mined.series))
    wanted = []
    for series in mined.series:
        old = stored.get((series.series_key,))
        if old is not None and old["numbering_digest"] != series.numbering_digest:
            raise PermanentError(
                "A series has other images or another order than when its slices were numbered.", Reason.SERIES_CHANGED
            )
        if old is not None and old["study_key"] != series.study_key:
            raise PermanentError("A series is now filed under another study.", Reason.CONTENT_CONFLICT)
        # A published series keeps its geometry; what is known of text in its pixels goes on.
        values = encode.series_row(site, series) if old is None or old["series_id"] is None else old
        wanted.append(review.settled(changes.connection, mined, values, old))
    changes.settle(SERIES, wanted, stored)
    review.note_held(changes.connection, site, [(row, stored.get(SERIES.key_of(row))) for row in wanted], run)


def _settle_slices(changes: Changes, site: str, mined: MinedStudy) -> None:
    """Add slices that are new; the digest of a series goes over all that it now has."""
    stored = _stored(changes, SLICE, "series_key", (series.series_key for series in mined.series))
    by_series: dict[str, list[RowValues]] = defaultdict(list)
    for values in stored.values():
        by_series[values["series_key"]].append(values)
    new = []
    for series in mined.series:
        fresh = []
        for entry in series.stored:
            values = encode.slice_row(site, series.series_key, entry)
            old = stored.get((series.series_key, values["number"]))
            if old is None:
                fresh.append(values)
            elif (old["png_sha256"], old["instance_key"]) != (values["png_sha256"], values["instance_key"]):
                raise PermanentError(
                    "A slice of a series is stored already with other content: the PACS now has another image there.",
                    Reason.CONTENT_CONFLICT,
                )
        if fresh:
            name = slices_name(series.series_key)
            changes.digests[name] = slices_digest(by_series[series.series_key] + fresh)
            new += fresh
    upsert(changes.connection, SLICE.table, new)


def _replace(changes: Changes, book: Book, study_key: str, wanted: Sequence[RowValues]) -> None:
    stored = _stored(changes, book, "source_study_key", [study_key])
    keys = {book.key_of(values) for values in wanted}
    changes.remove(book, [values for key, values in stored.items() if key not in keys])
    changes.settle(book, wanted, stored)


def _settle_missing(changes: Changes, site: str, mined: MinedStudy) -> None:
    """What is missing now: what has come since is removed, what still has not counts one look more."""
    stored = _stored(changes, MISSING, "source_study_key", [mined.study_key])
    wanted = encode.missing_rows(site, mined)
    for values in wanted:
        values["attempts"] = stored.get(MISSING.key_of(values), values)["attempts"]
    keys = {MISSING.key_of(values) for values in wanted}
    changes.remove(MISSING, [values for key, values in stored.items() if key not in keys])
    changes.settle(MISSING, wanted, stored)
    looks = update(tables.Missing).where(tables.Missing.source_study_key == mined.study_key)
    changes.connection.execute(looks.values(attempts=tables.Missing.attempts + 1))


def _settle_bookmarks(changes: Changes, site: str, mined: MinedStudy) -> dict[str, list[str]]:
    """Replace the study's bookmarks; returns what became of published ones, for the event.

    ``kept``: those that the study no longer shows; ``corrected``: those of which a newer state has come.
    """
    stored = _stored(changes, BOOKMARK, "source_study_key", [mined.study_key])
    before = {values["uid"]: values for values in stored.values() if values["published_in"] is not None}
    wanted = filed(before.values(), [encode.bookmark_row(site, mined.study_key, entry) for entry in mined.bookmarks])
    keys = {BOOKMARK.key_of(values) for values in wanted}
    changes.remove(BOOKMARK, [values for key, values in stored.items() if key not in keys])
    changes.settle(BOOKMARK, wanted, stored)
    published = [values for values in wanted if values["published_in"] is not None]
    kept = [values["uid"] for values in published if not shown(values)]
    corrected = [row["uid"] for row in published if _newer_states(row) > _newer_states(before[row["uid"]])]
    return {"kept": kept, "corrected": corrected}


def _newer_states(row: RowValues) -> int:
    return newer_states(continued(row, shown(row)))
