"""Escrow: everything the vault knows, and what surrogates hang on, in one file for somebody outside to keep.

The file is age's, its content gzip'd JSON Lines. First line: ``format``, ``version``, ``site``, ``identities`` (how
many follow) and ``surrogate_root`` (64 hex digits, the key that surrogates are derived from). Then one identity a
line: ``kind``, ``key`` (the surrogate), ``value``. ``age --decrypt -i KEY FILE | gunzip`` opens it without this
software.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from miner.broker.age import Recipients, encrypt
from miner.broker.files import new_file
from miner.config import Settings
from miner.deid import read_key
from miner.mining.project import open_project
from miner.vault import Identity

FORMAT = "bookmark-miner-escrow"
GZIP = 31
"""zlib's word for a gzip stream."""

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Exported:
    """An escrow file, how many identities it holds and for how many recipients."""

    file: Path
    identities: int
    recipients: int


def export(settings: Settings, environment: Mapping[str, str], out: Path, to: Recipients) -> Exported:
    """Write the escrow file. An event comes first.

    Raises UsageError where ``out`` exists, StorageError where it cannot be written, ChainError where an identity was
    damaged: no file is left then.
    """
    with open_project(settings, environment) as project, new_file(out) as file:
        project.catalogue.record_event("usage", "vault", {"what": "vault export", "recipients": len(to.keys)})
        root = project.vault.surrogate_root() or read_key(settings.key_file, environment)
        with project.vault.identities() as (count, identities):
            head = {
                "format": FORMAT,
                "version": 1,
                "site": settings.site.name,
                "identities": count,
                "surrogate_root": root.hex(),
            }
            encrypt(_gzipped(_lines(head, identities)), file, to)
    return Exported(out, count, len(to.keys))


def _lines(head: Mapping[str, object], identities: Iterable[Identity]) -> Iterator[bytes]:
    yield _line(head)
    for entry in identities:
        yield _line({"kind": entry.kind, "key": entry.key, "value": dict(entry.value)})


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _gzipped(lines: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=GZIP)
    waiting, size = list[bytes](), 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield packer.compress(b"".join(waiting))
            waiting, size = [], 0
    yield packer.compress(b"".join(waiting)) + packer.flush()
