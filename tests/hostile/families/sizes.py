"""Much out of little: deflate bombs, deep nesting, millions of elements and items, files that are mostly not there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.crafting import (
    DEFLATED,
    ENHANCED_CT,
    IMPLICIT,
    LINE,
    OBJECT,
    STATE,
    UNDEFINED,
    Case,
    common,
    deflate,
    deflated_zeros,
    element,
    file_case,
    image,
    image_file,
    implicit,
    item,
    joined,
    meta,
    nested,
    part10,
    sequence,
    state,
    state_file,
)

MEGA = 1 << 20
_PRIVATE = 0x00091010


def cases() -> Iterator[Case]:
    """All of this family."""
    yield from _bombs()
    yield from _depths()
    yield from _crowds()
    yield from _sparse()


def _bombs() -> Iterator[Case]:
    for name, octets in (("100 MB", 100 * MEGA), ("1 GB", 1024 * MEGA), ("10 GB", 10 * 1024 * MEGA)):
        giant = element(0x7FE00010, b"OW", b"", min(octets, 0xFFFFFFFE))
        head = image(pixels=b"")
        yield file_case(
            f"deflated pixels of {name}", lambda h=head, g=giant, o=octets: _deflated(deflated_zeros(h + g, o))
        )
        body = element(_PRIVATE, b"OB", b"", min(octets, 0xFFFFFFFE))
        yield file_case(
            f"deflated private element of {name} in a state",
            lambda b=body, o=octets: _deflated(deflated_zeros(joined(common(STATE, OBJECT, b"PR")) + b, o), STATE),
        )
    yield file_case("deflated zeros alone", lambda: _deflated(deflated_zeros(b"", 1024 * MEGA)))
    yield file_case("a deflated image", lambda: image_file(syntax=DEFLATED), sound=True)
    yield file_case("a deflated state", lambda: state_file(LINE, syntax=DEFLATED), sound=True)
    yield file_case("deflation that ends in the middle", lambda: _deflated(deflate(image(64, 64))[:-9]))
    yield file_case("deflation that is none", lambda: _deflated(bytes(range(256)) * 9))
    yield file_case("nothing, deflated", lambda: _deflated(deflate(b"")))
    yield file_case("deflated twice", lambda: _deflated(deflate(deflate(image()))))
    yield file_case("deflated, with garbage behind", lambda: _deflated(deflate(image()) + b"\xff" * MEGA))
    many = sequence(0x00081140, [b""] * 10) * 40_000
    yield file_case("deflated empty items by the million", lambda: _deflated(deflate(image()[:200] + many * 3)))
    deep = nested(0x00081140, 100_000, undefined=True)
    yield file_case("deflated nesting", lambda: _deflated(deflate(deep + image())))


def _deflated(content: bytes, sop_class: bytes = b"1.2.840.10008.5.1.4.1.1.2") -> bytes:
    return part10(content, meta(sop_class, OBJECT, DEFLATED))


def _depths() -> Iterator[Case]:
    for depth in (100, 1_000, 10_000, 100_000):
        for undefined in (True, False):
            how = "undefined" if undefined else "defined"

            def deep(
                tag: int, vr: bytes = b"SQ", levels: int = depth, open_ended: bool = undefined
            ) -> dict[int, bytes]:
                return {tag: nested(tag, levels, undefined=open_ended, vr=vr)}

            yield file_case(f"an image {depth} deep in {how} lengths", lambda d=deep: image_file(d(0x00081140)))
            yield file_case(f"an image {depth} deep in UN, {how}", lambda d=deep: image_file(d(_PRIVATE, b"UN")))
            yield file_case(f"a state {depth} deep, {how}", lambda d=deep: state_file(changes=d(0x00700001)))
    creator = element(0x20010010, b"LO", b"Philips Imaging DD 129")
    for undefined in (True, False):
        hidden = nested(0x20011000, 10_000, undefined=undefined, inner=creator)
        yield file_case(
            f"states within states, {'un' * undefined}defined",
            lambda d=hidden: state_file(changes={0x20010010: creator, 0x20011000: d}),
        )
    opened = implicit(0x00081140, b"", UNDEFINED) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    yield file_case("implicit nesting never closed", lambda: part10(opened * 50_000, meta(syntax=IMPLICIT)))
    for tag, what in ((0x00700001, "graphics"), (0x0040A730, "content")):
        yield file_case(f"sixty levels of {what} around 8 MB", lambda t=tag: state_file(changes={t: _heavy(t)}))


def _heavy(tag: int) -> bytes:
    return nested(tag, 60, undefined=False, inner=element(_PRIVATE, b"OB", bytes(8 * MEGA)))


def _tiny(count: int, first: int = 0x00090000) -> bytes:
    """So many empty elements, each of its own tag."""
    return b"".join(struct.pack("<HH2sH", (first >> 16) + 2 * (n >> 16), n & 0xFFFF, b"LO", 0) for n in range(count))


def _within(tag: int, content: bytes, *, undefined: bool) -> dict[int, bytes]:
    """A sequence of one item, as a change of an object."""
    return {tag: sequence(tag, [content], undefined=undefined)}


def _empty(tag: int, count: int, *, undefined: bool) -> dict[int, bytes]:
    """A sequence of empty items, as a change of an object."""
    items = item(b"") * count + (b"\xfe\xff\xdd\xe0\0\0\0\0" if undefined else b"")
    return {tag: element(tag, b"SQ", items, UNDEFINED if undefined else len(items))}


def _crowds() -> Iterator[Case]:
    for count in (100_000, 1_900_000, 5_000_000):
        yield file_case(f"an image of {count} elements", lambda n=count: image_file({_PRIVATE: _tiny(n)}))
        yield file_case(f"a state of {count} elements", lambda n=count: state_file(LINE, changes={_PRIVATE: _tiny(n)}))
        for undefined in (True, False):
            how = "undefined" if undefined else "defined"
            yield file_case(
                f"an image with an item of {count}, {how}",
                lambda n=count, u=undefined: image_file(_within(0x00081140, _tiny(n), undefined=u)),
            )
            yield file_case(
                f"a state with an item of {count}, {how}",
                lambda n=count, u=undefined: state_file(changes=_within(0x00700001, _tiny(n), undefined=u)),
            )
    yield file_case(
        "private creators by the hundred thousand", lambda: state_file(LINE, changes={_PRIVATE: _creators()})
    )
    for count in (40_000, 1_000_000, 4_000_000):
        for undefined in (True, False):
            how = "undefined" if undefined else "defined"
            yield file_case(
                f"an image with {count} empty items, {how}",
                lambda n=count, u=undefined: image_file(_empty(0x00081140, n, undefined=u)),
            )
            yield file_case(
                f"a state with {count} empty items, {how}",
                lambda n=count, u=undefined: state_file(changes=_empty(0x00700001, n, undefined=u)),
            )
    pair = sequence(0x00081140, [sequence(0x00081199, [b""], undefined=True)], undefined=True)
    yield file_case("sequences in pairs", lambda: part10(pair * 300_000 + image()))


def _creators() -> bytes:
    return b"".join(element(0x00090010 + n % 0xF0 + ((n // 0xF0) << 17), b"LO", b"X") for n in range(200_000))


def _sparse() -> Iterator[Case]:
    five = 5 << 30

    def sparse(folder: Path, head: bytes, octets: int = five) -> None:
        with (folder / "object.dcm").open("wb") as file:
            file.write(head)
            file.truncate(octets)

    giant = element(0x7FE00010, b"OW", b"", 0xFFFFFFFE)
    endless = element(0x7FE00010, b"OB", b"", UNDEFINED)
    inside = element(0x00081140, b"SQ", b"", UNDEFINED) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    heads = {
        "of zeros": b"",
        "behind the mark": bytes(128) + b"DICM",
        "behind a whole image": image_file(),
        "behind a whole state": state_file(LINE),
        "of pixels": part10(image(pixels=giant)),
        "of pixels of a class that is not read": part10(
            image(changes={0x00080016: element(0x00080016, b"UI", ENHANCED_CT)}, pixels=giant), meta(ENHANCED_CT)
        ),
        "of pixels that never end": part10(image(pixels=endless)),
        "of deflation": part10(b"", meta(syntax=DEFLATED)),
        "of a private element": part10(element(_PRIVATE, b"OB", b"", 0xFFFFFFFE)),
        "of an element in an item": part10(inside + element(_PRIVATE, b"OB", b"", 0xFFFFFFFE)),
        "of a private element of a state": part10(
            state([LINE])[:400] + element(_PRIVATE, b"OB", b"", 0xFFFFFFFE), meta(STATE, OBJECT)
        ),
    }
    for name, head in heads.items():
        yield Case(f"5 GB {name}", "object", lambda folder, h=head: sparse(folder, h))
    yield Case("100 MB behind a whole image", "object", lambda folder: sparse(folder, image_file(), 100 << 20))
