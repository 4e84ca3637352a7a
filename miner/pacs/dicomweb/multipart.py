"""Bodies of type multipart/related (RFC 2046 5.1, RFC 2387) read as they come, part by part.

A part counts as whole only once the delimiter that follows it has come: a transfer that is cut off, also one without a
Content-Length, never looks like one that ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.message import Message

LONGEST_BOUNDARY = 200
"""RFC 2046 says 70; Orthanc's have 73."""

LONGEST_PREAMBLE = 65_536
LONGEST_HEADER = 16_384
"""Octets before the first delimiter, and of the header of one part."""


class MalformedError(ValueError):
    """The body is not what its type says, or was cut off."""


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a multipart/related body; None for a body of type application/dicom, which is a single part.

    Raises MalformedError for any other type, and where no boundary is named.
    """
    header = Message()
    header["Content-Type"] = content_type
    kind = header.get_content_type()
    if kind == "application/dicom":
        return None
    boundary = header.get_boundary("")
    if kind != "multipart/related" or not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii():
        raise MalformedError
    return boundary.encode("ascii")


def parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[Iterator[bytes]]:
    """The content of each part as it comes. Each must be read to its end before the next is asked for.

    Raises MalformedError, within a part or between two.
    """
    reader = _Reader(chunks)
    delimiter = b"\r\n--" + boundary
    reader.begin(b"\r\n")  # so that the first delimiter looks like the others
    for _ in _bounded(reader.until(delimiter), LONGEST_PREAMBLE):
        pass
    while not _closes(reader):
        for _ in _bounded(reader.until(b"\r\n\r\n"), LONGEST_HEADER):
            pass
        content = reader.until(delimiter)
        yield content
        for _ in content:
            raise AssertionError("a part was not read to its end")


def _closes(reader: _Reader) -> bool:
    """After a delimiter: two hyphens close the body; blanks and the end of the line begin a part's header.

    The line's end is left for the header's own end to be found: a part may have no header at all.
    """
    if reader.peek(2) == b"--":
        return True
    while reader.peek(1) in (b" ", b"\t"):
        reader.skip(1)
    if reader.peek(2) != b"\r\n":
        raise MalformedError
    return False


def _bounded(pieces: Iterable[bytes], longest: int) -> Iterator[bytes]:
    for piece in pieces:
        longest -= len(piece)
        if longest < 0:
            raise MalformedError
        yield piece


class _Reader:
    """What has come and was not given out yet."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""

    def begin(self, content: bytes) -> None:
        self._held = content

    def peek(self, count: int) -> bytes:
        while len(self._held) < count:
            self._more()
        return self._held[:count]

    def skip(self, count: int) -> None:
        self._held = self._held[count:]

    def until(self, mark: bytes) -> Iterator[bytes]:
        """Everything before the mark; the mark itself is taken away."""
        while (place := self._held.find(mark)) < 0:
            certain = len(self._held) - len(mark) + 1
            if certain > 0:
                piece, self._held = self._held[:certain], self._held[certain:]
                yield piece
            self._more()
        piece, self._held = self._held[:place], self._held[place + len(mark) :]
        if piece:
            yield piece

    def _more(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise MalformedError
        self._held += chunk
