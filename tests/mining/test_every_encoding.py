"""A real chest CT in a real Orthanc, with one pair in each way in which pairs are written, and what holds none."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    KeyObjectSelectionDocumentStorage,
    XRayRadiationDoseSRStorage,
)

from miner.catalogue import Status
from miner.dataset import LesionRow, ReleaseRules, check, read_rows, write_release
from miner.errors import ExitStatus, Reason
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import open_run, run_in_process
from tests.annotations import Pair, presentation_state
from tests.annotations.private import nested_state, weasis_model_state
from tests.annotations.reports import report
from tests.hospital import new_project, other_object
from tests.hospital.project import NOW, release_files
from tests.hospital.truth import distance
from tests.peers.orthanc import Orthanc

pytestmark = pytest.mark.peer

PAIR = Pair(((300.25, 260.5), (322.0, 274.125)), ((313.0, 261.0), (306.5, 275.25)))

REPORTS = ("ohif", "cornerstone3d", "cornerstone", "highdicom", "scoord3d", "highdicom3d")
STATES = ("clearcanvas", "display")

ENCODINGS = {
    **dict.fromkeys(("ohif", "cornerstone3d", "cornerstone", "highdicom"), "sr-tid1500"),
    **dict.fromkeys(("scoord3d", "highdicom3d"), "sr-scoord3d"),
    **dict.fromkeys(("clearcanvas", "nested"), "gsps-polyline"),
    "display": "gsps-display",
    "weasis model": "private-model",
}
"""Way of writing → what bookmarks.csv calls it."""

WITHOUT_MEASUREMENT = (
    (XRayRadiationDoseSRStorage, "SR"),
    (KeyObjectSelectionDocumentStorage, "KO"),
    (BasicTextSRStorage, "SR"),
)


@dataclass(frozen=True)
class Archive:
    """The series, head to feet, and which slice number each way of writing drew the pair on."""

    peer: Orthanc
    images: tuple[Dataset, ...]
    drawn: dict[str, int]


@dataclass(frozen=True)
class Mined:
    """One project after its run: its books and its release."""

    status: Status
    release: Path

    @property
    def rows(self) -> dict[int, LesionRow]:
        return {row.key_slice: row for row in read_rows(self.release / "DL_info.csv")}


def _written(way: str, image: Dataset, pair: Pair) -> Dataset:
    graphics = {image.SOPInstanceUID: [pair]}
    if way in REPORTS:
        return report([image], graphics, way)
    if way == "nested":
        return nested_state([image], graphics, "weasis")
    if way == "weasis model":
        return weasis_model_state([image], graphics, bidirectional=True)
    return presentation_state([image], graphics, way)


def _shifted(number: int) -> Pair:
    """Each way its own place, so that a row tells which it comes from."""
    moved = 0.37 * number
    long, short = (tuple((x + moved, y - moved) for x, y in ends) for ends in (PAIR.long, PAIR.short))
    return Pair(long, short)  # type: ignore[arg-type]


def _file(dataset: Dataset, folder: Path) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="module")
def archive(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    paths = sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))
    images = sorted((pydicom.dcmread(path) for path in paths), key=lambda image: -float(image.ImagePositionPatient[2]))
    drawn = {way: 10 + 10 * number for number, way in enumerate(ENCODINGS)}
    objects = [_written(way, images[key - 1], _shifted(key)) for way, key in drawn.items()]
    objects += [other_object(images[0], *kind, str(number)) for number, kind in enumerate(WITHOUT_MEASUREMENT)]
    regions = other_object(images[0], ComprehensiveSRStorage, "SR", "regions")
    regions.ConceptNameCodeSequence[0].CodingSchemeDesignator = "99HUG"
    objects.append(regions)
    folder = tmp_path_factory.mktemp("objects")
    with Orthanc() as peer:
        peer.store(paths)
        peer.store(_file(entry, folder) for entry in objects)
        yield Archive(peer, tuple(images), drawn)


@pytest.fixture(scope="module")
def mined(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mined]:
    """The same Orthanc, mined over C-GET and over C-MOVE."""
    return {retrieve: _mine(archive.peer, retrieve, tmp_path_factory.mktemp(retrieve)) for retrieve in ("get", "move")}


def _mine(peer: Orthanc, retrieve: str, folder: Path) -> Mined:
    address = {"host": peer.host, "port": peer.port, "ae_title": peer.ae_title, "move_port": peer.move_port}
    settings = new_project(folder / "project", pacs={**address, "retrieve": retrieve})
    with open_run(settings, Request(since="all")) as run:
        done = run_in_process(run)
    assert done.exit_status is ExitStatus.DONE
    assert done.outcomes == {"mined": 1}
    with open_catalogue(settings) as catalogue:
        rules = ReleaseRules.of(settings)
        write_release(catalogue, images=settings.images, out=folder / "release", settings=rules, now=NOW)
        status = catalogue.status()
    assert check(folder / "release").faults == ()
    return Mined(status, folder / "release")


@pytest.mark.parametrize("way", ENCODINGS)
def test_the_row_is_what_was_drawn(archive: Archive, mined: dict[str, Mined], way: str) -> None:
    key = archive.drawn[way]
    assert distance(mined["get"].rows[key], _shifted(key)) <= 0.01


def test_each_way_of_writing_is_one_row_and_named(archive: Archive, mined: dict[str, Mined]) -> None:
    assert mined["get"].rows.keys() == set(archive.drawn.values())
    with (mined["get"].release / "bookmarks.csv").open(newline="", encoding="utf-8") as file:
        named = {int(entry["Key_slice_index"]): entry["Encoding"] for entry in csv.DictReader(file)}
    assert named == {archive.drawn[way]: encoding for way, encoding in ENCODINGS.items()}


def test_the_counts_add_up_and_name_what_held_no_measurement(mined: dict[str, Mined]) -> None:
    status = mined["get"].status
    assert status.objects == {
        "accepted": len(ENCODINGS),
        Reason.UNSUPPORTED_OBJECT: 2,  # the dose report by its class, the archive of regions by its root
        Reason.KEY_OBJECT_SELECTION: 1,
        Reason.NO_GRAPHICS: 1,
    }
    assert status.marks == {"used": 2 * len(ENCODINGS)}
    assert status.bookmarks == {"recist": len(ENCODINGS)}


def test_both_ways_of_retrieving_give_the_same_release(mined: dict[str, Mined]) -> None:
    assert release_files(mined["get"].release) == release_files(mined["move"].release)
    assert mined["get"].status.objects == mined["move"].status.objects
    assert mined["get"].status.marks == mined["move"].status.marks
