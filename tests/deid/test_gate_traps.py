"""Ways around the pixel gate: several values where one belongs, odd spellings, words that scanners don't write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset

from miner.deid import project
from miner.errors import Reason
from miner.images import decode, to_values
from tests.deid.conftest import COLUMNS, ROWS

WriteImage = Callable[..., Path]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of writing what is wrong

TRAPS: list[tuple[Reason, dict[str, object]]] = [
    (Reason.BURNED_IN, {"BurnedInAnnotation": ["NO", "YES"]}),
    (Reason.BURNED_IN, {"BurnedInAnnotation": ["", "YES"]}),
    (Reason.BURNED_IN, {"BurnedInAnnotation": ["YES", "NO"]}),
    (Reason.SOP_CLASS, {"Modality": ["CT", "OT"]}),
    (Reason.SOP_CLASS, {"Modality": ["", "SC"]}),
    (Reason.SOP_CLASS, {"SOPClassUID": ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7"]}),
    (Reason.SOP_CLASS, {"NumberOfFrames": ["1", "3"]}),
    (Reason.NOT_GREYSCALE, {"PhotometricInterpretation": ["MONOCHROME2", "RGB"]}),
    (Reason.NOT_GREYSCALE, {"SamplesPerPixel": [1, 3]}),
    (Reason.BITS_STORED, {"BitsStored": [12, 8]}),
    (Reason.BITS_STORED, {"HighBit": [11, 15]}),
    (Reason.BITS_STORED, {"PixelRepresentation": [0, 1]}),
    (Reason.SIZE_MISMATCH, {"Rows": [ROWS, ROWS + 1]}),
    (Reason.SIZE_MISMATCH, {"Columns": [COLUMNS, 1]}),
    (Reason.SIZE_MISMATCH, {"PixelData": bytes(2 * ROWS * COLUMNS) + b"DOE^JANE"}),
    (Reason.IMAGE_TYPE, {"ImageType": ["PRIMARY", "ORIGINAL", "AXIAL"]}),
    (Reason.IMAGE_TYPE, {"ImageType": ["ORIGINAL", "PRIMARY", "screen_save"]}),
    (Reason.IMAGE_TYPE, {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "", "", "SNAPSHOT"]}),
    (Reason.IMAGE_TYPE, {"ImageType": ["", "ORIGINAL", "PRIMARY"]}),
    (Reason.IMAGE_TYPE, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MPR"]}),
    (Reason.LOCALIZER, {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "x/Scout/y"]}),
]


@pytest.mark.parametrize(("reason", "changes"), TRAPS, ids=lambda value: str(value)[:60])
def test_a_trap_is_no_way_in(reason: Reason, changes: dict[str, object], write_image: WriteImage) -> None:
    assert project(write_image(**changes))[0].gate == (reason,)


@pytest.mark.parametrize(
    "changes",
    [
        {"ImageType": ["original", "primary", "axial"]},
        {"ImageType": ["ORIGINAL ", " PRIMARY", "AXIAL"]},
        {"ImageType": ["ORIGINAL", "PRIMARY"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]},
        {"BurnedInAnnotation": "NO "},
        {"BurnedInAnnotation": "no"},
        {"BurnedInAnnotation": ""},
        {"PhotometricInterpretation": "MONOCHROME2 "},
        {"NumberOfFrames": "1"},
        {"Modality": ""},
    ],
    ids=str,
)
def test_what_is_sound_but_oddly_spelt_passes(changes: dict[str, object], write_image: WriteImage) -> None:
    assert project(write_image(**changes))[0].gate == ()


def test_a_private_group_like_an_overlay_is_never_read(image: Dataset, write_image: WriteImage) -> None:
    block = image.private_block(0x6001, "PLANTED CREATOR", create=True)
    block.add_new(0x00, "OB", b"DOE^JANE" * 8)
    header, _ = project(write_image())
    assert header.gate == ()
    assert header.sop_uid in repr(asdict(header))  # the search is not blind
    assert "DOE" not in repr(asdict(header))


@pytest.mark.parametrize("signed", [0, 1])
def test_text_in_the_bits_above_high_bit_is_not_in_the_picture(
    signed: int, image: Dataset, write_image: WriteImage
) -> None:
    rows, columns = 64, 256
    picture = Image.new("L", (columns, rows))
    ImageDraw.Draw(picture).text((4, 20), "DOE^JANE 1954", fill=1, font=ImageFont.load_default(20))
    planted = np.asarray(picture).astype(np.uint16)
    assert planted.sum() > 200
    clean = np.arange(rows * columns, dtype=np.uint16).reshape(rows, columns) % 4096
    results = []
    for plane in (0, 12, 13, 14, 15):
        stored = clean | (planted << plane if plane else 0)
        path = write_image(
            Rows=rows, Columns=columns, PixelRepresentation=signed, PixelData=stored.astype("<u2").tobytes()
        )
        header, pixels = project(path)
        assert header.gate == () and pixels is not None
        results.append(
            to_values(decode(pixels), slope=header.slope, intercept=header.intercept, has_rescale=header.has_rescale)
        )
    for values in results[1:]:
        np.testing.assert_array_equal(values, results[0])
