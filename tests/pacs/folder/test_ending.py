"""miner.pacs.folder.ending: whole files are whole, and a cut one is known wherever it was cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from miner.pacs.folder.ending import is_cut_off
from miner.pacs.folder.header import Head, read_head
from tests.hospital import ct_series, ruler_pair
from tests.pacs.folder.conftest import ct, save


def cut_off(path: Path) -> bool:
    head = read_head(path)
    assert isinstance(head, Head)
    with path.open("rb") as source:
        return is_cut_off(source, head, path.stat().st_size)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_pixels(tmp_path: Path, syntax: UID) -> None:
    item = ct()
    item.file_meta.TransferSyntaxUID = syntax
    path = save(item, tmp_path / "image")
    assert not cut_off(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert cut_off(path)


def test_compressed_pixels(tmp_path: Path) -> None:
    item = ct_series(slices=1)[0]
    item.compress(RLELossless, generate_instance_uid=False)
    path = save(item, tmp_path / "image")
    assert not cut_off(path)
    octets = path.read_bytes()
    path.write_bytes(octets + bytes(1000))
    assert not cut_off(path), "padding behind the pixels is no cut"
    path.write_bytes(octets[:-10])
    assert cut_off(path)


def test_a_presentation_state_cut_anywhere(tmp_path: Path) -> None:
    state = ruler_pair(ct_series(slices=1)[0])
    path = save(state, tmp_path / "state")
    octets = path.read_bytes()
    assert not cut_off(path)
    path.write_bytes(octets + bytes(64))
    assert not cut_off(path), "zeros behind the last element are padding"
    at = octets.index(bytes.fromhex("70000100"))  # the graphic annotations, the first element of group 0070
    missed = [length for length in range(at + 1, len(octets)) if not _cut_at(path, octets, length)]
    # What ends between two elements is a whole data set that says less; only what it should hold could tell.
    assert len(missed) <= 12


def _cut_at(path: Path, octets: bytes, length: int) -> bool:
    path.write_bytes(octets[:length])
    return cut_off(path)


def test_an_object_without_pixels_that_is_long(tmp_path: Path) -> None:
    item = ct(PixelData=None)
    private = item.private_block(0x0071, "TESTS", create=True)
    private.add_new(1, "OB", bytes(17 * 1024 * 1024))
    assert not cut_off(save(item, tmp_path / "long"))


def test_real_files_are_whole(shared_data: Path) -> None:
    paths = sorted(shared_data.rglob("*.dcm"))
    assert paths
    assert [path for path in paths if cut_off(path)] == []


def test_deflated_is_not_judged(tmp_path: Path) -> None:
    item: Dataset = ct()
    item.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.99")
    assert not cut_off(save(item, tmp_path / "deflated"))
