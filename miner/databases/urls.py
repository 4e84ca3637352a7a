"""SQLAlchemy URLs: which databases a store can be kept in, and how a URL is shown without its password."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from miner.errors import ConfigError

_SHOWN_QUERY = frozenset({"host", "port"})
"""libpq takes passwords in the query too, so only what says where the database is stays in what is shown."""


def parse_url(text: str, name: str) -> URL:
    """The URL of the store ``name``, with its driver.

    Raises ConfigError where it is neither an SQLite file nor PostgreSQL; the text is not shown, as it may hold a
    password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError, which quotes the text: a port that is no number
        raise ConfigError(f"[storage] {name} is not an SQLAlchemy URL, such as sqlite:///data/{name}.sqlite.") from None
    backend = url.get_backend_name()
    if backend == "sqlite" and _names_a_file(url.database):
        return url.set(drivername="sqlite+pysqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise ConfigError(f"[storage] {name} must be an SQLite file (sqlite:///…) or PostgreSQL (postgresql+psycopg://…).")


def sqlite_file(url: URL) -> Path | None:
    """The file of a parsed URL; None on PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def place(url: URL) -> str:
    """Where the database is, in words for the user: the file, or the URL without any password."""
    file = sqlite_file(url)
    if file is not None:
        return str(file)
    query = {key: value for key, value in url.query.items() if key in _SHOWN_QUERY}
    return url.set(query=query).render_as_string(hide_password=True)


def _names_a_file(database: str | None) -> bool:
    # SQLite's own URIs (file:…) may name memory, and would have to be taken apart to find the file.
    return database not in (None, "", ":memory:") and not str(database).startswith("file:")
