"""What sets the database of one store apart from that of another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Store:
    """A store: its name, and what it asks of its database.

    ``name`` is the word for it in messages, its key below [storage] and the folder of its migration tree.
    ``writers`` is the number of the advisory lock under which writers take turns on PostgreSQL:
    two stores in one database need two.
    """

    name: str
    writers: int

    @property
    def version_table(self) -> str:
        """Where Alembic keeps the schema version: a name of its own lets stores share a PostgreSQL database."""
        return f"{self.name}_version"
