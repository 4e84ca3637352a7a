"""PNG files on disk: whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from miner.errors import Reason, StorageError
from miner.images import PARTIAL_SUFFIX, write_png

DATA = b"\x89PNG" + bytes(1000)


def test_written_with_its_hash(tmp_path):
    path = tmp_path / "series" / "007.png"
    assert write_png(path, DATA) == hashlib.sha256(DATA).hexdigest()
    assert path.read_bytes() == DATA
    assert [entry.name for entry in path.parent.iterdir()] == ["007.png"]


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "007.png"
    path.write_bytes(b"half of a file")
    write_png(path, DATA)
    assert path.read_bytes() == DATA


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        write_png(tmp_path / "007.png", DATA)
    finally:
        os.umask(before)
    assert (tmp_path / "007.png").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, Reason.DISK_FULL),
        (errno.EDQUOT, Reason.DISK_FULL),
        (errno.EIO, Reason.NOT_WRITABLE),
        (errno.EROFS, Reason.NOT_WRITABLE),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_nothing_behind(tmp_path, monkeypatch, number, reason, call):
    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageError) as caught:
        write_png(tmp_path / "007.png", DATA)
    assert caught.value.reason is reason
    assert str(tmp_path) in str(caught.value)
    assert caught.value.__cause__ is None
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays_when_the_disk_is_full(tmp_path, monkeypatch):
    path = tmp_path / "007.png"
    write_png(path, DATA)

    def fail(_handle):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError):
        write_png(path, b"other")
    assert path.read_bytes() == DATA


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(_handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_png(tmp_path / "007.png", DATA)
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_name_is_what_a_sweep_looks_for(tmp_path, monkeypatch):
    seen = []

    def look(_handle):
        seen.extend(entry.name for entry in tmp_path.iterdir())
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(os, "fsync", look)
    with pytest.raises(StorageError):
        write_png(tmp_path / "007.png", DATA)
    assert len(seen) == 1 and seen[0].startswith(".007.png.") and seen[0].endswith(PARTIAL_SUFFIX)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "series").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        write_png(tmp_path / "series" / "007.png", DATA)
    assert caught.value.reason is Reason.NOT_WRITABLE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_really_full_device(tmp_path, monkeypatch):
    """The kernel's own ENOSPC, raised by write or flush."""
    true_open = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *_: true_open(Path("/dev/full"), "wb"))
    with pytest.raises(StorageError) as caught:
        write_png(tmp_path / "007.png", DATA)
    assert caught.value.reason is Reason.DISK_FULL
    assert list(tmp_path.iterdir()) == []
