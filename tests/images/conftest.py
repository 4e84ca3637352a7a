"""Real CT slices and made-up series for the tests of miner.images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from miner.records import InstanceRef


def _reference(dataset: Dataset) -> InstanceRef:
    return InstanceRef(
        study_uid=str(dataset.StudyInstanceUID),
        series_uid=str(dataset.SeriesInstanceUID),
        sop_uid=str(dataset.SOPInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        instance_number=int(dataset.InstanceNumber),
        position=tuple(float(value) for value in dataset.ImagePositionPatient),
        orientation=tuple(float(value) for value in dataset.ImageOrientationPatient),
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
    )


def _references(folder: Path) -> list[InstanceRef]:
    return [_reference(pydicom.dcmread(path, stop_before_pixels=True)) for path in sorted(folder.glob("*.dcm"))]


@pytest.fixture(scope="session")
def chest(shared_data: Path) -> list[InstanceRef]:
    """120 slices of a real chest CT, 1 mm apart, in the order of file names (not of position)."""
    return _references(shared_data / "ct" / "lidc-idri-0314")


@pytest.fixture(scope="session")
def tilted_head(shared_data: Path) -> list[InstanceRef]:
    """28 slices of a real head CT with a gantry tilt of 18.5 degrees and distances from 1.1 to 7 mm."""
    return _references(shared_data / "ct" / "head-gantry-tilt")


@pytest.fixture(scope="session")
def chest_slice(shared_data: Path) -> Path:
    """A real slice of unsigned 12-bit pixels."""
    return sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))[0]


@pytest.fixture(scope="session")
def head_slice(shared_data: Path) -> Path:
    """A real slice of signed 16-bit pixels with negative values."""
    return shared_data / "ct" / "head-gantry-tilt" / "05.dcm"


@pytest.fixture(scope="session")
def chest_hu(shared_data: Path) -> list[np.ndarray]:
    """HU of every tenth slice of the chest, int32."""
    paths = sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))[::10]
    slices = []
    for path in paths:
        dataset = pydicom.dcmread(path)
        slices.append(dataset.pixel_array.astype(np.int32) * int(dataset.RescaleSlope) + int(dataset.RescaleIntercept))
    return slices
