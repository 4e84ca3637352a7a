"""Shared by the tests of `miner bookmarks`: the command in this process, and annotation objects with their image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from miner.cli import main
from tests.annotations import Arrow, Line, Note, Outline, Pair, ct_image, presentation_state
from tests.annotations.truth import Drawing

PAIR = Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)), labelled=True)
DRAWN: list[Drawing] = [
    PAIR,
    Line(((200.0, 200.0), (240.0, 210.0)), labelled=True),
    Arrow((300.0, 300.0), (340.0, 340.0)),
    Outline(((400.0, 400.0), (420.0, 400.0), (420.0, 430.0))),
    Note((10.0, 10.0)),
]


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    status: int
    out: str
    err: str

    def is_one_sentence(self, status: int, *words: str) -> bool:
        """Whether it failed with one line on standard error that says these words."""
        assert self.status == status, self.err
        assert len(self.err.strip().splitlines()) == 1, self.err
        assert "Traceback" not in self.err
        return all(word in self.err for word in words)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`miner …`, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "250")

    def command(*words: str | Path) -> Outcome:
        capsys.readouterr()
        status = 0
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return Outcome(status, said.out, said.err)

    return command


@pytest.fixture
def image() -> Dataset:
    """A CT slice with a bright disc, as a scanner writes it."""
    return with_pixels(ct_image())


def with_pixels(image: Dataset, *, inside: int = 1500) -> FileDataset:
    """The image as a whole Part 10 object with pixels that the pixel gate lets through."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole = FileDataset("", image, file_meta=meta, preamble=b"\0" * 128)
    y, x = np.mgrid[0 : image.Rows, 0 : image.Columns]
    disc = (x - image.Columns / 2) ** 2 + (y - image.Rows / 2) ** 2 < (image.Columns / 3) ** 2
    whole.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    whole.SamplesPerPixel, whole.PhotometricInterpretation = 1, "MONOCHROME2"
    whole.BitsAllocated, whole.BitsStored, whole.HighBit, whole.PixelRepresentation = 16, 12, 11, 0
    whole.RescaleSlope, whole.RescaleIntercept, whole.RescaleType = 1, -1024, "HU"
    whole.PixelData = np.where(disc, inside, 0).astype("<u2").tobytes()
    return whole


@pytest.fixture
def study(tmp_path: Path, image: Dataset) -> Path:
    """A folder with one image and one presentation state on it."""
    folder = tmp_path / "study"
    folder.mkdir()
    image.save_as(folder / "image.dcm")
    state(image).save_as(folder / "state.dcm")
    return folder


def state(image: Dataset, style: str = "sectra", drawn: list[Drawing] | None = None) -> FileDataset:
    """A presentation state on the image."""
    return presentation_state([image], {image.SOPInstanceUID: DRAWN if drawn is None else drawn}, style)
