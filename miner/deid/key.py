"""The project's key: 32 random bytes as 64 hex digits, in a file that only its owner reads, or in ``MINER_KEY``.

Every surrogate hangs on it (:mod:`miner.deid.surrogates`): whoever has it can test a guess at a record number, and
without it the vault does not open. It is never logged, and no message carries a part of it.

The name may be a symbolic link, as secret stores mount them; owner and mode are those of the file that is opened.
While the key is rotated its successor lies beside it, as ``<key>.new``.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from miner.errors import ConfigError, Reason, StorageError

KEY_BYTES = 32
KEY_VARIABLE = "MINER_KEY"
NEW_KEY_VARIABLE = "MINER_NEW_KEY"
"""The key that a rotation takes into use, where the present one is in the environment."""

_FORM = re.compile(r"[0-9a-fA-F]{64}")
_LONGEST_FILE = 4096

_log = logging.getLogger(__name__)


def new_key() -> bytes:
    """32 bytes from the system's source of randomness."""
    return secrets.token_bytes(KEY_BYTES)


def read_key(path: Path, environment: Mapping[str, str]) -> bytes:
    """The key, from ``MINER_KEY`` where that variable is set, else from ``path``.

    A variable that is set but empty is an error: a secret that failed to arrive must not be replaced by another key.

    Raises:
        ConfigError: missing, not 64 hex digits, a file that others may read, or another user's file.
    """
    if KEY_VARIABLE in environment:
        return parse_key(environment[KEY_VARIABLE], f"the environment variable {KEY_VARIABLE}")
    return parse_key(_read_private(path), str(path))


def successor(path: Path) -> Path:
    """Where the next key of a rotation waits: beside the key itself, not beside a link to it."""
    real = path.resolve()
    return real.with_name(real.name + ".new")


def take_over(path: Path) -> None:
    """Put the waiting key in the place of the present one, at once and for good. Nothing where none waits.

    Raises StorageError where the folder cannot be written.
    """
    real, waiting = path.resolve(), successor(path)
    try:
        waiting.replace(real)
        _sync_folder(real.parent)
    except FileNotFoundError:  # another process was quicker
        return
    except OSError as error:
        raise _not_writable(path, error) from None


def shred(path: Path) -> bool:
    """Overwrite a key file and remove it; False where there is none.

    Overwriting reaches the old octets on a plain disk only, not in a snapshot, a copy or a cell of an SSD that was
    remapped. Raises StorageError.
    """
    real = path.resolve()
    try:
        if real.exists():
            real.chmod(0o600)  # a key that its owner made read-only
        descriptor = os.open(real, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _not_writable(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(max(os.fstat(descriptor).st_size, 2 * KEY_BYTES)))
            file.flush()
            os.fsync(descriptor)
        real.unlink(missing_ok=True)
        if path != real:
            path.unlink(missing_ok=True)
        _sync_folder(real.parent)
    except OSError as error:
        raise _not_writable(path, error) from None
    return True


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
        _sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)  # half a key would look like a wrong one for ever
        raise _not_writable(path, error) from None


def _not_writable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"The key {path} cannot be written ({type(error).__name__}).", Reason.NOT_WRITABLE)


def _read_private(path: Path) -> str:
    """The text of a file that nobody but its owner can read; the mode is that of the file opened, not of the name."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_mode & 0o077:
                raise ConfigError(f"The key {path} can be read by others: run `chmod 600 {path}`.")
            if found.st_uid != os.geteuid():
                raise ConfigError(
                    f"The key {path} belongs to another user, who can change and read it: run as its owner, or give it "
                    "to the user who mines (chown)."
                )
            _warn_of_folder(path)
            return file.read(_LONGEST_FILE).decode("ascii", errors="replace")
    except FileNotFoundError:
        raise ConfigError(
            f"No key at {path}: restore it from its backup, or run `miner init` for a new project "
            f"(or give the key in {KEY_VARIABLE})."
        ) from None
    except OSError as error:
        raise ConfigError(f"The key {path} cannot be read ({type(error).__name__}).") from None


def _warn_of_folder(path: Path) -> None:
    """Whoever may write the folder can put another key in the place of this one."""
    with suppress(OSError):
        mode = path.resolve().parent.stat().st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            _log.warning("Others may write the folder of the key %s, and so replace it: chmod go-w its folder.", path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def parse_key(text: str, source: str) -> bytes:
    """The key in a text; ``source`` says in messages where the text was. Raises ConfigError."""
    digits = text.strip()
    if not _FORM.fullmatch(digits):
        raise ConfigError(
            f"The key in {source} must be {2 * KEY_BYTES} hex digits; it has {len(digits)} characters"
            f"{'' if len(digits) != 2 * KEY_BYTES else ', not all of them hex digits'}."
        )
    return bytes.fromhex(digits)
