"""The files below a folder, found without opening any of them, and none of them outside it.

Symbolic links are not followed: what they lead to inside the folder is found by itself, and what lies outside is none
of its files. Pipes, sockets and devices are no files. Names mean nothing; hidden files count like others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileMark:
    """A file as it was seen. Two marks that differ mean that it was written in between."""

    octets: int
    written: int
    """nanoseconds, modification time"""
    inode: int


@dataclass(frozen=True, slots=True)
class Files:
    """Regular files by path, sorted. ``links`` were not followed, ``outside`` of them lead out of the folder;
    ``closed`` folders could not be listed.
    """

    marks: dict[str, FileMark] = field(default_factory=dict)
    links: int = 0
    outside: int = 0
    closed: int = 0


def walk(root: Path, look: Callable[[], None] = lambda: None) -> Files:
    """All files below ``root``, in the order of their names' octets; ``look`` is called once a folder and may raise.

    Raises OSError where the root itself cannot be listed.
    """
    found: list[tuple[str, FileMark]] = []
    links = outside = closed = 0
    inside = Path(os.path.realpath(root))
    folders = [os.fspath(root)]
    while folders:
        folder = folders.pop()
        look()
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError:
            if folder == os.fspath(root):
                raise
            closed += 1
            continue
        for entry in listed:
            if entry.is_symlink():
                links += 1
                outside += not Path(os.path.realpath(entry.path)).is_relative_to(inside)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False) and (mark := _mark(entry)) is not None:
                found.append((entry.path, mark))
    return Files(dict(sorted(found, key=lambda pair: os.fsencode(pair[0]))), links, outside, closed)


def _mark(entry: os.DirEntry[str]) -> FileMark | None:
    """None where the file has gone since its folder was listed."""
    try:
        return mark_of(entry.stat(follow_symlinks=False))
    except OSError:
        return None


def mark_of(status: os.stat_result) -> FileMark:
    """The mark of a file's status."""
    return FileMark(status.st_size, status.st_mtime_ns, status.st_ino)
