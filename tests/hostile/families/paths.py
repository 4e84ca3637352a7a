"""UIDs that would be paths, commands or names of devices if anything were named by them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.crafting import (
    CT,
    LINE,
    STATE,
    Case,
    element,
    file_case,
    image,
    meta,
    part10,
    state,
)

HOSTILE_UIDS: dict[str, bytes] = {
    "up": b"../../outside/written",
    "up and up": b"../" * 40 + b"etc/passwd",
    "absolute": b"/tmp/hostile-object",
    "Windows": b"..\\..\\outside\\written",
    "a drive": b"C:\\Windows\\x",
    "a share": b"\\\\host\\share\\x",
    "a zero inside": b"2.25.3\0/../../outside/written",
    "a line": b"2.25.3\n../../outside/written",
    "the device": b"CON",
    "null": b"/dev/null",
    "dots": b"...",
    "two dots": b"..",
    "one dot": b".",
    "a dot behind": b"2.25.3.",
    "a blank": b" ",
    "nothing": b"",
    "64 kB": b"1." * 32_000,
    "300": b"1" * 300,
    "look-alikes": "２.２５.３".encode(),
    "a slash like": "2.25∕3／4".encode(),
    "turned": "2.25.\u202e3".encode(),
    "a wild card": b"2.25.*",
    "a query": b"2.25.3?x=1&y=2#z",
    "escaped": b"%2e%2e%2foutside%2fwritten",
    "a shell": b"$(touch ../outside/written)",
    "a bar": b"|touch ../outside/written",
    "a hyphen": b"--output=../outside/written",
    "home": b"~/x",
    "a log": b"%s%n{0.__class__}",
    "SQL": b"'; DROP TABLE study; --",
    "half of UTF-8": b"\xc3\x28\xff\xfe",
}


def cases() -> Iterator[Case]:
    """All of this family."""
    for name, uid in HOSTILE_UIDS.items():
        yield file_case(f"an image's UIDs: {name}", lambda u=uid: part10(image(changes=_uids(u)), _meta(CT, u)))
        yield file_case(f"a state's UIDs: {name}", lambda u=uid: part10(state([LINE], _uids(u)), _meta(STATE, u)))
        yield Case(f"a query's UIDs: {name}", "row", lambda folder, u=uid: (folder / "row.bin").write_bytes(u))


def _uids(uid: bytes) -> dict[int, bytes]:
    return {tag: element(tag, b"UI", uid[:65_000]) for tag in (0x00080018, 0x0020000D, 0x0020000E)}


def _meta(sop_class: bytes, uid: bytes) -> bytes:
    return meta(sop_class, uid[:65_000])
