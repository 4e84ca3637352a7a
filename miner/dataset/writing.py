"""The folder of a release on disk: written beside its place, whole, then renamed into it.

The partial folder is locked while its writer lives, so that a later run can tell what a crash left from what is being
written now.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from miner.dataset.dl_info import picture_name
from miner.dataset.drafting import Picture
from miner.errors import ChainError, UsageError
from miner.images import flush_folder

MANIFEST = "MANIFEST.sha256"


def stored_png(images: Path, series_key: str, number: int) -> Path:
    """Where the image store keeps a slice: series surrogate, then slice number."""
    return images / series_key / picture_name(number)


def target_of(out: Path) -> Path:
    """The place of a release, absolute. Raises UsageError unless it is absent, or an empty folder that can go."""
    target = out.resolve()
    if target.is_dir():
        if any(target.iterdir()):
            raise UsageError(f"{out} is not empty: a release never overwrites anything; name a new folder with --out.")
        if target.is_mount() or target == target.parent:
            raise UsageError(f"{out} is a mount point and cannot become a release: name a folder inside it with --out.")
    elif target.exists():
        raise UsageError(f"{out} is a file: name a new folder with --out.")
    return target


class Partial:
    """A folder beside a release's place, ``.<name>.partial-<random>``, held by an exclusive lock (flock)."""

    def __init__(self, folder: Path, handle: int) -> None:
        self.folder = folder
        self._handle = handle

    @classmethod
    def begin(cls, target: Path) -> Partial:
        """A new, empty one."""
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = target.with_name(f"{_prefix(target)}{secrets.token_hex(6)}")
        folder.mkdir()
        partial = cls._lock(folder)
        if partial is None:
            raise UsageError(f"Another process is writing a release to {target}: wait for it to finish.")
        return partial

    @classmethod
    def left_at(cls, target: Path) -> list[Partial]:
        """Those that a dead process left. Raises UsageError where a living one is writing to the same place."""
        if not target.parent.is_dir():
            return []
        found: list[Partial] = []
        for folder in sorted(target.parent.iterdir()):
            if not folder.name.startswith(_prefix(target)) or not folder.is_dir():
                continue
            partial = cls._lock(folder)
            if partial is None:
                for earlier in found:
                    earlier.let_go()
                raise UsageError(f"Another process is writing a release to {target}: wait for it to finish.")
            found.append(partial)
        return found

    @classmethod
    def _lock(cls, folder: Path) -> Partial | None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return cls(folder, handle)

    def manifest_sha256(self) -> str:
        """SHA-256 of its manifest, empty where it has none: the manifest is written last."""
        try:
            return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()
        except OSError:
            return ""

    def settle(self, target: Path) -> None:
        """Become the release: one rename, made durable."""
        self.folder.rename(target)
        flush_folder(target.parent)
        self.let_go()

    def discard(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.let_go()

    def let_go(self) -> None:
        """Give up the lock."""
        os.close(self._handle)


def _prefix(target: Path) -> str:
    return f".{target.name}.partial-"


def write_files(folder: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Write whole files and flush them; returns path → SHA-256."""
    for name, data in files.items():
        with (folder / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def link_pictures(folder: Path, images: Path, pictures: Iterable[Picture]) -> dict[str, str]:
    """Link (or copy, where the disk does not link) stored slices; returns path → SHA-256 as read back.

    Raises ChainError where the image store lacks a slice or holds other bytes than the catalogue says.
    """
    hashes: dict[str, str] = {}
    lost = 0
    for picture in pictures:
        path = folder / picture.path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _link(stored_png(images, picture.series_key, picture.number), path)
        except FileNotFoundError:
            lost += 1
            continue
        hashes[picture.path] = hashlib.sha256(path.read_bytes()).hexdigest()
        lost += hashes[picture.path] != picture.sha256
    if lost:
        raise ChainError(
            f"{lost} slices that the catalogue has are missing or changed in the image store {images}: "
            "`miner audit verify` names them; restore the image store, or mine their studies again. "
            "Nothing was released."
        )
    for parent in sorted({(folder / path).parent for path in hashes}):
        flush_folder(parent)
    return hashes


def _link(source: Path, path: Path) -> None:
    try:
        path.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # no links between two disks, or none at all; a full disk refuses the copy too
        with source.open("rb") as reader, path.open("xb") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(writer.fileno())


def manifest(hashes: Mapping[str, str]) -> bytes:
    """MANIFEST.sha256: ``sha256sum``'s form, sorted by path, without itself."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(hashes.items())).encode("utf-8")
