"""The index of a folder, made by reading it once.

One per folder and process, shared by all connections. The first of them reads the folder; when all have gone and
another comes, only files that are new or were written meanwhile are read again. What it says is one moment's state:
before a file is handed on, it is looked at once more.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath

from miner.errors import PacsUnreachable, Reason
from miner.pacs.care import Halt
from miner.pacs.folder.contents import Census, Contents, arranged
from miner.pacs.folder.dicomdir import DirectoryError, Listed, read_directory
from miner.pacs.folder.files import FileMark, Files, walk
from miner.pacs.folder.header import Sort, read_head
from miner.pacs.folder.objects import ObjectFile, object_listed, object_of
from miner.records import SeriesRef

log = logging.getLogger(__name__)

PROGRESS = 10_000
"""Files between two lines in the log."""

Directories = Mapping[str, "tuple[Listed, ...] | None"]
"""Path of each DICOMDIR → what it lists; None where it cannot be read."""


class FolderIndex:
    """What lies in one folder, or what one DICOMDIR lists."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._contents = Contents()
        self._users = 0
        self._reading = threading.Lock()
        self._seen: dict[str, tuple[FileMark, ObjectFile | Sort]] = {}

    def join(self, halt: Halt) -> None:
        """One more connection uses it; the first of them brings it up to date.

        Raises PacsUnreachable where the folder cannot be listed or the DICOMDIR not be read, StoppedError where the run
        is stopped meanwhile.
        """
        with self._reading:
            if not self._users:
                self._contents = self._read(halt)
                _tell(self._contents.census)
            self._users += 1

    def leave(self) -> None:
        """One connection less."""
        with self._reading:
            self._users -= 1

    @property
    def contents(self) -> Contents:
        """The folder as it was read last."""
        return self._contents

    def _read(self, halt: Halt) -> Contents:
        check_there(self.place)
        single = is_file(self.place)
        files = files_of(self.place.parent if single else self.place, halt)
        if not single:
            self._read_heads(files.marks, halt)
            found = [path for path, (_, seen) in self._seen.items() if seen is Sort.DIRECTORY]
            return self._arranged(files, {path: _try_directory(path) for path in found})
        directories = {os.fspath(self.place): self._only_directory()}
        listed = {path for path, _ in listed_files(directories, files.marks) if path}
        chosen = {path: mark for path, mark in files.marks.items() if path in listed}
        self._read_heads(chosen, halt)
        return self._arranged(Files(chosen), directories)

    def _only_directory(self) -> tuple[Listed, ...]:
        try:
            return tuple(read_directory(self.place))
        except DirectoryError as error:
            message = f"{self.place} cannot be read as a DICOMDIR ({error}): name the folder in pacs.path instead."
            raise PacsUnreachable(message, Reason.UNREADABLE_FILE) from None

    def _read_heads(self, marks: Mapping[str, FileMark], halt: Halt) -> None:
        """Every file that is new or was written since."""
        seen: dict[str, tuple[FileMark, ObjectFile | Sort]] = {}
        known: dict[SeriesRef, SeriesRef] = {}
        new = 0
        for number, (path, mark) in enumerate(marks.items(), start=1):
            halt.check()
            before = self._seen.get(path)
            # What could not be read may be readable by now: a change of owner or rights leaves no mark.
            if before is not None and before[0] == mark and before[1] is not Sort.UNREADABLE:
                seen[path] = before
                continue
            seen[path] = mark, _look_into(path, mark, known)
            new += 1
            if new % PROGRESS == 0:
                log.info("%d of %d files are read.", number, len(marks))
        self._seen = seen

    def _arranged(self, files: Files, directories: Directories) -> Contents:
        objects = [seen for _, seen in self._seen.values() if isinstance(seen, ObjectFile)]
        sorts = [seen for _, seen in self._seen.values() if isinstance(seen, Sort)]
        broken = sum(listed is None for listed in directories.values())
        absent, nameless = self._absent(files, directories, {one.instance.sop_uid for one in objects})
        unreadable = sorts.count(Sort.UNREADABLE)
        census = Census(
            objects=len(objects),
            other=len(sorts) - unreadable - broken,
            unreadable=unreadable + broken + files.closed,
            absent=len(absent) + nameless,
            links=files.links,
            outside=files.outside,
        )
        return arranged([*objects, *absent], census)

    def _absent(self, files: Files, directories: Directories, here: set[str]) -> tuple[list[ObjectFile], int]:
        """Objects that a DICOMDIR lists and no file holds, each once; and how many it lists without saying which."""
        absent: dict[str, ObjectFile] = {}
        nameless = 0
        for path, listed in listed_files(directories, files.marks):
            seen = self._seen[path][1] if path else None
            one = object_listed(listed, Reason.UNREADABLE_FILE if seen is Sort.UNREADABLE else Reason.NOT_RETRIEVED)
            if one is not None and one.instance.sop_uid not in here and seen is not Sort.NOT_OF_A_STUDY:
                absent.setdefault(one.instance.sop_uid, one)
            nameless += one is None and (seen is None or seen is Sort.UNREADABLE)
        return list(absent.values()), nameless


def is_file(place: Path) -> bool:
    """Whether ``pacs.path`` names a file and not a folder. Raises PacsUnreachable where there is neither."""
    try:
        return not stat.S_ISDIR(place.stat().st_mode)
    except OSError as error:
        raise _unreachable(place, error) from None


def files_of(folder: Path, halt: Halt) -> Files:
    """All files of a folder. Raises PacsUnreachable where it cannot be listed."""
    try:
        return walk(folder, halt.check)
    except OSError as error:
        raise _unreachable(folder, error) from None


def check_there(place: Path) -> None:
    """Raises PacsUnreachable where a folder cannot be listed or nothing is in it, or a DICOMDIR cannot be opened.

    Where a share is mounted, there is an empty folder while it is not: that is no archive without studies.
    """
    try:
        if is_file(place):
            place.open("rb").close()
            return
        with os.scandir(place) as entries:
            empty = next(entries, None) is None
    except OSError as error:
        raise _unreachable(place, error) from None
    if empty:
        raise PacsUnreachable(f"{place} (pacs.path) is empty: check the path, and that it is mounted.")


def _unreachable(place: Path, error: OSError) -> PacsUnreachable:
    why = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__})"
    return PacsUnreachable(f"{place} (pacs.path) {why}: check the path, its owner and that it is mounted.")


def listed_files(directories: Directories, marks: Iterable[str]) -> Iterator[tuple[str, Listed]]:
    """Each file that a DICOMDIR lists, with its path, empty where there is none.

    Names are compared with those that were found below the DICOMDIR's folder, and never opened as written: nothing in a
    DICOMDIR leads out of its folder. Media are mounted in capitals or not, and with version numbers or not.
    """
    if not directories:
        return
    by_name = {_comparable(PurePath(path).parts): path for path in marks}
    for directory, listed in directories.items():
        folder = PurePath(directory).parent.parts
        for entry in listed or ():
            yield by_name.get(_comparable((*folder, *entry.parts)), ""), entry


def _comparable(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.split(";")[0].rstrip(".").casefold() for part in parts)


def _look_into(path: str, mark: FileMark, known: dict[SeriesRef, SeriesRef]) -> ObjectFile | Sort:
    head = read_head(Path(path))
    return head if isinstance(head, Sort) else object_of(path, mark, head, known)


def _try_directory(path: str) -> tuple[Listed, ...] | None:
    try:
        return tuple(read_directory(Path(path)))
    except DirectoryError:
        return None


def _tell(census: Census) -> None:
    log.info(
        "The folder holds %d studies in %d files; %d files are none of theirs, %d symbolic links are not followed.",
        census.studies,
        census.objects,
        census.other,
        census.links,
    )
    for sentence in census.sentences():
        log.warning("%s", sentence)


_INDEXES: dict[Path, FolderIndex] = {}
_making = threading.Lock()


def index_of(place: Path) -> FolderIndex:
    """The index of this process for a folder; not read yet where it is new."""
    with _making:
        return _INDEXES.setdefault(place, FolderIndex(place))
