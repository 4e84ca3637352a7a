"""Reading a file of somebody's folder: only ordinary files, since a pipe or a device would be read for ever."""

from __future__ import annotations

from pathlib import Path

LARGEST_TABLE = 256 << 20
LARGEST_PICTURE = 64 << 20
"""Octets that are read: of a table, a manifest or a record (the manifest of a million pictures takes 100 MB), and of a
picture, a hundred times a slice."""


class NotAFile(OSError):
    """A folder, a pipe, a device, or a link to nothing."""


class TooLarge(OSError):
    """A file larger than any that a release holds."""


def read_ordinary(path: Path, most: int = LARGEST_TABLE) -> bytes:
    """A file's bytes. Raises OSError where it cannot be read: NotAFile where it is no ordinary file, TooLarge beyond
    ``most`` octets.
    """
    if path.exists() and not path.is_file():
        raise NotAFile
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise TooLarge
    return data
