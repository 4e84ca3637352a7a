"""One slice against the volume that it belongs to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from miner.errors import Reason, RefusedError
from miner.mining.pictures import Image, _values
from miner.records import EncodedPixels, ImageHeader

HEADER = ImageHeader(
    sop_uid="2.25.1",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    series_uid="2.25.2",
    study_uid="2.25.3",
    modality="CT",
    instance_number=1,
    position=(0.0, 0.0, 0.0),
    orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    pixel_spacing=(0.5, 0.75),
    rows=4,
    columns=6,
    slope=1.0,
    intercept=-1024.0,
    has_rescale=True,
    window=None,
    sex="F",
    age=61,
    body_part="",
    gantry_tilt=None,
    gate=(),
)


def image(header: ImageHeader) -> Image:
    pixels = EncodedPixels(
        "1.2.840.10008.1.2.1",
        bytes(2 * header.rows * header.columns),
        header.rows,
        header.columns,
        16,
        12,
        11,
        False,
        "MONOCHROME2",
    )
    return Image(header, pixels, 2 * header.rows * header.columns)


def test_a_slice_like_the_others_is_used() -> None:
    assert _values(image(HEADER), HEADER).shape == (4, 6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rows": 5}, Reason.SIZE_MISMATCH),
        ({"columns": 3}, Reason.SIZE_MISMATCH),
        ({"rows": 6, "columns": 4}, Reason.SIZE_MISMATCH),
        ({"pixel_spacing": (0.5, 0.7)}, Reason.MIXED_SPACING),
        ({"pixel_spacing": (0.75, 0.5)}, Reason.MIXED_SPACING),
        ({"has_rescale": False}, Reason.MODALITY_LUT),
    ],
    ids=str,
)
def test_a_slice_unlike_the_others_is_refused(changes: dict[str, object], reason: Reason) -> None:
    with pytest.raises(RefusedError) as caught:
        _values(image(replace(HEADER, **changes)), HEADER)
    assert caught.value.reason is reason
