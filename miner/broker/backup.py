"""A project's key, vault, catalogue and configuration in one encrypted file (:mod:`miner.broker.archive`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from miner import __version__
from miner.broker import archive
from miner.broker.age import Passphrase, Recipients, encrypt
from miner.broker.archive import Head, Manifest, Member
from miner.broker.files import new_file
from miner.config import Settings
from miner.deid import read_key
from miner.errors import UsageError, storage_error
from miner.mining.project import Project, open_project


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup: its file, how many octets, and the rows that it holds by ``store/table``."""

    file: Path
    octets: int
    rows: Mapping[str, int]


def back_up(settings: Settings, environment: Mapping[str, str], out: Path, to: Passphrase | Recipients) -> BackedUp:
    """Write a backup, while a run is under way too. An event comes first, and so is in the backup.

    Raises UsageError where ``out`` exists, StorageError where it cannot be written, DatabaseError where the vault was
    given another key meanwhile: no file is left then.
    """
    if settings.file is None:
        raise UsageError("A backup holds a configuration file: name one with --config FILE.")
    rows: dict[str, int] = {}
    with open_project(settings, environment) as project, new_file(out) as file:
        way = "passphrase" if isinstance(to, Passphrase) else "recipients"
        project.catalogue.record_event("usage", "vault", {"what": "backup", "encrypted_to": way})
        encrypt(archive.packed(_members(project, environment, rows), time.time()), file, to)
        octets = file.tell()
    return BackedUp(out, octets, rows)


def _members(project: Project, environment: Mapping[str, str], rows: dict[str, int]) -> Iterator[Member]:
    settings = project.settings
    sha256: dict[str, str] = {}
    # Before the vault's state, which is refused where a rotation came between: read after it, the key could be one that
    # does not open that state.
    key = read_key(settings.key_file, environment)
    # The order matters: a surrogate reaches the vault before it reaches the catalogue.
    with project.catalogue.snapshot() as catalogue, project.vault.snapshot() as vault:
        head = Head(__version__, catalogue.revision, vault.revision)
        first = (
            archive.as_member(archive.HEAD, head),
            Member(archive.CONFIG, _configuration(settings)),
            Member(archive.KEY, f"{key.hex()}\n".encode("ascii")),
        )
        yield from archive.hashed(first, sha256)
        for store, taken in (("catalogue", catalogue), ("vault", vault)):
            yield from archive.hashed(archive.counted(archive.named(store, taken.pieces), rows), sha256)
        yield archive.as_member(archive.MANIFEST, Manifest(rows, catalogue.events, catalogue.head, sha256))


def _configuration(settings: Settings) -> bytes:
    assert settings.file is not None
    try:
        return settings.file.read_bytes()
    except OSError as error:
        raise storage_error(error, settings.file) from None
