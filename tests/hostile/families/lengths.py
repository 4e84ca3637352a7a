"""Lengths that lie, structures that are cut off or go on, files that are something else as well."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from tests.hostile.crafting import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    LINE,
    OBJECT,
    STATE,
    Case,
    element,
    file_case,
    image,
    image_file,
    implicit,
    meta,
    part10,
    report_file,
    sequence,
    state,
    state_file,
)

LIES = {
    "4 GB": 0xFFFFFFFE,
    "undefined": 0xFFFFFFFF,
    "2 GB": 0x7FFFFFFF,
    "minus 2 GB": 0x80000000,
    "odd": 3,
    "1 GB": 1 << 30,
}
_TAGS = {
    "rows": (0x00280010, b"US"),
    "a name": (0x00100010, b"PN"),
    "a UID": (0x0020000D, b"UI"),
    "a sequence": (0x00081140, b"SQ"),
    "a private element": (0x00091010, b"OB"),
    "an unknown": (0x00091011, b"UN"),
    "a long text": (0x00184000, b"UT"),
    "pixels": (0x7FE00010, b"OW"),
}
_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0"
_POLYGLOTS = {
    "ELF": _ELF,
    "Windows": b"MZ\x90\0" + bytes(56) + b"\x80\0\0\0",
    "TIFF": b"II*\0\x08\0\0\0",
    "PDF": b"%PDF-1.7\n1 0 obj<</OpenAction 2 0 R>>endobj\n",
    "a script": b"#!/bin/sh\ntouch ../outside/ran\nexit\n",
    "a zip": b"PK\x03\x04" + bytes(26),
    "a page": b"<html><script src=//x></script>",
    "pickle": b"cos\nsystem\n(S'touch ../outside/ran'\ntR.",
}


def cases() -> Iterator[Case]:
    """All of this family."""
    for what, (tag, vr) in _TAGS.items():
        for lie, length in LIES.items():
            wrong = element(tag, vr, b"\x08\0", length)
            yield file_case(f"{what}: a length of {lie}", lambda t=tag, w=wrong: image_file({t: w}))
    for lie, length in LIES.items():
        yield file_case(
            f"a state's graphics: a length of {lie}",
            lambda n=length: state_file(changes={0x00700001: element(0x00700001, b"SQ", b"\xfe\xff\0\xe0", n)}),
        )
        yield file_case(
            f"an item's length of {lie}",
            lambda n=length: state_file(
                changes={0x00700001: element(0x00700001, b"SQ", b"\xfe\xff\0\xe0" + struct.pack("<L", n))}
            ),
        )
        yield file_case(
            f"a report's content: a length of {lie}",
            lambda n=length: report_file(element(0x0040A730, b"SQ", b"\xfe\xff\0\xe0\0\0\0\0", n)),
        )
        yield file_case(
            f"an implicit length of {lie}",
            lambda n=length: part10(implicit(0x00080018, b"1.2", n), meta(syntax=IMPLICIT)),
        )
        yield file_case(
            f"a group length of {lie}",
            lambda n=length: part10(image(), element(0x00020000, b"UL", struct.pack("<L", n)) + meta()[12:]),
        )
    yield from _ends()
    yield from _heads()
    for what, octets in _POLYGLOTS.items():
        yield file_case(f"an image that is {what} too", lambda o=octets: _with_preamble(o, image()), sound=True)
        yield file_case(
            f"a state that is {what} too",
            lambda o=octets: part10(state([LINE]), meta(STATE, OBJECT), o.ljust(128, b"\0")[:128]),
            sound=True,
        )


def _with_preamble(octets: bytes, data: bytes) -> bytes:
    return part10(data, preamble=octets.ljust(128, b"\0")[:128])


def _ends() -> Iterator[Case]:
    chance = random.Random(8)
    yield file_case("an empty file", lambda: b"")
    yield file_case("one octet", lambda: b"D")
    yield file_case("a preamble alone", lambda: bytes(128))
    yield file_case("a mark alone", lambda: bytes(128) + b"DICM")
    yield file_case("a head alone", lambda: part10(b""))
    yield file_case("no preamble", lambda: meta() + image())
    yield file_case("no head at all", image)
    for cut in (1, 7, 200, 390):
        yield file_case(f"an image without its last {cut} octets", lambda c=cut: image_file()[:-c])
        yield file_case(f"a state without its last {cut} octets", lambda c=cut: state_file(LINE)[:-c])
    garbage = {
        "zeros": bytes(1 << 20),
        "noise": chance.randbytes(1 << 20),
        "another image": image_file(),
        "delimiters": b"\xfe\xff\x0d\xe0\0\0\0\0" * 100_000,
        "ends": b"\xfe\xff\xdd\xe0\0\0\0\0" * 100_000,
        "items": b"\xfe\xff\0\xe0\0\0\0\0" * 40_000,
    }
    for what, octets in garbage.items():
        yield file_case(f"an image with {what} behind it", lambda o=octets: image_file() + o)
        yield file_case(f"a state with {what} behind it", lambda o=octets: state_file(LINE) + o)
    for what, octets in garbage.items():
        yield file_case(f"{what} after the mark", lambda o=octets: bytes(128) + b"DICM" + o)
    for seed in range(8):
        yield file_case(f"noise {seed} as a data set", lambda n=seed: part10(random.Random(n).randbytes(200_000)))


def _heads() -> Iterator[Case]:
    many = b"".join(struct.pack("<HH2sH", 2, n, b"LO", 0) for n in range(0x200, 0xFFFF))
    yield file_case("a head of 65,000 elements", lambda: part10(image(), meta(extra=many)))
    once = struct.pack("<HH2sH", 2, 0x0300, b"LO", 0)
    yield file_case("a head of 1,500,000 elements", lambda: part10(image(), meta(extra=once * 1_500_000)))
    yield file_case("a head of 60 MB", lambda: part10(image(), meta(extra=element(0x00020102, b"OB", bytes(60 << 20)))))
    yield file_case("a head that never ends", lambda: bytes(128) + b"DICM" + meta() * 20_000)
    yield file_case("a head with a sequence", lambda: part10(image(), meta(extra=sequence(0x00020300, [b""] * 30_000))))
    yield file_case("a transfer syntax of 64 kB", lambda: part10(image(), meta(syntax=b"1" * 65_000)))
    for name, syntax in {
        "none": b"",
        "unknown": b"1.2.3.4",
        "a path": b"../../etc/passwd",
        "cut": EXPLICIT[:-2],
    }.items():
        yield file_case(f"a transfer syntax that is {name}", lambda s=syntax: part10(image(), meta(syntax=s)))
    yield file_case("implicit, called explicit", lambda: part10(implicit(0x00080018, b"1.2.3"), meta()))
    yield file_case("explicit, called implicit", lambda: part10(image(), meta(syntax=IMPLICIT)))
    yield file_case("little, called big endian", lambda: part10(image(), meta(syntax=BIG_ENDIAN)))
    yield file_case("two heads", lambda: part10(meta() + image()))
    commands = b"".join(implicit(n, b"") for n in range(0x100, 0xFFFF))
    yield file_case("a command set before the data set", lambda: part10(commands + image()))
