"""Rows of a C-FIND answer, as they come off the wire."""

from __future__ import annotations

import warnings
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from miner.pacs.queries import rows
from miner.records import PatientRef, SeriesRef, StudyRef

STUDY = StudyRef("2.25.1", PatientRef("P"))
SERIES = SeriesRef(STUDY, "2.25.2", "CT")


def off_the_wire(dataset: Dataset, implicit: bool = True) -> Dataset:
    """Encoded and read again, so that every element is raw."""
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, implicit
    write_dataset(stream, dataset)
    return read_dataset(BytesIO(stream.getvalue()), implicit, True)


def encoded(*elements: tuple[int, int, bytes]) -> Dataset:
    """Implicit VR elements with exactly these octets."""
    octets = b"".join(
        group.to_bytes(2, "little") + element.to_bytes(2, "little") + len(value).to_bytes(4, "little") + value
        for group, element, value in elements
    )
    return read_dataset(BytesIO(octets), True, True)


@pytest.mark.parametrize("implicit", [True, False])
def test_an_instance(implicit: bool) -> None:
    row = Dataset()
    row.SOPInstanceUID, row.SOPClassUID = "2.25.3", "1.2.840.10008.5.1.4.1.1.2"
    row.InstanceNumber, row.NumberOfFrames, row.Rows, row.Columns = 7, 1, 512, 600
    row.ImagePositionPatient = [-1.5, 2, 1e3]
    row.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    found = rows.instance(off_the_wire(row, implicit), SERIES)
    assert (found.study_uid, found.series_uid, found.sop_uid) == ("2.25.1", "2.25.2", "2.25.3")
    assert (found.instance_number, found.frames, found.rows, found.columns) == (7, 1, 512, 600)
    assert found.position == (-1.5, 2.0, 1000.0)
    assert found.orientation == (1, 0, 0, 0, 1, 0)


def test_what_is_absent_is_unknown() -> None:
    row = Dataset()
    row.SOPInstanceUID = "2.25.3"
    found = rows.instance(off_the_wire(row), SERIES)
    assert (found.position, found.orientation, found.rows, found.instance_number) == (None, None, None, None)
    assert found.sop_class_uid == ""


def test_broken_values_are_unknown_and_are_repeated_nowhere() -> None:
    row = encoded(
        (0x0008, 0x0018, b"1.02.03.broken\0"),
        (0x0020, 0x0013, b"twelve"),
        (0x0020, 0x0032, b"1\\2"),
        (0x0020, 0x0037, b"1\\0\\0\\0\\nan\\0"),
        (0x0028, 0x0010, b"\x01"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rows.instance(row, SERIES)
    assert found.sop_uid == "1.02.03.broken"
    assert (found.instance_number, found.position, found.orientation, found.rows) == (None, None, None, None)


@pytest.mark.filterwarnings("ignore:Unknown encoding")
@pytest.mark.parametrize(
    ("character_set", "encoding", "patient"),
    [
        ("ISO_IR 100", "latin_1", "Größe-7"),
        ("ISO_IR 192", "utf-8", "山田-7"),
        ("GB18030", "gb18030", "患者-7"),
        ("NOT A TERM", "latin_1", "Größe-7"),
    ],
)
def test_character_sets(character_set: str, encoding: str, patient: str) -> None:
    row = encoded(
        (0x0008, 0x0005, character_set.encode()),
        (0x0010, 0x0020, f" {patient} ".encode(encoding)),
        (0x0020, 0x000D, b"2.25.1"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rows.study(row).patient.patient_id == patient


def test_ids_that_do_not_fit_their_character_set_stay_apart() -> None:
    ids = []
    for octet in (b"\xe4", b"\xf6"):
        row = encoded((0x0008, 0x0005, b"ISO_IR 192"), (0x0010, 0x0020, b"A" + octet), (0x0020, 0x000D, b"2.25.1"))
        ids.append(rows.study(row).patient.patient_id)
    assert ids[0] != ids[1]


def test_modalities_are_sorted_and_single() -> None:
    row = encoded((0x0008, 0x0061, b"PR\\CT\\PR\\ "), (0x0020, 0x000D, b"2.25.1"))
    assert rows.study(row).modalities == ("CT", "PR")


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_days(day: date) -> None:
    assert rows.day(f"{day:%Y%m%d} ") == day
    assert rows.day(f"{day:%Y.%m.%d}") == day


@pytest.mark.parametrize("value", ["", "2024", "20241301", "00000000", "yesterday", "2024-06-01"])
def test_what_is_no_day(value: str) -> None:
    assert rows.day(value) is None


def test_a_character_set_that_is_no_text_ends_nothing() -> None:
    row = encoded((0x0008, 0x0005, b"ISO_IR \xff00"), (0x0010, 0x0020, b"Gr\xf6\xdfe "))
    assert rows.text(row, "PatientID") == "Größe"
