"""Presentation states: points, graphics and texts by the million, and hostile XML in a viewer's private model."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator

from tests.hostile.crafting import (
    IMAGE,
    LINE,
    OBJECT,
    STATE,
    Case,
    deflated_zeros,
    element,
    file_case,
    floats,
    graphic,
    meta,
    part10,
    sequence,
    state,
    state_file,
)

_NAN, _INFINITE = float("nan"), float("inf")


def cases() -> Iterator[Case]:
    """All of this family."""
    yield file_case("a state as it should be", lambda: state_file(LINE), sound=True)
    for points in (8_000, 1_000_000, 1_900_000):
        for kind in (b"POLYLINE", b"INTERPOLATED", b"ELLIPSE", b"POINT"):
            yield file_case(
                f"{kind.decode()} of {points} points", lambda n=points, k=kind: state_file(_many_points(n, k))
            )
    curve = floats(*(float(n % 500) for n in range(16_000)))
    folded = graphic(kind=b"INTERPOLATED", number=8_000).replace(
        element(0x00700022, b"FL"), element(0x00700022, b"FL", curve)
    )
    yield file_case("two hundred curves of 8,000 points", lambda: state_file(*[folded] * 200))
    for count in (2_000, 15_000, 100_000):
        yield file_case(f"{count} lines", lambda n=count: state_file(*(_line(i) for i in range(n))))
        yield file_case(f"{count} equal lines", lambda n=count: state_file(*[LINE] * n))
    crossing = [graphic(100.0, float(n % 500), 400.0, float((n * 7) % 500)) for n in range(8_000)]
    yield file_case("eight thousand crossing lines", lambda: state_file(*crossing))
    ticks = [graphic(float(n % 500), 10.0, float(n % 500), 14.0) for n in range(8_000)]
    yield file_case("eight thousand ticks", lambda: state_file(graphic(0.0, 12.0, 500.0, 12.0), *ticks))
    circles = [graphic(50.0 + n % 400, 50.0, 60.0 + n % 400, 50.0, kind=b"CIRCLE") for n in range(8_000)]
    yield file_case("eight thousand circles", lambda: state_file(*circles))
    points = [graphic(float(n % 500), float(n // 500), kind=b"POINT") for n in range(10_000)]
    yield file_case("ten thousand points", lambda: state_file(*points))
    outline = graphic(*(float(n % 512) for n in range(4_000)))
    yield file_case("three hundred outlines of 2,000 points", lambda: state_file(*[outline] * 300))
    texts = [_text(f"{n % 90}.5 mm", n % 500, n % 400) for n in range(6_000)]
    yield file_case("six thousand texts", lambda: part10(state([LINE], texts=texts), meta(STATE, OBJECT)))
    lines = [_line(n) for n in range(3_000)]
    yield file_case(
        "three thousand lines with as many texts",
        lambda: part10(state(lines, texts=texts[:3_000]), meta(STATE, OBJECT)),
    )
    for name, value in {"nan": _NAN, "infinite": _INFINITE, "huge": 3e38, "tiny": 1e-45}.items():
        for kind in (b"POLYLINE", b"CIRCLE", b"ELLIPSE", b"POINT", b"INTERPOLATED"):
            yield file_case(
                f"{kind.decode()} that is {name}", lambda v=value, k=kind: state_file(graphic(*[v] * 8, kind=k))
            )
    for number in (0, 1, 3, 65_535):
        yield file_case(
            f"a line said to have {number} points", lambda n=number: state_file(graphic(1, 1, 9, 9, number=n))
        )
    yield from _references()
    yield from _hidden()
    for name, document in _documents().items():
        yield file_case(f"a drawing model: {name}", lambda d=document: _model(d()))


def _many_points(count: int, kind: bytes) -> bytes:
    data = element(0x00700022, b"UN", b"\0\0\xa0\x41" * (2 * count))
    return graphic(kind=kind).replace(element(0x00700022, b"FL"), data)


def _line(n: int) -> bytes:
    return graphic(float(n % 400), float(n % 300), float(n % 400 + 50), float(n % 300 + 20))


def _text(words_: str, x: int, y: int) -> bytes:
    corner = floats(float(x), float(y))
    return (
        element(0x00700003, b"CS", b"PIXEL")
        + element(0x00700006, b"ST", words_.encode())
        + element(0x00700010, b"FL", corner)
        + element(0x00700011, b"FL", floats(float(x + 40), float(y + 12)))
    )


def _references() -> Iterator[Case]:
    def named(n: int) -> bytes:
        return element(0x00081150, b"UI", b"1.2.840.10008.5.1.4.1.1.2") + element(0x00081155, b"UI", b"2.25.%d" % n)

    for count in (5_000, 45_000, 200_000):
        images = sequence(0x00081140, (named(n) for n in range(count)))
        inside = images + element(0x0020000E, b"UI", b"2.25.2")
        changes = {0x00081115: sequence(0x00081115, [inside])}
        yield file_case(f"a state of {count} images", lambda c=changes: state_file(LINE, changes=c))
    layers = sequence(0x00700060, (element(0x00700002, b"CS", b"L%d" % n) for n in range(40_000)))
    yield file_case("forty thousand layers", lambda: state_file(LINE, changes={0x00700060: layers}))
    area = (
        sequence(0x00081140, [named(3)])
        + element(0x00700052, b"SL", bytes(8))
        + element(0x00700053, b"SL", b"\xff" * 8)
    )
    areas = sequence(0x0070005A, [area] * 12_000)
    yield file_case("twelve thousand displayed areas", lambda: state_file(LINE, changes={0x0070005A: areas}))
    window = sequence(0x00283110, [element(0x00281050, b"DS", b"nan") + sequence(0x00081140, [named(3)])] * 12_000)
    yield file_case("twelve thousand windows", lambda: state_file(LINE, changes={0x00283110: window}))
    both = sequence(
        0x00700001, [sequence(0x00081140, (named(n) for n in range(100))) + sequence(0x00700009, [LINE])] * 450
    )
    yield file_case("450 annotations of a hundred images", lambda: state_file(changes={0x00700001: both}))


def _hidden() -> Iterator[Case]:
    creator = element(0x20010010, b"LO", b"Philips Imaging DD 129")
    one = sequence(0x00700001, [sequence(0x00700009, [LINE])])
    for count in (100, 10_000):
        hidden = sequence(0x20011000, [one] * count)
        changes = {0x20010010: creator, 0x20011000: hidden}
        yield file_case(f"{count} states in a state", lambda c=changes: state_file(LINE, changes=c))
    shared = sequence(0x00081115, [sequence(0x00081140, [element(0x00081155, b"UI", IMAGE)] * 9_000)])
    changes = {0x00081115: shared, 0x20010010: creator, 0x20011000: sequence(0x20011000, [one] * 9_000)}
    yield file_case("nine thousand states that share nine thousand images", lambda: state_file(changes=changes))
    unknown = {
        0x00090010: element(0x00090010, b"LO", b"NOBODY"),
        0x00091000: element(0x00091000, b"UN", b"\xfe\xff\0\xe0" + b"\x70\0\1\0" * 2_000_000),
    }
    yield file_case("two million graphics of nobody", lambda: state_file(LINE, changes=unknown))
    compound = (
        element(0x00700294, b"CS", b"RULER")
        + element(0x00700282, b"CS", b"PIXEL")
        + element(0x00700226, b"UL", struct.pack("<L", 1))
    )
    changes = {
        0x00700001: sequence(
            0x00700001,
            [
                sequence(0x00700209, [compound] * 15_000)
                + sequence(0x00700009, [LINE + element(0x00700226, b"UL", struct.pack("<L", 1))] * 10_000)
            ],
        )
    }
    yield file_case("fifteen thousand compounds of one id", lambda c=changes: state_file(changes=c))


def _documents() -> dict[str, Callable[[], bytes]]:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    laughs = f'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY l0 "ha">{entities}]><presentation>&l9;</presentation>'
    long = "x" * 100_000
    quadratic = f'<!DOCTYPE p [<!ENTITY a "{long}">]><presentation>{"&a;" * 50_000}</presentation>'
    point = '<pt x="1.0" y="2.0"/>'
    line = f"<line><pts>{point * 2}</pts></line>"
    return {
        "as it should be": lambda: _zipped(_document(line)),
        "billion laughs": laughs.encode,
        "billion laughs, zipped": lambda: _zipped(laughs.encode()),
        "quadratic": lambda: _zipped(quadratic.encode()),
        "an entity outside": lambda: (
            b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><presentation>&x;</presentation>'
        ),
        "a definition outside": lambda: b'<!DOCTYPE p SYSTEM "http://127.0.0.1:9/x.dtd"><presentation/>',
        "a parameter entity": lambda: b'<!DOCTYPE p [<!ENTITY % x SYSTEM "../outside/canary">%x;]><presentation/>',
        "an inclusion": lambda: (
            b'<presentation xmlns:x="http://www.w3.org/2001/XInclude">'
            b'<x:include href="../outside/canary"/></presentation>'
        ),
        "a style sheet": lambda: b'<?xml-stylesheet href="../outside/canary"?><presentation/>',
        "1 GB of blanks, zipped": lambda: deflated_zeros(b"<presentation>", 1 << 30, wbits=31),
        "zipped twice": lambda: _zipped(_zipped(bytes(8 << 20))),
        "zipped and cut": lambda: _zipped(_document(line * 1_000))[:-20],
        "a hundred thousand deep": lambda: (
            b"<presentation>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</presentation>"
        ),
        "two hundred thousand wide": lambda: _zipped(_document("<a/>" * 300_000)),
        "a hundred thousand lines": lambda: _zipped(_document(line * 60_000)),
        "a line of a million points": lambda: _zipped(_document(f"<polyline><pts>{point * 190_000}</pts></polyline>")),
        "lines of ten thousand points": lambda: _zipped(
            _document(f"<polygon><pts>{point * 9_000}</pts></polygon>" * 20)
        ),
        "an attribute of 8 MB": lambda: _zipped(f'<presentation a="{"x" * (7 << 20)}"/>'.encode()),
        "a hundred thousand attributes": lambda: _zipped(
            ("<presentation " + " ".join(f'a{n}=""' for n in range(100_000)) + "/>").encode()
        ),
        "a name of 4 MB": lambda: _zipped(f"<presentation><{'a' * (4 << 20)}/></presentation>".encode()),
        "a comment of 7 MB": lambda: _zipped(f"<presentation><!--{'x' * (7 << 20)}--></presentation>".encode()),
        "an encoding of nobody": lambda: b'<?xml version="1.0" encoding="zlib_codec"?><presentation/>',
        "an encoding of UTF-7": lambda: b'<?xml version="1.0" encoding="UTF-7"?>+ADw-presentation/+AD4-',
        "UTF-16 without a mark": lambda: "<presentation/>".encode("utf-16-le"),
        "frames by the million": lambda: _zipped(
            _document("", f'<series uuid="2.25.2"><image uuid="2.25.3" frames="{"1 " * 1_000_000}"/></series>')
        ),
        "images by the ten thousand": lambda: _zipped(
            _document(
                line,
                "".join(
                    f'<series uuid="2.25.2"><image uuid="2.25.{n}" frames="{" ".join(map(str, range(300)))}"/></series>'
                    for n in range(5_000)
                ),
            )
        ),
        "numbers of a megabyte": lambda: _zipped(
            _document(f'<line><pts><pt x="{"9" * (1 << 20)}" y="1"/></pts></line>')
        ),
        "labels of 7 MB": lambda: _zipped(
            _document(f"<line><pts>{point * 2}</pts><labels><label>{'1 x ' * (1 << 20)}</label></labels></line>")
        ),
    }


def _zipped(document: bytes) -> bytes:
    return gzip.compress(document, mtime=0)


def _document(graphics: str, references: str = "") -> bytes:
    references = references or f'<series uuid="2.25.2"><image uuid="{IMAGE.decode()}"/></series>'
    return f"<presentation><references>{references}</references><graphics>{graphics}</graphics></presentation>".encode()


def _model(document: bytes) -> bytes:
    changes = {
        0x71070070: element(0x71070070, b"LO", b"weasis/model/xml/2.5"),
        0x71077001: element(0x71077001, b"OB", document),
    }
    return state_file(changes=changes)
