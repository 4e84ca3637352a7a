"""Which object a file is, from its first octets."""

from __future__ import annotations

import contextlib
import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from miner.pacs.dicomweb.part10 import LONGEST_META, NotPart10Error, file_meta, sop_uid_of_data_set
from tests.hospital import ct_series
from tests.pacs.dicomweb.service import file_of


@pytest.fixture(scope="module")
def item() -> Dataset:
    return ct_series(slices=1)[0]


def in_syntax(item: Dataset, syntax: str) -> bytes:
    other = dcmread(BytesIO(file_of(item)))
    other.file_meta.TransferSyntaxUID = UID(syntax)
    stream = BytesIO()
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    dcmwrite(stream, other, enforce_file_format=True, little_endian=little, implicit_vr=implicit)
    return stream.getvalue()


def test_the_meta_information_and_its_end(item: Dataset) -> None:
    content = file_of(item)
    meta = file_meta(content)
    assert meta is not None
    assert meta.sop_uid == item.SOPInstanceUID
    assert meta.transfer_syntax_uid == ExplicitVRLittleEndian
    assert meta.end == 144 + int.from_bytes(content[140:144], "little")


def test_it_is_found_as_soon_as_it_has_come_and_not_before(item: Dataset) -> None:
    content = file_of(item)
    end = file_meta(content).end  # type: ignore[union-attr]
    assert all(file_meta(content[:length]) is None for length in range(end + 12))
    assert file_meta(content[: end + 12]) == file_meta(content)


def test_a_wrong_group_length_does_not_matter(item: Dataset) -> None:
    content = bytearray(file_of(item))
    content[140:144] = struct.pack("<L", 7)
    assert file_meta(bytes(content)) == file_meta(file_of(item))


@given(st.binary(max_size=400))
def test_what_is_no_file(noise: bytes) -> None:
    with contextlib.suppress(NotPart10Error):
        assert file_meta(noise) is None
    with pytest.raises(NotPart10Error):
        file_meta(bytes(128) + b"DICX" + noise)


def test_a_length_beyond_all_bounds(item: Dataset) -> None:
    element = struct.pack("<HH2sHL", 2, 1, b"OB", 0, LONGEST_META)
    with pytest.raises(NotPart10Error):
        file_meta(bytes(128) + b"DICM" + element + bytes(20))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_uid_of_the_data_set_itself(item: Dataset, syntax: str) -> None:
    content = in_syntax(item, syntax)
    assert sop_uid_of_data_set(content[:2000]) == item.SOPInstanceUID


def test_where_the_data_set_does_not_say(item: Dataset) -> None:
    content = file_of(item)
    end = file_meta(content).end  # type: ignore[union-attr]
    assert sop_uid_of_data_set(content[: end + 3]) == ""
    assert sop_uid_of_data_set(b"") == ""
    assert sop_uid_of_data_set(content[:end] + b"\xff" * 300) == ""
    deflated = content[:end].replace(ExplicitVRLittleEndian.encode() + b"\0", DeflatedExplicitVRLittleEndian.encode())
    assert sop_uid_of_data_set(deflated + b"no zlib stream") == ""
