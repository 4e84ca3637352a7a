"""From encoded octets to a Part 10 file, and the books of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from miner.errors import Reason, StorageError
from miner.pacs.books import Books
from miner.pacs.dimse.receive import NOT_AUTHORISED, SUCCESS, Arrival, Receiver, part10
from miner.records import InstanceRef
from tests.pacs.scripted import reference

UIDS = st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,9}){1,5}", fullmatch=True)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@given(UIDS, UIDS)
def test_part10_is_read_by_pydicom(tmp_path_factory: pytest.TempPathFactory, sop_uid: str, sop_class: str) -> None:
    """Also UIDs with leading zeros, which are invalid and common."""
    data = b"\x10\x00\x20\x00LO\x02\x00AB"
    path = tmp_path_factory.mktemp("part10") / "one"
    path.write_bytes(part10(Arrival(sop_class, sop_uid, ExplicitVRLittleEndian, data)))
    read = dcmread(path)
    assert read.file_meta.MediaStorageSOPInstanceUID == sop_uid
    assert read.file_meta.MediaStorageSOPClassUID == sop_class
    assert read.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert read.file_meta.FileMetaInformationGroupLength == path.stat().st_size - 144 - len(data)
    assert read.PatientID == "AB"
    assert path.read_bytes().endswith(data)


def arrival(number: int, data: bytes = b"") -> Arrival:
    return Arrival(CTImageStorage, reference(number).sop_uid, ImplicitVRLittleEndian, data)


def test_books_account_for_everything(tmp_path: Path) -> None:
    other = InstanceRef("2.25.1", "2.25.2", "2.25.9", "1.2.840.10008.5.1.4.1.1.7")
    orphan = InstanceRef("2.25.1", "", "2.25.8", CTImageStorage)
    books = Books([reference(1), reference(2), reference(1), other, orphan])
    receiver = Receiver(tmp_path / "spool", books)
    assert [one.sop_uid for one in books.open()] == ["2.25.101", "2.25.102"]
    assert receiver.take(arrival(1, b"1234")) == SUCCESS
    assert receiver.take(arrival(3)) == NOT_AUTHORISED
    fetched = books.close("get")
    assert set(fetched.arrived) == {"2.25.101"}
    assert fetched.missing == {
        "2.25.102": Reason.NOT_RETRIEVED,
        "2.25.9": Reason.SOP_CLASS,
        "2.25.8": Reason.NOT_RETRIEVED,
    }
    assert fetched.octets == 4


def test_waiting_ends_when_everything_is_here(tmp_path: Path) -> None:
    books = Books([reference(1), reference(2)])
    receiver = Receiver(tmp_path, books)

    def send() -> None:
        for number in (1, 2):
            time.sleep(0.05)
            receiver.take(arrival(number))

    threading.Thread(target=send).start()
    books.wait([reference(1), reference(2)], 2, 30)
    assert books.open() == []


def test_waiting_ends_with_silence() -> None:
    books = Books([reference(1)])
    books.wait([reference(1)], 1, 0.05)
    assert len(books.open()) == 1


def test_a_spool_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"storage\.spool"):
        Receiver(tmp_path / "file" / "spool", Books([]))


def test_a_data_set_is_not_decoded(tmp_path: Path) -> None:
    """Whatever the octets are, they are kept: judging them is the business of the stage that reads the file."""
    books = Books([reference(1)])
    assert Receiver(tmp_path, books).take(arrival(1, b"not DICOM at all")) == SUCCESS
    (path,) = tmp_path.iterdir()
    assert path.read_bytes().endswith(b"not DICOM at all")
