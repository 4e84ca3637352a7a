"""`miner quarantine`, from the command line: without key and vault, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from miner.broker.quarantine import ReviewNote
from miner.cli import main, review
from miner.errors import ConfigError, ExitStatus
from miner.mining import text
from tests.hospital import Hospital, ct_series, ruler_pair


def run(hospital: Hospital, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(hospital.settings.file), *words])
        raise SystemExit(0)
    return int(ended.value.code or 0)


def suspicious(values: NDArray[np.uint16]) -> tuple[tuple[int, int, int, int], ...]:
    return ((2, 3, 9, 8), (40, 50, 60, 70))


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hospital]:
    monkeypatch.setattr(text, "find_text", suspicious)
    monkeypatch.setattr("miner.mining.run.require_text_search", lambda word: None)
    with Hospital(tmp_path, pixels={"text_search": "ocr", "neighbours": 0}) as open_hospital:
        images: list[Dataset] = ct_series("P1")
        open_hospital.add(images, ruler_pair(images[12]))
        open_hospital.mine()
        open_hospital.settings.key_file.unlink()
        for path in open_hospital.settings.root.glob("vault*"):
            path.unlink()
        yield open_hospital


def test_list_show_pass_reject_need_neither_key_nor_vault(
    hospital: Hospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(hospital, "--json", "quarantine", "list") == 0
    (entry,) = json.loads(capsys.readouterr().out)["series"]
    series = entry.pop("series")
    assert entry.pop("since")
    assert entry == {
        "state": "quarantined",
        "reason": "text-in-pixels",
        "slices": 1,
        "boxes": 2,
        "bookmarks": 1,
        "published": False,
        "note": "",
    }
    assert run(hospital, "quarantine", "show", series, "--out", str(tmp_path / "look.png")) == 0
    assert "keep it inside" in capsys.readouterr().out
    assert run(hospital, "quarantine", "reject", series, "--note", "identifying-text") == 0
    capsys.readouterr()
    assert run(hospital, "--json", "quarantine", "list", "--all") == 0
    (entry,) = json.loads(capsys.readouterr().out)["series"]
    assert (entry["state"], entry["note"]) == ("rejected", "identifying-text")
    assert run(hospital, "quarantine", "list") == 0
    assert "No series waits." in capsys.readouterr().out
    assert run(hospital, "release", "--out", str(tmp_path / "release")) == ExitStatus.USAGE
    assert "quarantine" in capsys.readouterr().err
    assert run(hospital, "quarantine", "pass", series) == 0
    assert run(hospital, "release", "--out", str(tmp_path / "release")) == 0
    capsys.readouterr()
    assert run(hospital, "quarantine", "reject", series) == 0
    assert "miner vault forget" in capsys.readouterr().err
    assert run(hospital, "--json", "quarantine", "reject", series, "--note", "no-text") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["published"] is True and "miner vault forget" in told.err
    assert run(hospital, "release", "--out", str(tmp_path / "again")) == 0
    told = capsys.readouterr().err
    assert "a person has rejected them" in told and "miner vault forget" in told
    assert "1 were\nrejected by a person" in (tmp_path / "again" / "README.md").read_text()
    said = json.loads((tmp_path / "again" / "release.json").read_text())
    assert (said["published_in_quarantine"], said["pixels"]["rejected"]) == (1, 1)
    assert run(hospital, "status") == 0
    assert "in quarantine" in capsys.readouterr().out


def test_a_note_outside_the_list_is_wrong_usage(hospital: Hospital) -> None:
    assert run(hospital, "quarantine", "pass", "0" * 32, "--note", "it is Mr Smith") == ExitStatus.USAGE


def test_the_notes_of_the_command_line_are_those_of_the_event() -> None:
    assert set(review._NOTES) == {note.value for note in ReviewNote}


def test_mining_and_doctor_say_what_is_not_installed(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(word: str) -> None:
        raise ConfigError('pixels.text_search = "ocr" needs the extra [ocr]')

    monkeypatch.setattr("miner.doctor.examination.require_text_search", refuse)
    monkeypatch.setattr("miner.broker.quarantine.require_text_search", refuse)
    assert run(hospital, "quarantine", "search") == ExitStatus.USAGE
    assert "needs the extra" in capsys.readouterr().err
    assert run(hospital, "doctor") == ExitStatus.USAGE
    assert "needs the extra" in capsys.readouterr().out
