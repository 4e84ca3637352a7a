"""Values that are not what they should be: other representations, thousands of values, megabytes, odd characters."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.crafting import (
    IMPLICIT,
    LINE,
    OBJECT,
    STATE,
    Case,
    code,
    element,
    file_case,
    image_file,
    implicit,
    meta,
    node,
    part10,
    report_file,
    sequence,
    state,
    state_file,
    words,
)

_WRONG = (b"SQ", b"UN", b"OB", b"FD", b"PN", b"UT", b"AT", b"XX", b"\0\0", b"DS")
_READ = {
    "rows": 0x00280010,
    "the class": 0x00080016,
    "spacing": 0x00280030,
    "pixels": 0x7FE00010,
    "the age": 0x00101010,
    "the image type": 0x00080008,
}


def cases() -> Iterator[Case]:
    """All of this family."""
    for what, tag in _READ.items():
        for vr in _WRONG:
            name = vr.decode("ascii").replace("\0", "zero")
            yield file_case(f"{what} as {name}", lambda t=tag, v=vr: image_file({t: element(t, v, b"\x10\0" * 192)}))
    for vr in _WRONG:
        name = vr.decode("ascii").replace("\0", "zero")
        yield file_case(
            f"graphics as {name}",
            lambda v=vr: state_file(changes={0x00700001: element(0x00700001, v, b"\x10\0" * 8)}),
        )
        yield file_case(f"content as {name}", lambda v=vr: report_file(element(0x0040A730, v, b"\x10\0" * 8)))
    yield from _multiple()
    yield from _long()
    yield from _characters()


def _multiple() -> Iterator[Case]:
    million = b"\\".join([b"1"] * 1_000_000)
    short = b"\\".join([b"1"] * 30_000)
    for what, tag in {"spacing": 0x00280030, "centre": 0x00281050, "slope": 0x00281053, "number": 0x00200013}.items():
        yield file_case(f"{what} of 30,000 values", lambda t=tag: image_file({t: element(t, b"DS", short)}))
        yield file_case(
            f"{what} of a million values",
            lambda t=tag: part10(_implicit_image({t: million}), meta(syntax=IMPLICIT)),
        )
    yield file_case(
        "rows of 30,000 values", lambda: image_file({0x00280010: element(0x00280010, b"US", words(*[16] * 30_000))})
    )
    yield file_case(
        "numbers of a thousand digits", lambda: image_file({0x00200013: element(0x00200013, b"IS", b"9" * 60_000)})
    )
    yield file_case(
        "an exponent of a thousand digits",
        lambda: image_file({0x00281053: element(0x00281053, b"DS", b"1e" + b"9" * 60_000)}),
    )
    yield file_case(
        "image type of 30,000 values", lambda: image_file({0x00080008: element(0x00080008, b"CS", b"\\A" * 30_000)})
    )


def _implicit_image(values: dict[int, bytes]) -> bytes:
    found = {
        0x00080016: b"1.2.840.10008.5.1.4.1.1.2",
        0x00080018: b"2.25.3",
        0x00080060: b"CT",
        0x0020000D: b"2.25.1",
        0x0020000E: b"2.25.2",
        0x00280002: words(1),
        0x00280010: words(16),
        0x00280011: words(12),
        0x7FE00010: bytes(384),
        **values,
    }
    return b"".join(implicit(tag, found[tag]) for tag in sorted(found))


def _long() -> Iterator[Case]:
    mega = b"A" * (1 << 20)
    for what, tag in {
        "a UID": 0x00080018,
        "the study's UID": 0x0020000D,
        "the patient's ID": 0x00100020,
        "a code string": 0x00180015,
        "the sex": 0x00100040,
        "a date": 0x00080020,
        "the character set": 0x00080005,
    }.items():
        yield file_case(
            f"{what} of a megabyte", lambda t=tag: part10(_implicit_image({t: mega}), meta(syntax=IMPLICIT))
        )
    yield file_case(
        "a text of 14 MB in a state",
        lambda: part10(_state_with_text(b"1.5 mm " * (2 << 20)), meta(STATE, OBJECT)),
    )
    yield file_case(
        "text values of 10 kB by the thousand",
        lambda: report_file(
            sequence(0x0040A730, [node(b"TEXT", element(0x0040A160, b"UT", b"9 " * 5_000))] * 1_000, undefined=True)
        ),
    )


def _state_with_text(text: bytes) -> bytes:
    box = element(0x00700006, b"UT", text) + element(0x00700014, b"FL", bytes(8))
    return state([LINE], texts=[box])


def _texts() -> dict[str, bytes]:
    """Texts against the expressions that read measurements."""
    return {
        "digits": b"1" * 1_000,
        "points": b"1." * 500,
        "commas": b"1,111" * 200,
        "spaces": b" " * 1_000 + b"mm",
        "times": b"1 x " * 250,
        "areas": b"area  " * 160,
        "units": b"mm" * 500,
        "degrees": b"\xc2\xb0" * 500,
        "apostrophes": b"1'111'" * 170,
    }


def _characters() -> Iterator[Case]:
    for what, text in _texts().items():
        box = element(0x00700006, b"ST", text) + element(0x00700014, b"FL", bytes(8))
        yield file_case(f"three hundred texts of {what}", lambda b=box: _texted(b))
    odd = {
        "zeros": b"\0" * 60,
        "controls": bytes(range(1, 32)),
        "escapes": b"\x1b$B" * 20_000,
        "escapes that are none": b"\x1b" * 60_000,
        "every octet": bytes(range(256)),
        "half of UTF-8": b"\xc3" * 60,
        "turned writing": "\u202e\u2066\ufeff".encode() * 9,
        "a formula": b"=cmd|' /C calc'!A0",
        "a terminal": b"\x1b]0;x\x07\x1b[2J",
    }
    sets = {
        "none": b"",
        "UTF-8": b"ISO_IR 192",
        "Japanese": b"\\ISO 2022 IR 87\\ISO 2022 IR 159",
        "Korean": b"\\ISO 2022 IR 149",
        "no set": b"ISO_IR 999",
        "GB18030": b"GB18030",
        "ten thousand": b"\\".join([b"ISO 2022 IR 87"] * 4_000),
        "a path": b"../../../etc/passwd",
        "a codec": b"zlib_codec\\punycode\\idna",
    }
    for what, value in odd.items():
        for name in ("UTF-8", "Japanese"):
            charset = element(0x00080005, b"CS", sets[name])
            changes = {
                0x00080005: charset,
                0x00100020: element(0x00100020, b"LO", value),
                0x00180015: element(0x00180015, b"CS", value),
            }
            yield file_case(f"{what} in an image in {name}", lambda c=changes: image_file(c))
        label = {
            0x00080005: element(0x00080005, b"CS", sets["Japanese"]),
            0x00700080: element(0x00700080, b"CS", value),
        }
        yield file_case(f"{what} in a state", lambda c=label: state_file(LINE, changes=c))
    for what, value in sets.items():
        charset = {0x00080005: element(0x00080005, b"CS", value)}
        yield file_case(f"a character set of {what}", lambda c=charset: image_file(c))
        yield file_case(f"a state's character set of {what}", lambda c=charset: state_file(LINE, changes=c))
    yield file_case(
        "codes of escapes",
        lambda: report_file(
            sequence(0x0040A730, [node(b"CODE", sequence(0x0040A168, [code(b"\x1b$B" * 5, b"\x1b" * 60)]))]),
            {0x00080005: element(0x00080005, b"CS", sets["Japanese"])},
        ),
    )


def _texted(box: bytes) -> bytes:
    return part10(state([LINE], texts=[box] * 300), meta(STATE, OBJECT))
