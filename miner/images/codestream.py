"""What a compressed image says about itself: the frame headers of its codestream.

JPEG and JPEG-LS: ITU-T T.81 B.2.2, T.87 C.2.2. JPEG 2000 and HTJ2K: T.800 A.5.1, T.814.

DICOM describes the pixels twice, in the Image Pixel module and in the codestream, and the two disagree in the wild. The
stream decides how it is decoded; where its size differs from the module's, or its end is missing, nothing is decoded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SOI = b"\xff\xd8"
_SOC_SIZ = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
"""EOI of JPEG and JPEG-LS; EOC of JPEG 2000 has the same code."""

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
"""Start of frame: T.81 table B.1 and JPEG-LS's SOF55."""

_MOST_TILES = 65_535
"""Tiles of a JPEG 2000 codestream: their index has 16 bits (T.800 A.4.2). Decoders set aside memory for each."""

_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


class CodestreamError(ValueError):
    """The codestream is cut short or is not one; says why, without any of its values."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """``precision``: bits per sample. ``signed``: only JPEG 2000 can say so; JPEG and JPEG-LS samples are unsigned."""

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool


def read_header(frame: bytes) -> FrameHeader:
    """Frame header of one complete codestream. Raises CodestreamError where it is not one, or has no end marker."""
    if frame.startswith(_SOC_SIZ):
        header = _jpeg_2000(frame)
    elif frame.startswith(_SOI):
        header = _jpeg(frame)
    else:
        raise CodestreamError("the compressed data does not begin like an image")
    # Decoders fill what is missing with grey or with coarser detail and say nothing: the end marker is our proof. Only
    # padding may stand behind it (PS3.5 A.4: an even length, some writers more).
    if not frame.rstrip(b"\x00").endswith(_END) and not frame.rstrip(b"\x00\xff").endswith(_END):
        raise CodestreamError("the compressed data has no end marker, it was cut short")
    return header


def starts_image(fragment: bytes) -> bool:
    """True for the first bytes of a codestream."""
    return fragment.startswith((_SOI + b"\xff", _SOC_SIZ))


def _jpeg(frame: bytes) -> FrameHeader:
    at = len(_SOI)
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            raise CodestreamError("the compressed data is damaged before its frame header")
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte, T.81 B.1.1.2
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        if marker in _SOF:
            return _start_of_frame(frame, at + 4)
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    raise CodestreamError("the compressed data has no frame header")


def _start_of_frame(frame: bytes, at: int) -> FrameHeader:
    if at + 6 > len(frame):
        raise CodestreamError("the compressed data ends in its frame header")
    precision, rows, columns, components = struct.unpack_from(">BHHB", frame, at)
    return FrameHeader(rows, columns, components, precision, signed=False)


def _jpeg_2000(frame: bytes) -> FrameHeader:
    # SIZ behind its marker: Lsiz, Rsiz, Xsiz, Ysiz, XOsiz, YOsiz, four of the tiles, Csiz, then Ssiz of each component.
    if len(frame) < 4 + 39:
        raise CodestreamError("the compressed data ends in its frame header")
    right, bottom, left, top = struct.unpack_from(">IIII", frame, 8)
    components, depth = struct.unpack_from(">HB", frame, 40)
    tile_width, tile_height, tiles_left, tiles_top = struct.unpack_from(">IIII", frame, 24)
    across, down = (
        -(-(end - start) // size) if size else 0
        for end, start, size in ((right, tiles_left, tile_width), (bottom, tiles_top, tile_height))
    )
    if not 1 <= across * down <= _MOST_TILES:
        raise CodestreamError("the compressed data has no tiles, or more than can be numbered")
    return FrameHeader(bottom - top, right - left, components, (depth & 0x7F) + 1, signed=bool(depth & 0x80))
