"""`miner vault forget` on the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import pytest

from miner.cli import main
from tests.hospital import Hospital, ct_series, ruler_pair


class Answering(io.StringIO):
    """A terminal with somebody at it."""

    def isatty(self) -> bool:
        return True


def run(hospital: Hospital, words: Sequence[str], monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO) -> int:
    monkeypatch.setattr("sys.stdin", stdin)
    try:
        main(["--config", str(hospital.folder / "project" / "config.toml"), *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def fill(hospital: Hospital) -> None:
    for number in range(2):
        images = ct_series(f"P{number}")
        hospital.add(images, ruler_pair(images[5]))
    hospital.mine()
    hospital.release("one")


def test_nobody_is_withdrawn_without_a_yes(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(hospital)
    assert run(hospital, ["vault", "forget", "P0"], monkeypatch, io.StringIO()) == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr", error := Answering())
    assert run(hospital, ["vault", "forget", "P0"], monkeypatch, Answering("n\n")) == 130
    assert "1 studies, 1 series, 1 bookmarks" in error.getvalue()
    assert "in release 1" in error.getvalue()
    assert "Nobody was withdrawn" in error.getvalue()
    assert hospital.status().patients == 2
    assert run(hospital, ["vault", "forget", "P0"], monkeypatch, Answering("y\n")) == 0
    assert hospital.status().patients == 1


def test_the_patient_id_can_come_by_standard_input(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(hospital)
    assert run(hospital, ["--json", "vault", "forget", "-", "--yes"], monkeypatch, io.StringIO("P0\n")) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["releases"] == [1]
    assert said["counts"]["bookmarks"] == 1
    assert said["identities"] > 0
    assert run(hospital, ["vault", "forget", "-", "--yes"], monkeypatch, io.StringIO("")) == 2
    assert (
        run(hospital, ["vault", "forget", f"patient:{said['patient_index']}", "--yes"], monkeypatch, io.StringIO()) == 0
    )
    out = capsys.readouterr().out
    assert "in release 1" in out
    assert "earlier backups bring the patient back" in out
    assert ".partial-" in out
    assert run(hospital, ["status"], monkeypatch, io.StringIO()) == 0
    assert "1 patients were withdrawn" in capsys.readouterr().out


def test_an_unknown_patient_is_not_repeated(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(hospital, ["vault", "forget", "SECRET-7", "--yes"], monkeypatch, io.StringIO()) == 2
    told = capsys.readouterr().err
    assert "opt_out" in told
    assert "SECRET" not in told
    assert run(hospital, ["vault", "forget", "SECRET-7", "--unseen", "--yes"], monkeypatch, io.StringIO()) == 0
