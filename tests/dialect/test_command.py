"""`miner bookmarks` as a user meets it: results, wrong input, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from miner.bookmarks.kinds import FileSort, sort_file
from miner.dialect.drawing import PNG_SIGNATURE
from tests.dialect.conftest import PAIR, Run, state

ENDS = [value for axis in (PAIR.long, PAIR.short) for point in axis for value in point]


def test_a_table_of_what_is_read(run: Run, study: Path) -> None:
    done = run("bookmarks", study / "state.dcm", study / "image.dcm")
    assert done.status == 0
    assert done.err == ""
    for words in ("Marks", "Bookmarks", "512 × 512", "0.7 × 0.7 mm", "recist of 0", "text-only", "1 of 1 objects read"):
        assert words in done.out
    assert "Skeleton" not in done.out
    assert "Names" in done.out


def test_one_document(run: Run, study: Path) -> None:
    done = run("--json", "bookmarks", study)
    assert done.status == 0
    document = json.loads(done.out)
    assert document["files"] == {"annotation object": 1, "image": 1}
    (entry,) = document["objects"]
    orders = [mark["order"] for mark in entry["marks"]]
    assert orders == list(range(len(orders))), "everything that the object holds is listed once"
    assert all(mark["becomes"] for mark in entry["marks"])
    recist = entry["bookmarks"][0]
    assert recist["kind"] == "recist"
    assert recist["coordinates"] == pytest.approx(ENDS, abs=1e-3)
    assert recist["unit"] == "mm"
    assert recist["length"] == pytest.approx((40**2 + 20**2) ** 0.5 * 0.7, abs=1e-3)
    assert document["names"]["image 1"].startswith("1.")
    assert {bookmark["kind"] for bookmark in entry["bookmarks"]} == {"recist", "line", "arrow", "polygon"}


def test_without_the_image_lengths_are_pixels(run: Run, study: Path, image: FileDataset) -> None:
    shown = state(image)
    del shown.DisplayedAreaSelectionSequence[0].PresentationPixelSpacing
    shown.save_as(study / "state.dcm")
    done = run("--json", "bookmarks", study / "state.dcm")
    (entry,) = json.loads(done.out)["objects"]
    recist = next(bookmark for bookmark in entry["bookmarks"] if bookmark["kind"] == "recist")
    assert recist["unit"] == "px"
    assert recist["length"] == pytest.approx((40**2 + 20**2) ** 0.5, abs=1e-3)
    assert recist["text_mm"] is None
    assert recist["doubts"] == [], "a text in mm is not compared with pixels"
    assert entry["images"][0]["given"] is False
    assert "unknown: lengths are in pixels" in run("bookmarks", study / "state.dcm").out


def test_presentation_spacing_where_the_image_is_not_given(run: Run, tmp_path: Path, image: FileDataset) -> None:
    shown = state(image)
    shown.DisplayedAreaSelectionSequence[0].PresentationPixelSpacing = [0.5, 0.5]
    shown.save_as(tmp_path / "state.dcm")
    (entry,) = json.loads(run("--json", "bookmarks", tmp_path / "state.dcm").out)["objects"]
    assert entry["images"][0]["spacing"] == [0.5, 0.5]
    assert entry["images"][0]["spacing_from"] == "presentation state"
    assert entry["bookmarks"][0]["unit"] == "mm"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.dcm",), ["nowhere.dcm", "is not there"]),
        (("study/image.dcm",), ["None of the given files is an annotation object", "1 × image"]),
        (("empty",), ["None of the given files", "no file at all"]),
        (("text.txt",), ["None of the given files", "1 × no DICOM file"]),
        (("study", "--draw", "missing/out.png"), ["missing", "no folder"]),
        (("study", "--draw", "out.jpg"), ["out.jpg", ".png"]),
        (("study", "--draw", "taken.png"), ["taken.png", "exists already", "no PNG"]),
        (("/dev/null",), ["/dev/null", "neither a file nor a folder"]),
        ((), ["FILE"]),
    ],
)
def test_wrong_usage(
    run: Run, study: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: list[str]
) -> None:
    monkeypatch.chdir(study.parent)
    Path("empty").mkdir()
    Path("text.txt").write_text("some notes")
    Path("taken.png").write_text("something else")
    done = run("bookmarks", *words)
    assert done.is_one_sentence(2, *says), done.err
    assert done.out == ""
    assert Path("taken.png").read_text() == "something else"


def test_unreadable_names(run: Run, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("bookmarks", "x" * 300).is_one_sentence(2, "ENAMETOOLONG")
    denied = os.scandir

    def scandir(folder: str) -> object:
        if "closed" in os.fspath(folder):
            raise PermissionError(13, "no", os.fspath(folder))
        return denied(folder)

    (study / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", scandir)
    assert run("bookmarks", study / "closed").is_one_sentence(2, "closed", "EACCES")
    done = run("bookmarks", study)
    assert done.is_one_sentence(4, "1 of 2"), "the rest is read all the same"
    assert "cannot be read" in done.out
    assert "recist of 0" in done.out


def test_truncated_object(run: Run, study: Path) -> None:
    data = (study / "state.dcm").read_bytes()
    (study / "half.dcm").write_bytes(data[: len(data) - 200])
    done = run("bookmarks", study / "half.dcm")
    assert done.is_one_sentence(4, "1 of 1", "could not be read")
    assert "damaged-object" in done.out
    both = run("bookmarks", study)
    assert both.status == 4
    assert "recist of 0" in both.out
    document = json.loads(run("--json", "bookmarks", study, "--redacted").out)
    assert [entry["reason"] for entry in document["objects"]] == ["damaged-object", ""]
    assert set(document["meanings"]) >= {"damaged-object"}


def test_unsupported_object_still_has_a_skeleton(run: Run, tmp_path: Path, image: FileDataset) -> None:
    odd = state(image)
    odd.SOPClassUID = odd.file_meta.MediaStorageSOPClassUID = "1.2.3.4.5.6.7"
    odd.save_as(tmp_path / "odd.dcm")
    done = run("bookmarks", "--redacted", tmp_path / "odd.dcm")
    assert done.is_one_sentence(4, "could not be read")
    assert "unsupported-object" in done.out
    assert "GraphicAnnotationSequence" in done.out
    assert "POLYLINE" in done.out


def test_a_named_file_that_is_none_of_dicom(run: Run, study: Path) -> None:
    (study / "notes.txt").write_text("some notes")
    assert run("bookmarks", study).status == 0, "in a folder it is counted"
    done = run("bookmarks", study / "state.dcm", study / "notes.txt")
    assert done.is_one_sentence(4, "1 of 2")
    assert "1 × no DICOM file" in done.out
    assert f"{study / 'notes.txt'} is no DICOM file." in done.out, "the listing says which"
    redacted = run("bookmarks", study / "state.dcm", study / "notes.txt", "--redacted").out
    assert "file 2 is no DICOM file." in redacted
    assert "notes" not in redacted


def test_a_file_that_goes_while_others_are_read(run: Run, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (study / "gone.dcm").write_bytes((study / "state.dcm").read_bytes())

    def sort_and_lose(path: Path) -> FileSort:
        sorted_as = sort_file(path)
        if path.name == "gone.dcm":
            path.unlink()
        return sorted_as

    monkeypatch.setattr("miner.dialect.files.sort_file", sort_and_lose)
    done = run("bookmarks", study)
    assert done.is_one_sentence(4, "1 of 2")
    assert f"{study / 'gone.dcm'} cannot be read." in done.out
    assert "damaged" not in done.out
    assert "recist of 0" in done.out


def test_objects_that_hold_nothing_to_mine(run: Run, study: Path, image: FileDataset) -> None:
    state(image, drawn=[]).save_as(study / "state.dcm")
    done = run("bookmarks", study / "state.dcm")
    assert done.status == 0
    assert "nothing to mine (no-graphics)" in done.out
    assert "no text that points at something" in done.out
    selection = state(image, drawn=[])
    selection.SOPClassUID = selection.file_meta.MediaStorageSOPClassUID = KeyObjectSelectionDocumentStorage
    selection.save_as(study / "selection.dcm")
    assert "nothing to mine (key-object-selection)" in run("bookmarks", study / "selection.dcm").out


def test_points_stay_whole_on_a_narrow_terminal(run: Run, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = run("bookmarks", study).out
    assert "100.0,100.0 140.0,120.0" in out, "two points a line"
    assert all(len(line) <= 80 for line in out[out.index("Marks on image 1") :].splitlines())


def test_other_objects_are_counted_in_folders_and_tried_when_named(run: Run, study: Path, image: FileDataset) -> None:
    plan = state(image)
    plan.SOPClassUID = plan.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.5"
    plan.save_as(study / "plan.dcm")
    (study / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"rubbish")
    document = json.loads(run("--json", "bookmarks", study).out)
    assert document["files"]["other DICOM object"] == 1
    assert "RT Plan Storage" in run("bookmarks", study / "plan.dcm").out


def test_a_file_that_is_named_twice_is_read_once(run: Run, study: Path) -> None:
    (study / "loop").symlink_to(study)
    (study / "again.dcm").symlink_to(study / "state.dcm")
    os.mkfifo(study / "pipe")
    document = json.loads(run("--json", "bookmarks", study, study / "state.dcm").out)
    assert len(document["objects"]) == 1


def test_draws(run: Run, study: Path) -> None:
    picture = study.parent / "out.png"
    assert run("bookmarks", study, "--draw", picture).status == 0
    first = picture.read_bytes()
    assert first.startswith(PNG_SIGNATURE)
    done = run("bookmarks", study / "state.dcm", "--draw", picture)
    assert done.status == 0, "an earlier PNG is replaced"
    assert "image 1 is not given" in done.out
    assert picture.read_bytes() != first


def test_reports_and_images_in_space(run: Run, tmp_path: Path, image: FileDataset) -> None:
    from tests.annotations.reports import report

    image.save_as(tmp_path / "image.dcm")
    report([image], {image.SOPInstanceUID: [PAIR]}, "scoord3d").save_as(tmp_path / "report.dcm")
    alone = json.loads(run("--json", "bookmarks", tmp_path / "report.dcm").out)["objects"][0]
    assert {mark["becomes"] for mark in alone["marks"]} == {"its images are not given"}
    assert all(len(point) == 3 for mark in alone["marks"] for point in mark["points"])
    both = json.loads(run("--json", "bookmarks", tmp_path).out)["objects"][0]
    (recist,) = both["bookmarks"]
    assert recist["kind"] == "recist"
    assert recist["coordinates"] == pytest.approx(ENDS, abs=1e-2)


@pytest.mark.parametrize("words", [("bookmarks", "."), ("--json", "bookmarks", ".", "--redacted")])
def test_a_reader_that_goes_away(study: Path, words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "miner", *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    gone = subprocess.run(
        command, cwd=study, stdout=write, stderr=subprocess.PIPE, timeout=300, check=False, env=environment
    )
    os.close(write)
    assert (gone.returncode, gone.stderr) == (0, b"")


def test_it_starts_without_prefect_and_databases() -> None:
    slow = "prefect sqlalchemy alembic pandas pynetdicom"
    words = f"import sys, miner.cli, miner.dialect, miner.show; sys.exit(str(set('{slow}'.split()) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=False)
    assert loaded.stderr.strip() == "set()"


def test_real_files(run: Run, shared_data: Path) -> None:
    done = run("--json", "bookmarks", shared_data / "structured-reports", shared_data / "presentation-states")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert len(document["objects"]) == 15
    producers = {producer for entry in document["objects"] for producer in entry["producers"]}
    assert {"ClearCanvas", "MedDream", "dwv", "dcmjs", "DCMTK", "Fuji"} <= producers
    assert sum(len(entry["bookmarks"]) for entry in document["objects"]) == 21
