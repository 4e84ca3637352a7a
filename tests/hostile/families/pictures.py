"""Folders that somebody else made, for `miner check`: pictures that blow up, tables and records without end."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from miner.dataset.dl_info import HEADER
from tests.hostile.crafting import Case

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = ",".join(HEADER) + "\n"
_ROW = (
    '000001_01_01_002.png,1,1,1,2,"1, 1, 9, 9, 2, 8, 8, 2","0, 0, 14, 14","11.3, 8.4","0.5, 0.5, 0.5",-1,0,"1, 3",'
    '"0.7, 0.7, 5","512, 512","-175, 275",F,61,1\n'
)


def cases() -> Iterator[Case]:
    """All of this family."""
    for name, content in _pictures().items():
        yield Case(f"a picture: {name}", "release", lambda folder, c=content: _with_picture(folder, c))
    for name, content in _tables().items():
        yield Case(f"a table: {name}", "release", lambda folder, c=content: _with_table(folder, c))
    for name, content in _records().items():
        yield Case(f"release.json: {name}", "release", lambda folder, c=content: _with_record(folder, c))
    yield Case("a picture: 5 GB that are not there", "release", _sparse)
    yield Case("a picture that is a pipe", "release", _pipe)
    yield Case("a folder of pictures that is a link", "release", _linked)


def _chunk(kind: bytes, content: bytes = b"", length: int | None = None) -> bytes:
    length = len(content) if length is None else length
    return struct.pack(">L", length) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


def _png(columns: int, rows: int, data: bytes, *more: bytes, depth: int = 16, interlace: int = 0) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, depth, 0, 0, 0, interlace))
    return _SIGNATURE + head + b"".join(more) + _chunk(b"IDAT", data) + _chunk(b"IEND")


def _zeros(octets: int) -> bytes:
    """So many zeros in zlib's format, a thousandth of their size."""
    block = 1 << 24
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    once = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + once * (octets // block) + b"\x03\x00" + bytes(4)


def _pictures() -> dict[str, Callable[[], bytes]]:
    small = zlib.compress(bytes(1_025 * 512))
    return {
        "2 G by 2 G": lambda: _png(0x7FFFFFFF, 0x7FFFFFFF, small),
        "4 G by 4 G": lambda: _png(0xFFFFFFFF, 0xFFFFFFFF, small),
        "65,535 by 65,535 of zeros": lambda: _png(65_535, 65_535, _zeros(8 << 30)),
        "30,000 by 30,000 of zeros": lambda: _png(30_000, 30_000, _zeros(30_000 * 60_001)),
        "a bomb of 10 GB": lambda: _png(512, 512, _zeros(10 << 30)),
        "nothing by nothing": lambda: _png(0, 0, small),
        "interlaced, 40,000 by 40,000": lambda: _png(40_000, 40_000, _zeros(6 << 30), interlace=1),
        "a text of 1 GB": lambda: _png(512, 512, small, _chunk(b"zTXt", b"Comment\0\0" + _zeros(1 << 30))),
        "a profile of 1 GB": lambda: _png(512, 512, small, _chunk(b"iCCP", b"x\0\0" + _zeros(1 << 30))),
        "a chunk of 4 GB": lambda: _SIGNATURE + _chunk(b"IHDR", bytes(13), 0xFFFFFFFF),
        "a million empty chunks": lambda: _png(512, 512, small, _chunk(b"abCd") * 1_000_000),
        "a million texts": lambda: _png(512, 512, small, _chunk(b"tEXt", b"a\0b") * 1_000_000),
        "a script behind it": lambda: _png(512, 512, small) + b"<script>" * 100_000,
        "none": lambda: b"\0" * 100,
    }


def _tables() -> dict[str, Callable[[], bytes]]:
    return {
        "a field of 100 MB": lambda: _HEADER.encode() + b'"' + b"x" * (100 << 20) + b'"\n',
        "a quote never closed": lambda: _HEADER.encode() + b'"' + b"\n" * 1_000_000,
        "a million commas": lambda: _HEADER.encode() + b"," * 1_000_000 + b"\n",
        "zeros": lambda: bytes(1 << 20),
        "ten thousand equal rows": (_HEADER + _ROW * 10_000).encode,
        "a path for a name": (_HEADER + _ROW.replace("000001_01_01_002.png", "../../outside/canary")).encode,
        "a range of a billion": (_HEADER + _ROW.replace('"1, 3"', '"1, 999999999"')).encode,
        "ranges of a million, hundredfold": (
            _HEADER + "".join(_ROW.replace('"1, 3"', f'"1, {900_000 + n}"') for n in range(100))
        ).encode,
        "a size of a billion": (_HEADER + _ROW.replace("512, 512", "999999999, 999999999")).encode,
        "numbers of a thousand digits": (_HEADER + _ROW.replace("1, 1, 9, 9", "1, 1, 9, " + "9" * 100_000)).encode,
        "a formula": (_HEADER + _ROW.replace("F,61", "=1+1,61")).encode,
    }


def _records() -> dict[str, Callable[[], bytes]]:
    return {
        "a hundred thousand deep": lambda: b"[" * 100_000,
        "objects a hundred thousand deep": lambda: b'{"a":' * 100_000,
        "a number of a million digits": lambda: b'{"release":' + b"9" * 1_000_000 + b"}",
        "100 MB of blanks": lambda: b" " * (100 << 20) + b"{}",
        "a million keys": lambda: b"{" + b",".join(b'"%d":0' % n for n in range(1_000_000)) + b"}",
        "a path for a file": lambda: b'{"schema":"bookmark-miner/release/1","files":{"../../outside/canary":"0"}}',
        "no object": lambda: b"null",
    }


def _with_picture(folder: Path, content: Callable[[], bytes]) -> None:
    _with_table(folder, (_HEADER + _ROW).encode)
    for number in (1, 2, 3):
        (folder / "Images_png" / "000001_01_01" / f"00{number}.png").write_bytes(content())


def _with_table(folder: Path, content: Callable[[], bytes]) -> None:
    (folder / "Images_png" / "000001_01_01").mkdir(parents=True)
    (folder / "DL_info.csv").write_bytes(content())


def _with_record(folder: Path, content: Callable[[], bytes]) -> None:
    _with_table(folder, (_HEADER + _ROW).encode)
    (folder / "release.json").write_bytes(content())


def _sparse(folder: Path) -> None:
    _with_table(folder, (_HEADER + _ROW).encode)
    with (folder / "Images_png" / "000001_01_01" / "002.png").open("wb") as file:
        file.write(_SIGNATURE)
        file.truncate(5 << 30)


def _pipe(folder: Path) -> None:
    _with_table(folder, (_HEADER + _ROW).encode)
    os.mkfifo(folder / "Images_png" / "000001_01_01" / "002.png")


def _linked(folder: Path) -> None:
    (folder / "DL_info.csv").write_text(_HEADER + _ROW)
    (folder / "Images_png").symlink_to(folder.parent / "outside")
