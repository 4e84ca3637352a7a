"""Pixel Data to stored values: every transfer syntax on real CT, odd bits, and damage."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from miner.errors import ObjectError, Reason
from miner.images import TRANSFER_SYNTAXES, decode
from miner.images.decode import PLUGINS
from miner.records import EncodedPixels
from tests.peers.network import absent


def encoded(dataset: Dataset) -> EncodedPixels:
    return EncodedPixels(
        transfer_syntax_uid=str(dataset.file_meta.TransferSyntaxUID),
        data=dataset.PixelData,
        rows=dataset.Rows,
        columns=dataset.Columns,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        high_bit=dataset.HighBit,
        signed=bool(dataset.PixelRepresentation),
        photometric=dataset.PhotometricInterpretation,
    )


def native(values, *, stored=16, high=None, signed=False, allocated=16, syntax=uid.ExplicitVRLittleEndian):
    order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    array = np.atleast_2d(np.array(values, f"{order}u{allocated // 8}"))
    return EncodedPixels(
        str(syntax),
        array.tobytes(),
        *array.shape,
        allocated,
        stored,
        stored - 1 if high is None else high,
        signed,
        "M2",
    )


def reason_of(pixels) -> Reason:
    with pytest.raises(ObjectError) as caught:
        decode(pixels)
    assert caught.value.__cause__ is None
    return caught.value.reason


@pytest.fixture(scope="session", params=["chest_slice", "head_slice"])
def source(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def truth(source) -> np.ndarray:
    """Values straight from the file's bytes, by no decoder."""
    dataset = pydicom.dcmread(source)
    values = np.frombuffer(dataset.PixelData, "<i2" if dataset.PixelRepresentation else "<u2")
    return values.reshape(dataset.Rows, dataset.Columns)


def compressed(source: Path, syntax: str, **options) -> EncodedPixels:
    dataset = pydicom.dcmread(source)
    dataset.compress(syntax, generate_instance_uid=False, **options)
    return encoded(dataset)


# ------------------------------------------------------------------------------------------- every syntax, real slices


def test_native(source, truth):
    values = decode(encoded(pydicom.dcmread(source)))
    assert values.dtype == truth.dtype
    assert np.array_equal(values, truth)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_lossless_by_pydicoms_encoders(source, truth, syntax):
    values = decode(compressed(source, syntax))
    assert values.dtype == truth.dtype
    assert np.array_equal(values, truth)


def test_lossy_jpeg_2000(source, truth):
    values = decode(compressed(source, uid.JPEG2000, j2k_cr=[4]))
    assert values.dtype == truth.dtype
    assert 0 < np.abs(values.astype(int) - truth).max() < 60


def test_near_lossless_jpeg_ls(chest_slice):
    truth = pydicom.dcmread(chest_slice).pixel_array
    values = decode(compressed(chest_slice, uid.JPEGLSNearLossless, jls_error=2))
    assert np.abs(values.astype(int) - truth).max() == 2


def by_dcmtk(source: Path, folder: Path, tool: str, *options: str) -> Dataset:
    if shutil.which(tool) is None:
        absent(f"{tool} (Debian package dcmtk)")
    target = folder / "encoded.dcm"
    subprocess.run([tool, *options, str(source), str(target)], check=True, capture_output=True)
    return pydicom.dcmread(target)


BY_DCMTK = {
    uid.ImplicitVRLittleEndian: ("dcmconv", "+ti"),
    uid.ExplicitVRLittleEndian: ("dcmconv", "+te"),
    uid.ExplicitVRBigEndian: ("dcmconv", "+tb"),
    uid.DeflatedExplicitVRLittleEndian: ("dcmconv", "+td"),
    uid.JPEGLossless: ("dcmcjpeg", "+el"),
    uid.JPEGLosslessSV1: ("dcmcjpeg", "+e1"),
    uid.JPEGLSLossless: ("dcmcjpls", "+el"),
    uid.RLELossless: ("dcmcrle",),
}


@pytest.mark.peer
@pytest.mark.parametrize("syntax", BY_DCMTK)
def test_lossless_by_dcmtk(source, truth, tmp_path, syntax):
    dataset = by_dcmtk(source, tmp_path, *BY_DCMTK[syntax])
    assert dataset.file_meta.TransferSyntaxUID == syntax
    values = decode(encoded(dataset))
    assert values.dtype == truth.dtype
    assert np.array_equal(values, truth)


@pytest.mark.peer
@pytest.mark.parametrize("options", [["+ee"], ["+eb"]])
def test_lossy_jpeg_equals_dcmtks_own_decoder(source, tmp_path, options):
    """12-bit extended and 8-bit baseline JPEG: the same integers as the encoder's own library gives."""
    dataset = by_dcmtk(source, tmp_path, "dcmcjpeg", *options)
    subprocess.run(["dcmdjpeg", str(tmp_path / "encoded.dcm"), str(tmp_path / "decoded.dcm")], check=True)
    decoded = pydicom.dcmread(tmp_path / "decoded.dcm")
    octets = decoded.BitsAllocated // 8
    expected = np.frombuffer(decoded.PixelData, f"<u{octets}").reshape(512, 512)
    assert np.array_equal(decode(encoded(dataset)), expected)
    assert expected.max() > expected.min()


def test_htj2k():
    from tests.images import htj2k

    pixels = EncodedPixels(str(uid.HTJ2KLossless), encapsulate([htj2k.UNSIGNED]), 24, 20, 16, 16, 15, False, "M2")
    assert np.array_equal(decode(pixels), htj2k.pattern())
    assert np.array_equal(decode(replace(pixels, bits_stored=12, high_bit=11)), htj2k.pattern())
    signed = replace(pixels, data=encapsulate([htj2k.SIGNED]), signed=True)
    assert np.array_equal(decode(signed), htj2k.pattern() - 1024)
    assert decode(signed).dtype == np.int16


@pytest.mark.parametrize("plugin", sorted({name for names in PLUGINS.values() for name in names} - {"pydicom"}))
def test_every_plugin_is_installed(plugin):
    packages = {"pylibjpeg": ["pylibjpeg", "openjpeg"], "pyjpegls": ["jpeg_ls"], "gdcm": ["gdcm"], "pillow": ["PIL"]}
    assert all(importlib.util.find_spec(package) for package in packages[plugin])


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEGLSNearLossless, uid.JPEG2000Lossless])
def test_each_plugin_gives_the_same_integers(chest_slice, syntax, monkeypatch):
    """The order of plug-ins is a matter of speed only (syntaxes in integer arithmetic)."""
    pixels = compressed(chest_slice, syntax, **({"jls_error": 1} if syntax == uid.JPEGLSNearLossless else {}))
    results = []
    for plugin in tuple(PLUGINS[syntax]):
        monkeypatch.setitem(PLUGINS, syntax, (plugin,))
        results.append(decode(pixels))
    assert len(results) == 2
    assert np.array_equal(*results)


@pytest.mark.parametrize("syntax", ["", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.94"])
def test_unknown_syntaxes_are_named(syntax):
    assert syntax not in TRANSFER_SYNTAXES
    assert reason_of(replace(native([[1, 2]]), transfer_syntax_uid=syntax)) is Reason.TRANSFER_SYNTAX


# ------------------------------------------------------------------------------------------------------------ odd bits


@given(
    st.lists(st.integers(0, 65535), min_size=1, max_size=8),
    st.integers(1, 16),
    st.integers(0, 15),
    st.booleans(),
    st.booleans(),
)
def test_only_the_stored_bits_count(words, stored, above, signed, big):
    """Against the definition, bit by bit: Bits Stored bits that end at High Bit, two's complement."""
    high = min(15, stored - 1 + above)
    syntax = uid.ExplicitVRBigEndian if big else uid.ImplicitVRLittleEndian
    values = decode(native([words], stored=stored, high=high, signed=signed, syntax=syntax))
    expected = []
    for word in words:
        value = sum((word >> (high - stored + 1 + bit) & 1) << bit for bit in range(stored))
        expected.append(value - (1 << stored) if signed and value >> (stored - 1) else value)
    assert values.tolist() == [expected]
    assert values.dtype == (np.int16 if signed else np.uint16)


def test_rubbish_above_the_stored_bits_is_masked():
    assert decode(native([[0xF005, 0x8FFF]], stored=12)).tolist() == [[5, 4095]]
    assert decode(native([[0xF005, 0x0FFF]], stored=12, signed=True)).tolist() == [[5, -1]]


def test_8_and_32_bits_allocated():
    assert decode(native([[1, 255]], stored=8, allocated=8, high=7)).tolist() == [[1, 255]]
    wide = decode(native([[1, 2**32 - 1]], stored=32, allocated=32, high=31, signed=True))
    assert (wide.tolist(), wide.dtype) == ([[1, -1]], np.int32)
    narrow = decode(native([[1, 2**32 - 1]], stored=16, allocated=32, high=15, signed=True))
    assert (narrow.tolist(), narrow.dtype) == ([[1, -1]], np.int16)


def test_rubbish_in_compressed_containers_is_masked(chest_slice):
    """A 16-bit stream around 12 stored bits: an old overlay in the high bits must not become HU."""
    dataset = pydicom.dcmread(chest_slice)
    truth = dataset.pixel_array
    dataset.BitsStored, dataset.HighBit = 16, 15
    dataset.PixelData = (truth | 0x8000).astype("<u2").tobytes()
    for syntax in (uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless):
        copy = pydicom.dcmread(chest_slice)
        copy.BitsStored, copy.HighBit, copy.PixelData = 16, 15, dataset.PixelData
        copy.compress(syntax, generate_instance_uid=False)
        assert np.array_equal(decode(replace(encoded(copy), bits_stored=12, high_bit=11)), truth)


def test_a_signed_image_in_an_unsigned_jpeg_2000_stream(head_slice):
    """Some encoders drop the sign; the Image Pixel module decides."""
    dataset = pydicom.dcmread(head_slice)
    truth = dataset.pixel_array.copy()
    dataset.PixelRepresentation = 0
    dataset.compress(uid.JPEG2000Lossless, generate_instance_uid=False)
    values = decode(replace(encoded(dataset), signed=True))
    assert truth.min() < 0
    assert np.array_equal(values, truth)


def test_fewer_bits_in_the_stream_than_stored_and_signs_that_nobody_can_tell(chest_slice):
    pixels = compressed(chest_slice, uid.JPEGLSLossless)  # 12 bits, with values above 2047
    assert np.array_equal(decode(replace(pixels, bits_stored=16, high_bit=15)), decode(pixels))
    assert reason_of(replace(pixels, bits_stored=16, high_bit=15, signed=True)) is Reason.BROKEN_PIXELS


# -------------------------------------------------------------------------------------------------------------- lengths


def test_an_odd_length_may_be_padded():
    pixels = native([[1, 2, 3]], stored=8, allocated=8, high=7)
    assert decode(pixels).tolist() == [[1, 2, 3]]
    assert decode(replace(pixels, data=pixels.data + b"\x07")).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("change", [-1, -2, -100])
def test_too_short(change):
    pixels = native(np.ones((16, 16)))
    assert reason_of(replace(pixels, data=pixels.data[:change])) is Reason.BROKEN_PIXELS


def test_padding_is_zero_and_shorter_than_a_row():
    pixels = native(np.ones((16, 16)))
    assert decode(replace(pixels, data=pixels.data + bytes(30))).sum() == 256
    assert reason_of(replace(pixels, data=pixels.data + bytes(32))) is Reason.BROKEN_PIXELS
    assert reason_of(replace(pixels, data=pixels.data + b"\x00\x01")) is Reason.BROKEN_PIXELS
    assert reason_of(replace(pixels, columns=15)) is Reason.BROKEN_PIXELS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"samples": 3}, Reason.NOT_GREYSCALE),
        ({"frames": 2}, Reason.UNSUPPORTED_OBJECT),
        ({"rows": 0}, Reason.BROKEN_PIXELS),
        ({"bits_allocated": 12}, Reason.BROKEN_PIXELS),
        ({"bits_stored": 17}, Reason.BROKEN_PIXELS),
        ({"bits_stored": 0}, Reason.BROKEN_PIXELS),
        ({"bits_stored": 12, "high_bit": 10}, Reason.BROKEN_PIXELS),
        ({"high_bit": 16}, Reason.BROKEN_PIXELS),
        ({"data": b""}, Reason.BROKEN_PIXELS),
    ],
)
def test_attributes_that_contradict_each_other(change, reason):
    assert reason_of(replace(native(np.ones((4, 4))), **change)) is reason


# ------------------------------------------------------------------------------------------------- fragments and damage

ENCAPSULATED = [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]


def frame_of(pixels: EncodedPixels) -> bytes:
    return next(generate_frames(pixels.data, number_of_frames=1))


@pytest.fixture(scope="session", params=ENCAPSULATED)
def stream(request, chest_slice) -> tuple[EncodedPixels, np.ndarray]:
    pixels = compressed(chest_slice, request.param)
    return pixels, decode(pixels)


@pytest.mark.parametrize("fragments", [1, 2, 7])
@pytest.mark.parametrize("table", [True, False])
def test_fragments_with_and_without_offset_table(stream, fragments, table):
    pixels, truth = stream
    if pixels.transfer_syntax_uid == uid.RLELossless:
        fragments = 1  # RLE has one fragment per frame (PS3.5 A.4.2)
    data = encapsulate([frame_of(pixels)], fragments_per_frame=fragments, has_bot=table)
    assert np.array_equal(decode(replace(pixels, data=data)), truth)
    assert np.array_equal(decode(replace(pixels, data=data + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00")), truth)


@pytest.mark.parametrize("table", [True, False])
def test_a_second_frame_is_never_dropped_silently(stream, table):
    pixels, _ = stream
    data = encapsulate([frame_of(pixels)] * 2, has_bot=table)
    assert reason_of(replace(pixels, data=data)) is Reason.BROKEN_PIXELS


@pytest.mark.parametrize("kept", [0.001, 0.3, 0.9, 0.999])
def test_cut_data_is_found(stream, kept):
    pixels, _ = stream
    frame = frame_of(pixels)
    cut = encapsulate([frame[: int(len(frame) * kept)]])
    assert reason_of(replace(pixels, data=cut)) is Reason.BROKEN_PIXELS


@pytest.mark.parametrize("kept", [4, 8, 12, 17, 5000])
def test_a_cut_element_is_found(stream, kept):
    pixels, _ = stream
    assert reason_of(replace(pixels, data=pixels.data[:kept])) is Reason.BROKEN_PIXELS


@pytest.mark.peer
@pytest.mark.parametrize("option", ["+el", "+e1", "+ee", "+eb"])
@pytest.mark.parametrize("missing", [2, 100, 20000])
def test_cut_jpeg_is_found(chest_slice, tmp_path, option, missing):
    pixels = encoded(by_dcmtk(chest_slice, tmp_path, "dcmcjpeg", option))
    frame = frame_of(pixels).rstrip(b"\x00")
    assert reason_of(replace(pixels, data=encapsulate([frame[:-missing]]))) is Reason.BROKEN_PIXELS


@pytest.mark.parametrize("change", [{"rows": 511}, {"rows": 513}, {"columns": 256}, {"rows": 256, "columns": 1024}])
def test_a_stream_of_another_size_is_refused(stream, change):
    pixels, _ = stream
    if pixels.transfer_syntax_uid == uid.RLELossless:
        change = {"rows": 513}  # RLE has no size of its own: only too few values can be noticed
    assert reason_of(replace(pixels, **change)) is Reason.BROKEN_PIXELS


@pytest.mark.parametrize("syntax", sorted(PLUGINS))
@pytest.mark.parametrize("data", [b"", b"rubbish" * 40, encapsulate([bytes(1000)]), encapsulate([b"\xff\xd8\xff\xd9"])])
def test_rubbish_is_refused(syntax, data):
    pixels = EncodedPixels(str(syntax), data, 8, 8, 16, 12, 11, False, "MONOCHROME2")
    assert reason_of(pixels) is Reason.BROKEN_PIXELS


def test_native_data_under_a_compressed_syntax_and_the_reverse(chest_slice):
    dataset = pydicom.dcmread(chest_slice)
    plain = encoded(dataset)
    assert reason_of(replace(plain, transfer_syntax_uid=str(uid.JPEGLSLossless))) is Reason.BROKEN_PIXELS
    packed = compressed(chest_slice, uid.JPEGLSLossless)
    assert reason_of(replace(packed, transfer_syntax_uid=str(uid.ExplicitVRLittleEndian))) is Reason.BROKEN_PIXELS


def test_nothing_is_warned(stream, recwarn, capfd):
    """Warnings of decoders quote what they read: none may come of a sound image."""
    decode(stream[0])
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")
