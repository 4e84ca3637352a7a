"""The commands around key, vault and backups, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pyrage
import pytest

from miner.cli import main
from miner.errors import ExitStatus
from tests.broker.kept import Kept


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    status = 0
    try:
        main([str(word) for word in words])
    except SystemExit as ended:
        status = int(ended.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def test_from_rotation_to_destruction(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = kept.folder / "config.toml"
    secret = pyrage.x25519.Identity.generate()
    (tmp_path / "secret.txt").write_text(f"{secret}\n")

    def miner(*words: object) -> tuple[int, str, str]:
        return run(capsys, "--config", config, *words)

    assert json.loads(miner("--json", "vault", "rotate")[1])["identities"] == 32
    status, out, _ = miner("vault", "export", "--out", tmp_path / "escrow.age", "--to", secret.to_public())
    assert status == 0 and out.startswith("32 identities for 1 recipients")
    status, out, _ = miner("backup", tmp_path / "one.age", "--to", secret.to_public())
    assert status == 0 and "32 identities" in out and "Pictures are not in it" in out
    assert miner("backup", tmp_path / "two.age")[0] == ExitStatus.USAGE  # no terminal, no passphrase
    monkeypatch.setenv("MINER_BACKUP_PASSPHRASE", "correct horse battery")
    assert miner("backup", tmp_path / "two.age")[0] == 0
    assert miner("backup", tmp_path / "two.age")[0] == ExitStatus.USAGE

    again = tmp_path / "again"
    status, _, err = run(capsys, "restore", tmp_path / "one.age", "--into", again)  # encrypted to a key
    assert (status, err.count("\n")) == (ExitStatus.USAGE, 1)
    assert run(capsys, "restore", tmp_path / "two.age", "--into", again)[0] == 0
    assert run(capsys, "restore", tmp_path / "two.age", "--into", again)[0] == ExitStatus.USAGE
    third = tmp_path / "third"
    identity = ("--identity", tmp_path / "secret.txt")
    made = json.loads(run(capsys, "--json", "restore", tmp_path / "one.age", "--into", third, *identity)[1])
    assert made["rows"]["vault/identity"] == 32
    assert "CANARY-4711" in run(capsys, "--config", third / "config.toml", "vault", "resolve", kept.patient_key)[1]

    assert miner("vault", "destroy", "--confirm", "no")[0] == ExitStatus.USAGE
    assert "destroyed" in miner("vault", "destroy", "--confirm", "general-hospital")[1]
    for words in (("mine", "--since", "all"), ("vault", "resolve", kept.patient_key), ("vault", "rotate")):
        status, _, err = miner(*words)
        assert (status, err.count("\n")) == (ExitStatus.USAGE, 1)
        assert "destroyed on" in err and "no longer be linked" in err
    for words in (("status",), ("audit", "verify")):
        assert miner(*words)[0] == 0


def test_help_says_what_a_backup_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(run(capsys, "backup", "--help")[1].split())
    assert "does not hold pictures" in text and "opt-out list, crosswalk" in text
