"""A release on disk: whole or absent, published once, and never one that its own check would fault."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from miner.dataset import ReleaseReport, ReleaseRules, check, write_release, writing
from miner.dataset.writing import Partial
from miner.errors import ChainError, DatabaseError, ExitStatus, Reason, StorageError, UsageError
from miner.records import Kind
from tests.dataset.making import NOW, FakeCatalogue, files_of, make, put, rows_of

Write = Callable[..., ReleaseReport]

NAMES = {"DL_info.csv", "Images_png", "bookmarks.csv", "lesions.csv", "series.csv", "release.json", "MANIFEST.sha256"}


@pytest.fixture
def filled(catalogue: FakeCatalogue, images: Path) -> FakeCatalogue:
    put(
        catalogue,
        images,
        [
            make(1, 1, key_slice=10),
            make(1, 1, key_slice=15, kind=Kind.ARROW),
            make(1, 2, key_slice=20),
            make(2, 1, key_slice=30),
            make(2, 1, key_slice=50, kind=Kind.ELLIPSE),
            make(3, 1, key_slice=8, policy="head-key-slice-only"),
            make(4, 1, key_slice=8, kind=Kind.POLYGON),
            make(5, 1, key_slice=8, refusals=(Reason.GAPPED,)),
        ],
    )
    return catalogue


@pytest.fixture
def write(filled: FakeCatalogue, images: Path) -> Write:
    def _write(out: Path, rules: ReleaseRules | None = None, now: datetime = NOW) -> ReleaseReport:
        return write_release(filled, images=images, out=out, settings=rules or ReleaseRules(), now=now)

    return _write


def test_a_release_holds_its_names_and_no_others(write: Write, tmp_path: Path) -> None:
    report = write(tmp_path / "release")
    assert {path.name for path in report.folder.iterdir()} == NAMES | {"README.md", "Bookmark_images_png"}
    assert report.number == 1
    assert report.counts == {
        "patients": 5,
        "studies": 6,
        "series": 6,
        "lesions": 4,
        "bookmarks": 8,
        "bookmarks_recist": 5,
        "bookmarks_line": 0,
        "bookmarks_arrow": 1,
        "bookmarks_ellipse": 1,
        "bookmarks_polygon": 1,
        "images": 13 * 3 + 1,
        "bookmark_images": 13 * 3,
    }
    assert not list(tmp_path.glob(".release*"))


def test_its_own_check_finds_nothing(write: Write, tmp_path: Path) -> None:
    report = check(write(tmp_path / "release").folder)
    assert report.faults == ()
    assert report.notes == ()
    assert report.counts == {"rows": 4, "pictures": 79}


def test_sha256sum_agrees_with_the_manifest(write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "release").folder
    listed = (folder / "MANIFEST.sha256").read_text().splitlines()
    assert len(listed) == len(files_of(folder)) - 1
    assert [line[66:] for line in listed] == sorted(line[66:] for line in listed)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "MANIFEST.sha256"], cwd=folder, check=True)


def test_release_json_says_what_it_is_and_nothing_else(write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "release", now=datetime(2026, 5, 6, 7, 8, 9, 99, timezone(timedelta(hours=2)))).folder
    said = json.loads((folder / "release.json").read_text())
    assert set(said) == {
        "number",
        "time",
        "software",
        "rules_digest",
        "rules",
        "deidentification",
        "pixels",
        "held_back",
        "published_in_quarantine",
        "counts",
        "row_changes",
        "corrections",
        "merged",
        "remarks",
        "withdrawals",
        "withdrawn_in_all",
        "moved_rows",
        "event_chain",
    }
    assert said["time"] == "2026-05-06T05:08:09Z"
    assert said["event_chain"] == {"events": 7, "head": "ab" * 32}
    assert said["withdrawals"] == said["row_changes"] == said["remarks"] == []
    assert {option["code"] for option in said["deidentification"]} >= {"113100"}
    assert str(tmp_path) not in (folder / "release.json").read_text()


def test_what_is_published_is_what_is_written(write: Write, filled: FakeCatalogue, tmp_path: Path) -> None:
    folder = write(tmp_path / "release").folder
    release = filled.releases[0]
    assert release.manifest_sha256 == hashlib.sha256((folder / "MANIFEST.sha256").read_bytes()).hexdigest()
    lesions = [filled.published["DL_info", place].cells for place in range(4)]
    assert [tuple(row.values()) for row in rows_of(folder, "DL_info.csv")] == lesions
    bookmarks = [filled.published["bookmarks", place].cells for place in range(8)]
    assert [tuple(row.values()) for row in rows_of(folder, "bookmarks.csv")] == bookmarks


def test_equal_content_gives_equal_bytes_but_for_release_json(write: Write, tmp_path: Path) -> None:
    first = files_of(write(tmp_path / "one").folder)
    second = files_of(write(tmp_path / "two", now=NOW + timedelta(days=9)).folder)
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] != second[name]} == {"release.json", "MANIFEST.sha256"}


def test_pictures_are_links_into_the_image_store(write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "release").folder
    assert all(path.stat().st_nlink == 2 for path in (folder / "Images_png").rglob("*.png"))


def test_pictures_are_copied_where_a_disk_does_not_link(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    folder = write(tmp_path / "release").folder
    assert check(folder).faults == ()
    assert all(path.stat().st_nlink == 1 for path in folder.rglob("*.png"))


def test_the_card_names_nobody_and_no_time(write: Write, tmp_path: Path) -> None:
    card = (write(tmp_path / "release").folder / "README.md").read_text()
    assert "| lesions (rows of `DL_info.csv`) | 4 |" in card
    assert "header gate only" in card
    assert "2026" not in card
    assert "{" not in card


def test_the_card_s_lines_of_python_run(write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "release").folder
    code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    here = Path.cwd()
    os.chdir(folder)
    try:
        names: dict[str, object] = {}
        exec(code, names)
    finally:
        os.chdir(here)
    assert names["hu"].min() == -1000 + int(rows_of(folder, "DL_info.csv")[0]["Key_slice_index"])  # type: ignore[attr-defined]


def test_no_cell_can_start_a_formula(write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "release").folder
    for name in ("DL_info.csv", "bookmarks.csv", "lesions.csv", "series.csv"):
        for row in rows_of(folder, name):
            assert not any(cell[:1] in ("=", "+", "@") for cell in row.values())


def test_an_empty_folder_becomes_the_release(write: Write, tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    assert check(write(tmp_path / "release").folder).faults == ()


@pytest.mark.parametrize("inside", ["next", "Images_png/next", "a/b"])
def test_no_release_into_another_one(write: Write, filled: FakeCatalogue, tmp_path: Path, inside: str) -> None:
    write(tmp_path / "release")
    before = files_of(tmp_path / "release")
    with pytest.raises(UsageError, match="inside the release"):
        write(tmp_path / "release" / inside)
    assert files_of(tmp_path / "release") == before
    assert len(filled.release_content().releases) == 1


def test_folders_on_the_way_are_made(write: Write, tmp_path: Path) -> None:
    assert check(write(tmp_path / "a" / "b" / "release").folder).faults == ()


@pytest.mark.parametrize("what", ["a full folder", "a file"])
def test_nothing_is_ever_overwritten(write: Write, filled: FakeCatalogue, tmp_path: Path, what: str) -> None:
    out = tmp_path / "release"
    if what == "a file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    with pytest.raises(UsageError) as caught:
        write(out)
    assert caught.value.exit_status == ExitStatus.USAGE
    assert not filled.releases
    assert out.read_text() == "mine" if out.is_file() else (out / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_slice_gone_or_changed_in_the_store_stops_the_release(
    write: Write, filled: FakeCatalogue, images: Path, tmp_path: Path, harm: str
) -> None:
    victim = images / make(2, 1).series.series_key / "030.png"
    if harm == "gone":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(ChainError, match=r"1 slices .* missing or changed"):
        write(tmp_path / "release")
    assert not filled.releases
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize(
    "failure",
    [(errno.ENOSPC, Reason.DISK_FULL), (errno.EDQUOT, Reason.DISK_FULL), (errno.EACCES, Reason.NOT_WRITABLE)],
)
def test_a_full_disk_leaves_nothing_behind(
    write: Write,
    filled: FakeCatalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: tuple[int, Reason],
) -> None:
    number, reason = failure

    def fail(handle: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=r"Nothing was released\.$") as caught:
        write(tmp_path / "release")
    assert caught.value.reason is reason
    assert str(tmp_path) in str(caught.value)
    assert not filled.releases
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    monkeypatch.undo()
    assert write(tmp_path / "release").number == 1


def test_an_interrupt_leaves_nothing_behind(
    write: Write, filled: FakeCatalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(hashes: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("miner.dataset.release.manifest", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "release")
    assert not filled.releases
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_catalogue_that_cannot_publish_leaves_nothing_behind(
    write: Write, filled: FakeCatalogue, tmp_path: Path
) -> None:
    filled.fail_publish = DatabaseError("The catalogue is locked.")
    with pytest.raises(DatabaseError):
        write(tmp_path / "release")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    filled.fail_publish = None
    assert write(tmp_path / "release").number == 1


def test_a_commit_whose_answer_was_lost_is_completed(write: Write, filled: FakeCatalogue, tmp_path: Path) -> None:
    """The database committed, and the connection broke before it said so."""
    filled.fail_publish, filled.published_before_failing = DatabaseError("The connection broke."), True
    with pytest.raises(DatabaseError):
        write(tmp_path / "release")
    assert not (tmp_path / "release").exists()
    filled.fail_publish = None
    report = write(tmp_path / "release")
    assert (report.number, report.completed, len(filled.releases)) == (1, True, 1)
    assert check(report.folder).faults == ()


def crash_before_rename(write: Write, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a kill would leave it: published, not renamed, the lock gone with the process."""

    def die(self: Partial, target: Path) -> None:
        self.let_go()
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "settle", die)
        with pytest.raises(SystemExit):
            write(out)


def test_a_crash_between_publication_and_rename_is_completed(
    write: Write, filled: FakeCatalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_before_rename(write, tmp_path / "release", monkeypatch)
    assert len(filled.releases) == 1
    assert not (tmp_path / "release").exists()
    report = write(tmp_path / "release")
    assert (report.number, report.completed, len(filled.releases)) == (1, True, 1)
    assert report.counts == filled.releases[0].counts
    assert check(report.folder).faults == ()
    assert write(tmp_path / "next").number == 2


def test_what_a_crash_before_publication_left_is_removed(write: Write, tmp_path: Path) -> None:
    rubbish = tmp_path / ".release.partial-0123"
    (rubbish / "Images_png").mkdir(parents=True)
    (rubbish / "DL_info.csv").write_text("half")
    other = tmp_path / ".another.partial-0123"
    other.mkdir()
    assert not write(tmp_path / "release").completed
    assert not rubbish.exists()
    assert other.exists()


def test_a_living_writer_is_left_alone(write: Write, filled: FakeCatalogue, tmp_path: Path) -> None:
    alive = Partial.begin(tmp_path / "release")
    with pytest.raises(UsageError, match="Another process"):
        write(tmp_path / "release")
    assert alive.folder.exists()
    assert not filled.releases
    alive.discard()
    assert write(tmp_path / "release").number == 1


def test_a_release_that_the_check_would_fault_is_not_published(
    write: Write, filled: FakeCatalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("miner.dataset.drafting.diameters_of", lambda coordinates: (1.0, 1.0))
    with pytest.raises(Exception, match=r"Nothing was released.*report") as caught:
        write(tmp_path / "release")
    assert caught.value.exit_status == ExitStatus.OUR_FAULT  # type: ignore[attr-defined]
    assert not filled.releases
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_second_release_keeps_every_file_of_the_first(
    write: Write, filled: FakeCatalogue, images: Path, tmp_path: Path
) -> None:
    first = write(tmp_path / "one")
    put(filled, images, [make(1, 1, key_slice=20), make(6, 1), make(1, 3)])
    second = write(tmp_path / "two")
    assert second.number == 2
    assert check(first.folder).faults == ()
    assert check(second.folder).faults == ()
    before, after = files_of(first.folder), files_of(second.folder)
    assert {name for name in before if name.endswith(".png")} <= after.keys()
    assert [change.column for change in second.changes] == ["Slice_range"]
    said = json.loads(after["release.json"])
    assert said["row_changes"] == [
        {"uid": second.changes[0].uid, "column": "Slice_range", "old": "4, 16", "new": "4, 26"}
    ]


def test_a_release_can_be_moved_away_without_its_store(write: Write, images: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "release").folder
    shutil.rmtree(images)
    assert check(shutil.move(folder, tmp_path / "elsewhere")).faults == ()


def test_the_store_keeps_slices_by_series_and_number(images: Path) -> None:
    assert writing.stored_png(images, "abc", 7) == images / "abc" / "007.png"
    assert writing.stored_png(images, "abc", 1234) == images / "abc" / "1234.png"
