"""Free space, and the spool of received objects."""

from __future__ import annotations

import shutil
from pathlib import Path

from miner.config import Settings
from miner.errors import StorageError, storage_error

GIB = 1 << 30

STUDY_PREFIX = "miner-study-"
"""Beginning of the name of each study's folder in the spool."""


def free_octets(path: Path) -> int:
    """Free space of the disk that holds ``path`` or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def low_space_warning(settings: Settings) -> str | None:
    """A sentence while there is little space left, None while there is enough."""
    free = min(free_octets(settings.images), free_octets(settings.root))
    if free >= settings.storage.warn_free_gib * GIB:
        return None
    return (
        f"Only {free / GIB:.1f} GiB are free below {settings.root}; mining stops at "
        f"{settings.storage.stop_free_gib:g} GiB ([storage] stop_free_gib)."
    )


def require_space(settings: Settings) -> None:
    """Raise StorageError before the disk is full, so that databases can still close their books."""
    free = min(free_octets(settings.images), free_octets(settings.root))
    if free < settings.storage.stop_free_gib * GIB:
        raise StorageError(
            f"The disk below {settings.root} is full ({free / GIB:.2f} GiB free, "
            f"{settings.storage.stop_free_gib:g} GiB wanted): make room, then run again."
        )


def empty_spool(spool: Path) -> None:
    """Remove what earlier studies left in the spool, which is made where it is missing, for its owner only.

    Received objects never outlive a run. Only our own folders go: the configuration may name a folder of others.
    """
    try:
        for folder in (*reversed(spool.parents), spool):  # mkdir's own mode would not be its parents'
            folder.mkdir(mode=0o700, exist_ok=True)
        for left in spool.glob(f"{STUDY_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, spool) from None
