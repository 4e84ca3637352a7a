"""Two hundred annotation objects on a real CT, through a real archive and back, to a thousandth of a pixel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from miner.pacs import connect
from miner.records import DateWindow, InstanceRef
from tests.annotations import Circle, Curve, Drawing, Ellipse, Line, Outline
from tests.annotations.scenes import random_arrow, random_pair
from tests.annotations.truth import Point
from tests.benchmarks.reading import outcome
from tests.benchmarks.scoring import score
from tests.benchmarks.writers import Writer, writers
from tests.pacs.conftest import peer_for
from tests.peers.dcmtk import storescu
from tests.peers.orthanc import Orthanc

pytestmark = pytest.mark.peer

OBJECTS = 200
SLICES = 12
THICKNESS = 1.0


@dataclass(frozen=True)
class Written:
    """One object as it was stored: its producer, and what was drawn on which image."""

    writer: Writer
    drawn: dict[str, list[Drawing]]


@pytest.fixture(scope="module")
def chest(shared_data: Path) -> list[Dataset]:
    """Neighbouring slices of the real CT, by position."""
    paths = sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    return headers[40 : 40 + SLICES]


def test_two_hundred_objects_through_an_archive(orthanc: Orthanc, chest: list[Dataset], tmp_path: Path) -> None:
    written = dict(_store(orthanc, chest, tmp_path / "written"))
    assert len(written) == OBJECTS
    assert {one.writer.name for one in written.values()} == {writer.name for writer in writers()}
    for sop_uid, path in _fetched(orthanc, tmp_path / "spool").items():
        one = written.pop(sop_uid)
        read = outcome(path, chest, THICKNESS)
        assert read.is_accounted_for(), one
        assert set(read.images) == set(one.drawn), one
        for image_uid, drawn in one.drawn.items():
            result = score(drawn, read.images[image_uid].bookmarks, one.writer.tolerance)
            assert (result.missed, result.false) == ((), ()), one
    assert not written


def _store(orthanc: Orthanc, chest: list[Dataset], folder: Path) -> Iterator[tuple[str, Written]]:
    """Write the objects, each producer in turn, and send them by C-STORE."""
    folder.mkdir()
    random = np.random.default_rng(314)
    able = writers()
    for number in range(OBJECTS):
        one = _drawn(random, able[number % len(able)], chest)
        images = [image for image in chest if image.SOPInstanceUID in one.drawn]
        written = one.writer.write(images, one.drawn, str(number))
        written.save_as(folder / f"{number:03d}.dcm", enforce_file_format=True)
        yield str(written.SOPInstanceUID), one
    storescu(orthanc.port, sorted(folder.iterdir()), called=orthanc.ae_title)


def _fetched(orthanc: Orthanc, spool: Path) -> dict[str, Path]:
    """Everything that the archive holds, found and retrieved as the miner does."""
    pacs = connect(peer_for(orthanc))
    try:
        wanted: list[InstanceRef] = []
        studies = {study.study_uid: study for study in pacs.find_studies(DateWindow(), ("PR", "SR"))}
        for study in studies.values():
            for series in pacs.find_series(study):
                wanted += pacs.find_instances(series)
        fetched = pacs.fetch(wanted, spool)
        assert fetched.missing == {}
        return dict(fetched.arrived)
    finally:
        pacs.close()


def _drawn(random: np.random.Generator, writer: Writer, chest: list[Dataset]) -> Written:
    """One drawing of any kind that the producer can write, on each of one to three slices."""
    count = min(writer.images, int(random.integers(1, 4)))
    chosen = random.choice(len(chest), size=count, replace=False)
    return Written(writer, {chest[i].SOPInstanceUID: [_drawing(random, writer)] for i in sorted(chosen)})


def _drawing(random: np.random.Generator, writer: Writer) -> Drawing:
    while True:
        drawing = _ANY[int(random.integers(len(_ANY)))](random)
        if writer.can(drawing):
            return writer.as_drawn(drawing)


def _at(random: np.random.Generator) -> Point:
    return float(random.uniform(60, 450)), float(random.uniform(60, 450))


def _line(random: np.random.Generator) -> Drawing:
    (x, y), turn, length = _at(random), float(random.uniform(0, 2 * math.pi)), float(random.uniform(15, 60))
    return Line(((x, y), (x + length * math.cos(turn), y + length * math.sin(turn))))


def _ellipse(random: np.random.Generator) -> Drawing:
    (x, y), a, b = _at(random), float(random.uniform(15, 50)), float(random.uniform(4, 14))
    return Ellipse(((x - a, y), (x + a, y)), ((x, y - b), (x, y + b)))


def _circle(random: np.random.Generator) -> Drawing:
    return Circle(_at(random), float(random.uniform(4, 50)))


def _contour(random: np.random.Generator) -> tuple[Point, ...]:
    (x, y), count = _at(random), int(random.integers(4, 30))
    turns = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return tuple(
        (x + float(r * math.cos(t)), y + float(r * math.sin(t)))
        for r, t in zip(random.uniform(8, 50, count), turns, strict=True)
    )


_ANY = (
    random_pair,
    random_pair,
    random_arrow,
    _line,
    _ellipse,
    _circle,
    lambda random: Outline(_contour(random)),
    lambda random: Curve(_contour(random)),
)
