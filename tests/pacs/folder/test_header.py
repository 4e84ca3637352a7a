"""miner.pacs.folder.header: any file has a head, or is of a sort."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from miner.pacs.folder import header
from miner.pacs.folder.header import Head, Sort, read_head
from miner.pacs.queries import rows
from tests.pacs.folder.conftest import ct, save

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
BARE = SYNTAXES[:3]


def encoded(item: Dataset, syntax: UID) -> bytes:
    """The data set alone."""
    stream = DicomBytesIO()
    stream.is_little_endian = syntax.is_little_endian
    stream.is_implicit_VR = syntax.is_implicit_VR
    write_dataset(stream, item)
    return stream.getvalue()


def written(octets: bytes, path: Path) -> Path:
    path.write_bytes(octets)
    return path


def check_ct(found: Head | Sort) -> Head:
    """The head of ``ct(7)``, whatever it was written as."""
    assert isinstance(found, Head)
    assert rows.text(found.elements, "SOPInstanceUID") == "2.25.107"
    assert rows.text(found.elements, "BodyPartExamined") == "CHEST"
    assert (rows.integer(found.elements, "Rows"), rows.integer(found.elements, "Columns")) == (16, 12)
    assert rows.integer(found.elements, "InstanceNumber") == 7
    return found


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_every_transfer_syntax(tmp_path: Path, syntax: UID) -> None:
    item = ct(7)
    item.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "any name"
    item.save_as(
        path, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, enforce_file_format=True
    )
    found = check_ct(read_head(path))
    assert (found.transfer_syntax_uid, found.whole) == (syntax, True)


@pytest.mark.parametrize("syntax", BARE, ids=lambda syntax: syntax.name)
def test_a_data_set_without_anything_before_it(tmp_path: Path, syntax: UID) -> None:
    found = check_ct(read_head(written(encoded(ct(7), syntax), tmp_path / "bare")))
    assert (found.transfer_syntax_uid, found.data, found.whole) == (syntax, 0, False)


def test_file_meta_information_without_preamble(tmp_path: Path) -> None:
    octets = save(ct(7), tmp_path / "whole").read_bytes()
    found = check_ct(read_head(written(octets[132:], tmp_path / "bare")))
    assert not found.whole


def test_preamble_without_transfer_syntax(tmp_path: Path) -> None:
    octets = bytes(128) + b"DICM" + encoded(ct(7), ImplicitVRLittleEndian)
    found = check_ct(read_head(written(octets, tmp_path / "bare")))
    assert (found.transfer_syntax_uid, found.whole) == (ImplicitVRLittleEndian, False)


def test_long_elements_before_the_end_of_the_head(tmp_path: Path) -> None:
    """A private element that does not fit into the first portion; and a sequence of undefined length."""
    item = ct(7)
    block = item.private_block(0x0009, "TESTS", create=True)
    block.add_new(1, "OB", bytes(3_000_000))
    reference = Dataset()
    reference.ReferencedSOPInstanceUID = "1.2.3"
    item.ReferencedImageSequence = [reference] * 2000
    item["ReferencedImageSequence"].is_undefined_length = True
    check_ct(read_head(save(item, tmp_path / "long")))


def test_pixels_are_not_read(tmp_path: Path) -> None:
    item = ct(7, PixelData=bytes(20_000_000))
    item["PixelData"].VR = "OW"
    path = save(item, tmp_path / "large")
    read = 0
    real_read = Path.open

    class Counting(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            octets = super().read(size)
            read += len(octets)
            return octets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", lambda self, mode: Counting(real_read(self, mode).read()))
        check_ct(read_head(path))
    assert read == header.PORTIONS[0]


@pytest.mark.parametrize(
    ("name", "octets", "sort"),
    [
        ("notes.txt", b"The measurements of last year.\n" * 20, Sort.NOT_DICOM),
        ("IM000001", b"", Sort.UNREADABLE),
        ("IM000002", bytes(100), Sort.UNREADABLE),
        ("IM000003", bytes(700_000), Sort.UNREADABLE),
        ("1.2.840.10008.5", b"", Sort.UNREADABLE),
        (".marker", b"", Sort.NOT_DICOM),
        ("done.txt", b"", Sort.NOT_DICOM),
        ("disc", bytes(32_768) + b"\x01CD001" * 20, Sort.NOT_DICOM),
        ("empty.dcm", b"", Sort.UNREADABLE),
        ("export.zip", b"PK\x03\x04" + bytes(200), Sort.NOT_DICOM),
        ("words", b"\x08\x00\x05\x00" + b"\x10\x00\x00\x00" + b"no DICOM at all " * 20, Sort.NOT_DICOM),
        ("mark", bytes(128) + b"DICM", Sort.UNREADABLE),
        ("broken", bytes(128) + b"DICM" + b"\xff" * 600, Sort.UNREADABLE),
        ("picture.IMA", b"\x89PNG\r\n\x1a\n" + bytes(100), Sort.UNREADABLE),
    ],
)
def test_what_is_no_object(tmp_path: Path, name: str, octets: bytes, sort: Sort) -> None:
    assert read_head(written(octets, tmp_path / name)) is sort


@pytest.mark.parametrize("absent", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_an_object_that_does_not_say_which_it_is(tmp_path: Path, absent: str) -> None:
    assert read_head(save_raw(ct(7, **{absent: None}), tmp_path / "nameless")) is Sort.UNREADABLE


def save_raw(item: Dataset, path: Path) -> Path:
    """A Part 10 file of an object that lacks what pydicom insists on."""
    meta = save(ct(7), path).read_bytes()
    start = read_head(path)
    assert isinstance(start, Head)
    return written(meta[: start.data] + encoded(item, ExplicitVRLittleEndian), path)


def test_an_object_of_no_study(tmp_path: Path) -> None:
    """A colour palette belongs to nobody; that it has no study is right."""
    item = ct(7, SOPClassUID="1.2.840.10008.5.1.4.39.1", StudyInstanceUID=None, SeriesInstanceUID=None)
    assert read_head(save(item, tmp_path / "palette")) is Sort.NOT_OF_A_STUDY


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    assert read_head(tmp_path / "absent") is Sort.UNREADABLE


def test_cut_off_anywhere(tmp_path: Path) -> None:
    """What a cut file says is true, or it is not listed: half a UID would be another object's."""
    octets = save(ct(7), tmp_path / "whole").read_bytes()
    sorts = []
    for length in range(len(octets)):
        found = read_head(written(octets[:length], tmp_path / "cut"))
        if isinstance(found, Head):
            assert rows.text(found.elements, "SeriesInstanceUID") == "2.25.2"
            assert rows.integer(found.elements, "Rows") in (16, None)
        sorts.append(type(found) if isinstance(found, Head) else found)
    assert list(dict.fromkeys(sorts)) == [Sort.UNREADABLE, Head]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_octets_end_as_a_head_or_a_sort_and_say_nothing(
    tmp_path: Path, data: st.DataObject, capfd: pytest.CaptureFixture[str]
) -> None:
    octets = bytearray(save(ct(7), tmp_path / "whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(128, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_head(written(bytes(octets), tmp_path / "wounded"))
    assert isinstance(found, Head | Sort)
    assert capfd.readouterr() == ("", "")


def test_values_of_the_object_are_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    item = ct(7)
    path = save(item, tmp_path / "odd")
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 192", b"PLANTED^ID"))
    with caplog.at_level(logging.DEBUG):
        check_ct(read_head(path))
    assert "PLANTED" not in caplog.text


def test_a_deflated_bomb_is_inflated_within_bounds(tmp_path: Path) -> None:
    item = ct(7)
    item.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(item, tmp_path / "deflated")
    start = read_head(path)
    assert isinstance(start, Head)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = struct.pack("<HH2sHL", 0x0009, 0x1001, b"OB", 0, 200_000_000)
    bomb = packer.compress(element + bytes(200_000_000)) + packer.flush()
    written(path.read_bytes()[: start.data] + bomb, path)
    assert read_head(path) is Sort.UNREADABLE


def test_a_head_of_a_million_items_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = read_head(save(ct(7), tmp_path / "whole"))
    assert isinstance(start, Head)
    items = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\0\0\0\0" * 1_000_000
    octets = (tmp_path / "whole").read_bytes()[: start.data] + items
    monkeypatch.setattr(header, "PORTIONS", (16 * 1024 * 1024,))
    assert read_head(written(octets, tmp_path / "bomb")) is Sort.UNREADABLE


def test_real_files(shared_data: Path) -> None:
    paths = [path for path in sorted(shared_data.rglob("*.dcm")) if path.is_file()]
    assert paths
    for path in paths:
        found, whole = read_head(path), dcmread(path)
        assert isinstance(found, Head)
        for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "StudyDate"):
            assert rows.text(found.elements, keyword) == str(whole.get(keyword) or "").strip()
        assert rows.integer(found.elements, "Rows") == whole.get("Rows")
