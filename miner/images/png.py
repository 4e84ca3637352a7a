"""16-bit grey PNG: written with the same bytes on every machine, read strictly (W3C PNG, third edition, 5 and 9).

Why not an imaging library for writing: a release promises equal bytes for equal input, and a hash of each PNG stands in
the catalogue, so the compressor's output may depend on nothing but its version. Measured on 37 real CT slices of
512 x 512 (CPU ms per slice for filter and compression; size over raw; bytes under emulated x86 processors without AVX,
with AVX2 and with AVX-512):

====================================  =====  =====  =====================================================
Pillow, defaults                       95.3  0.476  depends on the zlib or zlib-ng it was built with
Pillow, level 1 and run lengths        12.9  0.473  likewise
"sub" filter, zlib level 1              7.6  0.514  likewise: some Pythons are built with zlib-ng
"sub" filter, zlib, Huffman only        5.1  0.490  likewise
"sub" filter, ISA-L level 3             3.3  0.502  three different outputs on three kinds of processor
"sub" filter, libdeflate level 1        3.9  0.493  the same bytes on all of them: chosen
====================================  =====  =====  =====================================================

Sub predicts a CT pixel slightly better than up (0.493 against 0.502), and one filter for all rows needs no search.
libdeflate comes in the wheel of ``deflate``, whose version is pinned: another one may write other, equally valid bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import deflate
import numpy as np
import numpy.typing as npt
from PIL import Image

from miner.errors import ObjectError, Reason

UInt16Image = npt.NDArray[np.uint16]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SUB = 1
_LEVEL = 1
_BYTES_PER_PIXEL = 2


def encode_png(values: UInt16Image) -> bytes:
    """PNG file of one image of shape (rows, columns), dtype uint16: 16-bit grey, one channel, no ancillary chunk.

    The same array gives the same bytes on every machine. Raises ValueError for another shape or dtype.
    """
    if values.ndim != 2 or values.dtype != np.uint16 or values.size == 0:
        raise ValueError("a PNG is made of a non-empty two-dimensional array of uint16")
    rows, columns = values.shape
    header = struct.pack(">IIBBBBB", columns, rows, 16, 0, 0, 0, 0)
    body = bytes(deflate.zlib_compress(_scanlines(values).tobytes(), _LEVEL))
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _scanlines(values: UInt16Image) -> npt.NDArray[np.uint8]:
    """Filtered scanlines, each with its filter type in front: byte minus the same byte of the pixel to the left."""
    samples = np.ascontiguousarray(values, ">u2").view(np.uint8)
    lines = np.empty((samples.shape[0], samples.shape[1] + 1), np.uint8)
    lines[:, 0] = _SUB
    lines[:, 1 : 1 + _BYTES_PER_PIXEL] = samples[:, :_BYTES_PER_PIXEL]
    np.subtract(samples[:, _BYTES_PER_PIXEL:], samples[:, :-_BYTES_PER_PIXEL], out=lines[:, 1 + _BYTES_PER_PIXEL :])
    return lines


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind)))


def decode_png(data: bytes) -> UInt16Image:
    """Values of a 16-bit grey PNG of any writer, shape (rows, columns), dtype uint16.

    Raises ObjectError(BROKEN_PIXELS) where a chunk is damaged, cut short or missing, ObjectError(BITS_STORED) where the
    image is not 16-bit grey with one channel.
    """
    if _colour_form(data) != (16, 0):
        raise ObjectError("The PNG is not 16-bit grey with one channel.", Reason.BITS_STORED)
    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as image:
            values = np.array(image)
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error, struct.error, Image.DecompressionBombError):
        raise _broken("its image data cannot be decompressed") from None
    if values.ndim != 2 or values.dtype.kind not in "ui":
        raise _broken("it decodes to another shape than its header says")
    return values.astype(np.uint16, copy=False)


def _colour_form(data: bytes) -> tuple[int, int]:
    """(bit depth, colour type), once every chunk's checksum was recomputed (decoders skip those of the image data)."""
    form: tuple[int, int] | None = None
    kinds = []
    for kind, payload in _chunks(data):
        kinds.append(kind)
        if kind == b"IHDR" and len(payload) == 13:
            form = (payload[8], payload[9])
    if form is None or kinds[0] != b"IHDR" or b"IDAT" not in kinds or kinds[-1] != b"IEND":
        raise _broken("a chunk that every PNG needs is missing")
    return form


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and payload of each chunk up to IEND."""
    if not data.startswith(SIGNATURE):
        raise _broken("it does not begin like a PNG")
    at = len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise _broken("it is cut short")
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise _broken("it is cut short")
        kind, payload = data[at + 4 : at + 8], data[at + 8 : end]
        if zlib.crc32(payload, zlib.crc32(kind)) != struct.unpack_from(">I", data, end)[0]:
            raise _broken("the checksum of a chunk does not match")
        yield kind, payload
        if kind == b"IEND":
            return
        at = end + 4


def _broken(why: str) -> ObjectError:
    return ObjectError(f"The PNG is damaged: {why}.", Reason.BROKEN_PIXELS)
