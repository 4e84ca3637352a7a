"""Frame headers of JPEG, JPEG-LS and JPEG 2000 codestreams."""

from __future__ import annotations

import struct

import pytest

from miner.images.codestream import CodestreamError, FrameHeader, read_header


def jpeg(marker=0xC3, *, precision=12, rows=100, columns=200, components=1, before=b"", tail=b"\xff\xd9"):
    frame = struct.pack(">BBHBHHB", 0xFF, marker, 8 + 3 * components, precision, rows, columns, components)
    return b"\xff\xd8" + before + frame + bytes(3 * components) + b"\x12\x34" + tail


def jpeg_2000(depth, left=0, top=0):
    size = struct.pack(">HHIIII", 41, 0, 200 + left, 100 + top, left, top)
    tiles = struct.pack(">IIIIHBBB", 200, 100, 0, 0, 1, depth, 1, 1)
    return b"\xff\x4f\xff\x51" + size + tiles + b"\xff\xd9"


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC3, 0xF7])
def test_jpeg_and_jpeg_ls(marker):
    assert read_header(jpeg(marker)) == FrameHeader(100, 200, 1, 12, signed=False)


def test_segments_and_fill_bytes_before_the_frame_header():
    before = b"\xff\xe0\x00\x06JFIF" + b"\xff\xff\xff\xfe\x00\x04\xff\xc0"
    assert read_header(jpeg(before=before)).rows == 100


@pytest.mark.parametrize(("depth", "precision", "signed"), [(15, 16, False), (0x80 | 11, 12, True)])
def test_jpeg_2000(depth, precision, signed):
    assert read_header(jpeg_2000(depth)) == FrameHeader(100, 200, 1, precision, signed)
    assert read_header(jpeg_2000(depth, left=3, top=5)) == FrameHeader(100, 200, 1, precision, signed)


@pytest.mark.parametrize("padding", [b"", b"\x00", b"\x00" * 7, b"\xff", b"\x00\xff"])
def test_padding_behind_the_end_marker(padding):
    assert read_header(jpeg() + padding).columns == 200


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        bytes(100),
        b"\xff\x4f\xff\x51" + bytes(10),
        jpeg()[:-2],
        jpeg(tail=b""),
        jpeg()[:8],
        jpeg(before=b"\x00\x00"),
        jpeg(before=b"\xff\xe0\xff\xff"),
        jpeg_2000(15)[:-2],
        b"\xff\xd8\xff\xd9",
    ],
)
def test_what_is_no_whole_codestream(frame):
    with pytest.raises(CodestreamError):
        read_header(frame)


def test_every_cut_of_a_header_is_found():
    for whole in (jpeg(), jpeg_2000(11)):
        for length in range(len(whole)):
            with pytest.raises(CodestreamError):
                read_header(whole[:length])
