"""What may lie inside octets: compressed, encoded, escaped, drawn. Each decoder yields further octets to search."""

from __future__ import annotations

import base64
import binascii
import bz2
import html
import io
import lzma
import quopri
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

from tests.canaries import pictures

MOST = 64 << 20
"""Octets that one stream is inflated to."""

_SHORT = 2048
"""A raw deflate stream has no mark: within this many octets it is looked for at every place, else at the first."""

_ZLIB = re.compile(
    b"|".join(
        re.escape(bytes([method, check]))
        for method in range(0x08, 0x80, 0x10)
        for check in range(256)
        if (method << 8 | check) % 31 == 0 and not check & 0x20
    )
)
"""The two octets that begin a zlib stream (RFC 1950): method and window, level and check."""
_GZIP = re.compile(rb"\x1f\x8b\x08")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}(?:(?:\r?\n|\\n|\\r\\n)[A-Za-z0-9+/_-]{4,})*")
_HEX = re.compile(
    rb"[0-9A-Fa-f]{16,}|[0-9A-Fa-f]{2}(?:[ :,;\-]{1,2}[0-9A-Fa-f]{2}){7,}|(?:(?:\\x|0x|%)[0-9A-Fa-f]{2}[ ,]{0,2}){8,}"
)
_NOT_HEX = re.compile(rb"\\x|0x|[^0-9A-Fa-f]")
_ESCAPE = re.compile(rb"\\u\{?([0-9A-Fa-f]{4})\}?|\\U([0-9A-Fa-f]{8})|\\x([0-9A-Fa-f]{2})|\\([0-7]{3})")
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e]{12,}")
_WIDE = re.compile(rb"(?:\0{1,3}[\t\n\r\x20-\x7e]){6,}|(?:[\t\n\r\x20-\x7e]\0{1,3}){6,}")
_LIST = re.compile(rb"(?:\d{1,3},\s*){8,}\d{1,3}")
_QUOTED = re.compile(rb"=[0-9A-F]{2}|=\r?\n")

Decoder = Callable[[bytes], Iterator[bytes]]


def inside(content: bytes) -> Iterator[tuple[str, bytes]]:
    """(name of the decoder, what it found) for everything that can be made out in ``content``."""
    runs = b"\n".join(_PRINTABLE.findall(content))  # in compressed pixels the marks of text stand by chance
    for decoders, searched in ((OF_OCTETS, content), (OF_TEXT, runs)):
        for name, decoder in decoders.items() if searched else ():
            found = b"\n".join(decoder(searched))
            if len(found) >= 8 and found != content:
                yield name, found


def _without_zeros(content: bytes) -> Iterator[bytes]:
    """UTF-16 and UTF-32 of either order, of text in Latin letters and digits."""
    if b"\0" in content:
        yield b"\n".join(_WIDE.findall(content)).replace(b"\0", b"")


def _streams(content: bytes) -> Iterator[bytes]:
    """Deflate streams with a head of zlib or gzip, anywhere."""
    view = memoryview(content)
    for match in _ZLIB.finditer(content):
        yield from _inflated(view[match.start() :], zlib.MAX_WBITS)
    for match in _GZIP.finditer(content):
        yield from _inflated(view[match.start() :], zlib.MAX_WBITS | 16)
    binary = len(content) <= _SHORT and not content.isascii()
    for start in range(len(content) if binary else 1):
        yield from _inflated(view[start:], -zlib.MAX_WBITS, least=24)


def _inflated(content: memoryview, window: int, least: int = 8) -> Iterator[bytes]:
    """What inflates of it: the whole, or the beginning of a stream that was cut short."""
    stream = zlib.decompressobj(window)
    out = b""
    try:
        out = stream.decompress(content[:64])  # most places that look like a head are none: soon seen
        if not stream.eof:
            out += stream.decompress(content[64:], MOST)
    except zlib.error:
        pass
    if len(out) >= least:
        yield out


def _compressed(content: bytes) -> Iterator[bytes]:
    for start in (match.start() for match in re.finditer(rb"BZh[1-9]1AY&SY|\xfd7zXZ\0", content)):
        stream = bz2.BZ2Decompressor() if content[start : start + 1] == b"B" else lzma.LZMADecompressor()
        try:
            yield stream.decompress(content[start:], MOST)
        except (OSError, lzma.LZMAError, EOFError):
            continue


def _members(content: bytes) -> Iterator[bytes]:
    """Members of a ZIP or TAR file, with their names."""
    if b"PK\x05\x06" in content:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.infolist():
                    yield member.filename.encode() + b"\n" + member.comment + b"\n" + archive.read(member)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError):
            pass
    if b"ustar" in content[257:263]:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for entry in archive:
                file = archive.extractfile(entry)
                yield entry.name.encode() + b"\n" + (file.read() if file else b"")


def _base64(content: bytes) -> Iterator[bytes]:
    """Runs of base64 and its URL-safe kin, from each of four places: a run may begin before the encoded text."""
    for match in _BASE64.finditer(content):
        run = re.sub(rb"\\r|\\n|\s", b"", match[0]).translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            part = run[start:]
            part = part[: len(part) - len(part) % 4] if len(part) % 4 == 1 else part + b"=" * (-len(part) % 4)
            try:
                yield base64.b64decode(part)
            except binascii.Error:
                continue


def _hexadecimal(content: bytes) -> Iterator[bytes]:
    for match in _HEX.finditer(content):
        digits = _NOT_HEX.sub(b"", match[0])
        for start in range(2):
            part = digits[start:]
            yield bytes.fromhex(part[: len(part) // 2 * 2].decode("ascii"))


def _numbers(content: bytes) -> Iterator[bytes]:
    """Octets that were printed as a list of numbers."""
    for match in _LIST.finditer(content):
        numbers = [int(number) for number in match[0].split(b",")]
        yield bytes(number for number in numbers if number < 256)


def _escapes(content: bytes) -> Iterator[bytes]:
    r"""``\u0041``, ``\x41`` and ``\101`` of JSON, Python and C, an octet or a character each."""

    def character(match: re.Match[bytes]) -> bytes:
        wide = match[1] or match[2]
        if wide is not None:
            return chr(min(int(wide, 16), 0x10FFFF)).encode("utf-8", errors="ignore")
        return bytes([int(match[3], 16) if match[3] is not None else int(match[4], 8) & 255])

    for line in _lines_with(rb"\\", content):
        yield _ESCAPE.sub(character, line).replace(b"\\\\", b"\\")


def _percent(content: bytes) -> Iterator[bytes]:
    for line in _lines_with(rb"%[0-9A-Fa-f]{2}", content):
        yield unquote_to_bytes(line.replace(b"+", b" "))


def _quoted_printable(content: bytes) -> Iterator[bytes]:
    if _QUOTED.search(content):
        yield quopri.decodestring(content)


def _entities(content: bytes) -> Iterator[bytes]:
    for line in _lines_with(rb"&[#a-zA-Z0-9]+;", content):
        yield html.unescape(line.decode("ascii")).encode("utf-8", errors="ignore")


def _lines_with(mark: bytes, content: bytes) -> Iterator[bytes]:
    marks = re.compile(mark)
    return (line for line in content.split(b"\n") if marks.search(line))


def _spread(content: bytes) -> Iterator[bytes]:
    """Letters with a space or a line between them."""
    for match in re.finditer(rb"(?:[A-Za-z0-9.][ \n\t,|]){8,}", content):
        yield re.sub(rb"[ \n\t,|]", b"", match[0])


OF_OCTETS: dict[str, Decoder] = {
    "utf-16": _without_zeros,
    "deflate": _streams,
    "bz2 or xz": _compressed,
    "archive": _members,
    "png": pictures.inside,
}

OF_TEXT: dict[str, Decoder] = {
    "base64": _base64,
    "hexadecimal": _hexadecimal,
    "numbers": _numbers,
    "escapes": _escapes,
    "percent": _percent,
    "quoted-printable": _quoted_printable,
    "entities": _entities,
    "spread": _spread,
}
"""These see runs of printable characters only."""
