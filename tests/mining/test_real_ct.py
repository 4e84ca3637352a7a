"""A real chest CT in a real Orthanc, with presentation states at two radiologists' end points (LIDC-IDRI-0314)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from pydicom.dataset import Dataset

from miner.config import Settings
from miner.dataset import LesionRow, ReleaseRules, check, read_rows, write_release
from miner.errors import AssociationRefused, ExitStatus
from miner.images import decode_png
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import RunReport, open_run, run_in_process
from tests.annotations import Arrow, Line, Pair, presentation_state
from tests.hospital import new_project
from tests.hospital.project import NOW, release_files
from tests.peers.orthanc import Orthanc

pytestmark = pytest.mark.peer

Point = tuple[float, float]
Ends = tuple[Point, Point]

STYLES = ("clearcanvas", "weasis", "agfa", "sectra", "compound")


@dataclass(frozen=True)
class Reader:
    """One radiologist's axes of the nodule, in the pixel centres frame, and the image they were drawn on."""

    image: Dataset
    long: Ends
    short: Ends
    long_mm: float
    short_mm: float


@dataclass(frozen=True)
class Chest:
    """The series in Orthanc, head to feet, and what was drawn on it: image UID -> (long, short) as drawn."""

    peer: Orthanc
    images: tuple[Dataset, ...]
    truth: dict[str, tuple[Ends, Ends]]
    readers: tuple[Reader, ...]


def _point(values: list[float]) -> Point:
    return float(values[0]), float(values[1])


def _readers(shared: Path, images: tuple[Dataset, ...]) -> tuple[Reader, ...]:
    content = json.loads((shared / "ct" / "lidc-idri-0314-readers-1-2.json").read_text())
    by_uid = {str(image.SOPInstanceUID): image for image in images}
    return tuple(
        Reader(
            by_uid[entry["key_sop"]],
            (_point(entry["long_first"]), _point(entry["long_second"])),
            (_point(entry["short"][0]), _point(entry["short"][1])),
            entry["long_mm"],
            entry["short_mm"],
        )
        for entry in content["annotations"]
    )


def _by_highdicom(reader: Reader) -> Dataset:
    """A presentation state written by highdicom: two polylines and a text, in PIXEL units (corner frame: + 0.5)."""
    lines = [
        GraphicObject(
            graphic_type=GraphicTypeValues.POLYLINE,
            graphic_data=np.array(ends) + 0.5,
            units=AnnotationUnitsValues.PIXEL,
            is_filled=False,
        )
        for ends in (reader.long, reader.short)
    ]
    text = TextObject(
        text_value=f"{reader.long_mm:.1f} x {reader.short_mm:.1f} mm",
        units=AnnotationUnitsValues.PIXEL,
        anchor_point=(reader.long[0][0] + 0.5, reader.long[0][1] + 0.5),
        anchor_point_visible=False,
    )
    layer = GraphicLayer("MEASUREMENTS", order=1, description="Measurements")
    annotation = GraphicAnnotation([reader.image], layer, graphic_objects=lines, text_objects=[text])
    return GrayscaleSoftcopyPresentationState(
        referenced_images=[reader.image],
        series_instance_uid=hd.UID(),
        series_number=901,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="Tests",
        manufacturer_model_name="Tests",
        software_versions="1",
        device_serial_number="1",
        content_label="MEASUREMENT",
        graphic_layers=[layer],
        graphic_annotations=[annotation],
    )


def _file(dataset: Dataset, folder: Path) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="module")
def chest(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chest]:
    """Orthanc with the CT, both readers' pairs by highdicom, and the first one's again on other slices by style."""
    paths = sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))
    loaded = [pydicom.dcmread(path) for path in paths]
    images = tuple(sorted(loaded, key=lambda image: -float(image.ImagePositionPatient[2])))
    readers = _readers(shared_data, images)
    truth = {str(reader.image.SOPInstanceUID): (reader.long, reader.short) for reader in readers}
    states = [_by_highdicom(reader) for reader in readers]
    drawn = set(truth)
    free = [image for image in images if str(image.SOPInstanceUID) not in drawn]
    for number, style in enumerate(STYLES):
        image = free[4 + 7 * number]
        moved = 0.37 * number
        long, short = (tuple((x + moved, y - moved) for x, y in ends) for ends in (readers[0].long, readers[0].short))
        truth[str(image.SOPInstanceUID)] = (long, short)  # type: ignore[assignment]
        drawings = {str(image.SOPInstanceUID): [Pair(long, short)]}  # type: ignore[arg-type]
        states.append(presentation_state([image], drawings, style))
    arrows = {
        str(free[60].SOPInstanceUID): [Arrow((100.0, 120.0), (140.0, 150.0)), Line(((300.0, 300.0), (320.0, 310.0)))]
    }
    states.append(presentation_state([free[60]], arrows, "agfa"))
    folder = tmp_path_factory.mktemp("states")
    with Orthanc() as peer:
        peer.store(paths)
        peer.store(_file(state, folder) for state in states)
        yield Chest(peer, images, truth, readers)


def _project(folder: Path, peer: Orthanc, **pacs: Any) -> Settings:
    address = {"host": peer.host, "port": peer.port, "ae_title": peer.ae_title, "move_port": peer.move_port, **pacs}
    return new_project(folder, pacs=address)


def _mine(settings: Settings) -> RunReport:
    with open_run(settings, Request(since="all")) as run:
        return run_in_process(run)


def _release(settings: Settings, out: Path) -> list[LesionRow]:
    with open_catalogue(settings) as catalogue:
        rules = ReleaseRules.of(settings)
        write_release(catalogue, images=settings.images, out=out, settings=rules, now=NOW)
    assert check(out).faults == ()
    return read_rows(out / "DL_info.csv")


def _distance(row: LesionRow, long: Ends, short: Ends) -> float:
    """Largest distance of an end point from its truth, in pixels; the order of end points has no meaning."""
    points = [(row.coordinates[k] - 1.0, row.coordinates[k + 1] - 1.0) for k in range(0, 8, 2)]
    return max(
        min(max(math.dist(a, ends[0]), math.dist(b, ends[1])) for a, b in (pair, pair[::-1]))
        for pair, ends in ((points[:2], long), (points[2:], short))
    )


@pytest.fixture(scope="module")
def mined(chest: Chest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Releases of the same Orthanc, mined over C-GET, over C-MOVE and by `auto`."""
    releases = {}
    for retrieve in ("get", "move", "auto"):
        folder = tmp_path_factory.mktemp(retrieve)
        settings = _project(folder / "project", chest.peer, retrieve=retrieve)
        report = _mine(settings)
        assert report.exit_status is ExitStatus.DONE
        assert report.outcomes == {"mined": 1}
        _release(settings, folder / "release")
        releases[retrieve] = folder / "release"
    return releases


def test_every_transport_gives_the_same_release(mined: dict[str, Path]) -> None:
    assert release_files(mined["get"]) == release_files(mined["move"]) == release_files(mined["auto"])


@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_lesions_are_those_that_were_drawn(chest: Chest, mined: dict[str, Path], retrieve: str) -> None:
    rows = read_rows(mined[retrieve] / "DL_info.csv")
    assert len(rows) == len(chest.truth)
    for row in rows:
        image = chest.images[row.key_slice - 1]
        long, short = chest.truth[str(image.SOPInstanceUID)]
        assert _distance(row, long, short) <= 0.01
        assert row.spacing == (0.78125, 0.78125, 1.0)
        assert row.slice_range[0] <= max(1, row.key_slice - 30)
        assert row.slice_range[1] >= min(len(chest.images), row.key_slice + 30)


def test_axes_in_mm_are_the_radiologists(chest: Chest, mined: dict[str, Path]) -> None:
    rows = {row.key_slice: row for row in read_rows(mined["get"] / "DL_info.csv")}
    for reader in chest.readers:
        row = rows[chest.images.index(reader.image) + 1]
        assert row.diameters[0] * row.spacing[0] == pytest.approx(reader.long_mm, abs=0.01)
        assert row.diameters[1] * row.spacing[0] == pytest.approx(reader.short_mm, abs=0.01)


@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_every_slice_has_the_source_values(chest: Chest, mined: dict[str, Path], retrieve: str) -> None:
    pictures = sorted(mined[retrieve].glob("Images_png/*/*.png"))
    ranges = {row.slice_range for row in read_rows(mined[retrieve] / "DL_info.csv")}
    assert [int(path.stem) for path in pictures] == [
        k for first, last in sorted(ranges) for k in range(first, last + 1)
    ]
    for path in pictures:
        image = chest.images[int(path.stem) - 1]
        expected = image.pixel_array.astype(np.int64) * int(image.RescaleSlope) + int(image.RescaleIntercept)
        assert np.array_equal(decode_png(path.read_bytes()).astype(np.int64) - 32768, expected)


def test_line_and_arrow_are_in_bookmarks_csv(mined: dict[str, Path]) -> None:
    kinds = [line.split(",")[1] for line in (mined["get"] / "bookmarks.csv").read_text().splitlines()[1:]]
    assert kinds.count("arrow") == 1
    assert kinds.count("line") == 1


def test_nothing_of_the_source_is_in_the_release(chest: Chest, mined: dict[str, Path]) -> None:
    image = chest.images[0]
    for path in mined["get"].rglob("*"):
        if path.is_file() and path.suffix != ".png":
            text = path.read_text(encoding="utf-8")
            for planted in (image.PatientID, image.StudyInstanceUID, image.SeriesInstanceUID, image.StudyDate):
                assert str(planted) not in text


def test_wrong_ae_title_names_both(chest: Chest, tmp_path: Path) -> None:
    settings = _project(tmp_path, chest.peer, ae_title="NOBODY")
    with pytest.raises(AssociationRefused, match="NOBODY") as caught:
        _mine(settings)
    assert caught.value.exit_status is ExitStatus.UNAVAILABLE
