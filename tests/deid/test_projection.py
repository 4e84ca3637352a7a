from __future__ import annotations

import errno
import logging
import struct
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.config import disable_value_validation
from pydicom.datadict import DicomDictionary, dictionary_VR
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from miner.deid import project
from miner.deid.gate import READ
from miner.deid.projection import ATTRIBUTES, Use
from miner.errors import RETRIABLE_REASONS, ObjectError, Reason, StorageError
from miner.records import EncodedPixels, ImageHeader
from tests.hostile.crafting import (
    DEFLATED,
    ENHANCED_CT,
    IMPLICIT,
    deflated_zeros,
    element,
    image_file,
    implicit,
    meta,
    nested,
    part10,
)
from tests.hostile.crafting import image as image_octets

WriteImage = Callable[..., Path]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of writing what is wrong


def header(path: Path) -> ImageHeader:
    return project(path)[0]


def test_a_whole_image(write_image: WriteImage) -> None:
    read, pixels = project(
        write_image(
            **{"PatientSex": "F", "PatientAge": "062Y", "BodyPartExamined": "CHEST", "GantryDetectorTilt": "-18.5"},
            **{"WindowCenter": ["50", "-600"], "WindowWidth": ["450", "1500"]},
        )
    )
    assert read == ImageHeader(
        sop_uid="2.25.1001",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        series_uid="2.25.1003",
        study_uid="2.25.1002",
        modality="CT",
        instance_number=7,
        position=(-10.0, -20.5, 30.0),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing=(0.5, 0.75),
        rows=4,
        columns=6,
        slope=1.0,
        intercept=-1024.0,
        has_rescale=True,
        window=(-175.0, 275.0),
        sex="F",
        age=62,
        body_part="CHEST",
        gantry_tilt=-18.5,
        gate=(),
        frame_of_reference="2.25.1004",
    )
    assert pixels == EncodedPixels("1.2.840.10008.1.2.1", bytes(48), 4, 6, 16, 12, 11, False, "MONOCHROME2")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_native_transfer_syntax_gives_the_same_header(
    syntax: str, image: Dataset, write_image: WriteImage, tmp_path: Path
) -> None:
    plain = header(write_image())
    image.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "other.dcm"
    image.save_as(path, enforce_file_format=True)
    read, pixels = project(path)
    assert read == plain
    inflated = ExplicitVRLittleEndian if syntax == DeflatedExplicitVRLittleEndian else syntax
    assert pixels is not None and pixels.transfer_syntax_uid == inflated and len(pixels.data) == 48


def test_compressed_pixels_stay_as_they_are(image: Dataset, write_image: WriteImage) -> None:
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless
    frames = encapsulate([b"not really JPEG 2000"])
    image.add_new(0x7FE00010, "OB", frames)
    image["PixelData"].is_undefined_length = True
    path = write_image()
    read, pixels = project(path)
    assert read.gate == ()
    assert pixels is not None and pixels.data == frames and pixels.transfer_syntax_uid == JPEG2000Lossless
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ObjectError, match="cut short"):
        project(path)


@pytest.mark.parametrize(("said", "sex"), [("M", "M"), ("F", "F"), ("f ", "F"), ("O", "O"), ("", "O"), ("SMITH", "O")])
def test_sex(said: str, sex: str, write_image: WriteImage) -> None:
    assert header(write_image(PatientSex=said)).sex == sex


@pytest.mark.parametrize(
    ("said", "part"),
    [("YES", "HEAD"), ("yes ", "HEAD"), ("NO", "CHEST"), ("", "CHEST"), ("NO\\YES", "HEAD"), ("MAYBE", "HEAD")],
)
def test_an_image_on_which_somebody_can_be_recognised_counts_as_head(
    said: str, part: str, write_image: WriteImage
) -> None:
    assert header(write_image(BodyPartExamined="CHEST", RecognizableVisualFeatures=said)).body_part == part


def test_an_image_that_is_said_to_show_nobody_stays_a_head(write_image: WriteImage) -> None:
    assert header(write_image(BodyPartExamined="ORBIT", RecognizableVisualFeatures="NO")).body_part == "HEAD"


def test_each_of_several_body_parts_counts(write_image: WriteImage) -> None:
    assert header(write_image(BodyPartExamined="CHEST\\NECK")).body_part == "HEAD"


def test_age_from_the_dates(write_image: WriteImage) -> None:
    assert header(write_image(PatientBirthDate="19600615", StudyDate="20200614")).age == 59
    assert header(write_image(PatientAge="095Y")).age == 90
    assert header(write_image(PatientAge="rubbish", StudyDate="")).age is None


@pytest.mark.parametrize(
    ("slope", "intercept", "kind", "expected"),
    [
        ("1", "-1024", None, (1.0, -1024.0, True)),
        ("0.5", "0", "HU", (0.5, 0.0, True)),
        ("1", "-1024", "US", (1.0, -1024.0, True)),
        ("0", "-1024", None, (1.0, 0.0, False)),
        ("", "-1024", None, (1.0, 0.0, False)),
        (None, "-1024", None, (1.0, 0.0, False)),
        ("1", None, None, (1.0, 0.0, False)),
        ("1", "x", None, (1.0, 0.0, False)),
        ("1", "-1024", "Z_EFF", (1.0, 0.0, False)),
    ],
)
def test_rescale(
    slope: str | None,
    intercept: str | None,
    kind: str | None,
    expected: tuple[float, float, bool],
    *,
    image: Dataset,
    write_image: WriteImage,
) -> None:
    del image.RescaleSlope, image.RescaleIntercept
    for tag, value in ((0x00281053, slope), (0x00281052, intercept)):
        if value is not None:
            image.add_new(tag, "LO", value)  # a wrong VR, so that anything can be written
    read = header(write_image(**({"RescaleType": kind} if kind else {})))
    assert (read.slope, read.intercept, read.has_rescale) == expected


def test_rescaled_mr_values_are_not_hounsfield(write_image: WriteImage) -> None:
    read = header(write_image(SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR"))
    assert read.modality == "MR" and not read.has_rescale and read.gate == ()


@pytest.mark.parametrize(
    ("center", "width", "window"),
    [
        ("50", "450", (-175.0, 275.0)),
        ("-0450\\-0450", "02000\\02000", (-1450.0, 550.0)),
        ("50\\rubbish", "450", (-175.0, 275.0)),
        ("rubbish\\50", "450\\450", None),
        ("50", "0", None),
        ("50", "-1", None),
        ("", "450", None),
        ("50", "", None),
    ],
)
def test_window(
    center: str, width: str, window: tuple[float, float] | None, image: Dataset, write_image: WriteImage
) -> None:
    image.add_new(0x00281050, "LO", center)
    image.add_new(0x00281051, "LO", width)
    assert header(write_image()).window == window


def test_geometry_that_is_not_all_there_is_not_there(image: Dataset, write_image: WriteImage) -> None:
    image.add_new(0x00200032, "LO", "1\\2\\x")
    image.add_new(0x00200037, "LO", "1\\0\\0\\0\\1")
    image.add_new(0x00181120, "LO", "straight")
    image.add_new(0x00200013, "LO", "3.5")
    read = header(write_image())
    assert (read.position, read.orientation, read.gantry_tilt, read.instance_number) == (None, None, None, None)


def test_numbers_under_other_vrs(image: Dataset, write_image: WriteImage) -> None:
    image.add_new(0x00280030, "FD", [0.5, 0.75])
    image.add_new(0x00280010, "IS", "4")
    image.add_new(0x00200032, "UN", b"1\\2\\3 ")
    read = header(write_image())
    assert (read.pixel_spacing, read.rows, read.position) == ((0.5, 0.75), 4, (1.0, 2.0, 3.0))


# ----------------------------------------------------------------------------------------------------- damaged objects


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("empty", [True, False])
def test_an_object_without_its_uids_is_damaged(
    keyword: str, empty: bool, image: Dataset, write_image: WriteImage
) -> None:
    with_meta = write_image()
    if empty:
        image[keyword].value = ""
    else:
        del image[keyword]
    pydicom.dcmwrite(with_meta, image, implicit_vr=False, little_endian=True)
    _is_damaged(with_meta)


def _is_damaged(path: Path, secret: str = "") -> None:
    with pytest.raises(ObjectError) as caught:
        project(path)
    assert caught.value.reason is Reason.DAMAGED_OBJECT
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert str(path) not in str(caught.value) and "2.25." not in str(caught.value)
    assert not secret or secret not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"no DICOM", bytes(1000), bytes(128) + b"DICM", bytes(128) + b"DICM" + b"x" * 99]
)
def test_what_is_not_dicom(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(content)
    _is_damaged(path)


def test_a_disk_that_does_not_give_a_file_says_nothing_of_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a sound image would stay in the books as damaged, and its lesion would never be looked for again."""
    path = tmp_path / "2.25.1001.dcm"
    with pytest.raises(StorageError, match="ENOENT") as gone:
        project(path)
    assert gone.value.reason in RETRIABLE_REASONS
    assert "2.25." not in str(gone.value)

    def broken(*args: object, **named: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(StorageError, match="EIO"):
        project(path)


def test_a_file_cut_short_anywhere_never_passes(write_image: WriteImage, tmp_path: Path) -> None:
    whole = write_image().read_bytes()
    path = tmp_path / "cut.dcm"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        try:
            read, pixels = project(path)
        except ObjectError as error:
            assert error.reason is Reason.DAMAGED_OBJECT
        else:
            assert read.gate and pixels is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_with_changed_octets_is_read_or_damaged(data: st.DataObject, write_image: WriteImage) -> None:
    path = write_image(PatientAge="062Y", WindowCenter="50", WindowWidth="450")
    octets = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(octets)
    try:
        read, _ = project(path)
    except ObjectError as error:
        assert error.reason is Reason.DAMAGED_OBJECT
    else:
        assert read.sop_uid and read.slope


def test_pixels_of_an_unknown_representation_are_none(write_image: WriteImage) -> None:
    """Pixel Data of VR ``O\\0``: the reader gives it a length and no value, and fails where it is to convert that."""
    path = write_image()
    octets = bytearray(path.read_bytes())
    at = octets.rindex(b"\xe0\x7f\x10\x00OW") + 5
    octets[at] = 0
    path.write_bytes(octets)
    read, pixels = project(path)
    assert pixels is None and Reason.NO_PIXELS in read.gate


def test_the_reader_is_quiet_and_left_as_it_was(
    image: Dataset, write_image: WriteImage, caplog: pytest.LogCaptureFixture
) -> None:
    image.add_new(0x00080005, "CS", "SECRET_CHARSET")
    image.add_new(0x00101010, "AS", "SECRETAGE")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write_image()
    caplog.clear()
    mode, disabled = pydicom.config.settings.reading_validation_mode, logging.getLogger("pydicom").disabled
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        project(path)
    assert not caught and not caplog.records
    assert pydicom.config.settings.reading_validation_mode == mode
    assert logging.getLogger("pydicom").disabled == disabled


# ------------------------------------------------------------------------------- nothing else gets out: PS3.15 E.1-1


def test_the_table_of_what_is_read_is_whole_and_without_doubles() -> None:
    tags = [entry.tag for entry in ATTRIBUTES]
    assert len(set(tags)) == len(tags)
    assert set(READ) <= set(tags)
    assert all(entry.why for entry in ATTRIBUTES)


CANARY = "CANARY"


def _canary(number: int, vr: str) -> tuple[str, object] | None:
    """VR and value with a mark that can be found again; None where the VR holds no text (a text is no number)."""
    text = f"{CANARY}{number:05d}"
    if vr in ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"):
        return vr, text
    if vr in ("DA", "DT", "TM", "AS", "DS", "IS"):
        return "LO", text
    if vr in ("OB", "UN"):
        return vr, text.encode() + b"\0" * (len(text) % 2)
    return ("UI", f"1.2.99999{number}") if vr == "UI" else None


def test_of_all_attributes_of_the_dictionary_nothing_else_gets_out(image: Dataset, write_image: WriteImage) -> None:
    """A canary in each of some 2,600 attributes that can hold one, at the top, in an item and in private elements."""
    kept = {entry.tag for entry in ATTRIBUTES if entry.use is not Use.JUDGED}
    nested = Dataset()
    with disable_value_validation():
        for number, tag in enumerate(sorted(DicomDictionary)):
            canary = _canary(number, dictionary_VR(tag))
            if canary is None or tag in kept or tag >> 16 in (0x0000, 0x0002, 0x0004, 0xFFFC, 0xFFFE):
                continue
            nested.add_new(tag, *canary)
            if tag != 0x00080005:
                image.add_new(tag, *canary)
        image.add_new(0x00090010, "LO", f"{CANARY} CREATOR")
        image.add_new(0x00091001, "UN", f"{CANARY} PRIVATE".encode() + b"\0")
        image.add_new(0x00081140, "SQ", Sequence([nested]))
        for keyword in ("PatientSex", "PatientAge", "BodyPartExamined", "RescaleType"):
            setattr(image, keyword, f"{CANARY}")
        image.PhotometricInterpretation, image.Modality = CANARY, CANARY
        image.file_meta.PrivateInformationCreatorUID = "1.2.99999"
        image.preamble = (CANARY.encode() * 22)[:128]
    assert len(nested) > 2_500
    path = write_image()
    assert CANARY.encode() in path.read_bytes()
    shown = repr([asdict(part) for part in project(path)])
    assert CANARY not in shown and "1.2.99999" not in shown
    assert "2.25.1001" in shown  # the search is not blind


def test_real_slices_hold_what_their_headers_say(shared_data: Path) -> None:
    for path in sorted((shared_data / "ct" / "lidc-idri-0314").iterdir())[::20]:
        dataset = pydicom.dcmread(path)
        read, pixels = project(path)
        assert read.position == tuple(float(value) for value in dataset.ImagePositionPatient)
        assert read.window == (-1450.0, 550.0)
        assert (read.slope, read.intercept, read.has_rescale) == (1.0, -1000.0, True)
        assert (read.sex, read.body_part, read.age) == (dataset.PatientSex, "CHEST", None)
        assert pixels is not None and pixels.data == dataset.PixelData
        first, last = struct.unpack("<H", pixels.data[:2])[0], struct.unpack("<H", pixels.data[-2:])[0]
        assert (first, last) == (dataset.pixel_array[0, 0], dataset.pixel_array[-1, -1])


def _over_limits(octets: bytes, path: Path) -> bool:
    path.write_bytes(octets)
    with pytest.raises(ObjectError) as caught:
        project(path)
    return caught.value.reason is Reason.OVER_LIMITS


def test_what_is_beyond_the_limits_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    assert _over_limits(part10(deflated_zeros(image_octets(), 1 << 30), meta(syntax=DEFLATED)), path)
    assert _over_limits(image_file(pixels=element(0x7FE00010, b"OW", bytes(65 << 20))), path)
    assert _over_limits(image_file({0x00081140: nested(0x00081140, 1_000, undefined=True)}), path)
    assert _over_limits(part10(implicit(0x00080016, b"1." * 40_000), meta(syntax=IMPLICIT)), path)


def test_a_giant_of_a_class_that_is_not_read_is_refused_for_its_class(tmp_path: Path) -> None:
    """An enhanced CT of a thousand frames is nothing hostile."""
    path = tmp_path / "enhanced.dcm"
    enhanced = {0x00080016: element(0x00080016, b"UI", ENHANCED_CT)}
    path.write_bytes(image_file(enhanced, pixels=element(0x7FE00010, b"OW", bytes(65 << 20))))
    read, pixels = project(path)
    assert read.gate[0] is Reason.SOP_CLASS
    assert pixels is None
