"""How the failures of a database are told.

An error of SQLAlchemy or of a driver may quote the row it failed on, so none leaves the stores: each becomes an error
of our own tree that names the store and its place, says what to do, and nothing else. What failed is read from a code,
never from words: SQLite's result code (sqlite.org/rescode.html), PostgreSQL's SQLSTATE (its manual, appendix A).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from miner.errors import DatabaseError, MinerError, PermanentError, Reason, StorageError


class Failure(Enum):
    """Kinds of failure that ask for different actions of the user."""

    DISK_FULL = "disk full"
    DISK_FAULT = "disk fault"
    NOT_WRITABLE = "not writable"
    DAMAGED = "damaged"
    BUSY = "busy"
    OTHER = "other"


_SQLITE_CODES = {
    "SQLITE_FULL": Failure.DISK_FULL,
    "SQLITE_IOERR": Failure.DISK_FAULT,  # a quota that is used up too: SQLite calls only ENOSPC a full disk
    "SQLITE_READONLY": Failure.NOT_WRITABLE,
    "SQLITE_CANTOPEN": Failure.NOT_WRITABLE,
    "SQLITE_PERM": Failure.NOT_WRITABLE,
    "SQLITE_NOTADB": Failure.DAMAGED,
    "SQLITE_CORRUPT": Failure.DAMAGED,
    "SQLITE_BUSY": Failure.BUSY,
    "SQLITE_LOCKED": Failure.BUSY,
}
_SQLSTATES = {
    "53100": Failure.DISK_FULL,  # disk_full
    "58030": Failure.DISK_FAULT,  # io_error
    "25006": Failure.NOT_WRITABLE,  # read_only_sql_transaction: a standby server
    "42501": Failure.NOT_WRITABLE,  # insufficient_privilege
    "XX001": Failure.DAMAGED,  # data_corrupted
    "XX002": Failure.DAMAGED,  # index_corrupted
    "55P03": Failure.BUSY,  # lock_not_available: lock_timeout is over
    "40001": Failure.BUSY,  # serialization_failure
    "40P01": Failure.BUSY,  # deadlock_detected
}


@contextmanager
def told_plainly(name: str, place: str) -> Iterator[None]:
    """Turn errors of SQLAlchemy and of the driver into ours.

    ``name`` is the store's, ``place`` where its database is, without a password. Raises StorageError for disk and
    rights, PermanentError(CONTENT_CONFLICT) where a constraint refused a row, DatabaseError for everything else.
    """
    try:
        yield
    except IntegrityError:
        raise PermanentError(
            f"The {name} {place} refused a row that contradicts what it holds; nothing of it was written.",
            Reason.CONTENT_CONFLICT,
        ) from None
    except SQLAlchemyError as error:
        raise _error(kind_of(error), f"The {name} {place}", _code(error) or type(error).__name__) from None


def kind_of(error: SQLAlchemyError) -> Failure:
    """What kind of failure an error is, by the code that the database gave."""
    code = _code(error)
    primary = "_".join(code.split("_")[:2])  # SQLITE_READONLY_DBMOVED is a kind of SQLITE_READONLY
    return _SQLITE_CODES.get(primary) or _SQLSTATES.get(code) or Failure.OTHER


def _code(error: SQLAlchemyError) -> str:
    """SQLite's extended result code by name, or the SQLSTATE; empty where the database gave none."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""


def _error(kind: Failure, subject: str, code: str) -> MinerError:
    match kind:
        case Failure.DISK_FULL:
            return StorageError(
                f"{subject} could not be written: its disk is full. Make room, then run again.", Reason.DISK_FULL
            )
        case Failure.DISK_FAULT:
            return StorageError(
                f"{subject} cannot be read or written ({code}): check its disk, quota and mount.", Reason.NOT_WRITABLE
            )
        case Failure.NOT_WRITABLE:
            return StorageError(
                f"{subject} cannot be written ({code}): check its place, owner and permissions.", Reason.NOT_WRITABLE
            )
        case Failure.DAMAGED:
            return DatabaseError(f"{subject} is damaged or not a database ({code}): restore it from its backup.")
        case Failure.BUSY:
            return DatabaseError(f"{subject} is in use by another process ({code}): run again later.")
        case Failure.OTHER:
            return DatabaseError(f"{subject} cannot be used ({code}): check that its database answers.")
