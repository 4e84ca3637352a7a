"""What a crash left in the image store: files that no row names are removed; their study is mined again anyhow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from miner.catalogue import Catalogue
from miner.images import PARTIAL_SUFFIX

CLEAN_ENDINGS = ("done",)


def sweep_after_crash(catalogue: Catalogue, images: Path) -> int:
    """Remove unfinished and unnamed pictures, if the run before this one did not end by itself; returns how many.

    Called while this run holds the catalogue's lease, so no other process is writing pictures.
    """
    runs = catalogue.runs()
    if len(runs) < 2 or runs[-2].outcome in CLEAN_ENDINGS:
        return 0
    return remove_unnamed(catalogue, images)


def remove_unnamed(catalogue: Catalogue, images: Path) -> int:
    """Remove pictures that no row names, and folders that this empties; returns how many pictures.

    For a caller that no run can write beside: pictures are written before their rows.
    """
    unfinished = list(images.rglob(f"*{PARTIAL_SUFFIX}"))
    orphans = [images / key / f"{number:03d}.png" for key, number in catalogue.orphan_slices(_stored(images))]
    for path in (*unfinished, *orphans):
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds others
            path.parent.rmdir()
    return len(unfinished) + len(orphans)


def _stored(images: Path) -> Iterator[tuple[str, int]]:
    for path in images.glob("*/*.png"):
        if path.stem.isdigit():
            yield path.parent.name, int(path.stem)
