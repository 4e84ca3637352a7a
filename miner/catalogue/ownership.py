"""Which key a catalogue belongs to: its rows are surrogates of one key for ever."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from miner.catalogue import tables, work
from miner.errors import WrongKey


def key_check(connection: Connection) -> str | None:
    """The keyed constant that the catalogue was bound by; None before its first use."""
    return connection.execute(select(tables.Catalogue.key_check)).scalar_one()


def bind_key(connection: Connection, site: str, check: str) -> None:
    """Bind the catalogue to the key that gives ``check``, once and for ever. Raises WrongKey for another one."""
    bound = key_check(connection)
    if bound is None:
        connection.execute(update(tables.Catalogue).values(key_check=check))
        work.settings_event(connection, site, {"what": "catalogue bound to its key"})
    elif bound != check:
        raise WrongKey(
            "The catalogue holds surrogates of another key, and rows of two keys would not belong together: put back "
            "the project's key and vault that it was mined with, or begin a new catalogue with `miner init`."
        )
