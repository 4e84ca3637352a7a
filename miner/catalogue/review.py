"""What is known of text in the pixels of each series, and what a person decided about it.

A search adds what it found to what is known; nothing known is forgotten. A decision holds as long as no slice is found
suspicious that was not known when it was made: then the series waits again. It outlives the series' own row too: a
volume that was forgotten because the archive shows it otherwise (:func:`miner.catalogue.studies.forget_series`) comes
back into the quarantine where it had been in it or was decided on, whatever its new pixels look like.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from miner.catalogue import chain, tables
from miner.catalogue.canonical import canonical
from miner.catalogue.encode import RowValues
from miner.catalogue.ledger import BOOKMARK, SERIES, RowDigests, plain
from miner.catalogue.rows import ReviewedSeries, held_for
from miner.errors import UsageError
from miner.records import MinedStudy, PixelReview, SearchedSlice

FAILED = "failed"
"""In ``pixel_findings``, after a slice's number: its search failed."""

HELD = "pixels quarantined"
DECIDED = "pixels reviewed"
FORGOTTEN = "series to be mined anew"
"""``what`` of events about a series; the last is :func:`miner.catalogue.studies.forget_series`'."""

DECISIONS = (PixelReview.PASSED, PixelReview.REJECTED)
_WAITED = (PixelReview.QUARANTINED, *DECISIONS)


def searched_slices(text: str) -> tuple[SearchedSlice, ...]:
    """The slices that were searched, from ``pixel_findings``."""
    boxes: dict[int, list[tuple[int, int, int, int]]] = {}
    failed = set()
    for number, *rest in json.loads(text):
        found = boxes.setdefault(number, [])
        if rest == [FAILED]:
            failed.add(number)
        elif rest:
            x0, y0, x1, y1 = rest
            found.append((x0, y0, x1, y1))
    return tuple(SearchedSlice(number, tuple(found), number in failed) for number, found in sorted(boxes.items()))


def findings_json(searched: Iterable[SearchedSlice]) -> str:
    """``pixel_findings``: [slice] where nothing was found, [slice, "failed"], or [slice, x0, y0, x1, y1] per box."""
    entries: list[list[object]] = []
    for entry in sorted(searched, key=lambda entry: entry.number):
        if entry.failed:
            entries.append([int(entry.number), FAILED])
        elif entry.boxes:
            entries += [[int(entry.number), *map(int, box)] for box in entry.boxes]
        else:
            entries.append([int(entry.number)])
    return canonical(entries)


def reviewed(
    values: RowValues, old: Mapping[str, Any] | None, new: Iterable[SearchedSlice], keys: Collection[int]
) -> RowValues:
    """A series' row with what is known of its pixels after a search.

    Args:
        values: the row as it is to be, but for that.
        old: the row as it was, if there was one.
        new: what was searched this time; it replaces what was known of the same slices.
        keys: key slices of all bookmarks on the series.
    """
    before = {entry.number: entry for entry in searched_slices(old["pixel_findings"])} if old else {}
    now = before | {entry.number: entry for entry in new}
    review = _review(PixelReview(old["pixel_review"]) if old else PixelReview.HEADER, before, now, keys)
    return values | {"pixel_review": review.value, "pixel_findings": findings_json(now.values())}


def _review(
    was: PixelReview, before: Mapping[int, SearchedSlice], now: Mapping[int, SearchedSlice], keys: Collection[int]
) -> PixelReview:
    suspicious = {number for number, entry in now.items() if entry.suspicious}
    if was is PixelReview.REJECTED:
        return was
    if was is PixelReview.PASSED:
        unseen = suspicious - {number for number, entry in before.items() if entry.suspicious}
        return PixelReview.QUARANTINED if unseen else was
    if suspicious or (was is PixelReview.QUARANTINED and not any(entry.suspicious for entry in before.values())):
        return PixelReview.QUARANTINED  # the second: it waits for another reason than what a search found
    return PixelReview.SEARCHED if keys and set(keys) <= now.keys() else PixelReview.HEADER


def keys_of(connection: Connection, series_key: str, *, but_of: str = "") -> set[int]:
    """Key slices of the bookmarks on a series, without those that were read from the annotation study ``but_of``."""
    query = select(tables.Bookmark.key_slice).where(
        tables.Bookmark.series_key == series_key, tables.Bookmark.source_study_key != but_of
    )
    return set(connection.execute(query).scalars())


def settled(connection: Connection, mined: MinedStudy, values: RowValues, old: RowValues | None) -> RowValues:
    """The row of one series of a mined study, with what its search found."""
    series_key = values["series_key"]
    series = next(entry for entry in mined.series if entry.series_key == series_key)
    keys = keys_of(connection, series_key, but_of=mined.study_key)
    keys.update(entry.key_slice for entry in mined.bookmarks if entry.series_key == series_key)
    if old is None and _waited_before(connection, series_key):
        old = {"pixel_review": PixelReview.QUARANTINED.value, "pixel_findings": "[]"}
    return reviewed(values, old, series.searched, keys)


def _waited_before(connection: Connection, series_key: str) -> bool:
    """Whether the row of this series that was forgotten last had been in quarantine or decided on."""
    events = [event for event in chain.read(connection, _entity(series_key)) if event.payload["what"] == FORGOTTEN]
    return bool(events) and events[-1].payload.get("pixel_review") in [review.value for review in _WAITED]


def note_held(
    connection: Connection, site: str, changed: Iterable[tuple[RowValues, RowValues | None]], run: int | None
) -> None:
    """Tell the chain which series have come into the quarantine: (row as it is, row as it was)."""
    for values, old in changed:
        is_held = values["pixel_review"] == PixelReview.QUARANTINED.value
        if is_held and (old is None or old["pixel_review"] != PixelReview.QUARANTINED.value):
            searched = searched_slices(values["pixel_findings"])
            reason = held_for(PixelReview.QUARANTINED, searched)
            payload = {
                "what": HELD,
                "reason": None if reason is None else reason.value,
                "slices": sum(entry.suspicious for entry in searched),
                "boxes": sum(len(entry.boxes) for entry in searched),
            }
            chain.append(connection, site, chain.Activity.GENERATION, _entity(values["series_key"]), payload, run=run)


def decide(connection: Connection, site: str, series_key: str, decision: PixelReview, note: str) -> None:
    """Enter a person's decision on a series. ``note``: a code. Raises UsageError where no such series is known.

    The same decision once more with the same note changes nothing.
    """
    if decision not in DECISIONS:
        raise UsageError("A series is passed or rejected; nothing else can be decided on it.")
    old = _row(connection, series_key)
    last = _last(connection, series_key)
    if old["pixel_review"] == decision.value and last is not None and last.get("note", "") == note:
        return
    values = old | {"pixel_review": decision.value}
    payload = {"what": DECIDED, "before": old["pixel_review"], "decision": decision.value, "note": note}
    _write(connection, values)
    rows: RowDigests = {SERIES.name_of(values): SERIES.digest_of(values)}
    chain.append(connection, site, chain.Activity.GENERATION, _entity(series_key), payload, rows=rows)


def settle_search(connection: Connection, site: str, series_key: str, new: Iterable[SearchedSlice]) -> PixelReview:
    """Enter a search that was made outside of a run; returns what is known of the series then."""
    old = _row(connection, series_key)
    values = reviewed(old, old, new, keys_of(connection, series_key))
    if values != old:
        _write(connection, values)
        rows: RowDigests = {SERIES.name_of(values): SERIES.digest_of(values)}
        payload = {"what": "pixels searched", "review": values["pixel_review"]}
        chain.append(connection, site, chain.Activity.GENERATION, _entity(series_key), payload, rows=rows)
        note_held(connection, site, [(values, old)], None)
    return PixelReview(values["pixel_review"])


def reviewed_series(connection: Connection) -> tuple[ReviewedSeries, ...]:
    """Every series with bookmarks, sorted by its key."""
    keys: dict[str, set[int]] = {}
    uids: dict[str, set[str]] = {}
    columns = (BOOKMARK.table.c.series_key, BOOKMARK.table.c.key_slice, BOOKMARK.table.c.uid)
    for series_key, key_slice, uid in connection.execute(select(*columns)):
        keys.setdefault(series_key, set()).add(key_slice)
        uids.setdefault(series_key, set()).add(uid)
    stored: dict[str, list[int]] = {}
    for series_key, number in connection.execute(select(tables.Slice.series_key, tables.Slice.number)):
        stored.setdefault(series_key, []).append(number)
    found = []
    for row in map(plain, connection.execute(select(SERIES.table))):
        series_key, review = row["series_key"], PixelReview(row["pixel_review"])
        last = _last(connection, series_key) if review in _WAITED else None
        searched = searched_slices(row["pixel_findings"])
        found.append(
            ReviewedSeries(
                series_key,
                review,
                held_for(review, searched),
                searched,
                tuple(sorted(stored.get(series_key, ()))),
                tuple(sorted(keys.get(series_key, ()))),
                len(uids.get(series_key, ())),
                row["series_id"] is not None,
                str(last["time"]) if last else "",
                str(last.get("note", "")) if last else "",
            )
        )
    return tuple(sorted(found, key=lambda entry: entry.series_key))


def _entity(series_key: str) -> str:
    return f"series:{series_key}"


def _last(connection: Connection, series_key: str) -> dict[str, object] | None:
    """Time and payload of the event that brought the series where it is."""
    events = [
        {"time": event.time, **event.payload}
        for event in chain.read(connection, _entity(series_key))
        if event.payload["what"] in (HELD, DECIDED)
    ]
    return events[-1] if events else None


def _row(connection: Connection, series_key: str) -> RowValues:
    row = connection.execute(select(SERIES.table).where(tables.Series.series_key == series_key)).one_or_none()
    if row is None:
        raise UsageError("No series of this name is in the catalogue: `miner quarantine list` names those that wait.")
    return plain(row)


def _write(connection: Connection, values: RowValues) -> None:
    columns = {name: values[name] for name in ("pixel_review", "pixel_findings")}
    connection.execute(SERIES.table.update().where(SERIES.table.c.series_key == values["series_key"]).values(**columns))
