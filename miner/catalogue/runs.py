"""Runs: one at a time on a catalogue, held by a lease.

The lease names host (as a digest), process and start, and carries a heartbeat by the database's clock. A holder that
is dead is taken over: on the same host at once, since its process can be looked at; on another after two minutes of
silence. Whoever was taken over cannot write any more: every write of a run first renews its own lease, and fails where
it is gone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from miner.catalogue import chain, tables
from miner.catalogue.canonical import canonical
from miner.catalogue.ledger import RUN, WORK, RowDigests, plain
from miner.catalogue.processes import Process, is_gone, same_host, this_process
from miner.catalogue.rows import RunInfo
from miner.errors import DatabaseError, Reason
from miner.records import WorkState

SILENCE_SECONDS = 120
"""A holder on another host that was silent for so long is dead."""


def begin_run(connection: Connection, site: str, info: RunInfo) -> int:
    """Start a run; a dead holder's run is closed first. Raises DatabaseError(CATALOGUE_BUSY) where one is alive."""
    make_way(connection, site)
    number = (connection.execute(select(func.max(tables.Run.number))).scalar_one() or 0) + 1
    values = {
        "number": number,
        "site": site,
        "started": chain.instant(),
        "ended": None,
        "outcome": None,
        "counts": canonical({}),
        "version": info.version,
        "config_digest": info.config_digest,
        "rules_digest": info.rules_digest,
        "deid_profile": info.deid_profile,
        "pacs_profile_digest": info.pacs_profile_digest or _profile_digest(connection),
    }
    connection.execute(insert(tables.Run).values(**values))
    holder = this_process()
    connection.execute(
        insert(tables.Lease).values(
            id=1,
            site=site,
            run=number,
            host=holder.host,
            pid=holder.pid,
            process_started=holder.started,
            heartbeat=_clock(connection),
        )
    )
    payload = {"what": "run started", "version": info.version, "config_digest": info.config_digest}
    rows: RowDigests = {RUN.name_of(values): RUN.digest_of(values)}
    chain.append(connection, site, chain.Activity.START, f"run:{number}", payload, rows=rows, run=number)
    return number


def _profile_digest(connection: Connection) -> str:
    return connection.execute(select(tables.Catalogue.profile_digest)).scalar_one() or ""


def renew(connection: Connection, run: int) -> None:
    """Heartbeat and fence in one: raises DatabaseError(CATALOGUE_BUSY) where the lease is no longer this run's."""
    renewed = connection.execute(
        update(tables.Lease).where(tables.Lease.run == run).values(heartbeat=_clock(connection))
    )
    if renewed.rowcount == 0:
        raise DatabaseError(
            f"Run {run} has ended or was taken over by another: nothing was written; run again.",
            Reason.CATALOGUE_BUSY,
        )


def end_run(connection: Connection, site: str, run: int, outcome: str, counts: Mapping[str, int]) -> None:
    """Close a run's books and give its lease back. Raises DatabaseError where it is no longer this run's."""
    renew(connection, run)
    _close(connection, site, run, outcome, counts)


def make_way(connection: Connection, site: str) -> None:
    """Close the run of a dead holder. Raises DatabaseError(CATALOGUE_BUSY) where a run is alive."""
    lease = connection.execute(select(tables.Lease.__table__)).one_or_none()
    if lease is None:
        return
    holder = Process(lease.host, lease.pid, lease.process_started)
    silence = _clock(connection) - lease.heartbeat
    if _is_alive(holder, silence):
        started = connection.execute(select(tables.Run.started).where(tables.Run.number == lease.run)).scalar_one()
        raise DatabaseError(
            f"Another run (number {lease.run}, begun {started[:19]} UTC) is using this catalogue: "
            "wait until it has ended. One that was cut off on another host is taken over after two minutes of silence.",
            Reason.CATALOGUE_BUSY,
        )
    _close(connection, site, lease.run, "interrupted", {})


def close_copied(connection: Connection, site: str) -> None:
    """Close the run that a copy of a catalogue was taken under, if there was one: its process mines the original."""
    run = connection.execute(select(tables.Lease.run)).scalar_one_or_none()
    if run is not None:
        _close(connection, site, run, "interrupted", {})


def _is_alive(holder: Process, silence: float) -> bool:
    if not same_host(holder):
        return silence < SILENCE_SECONDS
    if is_gone(holder):
        return False
    # Where the start of a process cannot be read its pid may have been reused: then only the heartbeat decides.
    return bool(holder.started) or silence < SILENCE_SECONDS


def _close(connection: Connection, site: str, run: int, outcome: str, counts: Mapping[str, int]) -> None:
    rows, returned = _return_claims(connection, run)
    ending = {"ended": chain.instant(), "outcome": outcome, "counts": canonical(counts)}
    connection.execute(update(tables.Run).where(tables.Run.number == run).values(**ending))
    values = plain(connection.execute(select(RUN.table).where(RUN.table.c.number == run)).one())
    rows[RUN.name_of(values)] = RUN.digest_of(values)
    connection.execute(delete(tables.Lease))
    payload: dict[str, Any] = {"what": "run ended", "outcome": outcome, "counts": counts, "claims_returned": returned}
    chain.append(connection, site, chain.Activity.END, f"run:{run}", payload, rows=rows, run=run)


def _return_claims(connection: Connection, run: int) -> tuple[RowDigests, int]:
    """Studies that a run claimed and did not finish go back to FOUND: the next run looks at them for certain."""
    claimed = select(tables.Claim.study_key).where(tables.Claim.run == run).scalar_subquery()
    changed = update(tables.Work).where(tables.Work.study_key.in_(claimed))
    connection.execute(changed.values(state=WorkState.FOUND, reason=None, annotations_digest=""))
    rows: RowDigests = {}
    for row in connection.execute(select(WORK.table).where(WORK.table.c.study_key.in_(claimed))):
        values = plain(row)
        rows[WORK.name_of(values)] = WORK.digest_of(values)
    connection.execute(delete(tables.Claim).where(tables.Claim.run == run))
    return rows, len(rows)


def _clock(connection: Connection) -> float:
    """Seconds since 1970: PostgreSQL's own clock, since hosts may disagree; this host's for a file."""
    if connection.dialect.name == "postgresql":
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return time.time()
