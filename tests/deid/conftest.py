"""Made-up CT images: a sound one, and every way of breaking one element of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.config import disable_value_validation
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

ROWS, COLUMNS = 4, 6
WriteImage = Callable[..., Path]


@pytest.fixture
def image() -> Dataset:
    """A small CT image that passes the gate."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = "2.25.1001"
    image.StudyInstanceUID = "2.25.1002"
    image.SeriesInstanceUID = "2.25.1003"
    image.Modality = "CT"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.InstanceNumber = 7
    image.ImagePositionPatient = [-10, -20.5, 30]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.FrameOfReferenceUID = "2.25.1004"
    image.PixelSpacing = [0.5, 0.75]
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.RescaleIntercept, image.RescaleSlope = -1024, 1
    image.PixelData = bytes(2 * ROWS * COLUMNS)
    return image


@pytest.fixture
def write_image(image: Dataset, tmp_path: Path) -> WriteImage:
    """``write_image(PatientAge="062Y", Rows=None)``: the sound image with attributes changed, or removed (None)."""

    def write(**changes: object) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.dcm"
        with disable_value_validation():
            for keyword, value in changes.items():
                if value is None:
                    del image[keyword]
                else:
                    setattr(image, keyword, value)
            image.save_as(path, enforce_file_format=True)
        return path

    return write
