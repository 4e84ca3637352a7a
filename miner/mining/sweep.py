"""What a crash left in the image store: files that no row names are removed; their study is mined again anyhow."""

from __future__ import annotations

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
    unfinished = list(images.rglob(f"*{PARTIAL_SUFFIX}"))
    orphans = [images / key / f"{number:03d}.png" for key, number in catalogue.orphan_slices(_stored(images))]
    for path in (*unfinished, *orphans):
        path.unlink(missing_ok=True)
    return len(unfinished) + len(orphans)


def _stored(images: Path) -> Iterator[tuple[str, int]]:
    for path in images.glob("*/*.png"):
        if path.stem.isdigit():
            yield path.parent.name, int(path.stem)
