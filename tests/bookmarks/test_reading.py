"""Whole files: real ones with their expected outcome, damaged ones with their reason."""

from __future__ import annotations

import errno
import logging
import struct
import warnings
import zlib
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from miner.bookmarks import read_object, recognise
from miner.bookmarks.reading import ENCODINGS, READERS
from miner.errors import RETRIABLE_REASONS, ObjectError, Reason, StorageError
from miner.limits import LARGEST_ANNOTATION
from miner.records import Encoding, Kind, Recognition, Shape
from tests.annotations import Line, Note, Pair, ct_image, empty_state, presentation_state, save

IMAGE = ct_image()
PAIR = Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)))


def a_state(style: str = "sectra") -> FileDataset:
    return presentation_state([IMAGE], {IMAGE.SOPInstanceUID: [PAIR]}, style)


# ------------------------------------------------------------------------------------------------------- real objects


@pytest.mark.parametrize(("name", "vertices", "size"), [("real01", 62, 256), ("real02", 34, 256), ("real03", 63, 512)])
def test_clearcanvas_contours(shared_data: Path, name: str, vertices: int, size: int) -> None:
    folder = shared_data / "presentation-states" / "clearcanvas"
    found = read_object(folder / f"{name}.pr.dcm")
    image = pydicom.dcmread(folder / f"{name}.dcm", stop_before_pixels=True)
    (mark,) = found.marks
    assert found.refused == ()
    assert found.items == 1
    assert mark.shape is Shape.POLYGON
    assert len(mark.points) == vertices
    assert mark.image.sop_uid == image.SOPInstanceUID
    assert mark.image.series_uid == image.SeriesInstanceUID
    assert mark.image.frame is None, "frame 1 of a single-frame image is the image"
    assert found.window == (0.0, 256.0)
    assert found.created.startswith("20090914131307")
    recognised = recognise(found.marks, columns=image.Columns, rows=image.Rows, pixel_spacing=(1.0, 1.0))
    (bookmark,) = recognised.bookmarks
    assert image.Rows == size
    assert bookmark.kind is Kind.POLYGON
    assert bookmark.points == mark.points
    assert recognised.refused == ()


def test_clearcanvas_vertices_move_by_half_a_pixel(shared_data: Path) -> None:
    path = shared_data / "presentation-states" / "clearcanvas" / "real01.pr.dcm"
    raw = pydicom.dcmread(path).GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData
    assert read_object(path).marks[0].points[0] == (raw[0] - 0.5, raw[1] - 0.5)


def test_softneta_ellipse(shared_data: Path) -> None:
    """Its text gives 12.68 cm across; at the spacing that follows, text and geometry agree."""
    found = read_object(shared_data / "presentation-states" / "softneta" / "PR000000.dcm")
    (mark,) = found.marks
    assert (mark.shape, mark.tool, found.refused) == (Shape.ELLIPSE, "ellipse", ())
    assert found.created.startswith("20190107223526")
    spacing = (0.16, 0.16)
    (bookmark,) = recognise(found.marks, columns=2688, rows=2688, pixel_spacing=spacing).bookmarks
    assert bookmark.kind is Kind.ELLIPSE
    assert bookmark.encoding is Encoding.GSPS_ELLIPSE
    assert bookmark.length_mm == pytest.approx(792.4912 * 0.16, abs=1e-3)
    assert bookmark.text_mm == pytest.approx(126.8)
    assert bookmark.doubts == ()
    outside = recognise(found.marks, columns=2000, rows=2688, pixel_spacing=spacing)
    assert [refusal.reason for refusal in outside.refused] == [Reason.POINT_OUTSIDE_IMAGE]


def test_a_state_without_graphics(shared_data: Path) -> None:
    found = read_object(shared_data / "presentation-states" / "clunie" / "prOverlay.dcm")
    assert (found.marks, found.refused, found.items) == ((), (), 0)
    assert len(found.references) == 1


def test_images_are_unsupported_not_damaged(shared_data: Path) -> None:
    paths = [shared_data / "presentation-states" / "clearcanvas" / "real01.dcm"]
    paths += [p for p in sorted((shared_data / "structured-reports").rglob("*.dcm")) if "SR" not in modality_of(p)]
    for path in paths:
        with pytest.raises(ObjectError) as caught:
            read_object(path)
        assert caught.value.reason is Reason.UNSUPPORTED_OBJECT, path.name


def test_each_kind_of_object_goes_to_its_own_reader(shared_data: Path) -> None:
    paths = [p for p in sorted((shared_data / "structured-reports").rglob("*.dcm")) if modality_of(p) == "SR"]
    paths.append(shared_data / "presentation-states" / "clearcanvas" / "real0X.ko.dcm")
    assert len(paths) > 5
    for path in paths:
        assert read_object(path).modality == modality_of(path), path.name


def modality_of(path: Path) -> str:
    return str(pydicom.dcmread(path, specific_tags=["Modality"]).Modality)


def test_no_two_encodings_read_one_sop_class() -> None:
    classes = [uid for encoding in ENCODINGS for uid in encoding.sop_classes]
    assert len(set(classes)) == len(classes) == len(READERS)


def test_a_pair_on_the_real_nodule(shared_data: Path, tmp_path: Path) -> None:
    """The axes that two radiologists drew of one lung nodule, on the real slices, through every style."""
    import json

    content = json.loads((shared_data / "ct" / "lidc-idri-0314-readers-1-2.json").read_text())
    for reader in content["annotations"]:
        image = pydicom.dcmread(shared_data / "ct" / "lidc-idri-0314" / reader["key_file"], stop_before_pixels=True)
        assert image.SOPInstanceUID == reader["key_sop"]
        ends = tuple(reader["long_first"]), tuple(reader["long_second"])
        drawn = Pair(ends, tuple(tuple(end) for end in reader["short"]))
        for style in ("clearcanvas", "weasis", "agfa", "sectra", "compound"):
            found = read_object(save(presentation_state([image], {image.SOPInstanceUID: [drawn]}, style), tmp_path))
            spacing = tuple(float(v) for v in image.PixelSpacing)
            (bookmark,) = recognise(found.marks, columns=512, rows=512, pixel_spacing=spacing).bookmarks
            assert bookmark.kind is Kind.RECIST
            assert bookmark.length_mm == pytest.approx(reader["long_mm"], abs=1e-3)
            assert bookmark.short_mm == pytest.approx(reader["short_mm"], abs=1e-3)


# ---------------------------------------------------------------------------------------------------- damaged objects


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 200, b"not DICOM at all", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM\x02\0"]
)
def test_no_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ObjectError) as caught:
        read_object(path)
    assert caught.value.reason is Reason.DAMAGED_OBJECT


@pytest.mark.parametrize("undefined", [True, False])
def test_a_cut_file_never_passes_for_a_whole_one(tmp_path: Path, undefined: bool) -> None:
    """A cut at the end of a top-level element cannot be told from a complete file; any other can."""
    state = a_state()
    for element in state:
        if element.VR == "SQ":
            element.is_undefined_length = undefined
    data = save(state, tmp_path).read_bytes()
    path = tmp_path / "cut"
    complete = 0
    elements = len(list(state))
    for size in range(len(data) - 1, 0, -1):
        path.write_bytes(data[:size])
        try:
            read_object(path)
            complete += 1
        except ObjectError as error:
            assert error.reason is Reason.DAMAGED_OBJECT
    assert complete <= elements


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_transfer_syntax_gives_the_same(tmp_path: Path, syntax: str) -> None:
    expected = read_object(save(a_state(), tmp_path))
    other = a_state()
    other.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "other.dcm"
    plain = a_state()
    if syntax == ExplicitVRBigEndian:
        pydicom.dcmwrite(path, _with_syntax(plain, syntax), implicit_vr=False, little_endian=False)
    else:
        other.save_as(path, enforce_file_format=True)
    assert read_object(path) == expected


def _with_syntax(state: FileDataset, syntax: str) -> FileDataset:
    state.file_meta.TransferSyntaxUID = syntax
    return state


def test_a_deflated_bomb_is_refused(tmp_path: Path) -> None:
    state = a_state()
    state.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = tmp_path / "bomb.dcm"
    state.save_as(path, enforce_file_format=True)
    data = path.read_bytes()
    start = 144 + struct.unpack("<L", data[140:144])[0]
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path.write_bytes(data[:start] + deflate.compress(b"\0" * (LARGEST_ANNOTATION * 4)) + deflate.flush())
    with pytest.raises(ObjectError) as caught:
        read_object(path)
    assert caught.value.reason is Reason.OVER_LIMITS


def test_a_million_items_are_refused_unparsed(tmp_path: Path) -> None:
    path = save(a_state(), tmp_path)
    item = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
    path.write_bytes(path.read_bytes() + struct.pack("<HH2sHL", 0x70, 0x60, b"SQ", 0, 8_000_000) + item * 1_000_000)
    with pytest.raises(ObjectError):
        read_object(path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = save(empty_state([IMAGE]), tmp_path)
    head = struct.pack("<HH2sHL", 0x0070, 0x0001, b"SQ", 0, 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path.write_bytes(path.read_bytes() + head * 5_000)
    with pytest.raises(ObjectError) as caught:
        read_object(path)
    assert caught.value.reason is Reason.OVER_LIMITS


def test_nothing_of_an_object_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither pydicom's warnings and log lines nor our messages carry a value."""
    canary = "CANARY-7731"
    state = presentation_state(
        [IMAGE], {IMAGE.SOPInstanceUID: [Note((5, 5), canary), Line(((1, 1), (30, 30)))]}, "sectra"
    )
    state.PatientName = canary
    path = save(state, tmp_path)
    data = path.read_bytes()
    broken = data.replace(b"20240102", b"CANARY77").replace(b"ISO_IR 192", b"CANARY 192")
    variants = [broken, broken.replace(b"1.2.840.10008.5.1.4.1.1.11.1", b"CANARY.10008.5.1.4.1.1.11.1"), broken[:-200]]
    with warnings.catch_warnings(record=True) as seen, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        for content in variants:
            path.write_bytes(content)
            try:
                found = read_object(path)
                assert "CANARY" not in repr(asdict(found))
            except ObjectError as error:
                assert "CANARY" not in str(error)
                assert error.__cause__ is None
                assert error.__suppress_context__ or error.__context__ is None
    printed = capsys.readouterr()
    assert "CANARY" not in " ".join([str(w.message) for w in seen] + [caplog.text, printed.out, printed.err])


def test_pydicom_is_left_as_it_was(tmp_path: Path) -> None:
    before = pydicom.config.settings.reading_validation_mode, logging.getLogger("pydicom").disabled
    path = tmp_path / "x"
    path.write_bytes(b"no")
    with pytest.raises(ObjectError):
        read_object(path)
    assert (pydicom.config.settings.reading_validation_mode, logging.getLogger("pydicom").disabled) == before


def test_a_disk_that_does_not_answer_says_nothing_of_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a sound object would stay in the books as damaged, and its lesion would never be looked for again."""
    with pytest.raises(StorageError, match="ENOENT") as gone:
        read_object(tmp_path / "gone.dcm")
    assert gone.value.reason in RETRIABLE_REASONS

    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "open", lambda path, mode: Broken())
    with pytest.raises(StorageError, match="EIO"):
        read_object(tmp_path / "sound.dcm")


def test_recognition_is_empty_without_marks() -> None:
    assert recognise([], columns=10, rows=10, pixel_spacing=(1, 1)) == Recognition((), ())
