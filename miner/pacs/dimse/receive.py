"""What happens to an object that the PACS sends: its encoded bytes become a Part 10 file in the spool, undecoded.

Decoding in the handler would cost 2 to 3 ms an object while the PACS waits, and whatever is wrong with an object is the
business of the stage that reads it. Files are named at random: nothing from the wire becomes a path.
"""

from __future__ import annotations

import os
import struct
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, evt

from miner.errors import Reason, StorageError
from miner.limits import LARGEST_HEADER, LARGEST_IMAGE
from miner.pacs.books import Books
from miner.pacs.care import Pace
from miner.part10 import BoundedStream, checked

SUCCESS = 0x0000
NOT_AUTHORISED = 0x0124
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
"""Statuses of a C-STORE response (PS3.4 B.2.3, PS3.7 C.5.20)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One C-STORE request: UIDs of the command, the context's transfer syntax, the data set as it came."""

    sop_class_uid: str
    sop_uid: str
    transfer_syntax_uid: str
    data: bytes


def arrival_of(event: evt.Event) -> Arrival | None:
    """The object of a C-STORE request; None where the request has no instance UID or no data set."""
    request: Any = event.request
    data = b"" if request.DataSet is None else request.DataSet.getvalue()
    if not data or not request.AffectedSOPInstanceUID:
        return None
    return Arrival(
        str(request.AffectedSOPClassUID),
        str(request.AffectedSOPInstanceUID),
        str(event.context.transfer_syntax),
        data,
    )


class Receiver:
    """Takes the objects of one fetch into the spool and enters them into its books.

    ``pace`` is told of each object before the object is acknowledged, and may hold the answer back for some seconds:
    so the PACS sends no faster than it is allowed to, whatever one request has set off.
    """

    def __init__(self, spool: Path, books: Books, pace: Pace | None = None) -> None:
        """Raises StorageError where the spool cannot be made."""
        self.books = books
        self._spool = spool
        self._pace = pace or Pace()
        self._whole: set[str] = set()
        self._one_at_a_time = threading.Lock()
        try:
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(error) from None

    def take_whole(self, series_uid: str) -> None:
        """From now on, objects of this series are taken though nobody wants them: with Success, and dropped.

        A PACS that hands out whole series only may give up at the first object that is refused.
        """
        self._whole.add(series_uid)

    def wants(self, sop_uid: str) -> bool:
        """True where this very object was asked for."""
        return self.books.expects(sop_uid)

    def drops(self, arrival: Arrival) -> bool:
        """True where nobody asked for this very object, but for the series that it is of (the object is read)."""
        return bool(self._whole) and _series_of(arrival) in self._whole

    def expects(self, sop_uid: str) -> bool:
        """True where this object may belong to what was asked for; :meth:`take` looks closer."""
        return self.wants(sop_uid) or bool(self._whole)

    def handle(self, event: evt.Event) -> int:
        """Handler of ``EVT_C_STORE``: the status of the response."""
        arrival = arrival_of(event)
        return CANNOT_UNDERSTAND if arrival is None else self.take(arrival)

    def take(self, arrival: Arrival) -> int:
        """Take one object that was asked for; the status of the response. What was not asked for is refused."""
        with self._one_at_a_time:
            if self.wants(arrival.sop_uid):
                status = self._keep(arrival)
            elif self.drops(arrival):
                self.books.enter_extra(len(arrival.data))
                status = SUCCESS
            else:
                status = NOT_AUTHORISED
        if status == SUCCESS:
            self._pace.took(len(arrival.data))
        return status

    def _keep(self, arrival: Arrival) -> int:
        content = part10(arrival)
        first = self.books.path_of(arrival.sop_uid)
        try:
            if first is not None:
                self._compare(arrival.sop_uid, first, content)
                self.books.enter_extra(len(arrival.data))
                return SUCCESS
            path = self._write(content)
        except OSError as error:
            self.books.enter_full_disk(_not_writable(error))
            return OUT_OF_RESOURCES
        if self.books.enter(arrival.sop_uid, path, len(arrival.data)):
            return SUCCESS
        path.unlink(missing_ok=True)
        return NOT_AUTHORISED

    def _compare(self, sop_uid: str, first: Path, content: bytes) -> None:
        if not self.books.in_conflict(sop_uid) and not same_object(first.read_bytes(), content):
            self.books.enter_conflict(sop_uid)

    def _write(self, content: bytes) -> Path:
        descriptor, name = tempfile.mkstemp(suffix=".dcm", dir=self._spool)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path


def receiver_for(arrival: Arrival, receivers: Sequence[Receiver]) -> Receiver | None:
    """Which of several fetches an object belongs to; None: to no one.

    Two studies may ask for one image at the same time: each gets one of the two copies. Who asked for this object comes
    before who asked for a whole series.
    """
    wanting = [one for one in receivers if one.wants(arrival.sop_uid)]
    lacking = [one for one in wanting if one.books.path_of(arrival.sop_uid) is None]
    dropping = (one for one in receivers if one.drops(arrival))
    return next(iter(lacking or wanting), None) or next(dropping, None)


def part10(arrival: Arrival) -> bytes:
    """The object as a DICOM file: preamble, File Meta Information, the data set as it came (PS3.10 7.1).

    Written by hand because pydicom validates UIDs and repeats broken ones, which real archives have, in its warnings.
    """
    elements = b"".join(
        (
            struct.pack("<HH2sHL2s", 2, 0x0001, b"OB", 0, 2, b"\x00\x01"),
            _uid(0x0002, arrival.sop_class_uid),
            _uid(0x0003, arrival.sop_uid),
            _uid(0x0010, arrival.transfer_syntax_uid),
            _uid(0x0012, PYNETDICOM_IMPLEMENTATION_UID),
        )
    )
    length = struct.pack("<HH2sHL", 2, 0x0000, b"UL", 4, len(elements))
    return b"".join((bytes(128), b"DICM", length, elements, arrival.data))


def same_object(first: bytes, again: bytes) -> bool:
    """Whether two DICOM files hold the same data set; a PACS may encode one object in two transfer syntaxes.

    Then what the syntax decides is not compared: private elements (Implicit VR keeps no VR of theirs), and the pixels
    where only one of the two is compressed.
    """
    if sha256(first).digest() == sha256(again).digest():
        return True
    try:
        one, other = (dcmread(BoundedStream(checked(content, LARGEST_IMAGE))) for content in (first, again))
        ours, theirs = one.file_meta.TransferSyntaxUID, other.file_meta.TransferSyntaxUID
        if ours == theirs:
            return False
        for item in (one, other):
            item.remove_private_tags()
            if ours.is_compressed != theirs.is_compressed:
                item.pop("PixelData", None)
        return bool(one == other)
    except Exception:
        # Encoded by the peer: whatever pydicom raises, the octets differ and nothing else can be said.
        return False


def _series_of(arrival: Arrival) -> str:
    """Series Instance UID of an object; empty where it cannot be read."""
    try:
        begin = checked(part10(replace(arrival, data=arrival.data[:LARGEST_HEADER])), 2 * LARGEST_HEADER)
        read = dcmread(BoundedStream(begin), stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
        return str(read.get("SeriesInstanceUID", ""))
    except Exception:
        # Encoded by the peer: whatever pydicom raises, the object belongs to nothing that we know of.
        return ""


def _uid(element: int, value: str) -> bytes:
    encoded = value.encode("ascii", "replace")
    encoded += b"\0" * (len(encoded) % 2)
    return struct.pack("<HH2sH", 2, element, b"UI", len(encoded)) + encoded


def _not_writable(error: OSError) -> StorageError:
    return StorageError(
        f"The spool (storage.spool) cannot be written ({type(error).__name__}, error {error.errno}): make room on its "
        "disk, or make it writable.",
        Reason.NOT_WRITABLE if isinstance(error, PermissionError) else Reason.DISK_FULL,
    )
