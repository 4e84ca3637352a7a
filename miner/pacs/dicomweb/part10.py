"""Which object a DICOM file is, from its first octets (PS3.10 7.1): no more of it is read while it is received."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO

from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

LONGEST_META = 65_536
"""Octets in which the File Meta Information ends."""

_PREAMBLE = 132
_LONG_VRS = frozenset({b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF", b"OD", b"OL", b"OV", b"UC", b"UR", b"SV", b"UV"})
_META_GROUP = 0x0002
_SOP_INSTANCE = 0x0003
_TRANSFER_SYNTAX = 0x0010


@dataclass(frozen=True, slots=True)
class FileMeta:
    """SOP Instance UID, transfer syntax, and where the data set begins."""

    sop_uid: str
    transfer_syntax_uid: str
    end: int


class NotPart10Error(ValueError):
    """The octets are no DICOM file."""


def file_meta(head: bytes) -> FileMeta | None:
    """The File Meta Information at the beginning of a file; None where it goes on beyond these octets.

    Read element by element, because group lengths are wrong in some archives. Raises NotPart10Error.
    """
    if len(head) < _PREAMBLE:
        return None
    if head[128:_PREAMBLE] != b"DICM":
        raise NotPart10Error
    found: dict[int, str] = {}
    place = _PREAMBLE
    while len(head) >= place + 12:
        group, element, vr = struct.unpack_from("<HH2s", head, place)
        if group != _META_GROUP:
            return _meta(found, place)
        if vr in _LONG_VRS:
            start, length = place + 12, struct.unpack_from("<L", head, place + 8)[0]
        else:
            start, length = place + 8, struct.unpack_from("<H", head, place + 6)[0]
        if start + length > LONGEST_META:
            raise NotPart10Error
        found[element] = head[start : start + length].decode("latin-1").rstrip(" \0")
        place = start + length
    return None


def _meta(found: dict[int, str], end: int) -> FileMeta:
    if not found.get(_TRANSFER_SYNTAX):
        raise NotPart10Error
    return FileMeta(found.get(_SOP_INSTANCE, ""), found[_TRANSFER_SYNTAX], end)


def sop_uid_of_data_set(head: bytes) -> str:
    """SOP Instance UID (0008,0018) of the data set itself, empty where these octets don't say.

    An object whose File Meta Information names another UID is what careless software makes; archives go by this one.
    """
    try:
        beginning = read_partial(BytesIO(head), stop_when=_beyond, specific_tags=[BaseTag(0x00080018)])
        return str(beginning.get("SOPInstanceUID", ""))
    except Exception:  # whatever the octets make of it, they do not name an object
        return ""


def _beyond(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) > 0x00080018
