"""A store's rows as text, independent of the database that holds them: JSON Lines, table by table.

SQLite and PostgreSQL thus read each other's. One line is one row, ``{column: value}``; octets stand as
``{"base64": …}``, dates as ``{"date": …}``, numbers and text as themselves (floats with as many digits as bring the
same number back). Rows come in pieces of about a mebibyte, so that a large table needs no large memory, in an order
in which foreign keys hold.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, MetaData, Table, insert, select

from miner.errors import ChainError

PIECE_OCTETS = 1 << 20
_FETCHED = 500
"""Rows that are fetched from the server at a time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of one table. ``lines``: JSON Lines in UTF-8, never shown by ``repr``."""

    table: str
    rows: int
    lines: bytes

    def __repr__(self) -> str:
        return f"Piece(table={self.table!r}, rows={self.rows})"


def pieces(connection: Connection, tables: Sequence[Table]) -> Iterator[Piece]:
    """All rows of ``tables``, in their order and by primary key, as the connection's snapshot has them.

    Every table gives at least one piece, empty where it has no row.
    """
    for table in tables:
        lines, octets, rows = list[bytes](), 0, 0
        query = select(table).order_by(*table.primary_key.columns)
        for row in connection.execution_options(yield_per=_FETCHED).execute(query):
            line = json.dumps({name: _told(value) for name, value in row._mapping.items()}, separators=(",", ":"))
            lines.append(line.encode("ascii") + b"\n")
            octets += len(line) + 1
            rows += 1
            if octets >= PIECE_OCTETS:
                yield Piece(table.name, len(lines), b"".join(lines))
                lines, octets = [], 0
        if lines or not rows:
            yield Piece(table.name, len(lines), b"".join(lines))


class Loader:
    """Writes pieces into the empty tables of a database whose schema is that of the dump.

    ``tables``: the tables that may be written; columns are those that the database has, not those of this software.
    """

    def __init__(self, connection: Connection, tables: Sequence[str]) -> None:
        self._connection = connection
        found = MetaData()
        found.reflect(bind=connection, only=lambda name, _: name in tables)
        self._tables = found.tables

    def load(self, piece: Piece) -> None:
        """Insert the rows of one piece. Raises ChainError where the piece is not one of this store's schema."""
        table = self._tables.get(piece.table)
        if table is None:
            raise ChainError("The backup holds a table that its schema does not have: it cannot be restored.")
        try:
            rows = [
                {name: _heard(value) for name, value in json.loads(line).items()} for line in piece.lines.splitlines()
            ]
        except (ValueError, AttributeError, KeyError, TypeError):
            raise ChainError("The backup holds a row that cannot be read: it cannot be restored.") from None
        columns = set(table.columns.keys())
        if len(rows) != piece.rows or any(set(row) != columns for row in rows):
            raise ChainError("The backup holds rows that do not fit its schema: it cannot be restored.")
        if rows:
            self._connection.execute(insert(table), rows)


def _told(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()}
    return value


def _heard(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    [(form, text)] = value.items()
    return base64.b64decode(text, validate=True) if form == "base64" else datetime.date.fromisoformat(text)
