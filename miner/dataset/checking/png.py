"""One PNG file: header, every chunk, and its image data decompressed (W3C PNG, third edition, 5 and 11)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from miner.dataset.checking.findings import Code
from miner.dataset.checking.reading import LARGEST_PICTURE, read_ordinary
from miner.limits import MOST_PIXELS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT_CHUNKS = {b"tEXt": "text", b"zTXt": "text", b"iTXt": "text", b"tIME": "a time", b"eXIf": "Exif data"}
"""Chunks that may carry an identifier."""

_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass(frozen=True, slots=True)
class Png:
    """What a file turned out to be. ``size`` is columns, rows; None where the header cannot be read."""

    size: tuple[int, int] | None
    faults: tuple[tuple[Code, str], ...]


def examine(path: Path) -> Png:
    """Read one PNG through to its end."""
    try:
        data = read_ordinary(path, LARGEST_PICTURE)
    except OSError as error:
        return Png(None, ((Code.PNG_UNREADABLE, f"cannot be read ({type(error).__name__})"),))
    return examine_bytes(data)


def examine_bytes(data: bytes) -> Png:
    """As :func:`examine`, for the file's bytes."""
    if not data.startswith(SIGNATURE):
        return _broken("is no PNG file")
    faults: list[tuple[Code, str]] = []
    header: tuple[int, int, int, int, int] | None = None
    packed: list[bytes] = []
    at = len(SIGNATURE)
    while True:
        if at + 12 > len(data):
            return _broken("is cut short", header)
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 8 + length
        if end + 4 > len(data):
            return _broken("is cut short", header)
        payload = data[at + 8 : end]
        if zlib.crc32(data[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return _broken("is damaged: the checksum of a chunk does not match", header)
        at = end + 4
        if header is None:
            if kind != b"IHDR" or length != 13:
                return _broken("is damaged: it does not begin with a header")
            columns, rows, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", payload)
            header = columns, rows, depth, colour, interlace
        elif kind == b"IDAT":
            packed.append(payload)
        elif kind in TEXT_CHUNKS:
            fault = (Code.PNG_TEXT, f"carries {TEXT_CHUNKS[kind]} ({kind.decode()} chunk), which may name somebody")
            faults += [fault] if fault not in faults else []
        elif kind == b"IEND":
            break
    if at != len(data):
        faults.append((Code.PNG_TRAILING, f"{len(data) - at} bytes follow the end of the picture"))
    faults += _form_faults(header)
    faults += _data_faults(header, b"".join(packed))
    return Png(header[:2], tuple(faults))


def _broken(words: str, header: tuple[int, int, int, int, int] | None = None) -> Png:
    return Png(header[:2] if header else None, ((Code.PNG_UNREADABLE, words),))


def _form_faults(header: tuple[int, int, int, int, int]) -> list[tuple[Code, str]]:
    _, _, depth, colour, _ = header
    faults = []
    if colour != 0:
        faults.append(
            (Code.PNG_CHANNELS, f"is {_COLOURS.get(colour, 'of an unknown colour type')}, not grey with one channel")
        )
    if depth != 16:
        faults.append((Code.PNG_DEPTH, f"has {depth} bits a sample instead of 16: Hounsfield units do not fit"))
    return faults


def _data_faults(header: tuple[int, int, int, int, int], packed: bytes) -> list[tuple[Code, str]]:
    """Decompress, and count: every row has a filter byte and its samples. Interlaced pictures are only decompressed."""
    columns, rows, depth, colour, interlace = header
    width = (columns * depth * _SAMPLES.get(colour, 1) + 7) // 8
    expected = rows * (width + 1)
    if columns * rows > MOST_PIXELS:
        return [(Code.PNG_UNREADABLE, "says that it has more pixels than any slice")]
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, expected * (2 if interlace else 1) + 4096)
    except zlib.error:
        return [(Code.PNG_UNREADABLE, "is damaged: its image data cannot be decompressed")]
    if not stream.eof or not expected or (len(plain) != expected and not interlace):
        return [(Code.PNG_UNREADABLE, "is damaged: its image data is not as long as its header says")]
    if not interlace and any(plain[at] > 4 for at in range(0, expected, width + 1)):
        return [(Code.PNG_UNREADABLE, "is damaged: a row has an unknown filter")]
    return []
