"""The check of a folder: the right words on each fault, no fault on the official rows."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from miner.dataset import CheckReport, Code, Finding, LesionRow, ReleaseRules, check, write_release
from miner.dataset.checking.findings import Findings
from miner.dataset.checking.lines import read_lines
from miner.dataset.checking.measures import box_words
from miner.dataset.checking.png import examine_bytes
from miner.dataset.checking.ranges import RangeRule
from miner.dataset.checking.rows import check_rows
from miner.dataset.dl_info import HEADER, parse_row
from miner.dataset.geometry import as_written
from miner.errors import UsageError
from miner.images import encode_png
from miner.records import Kind
from tests.dataset.making import NOW, FakeCatalogue, files_of, make, put, slice_png, write_deeplesion

Edit = Callable[[Path], None]


@pytest.fixture(scope="module")
def template(official_rows: list[LesionRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first six official rows with generated pictures of a smaller size."""
    chosen = [replace(row, size=(64, 64)) for row in official_rows[:6]]
    return write_deeplesion(tmp_path_factory.mktemp("template") / "deeplesion", chosen)


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "deeplesion"))


@pytest.fixture
def release(catalogue: FakeCatalogue, images: Path, tmp_path: Path) -> Path:
    put(
        catalogue,
        images,
        [
            make(1, 1, key_slice=10),
            make(1, 1, key_slice=40, kind=Kind.ARROW),
            make(2, 1, key_slice=20),
            make(2, 2, key_slice=20, kind=Kind.LINE),
        ],
    )
    return write_release(catalogue, images=images, out=tmp_path / "release", settings=ReleaseRules(), now=NOW).folder


def replace_in(folder: Path, old: str, new: str, name: str = "DL_info.csv", count: int = 1) -> None:
    path = folder / name
    data = path.read_bytes()
    assert old.encode() in data
    path.write_bytes(data.replace(old.encode(), new.encode(), count))


def only(report: CheckReport) -> Finding:
    (fault,) = report.faults
    return fault


def codes(report: CheckReport) -> set[Code]:
    return {fault.code for fault in report.faults}


def some_picture(folder: Path) -> Path:
    return sorted((folder / "Images_png").rglob("*.png"))[3]


def as_png(values: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG", **options)
    return buffer.getvalue()


# ------------------------------------------------------------------------------------------------- what is right


def test_a_tree_of_official_rows_is_without_fault(folder: Path) -> None:
    report = check(folder)
    assert report.faults == ()
    assert report.counts["rows"] == 6
    assert report.counts["pictures"] == len(list(folder.rglob("*.png")))


def test_all_official_rows_are_without_fault(official_file: Path, tmp_path: Path) -> None:
    (tmp_path / "DL_info.csv").write_bytes(official_file.read_bytes())
    findings = Findings()
    table = check_rows(tmp_path, RangeRule(), findings, official=True)
    assert table is not None
    assert len(table.rows) == 1686
    assert findings.faults == []
    assert Counter(note.code for note in findings.notes) == {Code.RANGE_RULE: 1, Code.INDEX_GAP: 2}


def test_a_release_of_ours_is_without_fault_and_note(release: Path) -> None:
    report = check(release)
    assert report.faults == report.notes == ()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        check(tmp_path / "nothing")


def test_a_folder_without_its_table(tmp_path: Path) -> None:
    assert only(check(tmp_path)).code is Code.FILE_MISSING


# ------------------------------------------------------------------------------------------- the eight named faults


def test_a_half_pixel_shift_of_a_box(folder: Path) -> None:
    replace_in(folder, "226.169, 90.0204, 241.252, 111.977", "225.669, 89.5204, 240.752, 111.477")
    fault = only(check(folder))
    assert (fault.code, fault.file, fault.line) == (Code.BOX, "DL_info.csv", 2)
    assert "shifted by -0.5, -0.5 px" in fault.words
    assert "half a pixel" in fault.words


def test_an_age_with_a_decimal_point(folder: Path) -> None:
    replace_in(folder, ",F,62,3", ",F,62.0,3")
    fault = only(check(folder))
    assert (fault.code, fault.line) == (Code.AGE, 2)
    assert "'62.0' must be written as a whole number without a decimal point: 62" in fault.words


def test_a_missing_slice(folder: Path) -> None:
    (folder / "Images_png/000001_01_01/105.png").unlink()
    fault = only(check(folder))
    assert (fault.code, fault.file) == (Code.SLICE_MISSING, "Images_png/000001_01_01/105.png")
    assert "slice 105 is missing" in fault.words
    assert "line 2 of DL_info.csv" in fault.words


def test_an_extra_slice(folder: Path) -> None:
    place = folder / "Images_png/000001_01_01"
    shutil.copy(place / "105.png", place / "200.png")
    fault = only(check(folder))
    assert (fault.code, fault.file) == (Code.SLICE_EXTRA, "Images_png/000001_01_01/200.png")
    assert "extra" in fault.words


def test_an_unsorted_range(folder: Path) -> None:
    replace_in(folder, '"103, 115"', '"115, 103"')
    fault = only(check(folder))
    assert (fault.code, fault.line) == (Code.RANGE_ORDER, 2)
    assert "not sorted: 115 stands before 103" in fault.words


def test_a_patient_in_two_splits(folder: Path) -> None:
    replace_in(folder, ",F,62,3", ",F,62,1")
    fault = only(check(folder))
    assert (fault.code, fault.line) == (Code.SPLIT, 3)
    assert "patient 1 is in two splits: Train_Val_Test 1 on line 2, 3 here" in fault.words


def test_an_8_bit_png(folder: Path) -> None:
    path = some_picture(folder)
    path.write_bytes(as_png(np.zeros((64, 64), np.uint8)))
    fault = only(check(folder))
    assert (fault.code, fault.file) == (Code.PNG_DEPTH, path.relative_to(folder).as_posix())
    assert "8 bits a sample instead of 16" in fault.words


def test_windows_line_endings(folder: Path) -> None:
    path = folder / "DL_info.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    fault = only(check(folder))
    assert (fault.code, fault.line) == (Code.LINE_ENDING, 1)
    assert "7 lines" in fault.words
    assert "CRLF" in fault.words


# ------------------------------------------------------------------------------------------------- bytes of the CSV


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, Code.BYTE_ORDER_MARK, 1),
        (lambda data: data.removesuffix(b"\n"), Code.FINAL_NEWLINE, 7),
        (lambda data: data.replace(b"\n", b"\n\n", 3), Code.BLANK_LINE, 2),
        (lambda data: data + b"\n", Code.BLANK_LINE, 8),
        (lambda data: data.replace(b"File_name", b"file_name"), Code.HEADER, 1),
        (lambda data: data.replace(b"Spacing_mm_px_,Image_size", b"Image_size,Spacing_mm_px_"), Code.HEADER, 1),
        (lambda data: data.replace(b",F,62,3", b",F,62,3,x"), Code.COLUMNS, 2),
        (lambda data: data.replace(b',"103, 115",', b",103, 115,"), Code.COLUMNS, 2),
        (lambda data: data.replace(b",F,62,3", b',"F",62,3'), Code.QUOTING, 2),
        (lambda data: data.replace(b',"103, 115",', b',"103, 115,'), Code.QUOTING, 2),
        (lambda data: data.replace(b",F,62,3", b",\xff,62,3"), Code.ENCODING, 2),
    ],
)
def test_bytes_of_the_table(folder: Path, change: Callable[[bytes], bytes], code: Code, line: int) -> None:
    path = folder / "DL_info.csv"
    path.write_bytes(change(path.read_bytes()))
    found = [fault for fault in check(folder).faults if fault.code is code]
    assert found, check(folder).faults
    assert found[0].line == line


def test_a_header_s_fault_names_the_column(folder: Path) -> None:
    replace_in(folder, "Patient_age", "Patient_Age")
    assert "column 17 is named 'Patient_Age' instead of 'Patient_age'" in only(check(folder)).words


def test_pandas_style_columns_are_found_out(folder: Path) -> None:
    """An index column in front, as DataFrame.to_csv writes it."""
    path = folder / "DL_info.csv"
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{place},{line}\n" if place else f",{line}\n" for place, line in enumerate(lines)))
    assert {Code.HEADER, Code.COLUMNS} <= codes(check(folder))


# -------------------------------------------------------------------------------------------------------- the cells


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        (",F,62,3", ",F,,3", Code.AGE, "NaN"),
        (",F,62,3", ",F,nan,3", Code.AGE, "'nan' is not a whole number"),
        (",F,62,3", ",F,162,3", Code.AGE, "no age"),
        (",F,62,3", ",f,62,3", Code.VALUE, "'f' is not M, F or O"),
        (",F,62,3", ",F,62,4", Code.VALUE, "1, 2 or 3"),
        (",3,0,", ",9,0,", Code.VALUE, "-1 or 1 to 8"),
        (",3,0,", ",3,2,", Code.VALUE, "0 or 1"),
        (",3,0,", ",3,False,", Code.INTEGER_FORM, "'False'"),
        (",3,0,", ",3.0,0,", Code.INTEGER_FORM, "decimal point"),
        ("512, 512", "512.0, 512.0", Code.INTEGER_FORM, "decimal point"),
        ("-175, 275", "275, -175", Code.WINDOW, "lowest"),
        ("-175, 275", "-175,275", Code.NUMBER_LIST, "comma and one space"),
        ("-175, 275", "-175.0, 275", Code.FLOAT_FORM, "%.6g"),
        ("-175, 275", "-175, inf", Code.FLOAT_FORM, "not finite"),
        ("0.488281, 0.488281, 5", "0.48828125, 0.48828125, 5", Code.FLOAT_FORM, "%.6g: 0.488281"),
        ("0.488281, 0.488281, 5", "0.488281, 0.488281", Code.NUMBER_LIST, "2 numbers instead of 3"),
        ("0.488281, 0.488281, 5", "0.488281, 0.488281, 0", Code.VALUE, "positive"),
        ("0.488281, 0.488281, 5", "0.488281, 0.488281, NaN", Code.FLOAT_FORM, "not finite"),
        ("0.44666, 0.283794, 0.434454", "nan, 0.283794, 0.434454", Code.FLOAT_FORM, "not finite"),
        ("000001_01_01_109.png", "000001_01_01_108.png", Code.FILE_NAME, "000001_01_01_109.png"),
        ("000001_01_01_109.png", "1_1_1_109.png", Code.FILE_NAME, "does not agree"),
    ],
)
def test_cells(folder: Path, old: str, new: str, code: Code, words: str) -> None:
    if old == "512, 512":
        old, new = "64, 64", new.replace("512", "64")
    replace_in(folder, old, new)
    report = check(folder)
    found = [fault for fault in report.faults if fault.code is code]
    assert found, report.faults
    assert found[0].line == 2
    assert words in found[0].words


def test_an_unreadable_row_does_not_make_its_pictures_extra(folder: Path) -> None:
    replace_in(folder, '"103, 115"', '"x, y"')
    assert codes(check(folder)) == {Code.INTEGER_FORM}


def test_an_unknown_age_and_place_are_fine(folder: Path) -> None:
    replace_in(folder, ",F,62,3", ",F,NaN,3")
    replace_in(folder, "0.283794, 0.434454", "0.283794, NaN")
    assert check(folder).faults == ()


# ----------------------------------------------------------------------------------------------------- measurements


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("226.169, 90.0204, 241.252, 111.977", "225.169, 89.0204, 240.252, 110.977", "one pixel"),
        ("226.169, 90.0204, 241.252, 111.977", "231.169, 95.0204, 236.252, 106.977", "0 px around"),
        ("226.169, 90.0204, 241.252, 111.977", "226.169, 90.0204, 251.252, 111.977", "right is 251.252"),
        ("226.169, 90.0204, 241.252, 111.977", "226.169, 90.0204, 15.083, 21.9566", "is wrong"),
    ],
)
def test_boxes(folder: Path, old: str, new: str, words: str) -> None:
    replace_in(folder, old, new)
    fault = only(check(folder))
    assert fault.code is Code.BOX
    assert words in fault.words


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("5.84361, 2.49212", "in millimetres"),
        ("5.10387, 11.9677", "short axis first"),
        ("12.9677, 5.10387", "the coordinates give 11.96"),
    ],
)
def test_diameters(folder: Path, new: str, words: str) -> None:
    replace_in(folder, "11.9677, 5.10387", new)
    fault = only(check(folder))
    assert fault.code is Code.DIAMETERS
    assert words in fault.words


def test_a_box_clipped_to_the_image(tmp_path: Path, official_rows: list[LesionRow]) -> None:
    row = official_rows[0]
    moved = replace(
        row,
        coordinates=(3.0, 10.0, 13.0, 10.0, 8.0, 7.0, 8.0, 13.0),
        box=(0.0, 2.0, 18.0, 18.0),
        diameters=(10.0, 6.0),
        size=(64, 64),
    )
    assert "clipped" in only(check(write_deeplesion(tmp_path / "x", [moved]))).words
    right = replace(moved, box=(-2.0, 2.0, 18.0, 18.0))
    assert check(write_deeplesion(tmp_path / "y", [right])).faults == ()


@settings(max_examples=60, deadline=None)
@given(
    place=st.integers(0, 1685),
    shift=st.tuples(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])),
)
def test_every_official_box_shifted_is_found_and_named(
    official_rows: list[LesionRow], place: int, shift: tuple[float, float]
) -> None:
    row = official_rows[place]
    box = tuple(as_written(value + shift[side % 2]) for side, value in enumerate(row.box))
    words = box_words(row.coordinates, box, row.size)
    assert bool(words) == (shift != (0.0, 0.0))
    if {abs(part) for part in shift} - {0.0} == {0.5}:
        assert "half a pixel" in words


def test_axes_in_the_wrong_order_are_a_note(tmp_path: Path, official_rows: list[LesionRow]) -> None:
    row = replace(official_rows[0], size=(64, 64))
    turned = replace(row, coordinates=row.coordinates[4:] + row.coordinates[:4], diameters=row.diameters[::-1])
    report = check(write_deeplesion(tmp_path / "x", [turned]))
    assert report.faults == ()
    assert Code.AXIS_ORDER in {note.code for note in report.notes}


# ----------------------------------------------------------------------------------------------------------- ranges


def test_a_range_without_its_key_slice(folder: Path) -> None:
    replace_in(folder, "000001_01_01_109.png,1,1,1,109,", "000001_01_01_116.png,1,1,1,116,")
    assert Code.RANGE_KEY_SLICE in codes(check(folder))


def test_blocks_that_touch(tmp_path: Path, official_rows: list[LesionRow]) -> None:
    row = replace(official_rows[0], size=(64, 64))
    next_block = replace(row, key_slice=122, slice_range=(116, 128))
    fault = only(check(write_deeplesion(tmp_path / "x", [row, next_block])))
    assert fault.code is Code.RANGE_BLOCKS
    assert "116, 128 overlaps or touches 103, 115" in fault.words


def test_a_range_off_the_rule_is_a_note(tmp_path: Path, official_rows: list[LesionRow]) -> None:
    row = replace(official_rows[0], size=(64, 64), slice_range=(104, 115))
    report = check(write_deeplesion(tmp_path / "x", [row]))
    assert report.faults == ()
    (note,) = [note for note in report.notes if note.code is Code.RANGE_RULE]
    assert "for 30 mm: 103, 115" in note.words


def test_official_quirks_are_notes(tmp_path: Path, official_rows: list[LesionRow]) -> None:
    row = replace(official_rows[0], size=(64, 64))
    mixed = replace(row, spacing=(0.5, 0.5, 5.0), study_index=1)
    gap = replace(row, study_index=3)
    report = check(write_deeplesion(tmp_path / "x", [row, mixed, gap]))
    assert report.faults == ()
    assert {Code.MIXED_SERIES, Code.INDEX_GAP} <= {note.code for note in report.notes}


# --------------------------------------------------------------------------------------------------------- pictures


def test_a_folder_without_a_row(folder: Path) -> None:
    shutil.copytree(folder / "Images_png/000001_01_01", folder / "Images_png/000009_01_01")
    fault = only(check(folder))
    assert (fault.code, fault.file) == (Code.FOLDER_WITHOUT_ROW, "Images_png/000009_01_01")


def test_a_row_without_a_folder(folder: Path) -> None:
    shutil.rmtree(folder / "Images_png/000001_01_01")
    fault = only(check(folder))
    assert (fault.code, fault.line) == (Code.FOLDER_MISSING, 2)
    assert "13 slices" in fault.words


def test_without_any_picture_there_is_one_fault(folder: Path) -> None:
    shutil.rmtree(folder / "Images_png")
    fault = only(check(folder))
    assert (fault.code, fault.file) == (Code.FOLDER_MISSING, "Images_png")
    assert "116 slices of 5 series" in fault.words


@pytest.mark.parametrize(
    "name",
    [
        "Images_png/.DS_Store",
        "Images_png/000001_01_01/Thumbs.db",
        "Images_png/000001_01_01/7.png",
        "Images_png/1_1_1/1.png",
    ],
)
def test_names_that_do_not_belong(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    assert only(check(folder)).code is Code.FILE_UNEXPECTED


def _rgb(_: bytes) -> bytes:
    return as_png(np.zeros((64, 64, 3), np.uint8))


def _with_text(data: bytes) -> bytes:
    info = PngInfo()
    info.add_text("Patient", "somebody")
    return as_png(np.asarray(Image.open(io.BytesIO(data))), pnginfo=info)


def _bad_sum(data: bytes) -> bytes:
    return data[:60] + bytes([data[60] ^ 1]) + data[61:]


def _short_data(data: bytes) -> bytes:
    """A whole file whose image data holds one row less than its header says."""
    columns, rows = struct.unpack(">II", data[16:24])
    body = struct.pack(">IIBBBBB", columns, rows + 1, 16, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
    return data[:8] + chunk + data[33:]


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        (_rgb, {Code.PNG_DEPTH, Code.PNG_CHANNELS}, "RGB"),
        (
            lambda data: slice_png(1, 32, 64),
            {Code.PNG_SIZE},
            "32 x 64 pixels (columns x rows); Image_size says 64 x 64",
        ),
        (lambda data: data[: len(data) // 2], {Code.PNG_UNREADABLE}, "cut short"),
        (lambda data: b"", {Code.PNG_UNREADABLE}, "no PNG"),
        (lambda data: b"\xff\xd8\xff\xe0 a JPEG", {Code.PNG_UNREADABLE}, "no PNG"),
        (_bad_sum, {Code.PNG_UNREADABLE}, "checksum"),
        (_short_data, {Code.PNG_UNREADABLE, Code.PNG_SIZE}, "not as long"),
        (lambda data: data + b"PATIENT^NAME", {Code.PNG_TRAILING}, "12 bytes follow"),
        (_with_text, {Code.PNG_TEXT}, "tEXt"),
    ],
    ids=["rgb", "size", "cut", "empty", "jpeg", "checksum", "short", "trailing", "text"],
)
def test_pictures(folder: Path, change: Callable[[bytes], bytes], expected: set[Code], words: str) -> None:
    path = some_picture(folder)
    path.write_bytes(change(path.read_bytes()))
    report = check(folder)
    assert codes(report) == expected
    assert {fault.file for fault in report.faults} == {path.relative_to(folder).as_posix()}
    assert any(words in fault.words for fault in report.faults)


@pytest.mark.parametrize("options", [{"optimize": True}, {"compress_level": 0}, {"bits": 16}])
def test_pictures_of_other_writers_are_fine(folder: Path, options: dict[str, object]) -> None:
    path = some_picture(folder)
    path.write_bytes(as_png(np.asarray(Image.open(path)).astype(np.uint16), **options))
    assert check(folder).faults == ()


@settings(max_examples=150, deadline=None)
@given(at=st.integers(8, 10_000), value=st.integers(1, 255))
def test_no_changed_byte_of_a_picture_goes_unseen(at: int, value: int) -> None:
    data = bytearray(slice_png(5, 20, 20))
    data[at % (len(data) - 8) + 8] ^= value
    assert examine_bytes(bytes(data)).faults


def test_a_picture_that_unpacks_without_end_is_refused_quickly() -> None:
    head = struct.pack(">IIBBBBB", 4, 4, 16, 0, 0, 0, 0)
    body = zlib.compress(bytes(50_000_000))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
        for kind, payload in ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    )
    assert examine_bytes(data).faults[0][0] is Code.PNG_UNREADABLE


# ----------------------------------------------------------------------------------------------- a release of ours


def test_a_changed_file(release: Path) -> None:
    path = some_picture(release)
    path.unlink()
    path.write_bytes(encode_png(np.full((32, 48), 32768, np.uint16)))
    fault = only(check(release))
    assert (fault.code, fault.file) == (Code.HASH, path.relative_to(release).as_posix())


def test_a_file_that_the_manifest_does_not_list(release: Path) -> None:
    (release / "notes.txt").write_text("seen by somebody")
    assert codes(check(release)) == {Code.FILE_UNEXPECTED, Code.MANIFEST}


@pytest.mark.parametrize("name", ["lesions.csv", "bookmarks.csv", "series.csv", "README.md", "MANIFEST.sha256"])
def test_a_file_of_the_release_that_is_gone(release: Path, name: str) -> None:
    (release / name).unlink()
    assert any(fault.code is Code.FILE_MISSING and fault.file == name for fault in check(release).faults)


@pytest.mark.parametrize("name", ["MANIFEST.sha256", "release.json", "bookmarks.csv", "lesions.csv", "series.csv"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_file_that_never_ends_is_not_read(release: Path, name: str, kind: str) -> None:
    (release / name).unlink()
    if kind == "pipe":
        os.mkfifo(release / name)
    else:
        (release / name).symlink_to("/dev/zero")
    assert any(fault.file == name for fault in check(release).faults)


def test_a_statement_nested_without_end(release: Path) -> None:
    (release / "release.json").write_text("[" * 100_000)
    assert any(fault.code is Code.STATEMENT for fault in check(release).faults)


def test_without_its_statement_the_manifest_still_misses_it(release: Path) -> None:
    (release / "release.json").unlink()
    assert only(check(release)).file == "release.json"


@pytest.mark.parametrize(
    "line",
    ["0" * 64 + "  ../../etc/passwd", "0" * 64 + "  /etc/passwd", "0" * 63 + "  x", "0" * 64 + "  MANIFEST.sha256"],
)
def test_a_manifest_that_points_elsewhere(release: Path, line: str) -> None:
    path = release / "MANIFEST.sha256"
    path.write_text(path.read_text() + line + "\n")
    assert codes(check(release)) == {Code.MANIFEST}


def edit_release(release: Path, name: str, old: str, new: str) -> CheckReport:
    """Edit a table and set the manifest right, so that only the tables can tell."""
    replace_in(release, old, new, name)
    listed = {
        path: hashlib.sha256(data).hexdigest() for path, data in files_of(release).items() if path != "MANIFEST.sha256"
    }
    (release / "MANIFEST.sha256").write_text("".join(f"{listed[path]}  {path}\n" for path in sorted(listed)))
    return check(release)


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("lesions.csv", "_01_01_010.png,", "_01_01_011.png,", Code.TABLES_DISAGREE),
        ("lesions.csv", ".png,0,", ".png,1,", Code.TABLES_DISAGREE),
        ("bookmarks.csv", "gsps-polyline,1,", "gsps-polyline,0,", Code.TABLES_DISAGREE),
        ("bookmarks.csv", "gsps-polyline,", "gsps-guess,", Code.VALUE),
        ("bookmarks.csv", ",recist,", ",circle,", Code.VALUE),
        ("bookmarks.csv", ",line,", ",recist,", Code.NUMBER_LIST),
        ("bookmarks.csv", ",5.6,", ",6.6,", Code.TABLES_DISAGREE),
        ("bookmarks.csv", '"17, 16, 25, 16, ', '"18, 16, 26, 16, ', Code.TABLES_DISAGREE),
        ("bookmarks.csv", ",5.6,", ",=1+1,", Code.FORMULA),
        ("series.csv", "0.7, 0.8, 5", "0.7, 0.8, 4", Code.TABLES_DISAGREE),
        ("series.csv", ",60,", ",15,", Code.RANGE_ORDER),
        ("series.csv", "Images_png;Bookmark_images_png", "Images_png", Code.TABLES_DISAGREE),
        ("release.json", '"lesions": 2', '"lesions": 3', Code.STATEMENT),
        ("release.json", '"withdrawals"', '"withdrawn"', Code.STATEMENT),
        ("release.json", "{", "[", Code.STATEMENT),
    ],
)
def test_tables_that_disagree(release: Path, name: str, old: str, new: str, code: Code) -> None:
    assert code in codes(edit_release(release, name, old, new))


def test_a_split_that_differs_between_tables(release: Path) -> None:
    data = (release / "bookmarks.csv").read_text().splitlines()
    place = next(number for number, line in enumerate(data) if ",arrow," in line)
    line = data[place]
    report = edit_release(release, "bookmarks.csv", line, line[:-1] + ("2" if line[-1] == "1" else "1"))
    assert codes(report) == {Code.SPLIT}


def test_a_key_slice_of_an_arrow_that_is_missing(release: Path) -> None:
    (victim,) = (release / "Bookmark_images_png").rglob("040.png")
    victim.unlink()
    assert Code.SLICE_MISSING in codes(check(release))


def test_a_run_of_slices_that_no_bookmark_needs(release: Path) -> None:
    (neighbour,) = (release / "Bookmark_images_png").rglob("040.png")
    shutil.copy(neighbour, neighbour.with_name("055.png"))
    assert Code.SLICE_EXTRA in codes(check(release))


def test_an_age_above_90_is_a_fault_in_a_release_and_a_note_elsewhere(release: Path, folder: Path) -> None:
    assert Code.AGE in codes(edit_release(release, "DL_info.csv", ",F,61,", ",F,93,"))
    replace_in(folder, ",F,62,3", ",F,93,3")
    report = check(folder)
    assert report.faults == ()
    assert Code.AGE in {note.code for note in report.notes}


def test_the_rules_of_a_release_stand_in_its_statement(release: Path) -> None:
    said = json.loads((release / "release.json").read_text())
    assert said["rules"]["context_mm"] == 30
    report = edit_release(release, "release.json", '"context_mm": 30.0', '"context_mm": 10.0')
    assert [note.code for note in report.notes] == [Code.RANGE_RULE] * 2


# ----------------------------------------------------------------------------------------------------- any rubbish


@settings(max_examples=80, deadline=None)
@given(data=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode())))
def test_rubbish_is_reported_and_never_raises(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("rubbish")
    (folder / "DL_info.csv").write_bytes(data)
    assert check(folder).faults


@settings(max_examples=150, deadline=None)
@given(column=st.integers(0, 17), cell=st.text(st.characters(codec="ascii"), max_size=12))
def test_any_cell_is_reported_or_right(
    tmp_path_factory: pytest.TempPathFactory, official_rows: list[LesionRow], column: int, cell: str
) -> None:
    cells = list(official_rows[0].cells())
    cells[column] = cell
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([HEADER, cells])
    folder = tmp_path_factory.mktemp("cell")
    (folder / "DL_info.csv").write_bytes(buffer.getvalue().encode())
    findings = Findings()
    check_rows(folder, RangeRule(), findings, official=True)
    lines = read_lines(folder, "DL_info.csv", HEADER, Findings())
    assert findings.faults or (lines is not None and parse_row(lines[0].cells).cells() == tuple(cells))
