"""Small objects for the loopback PACS, and the made-up patients once per session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from miner.demo.pacs import LoopbackPacs
from miner.demo.patients import DemoStudy, make_patients

MakeObject = Callable[..., Dataset]


def small_object(
    study: str = "1.2.1",
    series: str = "1.2.1.1",
    sop: str = "1.2.1.1.1",
    syntax: UID = ExplicitVRLittleEndian,
    **values: object,
) -> Dataset:
    """A CT of 64 × 64 pixels whose values count up."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = sop
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    dataset.Modality = "CT"
    dataset.PatientID = "P1"
    dataset.PatientName = "Alpha^Ann"
    dataset.StudyDate = "20200315"
    dataset.StudyTime = "101500"
    dataset.AccessionNumber = "A1"
    dataset.InstanceNumber = 1
    dataset.ImagePositionPatient = [0, 0, 12.5]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.Rows = dataset.Columns = 64
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    pixels = np.arange(4096, dtype="<i2") * 5 - 300
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    if syntax.is_compressed and not syntax.is_deflated:
        dataset.compress(syntax, generate_instance_uid=False)
    elif not syntax.is_little_endian:
        dataset.PixelData = pixels.astype(">i2").tobytes()
        dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


@pytest.fixture
def make_object() -> MakeObject:
    return small_object


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[LoopbackPacs]:
    """Two patients, three studies: one of CT and PR, one of MR, one of another patient."""
    server = LoopbackPacs(tmp_path / "objects")
    for number in range(4):
        server.add(small_object(sop=f"1.2.1.1.{number + 1}", InstanceNumber=number + 1))
    server.add(small_object(series="1.2.1.2", sop="1.2.1.2.1", Modality="PR"))
    server.add(small_object(study="1.2.2", series="1.2.2.1", sop="1.2.2.1.1", Modality="MR", StudyDate="20210101"))
    server.add(
        small_object(
            study="1.2.3",
            series="1.2.3.1",
            sop="1.2.3.1.1",
            PatientID="P2",
            PatientName="Beta^Bob",
            StudyDate="20200401",
        )
    )
    with server:
        yield server


@pytest.fixture
def entity() -> AE:
    return AE(ae_title="TESTER")


@pytest.fixture(scope="session")
def patients() -> list[DemoStudy]:
    """All studies of the twelve scenarios."""
    return list(make_patients(12))
