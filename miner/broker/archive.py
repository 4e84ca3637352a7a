"""What a backup holds, as a gzip'd tar archive: written and read piece by piece, in memory only.

Members, in this order::

    backup.json                     format, version, software, schema revisions
    config.toml                     the configuration, as its file is
    project.key                     64 hex digits
    catalogue/TABLE/NNNNNN.jsonl    rows, table by table (miner/databases/dump.py), a mebibyte each
    vault/TABLE/NNNNNN.jsonl        likewise, identities still sealed
    manifest.json                   row counts by table, the event chain's head, and every other member's SHA-256

The catalogue's state is taken first and the vault's after it, so that every surrogate of the catalogue is in the vault.
The manifest comes last, since nothing is counted before it was read; a backup without one was cut off.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import BinaryIO, NamedTuple

from miner.catalogue import Piece
from miner.errors import UsageError

FORMAT, VERSION = "bookmark-miner-backup", 1
HEAD, CONFIG, KEY, MANIFEST = "backup.json", "config.toml", "project.key", "manifest.json"
STORES = ("catalogue", "vault")
_GZIP = 31
_LARGEST_MEMBER = 256 << 20
_DAMAGED = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError)
"""What a stream that is not ours, or was damaged before it was encrypted, makes the readers raise."""


class Member(NamedTuple):
    """A name and its octets."""

    name: str
    octets: bytes

    def __repr__(self) -> str:
        return f"Member(name={self.name!r})"


@dataclass(frozen=True, slots=True)
class Head:
    """What stands first: which software wrote the backup, and the revisions of both schemas."""

    software: str
    catalogue_schema: str
    vault_schema: str
    format: str = FORMAT
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands last: rows by ``store/table``, the event chain's head, SHA-256 by member."""

    rows: dict[str, int]
    events: int
    chain_head: str
    sha256: dict[str, str] = field(repr=False)


def as_member(name: str, content: Head | Manifest) -> Member:
    """A head or a manifest as JSON."""
    return Member(name, json.dumps(asdict(content), sort_keys=True, indent=1).encode("ascii") + b"\n")


def named(store: str, rows: Iterable[Piece]) -> Iterator[tuple[Member, Piece]]:
    """The pieces of a store's dump as members."""
    for number, piece in enumerate(rows, start=1):
        yield Member(f"{store}/{piece.table}/{number:06d}.jsonl", piece.lines), piece


def packed(members: Iterable[Member], now: float) -> Iterator[bytes]:
    """The archive of ``members``, in chunks. ``now``: seconds since 1970, the time that members get."""
    packer = zlib.compressobj(wbits=_GZIP)
    for member in members:
        info = tarfile.TarInfo(member.name)
        info.size, info.mode, info.mtime = len(member.octets), 0o600, int(now)
        yield packer.compress(info.tobuf(tarfile.PAX_FORMAT))
        yield packer.compress(member.octets + bytes(-len(member.octets) % tarfile.BLOCKSIZE))
    yield packer.compress(bytes(2 * tarfile.BLOCKSIZE)) + packer.flush()


def unpacked(stream: BinaryIO) -> Iterator[Member]:
    """The members of an archive, read to its very end. Raises UsageError where it is none.

    Names are names only: none becomes a path.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for info in archive:
                file = archive.extractfile(info)
                if file is None or info.size > _LARGEST_MEMBER:
                    raise _not_ours()
                yield Member(info.name, file.read())
        while stream.read(1 << 16):  # whatever follows: the end of an encrypted file says that nothing is missing
            pass
    except _DAMAGED:
        raise _not_ours() from None


@dataclass(frozen=True, slots=True)
class Contents:
    """A backup that was read to its end and found whole: everything but the rows."""

    head: Head
    config: bytes = field(repr=False)
    key: bytes = field(repr=False)
    manifest: Manifest


def examine(stream: BinaryIO) -> Contents:
    """Read a whole backup, and hold every member against its manifest. Raises UsageError."""
    small, sha256, rows = dict[str, bytes](), dict[str, str](), dict[str, int]()
    for member in unpacked(stream):
        if member.name in sha256 or MANIFEST in small:
            raise _not_ours()
        if member.name in (HEAD, CONFIG, KEY, MANIFEST):
            small[member.name] = member.octets
        else:
            table = member.name.rpartition("/")[0]
            rows[table] = rows.get(table, 0) + member.octets.count(b"\n")
        if member.name != MANIFEST:
            sha256[member.name] = hashlib.sha256(member.octets).hexdigest()
    try:
        head = json.loads(small[HEAD])
        if (head["format"], head["version"]) != (FORMAT, VERSION):
            raise UsageError(
                "The backup is of another format than this version of the software reads: upgrade the software."
            )
        contents = Contents(Head(**head), small[CONFIG], small[KEY], Manifest(**json.loads(small[MANIFEST])))
    except _DAMAGED:
        raise _not_ours() from None
    if contents.manifest.sha256 != sha256 or contents.manifest.rows != rows:
        raise UsageError("The backup does not agree with its own manifest: it cannot be restored.")
    return contents


def pieces(stream: BinaryIO, store: str, manifest: Manifest) -> Iterator[Piece]:
    """The rows of one store, each piece held against the manifest again. Raises UsageError where one differs."""
    for member in unpacked(stream):
        if not member.name.startswith(f"{store}/"):
            continue
        if hashlib.sha256(member.octets).hexdigest() != manifest.sha256.get(member.name):
            raise UsageError("The backup was changed while it was being restored.")
        yield Piece(member.name.split("/")[1], member.octets.count(b"\n"), member.octets)


def counted(written: Iterable[tuple[Member, Piece]], rows: dict[str, int]) -> Iterator[Member]:
    """Pass members on, counting their rows by ``store/table`` into ``rows``."""
    for member, piece in written:
        table = member.name.rpartition("/")[0]
        rows[table] = rows.get(table, 0) + piece.rows
        yield member


def hashed(members: Iterable[Member], sha256: dict[str, str]) -> Iterator[Member]:
    """Pass members on, entering their hashes into ``sha256``."""
    for member in members:
        sha256[member.name] = hashlib.sha256(member.octets).hexdigest()
        yield member


def _not_ours() -> UsageError:
    return UsageError("The file holds no backup of this software, or a damaged one: it cannot be restored.")
