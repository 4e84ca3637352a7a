"""Pixels of an image in patient space (PS3.3 C.7.6.2.1.1), computed here on its own, apart from what is tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from miner.records import ImagePlane, ImageReference
from tests.annotations.truth import Point

Position = tuple[float, float, float]


def in_patient(image: Dataset, points: Sequence[Point]) -> list[Position]:
    """Points of the pixel centres frame in mm; the image needs position, orientation and pixel spacing."""
    row_spacing, column_spacing = (float(v) for v in image.PixelSpacing)
    along_row, along_column = np.asarray(image.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    origin = np.asarray(image.ImagePositionPatient, dtype=np.float64)
    placed = [origin + x * column_spacing * along_row + y * row_spacing * along_column for x, y in points]
    return [(float(p[0]), float(p[1]), float(p[2])) for p in placed]


def plane(image: Dataset, thickness: float | None = None) -> ImagePlane:
    """The image's plane, as a reader of its header makes it."""
    row, column = (float(v) for v in image.PixelSpacing)
    x, y, z = (float(v) for v in image.ImagePositionPatient)
    a, b, c, d, e, f = (float(v) for v in image.ImageOrientationPatient)
    return ImagePlane(
        ImageReference(image.SeriesInstanceUID, image.SOPInstanceUID, image.SOPClassUID),
        image.FrameOfReferenceUID,
        (x, y, z),
        (a, b, c, d, e, f),
        (row, column),
        int(image.Rows),
        int(image.Columns),
        thickness,
    )
