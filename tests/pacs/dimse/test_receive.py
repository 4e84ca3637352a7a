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
from pynetdicom.dsutils import encode

from miner.errors import Reason, StorageError
from miner.pacs.books import Books
from miner.pacs.dimse.receive import NOT_AUTHORISED, SUCCESS, Arrival, Receiver, part10, receiver_for
from miner.records import InstanceRef
from tests.pacs.scripted import SERIES, image, reference

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


def encoded(
    number: int, comment: str = "", *, implicit: bool = True, series: str = SERIES, private: str = ""
) -> Arrival:
    item = image(number, comment)
    item.SeriesInstanceUID = series
    if private:
        item.private_block(0x0033, "SOMEBODY", create=True).add_new(1, "LO", private)
    data = encode(item, is_implicit_vr=implicit, is_little_endian=True)
    assert data is not None
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return Arrival(CTImageStorage, item.SOPInstanceUID, syntax, data)


def test_one_object_in_two_transfer_syntaxes_is_no_conflict(tmp_path: Path) -> None:
    books = Books([reference(1)])
    receiver = Receiver(tmp_path, books)
    first, again = encoded(1, private="x"), encoded(1, private="x", implicit=False)
    assert [receiver.take(one) for one in (first, again)] == [SUCCESS, SUCCESS]
    fetched = books.close("get")
    assert fetched.conflicts == {}
    assert (fetched.octets, fetched.extra_octets) == (len(first.data), len(again.data))


@pytest.mark.parametrize(
    "other",
    [encoded(1, "other"), encoded(1, "other", implicit=False), Arrival(CTImageStorage, "2.25.101", "1.2.3", b"\0")],
)
def test_one_uid_with_other_content_is_a_conflict(tmp_path: Path, other: Arrival) -> None:
    """Row 16, also where the other content is no DICOM at all."""
    books = Books([reference(1)])
    receiver = Receiver(tmp_path, books)
    assert [receiver.take(one) for one in (encoded(1), other, other)] == [SUCCESS] * 3
    fetched = books.close("get")
    assert fetched.conflicts == {"2.25.101": Reason.CONTENT_CONFLICT}
    assert dcmread(fetched.arrived["2.25.101"]).ImageComments == ""
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.filterwarnings("ignore:Expected implicit VR")
def test_an_object_goes_to_who_asked_for_it(tmp_path: Path) -> None:
    """Fetches of several threads share the port; one of them takes a whole series."""
    first, second, whole = (
        Receiver(tmp_path / str(at), Books([wanted]))
        for at, wanted in enumerate((reference(1), reference(1), reference(5)))
    )
    whole.take_whole(SERIES)
    receivers = [whole, first, second]
    assert receiver_for(encoded(1), receivers) is first
    first.take(encoded(1))
    assert receiver_for(encoded(1), receivers) is second, "each of two that ask for one image gets a copy"
    assert receiver_for(encoded(7), receivers) is whole
    assert receiver_for(encoded(7, series="2.25.999"), receivers) is None
    assert receiver_for(encoded(7), [first, second]) is None
    assert whole.take(encoded(7)) == SUCCESS
    assert whole.take(encoded(7, series="2.25.999")) == NOT_AUTHORISED
    assert whole.take(Arrival(CTImageStorage, "2.25.107", ImplicitVRLittleEndian, b"no DICOM")) == NOT_AUTHORISED
    assert list((tmp_path / "2").iterdir()) == []


def test_a_data_set_is_not_decoded(tmp_path: Path) -> None:
    """Whatever the octets are, they are kept: judging them is the business of the stage that reads the file."""
    books = Books([reference(1)])
    assert Receiver(tmp_path, books).take(arrival(1, b"not DICOM at all")) == SUCCESS
    (path,) = tmp_path.iterdir()
    assert path.read_bytes().endswith(b"not DICOM at all")
