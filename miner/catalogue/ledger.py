"""How rows are named and hashed in events, so that every row can be held against the event that wrote it.

An event's payload carries ``"rows": {name: sha-256 or null}``: the row as it is after the event, null where the event
removed it. A name is the table's, a colon and the key (``bookmark:<study>/<uid>``). Slices are one entry per series,
over all that the image store holds of it. Columns that change without meaning (counts of attempts) are left out of
the hash. A column that a later schema added counts only where it differs from what the upgrade put into it, so that a
row of an older schema is still the row that its event vouches for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from miner.catalogue import tables
from miner.catalogue.canonical import digest

Values = Mapping[str, Any]
"""One row, column by column."""

RowDigests = dict[str, str | None]
"""Row name -> digest; None: the row was removed."""


@dataclass(frozen=True)
class Book:
    """A table whose rows the events vouch for."""

    name: str
    table: Table
    uncounted: frozenset[str] = frozenset()
    added: Values = field(default_factory=dict)
    """Columns of later schemas, and what an upgrade puts into the rows that are there."""

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the columns of the primary key."""
        return tuple(column.name for column in self.table.primary_key.columns)

    def key_of(self, values: Values) -> tuple[Any, ...]:
        """The row's primary key."""
        return tuple(values[name] for name in self.key)

    def name_of(self, values: Values) -> str:
        """The row's name in events."""
        return f"{self.name}:{'/'.join(str(part) for part in self.key_of(values))}"

    def digest_of(self, values: Values) -> str:
        """SHA-256 over the row's counted columns."""
        counted = {name: value for name, value in values.items() if self._counts(name, value)}
        return digest([self.name, counted])

    def _counts(self, name: str, value: object) -> bool:
        return name not in self.uncounted and not (name in self.added and value == self.added[name])


def _book(model: type[tables.Base], uncounted: Iterable[str] = (), added: Values | None = None) -> Book:
    table = model.__table__
    assert isinstance(table, Table)
    return Book(table.name, table, frozenset(uncounted), added or {})


CATALOGUE = _book(tables.Catalogue, added=tables.ADDED_TO_CATALOGUE)
PROFILE = _book(tables.PacsProfile)
RUN = _book(tables.Run)
WORK = _book(tables.Work, ("attempts", "run"), added=tables.ADDED_TO_WORK)
PATIENT = _book(tables.Patient)
STUDY = _book(tables.Study)
SERIES = _book(tables.Series, added=tables.ADDED_TO_SERIES)
OBJECT = _book(tables.AnnotationObject)
REFUSAL = _book(tables.Refusal)
MISSING = _book(tables.Missing, ("attempts",))
BOOKMARK = _book(tables.Bookmark, added=tables.ADDED_TO_BOOKMARK)
RELEASE = _book(tables.Release)
RELEASE_ROW = _book(tables.ReleaseRow)
WITHDRAWAL = _book(tables.Withdrawal)
BOOKS = (
    CATALOGUE,
    PROFILE,
    RUN,
    WORK,
    PATIENT,
    STUDY,
    SERIES,
    OBJECT,
    REFUSAL,
    MISSING,
    BOOKMARK,
    RELEASE,
    RELEASE_ROW,
    WITHDRAWAL,
)

SLICE = _book(tables.Slice)
SLICES = "slices"
"""Name of the entry that stands for all slices of a series."""


def slices_name(series_key: str) -> str:
    """The name in events of all slices of one series."""
    return f"{SLICES}:{series_key}"


def slices_digest(slices: Iterable[Values]) -> str:
    """SHA-256 over all slices of one series, in the order of their numbers."""
    content = sorted((s["number"], s["site"], s["instance_key"], s["png_sha256"], s["png_octets"]) for s in slices)
    return digest([SLICES, content])


def plain(row: Row[Any]) -> dict[str, Any]:
    """A result row as a dictionary."""
    return dict(row._mapping)


def current_rows(connection: Connection) -> Iterator[tuple[str, str]]:
    """Name and digest of every row that events vouch for, table by table."""
    for book in BOOKS:
        for row in connection.execute(select(book.table)):
            values = plain(row)
            yield book.name_of(values), book.digest_of(values)
    series_key, slices = None, list[dict[str, Any]]()
    for row in connection.execute(select(SLICE.table).order_by(SLICE.table.c.series_key)):
        values = plain(row)
        if values["series_key"] != series_key and series_key is not None:
            yield slices_name(series_key), slices_digest(slices)
            slices = []
        series_key = values["series_key"]
        slices.append(values)
    if series_key is not None:
        yield slices_name(series_key), slices_digest(slices)
