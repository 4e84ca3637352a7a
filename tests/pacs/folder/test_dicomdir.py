"""A DICOMDIR: what it lists, what is missing of that, and that it leads nowhere."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from pydicom.fileset import FileSet
from pydicom.uid import DeflatedExplicitVRLittleEndian

from miner.errors import PacsUnreachable, Reason
from miner.pacs.folder.dicomdir import DirectoryError, read_directory
from miner.pacs.queries import rows
from miner.records import DateWindow
from tests.hospital import ct_series, ruler_pair
from tests.pacs.folder.conftest import Open, ct, save


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A file-set by pydicom: one study of six images and a presentation state. Returns its DICOMDIR."""
    images = ct_series(slices=6)
    files = FileSet()
    for item in [*images, ruler_pair(images[2])]:
        item.StudyTime, item.PatientName = "101112", "Planted^P1"
        files.add(item)
    files.write(tmp_path / "medium")
    return tmp_path / "medium" / "DICOMDIR"


def test_every_file_is_listed_with_what_the_records_say(medium: Path) -> None:
    listed = read_directory(medium)
    assert len(listed) == 7
    for entry in listed:
        assert medium.parent.joinpath(*entry.parts).is_file()
        assert rows.text(entry.elements, "StudyDate") == "20210304"
        assert rows.text(entry.elements, "PatientID") == "P1"
    assert [rows.text(entry.elements, "Modality") for entry in listed].count("PR") == 1


def test_the_same_studies_by_dicomdir_and_by_folder(medium: Path, opened: Open) -> None:
    by_list, by_folder = opened(medium), opened(medium.parent)
    assert by_list.find_studies(DateWindow()) == by_folder.find_studies(DateWindow())
    (study,) = by_list.find_studies(DateWindow())
    assert study.modalities == ("CT", "PR")
    for series in by_list.find_series(study):
        assert by_list.find_instances(series) == by_folder.find_instances(series)


def test_files_that_a_dicomdir_leaves_out_count_in_a_folder_only(medium: Path, opened: Open) -> None:
    save(ct(StudyInstanceUID="2.25.99"), medium.parent / "later")
    assert len(opened(medium).find_studies(DateWindow())) == 1
    assert len(opened(medium.parent).find_studies(DateWindow())) == 2


@pytest.mark.parametrize("whole_folder", [False, True])
def test_what_is_listed_and_missing_is_named(medium: Path, opened: Open, spool: Path, whole_folder: bool) -> None:
    state, image = _file_of(medium, "PR"), _file_of(medium, "CT")
    state.unlink()
    image.write_bytes(image.read_bytes()[:140])
    pacs = opened(medium.parent if whole_folder else medium)
    (study,) = pacs.find_studies(DateWindow(), ["PR"])
    series = {entry.modality: entry for entry in pacs.find_series(study)}
    assert (series["CT"].instances, series["PR"].instances) == (6, 1)
    wanted = [entry for one in series.values() for entry in pacs.find_instances(one)]
    fetched = pacs.fetch(wanted, spool)
    assert len(fetched.arrived) == 5
    assert sorted(fetched.missing.values()) == [Reason.NOT_RETRIEVED, Reason.UNREADABLE_FILE]
    assert pacs.census().absent == 2


def _file_of(medium: Path, modality: str) -> Path:
    """The file of the first object of a modality."""
    parts = next(e.parts for e in read_directory(medium) if rows.text(e.elements, "Modality") == modality)
    return medium.parent.joinpath(*parts)


def test_an_object_that_lies_elsewhere_is_not_missing(medium: Path, opened: Open) -> None:
    _file_of(medium, "PR").rename(medium.parent / "moved")
    assert opened(medium.parent).census().absent == 0


def test_a_file_that_holds_another_object_than_listed(medium: Path, opened: Open) -> None:
    save(ct(StudyInstanceUID="2.25.99"), _file_of(medium, "PR"))
    pacs = opened(medium)
    assert pacs.census().absent == 1
    assert {study.study_uid for study in pacs.find_studies(DateWindow())} >= {"2.25.99"}


def test_names_are_found_in_other_spellings(medium: Path, opened: Open) -> None:
    """An ISO 9660 medium is mounted in small letters or with version numbers, as the system likes."""
    other = medium.parent.parent / "mounted"
    for path in [path for path in medium.parent.rglob("*") if path.is_file()]:
        target = other.joinpath(*(part.lower() for part in path.relative_to(medium.parent).parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target.with_name(target.name + ";1"))
    pacs = opened(other / "dicomdir;1")
    assert pacs.census().objects == 7
    assert pacs.census().absent == 0


@pytest.mark.parametrize("name", ["..\\SECRET", "..", "/etc/passwd", ".", "A\\..\\..\\SECRET"])
def test_nothing_outside_is_ever_opened(medium: Path, opened: Open, name: str) -> None:
    save(ct(StudyInstanceUID="2.25.66"), medium.parent.parent / "SECRET")
    octets = medium.read_bytes()
    listed = read_directory(medium)[0]
    was = "\\".join(listed.parts)
    now = name.ljust(len(was))[: max(len(was), len(name))]
    assert len(now) == len(was)
    medium.write_bytes(octets.replace(was.encode(), now.encode(), 1))
    pacs = opened(medium)
    assert {study.study_uid for study in pacs.find_studies(DateWindow())}.isdisjoint({"2.25.66"})
    assert pacs.census().absent == 1


def test_a_chain_that_bites_its_tail_ends(medium: Path) -> None:
    octets = bytearray(medium.read_bytes())
    offsets = [at for at in range(len(octets)) if octets[at : at + 6] == b"\x04\x00\x00\x14UL"]
    assert offsets
    first = next(i for i in range(len(octets)) if octets[i : i + 4] == b"\xfe\xff\x00\xe0")
    for at in offsets:
        octets[at + 8 : at + 12] = struct.pack("<L", first)
    medium.write_bytes(bytes(octets))
    assert len(read_directory(medium)) == 7, "records are listed whether or not the tree reaches them"


def test_records_that_hang_on_nothing(medium: Path, opened: Open, spool: Path) -> None:
    """Broken offsets: the files are found all the same, and what is missing is counted."""
    octets = bytearray(medium.read_bytes())
    for at in range(len(octets)):
        if octets[at : at + 6] == b"\x04\x00\x20\x14UL":
            octets[at + 8 : at + 12] = b"\xee\xee\xee\xee"
    medium.write_bytes(bytes(octets))
    _file_of_any(medium).unlink()
    pacs = opened(medium)
    assert pacs.census().objects == 6
    assert pacs.census().absent == 1


def _file_of_any(medium: Path) -> Path:
    return medium.parent.joinpath(*read_directory(medium)[0].parts)


def test_a_dicomdir_that_cannot_be_read(medium: Path, opened: Open) -> None:
    octets = medium.read_bytes()
    medium.write_bytes(octets[: len(octets) // 2])
    with pytest.raises(DirectoryError):
        read_directory(medium)
    with pytest.raises(PacsUnreachable, match="cannot be read as a DICOMDIR") as caught:
        opened(medium).find_studies(DateWindow())
    assert caught.value.reason is Reason.UNREADABLE_FILE
    census = opened(medium.parent).census()
    assert (census.objects, census.unreadable) == (7, 1), "the folder is read whole all the same"


def test_a_file_that_is_no_dicomdir(folder: Path, opened: Open) -> None:
    with pytest.raises(PacsUnreachable, match="cannot be read as a DICOMDIR"):
        opened(save(ct(), folder / "image")).find_studies(DateWindow())


def test_bounds(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("miner.pacs.folder.dicomdir.LONGEST", 1000)
        with pytest.raises(DirectoryError, match="larger"):
            read_directory(medium)
    monkeypatch.setattr("miner.pacs.folder.dicomdir.MOST_RECORDS", 3)
    with pytest.raises(DirectoryError, match="larger"):
        read_directory(medium)


def test_it_is_never_inflated(medium: Path) -> None:
    octets = medium.read_bytes()
    plain = b"1.2.840.10008.1.2.1\0"
    deflated = DeflatedExplicitVRLittleEndian.encode()
    assert plain in octets
    medium.write_bytes(octets.replace(b"\x10\x00UI\x14\x00" + plain, b"\x10\x00UI\x16\x00" + deflated))
    assert len(read_directory(medium)) == 7, "read as it stands"


def test_inactive_records_are_left_out(medium: Path) -> None:
    octets = bytearray(medium.read_bytes())
    at = octets.rindex(b"\x04\x00\x10\x14US\x02\x00") + 8
    octets[at : at + 2] = b"\0\0"
    medium.write_bytes(bytes(octets))
    assert len(read_directory(medium)) == 6


def test_a_directory_of_one_patient_beside_another(tmp_path: Path, opened: Open) -> None:
    """Two exports side by side, each with its DICOMDIR: names in one say nothing of the other."""
    for number in (1, 2):
        files = FileSet()
        for item in ct_series(f"P{number}", slices=2):
            files.add(item)
        files.write(tmp_path / "all" / str(number))
    lost = next(path for path in (tmp_path / "all" / "1").rglob("*") if path.is_file() and path.name != "DICOMDIR")
    lost.unlink()
    pacs = opened(tmp_path / "all")
    assert (pacs.census().studies, pacs.census().absent) == (2, 1)
