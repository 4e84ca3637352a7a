"""What happens to an object that the service sends: its octets become a file in the spool as they come, undecoded.

Files are named at random: nothing from the wire becomes a path.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from miner.errors import PacsError, Reason, storage_error
from miner.pacs.books import Books
from miner.pacs.dicomweb.part10 import LONGEST_META, FileMeta, NotPart10Error, file_meta, sop_uid_of_data_set
from miner.pacs.dicomweb.refusals import TooLargeError


class NoObjectError(PacsError):
    """What came is not a DICOM file. It was read to its end, so that what follows it can be read."""


Wanted = Callable[[str], bool]
"""Tells by its SOP Instance UID whether an object is to be kept."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that came whole; ``octets``: of its data set."""

    transfer_syntax_uid: str
    octets: int


class Intake:
    """Takes the objects of one fetch into the spool and enters them into its books."""

    def __init__(self, spool: Path, books: Books) -> None:
        """Raises StorageError where the spool cannot be made."""
        self.books = books
        self._spool = spool
        try:
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, spool) from None

    def take(self, content: Iterator[bytes], wanted: Wanted, largest: int) -> Arrival:
        """One object, read to its end. What is not wanted is thrown away and counted apart.

        Raises NoObjectError where it is no DICOM file, TooLargeError beyond ``largest`` octets, StorageError, and
        whatever reading raises: then nothing of it is left.
        """
        meta, head = _beginning(content)
        sop_uid = meta.sop_uid if wanted(meta.sop_uid) else sop_uid_of_data_set(head)
        pieces = _bounded(head, content, largest)
        if not wanted(sop_uid):
            octets = sum(map(len, pieces)) - meta.end
            self.books.enter_extra(octets)
        else:
            path, written = self._write(pieces)
            octets = written - meta.end
            self._enter(sop_uid, path, octets)
        return Arrival(meta.transfer_syntax_uid, octets)

    def _enter(self, sop_uid: str, path: Path, octets: int) -> None:
        first = self.books.path_of(sop_uid)
        if first is None and self.books.enter(sop_uid, path, octets):
            return
        if first is not None:
            with self._disk_faults():
                if not _same_data_set(first, path):
                    self.books.enter_conflict(sop_uid)
            self.books.enter_extra(octets)
        path.unlink(missing_ok=True)

    def _write(self, pieces: Iterator[bytes]) -> tuple[Path, int]:
        """The content in a file of a random name; removed again where it does not come whole."""
        octets = 0
        path: Path | None = None
        try:
            with self._disk_faults():
                descriptor, name = tempfile.mkstemp(suffix=".dcm", dir=self._spool)
            path = Path(name)
            file = os.fdopen(descriptor, "wb", buffering=0)
            with contextlib.closing(file):
                for piece in pieces:
                    with self._disk_faults():
                        _write_all(file.fileno(), piece)
                    octets += len(piece)
        except BaseException:
            if path is not None:
                path.unlink(missing_ok=True)
            raise
        return path, octets

    @contextlib.contextmanager
    def _disk_faults(self) -> Iterator[None]:
        """A fault of our disk is no fault of the service, whose errors are of the same class."""
        try:
            yield
        except OSError as error:
            raise storage_error(error, self._spool) from None


def _write_all(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _same_data_set(first: Path, again: Path) -> bool:
    """Whether two files hold the same data set; what stands before it the service may write anew each time."""
    digests = []
    for path in (first, again):
        with path.open("rb") as file:
            meta = file_meta(file.read(LONGEST_META + 12))
            file.seek(meta.end if meta else 0)
            digests.append(hashlib.file_digest(file, "sha256").digest())
    return digests[0] == digests[1]


def _beginning(content: Iterator[bytes]) -> tuple[FileMeta, bytes]:
    """The File Meta Information, and everything that was read to find it."""
    head = b""
    for piece in content:
        head += piece
        try:
            meta = file_meta(head)
        except NotPart10Error:
            break
        if meta is not None:
            return meta, head
        if len(head) > LONGEST_META:
            break
    for _ in content:
        pass
    raise NoObjectError("The PACS sent something that is not a DICOM file.", Reason.NOT_RETRIEVED)


def _bounded(head: bytes, content: Iterator[bytes], largest: int) -> Iterator[bytes]:
    octets = len(head)
    yield head
    for piece in content:
        octets += len(piece)
        if octets > largest:
            raise TooLargeError("The PACS sent an object larger than such an object can be.", Reason.RETRIEVE_FAILED)
        yield piece
