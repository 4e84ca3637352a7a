"""Handing a file of the folder on: only while it is still the object that the index says, and as later stages need it.

A complete Part 10 file is handed on where it lies, and never written to. One without the preamble, or that does not
name its transfer syntax, is copied into the spool with what it lacks, since everybody else reads Part 10 files only.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from pydicom import DataElement, config
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info

from miner.errors import Reason, storage_error
from miner.pacs.folder.ending import is_cut_off
from miner.pacs.folder.files import mark_of
from miner.pacs.folder.header import META, Head, read_head
from miner.pacs.folder.objects import ObjectFile, object_of

_PREAMBLE = bytes(META - 4) + b"DICM"
_CHUNK = 1 << 20


class UnavailableError(Exception):
    """A file that cannot be handed on now, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def hand_on(listed: ObjectFile, spool: Path) -> tuple[Path, int]:
    """The file of one object, and the octets of its data set.

    Raises UnavailableError where it is not there as listed, StorageError where a copy cannot be written into the spool.
    """
    if not listed.path:
        raise UnavailableError(listed.absent)
    path = Path(listed.path)
    try:
        mark = mark_of(path.lstat())
        head = read_head(path)
        if not isinstance(head, Head):
            raise UnavailableError(Reason.UNREADABLE_FILE)
        if object_of(listed.path, mark, head).instance != listed.instance:
            # Another object by now, or one that lies elsewhere in space: it is not what was numbered.
            raise UnavailableError(Reason.NOT_RETRIEVED)
        with path.open("rb") as source:
            if is_cut_off(source, head, mark.octets):
                raise UnavailableError(Reason.UNREADABLE_FILE)
            handed = path if head.whole else _completed(source, head, listed, spool)
    except FileNotFoundError:
        raise UnavailableError(Reason.NOT_RETRIEVED) from None
    except OSError:
        raise UnavailableError(Reason.UNREADABLE_FILE) from None
    return handed, mark.octets - head.data


def same_data(one: ObjectFile, other: ObjectFile) -> bool:
    """Whether two files hold the same data set, octet by octet. What cannot be read differs from nothing."""
    starts = []
    for path in (one.path, other.path):
        head = read_head(Path(path))
        if not isinstance(head, Head):
            return True
        starts.append(head.data)
    try:
        with Path(one.path).open("rb") as first, Path(other.path).open("rb") as second:
            first.seek(starts[0])
            second.seek(starts[1])
            while (octets := first.read(_CHUNK)) == second.read(_CHUNK):
                if not octets:
                    return True
    except OSError:
        return True
    return False


def _completed(source: BinaryIO, head: Head, listed: ObjectFile, spool: Path) -> Path:
    """A Part 10 file in the spool, under a name of its own: nothing of the folder's names gets there."""
    source.seek(head.data)
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(suffix=".dcm", dir=spool)
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(_PREAMBLE + _meta(head, listed))
            shutil.copyfileobj(source, copy, _CHUNK)
    except OSError as error:
        raise storage_error(error, spool) from None
    return Path(name)


def _meta(head: Head, listed: ObjectFile) -> bytes:
    """File Meta Information (PS3.10 7.1). UIDs of real archives break the rules, so they are not validated."""
    meta = FileMetaDataset()
    for tag, vr, value in (
        (0x00020000, "UL", 0),
        (0x00020002, "UI", listed.instance.sop_class_uid),
        (0x00020003, "UI", listed.instance.sop_uid),
        (0x00020010, "UI", head.transfer_syntax_uid),
    ):
        meta.add(DataElement(tag, vr, value, validation_mode=config.IGNORE))
    written = DicomBytesIO()
    write_file_meta_info(written, meta, enforce_standard=False)
    return bytes(written.getvalue())
