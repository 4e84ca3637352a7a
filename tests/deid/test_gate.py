"""Each rule of the pixel gate on a made-up CT, and real images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from miner.deid import project
from miner.deid.gate import OVERLAY
from miner.errors import Reason

WriteImage = Callable[..., Path]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of writing what is wrong
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"


def gate(path: Path) -> tuple[Reason, ...]:
    return project(path)[0].gate


def test_a_sound_image_passes(write_image: WriteImage) -> None:
    assert gate(write_image()) == ()


REFUSED: list[tuple[Reason, dict[str, object]]] = [
    (Reason.SOP_CLASS, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}),  # secondary capture
    (Reason.SOP_CLASS, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1"}),  # enhanced CT
    (Reason.SOP_CLASS, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.128"}),  # PET
    (Reason.SOP_CLASS, {"SOPClassUID": MR}),  # says it is CT
    (Reason.SOP_CLASS, {"Modality": "OT"}),
    (Reason.SOP_CLASS, {"NumberOfFrames": 2}),
    (Reason.IMAGE_TYPE, {"ImageType": None}),
    (Reason.IMAGE_TYPE, {"ImageType": ""}),
    (Reason.IMAGE_TYPE, {"ImageType": "ORIGINAL"}),
    (Reason.IMAGE_TYPE, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}),
    (Reason.IMAGE_TYPE, {"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}),
    (Reason.IMAGE_TYPE, {"ImageType": ["ORIGINAL", "PRIMARY", "SCREEN SAVE"]}),
    (Reason.IMAGE_TYPE, {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER", "DOSE_INFO"]}),
    (Reason.LOCALIZER, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
    (Reason.LOCALIZER, {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 TOPO"]}),
    (Reason.LOCALIZER, {"ImageType": ["DERIVED", "SECONDARY", "localizer"]}),
    (Reason.BURNED_IN, {"BurnedInAnnotation": "YES"}),
    (Reason.BURNED_IN, {"BurnedInAnnotation": "yes"}),
    (Reason.BURNED_IN, {"BurnedInAnnotation": "MAYBE"}),
    (Reason.SECONDARY_CAPTURE, {"ConversionType": "WSD"}),
    (Reason.SECONDARY_CAPTURE, {"SecondaryCaptureDeviceID": "PC12"}),
    (Reason.SECONDARY_CAPTURE, {"DateOfSecondaryCapture": "20200101"}),
    (Reason.SECONDARY_CAPTURE, {"SecondaryCaptureDeviceManufacturer": "x"}),
    (Reason.SECONDARY_CAPTURE, {"HardcopyDeviceManufacturerModelName": "x"}),
    (Reason.NOT_GREYSCALE, {"PhotometricInterpretation": "MONOCHROME1"}),
    (Reason.NOT_GREYSCALE, {"PhotometricInterpretation": "PALETTE COLOR"}),
    (Reason.NOT_GREYSCALE, {"PhotometricInterpretation": None}),
    (Reason.NOT_GREYSCALE, {"SamplesPerPixel": None}),
    (Reason.BITS_STORED, {"BitsStored": 11, "HighBit": 10}),
    (Reason.BITS_STORED, {"HighBit": 15}),
    (Reason.BITS_STORED, {"BitsStored": None}),
    (Reason.BITS_STORED, {"PixelRepresentation": None}),
    (Reason.MODALITY_LUT, {"ModalityLUTSequence": Sequence([Dataset()])}),
    (Reason.NO_PIXEL_SPACING, {"PixelSpacing": None}),
    (Reason.NO_PIXEL_SPACING, {"PixelSpacing": ""}),
    (Reason.NO_PIXEL_SPACING, {"PixelSpacing": ["0.5", "0"]}),
    (Reason.NO_PIXEL_SPACING, {"PixelSpacing": ["-0.5", "0.5"]}),
    (Reason.NO_PIXEL_SPACING, {"PixelSpacing": "0.5"}),
    (Reason.SIZE_MISMATCH, {"Rows": None}),
    (Reason.SIZE_MISMATCH, {"Columns": 0}),
    (Reason.SIZE_MISMATCH, {"Rows": 5}),
    (Reason.SIZE_MISMATCH, {"PixelData": bytes(50)}),
    (Reason.NO_PIXELS, {"PixelData": None}),
    (Reason.NO_PIXELS, {"PixelData": b""}),
]


@pytest.mark.parametrize(("reason", "changes"), REFUSED, ids=lambda value: str(value)[:60])
def test_one_fault_one_reason(reason: Reason, changes: dict[str, object], write_image: WriteImage) -> None:
    assert gate(write_image(**changes)) == (reason,)


def test_colour_is_refused(write_image: WriteImage) -> None:
    """A screenshot that calls itself an original axial CT."""
    path = write_image(
        **{"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8},
        **{"BitsStored": 8, "HighBit": 7, "PixelData": bytes(72)},
    )
    assert gate(path) == (Reason.NOT_GREYSCALE, Reason.BITS_STORED)


@pytest.mark.parametrize("group", [0x6000, 0x6002, 0x601E])
@pytest.mark.parametrize(("element", "vr", "value"), [(0x3000, "OW", bytes(4)), (0x0102, "US", 12), (0x0010, "US", 4)])
def test_an_overlay_is_refused(
    group: int, element: int, vr: str, value: object, *, image: Dataset, write_image: WriteImage
) -> None:
    image.add_new(group << 16 | element, vr, value)
    assert group << 16 | element in OVERLAY
    assert gate(write_image()) == (Reason.OVERLAY,)


PASSES: list[dict[str, object]] = [
    {"BurnedInAnnotation": "NO"},
    {"BurnedInAnnotation": ""},
    {"NumberOfFrames": 1},
    {"ConversionType": ""},
    {"SecondaryCaptureDeviceID": ""},
    {"ModalityLUTSequence": Sequence([])},
    {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1},
    {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]},
    {"ImageType": ["ORIGINAL", "PRIMARY"]},
    {"SOPClassUID": MR, "Modality": "MR"},
    {"Modality": ""},
]


@pytest.mark.parametrize("changes", PASSES, ids=str)
def test_what_says_nothing_wrong_passes(changes: dict[str, object], write_image: WriteImage) -> None:
    assert gate(write_image(**changes)) == ()


def test_several_faults_are_all_named_the_kind_of_object_first(write_image: WriteImage) -> None:
    path = write_image(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7",
        ImageType=["DERIVED", "SECONDARY"],
        ConversionType="WSD",
        PixelData=None,
    )
    assert gate(path) == (Reason.SOP_CLASS, Reason.IMAGE_TYPE, Reason.SECONDARY_CAPTURE, Reason.NO_PIXELS)


@pytest.mark.parametrize("series", ["lidc-idri-0314", "head-gantry-tilt"])
def test_real_slices_pass(series: str, shared_data: Path) -> None:
    files = sorted((shared_data / "ct" / series).iterdir())
    assert len(files) >= 28
    passed = [path for path in files if gate(path) == ()]
    assert len(passed) / len(files) >= 0.995


@pytest.mark.parametrize("name", ["real01.dcm", "real02.dcm", "real03.dcm"])
def test_real_secondary_captures_are_refused(name: str, shared_data: Path) -> None:
    reasons = gate(shared_data / "presentation-states" / "clearcanvas" / name)
    assert reasons[0] is Reason.SOP_CLASS
    assert {Reason.IMAGE_TYPE, Reason.SECONDARY_CAPTURE, Reason.BITS_STORED} <= set(reasons)
