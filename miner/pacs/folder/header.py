"""The head of one DICOM file: the few attributes that queries ask for, read within bounds, without its pixels.

Exports hold everything: files without the preamble of PS3.10 7.1, without File Meta Information, cut off by a full
disk, and files that are no DICOM at all. A file is read from its beginning in portions that grow, up to where the
attributes end in the order of tags, and no further than :data:`LONGEST_HEAD`.
"""

from __future__ import annotations

import logging
import re
import warnings
import zlib
from dataclasses import dataclass
from enum import Enum, auto
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)
from pydicom.valuerep import VR

from miner.pacs.classes import READ_CLASSES
from miner.pacs.queries import rows
from miner.part10 import BoundedStream

log = logging.getLogger(__name__)

PORTIONS = (16 * 1024, 512 * 1024, 16 * 1024 * 1024)
"""Octets of a file that are read at first, and where they do not hold the head."""

LONGEST_HEAD = PORTIONS[-1]
MOST_ITEMS = 50_000
"""Sequence items in one head: each costs a thousand times its octets. No object that is mined has so many."""

LONGEST_VALUE = 64 * 1024
"""Octets of one value; a longer one is taken for unknown."""

KEYWORDS = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "Modality",
    "PatientID",
    "IssuerOfPatientID",
    "BodyPartExamined",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "NumberOfFrames",
    "Rows",
    "Columns",
)
"""All that is ever read out of a file here; what else a stage needs it reads itself, under its own rules."""

_TAGS: list[BaseTag | int] = [tag for keyword in KEYWORDS if (tag := tag_for_keyword(keyword)) is not None]
_LAST = max(_TAGS)
_BINARY = (0x00280010, 0x00280011)
"""Rows and Columns, of VR US; all others are text."""

_PADDING = bytes(16)
"""Behind the end of a file: pydicom raises where an element header is cut off, and forgets what it has read before."""

META = 132
"""Octets before File Meta Information: the preamble and its mark (PS3.10 7.1)."""

_MAGIC = b"DICM"
_PARTS_OF_MAGIC = (b"D", b"DI", b"DIC")
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_VRS = frozenset(str(vr).encode() for vr in VR if len(str(vr)) == 2)
_UID = re.compile(r"[0-2](\.[0-9]+){3,}")
_SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")


class Sort(Enum):
    """A file that no object of a study can be listed from."""

    NOT_DICOM = auto()
    DIRECTORY = auto()
    """a DICOMDIR (PS3.10 8)"""
    NOT_OF_A_STUDY = auto()
    """an object that belongs to no study by its class: a colour palette, a hanging protocol"""
    UNREADABLE = auto()
    """a DICOM file, or one that is named like one, that cannot be read or does not say which object it is"""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a file. ``data``: where the data set starts; ``whole``: it is a complete Part 10 file from the start.

    A file that is not whole lacks the preamble (``meta`` 0) or names no transfer syntax in its File Meta Information,
    whose first octet is at ``meta``.
    """

    elements: Dataset
    transfer_syntax_uid: str
    meta: int
    data: int
    whole: bool


def read_head(path: Path) -> Head | Sort:
    """The head of one file, or of which sort the file is. Never raises for what a file holds or how it fails."""
    keep_values_out_of_logs()
    try:
        with path.open("rb") as file:
            octets = b""
            for portion in PORTIONS:
                octets += file.read(portion - len(octets))
                ends = len(octets) < portion
                if (found := _parsed(octets, ends)) is not None:
                    break
            else:
                found = Sort.UNREADABLE
            if found is Sort.NOT_DICOM and not octets.strip(b"\0"):
                octets += file.read(PORTIONS[1] - len(octets))  # images of disks begin with zeros too
    except OSError:
        return Sort.UNREADABLE
    if found is Sort.NOT_DICOM and (_named_like_one(path.name) or _was_never_filled(path.name, octets)):
        return Sort.UNREADABLE
    return found


def _named_like_one(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def _was_never_filled(name: str, octets: bytes) -> bool:
    """Nothing, or nothing but zeros, or cut off in its first octets: what a full disk leaves of an export.

    On media, files have no suffix that tells what they should be; where they are named by UIDs, it is a number. A name
    that tells otherwise is believed, and one that begins with a dot: some systems leave empty files as marks.
    """
    told = name.startswith(".") or PurePath(name).suffix[1:].isalpha()
    return not told and octets.strip(b"\0") in (b"", *_PARTS_OF_MAGIC)


def _parsed(octets: bytes, ends: bool) -> Head | Sort | None:
    """What the first octets of a file tell; None where more of them are needed. ``ends``: the file has no more."""
    marked = octets[META - 4 : META] == _MAGIC
    if not (marked or _looks_like_data(octets)):
        return Sort.NOT_DICOM
    try:
        found = _head(octets, META if marked else 0, ends)
        if found is not None:
            return _judged(found, marked)
    except Exception:  # pydicom's parsers raise whatever they come upon; the text may quote the file
        log.debug("A head cannot be parsed.")
    return (Sort.UNREADABLE if marked else Sort.NOT_DICOM) if ends else None


def _looks_like_data(octets: bytes) -> bool:
    """Whether octets without a preamble may be the first element of File Meta Information or of a data set."""
    group, vr, length = octets[:2], octets[4:6], octets[4:8]
    if len(octets) < 16 or group not in (b"\x02\x00", b"\x08\x00", b"\x00\x08"):
        return False
    return vr in _VRS or (group != b"\x00\x08" and int.from_bytes(length, "little") <= 1024)


def _head(octets: bytes, start: int, ends: bool) -> Head | None:
    """None where the octets end before the head does. Raises anything."""
    if too_many_items(octets):
        raise ValueError("more sequence items than any object has")
    stream = BoundedStream(octets)
    stream.seek(start)
    meta = read_meta(stream)
    data = stream.tell()
    named = rows.text(meta, "TransferSyntaxUID")
    if rows.text(meta, "MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        directory = Dataset()
        directory.SOPClassUID = MediaStorageDirectoryStorage
        return Head(directory, named, start, data, True)
    syntax = named or _guessed(octets[data : data + 6])
    content = octets[data:]
    if syntax == DeflatedExplicitVRLittleEndian:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, LONGEST_HEAD)
        ends = ends or len(content) == LONGEST_HEAD
    elements = _elements(content, syntax, ends)
    return None if elements is None else Head(elements, syntax, start, data, start > 0 and bool(named))


def _elements(content: bytes, syntax: str, ends: bool) -> Dataset | None:
    """The elements that are read, from the first octets of a data set; None where there are more of them to come."""
    reached = False

    def behind(tag: BaseTag, vr: str | None, length: int) -> bool:
        nonlocal reached
        reached = bool(tag > _LAST)
        return reached

    big_endian = syntax == ExplicitVRBigEndian
    elements = read_dataset(
        BoundedStream(content + _PADDING if ends else content),
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=not big_endian,
        stop_when=behind,
        defer_size=LONGEST_VALUE,
        specific_tags=_TAGS,
    )
    if not (reached or ends):
        return None
    for tag in list(elements.keys()):
        element: Any = elements.get_item(tag)
        if not isinstance(element, RawDataElement):
            continue
        if element.value_tell + element.length > len(content):
            del elements[tag]  # cut off in the middle of it: half a UID is another UID
        elif big_endian and tag in _BINARY and isinstance(element.value, bytes):
            # As rows are read: those of queries are in little endian always.
            elements[tag] = element._replace(value=element.value[::-1])
    return elements


def too_many_items(octets: bytes) -> bool:
    """Whether parsing these octets would cost far more memory than any object that is mined."""
    return sum(octets.count(tag) for tag in _ITEMS) > MOST_ITEMS


def read_meta(stream: BytesIO) -> Dataset:
    """File Meta Information from where the stream stands; afterwards it stands where the data set starts."""
    return read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)


def _guessed(first: bytes) -> str:
    """The transfer syntax of a data set that does not name it, from its first tag and VR."""
    if first[:2] == b"\x00\x08":
        return ExplicitVRBigEndian
    return ExplicitVRLittleEndian if first[4:6] in _VRS else ImplicitVRLittleEndian


def _judged(head: Head, marked: bool) -> Head | Sort:
    elements = head.elements
    sop_class = rows.text(elements, "SOPClassUID")
    if sop_class == MediaStorageDirectoryStorage:
        return Sort.DIRECTORY
    if not (marked or _UID.fullmatch(sop_class)):
        return Sort.NOT_DICOM
    if rows.text(elements, "SOPInstanceUID"):
        if rows.text(elements, "StudyInstanceUID") and rows.text(elements, "SeriesInstanceUID"):
            return head
        if sop_class and sop_class not in READ_CLASSES:
            return Sort.NOT_OF_A_STUDY
    return Sort.UNREADABLE


class _Withheld(logging.Filter):
    """Drops every record: pydicom's quote values that it finds invalid."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


_withheld = _Withheld()


def keep_values_out_of_logs() -> None:
    """No text of pydicom in any log or warning. Idempotent; holds for the whole process."""
    logging.getLogger("pydicom").addFilter(_withheld)
    warnings.filterwarnings("ignore", module=r"pydicom(\..*)?$")
