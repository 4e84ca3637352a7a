"""Reading a file of somebody's folder: only ordinary files, since a pipe or a device would be read for ever."""

from __future__ import annotations

from pathlib import Path


class NotAFile(OSError):
    """A folder, a pipe, a device, or a link to nothing."""


def read_ordinary(path: Path) -> bytes:
    """A file's bytes. Raises OSError where it cannot be read, NotAFile where it is no ordinary file."""
    if path.exists() and not path.is_file():
        raise NotAFile
    return path.read_bytes()
