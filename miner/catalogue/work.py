"""The work of a catalogue: one row per study that holds annotations, offered, claimed, and settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, insert, or_, select, update

from miner.catalogue import chain, tables
from miner.catalogue.ledger import CATALOGUE, WORK, RowDigests, Values, plain
from miner.catalogue.rows import Filing, WorkRow
from miner.catalogue.runs import renew
from miner.errors import RETRIABLE_REASONS, DatabaseError, Reason, UsageError
from miner.records import WorkState

BATCH = 500
"""Keys per query and per event: below every limit on parameters, and a payload stays readable."""

WHO_IS_WHO = "who-is-who"
"""What events are about that say, by a keyed digest, which crosswalk and opt-out list were followed from then on."""


def batches(keys: Iterable[str]) -> Iterator[list[str]]:
    """The keys in lists of at most :data:`BATCH`."""
    iterator = iter(keys)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def offer(connection: Connection, site: str, run: int, study_keys: Iterable[str]) -> int:
    """Add studies that are not known yet, as FOUND; returns how many were new."""
    renew(connection, run)
    new = 0
    for batch in batches(dict.fromkeys(study_keys)):
        known = set(connection.execute(select(tables.Work.study_key).where(tables.Work.study_key.in_(batch))).scalars())
        fresh = [found_row(site, run, key) for key in batch if key not in known]
        if not fresh:
            continue
        connection.execute(insert(tables.Work), fresh)
        rows: RowDigests = {WORK.name_of(values): WORK.digest_of(values) for values in fresh}
        payload = {"what": "studies found", "studies": len(fresh)}
        chain.append(connection, site, chain.Activity.GENERATION, "work", payload, rows=rows, run=run)
        new += len(fresh)
    return new


def found_row(site: str, run: int, study_key: str) -> dict[str, Any]:
    """The row of a study that nothing is known about but that it holds annotations."""
    return {
        "study_key": study_key,
        "site": site,
        "patient_key": None,
        "state": WorkState.FOUND.value,
        "reason": None,
        "attempts": 0,
        "annotations_digest": "",
        "objects_asked": 0,
        "objects_arrived": 0,
        "octets": 0,
        "image_octets": 0,
        "image_octets_used": 0,
        "looked_octets": 0,
        "extra_octets": 0,
        "run": run,
    }


def one(connection: Connection, study_key: str) -> WorkRow | None:
    """One study's row, None where it was never offered."""
    row = connection.execute(_rows().where(tables.Work.study_key == study_key)).one_or_none()
    return None if row is None else _work_row(row)


def several(connection: Connection, study_keys: Sequence[str]) -> dict[str, WorkRow]:
    """The rows of these studies by key, without those that were never offered."""
    if len(study_keys) <= BATCH:
        query = _rows().where(tables.Work.study_key.in_(list(study_keys)))
        return {row.study_key: _work_row(row) for row in connection.execute(query)}
    wanted = set(study_keys)  # one look at the whole table costs less than hundreds at a part of it
    return {row.study_key: _work_row(row) for row in connection.execute(_rows()) if row.study_key in wanted}


def filings(connection: Connection) -> list[Filing]:
    """Under whom every study that was looked at is filed, and every study of images that bookmarks were read on."""
    work = tables.Work
    own = select(work.study_key, work.patient_key, work.study_key.label("source"), work.state, work.reason)
    images = (
        select(
            tables.Study.study_key,
            tables.Study.patient_key,
            work.study_key.label("source"),
            work.state,
            work.reason,
            tables.Study.study_index,
        )
        .join(tables.Series, tables.Series.study_key == tables.Study.study_key)
        .join(tables.Bookmark, tables.Bookmark.series_key == tables.Series.series_key)
        .join(work, work.study_key == tables.Bookmark.source_study_key)
        .distinct()
    )
    refusal = tables.Refusal
    without = select(refusal.source_study_key).where(refusal.reason == Reason.OPTED_OUT.value)
    left_out = set(connection.execute(without).scalars())
    found = [_filing(row, left_out=row.source in left_out) for row in connection.execute(own)]
    rows = connection.execute(images)
    return found + [_filing(row, of_images=True, published=row.study_index is not None) for row in rows]


def _filing(row: Row[Any], **more: bool) -> Filing:
    reason = None if row.reason is None else Reason(row.reason)
    return Filing(row.study_key, row.patient_key, row.source, WorkState(row.state), reason, **more)


def look_again(connection: Connection, site: str, run: int, study_keys: Iterable[str], payload: Values) -> None:
    """Put studies back to FOUND, and record why (:data:`WHO_IS_WHO`): what they gave stays until they are mined."""
    renew(connection, run)
    again = {"state": WorkState.FOUND.value, "reason": None, "annotations_digest": ""}
    for batch in batches(sorted(set(study_keys))):
        stored = keys_in(connection, select(WORK.table), WORK.table.c.study_key, batch)
        connection.execute(update(WORK.table).where(WORK.table.c.study_key.in_(batch)).values(**again))
        rows: RowDigests = {WORK.name_of(values): WORK.digest_of(values | again) for values in stored}
        returned = {"what": "studies returned", "studies": len(stored)}
        chain.append(connection, site, chain.Activity.GENERATION, "work", returned, rows=rows, run=run)
    chain.append(connection, site, chain.Activity.GENERATION, WHO_IS_WHO, payload, run=run)


def pending(connection: Connection) -> list[WorkRow]:
    """What the next run has to do: FOUND, and whatever a retriable reason left FAILED or PARTIAL; not what is claimed.

    Fewest attempts first, so that studies that fail again and again never stand before new ones; then by key.
    """
    retriable = and_(
        tables.Work.state.in_([WorkState.FAILED, WorkState.PARTIAL]),
        tables.Work.reason.in_(sorted(RETRIABLE_REASONS)),
    )
    query = _rows().where(tables.Claim.run.is_(None), or_(tables.Work.state == WorkState.FOUND, retriable))
    rows = [_work_row(row) for row in connection.execute(query)]
    return sorted(rows, key=lambda row: (row.attempts, row.study_key))


def claim(connection: Connection, site: str, run: int, study_key: str) -> bool:
    """Take a study for this run; False where it is claimed already or was never offered."""
    renew(connection, run)
    row = connection.execute(_rows().where(tables.Work.study_key == study_key)).one_or_none()
    if row is None or row.claimed_by is not None:
        return False
    connection.execute(insert(tables.Claim).values(study_key=study_key, site=site, run=run))
    return True


def release_claim(connection: Connection, run: int, study_key: str) -> None:
    """Give a study back as it was before the claim."""
    renew(connection, run)
    drop_claim(connection, study_key)


def drop_claim(connection: Connection, study_key: str) -> None:
    """End a claim, whoever holds it: the caller holds the lease."""
    connection.execute(delete(tables.Claim).where(tables.Claim.study_key == study_key))


def fail(connection: Connection, site: str, run: int, study_key: str, reason: Reason) -> None:
    """Settle a study as FAILED. What earlier runs got from it stays. Raises DatabaseError for an unknown study."""
    renew(connection, run)
    row = connection.execute(select(WORK.table).where(WORK.table.c.study_key == study_key)).one_or_none()
    if row is None:
        raise DatabaseError("A study that was never offered to the catalogue cannot fail in it.", Reason.INTERNAL)
    values = plain(row) | {
        "state": WorkState.FAILED.value,
        "reason": Reason(reason).value,
        "attempts": row.attempts + 1,
        "annotations_digest": "",  # nothing may take it for a study that was seen whole
        "run": run,
    }
    connection.execute(update(tables.Work).where(tables.Work.study_key == study_key).values(**values))
    drop_claim(connection, study_key)
    payload = {"what": "study failed", "reason": values["reason"], "attempts": values["attempts"]}
    rows: RowDigests = {WORK.name_of(values): WORK.digest_of(values)}
    chain.append(connection, site, chain.Activity.GENERATION, f"study:{study_key}", payload, rows=rows, run=run)


def watermark(connection: Connection) -> date | None:
    """The study date up to which everything was looked at."""
    return connection.execute(select(tables.Catalogue.watermark)).scalar_one()


def set_watermark(connection: Connection, site: str, run: int, day: date) -> None:
    """Move the watermark."""
    renew(connection, run)
    if watermark(connection) == day:
        return
    connection.execute(update(tables.Catalogue).values(watermark=day))
    settings_event(connection, site, {"what": "watermark set"}, run)


def adopt(connection: Connection, before: str, site: str, block: tuple[int, int]) -> None:
    """Give the catalogue another site and block of patient indices. Raises UsageError once a run has begun."""
    if connection.execute(select(tables.Run.number).limit(1)).first() is not None:
        raise UsageError(
            "The catalogue was mined under another [site] name or patient_index_range: set them as they were, "
            "or give this configuration a storage root of its own."
        )
    connection.execute(
        update(tables.Catalogue).values(site=site, first_patient_index=block[0], last_patient_index=block[1])
    )
    settings_event(connection, site, {"what": "site and block set", chain.SITE_BEFORE: before})


def settings_event(connection: Connection, site: str, payload: Values, run: int | None = None) -> None:
    """Record the row of settings as it now is."""
    values = plain(connection.execute(select(CATALOGUE.table)).one())
    rows: RowDigests = {CATALOGUE.name_of(values): CATALOGUE.digest_of(values)}
    chain.append(connection, site, chain.Activity.GENERATION, "catalogue", payload, rows=rows, run=run)


def _rows() -> Select[Any]:
    return select(WORK.table, tables.Claim.run.label("claimed_by")).outerjoin(
        tables.Claim, tables.Claim.study_key == tables.Work.study_key
    )


def _work_row(row: Row[Any]) -> WorkRow:
    state = WorkState.CLAIMED if row.claimed_by is not None else WorkState(row.state)
    reason = None if row.reason is None else Reason(row.reason)
    return WorkRow(row.study_key, state, reason, row.attempts, row.annotations_digest)


def keys_in(connection: Connection, query: Select[Any], column: Any, keys: Sequence[str]) -> list[dict[str, Any]]:
    """All rows of ``query`` whose ``column`` is one of ``keys``, as dictionaries."""
    found: list[dict[str, Any]] = []
    for batch in batches(keys):
        # A study has one of most things, and an equality is a third cheaper to prepare than a list of one.
        matches = column == batch[0] if len(batch) == 1 else column.in_(batch)
        found += [plain(row) for row in connection.execute(query.where(matches))]
    return found
