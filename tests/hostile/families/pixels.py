"""Pixels: giant dimensions, codestreams of another size than the header, fragments and offset tables that lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import jpeg_ls
import numpy as np
from openjpeg.utils import encode_array

from tests.hostile.crafting import (
    BIG_ENDIAN,
    DEFLATED,
    END_OF_SEQUENCE,
    EXPLICIT,
    HTJ2K,
    IMPLICIT,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    RLE,
    UNDEFINED,
    Case,
    Encoded,
    element,
    file_case,
    fragments,
    image,
    meta,
    part10,
    words,
)

_SIZES = ((65_535, 65_535), (65_535, 1), (1, 65_535), (0, 0), (0, 512), (40_000, 40_000), (5_000, 5_000))
SIDE = 64
"""Rows and columns of what is true: OpenJPEG's encoder takes nothing smaller than its levels."""

_EOI = b"\xff\xd9"
_JPEG_SOF = {JPEG_BASELINE: 0xC0, JPEG_EXTENDED: 0xC1, JPEG_LOSSLESS: 0xC3, JPEG_LS: 0xF7}
_NAMES = {
    EXPLICIT: "native",
    IMPLICIT: "implicit",
    BIG_ENDIAN: "big endian",
    DEFLATED: "deflated",
    RLE: "RLE",
    JPEG_BASELINE: "JPEG",
    JPEG_EXTENDED: "JPEG of 12 bits",
    JPEG_LOSSLESS: "lossless JPEG",
    JPEG_LS: "JPEG-LS",
    JPEG_2000: "JPEG 2000",
    HTJ2K: "HTJ2K",
}


def cases() -> Iterator[Case]:
    """All of this family."""
    for rows, columns in _SIZES:
        size = f"{rows} by {columns}"
        for syntax in (EXPLICIT, RLE, JPEG_BASELINE, JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K):
            yield file_case(
                f"{_NAMES[syntax]} of {size}, header and stream",
                lambda s=syntax, r=rows, c=columns: _image(s, _stream(s, r, c), r, c),
            )
            yield file_case(
                f"{_NAMES[syntax]}: a stream of {size}", lambda s=syntax, r=rows, c=columns: _image(s, _stream(s, r, c))
            )
            yield file_case(
                f"{_NAMES[syntax]}: a header of {size}",
                lambda s=syntax, r=rows, c=columns: _image(s, _stream(s, SIDE, SIDE), r, c),
            )
    yield from _jpeg_2000()
    yield from _rle()
    yield from _fragments()
    yield from _attributes()
    for syntax in (RLE, JPEG_LS, JPEG_2000):
        yield file_case(
            f"{_NAMES[syntax]} as it should be", lambda s=syntax: _image(s, _stream(s, SIDE, SIDE)), sound=True
        )
    yield file_case("two thousand by two thousand", lambda: part10(image(2_048, 2_048)), sound=True)


def _image(syntax: bytes, frame: bytes, rows: int = SIDE, columns: int = SIDE, changes: Encoded | None = None) -> bytes:
    pixels = element(0x7FE00010, b"OW", frame) if syntax == EXPLICIT else _pixels(fragments(frame))
    return part10(image(rows, columns, changes, pixels), meta(syntax=syntax))


def _pixels(content: bytes) -> bytes:
    return element(0x7FE00010, b"OB", content, UNDEFINED)


def _stream(syntax: bytes, rows: int, columns: int) -> bytes:
    """A small, true codestream where one can be made, with this size written into it."""
    if syntax == EXPLICIT:
        return bytes(2 * SIDE * SIDE)
    if syntax == RLE:
        return rle([b"\x81\0" * 32, b"\x81\0" * 32])
    if syntax in (JPEG_2000, HTJ2K):
        true = encode_array(_ramp(), photometric_interpretation=2)
        at = true.index(b"\xff\x51")
        return true[: at + 6] + struct.pack(">II", columns, rows) + true[at + 14 :]
    if syntax == JPEG_LS:
        true = bytes(jpeg_ls.encode_array(_ramp()))
        at = true.index(b"\xff\xf7")
        return true[: at + 5] + struct.pack(">HH", rows, columns) + true[at + 9 :]
    return _jpeg(_JPEG_SOF[syntax], rows, columns)


def _ramp() -> np.ndarray:
    return np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE)


def _jpeg(sof: int, rows: int, columns: int, components: int = 1, scan: bytes = bytes(64)) -> bytes:
    """SOI, tables of one Huffman code, a frame header, a scan of zeros, EOI (T.81 B)."""
    precision = {0xC0: 8, 0xC1: 12, 0xC3: 16}[sof]
    tables = b"".join(b"\xff\xc4" + struct.pack(">HB", 20, kind) + b"\x01" + bytes(15) + b"\0" for kind in (0x00, 0x10))
    quantisation = b"\xff\xdb" + struct.pack(">HB", 67, 0) + b"\x01" * 64
    of_each = b"".join(bytes((n + 1, 0x11, 0)) for n in range(components))
    frame = (
        bytes((0xFF, sof)) + struct.pack(">HBHHB", 8 + 3 * components, precision, rows, columns, components) + of_each
    )
    last = (1, 0, 0) if sof == 0xC3 else (0, 63, 0)
    start = b"\xff\xda" + struct.pack(">HB", 8, 1) + bytes((1, 0, *last))
    return b"\xff\xd8" + quantisation + tables + frame + start + scan + _EOI


def rle(segments: list[bytes], offsets: list[int] | None = None, count: int | None = None) -> bytes:
    """An RLE frame (PS3.5 G), its header as said or as true."""
    if offsets is None:
        offsets = [64 + sum(map(len, segments[:n])) for n in range(len(segments))]
    table = (offsets + [0] * 15)[:15]
    return struct.pack("<16L", len(segments) if count is None else count, *table) + b"".join(segments)


def _jpeg_2000() -> Iterator[Case]:
    true = encode_array(_ramp(), photometric_interpretation=2)
    at = true.index(b"\xff\x51")

    def patched(offset: int, form: str, *values: int) -> bytes:
        return _image(
            JPEG_2000, true[: at + offset] + struct.pack(form, *values) + true[at + offset + struct.calcsize(form) :]
        )

    yield file_case("JPEG 2000 in tiles of one pixel", lambda: patched(22, ">II", 1, 1))
    yield file_case("JPEG 2000 in tiles of nothing", lambda: patched(22, ">II", 0, 0))
    yield file_case("JPEG 2000 with 16,384 components", lambda: patched(38, ">H", 16_384))
    yield file_case("JPEG 2000 with no component", lambda: patched(38, ">H", 0))
    yield file_case("JPEG 2000 of 4 G by 4 G", lambda: patched(6, ">II", 0xFFFFFFFF, 0xFFFFFFFF))
    yield file_case("JPEG 2000 offset beyond itself", lambda: patched(14, ">II", 0xFFFFFFF0, 0xFFFFFFF0))
    yield file_case(
        "JPEG 2000, far away, of the right size",
        lambda: patched(6, ">IIII", 0xFFFFFF40, 0xFFFFFF40, 0xFFFFFF00, 0xFFFFFF00),
    )
    yield file_case("JPEG 2000 with tiles far away", lambda: patched(22, ">IIII", 1, 1, 0xFFFFFFF0, 0xFFFFFFF0))
    yield file_case("JPEG 2000 of 38 bits", lambda: patched(40, ">B", 37))
    yield file_case("JPEG 2000 sampled every 255th", lambda: patched(41, ">BB", 255, 255))
    cod = true.index(b"\xff\x52")
    for levels in (32, 33, 255):
        changed = true[: cod + 9] + bytes((levels,)) + true[cod + 10 :]
        yield file_case(f"JPEG 2000 with {levels} levels", lambda c=changed: _image(JPEG_2000, c))
    layers = true[: cod + 6] + b"\xff\xff" + true[cod + 8 :]
    yield file_case("JPEG 2000 with 65,535 layers", lambda: _image(JPEG_2000, layers))
    tile = true.index(b"\xff\x90")
    many = true[:tile] + true[tile:-2] * 20_000 + _EOI
    yield file_case("JPEG 2000 with one tile twenty thousand times", lambda: _image(JPEG_2000, many))
    giant = (
        true[: at + 6]
        + struct.pack(">II", 4_096, 4_096)
        + true[at + 14 : at + 22]
        + struct.pack(">II", 1, 1)
        + true[at + 30 :]
    )
    yield file_case("JPEG 2000 of 16 million tiles", lambda: _image(JPEG_2000, giant, 4_096, 4_096))
    black = np.zeros((4_096, 4_096), np.uint16)
    yield file_case(
        "JPEG 2000 of 4,096 by 4,096 zeros",
        lambda: _image(JPEG_2000, encode_array(black, photometric_interpretation=2), 4_096, 4_096),
        sound=True,
    )
    yield file_case(
        "JPEG-LS of 4,096 by 4,096 zeros",
        lambda: _image(JPEG_LS, bytes(jpeg_ls.encode_array(black)), 4_096, 4_096),
        sound=True,
    )


def _rle() -> Iterator[Case]:
    good = b"\x81\0" * 32
    frames = {
        "no segment": rle([]),
        "sixteen segments": rle([good] * 15, count=16),
        "four billion segments": rle([good, good], count=0xFFFFFFFF),
        "offsets beyond the end": rle([good, good], [64, 0xFFFFFFF0]),
        "offsets backwards": rle([good, good], [128, 64]),
        "offsets into the header": rle([good, good], [0, 4]),
        "runs beyond the size": rle([b"\x81\0" * (1 << 20), b"\x81\0" * (1 << 20)]),
        "literals beyond the end": rle([b"\x7f", b"\x7f"]),
        "nothing but fill": rle([b"\x80" * (4 << 20), b"\x80" * (4 << 20)]),
        "half a header": rle([good])[:30],
    }
    for name, frame in frames.items():
        yield file_case(f"RLE with {name}", lambda f=frame: _image(RLE, f))
    big = rle([b"\x81\0" * 131_072, b"\x81\0" * 131_072])
    yield file_case("RLE of 4,096 by 4,096 zeros", lambda: _image(RLE, big, 4_096, 4_096), sound=True)


def _fragments() -> Iterator[Case]:
    def held(content: bytes, syntax: bytes = JPEG_2000) -> bytes:
        return part10(image(SIDE, SIDE, pixels=_pixels(content)), meta(syntax=syntax))

    true = _stream(JPEG_2000, SIDE, SIDE)
    empty = b"\xfe\xff\0\xe0\0\0\0\0"
    for count in (5_000, 1_000_000, 7_000_000):
        yield file_case(f"{count} empty fragments", lambda n=count: held(empty * (n + 1) + END_OF_SEQUENCE))
    yield file_case(
        "a million fragments of two octets",
        lambda: held(empty + (b"\xfe\xff\0\xe0\2\0\0\0ab" * 1_000_000) + END_OF_SEQUENCE),
    )
    yield file_case("fragments never ended", lambda: held(fragments(true, end=b"")))
    yield file_case("a fragment beyond the end", lambda: held(empty + b"\xfe\xff\0\xe0\xfe\xff\xff\xff" + true))
    yield file_case(
        "a fragment without length", lambda: held(empty + b"\xfe\xff\0\xe0\xff\xff\xff\xff" + true + END_OF_SEQUENCE)
    )
    yield file_case("no fragment", lambda: held(END_OF_SEQUENCE))
    yield file_case("neither fragment nor end", lambda: held(b""))
    yield file_case("an offset table of a million", lambda: held(fragments(true, offsets=bytes(4_000_000))))
    yield file_case("an offset table of three octets", lambda: held(empty[:4] + b"\3\0\0\0abc" + fragments(true)[8:]))
    yield file_case("offsets beyond everything", lambda: held(fragments(true, offsets=b"\xff" * 8)))
    yield file_case(
        "a frame in ten thousand fragments",
        lambda: held(fragments(*[true[n : n + 2] for n in range(0, len(true), 2)] * 100)),
    )
    yield file_case("sequences instead of fragments", lambda: held(element(0x00081140, b"SQ", b"", UNDEFINED) * 1_000))
    extended = {
        0x7FE00001: element(0x7FE00001, b"OV", b"\xff" * 80_000),
        0x7FE00002: element(0x7FE00002, b"OV", b"\xff" * 80_000),
    }
    yield file_case("an extended offset table that lies", lambda: _image(JPEG_2000, true, changes=extended))
    for syntax in (RLE, JPEG_BASELINE, JPEG_LS, JPEG_2000):
        yield file_case(f"native pixels called {_NAMES[syntax]}", lambda s=syntax: part10(image(), meta(syntax=s)))
    yield file_case("compressed pixels called native", lambda: held(fragments(true), EXPLICIT))
    yield file_case("forty million octets of compression", lambda: held(fragments(true[:-2] + bytes(40 << 20) + _EOI)))
    yield file_case("seventy million octets of pixels", lambda: _image(EXPLICIT, bytes(70 << 20)))
    for sof in (0xC0, 0xC1, 0xC3):
        yield file_case(
            f"JPEG {sof:x} with 255 components", lambda s=sof: held(fragments(_jpeg(s, SIDE, SIDE, 255)), JPEG_LOSSLESS)
        )
    yield file_case("JPEG of markers", lambda: held(fragments(b"\xff\xd8" + b"\xff" * (8 << 20) + _EOI), JPEG_BASELINE))
    yield file_case(
        "JPEG of empty segments",
        lambda: held(fragments(b"\xff\xd8" + b"\xff\xe0\0\2" * 2_000_000 + _EOI), JPEG_BASELINE),
    )
    yield file_case(
        "JPEG of restarts", lambda: held(fragments(b"\xff\xd8" + b"\xff\xd0" * 4_000_000 + _EOI), JPEG_BASELINE)
    )
    yield file_case(
        "JPEG of segments without length",
        lambda: held(fragments(b"\xff\xd8" + b"\xff\xe0\0\0" * 2_000_000 + _EOI), JPEG_BASELINE),
    )


def _attributes() -> Iterator[Case]:
    for bits in (0, 1, 12, 64, 65_535):
        yield file_case(
            f"{bits} bits allocated",
            lambda b=bits: part10(image(changes={0x00280100: element(0x00280100, b"US", words(b))})),
        )
        yield file_case(
            f"{bits} bits stored",
            lambda b=bits: part10(image(changes={0x00280101: element(0x00280101, b"US", words(b))})),
        )
        yield file_case(
            f"high bit {bits}", lambda b=bits: part10(image(changes={0x00280102: element(0x00280102, b"US", words(b))}))
        )
    for samples in (0, 3, 65_535):
        yield file_case(
            f"{samples} samples",
            lambda s=samples: part10(image(changes={0x00280002: element(0x00280002, b"US", words(s))})),
        )
    for frames in (b"0", b"-1", b"2147483647", b"9" * 400):
        yield file_case(
            f"{frames[:12].decode()} frames",
            lambda f=frames: part10(image(changes={0x00280008: element(0x00280008, b"IS", f)})),
        )
    wide = {0x00280010: element(0x00280010, b"UL", b"\0\0\0\x80"), 0x00280011: element(0x00280011, b"DS", b"1e300")}
    yield file_case("rows as a number of 32 bits", lambda: part10(image(changes=wide)))
    for what, value in {"slope": b"1e308", "intercept": b"-1e308"}.items():
        tag = {"slope": 0x00281053, "intercept": 0x00281052}[what]
        yield file_case(
            f"a {what} beyond numbers", lambda t=tag, v=value: part10(image(changes={t: element(t, b"DS", v)}))
        )
