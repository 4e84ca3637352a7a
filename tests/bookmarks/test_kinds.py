"""Files are told apart by their SOP class, without parsing what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from miner.bookmarks.kinds import FileKind, FileSort, class_name, sort_file
from miner.bookmarks.producers import read_origin
from miner.bookmarks.public_codes import public_code
from tests.annotations import ct_image, empty_state

CLASSES = {
    "1.2.840.10008.5.1.4.1.1.11.1": FileKind.ANNOTATIONS,
    "1.2.840.10008.5.1.4.1.1.88.34": FileKind.ANNOTATIONS,
    "1.2.840.10008.5.1.4.1.1.88.67": FileKind.ANNOTATIONS,
    "1.2.840.10008.5.1.4.1.1.88.59": FileKind.ANNOTATIONS,
    "1.2.840.10008.5.1.4.1.1.2": FileKind.IMAGE,
    "1.2.840.10008.5.1.4.1.1.7.4": FileKind.IMAGE,
    "1.2.840.10008.5.1.4.1.1.481.3": FileKind.OTHER,
    "1.2.840.10008.1.3.10": FileKind.OTHER,
    "1.2.3.4": FileKind.UNKNOWN,
}


@pytest.mark.parametrize("uid", CLASSES)
@pytest.mark.parametrize("meta", [True, False], ids=["meta", "data set"])
def test_by_class(tmp_path: Path, uid: str, meta: bool) -> None:
    state = empty_state([ct_image()])
    state.SOPClassUID = uid
    path = tmp_path / "file.dcm"
    state.save_as(path)
    data = path.read_bytes()
    if not meta:  # dwv writes none either
        found = data.index(b"\x02\x00\x02\x00UI")
        length = int.from_bytes(data[found + 6 : found + 8], "little")
        data = data[:found] + data[found + 8 + length :]
        whole = int.from_bytes(data[140:144], "little") - 8 - length
        path.write_bytes(data[:140] + whole.to_bytes(4, "little") + data[144:])
    else:
        state.file_meta.MediaStorageSOPClassUID = uid
        state.save_as(path)
    assert sort_file(path).kind is CLASSES[uid]


def test_what_is_no_dicom_file(tmp_path: Path) -> None:
    for number, data in enumerate((b"", b"notes", b"\0" * 132, b"DICM")):
        path = tmp_path / str(number)
        path.write_bytes(data)
        assert sort_file(path) == FileSort(FileKind.NO_DICOM)
    broken = tmp_path / "broken"
    broken.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 300)
    assert sort_file(broken).kind is FileKind.UNKNOWN, "left to the reader, which says why"
    with pytest.raises(OSError, match="nowhere"):
        sort_file(tmp_path / "nowhere")


def test_deflated_files_are_not_inflated(tmp_path: Path) -> None:
    state = empty_state([ct_image()])
    state.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    state.save_as(tmp_path / "deflated.dcm")
    assert sort_file(tmp_path / "deflated.dcm").kind is FileKind.ANNOTATIONS


def test_class_names() -> None:
    assert class_name("1.2.840.10008.5.1.4.1.1.2") == "CT Image Storage"
    assert class_name("1.2.826.0.1.77314") == class_name("") == class_name("rubbish") == ""


@pytest.mark.parametrize(
    ("manufacturer", "version", "producers"),
    [
        ("Agfa HealthCare", "IMPAX 6.5", ("Agfa",)),
        ("GE MEDICAL SYSTEMS", "", ("GE",)),
        ("Manager", "Weasis 4.1", ("Weasis",)),
        ("Dr. Smith", "", ()),
        ("", "", ()),
    ],
)
def test_producers(tmp_path: Path, manufacturer: str, version: str, producers: tuple[str, ...]) -> None:
    state = empty_state([ct_image()])
    state.Manufacturer, state.SoftwareVersions = manufacturer, version
    state.file_meta.ImplementationClassUID, state.file_meta.ImplementationVersionName = "1.2.3", "NONE"
    state.save_as(tmp_path / "state.dcm")
    origin = read_origin(tmp_path / "state.dcm")
    assert origin.producers == producers
    assert origin.manufacturer == manufacturer


def test_implementation_class(tmp_path: Path) -> None:
    state = empty_state([ct_image()])
    state.file_meta.ImplementationClassUID, state.file_meta.ImplementationVersionName = "1.2.40.0.13.1.1.1", "NONE"
    state.save_as(tmp_path / "state.dcm")
    assert read_origin(tmp_path / "state.dcm").producers == ("dcm4che",)


@pytest.mark.parametrize(
    ("scheme", "value", "shown"),
    [
        ("DCM", "125007", "DCM:125007"),
        ("SRT", "G-A185", "SRT:G-A185"),
        ("SNM3", "T-28000", "SRT:T-28000"),
        ("SCT", "103339001", "SCT:103339001"),
        ("SCT", "103339002", ""),
        ("SCT", "77314", ""),
        ("SCT", "48213003", ""),  # a number with the right check digit is no concept yet
        ("SCT", "266005", "SCT:266005"),
        ("LN", "48211-7", ""),
        ("LN", "11528-7", "LN:11528-7"),
        ("LN", "", ""),
        ("UCUM", "mm", "UCUM:mm"),
        ("UCUM", "Smith", ""),
        ("LN", "Smith", ""),
        ("99ME", "125007", ""),
        ("", "", ""),
    ],
)
def test_public_codes(scheme: str, value: str, shown: str) -> None:
    assert public_code(scheme, value) == shown
