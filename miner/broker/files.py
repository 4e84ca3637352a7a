"""Files that only their owner may read: written beside their name first, never over anything."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from miner.errors import UsageError, storage_error


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file of mode 0600 that has its name once it is whole; a failure leaves nothing, a kill ``<name>.part``.

    Raises UsageError where ``path`` exists, StorageError where it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists already, and nothing is overwritten: name another file.")
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)  # perhaps what a kill left
    except OSError as error:
        raise storage_error(error, path.parent) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise UsageError(f"Another command is writing {path} at this moment: name another file.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
            yield file
            file.flush()
            os.fsync(descriptor)
        _give_name(part, path)
    except OSError as error:
        _remove(part)
        raise storage_error(error, path.parent) from None
    except BaseException:
        _remove(part)
        raise


def sync_folder(folder: Path) -> None:
    """Have the folder's names on disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_name(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # unlike a rename it fails where somebody else took the name meanwhile
    except FileExistsError:
        raise UsageError(f"{path} exists already, and nothing is overwritten: name another file.") from None
    except OSError:
        part.rename(path)  # a file system without links
    else:
        part.unlink()
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
