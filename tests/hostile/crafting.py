"""DICOM octet by octet, so that every length, tag and value can be a lie. Nothing here goes through a DICOM library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CT = b"1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = b"1.2.840.10008.5.1.4.1.1.2.1"
STATE = b"1.2.840.10008.5.1.4.1.1.11.1"
REPORT = b"1.2.840.10008.5.1.4.1.1.88.33"
KEY_OBJECTS = b"1.2.840.10008.5.1.4.1.1.88.59"

IMPLICIT = b"1.2.840.10008.1.2"
EXPLICIT = b"1.2.840.10008.1.2.1"
DEFLATED = b"1.2.840.10008.1.2.1.99"
BIG_ENDIAN = b"1.2.840.10008.1.2.2"
RLE = b"1.2.840.10008.1.2.5"
JPEG_BASELINE = b"1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = b"1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = b"1.2.840.10008.1.2.4.70"
JPEG_LS = b"1.2.840.10008.1.2.4.80"
JPEG_2000 = b"1.2.840.10008.1.2.4.90"
HTJ2K = b"1.2.840.10008.1.2.4.201"

STUDY, SERIES, IMAGE, OBJECT = b"2.25.1", b"2.25.2", b"2.25.3", b"2.25.4"
UNDEFINED = 0xFFFFFFFF
END_OF_ITEM = b"\xfe\xff\x0d\xe0\0\0\0\0"
END_OF_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"
PATIENT = b"Planted^Patient"
"""Stands in every crafted object as name and ID of its patient: no message may carry it."""

_LONG = frozenset({b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UN", b"UT", b"UC", b"UR", b"SV", b"UV"})


@dataclass(frozen=True)
class Case:
    """One crafted thing. ``write`` puts it into an empty folder; a file is named ``object.dcm`` there.

    ``kind``: what reads it, a key of :data:`tests.hostile.reading.READERS`. ``sound``: it may be read as if nothing
    were wrong with it, and in its ``kind``'s way must be.
    """

    name: str
    kind: str
    write: Callable[[Path], object] = field(repr=False)
    sound: bool = False


def file_case(name: str, content: Callable[[], bytes], *, kind: str = "object", sound: bool = False) -> Case:
    """A case of one file, whose content is made when it is needed."""
    return Case(name, kind, lambda folder: (folder / "object.dcm").write_bytes(content()), sound)


# ------------------------------------------------------------------------------------------------------------ encoding


def element(tag: int, vr: bytes, value: bytes = b"", length: int | None = None) -> bytes:
    """One element in Explicit VR Little Endian; ``length`` where it is not to be the value's own."""
    if length is None:
        value += b"" if len(value) % 2 == 0 else b"\0" if vr in (b"UI", b"OB") else b" "
        length = len(value)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    return head + (struct.pack("<HL", 0, length) if vr in _LONG else struct.pack("<H", length & 0xFFFF)) + value


def implicit(tag: int, value: bytes = b"", length: int | None = None) -> bytes:
    """One element in Implicit VR Little Endian."""
    if length is None:
        value += b" " * (len(value) % 2)
        length = len(value)
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length) + value


def item(content: bytes, *, undefined: bool = False) -> bytes:
    """One sequence item."""
    if undefined:
        return b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + content + END_OF_ITEM
    return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(content)) + content


def sequence(tag: int, items: Iterable[bytes], *, undefined: bool = False) -> bytes:
    """A sequence of items' contents."""
    content = b"".join(item(one, undefined=undefined) for one in items)
    if undefined:
        return element(tag, b"SQ", content + END_OF_SEQUENCE, UNDEFINED)
    return element(tag, b"SQ", content)


def nested(tag: int, depth: int, *, undefined: bool, vr: bytes = b"SQ", inner: bytes = b"") -> bytes:
    """A sequence within itself, ``depth`` times, in time proportional to what comes out."""
    if undefined:
        opened = element(tag, vr, b"", UNDEFINED) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
        return opened * depth + inner + (END_OF_ITEM + END_OF_SEQUENCE) * depth
    heads = []
    length = len(inner)
    for _ in range(depth):
        heads.append(element(tag, vr, b"", length + 8) + b"\xfe\xff\x00\xe0" + struct.pack("<L", length))
        length += 20
    return b"".join(reversed(heads)) + inner


def words(*values: int) -> bytes:
    """Numbers of 16 bits."""
    return struct.pack(f"<{len(values)}H", *values)


def floats(*values: float) -> bytes:
    """Numbers of VR FL."""
    return struct.pack(f"<{len(values)}f", *values)


def fragments(*frames: bytes, offsets: bytes = b"", end: bytes = END_OF_SEQUENCE) -> bytes:
    """Encapsulated pixels (PS3.5 A.4): an offset table, the fragments, and the delimiter."""
    table = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(offsets)) + offsets
    even = (frame + b"\0" * (len(frame) % 2) for frame in frames)
    return table + b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<L", len(one)) + one for one in even) + end


# ------------------------------------------------------------------------------------------------------------- objects


def meta(sop_class: bytes = CT, sop_uid: bytes = IMAGE, syntax: bytes = EXPLICIT, extra: bytes = b"") -> bytes:
    """File Meta Information with its group length."""
    content = (
        element(0x00020001, b"OB", b"\0\1")
        + element(0x00020002, b"UI", sop_class)
        + element(0x00020003, b"UI", sop_uid)
        + element(0x00020010, b"UI", syntax)
        + extra
    )
    return element(0x00020000, b"UL", struct.pack("<L", len(content))) + content


def part10(data_set: bytes, head: bytes | None = None, preamble: bytes = bytes(128)) -> bytes:
    """A file: preamble, mark, File Meta Information, data set."""
    return preamble + b"DICM" + (meta() if head is None else head) + data_set


def deflate(content: bytes) -> bytes:
    """Raw deflation, as of the deflated transfer syntax (PS3.5 A.5)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def deflated_zeros(before: bytes, octets: int, after: bytes = b"", wbits: int = -zlib.MAX_WBITS) -> bytes:
    """``before``, so many zeros and ``after``, deflated, in a time and a size a thousandth of theirs."""
    block = 1 << 24
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    once = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(after) + packer.flush()
    raw = start + once * (octets // block) + end
    if wbits < 0:
        return raw
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + raw + bytes(8)  # gzip with a checksum that nobody should get to


Encoded = Mapping[int, bytes]
"""Elements by tag, each encoded whole."""


def common(sop_class: bytes, sop_uid: bytes, modality: bytes) -> dict[int, bytes]:
    """What every object has."""
    return {
        0x00080016: element(0x00080016, b"UI", sop_class),
        0x00080018: element(0x00080018, b"UI", sop_uid),
        0x00080020: element(0x00080020, b"DA", b"20210304"),
        0x00080060: element(0x00080060, b"CS", modality),
        0x00100010: element(0x00100010, b"PN", PATIENT),
        0x00100020: element(0x00100020, b"LO", PATIENT),
        0x00100040: element(0x00100040, b"CS", b"F"),
        0x00101010: element(0x00101010, b"AS", b"061Y"),
        0x0020000D: element(0x0020000D, b"UI", STUDY),
        0x0020000E: element(0x0020000E, b"UI", SERIES if modality == b"CT" else SERIES + b"1"),
        0x00200013: element(0x00200013, b"IS", b"1"),
    }


def image(rows: int = 16, columns: int = 12, changes: Encoded | None = None, pixels: bytes | None = None) -> bytes:
    """The data set of a CT image that the gate lets through. ``changes``: other elements in place of its own, or more.

    ``pixels``: the whole element; without it, uncompressed zeros as many as rows and columns say.
    """
    elements = {
        **common(CT, IMAGE, b"CT"),
        0x00080008: element(0x00080008, b"CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
        0x00200032: element(0x00200032, b"DS", b"0\\0\\0"),
        0x00200037: element(0x00200037, b"DS", b"1\\0\\0\\0\\1\\0"),
        0x00280002: element(0x00280002, b"US", words(1)),
        0x00280004: element(0x00280004, b"CS", b"MONOCHROME2"),
        0x00280010: element(0x00280010, b"US", words(rows)),
        0x00280011: element(0x00280011, b"US", words(columns)),
        0x00280030: element(0x00280030, b"DS", b"0.7\\0.7"),
        0x00280100: element(0x00280100, b"US", words(16)),
        0x00280101: element(0x00280101, b"US", words(16)),
        0x00280102: element(0x00280102, b"US", words(15)),
        0x00280103: element(0x00280103, b"US", words(0)),
        0x00281052: element(0x00281052, b"DS", b"-1024"),
        0x00281053: element(0x00281053, b"DS", b"1"),
        **(changes or {}),
    }
    if pixels is None:
        pixels = element(0x7FE00010, b"OW", bytes(rows * columns * 2))
    elements.setdefault(0x7FE00010, pixels)
    return joined(elements)


def joined(elements: Encoded) -> bytes:
    """The elements in the order of their tags."""
    return b"".join(elements[tag] for tag in sorted(elements))


def image_file(changes: Encoded | None = None, *, syntax: bytes = EXPLICIT, **how: object) -> bytes:
    """A CT image as a file; see :func:`image`."""
    data = image(changes=changes, **how)  # type: ignore[arg-type]
    return part10(deflate(data) if syntax == DEFLATED else data, meta(syntax=syntax))


def state(graphics: Iterable[bytes] = (), changes: Encoded | None = None, texts: Iterable[bytes] = ()) -> bytes:
    """The data set of a presentation state on one image, its graphics and texts as items' contents."""
    reference = element(0x00081150, b"UI", CT) + element(0x00081155, b"UI", IMAGE)
    of_series = element(0x0020000E, b"UI", SERIES)
    annotation = (
        sequence(0x00081140, [reference])
        + element(0x00700002, b"CS", b"LAYER")
        + sequence(0x00700008, texts, undefined=True)
        + sequence(0x00700009, graphics, undefined=True)
    )
    elements = {
        **common(STATE, OBJECT, b"PR"),
        0x00081115: sequence(0x00081115, [sequence(0x00081140, [reference]) + of_series]),
        0x00700001: sequence(0x00700001, [annotation], undefined=True),
        0x00700080: element(0x00700080, b"CS", b"MEASURE"),
        0x00700082: element(0x00700082, b"DA", b"20210304"),
        0x00700083: element(0x00700083, b"TM", b"120000"),
        **(changes or {}),
    }
    return joined(elements)


def state_file(*graphics: bytes, syntax: bytes = EXPLICIT, changes: Encoded | None = None) -> bytes:
    """A presentation state as a file."""
    data = state(graphics, changes)
    return part10(deflate(data) if syntax == DEFLATED else data, meta(STATE, OBJECT, syntax))


def graphic(*points: float, number: int | None = None, kind: bytes = b"POLYLINE") -> bytes:
    """One Graphic Object item: points in pixels."""
    return (
        element(0x00700005, b"CS", b"PIXEL")
        + element(0x00700020, b"US", words(2))
        + element(0x00700021, b"US", words((len(points) // 2 if number is None else number) & 0xFFFF))
        + (
            element(0x00700022, b"FL", floats(*points))
            if len(points) * 4 < 65536
            else element(0x00700022, b"UN", floats(*points))
        )
        + element(0x00700023, b"CS", kind)
    )


LINE = graphic(2.0, 2.0, 9.0, 9.0)


def code(value: bytes, meaning: bytes = b"x", scheme: bytes = b"DCM") -> bytes:
    """One coded entry's content."""
    return element(0x00080100, b"SH", value) + element(0x00080102, b"SH", scheme) + element(0x00080104, b"LO", meaning)


def node(value_type: bytes, *content: bytes, concept: bytes = b"111001", relation: bytes = b"CONTAINS") -> bytes:
    """One content item of a report."""
    return (
        element(0x0040A010, b"CS", relation)
        + element(0x0040A040, b"CS", value_type)
        + sequence(0x0040A043, [code(concept)])
        + b"".join(content)
    )


def report(content: bytes, changes: Encoded | None = None, sop_class: bytes = REPORT) -> bytes:
    """The data set of a report, ``content`` being its encoded Content Sequence."""
    elements = {
        **common(sop_class, OBJECT, b"SR"),
        0x0040A040: element(0x0040A040, b"CS", b"CONTAINER"),
        0x0040A043: sequence(0x0040A043, [code(b"126000")]),
        0x0040A730: content,
        **(changes or {}),
    }
    return joined(elements)


def report_file(content: bytes, changes: Encoded | None = None, sop_class: bytes = REPORT) -> bytes:
    """A report as a file."""
    return part10(report(content, changes, sop_class), meta(sop_class, OBJECT))
