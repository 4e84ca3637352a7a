"""Text in pixels: from a suspicious slice into the quarantine, past a person, and out of or into releases."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from miner.audit import verify
from miner.broker.quarantine import ReviewNote, decide, draw, find_series, search_stored, waiting
from miner.catalogue.rows import ReviewedSeries
from miner.config import load
from miner.demo import pacs_find
from miner.errors import ObjectError, Reason, StorageError, UsageError
from miner.images import decode_png
from miner.mining import text
from miner.mining.project import open_catalogue
from miner.mining.run import SUSPECTED
from miner.records import PixelReview
from tests.hospital import Hospital, ct_series, ruler_pair

BOX = (2, 3, 9, 8)
OCR = {"text_search": "ocr"}
NEAR = {"context_mm": 10.0}
"""Two slices on each side of a key slice."""


class Searched:
    """Stands for the recognition: a slice is suspicious where its first pixels are the brightest that there are."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False

    def __call__(self, values: NDArray[np.uint16]) -> tuple[tuple[int, int, int, int], ...]:
        self.count += 1
        if self.fails:
            raise ObjectError("The search failed.", Reason.TEXT_SEARCH_FAILED)
        return (BOX,) if values[3:8, 2:9].min() >= 32768 + 3071 else ()


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> Searched:
    search = Searched()
    monkeypatch.setattr(text, "find_text", search)
    monkeypatch.setattr("miner.mining.run.require_text_search", lambda word: None)
    monkeypatch.setattr("miner.broker.quarantine.require_text_search", lambda word: None)
    return search


@pytest.fixture
def hospital(tmp_path: Path, searched: Searched) -> Iterator[Hospital]:
    with Hospital(tmp_path, pixels=OCR, selection=NEAR) as open_hospital:
        yield open_hospital


Mined = Callable[[int | None], Hospital]


@pytest.fixture(scope="module")
def projects() -> dict[int | None, Path]:
    """Folders of mined projects, by the suspicious slice of :func:`two_patients`."""
    return {}


@pytest.fixture
def mined(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, searched: Searched, projects: dict[int | None, Path]
) -> Mined:
    """A copy of a mined project with two patients, without a PACS: for what works on the catalogue and the store."""

    def of(bad: int | None) -> Hospital:
        if bad not in projects:
            projects[bad] = tmp_path_factory.mktemp("mined")
            with Hospital(projects[bad], pixels=OCR, selection=NEAR) as first:
                two_patients(first, bad=bad)
                first.mine()
        shutil.copytree(projects[bad] / "project", tmp_path / "project")
        copy = Hospital(tmp_path)
        copy.settings = load(tmp_path / "project" / "config.toml", {})
        return copy

    return of


def burned(image: Dataset) -> Dataset:
    """The image with a bright block in its corner."""
    values = np.frombuffer(image.PixelData, "<u2").reshape(image.Rows, image.Columns).copy()
    values[3:8, 2:9] = 4095
    image.PixelData = values.tobytes()
    return image


def states(hospital: Hospital) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in series_of(hospital):
        found[entry.review.value] = found.get(entry.review.value, 0) + 1
    return found


def series_of(hospital: Hospital) -> tuple[ReviewedSeries, ...]:
    with open_catalogue(hospital.settings) as catalogue:
        return catalogue.reviewed_series()


def faults(hospital: Hospital, release: str | None = None) -> list[str]:
    with open_catalogue(hospital.settings) as catalogue:
        return list(verify(catalogue, hospital.settings.images, hospital.folder / release if release else None))


def said(hospital: Hospital, release: str = "release") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((hospital.folder / release / "release.json").read_text())
    return content


def decided(hospital: Hospital, key: str, decision: PixelReview, note: ReviewNote | None = None) -> None:
    with open_catalogue(hospital.settings) as catalogue:
        decide(catalogue, key, decision, note)


def two_patients(hospital: Hospital, *, bad: int | None = 12) -> tuple[list[Dataset], list[Dataset]]:
    """Two patients with a pair on slice 12 (0-based) each; of the second that slice, or another, is suspicious."""
    clean, other = ct_series("CLEAN", "S1"), ct_series("BAD", "S2")
    if bad is not None:
        burned(other[bad])
    hospital.add(clean, ruler_pair(clean[12]), other, ruler_pair(other[12]))
    return clean, other


# --------------------------------------------------------------------------------------------------------- searching


def test_without_a_search_every_series_is_judged_by_its_header(tmp_path: Path, searched: Searched) -> None:
    with Hospital(tmp_path) as hospital:
        two_patients(hospital)
        hospital.mine()
        hospital.release()
        assert searched.count == 0
        assert states(hospital) == {"header": 2}
        assert "Pixels: header gate only." in (hospital.folder / "release" / "README.md").read_text()
        assert "113101" not in {option["code"] for option in said(hospital)["deidentification"]}


def test_clean_series_are_searched_and_the_release_says_so(hospital: Hospital, searched: Searched) -> None:
    two_patients(hospital, bad=None)
    hospital.mine()
    assert states(hospital) == {"searched": 2}
    assert searched.count == 2 * 3  # key slice and one neighbour on each side
    hospital.release()
    assert said(hospital)["pixels"] == {"header": 0, "searched": 2, "quarantined": 0, "passed": 0, "rejected": 0}
    assert "113101" in {option["code"] for option in said(hospital)["deidentification"]}
    assert "header gate only" not in (hospital.folder / "release" / "README.md").read_text()
    assert faults(hospital, "release") == []


@pytest.mark.parametrize("bad", [11, 12, 13], ids=["neighbour below", "key slice", "neighbour above"])
def test_a_find_puts_the_series_into_quarantine(bad: int, mined: Mined) -> None:
    hospital = mined(bad)
    assert states(hospital) == {"searched": 1, "quarantined": 1}
    (entry,) = (entry for entry in series_of(hospital) if entry.review is PixelReview.QUARANTINED)
    assert entry.reason is Reason.TEXT_IN_PIXELS
    assert [(found.number, found.boxes) for found in entry.suspicious] == [(24 - bad, (BOX,))]
    assert entry.bookmarks == 1 and entry.since
    hospital.release()
    assert said(hospital)["held_back"] == {"text-in-pixels": {"series": 1, "bookmarks": 1}}
    assert said(hospital)["counts"]["lesions"] == 1
    status = hospital.status()
    assert status.series == {"accepted": 1, "text-in-pixels": 1}
    assert status.held_back == {"text-in-pixels": 1}
    assert sum(status.bookmarks.values()) == 2
    assert hospital.check().faults == ()
    assert faults(hospital, "release") == []


def test_a_run_warns_once_of_what_it_found(hospital: Hospital) -> None:
    two_patients(hospital)
    report = hospital.mine()
    assert [words for words in report.warnings if "quarantine list" in words] == [SUSPECTED]
    assert SUSPECTED not in hospital.mine().warnings


def test_a_slice_further_away_is_not_searched(hospital: Hospital) -> None:
    two_patients(hospital, bad=14)
    hospital.mine()
    assert states(hospital) == {"searched": 2}


def test_a_failed_search_fails_closed_and_is_made_again_from_the_store(hospital: Hospital, searched: Searched) -> None:
    two_patients(hospital, bad=None)
    searched.fails = True
    hospital.mine()
    assert states(hospital) == {"quarantined": 2}
    assert {entry.reason for entry in series_of(hospital)} == {Reason.TEXT_SEARCH_FAILED}
    with pytest.raises(UsageError, match="quarantine list"):
        hospital.release()
    searched.fails = False
    with open_catalogue(hospital.settings) as catalogue:
        report = search_stored(hospital.settings, catalogue)
    assert (report.series, report.slices, report.failed, report.quarantined) == (2, 6, 0, ())
    assert states(hospital) == {"searched": 2}
    assert faults(hospital) == []


def test_what_did_not_change_is_not_searched_again(hospital: Hospital, searched: Searched) -> None:
    clean, _ = two_patients(hospital)
    hospital.mine()
    before = searched.count
    hospital.mine()
    assert searched.count == before
    hospital.add(ruler_pair(clean[13], name="second"))  # slices 10, 11 and 12 from the top: two were searched
    hospital.mine()
    assert searched.count == before + 1
    assert states(hospital) == {"searched": 1, "quarantined": 1}


def test_series_that_were_mined_before_can_be_searched_from_the_store(tmp_path: Path, searched: Searched) -> None:
    with Hospital(tmp_path) as hospital:
        two_patients(hospital)
        hospital.mine()
        with open_catalogue(hospital.settings) as catalogue:
            with pytest.raises(UsageError, match="text_search"):
                search_stored(hospital.settings, catalogue)
            on = hospital.settings.model_copy(update={"pixels": hospital.settings.pixels.model_copy(update=OCR)})
            report = search_stored(on, catalogue)
            assert (report.series, report.slices, len(report.quarantined)) == (2, 6, 1)
            assert search_stored(on, catalogue).series == 0
        assert states(hospital) == {"searched": 1, "quarantined": 1}
        assert faults(hospital) == []


def test_a_series_with_an_unsearched_key_slice_is_not_called_searched(hospital: Hospital, searched: Searched) -> None:
    clean, _ = two_patients(hospital, bad=None)
    hospital.mine()
    hospital.settings = hospital.settings.model_copy(
        update={"pixels": hospital.settings.pixels.model_copy(update={"text_search": "off"})}
    )
    hospital.add(ruler_pair(clean[4], name="second"))
    hospital.mine()
    assert states(hospital) == {"searched": 1, "header": 1}


def test_a_slice_that_the_store_lost_counts_as_failed(mined: Mined) -> None:
    hospital = mined(None)
    images = hospital.settings.images
    key = series_of(hospital)[0].series_key
    assert text.search_slices(images / key, [99])[0].failed
    (images / key / "012.png").write_bytes(b"no picture")
    (found,) = text.search_slices(images / key, [12])
    assert found.failed and found.suspicious


# ----------------------------------------------------------------------------------------------------------- deciding


def test_passed_comes_out_and_stays_out_of_quarantine(hospital: Hospital, searched: Searched) -> None:
    _, other = two_patients(hospital)
    hospital.mine()
    (entry,) = waiting_of(hospital)
    decided(hospital, entry.series_key, PixelReview.PASSED, ReviewNote.NO_TEXT)
    assert waiting_of(hospital) == ()
    hospital.add(ruler_pair(other[11], name="second"))  # its slices have no more suspicious ones
    hospital.mine()
    assert states(hospital) == {"searched": 1, "passed": 1}
    hospital.release()
    assert said(hospital)["held_back"] == {}
    assert said(hospital)["counts"]["lesions"] == 3
    assert "113101" in {option["code"] for option in said(hospital)["deidentification"]}
    assert "1 were passed by a person" in (hospital.folder / "release" / "README.md").read_text()
    assert faults(hospital, "release") == []


def test_a_new_suspicious_slice_of_a_passed_series_waits_again(hospital: Hospital) -> None:
    clean, other = ct_series("CLEAN", "S1"), ct_series("BAD", "S2")
    burned(other[12])
    burned(other[4])
    hospital.add(clean, ruler_pair(clean[12]), other, ruler_pair(other[12]))
    hospital.mine()
    (entry,) = waiting_of(hospital)
    decided(hospital, entry.series_key, PixelReview.PASSED)
    hospital.release("first")
    hospital.add(ruler_pair(other[4], name="second"))
    hospital.mine()
    (again,) = waiting_of(hospital)
    assert again.published and again.series_key == entry.series_key
    report = hospital.release("second")
    # what is published stays in its place; the new bookmark waits
    assert report.published_in_quarantine == 1
    assert report.counts["lesions"] == 2
    assert report.held_back == {"text-in-pixels": {"series": 1, "bookmarks": 1}}
    assert said(hospital, "second")["published_in_quarantine"] == 1
    assert "113101" not in {option["code"] for option in said(hospital, "second")["deidentification"]}
    assert hospital.status().published_in_quarantine == 1
    assert faults(hospital, "second") == []
    decided(hospital, entry.series_key, PixelReview.PASSED)
    report = hospital.release("third")
    assert (report.published_in_quarantine, report.counts["lesions"]) == (0, 3)


def test_rejected_stays_rejected(hospital: Hospital) -> None:
    _, other = two_patients(hospital)
    hospital.mine()
    (entry,) = waiting_of(hospital)
    decided(hospital, entry.series_key, PixelReview.REJECTED, ReviewNote.IDENTIFYING_TEXT)
    hospital.add(ruler_pair(other[6], name="second"))
    hospital.mine()
    hospital.mine()
    assert states(hospital) == {"searched": 1, "rejected": 1}
    hospital.release()
    assert said(hospital)["held_back"] == {"review-rejected": {"series": 1, "bookmarks": 2}}
    assert hospital.status().series == {"accepted": 1, "review-rejected": 1}
    assert faults(hospital, "release") == []


@pytest.mark.parametrize("decision", [PixelReview.REJECTED, None], ids=["rejected", "waiting"])
def test_a_series_that_is_mined_anew_comes_back_into_quarantine(
    decision: PixelReview | None, hospital: Hospital, searched: Searched
) -> None:
    """A late slice changes the numbering, so the row goes; the decision must not go with it, search or no search."""
    _, other = two_patients(hospital)
    late = other[20]
    hospital.remove(late)
    hospital.mine()
    (entry,) = waiting_of(hospital)
    if decision is not None:
        decided(hospital, entry.series_key, decision)
    hospital.settings = hospital.settings.model_copy(
        update={"pixels": hospital.settings.pixels.model_copy(update={"text_search": "off"})}
    )
    hospital.add(late)
    hospital.mine()
    (again,) = waiting_of(hospital)
    assert again.series_key == entry.series_key
    assert len(again.stored) > len(entry.stored) or again.searched == ()
    hospital.release()
    assert said(hospital)["held_back"] == {"text-in-pixels": {"series": 1, "bookmarks": 1}}
    assert faults(hospital, "release") == []


def test_each_decision_is_one_event_without_text(mined: Mined) -> None:
    hospital = mined(12)
    (entry,) = waiting_of(hospital)
    for _ in range(2):
        decided(hospital, entry.series_key, PixelReview.PASSED, ReviewNote.HARMLESS_TEXT)
    decided(hospital, entry.series_key, PixelReview.REJECTED)
    with open_catalogue(hospital.settings) as catalogue:
        events = [event.payload for event in catalogue.events(f"series:{entry.series_key}")]
    assert [(e["what"], e.get("before"), e.get("decision"), e.get("note")) for e in events] == [
        ("pixels quarantined", None, None, None),
        ("pixels reviewed", "quarantined", "passed", "harmless-text"),
        ("pixels reviewed", "passed", "rejected", ""),
    ]
    assert events[0]["boxes"] == 1 and events[0]["reason"] == "text-in-pixels"


def test_any_series_can_be_rejected_on_sight(mined: Mined) -> None:
    hospital = mined(None)
    hospital.release("first")
    name = next(path.name for path in sorted((hospital.folder / "first" / "Images_png").iterdir()))
    decided(hospital, name, PixelReview.REJECTED)
    with open_catalogue(hospital.settings) as catalogue:
        assert find_series(catalogue, name).review is PixelReview.REJECTED
    report = hospital.release("second")
    assert report.published_in_quarantine == 1


@pytest.mark.parametrize("name", ["nobody", "0" * 32, "000001_01_99"])
def test_an_unknown_series_is_wrong_usage(name: str, mined: Mined) -> None:
    hospital = mined(None)
    with open_catalogue(hospital.settings) as catalogue, pytest.raises(UsageError):
        decide(catalogue, name, PixelReview.PASSED)


def waiting_of(hospital: Hospital) -> tuple[ReviewedSeries, ...]:
    with open_catalogue(hospital.settings) as catalogue:
        return waiting(catalogue)


# ----------------------------------------------------------------------------------------------------------- drawing


def test_the_sheet_shows_the_slices_with_their_boxes_to_the_owner_only(mined: Mined, tmp_path: Path) -> None:
    hospital = mined(12)
    (entry,) = waiting_of(hospital)
    out = tmp_path / "look.png"
    with open_catalogue(hospital.settings) as catalogue:
        for _ in range(2):  # an earlier PNG is replaced
            sheet = draw(catalogue, hospital.settings.images, entry.series_key, out)
    assert (sheet.slices, sheet.of) == ((12,), 1)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    from PIL import Image

    pixels = np.asarray(Image.open(out))
    assert ((pixels[:, :, 0] > 200) & (pixels[:, :, 1] < 100)).sum() >= 2 * 2 * (BOX[2] - BOX[0] + BOX[3] - BOX[1])
    assert not list(tmp_path.glob(".look*"))


def test_of_a_series_without_a_find_the_key_slices_are_shown(mined: Mined, tmp_path: Path) -> None:
    hospital = mined(None)
    with open_catalogue(hospital.settings) as catalogue:
        sheet = draw(catalogue, hospital.settings.images, series_of(hospital)[0].series_key, tmp_path / "look.png")
    assert sheet.slices == (12,)


def test_nothing_but_a_png_is_replaced(mined: Mined, tmp_path: Path) -> None:
    hospital = mined(12)
    (entry,) = waiting_of(hospital)
    mine = tmp_path / "notes.txt"
    mine.write_text("mine")
    with open_catalogue(hospital.settings) as catalogue:
        with pytest.raises(UsageError):
            draw(catalogue, hospital.settings.images, entry.series_key, mine)
        with pytest.raises(StorageError):
            draw(catalogue, hospital.settings.images, entry.series_key, tmp_path / "absent" / "look.png")
    assert mine.read_text() == "mine"


# -------------------------------------------------------------------------------------------------- head and sizes


Changed = Callable[[list[Dataset]], None]


def test_a_head_series_is_searched_where_it_leaves_and_keeps_its_key_slices(
    hospital: Hospital, searched: Searched
) -> None:
    """Two touching key slices become one block, nothing else of the head leaves, and series.csv says why."""
    head = ct_series("HEAD", "S1")
    for image in head:
        image.BodyPartExamined = "BRAIN"
    hospital.add(head, ruler_pair(head[12]), ruler_pair(head[13], name="second"), ruler_pair(head[4], name="third"))
    hospital.mine()
    assert searched.count == 3
    assert states(hospital) == {"searched": 1}
    assert series_of(hospital)[0].stored == (11, 12, 20)
    hospital.release()
    assert hospital.check().faults == ()
    release = hospital.folder / "release"
    assert sorted(path.name for path in release.glob("Images_png/*/*.png")) == ["011.png", "012.png", "020.png"]
    rows = (release / "DL_info.csv").read_text().splitlines()[1:]
    ranges = [row for row in rows if '"11, 12"' in row] + [row for row in rows if '"20, 20"' in row]
    assert len(ranges) == len(rows) == 3
    assert (release / "series.csv").read_text().splitlines()[1].endswith("head-key-slice-only")
    assert "counts as neither head nor neck" in (release / "README.md").read_text()


@pytest.mark.parametrize("who", [[12], [13], [10]], ids=["the key slice", "a neighbour", "a neighbour further away"])
def test_where_an_image_says_that_a_face_can_be_recognised_key_slices_leave_alone(
    who: list[int], hospital: Hospital
) -> None:
    images = ct_series("FACE", "S1")
    for image in images:
        image.BodyPartExamined = "CHEST"
    for number in who:
        images[number].RecognizableVisualFeatures = "YES"
    hospital.add(images, ruler_pair(images[12]))
    hospital.mine()
    (series,) = series_of(hospital)
    assert series.stored == (12,)
    assert [path.name for path in (hospital.settings.images / series.series_key).iterdir()] == ["012.png"]
    hospital.release()
    release = hospital.folder / "release"
    assert [path.name for path in release.glob("*_png/*/*.png")] == ["012.png"]
    assert (release / "series.csv").read_text().splitlines()[1].endswith("head-key-slice-only")
    assert hospital.check().faults == ()
    assert faults(hospital, "release") == []


def test_a_head_mined_with_context_leaves_as_key_slices_once_the_rules_say_so(tmp_path: Path) -> None:
    with Hospital(tmp_path, selection={"head_context": True}) as hospital:
        head = ct_series("HEAD", "S1")
        for image in head:
            image.BodyPartExamined = "ORBIT"
        line = ruler_pair(head[4], name="line")
        del line.GraphicAnnotationSequence[0].GraphicObjectSequence[1:]
        hospital.add(head, ruler_pair(head[12]), line)
        hospital.mine()
        hospital.settings = hospital.settings.model_copy(
            update={"selection": hospital.settings.selection.model_copy(update={"head_context": False})}
        )
        hospital.release()
        release = hospital.folder / "release"
        assert [path.name for path in release.glob("Images_png/*/*.png")] == ["012.png"]
        assert [path.name for path in release.glob("Bookmark_images_png/*/*.png")] == ["020.png"]
        assert hospital.check().faults == ()


@pytest.mark.parametrize("told", [True, False], ids=["sizes in the answer", "no sizes in the answer"])
def test_a_lone_slice_of_another_size_never_leaves(told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not told:
        columns = pacs_find._IMAGE_ATTRIBUTES - {"Rows", "Columns"}
        monkeypatch.setattr(pacs_find, "_IMAGE_ATTRIBUTES", columns)
    with Hospital(tmp_path) as hospital:
        images = ct_series("ODD", "S1")
        odd = images[14]
        odd.Rows, odd.Columns = 48, 48
        odd.PixelData = odd.PixelData[: 2 * 48 * 48]
        hospital.add(images, ruler_pair(images[12]))
        hospital.mine()
        hospital.release()
        sizes = {decode_png(path.read_bytes()).shape for path in (hospital.folder / "release").glob("*_png/*/*.png")}
        assert sizes == {(96, 96)}
        assert hospital.check().faults == ()
