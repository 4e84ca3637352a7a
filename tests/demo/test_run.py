"""miner.demo.run: the whole way, in one folder and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from miner.dataset import check, read_rows
from miner.demo.patients import make_patients
from miner.demo.run import MARKER, run_demo
from miner.errors import UsageError


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`miner demo --patients 2` through Prefect, in a process of its own with an empty home."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "home").mkdir()
    (folder / "work").mkdir()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MINER_", "PREFECT_", "XDG_"))}
    command = [sys.executable, "-m", "miner", "demo", "--patients", "2"]
    result = subprocess.run(
        command,
        cwd=folder / "work",
        env={**clean, "HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "report.html" in result.stdout
    return folder


def test_nothing_is_written_outside_its_folder(finished: Path) -> None:
    assert [path.name for path in (finished / "work").iterdir()] == ["miner-demo"]
    assert list((finished / "home").rglob("*")) == []


def test_release_holds_exactly_what_was_drawn(finished: Path) -> None:
    release = finished / "work" / "miner-demo" / "release"
    assert check(release).faults == ()
    truth = [mark for study in make_patients(2) for mark in study.truth if mark.in_dl_info]
    rows = read_rows(release / "DL_info.csv")
    found = sorted(round(row.diameters[0] * row.spacing[0], 1) for row in rows)
    assert found == sorted(round(mark.length_mm or 0, 1) for mark in truth)


def test_no_identity_leaves(finished: Path) -> None:
    demo = finished / "work" / "miner-demo"
    planted = {study.patient_id for study in make_patients(2)} | {study.study_uid for study in make_patients(2)}
    outside = [path for path in demo.rglob("*") if path.is_file() and "pacs" not in path.relative_to(demo).parts]
    assert len(outside) > 20
    for path in outside:
        content = path.read_bytes()
        for word in planted:
            assert word.encode() not in content, path.name


def test_the_users_own_project_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINER_KEY", "ab" * 32)
    monkeypatch.setenv("MINER_PACS__PORT", "1")
    run_demo(tmp_path / "demo", patients=1, with_prefect=False)
    assert os.environ["MINER_KEY"] == "ab" * 32
    assert len(read_rows(tmp_path / "demo" / "release" / "DL_info.csv")) > 0


def test_its_folder_itself_stays(tmp_path: Path) -> None:
    """Somebody's shell may be in it, or it may be a link to another disk."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    before = (tmp_path / "real").stat().st_ino
    run_demo(tmp_path / "link", patients=1, with_prefect=False)
    run_demo(tmp_path / "link", patients=1, with_prefect=False)
    assert (tmp_path / "real").stat().st_ino == before
    assert (tmp_path / "real" / "report.html").is_file()


def test_second_run_starts_afresh_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    run_demo(out, patients=1, with_prefect=False)
    (out / "left-over").write_text("from the first run")
    run_demo(out, patients=1, with_prefect=False)
    assert not (out / "left-over").exists()
    assert (out / MARKER).is_file()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="no demonstration"):
        run_demo(tmp_path / "mine", patients=1, with_prefect=False)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
