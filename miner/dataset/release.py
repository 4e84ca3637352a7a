"""Writing a release: read the catalogue, compose, write beside its place, publish, rename (:func:`write_release`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from miner import __version__
from miner.catalogue.rows import Publication, ReleaseContent, ReleaseRow
from miner.dataset.card import CARD, STATEMENT, card, instant, statement
from miner.dataset.checking import check_tables
from miner.dataset.compose import Change, Composition, Correction, compose, recompose
from miner.dataset.pixels import declared
from miner.dataset.rules import ReleaseRules, rules_digest
from miner.dataset.selection import Remark
from miner.dataset.writing import MANIFEST, Partial, link_pictures, manifest, target_of, write_files
from miner.errors import MinerError, StorageError, UsageError, storage_error


class ReleaseCatalogue(Protocol):
    """What a release needs of the catalogue."""

    @property
    def patient_index_range(self) -> tuple[int, int]:
        """First and last Patient_index of the site."""

    def release_content(self) -> ReleaseContent:
        """Everything a release is made from, read in one transaction."""

    def publish(self, publication: Publication) -> None:
        """Keep for ever what a release gave, in one transaction."""


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """What was released. ``completed``: an earlier run had published it, and died before it could put it in place."""

    folder: Path
    number: int
    counts: Mapping[str, int]
    changes: tuple[Change, ...]
    remarks: Mapping[str, Remark]
    completed: bool = False
    corrections: tuple[Correction, ...] = ()
    held_back: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """reason → series and bookmarks that wait in quarantine or were rejected"""
    published_in_quarantine: int = 0
    """series that an earlier release holds, and in which text is suspected since"""
    withdrawn: int = 0
    """patients of earlier releases whose withdrawal this release is the first to tell of"""
    moved_rows: int = 0
    """rows that moved up to where theirs had been"""


def write_release(
    catalogue: ReleaseCatalogue, *, images: Path, out: Path, settings: ReleaseRules, now: datetime
) -> ReleaseReport:
    """Write the next release to ``out`` and publish it in the catalogue.

    The order makes every crash harmless: the whole folder is written and flushed beside ``out``; then the catalogue
    publishes in one transaction; then one rename. Before the publication nothing has happened; after it, the next call
    with the same ``out`` finds the finished folder and renames it.

    Args:
        catalogue: where rows come from and identities are kept.
        images: the image store, ``<series surrogate>/<slice number>.png``.
        out: the folder that becomes the release; absent or empty before.
        settings: selection, rules and thresholds.
        now: the release's time, aware of its zone.

    Raises:
        UsageError: ``out`` is in use, or there is nothing to release.
        StorageError: the disk is full or not writable; nothing was released.
        ChainError: catalogue and image store contradict each other; nothing was released.
        DatabaseError: the catalogue could not publish; nothing was released.
    """
    target = target_of(out)
    _require_outside_releases(target)
    content = catalogue.release_content()
    try:
        if (finished := _finish_earlier(target, content)) is not None:
            return finished
        composition = compose(content, settings, catalogue.patient_index_range)
        partial = Partial.begin(target)
    except OSError as error:
        raise _nothing_released(error, target) from None
    try:
        release = _write(
            partial,
            composition,
            content=content,
            images=images,
            rules=settings,
            now=now,
        )
    except OSError as error:
        partial.discard()
        raise _nothing_released(error, target) from None
    except BaseException:
        partial.discard()
        raise
    _publish(catalogue, _publication(release, composition, content), partial)
    return _settle(partial, target, completed=False)


def _require_outside_releases(target: Path) -> None:
    """Raise UsageError for a place inside a release: that one would no longer be what was published."""
    for parent in target.parents:
        if (parent / STATEMENT).is_file() and (parent / MANIFEST).is_file():
            raise UsageError(f"{target} lies inside the release {parent}, which never changes: name another folder.")


def _nothing_released(error: OSError, target: Path) -> StorageError:
    failure = storage_error(error, target.parent)
    return StorageError(f"{failure} Nothing was released.", failure.reason)


def rewrite_csvs(catalogue: ReleaseCatalogue) -> dict[str, bytes]:
    """DL_info.csv and bookmarks.csv of the latest release, recomputed from the catalogue: file name → bytes.

    Raises UsageError where nothing was released yet, ChainError where the catalogue contradicts what was published.
    """
    content = catalogue.release_content()
    if not content.releases:
        raise UsageError("Nothing has been released from this catalogue yet: run `miner release`.")
    return recompose(content)


def _finish_earlier(target: Path, content: ReleaseContent) -> ReleaseReport | None:
    """Put the latest release in place if a crash came between its publication and its rename; remove other rubbish.

    One that holds a patient who was withdrawn since is rubbish too.
    """
    latest = content.releases[-1].manifest_sha256 if content.releases else None
    if content.releases and any(content.releases[-1].number in row.releases for row in content.withdrawals):
        latest = None
    report = None
    for partial in Partial.left_at(target):
        if partial.manifest_sha256() == latest:
            report = _settle(partial, target, completed=True)
        else:
            partial.discard()
    return report


def _write(
    partial: Partial,
    composition: Composition,
    *,
    content: ReleaseContent,
    images: Path,
    rules: ReleaseRules,
    now: datetime,
) -> ReleaseRow:
    """Write every file, the manifest last, and hold the whole against the format before anything is published."""
    number = max((release.number for release in content.releases), default=0) + 1
    hashes = link_pictures(partial.folder, images, composition.pictures)
    texts = {
        **composition.csvs,
        CARD: card(composition.counts, rules, composition.reviews, composition.withdrawals),
        STATEMENT: statement(number, now, composition, rules, content.chain_head),
    }
    hashes.update(write_files(partial.folder, texts))
    listing = manifest(hashes)
    write_files(partial.folder, {MANIFEST: listing})
    faults = check_tables(partial.folder).faults
    if faults:
        raise MinerError(
            f"The release would not have kept to the format ({len(faults)} faults; the first: {faults[0]}). "
            "Nothing was released; please report this."
        )
    return ReleaseRow(
        number,
        instant(now),
        __version__,
        rules_digest(rules),
        "+".join(option.code for option in declared(composition.reviews)),
        hashlib.sha256(listing).hexdigest(),
        composition.counts,
    )


def _publication(release: ReleaseRow, composition: Composition, content: ReleaseContent) -> Publication:
    identities = composition.identities
    return Publication(
        release,
        identities.new_patients,
        identities.new_studies,
        identities.new_series,
        composition.rows,
        content.chain_head,
        composition.merged,
    )


def _publish(catalogue: ReleaseCatalogue, publication: Publication, partial: Partial) -> None:
    """Publish. Where that fails, the folder goes too, unless the commit may have reached the database after all."""
    try:
        catalogue.publish(publication)
    except BaseException:
        try:
            releases = catalogue.release_content().releases
            published = bool(releases) and releases[-1].manifest_sha256 == publication.release.manifest_sha256
        except Exception:
            published = True  # not known: leave the folder, the next release decides
        if published:
            partial.let_go()
        else:
            partial.discard()
        raise


def _settle(partial: Partial, target: Path, *, completed: bool) -> ReleaseReport:
    try:
        partial.settle(target)
    except OSError as error:
        partial.let_go()
        raise StorageError(
            f"The release is written and published, but could not be put at {target} ({type(error).__name__}): "
            "make the place free and give the same command again."
        ) from None
    return _report(target, completed=completed)


def _report(folder: Path, *, completed: bool) -> ReleaseReport:
    said = json.loads((folder / STATEMENT).read_bytes())
    return ReleaseReport(
        folder,
        said["number"],
        said["counts"],
        tuple(Change(**change) for change in said["row_changes"]),
        {entry["uid"]: Remark(entry["remark"]) for entry in said["remarks"]},
        completed,
        tuple(Correction(**entry) for entry in said.get("corrections", ())),
        held_back=said.get("held_back", {}),
        published_in_quarantine=said.get("published_in_quarantine", 0),
        withdrawn=len(said["withdrawals"]),
        moved_rows=sum(map(len, said.get("moved_rows", {}).values())),
    )
