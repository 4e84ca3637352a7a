"""Mining a folder of exported files, night after night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from miner.config import Settings
from miner.console import Terminal
from miner.errors import ExitStatus, PacsUnreachable, Reason
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import RunReport, open_run, run_in_process
from miner.show import Show
from tests.hospital import ct_series, new_project, ruler_pair


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An empty export folder."""
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(tmp_path: Path, export: Path) -> Settings:
    """A project beside it."""
    return new_project(tmp_path / "project", pacs={"protocol": "folder", "path": "../export"})


def export_study(export: Path, patient: str, day: str = "20210304") -> list[Dataset]:
    """One study with a measurement, as an export writes it."""
    images = ct_series(patient, slices=12, day=day)
    (export / patient).mkdir()
    for number, item in enumerate([*images, ruler_pair(images[5])]):
        item.save_as(export / patient / f"{number:03d}", enforce_file_format=True)
    return images


def mine(settings: Settings, **request: Any) -> RunReport:
    with open_run(settings, Request(**request)) as run:
        return run_in_process(run)


def test_a_later_run_finds_what_was_exported_late_whatever_its_date(settings: Settings, export: Path) -> None:
    export_study(export, "NEW", "20251201")
    assert mine(settings, since="all").outcomes == {"mined": 1}
    export_study(export, "OLD", "20050101")
    assert mine(settings).outcomes == {"unchanged": 1, "mined": 1}


def test_a_file_that_is_cut_off_is_asked_for_again(settings: Settings, export: Path) -> None:
    export_study(export, "P1")
    image = export / "P1" / "006"
    octets = image.read_bytes()
    image.write_bytes(octets[:-100])
    report = mine(settings, since="all")
    assert report.exit_status is ExitStatus.INCOMPLETE
    assert set(report.reasons) == {f"partial: {Reason.UNREADABLE_FILE}"}
    with open_catalogue(settings) as catalogue:
        assert Reason.UNREADABLE_FILE in str(catalogue.status().missing)
    image.write_bytes(octets)
    assert mine(settings).outcomes == {"mined": 1}
    with open_catalogue(settings) as catalogue:
        assert not catalogue.status().missing


def test_a_file_that_nobody_can_attribute_is_in_the_report(
    settings: Settings, export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_study(export, "P1")
    (export / "Planted^Name.dcm").write_bytes(b"half a")
    report = mine(settings, since="all")
    assert report.outcomes == {"mined": 1}
    (warning,) = report.warnings
    assert "1 of the files and folders below it cannot be read (unreadable-file)" in warning
    assert "Planted" not in warning
    assert report.exit_status is ExitStatus.INCOMPLETE, "it may hold a measurement: something is known to be missing"
    assert report.unseen == {Reason.UNREADABLE_FILE: 1}
    with open_catalogue(settings) as catalogue:
        status = catalogue.status()
    assert status.unseen == {"unreadable-file": 1}
    Show(Terminal()).status(status)
    printed = " ".join(capsys.readouterr().out.split())
    assert "of no study that is known" in printed
    assert "unreadable-file" in printed
    (export / "Planted^Name.dcm").unlink()
    assert mine(settings).exit_status is ExitStatus.DONE
    with open_catalogue(settings) as catalogue:
        assert catalogue.status().unseen == {}


def test_a_folder_that_is_not_mounted_ends_the_run_and_loses_nothing(settings: Settings, export: Path) -> None:
    export_study(export, "P1")
    assert mine(settings, since="all").outcomes == {"mined": 1}
    export.rename(export.parent / "elsewhere")
    with pytest.raises(PacsUnreachable, match=r"pacs\.path"):
        mine(settings)
    (export.parent / "elsewhere").rename(export)
    assert mine(settings).outcomes == {"unchanged": 1}
