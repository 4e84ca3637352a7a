"""The image store held against the catalogue."""

from __future__ import annotations

import hashlib
from pathlib import Path

MISSING = "missing"
CHANGED = "changed"
AGREES = "agrees"


def path_of(images: Path, series_key: str, number: int) -> Path:
    """Where the image store keeps a slice: ``<series surrogate>/<slice number>.png``."""
    return images / series_key / f"{number:03d}.png"


def sha256_of_file(path: Path) -> str | None:
    """SHA-256 of a file (64 hex digits), None where there is no ordinary file of that name that can be read."""
    try:
        if not path.is_file():  # a pipe or a device would be read for ever
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):  # ValueError: a name with a NUL
        return None


def condition(path: Path, sha256: str) -> str:
    """Whether a picture is there and is what was written: ``agrees``, ``changed`` or ``missing``."""
    found = sha256_of_file(path)
    if found is None:
        return MISSING
    return AGREES if found == sha256 else CHANGED
