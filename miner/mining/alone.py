"""One process at a time on a file: a key that is being rotated, a folder that is being restored into."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miner.errors import UsageError, storage_error


@contextmanager
def alone(path: Path, words: str) -> Iterator[None]:
    """Keep others out who ask for the same file; it is created where it is absent. Raises UsageError with ``words``.

    The file may be replaced or removed by who holds it: whoever comes then holds what the name stands for now.
    """
    descriptor = _held(path, words)
    try:
        yield
    finally:
        os.close(descriptor)


def _held(path: Path, words: str) -> int:
    while True:
        try:
            descriptor = _opened(path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_named(path, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # replaced between opening and locking: a lock on the old file keeps nobody out
        except BlockingIOError:
            raise UsageError(words) from None
        except OSError as error:
            raise storage_error(error, path) from None


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # NFS locks by record, and asks for a file to write
    except PermissionError:
        return os.open(path, os.O_RDONLY)  # a key that its owner made read-only


def _is_named(path: Path, descriptor: int) -> bool:
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))
