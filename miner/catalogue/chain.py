"""The append-only chain of events: who did what, when, in which run, and the hash of every row it wrote.

``hash`` = SHA-256 of the previous event's hash followed by the canonical JSON of number, time, activity, entity, run
and payload. The first event follows 64 zeros. Count and hash of the last event stand in a row of their own, so that a
tail that was cut off is seen. The chain shows changes made behind the software's back; somebody who can rewrite the
whole database can forge it, which is why every release carries the head it was made at.

Activities are events in the sense of W3C PROV-DM: start and end of an activity (a run), generation and invalidation of
entities (studies, releases, the catalogue itself). ``payload["what"]`` says in words what it was.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from miner.catalogue import tables
from miner.catalogue.canonical import canonical, sha256_of
from miner.catalogue.ledger import RowDigests, current_rows
from miner.catalogue.rows import Event
from miner.errors import ChainError

ORIGIN = "0" * 64
"""What the first event follows."""

SITE_BEFORE = "site_before"
"""Key of the payload of the event that gives a catalogue without runs another site name."""


class Activity(StrEnum):
    """PROV-DM's words for what happens to activities and entities (sections 5.1.3 to 5.1.8)."""

    START = "start"
    END = "end"
    GENERATION = "generation"
    INVALIDATION = "invalidation"


def instant() -> str:
    """Now, as ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def begin(connection: Connection, site: str) -> None:
    """Lay the head of an empty chain."""
    connection.execute(insert(tables.Chain).values(id=1, site=site, events=0, hash=ORIGIN))


def append(
    connection: Connection,
    site: str,
    activity: str,
    entity: str,
    payload: Mapping[str, object],
    *,
    rows: RowDigests | None = None,
    run: int | None = None,
) -> None:
    """Add one event to the chain, in the caller's writing transaction. ``rows``: what it wrote and removed."""
    count, previous = head(connection)
    content = dict(payload) if rows is None else {**payload, "rows": rows}
    link: dict[str, Any] = {
        "number": count + 1,
        "time": instant(),
        "activity": activity,
        "entity": entity,
        "run": run,
        "payload": content,
    }
    link_hash = _hash(previous, link)
    link["payload"] = canonical(content)
    connection.execute(insert(tables.Event).values(**link, site=site, previous=previous, hash=link_hash))
    connection.execute(update(tables.Chain).values(events=count + 1, hash=link_hash))


def head(connection: Connection) -> tuple[int, str]:
    """Number of events, and the hash of the last. Raises ChainError where the head is gone."""
    row = connection.execute(select(tables.Chain.events, tables.Chain.hash)).one_or_none()
    if row is None:
        raise ChainError("The head of the catalogue's event chain is gone: restore a backup.")
    return row.events, row.hash


def hash_of(connection: Connection, number: int) -> str | None:
    """The hash of one event, None where there is no such event; the origin's for 0."""
    if number == 0:
        return ORIGIN
    return connection.execute(select(tables.Event.hash).where(tables.Event.number == number)).scalar_one_or_none()


def read(connection: Connection, entity: str | None = None, after: int = 0) -> Iterator[Event]:
    """Events in their order; of one entity, or of all."""
    query = select(tables.Event.__table__).where(tables.Event.number > after).order_by(tables.Event.number)
    if entity is not None:
        query = query.where(tables.Event.entity == entity)
    for row in connection.execute(query):
        yield _event(row)


def verify(connection: Connection, site: str) -> list[str]:
    """Faults of the chain in words; empty where every link holds."""
    faults: list[str] = []
    expected, previous = 1, ORIGIN
    sites = {site, *_former_sites(connection)}
    for row in connection.execute(select(tables.Event.__table__).order_by(tables.Event.number)):
        faults += _verify_link(row, expected, previous, sites)
        expected, previous = row.number + 1, row.hash
    count, last = head(connection)
    if count != expected - 1:
        faults.append(
            f"the chain's head counts {count} events, the last one found is {expected - 1}: events were cut off"
        )
    elif last != previous:
        faults.append(f"event {count}: the chain's head has another hash: the last event was replaced")
    return faults


def verify_rows(connection: Connection) -> list[str]:
    """Rows that are not what the latest event that names them says: changed, removed or inserted behind our back."""
    vouched: dict[str, tuple[str | None, int]] = {}
    for row in connection.execute(select(tables.Event.number, tables.Event.payload).order_by(tables.Event.number)):
        for name, row_digest in _rows_of(row.payload).items():
            vouched[name] = (row_digest, row.number)
    faults = []
    for name, row_digest in current_rows(connection):
        expected, number = vouched.pop(name, (None, 0))
        if expected is None:
            faults.append(f"{_spoken(name)}: no event wrote it; it was inserted from outside")
        elif expected != row_digest:
            faults.append(f"{_spoken(name)}: it is not what event {number} wrote; it was changed from outside")
    for name, (expected, number) in vouched.items():
        if expected is not None:
            faults.append(f"{_spoken(name)}: it is gone, though event {number} wrote it; it was deleted from outside")
    return sorted(faults)


def _verify_link(row: Row[Any], expected: int, previous: str, sites: Collection[str]) -> Iterator[str]:
    if row.number > expected:
        missing = str(expected) if row.number == expected + 1 else f"{expected} to {row.number - 1}"
        yield f"event {missing}: missing from the chain"
    elif row.previous != previous:
        yield f"event {row.number}: does not follow from event {row.number - 1}; one was inserted, replaced or moved"
    link = {name: getattr(row, name) for name in ("number", "time", "activity", "entity", "run")}
    try:
        payload = json.loads(row.payload)
        whole = canonical(payload) == row.payload and _hash(row.previous, {**link, "payload": payload}) == row.hash
    except ValueError:
        whole = False
    if not whole or row.site not in sites:
        yield f"event {row.number}: its content was changed"


def _former_sites(connection: Connection) -> Iterator[str]:
    """Names that the site had before its first run: the events that changed them say so."""
    naming = select(tables.Event.payload).where(tables.Event.payload.contains(f'"{SITE_BEFORE}"'))
    for payload in connection.execute(naming).scalars():
        with contextlib.suppress(ValueError):  # a changed payload is named by its own link
            yield str(json.loads(payload).get(SITE_BEFORE))


def _rows_of(payload: str) -> dict[str, str | None]:
    try:
        rows = json.loads(payload).get("rows", {})
    except (ValueError, AttributeError):  # a changed payload: verify() names it
        return {}
    return rows if isinstance(rows, dict) else {}


def _spoken(name: str) -> str:
    table, _, key = name.partition(":")
    return f"table {table.replace('slices', 'slice')}, key {key}"


def _hash(previous: str, link: Mapping[str, object]) -> str:
    return sha256_of(previous + canonical(link))


def _event(row: Row[Any]) -> Event:
    payload = json.loads(row.payload)
    return Event(row.number, row.time, row.activity, row.entity, row.run, payload, row.previous, row.hash)
