"""The books of a catalogue: everything that was found, and what became of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, not_, select

from miner.catalogue import encode, tables
from miner.catalogue.history import uids_of
from miner.catalogue.ledger import BOOKMARK, plain
from miner.catalogue.review import searched_slices
from miner.catalogue.rows import RunInfo, RunRow, Status, held_for
from miner.catalogue.withdrawals import all_withdrawals
from miner.catalogue.work import watermark
from miner.errors import Reason
from miner.records import Level, PixelReview, WorkState

ACCEPTED = "accepted"
USED = "used"
UNSEEN = "not seen: "
"""Before a reason, in the counts of a run: what is known to be there and could not be looked at."""
UNANSWERED = "unanswered"
"""In the counts of a run: parts of its window."""
NAMELESS = "without a patient id"
"""In the counts of a run: studies that nobody says whose they are, each a patient of its own."""
PASSED_OVER = "withdrawn, passed over"
"""In the counts of a run: studies of patients who were withdrawn."""
TRAFFIC = (
    "objects_asked",
    "objects_arrived",
    "octets",
    "image_octets",
    "image_octets_used",
    "looked_octets",
    "extra_octets",
)


_PIXELS_OF_SERIES = select(
    tables.Series.series_key,
    tables.Series.series_id,
    tables.Series.refusals,
    tables.Series.pixel_review,
    tables.Series.pixel_findings,
)


def status(connection: Connection) -> Status:
    """Counts by a fixed number of queries, whatever the size."""
    studies, study_reasons = _studies(connection)
    missing = _missing(connection)
    traffic = _traffic(connection)
    known = runs(connection)
    last = next((run.counts for run in reversed(known) if run.counts), {})
    tombstones = all_withdrawals(connection)
    return Status(
        runs=tuple(_run_json(run) for run in known),
        studies=studies,
        study_reasons=study_reasons,
        objects=_objects(connection),
        marks=_marks(connection),
        bookmarks=_bookmarks(connection),
        series=_series(connection),
        slices=_count(connection, select(func.count()).select_from(tables.Slice)),
        octets=_count(connection, select(func.sum(tables.Slice.png_octets))),
        releases=_count(connection, select(func.count()).select_from(tables.Release)),
        patients=_patients(connection),
        watermark=_watermark(connection),
        missing=missing,
        missing_reasons=_by_count(Counter(f"{entry['level']}: {entry['reason']}" for entry in missing)),
        traffic=traffic,
        image_ratio=_image_ratio(traffic),
        superseded=_superseded(connection),
        unseen={word.removeprefix(UNSEEN): count for word, count in last.items() if word.startswith(UNSEEN)},
        unanswered=last.get(UNANSWERED, 0),
        withdrawn=sum(row.person for row in tombstones),
        withdrawals_unfinished=sum(not row.finished for row in tombstones),
        passed_over=last.get(PASSED_OVER, 0),
        nameless=last.get(NAMELESS, 0),
        held_back=_held_back(connection),
        published_in_quarantine=_published_in_quarantine(connection),
    )


def runs(connection: Connection, numbers: Iterable[int] | None = None) -> tuple[RunRow, ...]:
    """Runs, oldest first; all of them, or those named."""
    query = select(tables.Run.__table__).order_by(tables.Run.number)
    if numbers is not None:
        query = query.where(tables.Run.number.in_(sorted(set(numbers))))
    return tuple(
        RunRow(
            row.number,
            row.started,
            row.ended,
            row.outcome,
            json.loads(row.counts),
            RunInfo(row.version, row.config_digest, row.rules_digest, row.deid_profile, row.pacs_profile_digest),
        )
        for row in connection.execute(query)
    )


def _run_json(run: RunRow) -> dict[str, object]:
    return {
        "number": run.number,
        "started": run.started,
        "ended": run.ended,
        "outcome": run.outcome,
        "version": run.info.version,
        "counts": dict(run.counts),
    }


def _studies(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
    """A claim counts as CLAIMED, whatever the row says below it."""
    states = Counter[str]()
    state_reasons = Counter[str]()
    query = select(tables.Work.state, tables.Work.reason, func.count(tables.Claim.study_key), func.count()).outerjoin(
        tables.Claim, tables.Claim.study_key == tables.Work.study_key
    )
    for state, reason, claimed, total in connection.execute(query.group_by(tables.Work.state, tables.Work.reason)):
        states[WorkState.CLAIMED.value] += claimed
        states[state] += total - claimed
        if reason is not None and total > claimed:
            state_reasons[f"{state}: {reason}"] += total - claimed
    return _by_count(states), _by_count(state_reasons)


def _objects(connection: Connection) -> dict[str, int]:
    query = select(tables.AnnotationObject.reason, func.count()).group_by(tables.AnnotationObject.reason)
    return _by_count({reason or ACCEPTED: count for reason, count in connection.execute(query)})


def _marks(connection: Connection) -> dict[str, int]:
    """Every commit proves that the reasons add up to what the objects refused (studies.require_balanced)."""
    used = _count(connection, select(func.sum(tables.AnnotationObject.used)))
    query = select(tables.Refusal.reason, func.sum(tables.Refusal.count)).where(tables.Refusal.subject == "mark")
    refused = {reason: int(count) for reason, count in connection.execute(query.group_by(tables.Refusal.reason))}
    return _by_count({USED: used, **refused})


def _bookmarks(connection: Connection) -> dict[str, int]:
    """By uid, since two annotation studies may carry the same bookmark; what a published lesion has taken in is its."""
    taken_in = _taken_in(connection)
    query = select(tables.Bookmark.kind, tables.Bookmark.uid).distinct()
    return _by_count(Counter(row.kind for row in connection.execute(query) if row.uid not in taken_in))


def _superseded(connection: Connection) -> int:
    """Rows beside the one that stands for its lesion."""
    rows = _count(connection, select(func.count()).select_from(tables.Bookmark))
    return rows - sum(_bookmarks(connection).values())


def _taken_in(connection: Connection) -> set[str]:
    """Uids of measurements of published lesions that are no lesions of their own."""
    table = BOOKMARK.table
    published = connection.execute(select(table).where(table.c.published_in.is_not(None)))
    lesions = {row.uid: uids_of(plain(row)) for row in published}
    return {uid for uids in lesions.values() for uid in uids} - lesions.keys()


def _series(connection: Connection) -> dict[str, int]:
    """Volumes and refused series, each counted once, by the first of its reasons."""
    counts = Counter[str]()
    for row in connection.execute(_PIXELS_OF_SERIES):
        held = _held_for(row) if row.series_id is None else None
        reasons = encode.reasons(row.refusals)
        counts[held.value if held is not None else reasons[0].value if reasons else ACCEPTED] += 1
    unknown = tables.Refusal.subject_key.not_in(select(tables.Series.series_key))
    refused = (
        select(func.min(tables.Refusal.reason).label("reason"))
        .where(tables.Refusal.subject == "series", unknown)
        .group_by(tables.Refusal.subject_key)
        .subquery()
    )
    for reason, count in connection.execute(select(refused.c.reason, func.count()).group_by(refused.c.reason)):
        counts[reason] += count
    return _by_count(counts)


def _held_back(connection: Connection) -> dict[str, int]:
    """Bookmarks that no release holds, on series that wait in quarantine or were rejected."""
    counts = Counter[str]()
    held = {row.series_key: _held_for(row) for row in connection.execute(_PIXELS_OF_SERIES)}
    table = tables.Bookmark
    query = select(table.series_key, table.uid).where(table.published_in.is_(None)).distinct()
    published = set(connection.execute(select(table.uid).where(table.published_in.is_not(None))).scalars())
    taken_in = _taken_in(connection)
    for row in connection.execute(query):
        reason = held.get(row.series_key)
        if reason is not None and row.uid not in published and row.uid not in taken_in:
            counts[reason.value] += 1
    return _by_count(counts)


def _published_in_quarantine(connection: Connection) -> int:
    rows = connection.execute(_PIXELS_OF_SERIES)
    return sum(row.series_id is not None and _held_for(row) is not None for row in rows)


def _held_for(row: Row[Any]) -> Reason | None:
    return held_for(PixelReview(row.pixel_review), searched_slices(row.pixel_findings))


def _patients(connection: Connection) -> int:
    query = (
        select(func.count(tables.Study.patient_key.distinct()))
        .join(tables.Series, tables.Series.study_key == tables.Study.study_key)
        .where(tables.Series.series_key.in_(select(tables.Bookmark.series_key)))
    )
    return _count(connection, query)


def _missing(connection: Connection) -> tuple[dict[str, object], ...]:
    """Failed studies, and what lacks of studies by name; sorted by study, then from the study down."""
    work, item = tables.Work, tables.Missing
    columns = (work.study_key, work.state, work.reason, work.attempts)
    found: list[dict[str, object]] = [
        {"level": Level.STUDY.value, "key": row.study_key, "kind": "", **plain(row)}
        for row in connection.execute(select(*columns).where(work.state == WorkState.FAILED))
    ]
    named = (item.level, item.item_key.label("key"), item.kind, item.reason, item.attempts)
    query = select(work.study_key, work.state, *named).join(work, work.study_key == item.source_study_key)
    # A failed study is there already, with the reason that stands now.
    twice = and_(work.state == WorkState.FAILED, item.level == Level.STUDY)
    found += [plain(row) for row in connection.execute(query.where(not_(twice)))]
    order = {level.value: place for place, level in enumerate(Level)}
    return tuple(sorted(found, key=lambda e: (str(e["study_key"]), order[str(e["level"])], str(e["key"]))))


def _traffic(connection: Connection) -> dict[str, int]:
    sums = select(*(func.sum(tables.Work.__table__.c[name]) for name in TRAFFIC))
    return {name: int(value or 0) for name, value in zip(TRAFFIC, connection.execute(sums).one(), strict=True)}


def _image_ratio(traffic: Mapping[str, int]) -> float | None:
    received = traffic["image_octets"] - traffic["looked_octets"]
    return received / traffic["image_octets_used"] if traffic["image_octets_used"] else None


def _watermark(connection: Connection) -> str | None:
    day = watermark(connection)
    return None if day is None else day.isoformat()


def _count(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one() or 0)


def _by_count(counts: dict[str, int]) -> dict[str, int]:
    """Largest first, ties by name; what there is none of is left out."""
    present = [(word, count) for word, count in counts.items() if count]
    return dict(sorted(present, key=lambda entry: (-entry[1], entry[0])))
