"""Whether a file ends where its last element does.

A file that is cut off (a full disk, a copy under way) reads like a whole one up to its end. Handed on, it would be a
damaged object for ever; named as a file that cannot be read, it is looked at again by the next run.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from miner.pacs.folder.header import PORTIONS, Head, too_many_items
from miner.part10 import BoundedStream

_PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_UNDEFINED_LENGTH = 0xFFFFFFFF
_CUT, _NO_PIXELS, _DELIMITED, _BROKEN = -1, -2, -3, -4
"""Ends within an element; ends between two, without pixels; pixels up to a delimiter; cannot be parsed."""

_DELIMITER = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
"""Sequence Delimitation Item behind the last fragment of encapsulated pixels (PS3.5 A.4), in little endian always."""

_TAIL = 64 * 1024
"""Octets from the end in which the delimiter is looked for: what follows the pixels is padding or a signature."""

_SOP_CLASS = BaseTag(0x00080016)


def is_cut_off(source: BinaryIO, head: Head, octets: int) -> bool:
    """Whether the file, ``octets`` long, ends within an element. False where that cannot be told.

    Raises OSError where it cannot be read.
    """
    if head.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        return False
    source.seek(head.data)
    begin = b""
    for portion in PORTIONS:
        begin += source.read(portion - len(begin))
        whole = head.data + len(begin) >= octets
        end = _end(begin, head.transfer_syntax_uid)
        if whole or end not in (_CUT, _NO_PIXELS):
            break
    if end == _DELIMITED:
        source.seek(max(head.data, octets - _TAIL))
        return _DELIMITER not in source.read(_TAIL)
    return head.data + end > octets if end >= 0 else whole and end == _CUT


def _end(begin: bytes, transfer_syntax_uid: str) -> int:
    """Where the pixel data of a data set end, or one of the words above, from its first octets."""
    if too_many_items(begin):
        return _BROKEN
    stream = _Stream(begin)
    found: list[int] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in _PIXEL_DATA:
            found.append(_DELIMITED if length == _UNDEFINED_LENGTH else stream.tell() + length)
        return bool(found)

    try:
        read_dataset(
            stream,
            is_implicit_VR=transfer_syntax_uid == ImplicitVRLittleEndian,
            is_little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
            stop_when=at_pixels,
            specific_tags=[_SOP_CLASS],
        )
    except (EOFError, OSError, struct.error):
        return _CUT
    except Exception:  # broken otherwise: for the stage that reads it to say
        return _BROKEN
    return found[0] if found else _CUT if stream.short else _NO_PIXELS


class _Stream(BoundedStream):
    """Notices reading past the end, which pydicom passes over. A whole data set ends with one empty read."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(octets)
        self._size = len(octets)
        self.short = False

    def read(self, size: int | None = -1, /) -> bytes:
        """As in BoundedStream."""
        self.short |= self.tell() > self._size
        octets = super().read(size)
        self.short |= size is not None and 0 < len(octets) < size and bool(octets.strip(b"\0"))
        return octets
