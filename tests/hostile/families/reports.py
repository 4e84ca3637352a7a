"""Structured reports: trees too deep and too wide, cyclic references, codes and evidence without end."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.hostile.crafting import (
    CT,
    END_OF_SEQUENCE,
    IMAGE,
    KEY_OBJECTS,
    UNDEFINED,
    Case,
    code,
    element,
    file_case,
    floats,
    item,
    nested,
    node,
    report_file,
    sequence,
)

CONTENT = 0x0040A730
_SAID = sequence(0x00081199, [element(0x00081150, b"UI", CT) + element(0x00081155, b"UI", IMAGE)])


def cases() -> Iterator[Case]:
    """All of this family."""
    yield file_case("a report as it should be", lambda: report_file(sequence(CONTENT, [_group()])), sound=True)
    for depth in (60, 5_000, 100_000):
        for undefined in (True, False):
            tree = nested(CONTENT, depth, undefined=undefined, inner=node(b"CONTAINER"))
            yield file_case(f"a report {depth} deep, {'un' * undefined}defined", lambda t=tree: report_file(t))
    for width in (9_000, 49_000, 1_000_000):
        yield file_case(f"a report {width} wide", lambda n=width: report_file(_wide(n)))
        yield file_case(f"a report {width} empty items wide", lambda n=width: report_file(_hollow(n)))
    yield from _references()
    groups = sequence(CONTENT, [_group()] * 900)
    yield file_case("nine hundred groups", lambda: report_file(groups))
    lengths = sequence(CONTENT, [node(b"CONTAINER", sequence(CONTENT, [_number()] * 2_500), concept=b"125007")])
    yield file_case("a group of 2,500 lengths", lambda: report_file(lengths))
    places = sequence(CONTENT, [node(b"CONTAINER", sequence(CONTENT, [_place()] * 3_500), concept=b"125007")])
    yield file_case("a group of 3,500 places", lambda: report_file(places))
    for kind in (b"POLYLINE", b"MULTIPOINT", b"CIRCLE", b"ELLIPSE", b"POINT"):
        yield file_case(f"three million numbers as {kind.decode()}", lambda k=kind: report_file(_numbers(k)))
    space = node(
        b"SCOORD3D",
        element(0x00700022, b"UN", floats(*(float(n % 97) for n in range(59_998 // 3 * 3)))),
        element(0x00700023, b"CS", b"POLYGON"),
        element(0x30060024, b"UI", b"2.25.9"),
    )
    tree = sequence(CONTENT, [node(b"CONTAINER", sequence(CONTENT, [space] * 40), concept=b"125007")])
    yield file_case("forty polygons of 20,000 points in space", lambda: report_file(tree))
    for what, value in {
        "nan": b"nan",
        "infinite": b"1e400",
        "nothing": b"",
        "a word": b"many",
        "long": b"9" * 60_000,
    }.items():
        yield file_case(f"a length that is {what}", lambda v=value: report_file(sequence(CONTENT, [_group(v)])))
    yield file_case(
        "codes of 60 kB",
        lambda: report_file(sequence(CONTENT, [node(b"CODE", sequence(0x0040A168, [code(b"x" * 60_000)]))])),
    )
    entries = sequence(0x0040A043, [code(b"1")] * 12_000)
    yield file_case("a concept of 12,000 codes", lambda: report_file(sequence(CONTENT, [entries])))
    evidence = _evidence(12_000)
    yield file_case(
        "evidence of 12,000 images", lambda: report_file(sequence(CONTENT, [_group()]), {0x0040A375: evidence})
    )
    yield file_case(
        "a key object of 12,000 images",
        lambda: report_file(sequence(CONTENT, [_image()] * 4_000), {0x0040A375: evidence}, KEY_OBJECTS),
    )
    root = sequence(0x0040A043, [code(b"1", scheme=b"99HUG")])
    yield file_case(
        "an archive of OsiriX of 10 MB",
        lambda: report_file(
            b"", {0x0040A043: root, 0x00420011: element(0x00420011, b"OB", b"bplist00" + b"\xff" * (10 << 20))}
        ),
    )


def _wide(count: int) -> bytes:
    return element(CONTENT, b"SQ", item(element(0x0040A040, b"CS", b"TEXT")) * count)


def _hollow(count: int) -> bytes:
    items = item(b"", undefined=True) * count + END_OF_SEQUENCE
    return element(CONTENT, b"SQ", items, UNDEFINED)


def _numbers(kind: bytes) -> bytes:
    data = element(0x00700022, b"UN", b"\0\0\xa0\x41" * 3_000_000)
    return sequence(CONTENT, [node(b"SCOORD", data, element(0x00700023, b"CS", kind))])


def _number(value: bytes = b"12.5") -> bytes:
    unit = sequence(0x004008EA, [code(b"mm", scheme=b"UCUM")])
    return node(b"NUM", sequence(0x0040A300, [element(0x0040A30A, b"DS", value) + unit]), concept=b"410668003")


def _image() -> bytes:
    return node(b"IMAGE", _SAID, relation=b"SELECTED FROM")


def _place() -> bytes:
    line = element(0x00700022, b"FL", floats(2, 2, 9, 9)) + element(0x00700023, b"CS", b"POLYLINE")
    return node(b"SCOORD", line, sequence(CONTENT, [_image()]), relation=b"INFERRED FROM")


def _group(value: bytes = b"12.5") -> bytes:
    measured = _number(value) + sequence(CONTENT, [_place()])
    return node(b"CONTAINER", sequence(CONTENT, [measured]), concept=b"125007")


def _evidence(count: int) -> bytes:
    named = (element(0x00081150, b"UI", CT) + element(0x00081155, b"UI", b"2.25.%d" % n) for n in range(count))
    of_series = sequence(0x00081199, named) + element(0x0020000E, b"UI", b"2.25.2")
    return sequence(0x0040A375, [sequence(0x00081115, [of_series]) + element(0x0020000D, b"UI", b"2.25.1")])


def _pointing(*places: int) -> bytes:
    target = element(0x0040DB73, b"UL", struct.pack(f"<{len(places)}L", *places)[:65_532])
    return element(0x0040A010, b"CS", b"INFERRED FROM") + target


def _references() -> Iterator[Case]:
    def by_reference(*inside: bytes) -> bytes:
        return sequence(CONTENT, [node(b"CONTAINER", sequence(CONTENT, inside), concept=b"125007")])

    yield file_case(
        "a measurement inferred from itself",
        lambda: report_file(by_reference(_number() + sequence(CONTENT, [_pointing(1, 1, 1)]))),
    )
    yield file_case(
        "one inferred from what holds it",
        lambda: report_file(by_reference(_number() + sequence(CONTENT, [_pointing(1, 1)]))),
    )
    yield file_case(
        "one inferred from the root", lambda: report_file(by_reference(_number() + sequence(CONTENT, [_pointing(1)])))
    )
    two = (
        _number() + sequence(CONTENT, [_pointing(1, 1, 2, 1)]),
        _number() + sequence(CONTENT, [_pointing(1, 1, 1, 1)]),
    )
    yield file_case("two inferred from each other", lambda: report_file(by_reference(*two)))
    ring = [_number() + sequence(CONTENT, [_pointing(1, 1, (n + 1) % 2_000 + 1, 1)]) for n in range(2_000)]
    yield file_case("a ring of two thousand", lambda: report_file(by_reference(*ring)))
    to_all = [_number() + sequence(CONTENT, [_pointing(1, 1)] * 10) for _ in range(1_000)]
    yield file_case("ten thousand references to one group", lambda: report_file(by_reference(*to_all)))
    yield file_case(
        "a position of 16,000 numbers",
        lambda: report_file(by_reference(_number() + sequence(CONTENT, [_pointing(*range(1, 16_000))]))),
    )
    yield file_case(
        "a position beyond everything",
        lambda: report_file(by_reference(_number() + sequence(CONTENT, [_pointing(1, 0xFFFFFFFF, 0)]))),
    )
