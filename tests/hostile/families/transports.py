"""What comes beside objects: folders and DICOMDIRs, multipart bodies, answers in JSON."""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.hostile.crafting import (
    IMAGE,
    SERIES,
    STUDY,
    UNDEFINED,
    Case,
    element,
    image_file,
    item,
    meta,
    part10,
    sequence,
)
from tests.hostile.families.paths import HOSTILE_UIDS

_DIRECTORY = b"1.2.840.10008.1.3.10"
BOUNDARY = b"a-boundary"


def cases() -> Iterator[Case]:
    """All of this family."""
    yield from _folders()
    for name, content in _directories().items():
        yield Case(f"a DICOMDIR: {name}", "tree", lambda folder, c=content: _with_directory(folder, c))
    for name, content in _bodies().items():
        yield Case(f"a body: {name}", "body", lambda folder, c=content: (folder / "body.bin").write_bytes(c()))
    for name, content in _answers().items():
        yield Case(f"an answer: {name}", "answer", lambda folder, c=content: (folder / "answer.json").write_bytes(c()))


# ------------------------------------------------------------------------------------------------------------- folders


def _folders() -> Iterator[Case]:
    def plain(folder: Path) -> None:
        (folder / "IM0001").write_bytes(image_file())

    def links(folder: Path) -> None:
        plain(folder)
        outside = folder.parent / "outside"
        (folder / "canary").symlink_to(outside / "canary")
        (folder / "out").symlink_to(outside)
        (folder / "up").symlink_to("../..")
        (folder / "root").symlink_to("/")
        (folder / "round").symlink_to("round")
        (folder / "here").symlink_to(".")
        (folder / "nowhere").symlink_to("/nonexistent/x")

    def pipes(folder: Path) -> None:
        plain(folder)
        os.mkfifo(folder / "pipe.dcm")
        os.mkfifo(folder / "DICOMDIR")
        door = socket.socket(socket.AF_UNIX)
        os.chdir(folder)
        door.bind("door.dcm")

    def names(folder: Path) -> None:
        plain(folder)
        for name in (
            b"-rf",
            b"a\nb.dcm",
            b"\xff\xfe.dcm",
            b"$(touch x).dcm",
            b" ",
            b"~",
            b"x" * 255,
            b".."[:1] + b"hidden",
        ):
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(image_file())

    def deep(folder: Path) -> None:
        plain(folder)
        here = os.open(folder, os.O_RDONLY)
        for _ in range(400):
            os.mkdir("a" * 100, dir_fd=here)
            below = os.open("a" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)

    def many(folder: Path) -> None:
        plain(folder)
        for n in range(5_000):
            (folder / f"{n}.dcm").touch()

    def closed(folder: Path) -> None:
        plain(folder)
        (folder / "closed").mkdir(mode=0)
        (folder / "closed.dcm").touch(mode=0)

    def linked_directory(folder: Path) -> None:
        plain(folder)
        (folder / "DICOMDIR").symlink_to(folder.parent / "outside" / "canary")

    made: dict[str, Callable[[Path], None]] = {
        "links out of it": links,
        "pipes and sockets": pipes,
        "odd names": names,
        "four hundred folders deep": deep,
        "five thousand empty files": many,
        "closed doors": closed,
        "a DICOMDIR that is a link": linked_directory,
    }
    for name, write in made.items():
        yield Case(f"a folder with {name}", "tree", write)


def _record(kind: bytes, following: int, below: int, *, file: bytes = b"", uid: bytes = IMAGE) -> bytes:
    return (
        element(0x00041400, b"UL", struct.pack("<L", following))
        + element(0x00041410, b"US", b"\xff\xff")
        + element(0x00041420, b"UL", struct.pack("<L", below))
        + element(0x00041430, b"CS", kind)
        + (element(0x00041500, b"CS", file) if file else b"")
        + element(0x00041510, b"UI", b"1.2.840.10008.5.1.4.1.1.2")
        + element(0x00041511, b"UI", uid[:60_000])
        + element(0x0020000D, b"UI", STUDY)
        + element(0x0020000E, b"UI", SERIES)
    )


def _directory(records: list[bytes], first: int = 0, last: bytes = b"") -> bytes:
    head = element(0x00041200, b"UL", struct.pack("<L", first))
    return part10(head + sequence(0x00041220, records) + last, meta(_DIRECTORY, b"2.25.8"))


_FILES = {
    "up": b"..\\..\\outside\\canary",
    "absolute": b"\\etc\\passwd",
    "slashes": b"../../outside/canary",
    "a drive": b"C:\\x",
    "zeros": b"IM\0/../../outside/canary",
    "nothing": b"\\\\\\\\",
    "a thousand parts": b"\\".join([b".."] * 1_000),
    "the device": b"CON",
    "its own": b"DICOMDIR",
}


def _directories() -> dict[str, Callable[[], bytes]]:
    found: dict[str, Callable[[], bytes]] = {
        f"a file that is {name}": lambda f=file: _directory([_record(b"IMAGE", 0, 0, file=f)])  # type: ignore[misc]
        for name, file in _FILES.items()
    }
    found |= {
        f"a UID that is {name}": lambda u=uid: _directory([_record(b"IMAGE", 0, 0, file=b"GONE", uid=u)])  # type: ignore[misc]
        for name, uid in HOSTILE_UIDS.items()
    }
    ring = [_record(b"PATIENT", 400, 400, file=b"IM0001")] * 3
    inner = element(0x00041220, b"SQ", b"", UNDEFINED) + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    found |= {
        "a ring of records": lambda: _directory(ring, 400),
        "offsets beyond everything": lambda: _directory([_record(b"IMAGE", 0xFFFFFFFF, 0xFFFFFFFE)], 0xFFFFFFFD),
        "forty thousand records": lambda: _directory([_record(b"IMAGE", 0, 0, file=b"IM0001")] * 40_000),
        "a million empty records": lambda: part10(
            element(0x00041220, b"SQ", item(b"") * 1_000_000), meta(_DIRECTORY, b"2.25.8")
        ),
        "ten thousand deep": lambda: part10(inner * 10_000, meta(_DIRECTORY, b"2.25.8")),
        "no record": lambda: _directory([]),
        "a text instead": lambda: part10(element(0x00041220, b"LO", b"x"), meta(_DIRECTORY, b"2.25.8")),
    }
    return found


def _with_directory(folder: Path, content: Callable[[], bytes]) -> None:
    (folder / "IM0001").write_bytes(image_file())
    (folder / "DICOMDIR").write_bytes(content())


# -------------------------------------------------------------------------------------------------------------- bodies


def _part(content: bytes, header: bytes = b"Content-Type: application/dicom") -> bytes:
    return b"\r\n--" + BOUNDARY + b"\r\n" + header + b"\r\n\r\n" + content


_CLOSE = b"\r\n--" + BOUNDARY + b"--"


def _bodies() -> dict[str, Callable[[], bytes]]:
    named = b'Content-Type: application/dicom\r\nContent-Disposition: attachment; filename="%s"'
    found: dict[str, Callable[[], bytes]] = {
        f"a file name that is {name}": lambda u=uid: _part(image_file(), named % u) + _CLOSE  # type: ignore[misc]
        for name, uid in HOSTILE_UIDS.items()
        if b"\n" not in uid and len(uid) < 1_000
    }
    located = b"Content-Type: application/dicom\r\nContent-Location: ../../outside/written"
    return found | {
        "as it should be": lambda: _part(image_file()) + _CLOSE,
        "a location": lambda: _part(image_file(), located) + _CLOSE,
        "nothing": lambda: b"",
        "a preamble of 100 MB": lambda: bytes(100 << 20) + _part(image_file()) + _CLOSE,
        "a header of 100 MB": lambda: _part(image_file(), b"X: " + b"y" * (100 << 20)) + _CLOSE,
        "a hundred thousand header lines": lambda: _part(image_file(), b"\r\n".join([b"X: y"] * 100_000)) + _CLOSE,
        "a million empty parts": lambda: (b"\r\n--" + BOUNDARY + b"\r\n\r\n") * 1_000_000 + _CLOSE,
        "a part of 100 MB": lambda: _part(bytes(100 << 20)) + _CLOSE,
        "an object of 100 MB": lambda: _part(image_file() + bytes(100 << 20)) + _CLOSE,
        "nearly the boundary, again and again": lambda: _part(b"\r\n--a-boundar" * 1_000_000) + _CLOSE,
        "carriage returns": lambda: _part(b"\r" * 30_000_000) + _CLOSE,
        "never closed": lambda: _part(image_file()),
        "closed at once": lambda: _CLOSE,
        "blanks behind the boundary": lambda: (
            b"\r\n--" + BOUNDARY + b" " * 300_000 + b"\r\n\r\n" + image_file() + _CLOSE
        ),
        "a head that never ends": lambda: _part(bytes(128) + b"DICM" + meta() * 10_000) + _CLOSE,
        "a zip": lambda: _part(gzip.compress(image_file(), mtime=0)) + _CLOSE,
        "the object twice": lambda: _part(image_file()) * 2 + _CLOSE,
        "two that differ": lambda: _part(image_file()) + _part(image_file({0x00100040: b""})) + _CLOSE,
    }


# ------------------------------------------------------------------------------------------------------------- answers


def _answers() -> dict[str, Callable[[], bytes]]:
    def row(uid: str = "2.25.3", **more: object) -> dict[str, object]:
        values = {"0020000D": "2.25.1", "0020000E": "2.25.2", "00080018": uid, **more}
        return {
            tag: {"vr": "UI", "Value": value if isinstance(value, list) else [value]} for tag, value in values.items()
        }

    found: dict[str, Callable[[], bytes]] = {
        f"a UID that is {name}": lambda u=uid: json.dumps([row(u.decode("latin-1"))]).encode()  # type: ignore[misc]
        for name, uid in HOSTILE_UIDS.items()
    }
    return found | {
        "as it should be": lambda: json.dumps([row()]).encode(),
        "nothing": lambda: b"",
        "a page": lambda: b"<html>",
        "a hundred thousand deep": lambda: b"[" * 100_000 + b"]" * 100_000,
        "objects a hundred thousand deep": lambda: b'[{"a":' * 100_000,
        "a hundred thousand rows": lambda: json.dumps([row()] * 100_000).encode(),
        "a row of a hundred thousand elements": lambda: json.dumps([{f"{n:08X}": {} for n in range(100_000)}]).encode(),
        "a value of 16 MB": lambda: json.dumps([row("1" * (16 << 20))]).encode(),
        "a million values": lambda: json.dumps([row("2.25.3", **{"00200032": [1.5] * 1_000_000})]).encode(),
        "a number of a million digits": lambda: b'[{"00080018":{"vr":"UI","Value":[' + b"9" * 1_000_000 + b"]}}]",
        "a number beyond numbers": lambda: b'[{"00200013":{"vr":"IS","Value":[1e999999]}}]',
        "no numbers": lambda: b'[{"00280010":{"vr":"US","Value":[NaN,-Infinity,true,null,{},[]]}}]',
        "halves of characters": lambda: b'[{"00080018":{"vr":"UI","Value":["\\ud800","\\u0000"]}}]',
        "a value that is no list": lambda: b'[{"00080018":{"vr":"UI","Value":{"0":"x"}}}]',
        "rows that are none": lambda: b'[1,"x",null,[]]',
        "bulk data elsewhere": lambda: b'[{"00080018":{"vr":"UI","BulkDataURI":"file:///etc/passwd"}}]',
        "forty million octets of blanks": lambda: b" " * 40_000_000 + b"[]",
        "one key a million times": lambda: b"[{" + b",".join([b'"00080018":{}'] * 1_000_000) + b"}]",
    }
