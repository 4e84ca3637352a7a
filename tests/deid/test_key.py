from __future__ import annotations

import os
from pathlib import Path

import pytest

from miner.deid import new_key, read_key, shred, successor, take_over, write_key
from miner.errors import ConfigError, Reason, StorageError

DIGITS = "00ff" * 16


def test_a_written_key_is_read_again_and_private(tmp_path: Path) -> None:
    key, path = new_key(), tmp_path / "project.key"
    write_key(path, key)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() == key.hex()
    assert read_key(path, {}) == key


def test_new_keys_differ() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert all(len(new_key()) == 32 for _ in range(10))


def test_the_mode_does_not_hang_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_key(tmp_path / "project.key", new_key())
    finally:
        os.umask(before)
    assert (tmp_path / "project.key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "project.key"
    write_key(path, bytes(32))
    with pytest.raises(ConfigError, match="never overwritten"):
        write_key(path, new_key())
    assert read_key(path, {}) == bytes(32)


def test_a_key_of_another_length_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        write_key(tmp_path / "project.key", bytes(16))
    assert not (tmp_path / "project.key").exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        write_key(tmp_path / "no" / "project.key", new_key())
    assert caught.value.reason is Reason.NOT_WRITABLE


def test_the_environment_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "project.key"
    write_key(path, bytes(32))
    assert read_key(path, {"MINER_KEY": DIGITS}) == bytes.fromhex(DIGITS)
    assert read_key(tmp_path / "absent", {"MINER_KEY": f" {DIGITS.upper()}\n"}) == bytes.fromhex(DIGITS)


@pytest.mark.parametrize("text", ["", "00ff", DIGITS + "0", DIGITS[:-1] + "g", DIGITS[:-2], "ö" * 64])
def test_a_wrong_key_is_named_by_its_place_and_not_shown(text: str, tmp_path: Path) -> None:
    path = tmp_path / "project.key"
    path.write_text(text)
    path.chmod(0o600)
    for arguments in ((path, {}), (tmp_path / "absent", {"MINER_KEY": text})):
        with pytest.raises(ConfigError, match="64 hex digits") as caught:
            read_key(*arguments)
        assert not text or text not in str(caught.value)
        assert ("MINER_KEY" in str(caught.value)) == ("MINER_KEY" in arguments[1])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "project.key"
    path.write_text(DIGITS)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_key(path, {})


def test_another_user_s_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_key(tmp_path / "project.key", new_key())
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(ConfigError, match="another user"):
        read_key(tmp_path / "project.key", {})


@pytest.mark.parametrize(("mode", "warned"), [(0o700, False), (0o755, False), (0o770, True), (0o1777, False)])
def test_a_folder_that_others_may_write_is_warned_of(
    mode: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write_key(folder / "project.key", new_key())
    folder.chmod(mode)
    read_key(folder / "project.key", {})
    assert ("Others may write" in caplog.text) == warned


def test_a_link_is_followed_and_what_counts_is_the_file(tmp_path: Path) -> None:
    key = new_key()
    write_key(tmp_path / "real", key)
    (tmp_path / "project.key").symlink_to(tmp_path / "real")
    assert read_key(tmp_path / "project.key", {}) == key
    assert successor(tmp_path / "project.key") == tmp_path / "real.new"
    (tmp_path / "real").chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_key(tmp_path / "project.key", {})


def test_the_successor_takes_over_at_once(tmp_path: Path) -> None:
    path = tmp_path / "project.key"
    write_key(path, bytes(32))
    write_key(successor(path), bytes(range(32)))
    for _ in range(2):  # the second time there is none
        take_over(path)
        assert read_key(path, {}) == bytes(range(32))
        assert path.stat().st_mode & 0o777 == 0o600
        assert [entry.name for entry in tmp_path.iterdir()] == ["project.key"]


def test_a_shredded_key_is_overwritten_before_it_goes(tmp_path: Path) -> None:
    key = new_key()
    write_key(tmp_path / "project.key", key)
    os.link(tmp_path / "project.key", tmp_path / "another name")
    assert shred(tmp_path / "project.key")
    assert not (tmp_path / "project.key").exists()
    assert key.hex().encode() not in (tmp_path / "another name").read_bytes()
    assert not shred(tmp_path / "project.key")


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="miner init"):
        read_key(tmp_path / "project.key", {})


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_key(tmp_path, {})
