"""A PNG taken apart (ISO/IEC 15948): its text chunks, and its rows as numbers that may spell something."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_OFFSETS = (0, 32768, 32768 - 1024, 1024)
"""What was added to a stored value on its way: nothing, the dataset's 32768, with CT's usual intercept, that alone."""


def inside(content: bytes) -> Iterator[bytes]:
    """Everything that PNGs within ``content`` hold beyond their octets."""
    start = content.find(SIGNATURE)
    while start >= 0:
        after = content.find(SIGNATURE, start + 1)
        yield from _chunks(content[start:])
        yield from _pixels(content[start : after if after > 0 else None])
        start = after


def _chunks(content: bytes) -> Iterator[bytes]:
    """Payload of each chunk; its compressed text too."""
    place = len(SIGNATURE)
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind, payload = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        if kind not in (b"IDAT", b"IHDR", b"IEND"):
            yield payload
        if kind in (b"zTXt", b"iCCP", b"iTXt"):
            for start in range(len(payload)):
                if payload[start : start + 1] == b"\x78":
                    yield _tolerant(payload[start:])
        place += length + 12
        if kind == b"IEND":
            return


def _tolerant(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content)
    except zlib.error:
        return b""


def _pixels(content: bytes) -> Iterator[bytes]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return
    yield from readings(pixels)


def readings(pixels: NDArray[np.generic]) -> Iterator[bytes]:
    """Rows, and columns, as octets: both octets of each value in either order, and each alone, less what was added."""
    for values in (pixels, pixels.swapaxes(0, 1)):
        if values.dtype.itemsize == 1:
            yield values.tobytes()
            continue
        wide = values.astype(np.int64)
        for offset in _OFFSETS:
            shifted = ((wide - offset) & 0xFFFF).astype("<u2")
            yield shifted.tobytes()
            yield shifted.astype(">u2").tobytes()
        yield (wide & 0xFF).astype(np.uint8).tobytes()
        yield ((wide >> 8) & 0xFF).astype(np.uint8).tobytes()
