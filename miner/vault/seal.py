"""Encryption of single values at rest: AES-256-GCM (NIST SP 800-38D).

Columns are encrypted, not the database file: it needs nothing of the database, so SQLite and PostgreSQL are protected
alike, in their pages, write-ahead logs, replicas and dumps, and a database administrator sees surrogates only.
(SQLCipher encrypts SQLite files alone, through a driver that has to be built; on PostgreSQL there would be nothing.)
What stays visible is how many identities of each kind there are, and their surrogates.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from miner.errors import ConfigError

KEY_BYTES = 32
_NONCE_BYTES = 12
_BLOCK = 128
"""Values are padded to a multiple of this many octets: the length of a name says something about the name."""


_CHECK = {"vault": "bookmark miner"}
_CHECK_PLACE = ("check", "1")
_ROOT = "surrogate_root"


class Seal:
    """Seals mappings of text for a place. Holds the key: it can be neither pickled nor printed.

    Each sealing draws a random nonce of 96 bits; one key is good for 2**32 of them (SP 800-38D 8.3), far beyond the
    writes that a vault sees.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigError(f"The vault's key must have {KEY_BYTES} bytes, not {len(key)}.")
        self._cipher = AESGCM(key)

    def close(self, kind: str, key: str, value: Mapping[str, str]) -> bytes:
        """Nonce and ciphertext of ``value``, bound to ``kind`` and ``key``: moved to another row it does not open."""
        text = json.dumps(dict(value), sort_keys=True, separators=(",", ":"))  # escapes everything beyond ASCII
        padded = text + " " * (-len(text) % _BLOCK)
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, padded.encode("ascii"), _place(kind, key))

    def __reduce__(self) -> NoReturn:
        raise TypeError("the vault's key does not leave the process")

    def open(self, kind: str, key: str, sealed: bytes) -> dict[str, str] | None:
        """What :meth:`close` sealed for the same place; None where it was another key or place, or was changed."""
        try:
            text = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(kind, key))
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            return None
        value: dict[str, str] = json.loads(text)
        return value


def check_of(seal: Seal, root: bytes | None) -> bytes:
    """The value by which a vault knows its key; it holds the surrogate root where that is another key's."""
    return seal.close(*_CHECK_PLACE, _CHECK if root is None else {**_CHECK, _ROOT: root.hex()})


def root_in(seal: Seal, sealed: bytes) -> bytes | None:
    """The surrogate root in a value of :func:`check_of`: empty where it holds none, None where it does not open."""
    value = seal.open(*_CHECK_PLACE, sealed)
    if value is None:
        return None
    root = value.pop(_ROOT, "")
    return bytes.fromhex(root) if value == _CHECK else None


def _place(kind: str, key: str) -> bytes:
    return f"{len(kind)}:{kind}{key}".encode()
