"""``miner check``: a release, or anybody's DeepLesion-format folder, held against the format.

Faults are what readers of the format stumble over; notes are what the official file has too, or what a user should
know. Needs nothing but the folder: no key, no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from miner.dataset.card import STATEMENT
from miner.dataset.checking.companions import (
    CheckedBookmark,
    CheckedSeries,
    check_bookmarks,
    check_lesions,
    check_series,
    read_bookmarks,
    read_series,
)
from miner.dataset.checking.findings import CheckReport, Code, Finding, Findings
from miner.dataset.checking.pictures import (
    ImageTree,
    check_bookmark_tree,
    check_lesion_tree,
    check_pictures,
    read_tree,
)
from miner.dataset.checking.ranges import RangeRule
from miner.dataset.checking.release_files import (
    check_counts,
    check_key_hashes,
    check_manifest,
    check_names,
    context_of,
    read_manifest,
    read_statement,
)
from miner.dataset.checking.rows import CheckedTable, check_rows
from miner.dataset.dl_info import FILE_NAME, IMAGES
from miner.dataset.tables import BOOKMARK_IMAGES
from miner.dataset.writing import MANIFEST
from miner.errors import UsageError

__all__ = ["CheckReport", "Code", "Finding", "check", "check_tables"]


@dataclass(frozen=True)
class _Read:
    """What the first pass read."""

    table: CheckedTable
    bookmarks: list[CheckedBookmark] | None
    series: dict[tuple[int, int, int], CheckedSeries] | None
    trees: list[ImageTree]


def check(folder: Path) -> CheckReport:
    """Check everything: tables, names, every picture read through, every hash of the manifest.

    Args:
        folder: a release, or a folder with DL_info.csv and Images_png in DeepLesion's format.

    Raises:
        UsageError: there is no such folder.
    """
    findings = Findings()
    read = _check_tables(folder, findings)
    if read is not None:
        sizes = {name: rows[0].row.size for name, rows in read.table.by_series().items()}
        check_pictures(folder, read.trees, sizes, findings)
    if (folder / MANIFEST).exists():
        check_manifest(folder, read_manifest(folder, findings), findings)
    return findings.report(folder)


def check_tables(folder: Path) -> CheckReport:
    """As :func:`check`, without reading pictures or hashing: tables, and the names of pictures against them."""
    findings = Findings()
    _check_tables(folder, findings)
    return findings.report(folder)


def _check_tables(folder: Path, findings: Findings) -> _Read | None:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name a release or a folder in DeepLesion's format.")
    if not (folder / FILE_NAME).is_file():
        findings.fault(Code.FILE_MISSING, FILE_NAME, "is missing: every folder in DeepLesion's format has it")
        return None
    ours = (folder / STATEMENT).exists()
    if ours:
        check_names(folder, findings)
    statement = read_statement(folder, findings)
    bookmarks, series = read_bookmarks(folder, findings), read_series(folder, findings)
    rule = RangeRule(
        context_of(statement),
        {name: entry.policy for name, entry in (series or {}).items()},
        {name: entry.slices for name, entry in (series or {}).items()},
    )
    also = [bookmark.series for bookmark in bookmarks or ()]
    table = check_rows(folder, rule, findings, official=not ours, also=also)
    if table is None:
        return None
    trees = [read_tree(folder, name, findings) for name in (IMAGES, BOOKMARK_IMAGES)]
    read = _Read(table, bookmarks, series, trees)
    _check_against_each_other(folder, read, findings)
    if ours:
        check_counts(statement, table, bookmarks or [], trees, findings)
    return read


def _check_against_each_other(folder: Path, read: _Read, findings: Findings) -> None:
    lesion_tree, bookmark_tree = read.trees
    check_lesion_tree(read.table, lesion_tree, findings)
    if read.bookmarks is not None:
        check_bookmarks(read.bookmarks, read.table, read.series, findings)
        check_bookmark_tree(read.table, read.bookmarks, bookmark_tree, findings)
    if read.series is not None:
        trees = {tree.name: tree.series.keys() for tree in read.trees}
        check_series(read.series, read.table, read.bookmarks, trees, findings)
    hashes = check_lesions(folder, read.table, read.bookmarks, findings)
    check_key_hashes(hashes, read_manifest(folder, Findings()), findings)
