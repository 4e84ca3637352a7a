"""The octets of a DICOM file (PS3.10), read within the bounds of :mod:`miner.limits`, and a stream that keeps them.

pydicom inflates a deflated data set as a whole, and parses as many elements as there are. So a file is read and
inflated here, up to a bound, its sequence items are counted, and pydicom is given a :class:`BoundedStream`, which ends
its parsing after so many steps: that holds whatever the parser makes of the octets, where a parser of our own beside
it could be led to see something else.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from miner.errors import ObjectError, Reason
from miner.limits import MOST_ITEMS, MOST_READS

_PREAMBLE = 128
_GROUP_LENGTH = b"DICM\x02\x00\x00\x00UL\x04\x00"
_META_START = _PREAMBLE + len(_GROUP_LENGTH) + 4
"""Where the File Meta Information starts behind its group length (PS3.10 7.1); the 4 octets before are the length."""

_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


class BoundedStream(BytesIO):
    """A file in memory for pydicom's parser, which ends with ObjectError (OVER_LIMITS) after so many reads.

    A read without a size is how pydicom takes a deflated data set, to inflate it whole: what :func:`inflated` has not
    recognised as one is not read (DAMAGED_OBJECT).
    """

    def __init__(self, data: bytes, most_reads: int = MOST_READS) -> None:
        super().__init__(data)
        self._left = most_reads

    def read(self, size: int | None = -1, /) -> bytes:
        """As in BytesIO."""
        self._left -= 1
        if self._left < 0:
            raise over_limits()
        if size is None or size < 0:
            raise _not_inflated()
        return super().read(size)


def over_limits() -> ObjectError:
    """What to say of an object beyond the bounds; nothing of it is in the message."""
    return ObjectError("An object is far larger or deeper than any that is written.", Reason.OVER_LIMITS)


def is_over_limits(error: BaseException | None) -> bool:
    """Whether an error of the parser comes of a bound, or of nesting deeper than the interpreter follows
    (some 190 levels).

    pydicom makes errors of its own of what is raised between two items.
    """
    while error is not None:
        if isinstance(error, RecursionError) or (isinstance(error, ObjectError) and error.reason is Reason.OVER_LIMITS):
            return True
        error = error.__context__
    return False


def read_octets(path: Path, most: int) -> bytes:
    """A file of at most ``most`` octets, not deflated any more. Raises ObjectError (OVER_LIMITS), OSError."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    return checked(data, most)


def checked(data: bytes, most: int) -> bytes:
    """The octets of a file, not deflated any more, once they are known to be within the bounds.

    Raises ObjectError: OVER_LIMITS for more than ``most`` octets, inflated or not, or more than MOST_ITEMS items.
    """
    if len(data) > most or len(data := inflated(data, most)) > most or items_in(data) > MOST_ITEMS:
        raise over_limits()
    return data


def items_in(data: bytes) -> int:
    """How often the tag of a sequence item occurs: at least the number of items, whatever the file's syntax."""
    return sum(data.count(tag) for tag in _ITEM_TAGS)


def inflated(data: bytes, most: int) -> bytes:
    """The same file without deflation (PS3.5 A.5), of at most ``most`` + 1 octets of data set.

    Raises ObjectError (DAMAGED_OBJECT) where it is damaged or cut off.
    """
    deflated = DeflatedExplicitVRLittleEndian.encode()
    meta_end = _META_START + int.from_bytes(data[_META_START - 4 : _META_START], "little")
    meta = data[:meta_end]
    if not data.startswith(_GROUP_LENGTH, _PREAMBLE) or deflated not in meta:
        return data
    plain = ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0")
    try:
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflating.decompress(data[meta_end:], most + 1)
    except zlib.error:
        raise _not_inflated() from None
    if len(content) <= most and not inflating.eof:
        raise _not_inflated()
    return meta.replace(deflated, plain) + content


def _not_inflated() -> ObjectError:
    return ObjectError("A deflated object cannot be inflated; send it again.", Reason.DAMAGED_OBJECT)
