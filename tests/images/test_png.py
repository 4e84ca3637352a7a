"""PNG: what is written, and what is read strictly."""

from __future__ import annotations

import hashlib
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from miner.errors import ObjectError, Reason
from miner.images import decode_png, encode_png

IMAGES = arrays.arrays(
    np.uint16, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 65535)
)


def chunks(data):
    at, found = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def chunk(kind, payload):
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def ramp(rows=64, columns=48):
    return (np.arange(rows * columns, dtype=np.uint32) * 2654435761 % 65536).astype(np.uint16).reshape(rows, columns)


@given(IMAGES)
def test_what_is_written_is_read(values):
    data = encode_png(values)
    assert np.array_equal(decode_png(data), values)
    with Image.open(BytesIO(data)) as image:
        assert image.mode == "I;16"
        assert np.array_equal(np.array(image), values)
        assert not image.info


def test_real_slices_survive(chest_hu):
    for hu in chest_hu:
        values = (hu + 32768).astype(np.uint16)
        data = encode_png(values)
        assert np.array_equal(decode_png(data), values)
        assert len(data) < 0.6 * values.nbytes


def test_16_bit_grey_and_nothing_else():
    found = chunks(encode_png(ramp()))
    assert [kind for kind, _ in found] == [b"IHDR", b"IDAT", b"IEND"]
    assert found[0][1] == struct.pack(">IIBBBBB", 48, 64, 16, 0, 0, 0, 0)


def test_the_same_bytes_on_every_machine():
    """If this fails after an upgrade of `deflate`, every PNG of every release would change: keep the version."""
    y, x = np.mgrid[-40:40, -50:50]
    smooth = (32768 + (x * x + 3 * y * y) // 7).astype(np.uint16)
    digests = [hashlib.sha256(encode_png(values)).hexdigest() for values in (ramp(), smooth)]
    assert digests == EXPECTED


EXPECTED = [
    "1c5849d73af82f8f48fcc6e79831bd34d2977e3962302cb57a875df26ecff27e",
    "1558ff4348edbea8212e81b8220930ff8bd2884f1c90c440193a4318f3ae5b8b",
]


def test_memory_layout_does_not_matter():
    values = ramp()
    assert encode_png(np.asfortranarray(values)) == encode_png(values)
    assert encode_png(np.repeat(values, 2, axis=1)[:, ::2]) == encode_png(values)
    assert encode_png(values.astype(">u2").astype(np.uint16)) == encode_png(values)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 2), np.int16), np.zeros((2, 2, 1), np.uint16), np.zeros((0, 4), np.uint16)]
)
def test_only_images_of_uint16_are_written(wrong):
    with pytest.raises(ValueError, match="uint16"):
        encode_png(wrong)


# ------------------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("level", [0, 6, 9])
def test_other_writers_files_are_read(level):
    buffer = BytesIO()
    Image.fromarray(ramp()).save(buffer, "PNG", compress_level=level)
    assert np.array_equal(decode_png(buffer.getvalue()), ramp())


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool)])
def test_other_colour_forms_are_refused(array):
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    with pytest.raises(ObjectError) as caught:
        decode_png(buffer.getvalue())
    assert caught.value.reason is Reason.BITS_STORED


def test_every_cut_is_found():
    data = encode_png(ramp(8, 8))
    for length in range(len(data)):
        with pytest.raises(ObjectError) as caught:
            decode_png(data[:length])
        assert caught.value.reason is Reason.BROKEN_PIXELS


@given(st.data())
def test_every_flipped_bit_is_found(data):
    good = bytearray(encode_png(ramp(8, 8)))
    position = data.draw(st.integers(0, len(good) - 1))
    good[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ObjectError):
        decode_png(bytes(good))


def test_a_valid_container_around_too_little_data_is_refused():
    good = chunks(encode_png(ramp(8, 8)))
    short = zlib.compress(zlib.decompress(good[1][1])[:-20])
    data = b"\x89PNG\r\n\x1a\n" + chunk(*good[0]) + chunk(b"IDAT", short) + chunk(b"IEND", b"")
    with pytest.raises(ObjectError) as caught:
        decode_png(data)
    assert caught.value.reason is Reason.BROKEN_PIXELS


def test_no_image_data_is_refused():
    good = chunks(encode_png(ramp(8, 8)))
    with pytest.raises(ObjectError, match="missing"):
        decode_png(b"\x89PNG\r\n\x1a\n" + chunk(*good[0]) + chunk(b"IEND", b""))
