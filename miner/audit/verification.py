"""Everything recomputed: the event chain, every row, every stored picture, and a release against all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from miner.audit.pictures import AGREES, MISSING, condition, path_of, sha256_of_file
from miner.catalogue import Catalogue
from miner.dataset.checking.reading import read_ordinary
from miner.errors import MinerError, UsageError

MANIFEST = "MANIFEST.sha256"
STATEMENT = "release.json"


def verify(catalogue: Catalogue, images: Path, release: Path | None = None) -> list[str]:
    """Faults in words, each naming where; empty where everything agrees.

    Args:
        catalogue: its event chain and every row are recomputed.
        images: the image store; every PNG that the catalogue names is hashed.
        release: a release's folder: its manifest, files, place in the chain, and CSVs; the CSVs can be recomputed from
            the catalogue only for the latest release, since later ones may append rows. A release that holds a patient
            who was withdrawn since is a fault in itself.

    Raises:
        UsageError: ``release`` is not a folder.
    """
    if release is not None and not release.is_dir():
        raise UsageError(f"There is no release at {release}: name the folder that holds {MANIFEST}.")
    faults = [f"event chain: {fault}" for fault in catalogue.verify_chain()]
    faults += [f"catalogue: {fault}" for fault in catalogue.verify_rows()]
    faults += verify_pictures(catalogue, images)
    if release is not None:
        faults += verify_release(catalogue, release)
    return faults


def verify_pictures(catalogue: Catalogue, images: Path) -> Iterator[str]:
    """Stored PNGs that are missing, or are not what was written."""
    for entry in catalogue.known_slices():
        path = path_of(images, entry.series_key, entry.number)
        found = condition(path, entry.png_sha256)
        if found == MISSING:
            yield f"{path}: missing, though the catalogue has it"
        elif found != AGREES:
            yield f"{path}: not what was written (its SHA-256 differs)"


def verify_release(catalogue: Catalogue, folder: Path) -> Iterator[str]:
    """What in a release's folder is not as it was published."""
    releases = catalogue.release_content().releases
    manifest_sha256 = sha256_of_file(folder / MANIFEST)
    if manifest_sha256 is None:
        yield f"{folder / MANIFEST}: missing or unreadable"
        return
    published = [row for row in releases if row.manifest_sha256 == manifest_sha256]
    if not published:
        yield f"{folder / MANIFEST}: not the manifest of any release that this catalogue published"
    yield from _verify_manifest(folder)
    yield from _verify_place_in_chain(catalogue, folder)
    if published:
        number = published[0].number
        withdrawn = sum(number in row.releases for row in catalogue.withdrawals())
        if withdrawn:
            who = "1 patient who was" if withdrawn == 1 else f"{withdrawn} patients who were"
            yield f"{folder}: holds {who} withdrawn since; it must not be used or given away any more"
        elif number == releases[-1].number:
            yield from _verify_csvs(catalogue, folder)


def _verify_manifest(folder: Path) -> Iterator[str]:
    listed = set()
    for line in (folder / MANIFEST).read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            yield f"{folder / MANIFEST}: a line that is not a hash and a path"
            continue
        listed.add(name)
        found = sha256_of_file(path)
        if found is None:
            yield f"{path}: missing, though {MANIFEST} lists it"
        elif found != digest:
            yield f"{path}: not what {MANIFEST} says"
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST and name not in listed:
            yield f"{path}: not in {MANIFEST}"


def _verify_place_in_chain(catalogue: Catalogue, folder: Path) -> Iterator[str]:
    """A release carries the head of the chain it was made at: the anchor outside the database."""
    try:
        head = json.loads(read_ordinary(folder / STATEMENT))["event_chain"]
        count, expected = int(head["events"]), str(head["head"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        yield f"{folder / STATEMENT}: does not say where in the event chain the release was made"
        return
    if not 0 <= count <= catalogue.chain_head()[0] or catalogue.hash_of_event(count) != expected:
        yield f"event chain: event {count} is not the one that {folder / STATEMENT} names; the chain was rewritten"


def _verify_csvs(catalogue: Catalogue, folder: Path) -> Iterator[str]:
    from miner.dataset import rewrite_csvs

    try:
        rewritten = rewrite_csvs(catalogue)
    except MinerError as error:
        yield f"{folder}: its CSVs cannot be recomputed: {error}"
        return
    for name, content in sorted(rewritten.items()):
        try:
            same = read_ordinary(folder / name) == content
        except OSError:
            continue  # the manifest's check has named it
        if not same:
            yield f"{folder / name}: not what the catalogue says when it is written again"
