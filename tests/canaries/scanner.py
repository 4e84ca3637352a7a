"""The scanner: searches a tree of files for canaries, in names and contents, through every layer of encoding.

It decodes (decoding.py), four layers deep: UTF-16 and UTF-32, deflate with or without a head, gzip, bz2, xz, ZIP, TAR,
chunks, rows and columns of PNGs, base64 and its URL-safe kin, hexadecimal, octets printed as numbers, escapes of JSON,
Python and C, percent and quoted-printable, HTML entities, letters with something between them; and each cell of an
SQLite file as its write-ahead log leaves it. Encrypted files are searched as octets. Letters drawn as shapes are not
read: those are the text search's (miner/deid/text_search.py).

Looking for some 220,000 forms of 20,000 canaries it takes half a second of CPU for a megabyte of logs, tables and PNGs.
A file that is equal to one that was searched before and held nothing is not searched again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.canaries.canary import Canary
from tests.canaries.decoding import inside
from tests.canaries.matching import Patterns

DEPTH = 4
"""Layers of encoding, one inside the other."""

_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Find:
    """A canary where it must not be. ``way``: the layers that lay around it, outermost first."""

    canary: Canary
    path: str
    way: str


@dataclass
class Scan:
    """What one scan looked at, and found."""

    finds: list[Find] = field(default_factory=list)
    files: int = 0
    octets: int = 0

    @property
    def found(self) -> set[str]:
        """The values of the canaries that were found."""
        return {find.canary.value for find in self.finds}

    def __str__(self) -> str:
        lines = {f"{find.path} ({find.way}): {find.canary.kind} of {find.canary.place}" for find in self.finds}
        return f"{len(self.finds)} finds in {self.files} files\n" + "\n".join(sorted(lines)[:60])


class Scanner:
    """Knows the canaries; may scan any number of trees."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self.patterns = Patterns(canaries)
        self._searched: dict[int, int] = {}
        self._clean: set[bytes] = set()

    def tree(self, root: Path, *, passing_over: Callable[[Path], bool] = lambda path: False) -> Scan:
        """Search everything below ``root``; ``passing_over`` is asked of each file and folder."""
        scan = Scan()
        for path in sorted(root.rglob("*")):
            if any(passing_over(part) for part in (path, *path.parents) if part.is_relative_to(root)):
                continue
            name = str(path.relative_to(root))
            target = path.readlink() if path.is_symlink() else ""
            self._search(os.fsencode(f"{name}\n{target}"), name, "name", scan, DEPTH)
            if path.is_file() and not path.is_symlink():
                self._file(path, name, scan)
        return scan

    def text(self, content: bytes) -> set[str]:
        """The values of the canaries in some octets."""
        scan = Scan()
        self._searched.clear()
        self._search(content, "", "raw", scan, DEPTH)
        return scan.found

    def _file(self, path: Path, name: str, scan: Scan) -> None:
        content = path.read_bytes()
        self._searched.clear()
        scan.files, scan.octets = scan.files + 1, scan.octets + len(content)
        log = path.with_name(f"{path.name}-wal")
        digest = hashlib.sha256(content + (log.read_bytes() if log.is_file() else b"")).digest()
        if digest in self._clean:
            return
        before = len(scan.finds)
        self._search(content, name, "raw", scan, DEPTH)
        if content.startswith(_SQLITE):
            for table, cells in _rows(path):
                self._search(cells, name, f"table {table}", scan, DEPTH)
        if len(scan.finds) == before:
            self._clean.add(digest)

    def _search(self, content: bytes, name: str, way: str, scan: Scan, depth: int) -> None:
        scan.finds += [Find(canary, name, way) for canary in set(self.patterns.search(content))]
        if not depth:
            return
        key = hash(content)  # one thing is not taken apart twice, however one came to it
        if depth <= self._searched.get(key, 0):
            return
        self._searched[key] = depth
        for layer, found in inside(content):
            below = 0 if layer == "png" else depth - 1  # nothing is packed into rows; chunks were inflated before
            self._search(found, name, f"{way} > {layer}", scan, below)


def _rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every cell of every table of an SQLite file, its write-ahead log included; read in a copy."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("", "-wal", "-shm"):
            if path.with_name(path.name + part).exists():
                shutil.copyfile(path.with_name(path.name + part), Path(folder, f"copy{part}"))
        with closing(sqlite3.connect(Path(folder, "copy"))) as database:
            database.text_factory = bytes
            try:
                names = [
                    row[0].decode() for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
                ]
            except sqlite3.DatabaseError:
                return  # a damaged copy; its octets were searched
            for table in names:
                try:
                    yield (
                        table,
                        b"\n".join(_cell(cell) for row in database.execute(f'SELECT * FROM "{table}"') for cell in row),
                    )
                except sqlite3.DatabaseError:
                    continue


def _cell(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
