"""Getting deleted and overwritten rows off the disk.

A database keeps what was overwritten: SQLite in the free space of its pages and in its write-ahead log, PostgreSQL as
dead rows. (Backups, replicas and archived logs of a server are beyond what a client can reach.)
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from miner.databases.engine import Database
from miner.databases.failures import Failure, kind_of, told_plainly


def compact(database: Database, tables: Sequence[str]) -> bool:
    """Write the database anew without what is no longer in it; False where this role or another process forbids it.

    SQLite: VACUUM (sqlite.org/lang_vacuum.html) and an emptied write-ahead log. PostgreSQL: VACUUM FULL of ``tables``,
    which only their owner may do.

    Raises StorageError where the disk is full, DatabaseError where the database does not answer.
    """
    with told_plainly(database.store.name, database.shown):
        try:
            return _compact(database, tables)
        except SQLAlchemyError as error:
            if kind_of(error) in (Failure.BUSY, Failure.NOT_WRITABLE):
                return False
            raise


def _compact(database: Database, tables: Sequence[str]) -> bool:
    with database.plain() as connection:
        if database.file is None:
            for table in tables:
                connection.exec_driver_sql(f"VACUUM (FULL) {table}")
            return True
        connection.exec_driver_sql("VACUUM")
        # Its answer begins with whether somebody who still reads the old state stood in the way.
        [(blocked, *_)] = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
        return not blocked
