"""The given files and folders, sorted: annotation objects, images, and what is neither. Every file is counted."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from miner.bookmarks.kinds import FileKind, FileSort, sort_file
from miner.errors import UsageError

UNREADABLE = "file or folder that cannot be read"


@dataclass(frozen=True, slots=True)
class GivenFile:
    """One file: where it lies and what it holds."""

    path: Path
    sort: FileSort


@dataclass
class SortedFiles:
    """All files, in the order given; a folder's in the order of their names. ``counts`` holds one word per file.

    ``unreadable``: files and folders that could not be opened, and files that were named but are no DICOM files, each
    with what is wrong with it.
    """

    objects: list[GivenFile] = field(default_factory=list)
    images: list[GivenFile] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)

    def lost(self, path: Path) -> None:
        """One more that could not be opened."""
        self.unreadable.append((path, "cannot be read"))
        self.count(UNREADABLE)

    def count(self, what: str) -> None:
        """One more of this sort."""
        self.counts[what] = self.counts.get(what, 0) + 1


def sort_files(paths: Sequence[Path]) -> SortedFiles:
    """Sort what was given; folders are searched with everything below them, links to folders left alone.

    A file that was named itself is looked at as an annotation object whatever its SOP class is, unless it is an image.
    Of a folder's files only those are whose class may hold annotations or is none of the standard's.

    Raises UsageError for a name that is not there, cannot be opened, or is no file (a pipe, a device).
    """
    found = SortedFiles()
    seen: set[tuple[int, int]] = set()
    for path in paths:
        status = _status(path)
        if path.is_dir():
            _search(path, found, seen)
        elif not path.is_file():
            raise UsageError(f"{path} is neither a file nor a folder: give DICOM files, or folders of them.")
        elif status not in seen:
            seen.add(status)
            try:
                _enter(path, found, named=True)
            except OSError as error:
                raise _unreadable(path, error) from None
    return found


def _search(folder: Path, found: SortedFiles, seen: set[tuple[int, int]]) -> None:
    """Enter all files below a folder, each once, however often it is linked."""

    def failed(error: OSError) -> None:
        if error.filename is not None and Path(error.filename) == folder:
            raise _unreadable(folder, error) from None
        found.lost(folder if error.filename is None else Path(error.filename))

    for here, folders, names in os.walk(folder, onerror=failed):
        folders.sort()
        for name in sorted(names):
            path = Path(here, name)
            try:
                status = path.stat()
                if not path.is_file() or (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                _enter(path, found, named=False)
            except OSError:
                found.lost(path)


def _enter(path: Path, found: SortedFiles, *, named: bool) -> None:
    sort = sort_file(path)
    found.count(sort.kind)
    given = GivenFile(path, sort)
    if sort.kind in (FileKind.ANNOTATIONS, FileKind.UNKNOWN) or (named and sort.kind is FileKind.OTHER):
        found.objects.append(given)
    elif sort.kind is FileKind.IMAGE:
        found.images.append(given)
    elif named and sort.kind is FileKind.NO_DICOM:
        found.unreadable.append((path, "is no DICOM file"))


def _status(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return status.st_dev, status.st_ino


def _unreadable(path: Path, error: OSError) -> UsageError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return UsageError(f"{path} is not there: give DICOM files, or folders of them.")
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return UsageError(f"{path} cannot be read ({name}): check its owner and its permissions.")
