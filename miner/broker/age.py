"""Encrypted files in the age format (age-encryption.org/v1), which the ``age`` tool opens without this software.

Encryption is to the public keys of recipients (X25519) or to a passphrase (scrypt). To and from recipients it streams;
with a passphrase the library works in memory only. Plain text never touches the disk: it passes through memory and, at
decryption, through a pipe.
"""

from __future__ import annotations

import getpass
import io
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyrage  # type: ignore[import-untyped]

from miner.errors import ConfigError, UsageError, storage_error

PASSPHRASE_VARIABLE = "MINER_BACKUP_PASSPHRASE"
SHORTEST_PASSPHRASE = 12
_LONGEST_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase, never shown."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Public keys: whoever has the secret key of one of them can open what is encrypted to them."""

    keys: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identities:
    """Secret keys, never shown."""

    keys: tuple[Any, ...] = field(repr=False)


def recipients_of(words: Sequence[str]) -> Recipients:
    """Public keys from ``age1…`` words and from files of them, one a line, comments after ``#``.

    Raises UsageError for a word that is neither, and where no key is named.
    """
    keys = []
    for word in words:
        if word.startswith("AGE-SECRET-KEY"):
            raise UsageError("--to was given a secret key; it takes the public one (age1…). Make another pair.")
        lines = [word] if word.startswith("age1") else _lines(Path(word), "a public key (age1…) or a file of such")
        for line in lines:
            try:
                keys.append(pyrage.x25519.Recipient.from_str(line))
            except pyrage.RecipientError:
                where = "--to" if line == word else word
                raise UsageError(f"{where} names no public key of age (age1…, as `age-keygen` prints it).") from None
    if not keys:
        raise UsageError("--to names no public key: give age1… or a file that holds one a line.")
    return Recipients(tuple(keys))


def identities_of(path: Path) -> Identities:
    """Secret keys (``AGE-SECRET-KEY-1…``) of a file as `age-keygen` writes it. Raises UsageError, never showing one."""
    keys = []
    for line in _lines(path, "a file of age's secret keys"):
        try:
            keys.append(pyrage.x25519.Identity.from_str(line))
        except pyrage.IdentityError:
            raise UsageError(f"{path} holds a line that is no secret key of age (AGE-SECRET-KEY-1…).") from None
    if not keys:
        raise UsageError(f"{path} holds no secret key of age (AGE-SECRET-KEY-1…).")
    return Identities(tuple(keys))


def passphrase_of(file: Path | None, environment: Mapping[str, str], *, new: bool) -> Passphrase:
    """The passphrase: of a file (its first line), else of ``MINER_BACKUP_PASSPHRASE``, else asked for on a terminal.

    ``new``: asked for twice, and refused below 12 characters. Raises UsageError, and ConfigError for a file that others
    may read.
    """
    if file is not None:
        text = _private_line(file)
    elif PASSPHRASE_VARIABLE in environment:
        text = environment[PASSPHRASE_VARIABLE]
    elif sys.stdin.isatty():
        text = getpass.getpass("Passphrase of the backup: ")
        if new and getpass.getpass("Once more: ") != text:
            raise UsageError("The two passphrases differ: nothing was written.")
    else:
        raise UsageError(f"Name a passphrase by --passphrase-file or {PASSPHRASE_VARIABLE}, or a key of age.")
    if new and len(text) < SHORTEST_PASSPHRASE:
        raise UsageError(f"A passphrase has at least {SHORTEST_PASSPHRASE} characters: whoever guesses it has the key.")
    return Passphrase(text)


def encrypt(chunks: Iterable[bytes], out: BinaryIO, to: Recipients | Passphrase) -> None:
    """Write ``chunks`` encrypted to ``out``. An error that ``chunks`` raises passes through."""
    if isinstance(to, Passphrase):
        out.write(pyrage.passphrase.encrypt(b"".join(chunks), to.text))
        return
    source = _Source(chunks)
    try:
        pyrage.encrypt_io(source, out, list(to.keys))
    except Exception:
        if source.failed is not None:
            raise source.failed from None
        raise


class Encrypted:
    """An encrypted file that can be read several times from its start.

    Raises UsageError where it is not one, where the passphrase or key is a wrong one, or where it was cut off or
    changed. A file to recipients is authenticated piece by piece: what is read is what was written, but only the end
    says that nothing is missing.
    """

    def __init__(self, path: Path, access: Passphrase | Identities) -> None:
        self._path, self._access = path, access
        self._plain: bytes | None = None
        if isinstance(access, Passphrase):
            with self._opened() as file:
                try:
                    self._plain = pyrage.passphrase.decrypt(file.read(), access.text)
                except Exception:
                    raise self._refused() from None

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """The plain text from its start."""
        if self._plain is not None:
            yield io.BytesIO(self._plain)
            return
        with self._opened() as file, _Pipe(lambda sink: self._decrypt(file, sink)) as plain:
            yield cast(BinaryIO, plain)

    def _decrypt(self, file: BinaryIO, sink: BinaryIO) -> None:
        assert isinstance(self._access, Identities)
        try:
            pyrage.decrypt_io(file, sink, list(self._access.keys))
        except Exception:
            raise self._refused() from None

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            raise UsageError(f"There is no file {self._path}.") from None
        except OSError as error:
            raise storage_error(error, self._path) from None

    def _refused(self) -> UsageError:
        asked = "passphrase" if isinstance(self._access, Passphrase) else "secret key"
        return UsageError(
            f"{self._path} does not open: the {asked} is a wrong one (or another kind is asked for), or the file was "
            "cut off or changed."
        )


class _Source:
    """What the library reads from; it hides what its source raises, so that is kept here."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self.failed: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._rest:
                self._rest = next(self._chunks)
        except StopIteration:
            return b""
        except Exception as error:
            self.failed = error
            raise
        given, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return given


class _Pipe(io.RawIOBase):
    """What another thread writes into a pipe, to be read here; its error is raised where the text ends."""

    def __init__(self, write: Callable[[BinaryIO], None]) -> None:
        self._write = write
        self._failed: Exception | None = None
        self._read_end, write_end = os.pipe()
        self._thread = threading.Thread(target=self._run, args=(write_end,), daemon=True)
        self._thread.start()

    def _run(self, write_end: int) -> None:
        try:
            with suppress(BrokenPipeError), os.fdopen(write_end, "wb") as sink:
                self._write(sink)
        except Exception as error:
            self._failed = error

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            return self.readall()
        octets = os.read(self._read_end, size) if size else b""
        if not octets and size:
            self._thread.join()
            if self._failed is not None:
                raise self._failed
        return octets

    def readinto(self, buffer: Any) -> int:
        octets = self.read(len(buffer))
        buffer[: len(octets)] = octets
        return len(octets)

    def close(self) -> None:
        if not self.closed:
            os.close(self._read_end)  # the writer finds the pipe broken, and ends
            self._thread.join()
        super().close()


def _lines(path: Path, what: str) -> list[str]:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_FILE).decode("utf-8", errors="replace")
    except OSError:
        raise UsageError(f"{path} cannot be read; it must be {what}.") from None
    stripped = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in stripped if line]


def _private_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if stat.S_ISREG(mode := os.fstat(file.fileno()).st_mode) and mode & 0o077:
                raise ConfigError(f"The passphrase in {path} can be read by others: run `chmod 600 {path}`.")
            return file.readline(_LONGEST_FILE).decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} cannot be read; its first line must be the passphrase.") from None
