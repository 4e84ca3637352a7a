"""PNG files on disk: whole or absent, never half."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from pathlib import Path

from miner.errors import storage_error

PARTIAL_SUFFIX = ".part"
"""Ending of a file that is still being written; a sweep after a crash removes what carries it."""


def write_png(path: Path, data: bytes) -> str:
    """Write ``data`` to ``path`` so that it is there whole or not at all; returns its SHA-256 (64 hex digits).

    A temporary name in the same folder (created where it is missing) is written, flushed to the disk and renamed; the
    folder is flushed too, so that a database row committed afterwards never points to a file that a power cut took. An
    existing file is replaced. Raises StorageError(DISK_FULL | NOT_WRITABLE) and leaves no temporary file.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PARTIAL_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_through(partial, path, data)
    except OSError as error:
        raise storage_error(error, path.parent) from None
    return hashlib.sha256(data).hexdigest()


def _write_through(partial: Path, path: Path, data: bytes) -> None:
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        # An interrupt leaves no rubbish either. The disk may refuse this too: the sweep then finds the name.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows cannot open a folder, and has no need to. Raises OSError."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems do not flush folders; the files themselves are on the disk.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
