"""Files that are whole before they have their name."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from miner.broker.files import new_file
from miner.errors import UsageError


def test_a_file_is_whole_and_its_owner_s(tmp_path: Path) -> None:
    with new_file(tmp_path / "a") as file:
        file.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_a_kill_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"longer than what comes")
    (tmp_path / "a.part").chmod(0o644)
    with new_file(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "a") as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    with pytest.raises(UsageError, match="nothing is overwritten"), new_file(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_bytes() == b"mine"


def test_two_at_once_do_not_share_a_file(tmp_path: Path) -> None:
    with new_file(tmp_path / "a") as first:
        first.write(b"first")
        with pytest.raises(UsageError, match="Another command"), new_file(tmp_path / "a") as second:
            second.write(b"second")
        first.write(b", whole")
    assert (tmp_path / "a").read_bytes() == b"first, whole"
