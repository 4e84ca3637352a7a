"""The project's key: 32 random bytes as 64 hex digits, in a file that only its owner reads, or in ``MINER_KEY``.

Every surrogate hangs on it (:mod:`miner.deid.surrogates`): whoever has it can test a guess at a record number, and
without it the vault does not open. It is never logged, and no message carries a part of it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from miner.errors import ConfigError, Reason, StorageError

KEY_BYTES = 32
KEY_VARIABLE = "MINER_KEY"
_FORM = re.compile(r"[0-9a-fA-F]{64}")
_LONGEST_FILE = 4096


def new_key() -> bytes:
    """32 bytes from the system's source of randomness."""
    return secrets.token_bytes(KEY_BYTES)


def read_key(path: Path, environment: Mapping[str, str]) -> bytes:
    """The key, from ``MINER_KEY`` where that variable is set, else from ``path``.

    A variable that is set but empty is an error: a secret that failed to arrive must not be replaced by another key.

    Raises:
        ConfigError: missing, not 64 hex digits, or a file that others may read.
    """
    if KEY_VARIABLE in environment:
        return _parse(environment[KEY_VARIABLE], f"the environment variable {KEY_VARIABLE}")
    return _parse(_read_private(path), str(path))


def write_key(path: Path, key: bytes) -> None:
    """Write a new key file with mode 0600. An existing file is never overwritten.

    Raises:
        ConfigError: the file exists, or ``key`` is not 32 bytes.
        StorageError: the folder cannot be written.
    """
    if len(key) != KEY_BYTES:
        raise ConfigError(f"A key has {KEY_BYTES} bytes, not {len(key)}.")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists already: a key is never overwritten.") from None
    except OSError as error:
        raise _not_writable(path, error) from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(descriptor, 0o600)
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)  # half a key would look like a wrong one for ever
        raise _not_writable(path, error) from None


def _not_writable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"The key {path} cannot be written ({type(error).__name__}).", Reason.NOT_WRITABLE)


def _read_private(path: Path) -> str:
    """The text of a file that nobody but its owner can read; the mode is that of the file opened, not of the name."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise ConfigError(f"The key {path} can be read by others: run `chmod 600 {path}`.")
            return file.read(_LONGEST_FILE).decode("ascii", errors="replace")
    except FileNotFoundError:
        raise ConfigError(
            f"No key at {path}: restore it from its backup, or run `miner init` for a new project "
            f"(or give the key in {KEY_VARIABLE})."
        ) from None
    except OSError as error:
        raise ConfigError(f"The key {path} cannot be read ({type(error).__name__}).") from None


def _parse(text: str, source: str) -> bytes:
    digits = text.strip()
    if not _FORM.fullmatch(digits):
        raise ConfigError(
            f"The key in {source} must be {2 * KEY_BYTES} hex digits; it has {len(digits)} characters"
            f"{'' if len(digits) != 2 * KEY_BYTES else ', not all of them hex digits'}."
        )
    return bytes.fromhex(digits)
