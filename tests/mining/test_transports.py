"""The same studies by every way to an archive: equal releases, and books that say the same."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest

from miner.catalogue import Status
from miner.config import Settings
from miner.dataset import ReleaseRules, check, read_rows, write_release
from miner.demo.pacs import LoopbackPacs
from miner.demo.patients import make_patients
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import RunReport, open_run, run_in_process
from tests.annotations import Pair, presentation_state
from tests.hospital import new_project
from tests.hospital.project import NOW, release_files
from tests.peers.network import LOOPBACK, free_port
from tests.peers.orthanc import Orthanc

pytestmark = pytest.mark.peer

PATIENTS = 12
"""All scenarios of the demonstration: states and reports of every kind, CT and MR, tilted, gapped and burned-in series,
an image that is not there."""

DRAWN = (Pair(((300.25, 260.5), (322.0, 274.125)), ((313.0, 261.0), (306.5, 275.25))), 60)
"""A pair on the real chest CT, and the slice that it lies on."""


@dataclass(frozen=True)
class Mined:
    """What one way gave."""

    report: RunReport
    status: Status
    release: Path


@pytest.fixture(scope="module")
def objects(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Part 10 files: the demonstration's patients, and a real chest CT with a presentation state."""
    folder = tmp_path_factory.mktemp("objects")
    for study in make_patients(PATIENTS):
        for number, item in enumerate(study.objects):
            item.save_as(folder / f"{study.study_uid}-{number}", enforce_file_format=True)
    chest = sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))
    pair, slice_number = DRAWN
    image = pydicom.dcmread(chest[slice_number])
    state = presentation_state([image], {str(image.SOPInstanceUID): [pair]}, "clearcanvas")
    state.save_as(folder / "state", enforce_file_format=True)
    return [*sorted(folder.iterdir()), *chest]


Way = Callable[[Path], AbstractContextManager[dict[str, Any]]]
"""Makes an archive, in a folder that it may use, and says how [pacs] leads there."""


@contextmanager
def _demo(folder: Path, objects: list[Path], **retrieve: str) -> Iterator[dict[str, Any]]:
    port = free_port()
    with LoopbackPacs(folder / "pacs", destinations={"MINER": (LOOPBACK, port)}) as pacs:
        for path in objects:
            pacs.add(path)
        yield {"host": pacs.host, "port": pacs.port, "ae_title": pacs.ae_title, "move_port": port, **retrieve}


@contextmanager
def _folder(folder: Path, objects: list[Path]) -> Iterator[dict[str, Any]]:
    """An export as they come: any names, any depth, files without preamble, copies, and what is no DICOM."""
    export = folder / "export"
    for number, path in enumerate(objects):
        target = export / f"{number % 7}" / f"IM{number:05d}"
        target.parent.mkdir(parents=True, exist_ok=True)
        octets = path.read_bytes()
        if number % 5 == 0:
            meta = 144 + int.from_bytes(octets[140:144], "little")
            explicit = b"1.2.840.10008.1.2.1\0" in octets[:meta]
            target.write_bytes(octets[meta:] if explicit else octets[132:])
        else:
            os.link(path, target) if path.stat().st_dev == export.stat().st_dev else target.write_bytes(octets)
        if number % 11 == 0:
            (export / f"copy of {number}").write_bytes(octets)
    (export / "README.TXT").write_text("Exported by nobody.")
    before = {path: path.stat().st_mtime_ns for path in sorted(export.rglob("*"))}
    yield {"protocol": "folder", "path": str(export)}
    assert {path: path.stat().st_mtime_ns for path in sorted(export.rglob("*"))} == before, "nothing is written there"


@pytest.fixture(scope="module")
def orthanc(objects: list[Path]) -> Iterator[Orthanc]:
    """A real Orthanc with its DICOMweb plug-in that holds the objects."""
    with Orthanc(dicomweb=True) as peer:
        peer.store(objects)
        yield peer


@contextmanager
def _orthanc(folder: Path, peer: Orthanc, **retrieve: str) -> Iterator[dict[str, Any]]:
    yield {"host": peer.host, "port": peer.port, "ae_title": peer.ae_title, "move_port": peer.move_port, **retrieve}


@contextmanager
def _dicomweb(folder: Path, peer: Orthanc) -> Iterator[dict[str, Any]]:
    yield {"protocol": "dicomweb", "url": peer.url}


WAYS = (
    "demo by C-GET",
    "demo by C-MOVE",
    "Orthanc by C-GET",
    "Orthanc by C-MOVE",
    "Orthanc by DICOMweb",
    "folder",
)


@pytest.fixture(scope="module")
def mined(objects: list[Path], orthanc: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Mined]:
    """``mined(way)``: by each way once, into a project of its own, all with the same key."""
    ways: dict[str, Way] = {
        "demo by C-GET": functools.partial(_demo, objects=objects, retrieve="get"),
        "demo by C-MOVE": functools.partial(_demo, objects=objects, retrieve="move"),
        "Orthanc by C-GET": functools.partial(_orthanc, peer=orthanc, retrieve="get"),
        "Orthanc by C-MOVE": functools.partial(_orthanc, peer=orthanc, retrieve="move"),
        "Orthanc by DICOMweb": functools.partial(_dicomweb, peer=orthanc),
        "folder": functools.partial(_folder, objects=objects),
    }

    @functools.cache
    def mine(name: str) -> Mined:
        folder = tmp_path_factory.mktemp("project")
        with ways[name](folder) as address:
            settings = new_project(folder / "project", pacs=address)
            with open_run(settings, Request(since="all")) as run:
                report = run_in_process(run)
        return Mined(report, *_released(settings, folder / "release"))

    return mine


def _released(settings: Settings, out: Path) -> tuple[Status, Path]:
    with open_catalogue(settings) as catalogue:
        write_release(catalogue, images=settings.images, out=out, settings=ReleaseRules.of(settings), now=NOW)
        return catalogue.status(), out


def test_the_release_is_worth_comparing(mined: Callable[[str], Mined]) -> None:
    first = mined(WAYS[0])
    assert check(first.release).faults == ()
    rows = read_rows(first.release / "DL_info.csv")
    assert len(rows) > 10
    assert any(row.spacing == (0.78125, 0.78125, 1.0) for row in rows), "the real CT is among them"
    assert {"image-not-found", "open-polyline", "tool-not-a-lesion", "burned-in"} <= set(first.status.marks)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_missing_but_what_nobody_has(mined: Callable[[str], Mined], way: str) -> None:
    report = mined(way).report
    assert report.outcomes["failed"] == 0
    assert {reason for reason in report.reasons if not reason.startswith("refused: ")} == {"partial: image-not-found"}
    assert report.warnings == []


@pytest.mark.parametrize("way", WAYS[1:])
def test_releases_are_equal(mined: Callable[[str], Mined], way: str) -> None:
    files, expected = release_files(mined(way).release), release_files(mined(WAYS[0]).release)
    assert files.keys() == expected.keys()
    assert [path for path in expected if files[path] != expected[path]] == []


@pytest.mark.parametrize("way", WAYS[1:])
def test_books_say_the_same(mined: Callable[[str], Mined], way: str) -> None:
    status, expected = mined(way).status, mined(WAYS[0]).status
    for books in ("studies", "study_reasons", "objects", "marks", "bookmarks", "series", "slices"):
        assert getattr(status, books) == getattr(expected, books), books
    for count in ("objects_asked", "objects_arrived"):
        assert status.traffic[count] == expected.traffic[count], "none asks for more than another"
