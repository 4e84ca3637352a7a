"""What only a release of ours has: release.json, the manifest, and the promise that there are no other names."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from miner.dataset.card import CARD, STATEMENT
from miner.dataset.checking.companions import CheckedBookmark
from miner.dataset.checking.findings import Code, Findings
from miner.dataset.checking.pictures import ImageTree
from miner.dataset.checking.reading import read_ordinary
from miner.dataset.checking.rows import CheckedTable
from miner.dataset.dl_info import FILE_NAME, IMAGES
from miner.dataset.tables import BOOKMARK_IMAGES, BOOKMARKS, LESIONS, SERIES
from miner.dataset.writing import MANIFEST

NAMES = frozenset({FILE_NAME, BOOKMARKS, LESIONS, SERIES, STATEMENT, MANIFEST, CARD, IMAGES, BOOKMARK_IMAGES})
"""A release: these names and no others; a tree without a picture is absent."""

_KEYS = frozenset(
    {
        "number",
        "time",
        "software",
        "rules_digest",
        "rules",
        "deidentification",
        "counts",
        "row_changes",
        "remarks",
        "withdrawals",
        "event_chain",
    }
)
_ENTRY = re.compile(r"([0-9a-f]{64})  (.+)")
_BLOCK = 1 << 20


def read_statement(folder: Path, findings: Findings) -> dict[str, object]:
    """release.json, empty where it is absent or cannot be read."""
    path = folder / STATEMENT
    if not path.exists():
        return {}
    try:
        content = json.loads(read_ordinary(path))
    except (OSError, ValueError, RecursionError):
        findings.fault(Code.STATEMENT, STATEMENT, "is no readable JSON")
        return {}
    if not isinstance(content, dict):
        findings.fault(Code.STATEMENT, STATEMENT, "is not a JSON object")
        return {}
    missing = sorted(_KEYS - content.keys())
    if missing:
        findings.fault(Code.STATEMENT, STATEMENT, f"lacks {', '.join(missing)}")
    return content


def context_of(statement: Mapping[str, object]) -> float:
    """The context in mm that a release was made with; DeepLesion's 30 where it does not say."""
    rules = statement.get("rules")
    context = rules.get("context_mm") if isinstance(rules, dict) else None
    return float(context) if isinstance(context, (int, float)) and context >= 0 else 30.0


def check_counts(
    statement: Mapping[str, object],
    table: CheckedTable,
    bookmarks: Sequence[CheckedBookmark],
    trees: Sequence[ImageTree],
    findings: Findings,
) -> None:
    """release.json's counts must be those of the files."""
    said = statement.get("counts")
    if not isinstance(said, dict):
        return
    pictures = {tree.name: sum(1 for _ in tree.pictures()) for tree in trees}
    has = {
        "patients": len({bookmark.series[0] for bookmark in bookmarks}),
        "studies": len({bookmark.series[:2] for bookmark in bookmarks}),
        "series": len({bookmark.series for bookmark in bookmarks}),
        "lesions": table.total,
        "bookmarks": len(bookmarks),
        "images": pictures.get(IMAGES, 0),
        "bookmark_images": pictures.get(BOOKMARK_IMAGES, 0),
    }
    for name, count in has.items():
        if said.get(name) != count:
            findings.fault(Code.STATEMENT, STATEMENT, f"counts {said.get(name)} {name}; the files hold {count}")


def check_names(folder: Path, findings: Findings) -> None:
    """A release holds each of its files and nothing else."""
    found = {entry.name for entry in folder.iterdir()}
    for name in sorted(NAMES - found - {IMAGES, BOOKMARK_IMAGES}):
        findings.fault(Code.FILE_MISSING, name, "is missing from the release")
    for name in sorted(found - NAMES):
        findings.fault(Code.FILE_UNEXPECTED, name, "does not belong to a release")


def read_manifest(folder: Path, findings: Findings) -> dict[str, str]:
    """MANIFEST.sha256: path → digest; lines that are not of its form are faults."""
    if not (folder / MANIFEST).exists():
        return {}
    try:
        lines = read_ordinary(folder / MANIFEST).decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        findings.fault(Code.MANIFEST, MANIFEST, "cannot be read as UTF-8 text")
        return {}
    if lines.pop() != "":
        findings.fault(Code.MANIFEST, MANIFEST, "the last line has no newline at its end")
    listed: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _ENTRY.fullmatch(line)
        if match is None or match[2] == MANIFEST or ".." in match[2].split("/") or match[2].startswith("/"):
            findings.fault(
                Code.MANIFEST, MANIFEST, "not a SHA-256, two spaces and the path of a file of the release", number
            )
        elif match[2] in listed:
            findings.fault(Code.MANIFEST, MANIFEST, f"{match[2]} is listed twice", number)
        else:
            listed[match[2]] = match[1]
    if list(listed) != sorted(listed):
        findings.fault(Code.MANIFEST, MANIFEST, "is not sorted by path")
    return listed


def check_manifest(folder: Path, listed: Mapping[str, str], findings: Findings) -> None:
    """The manifest names every file but itself, with the hash that it has."""
    present = set(_files(folder)) - {MANIFEST}
    for path in sorted(listed.keys() - present):
        findings.fault(Code.FILE_MISSING, path, f"is missing; {MANIFEST} lists it")
    for path in sorted(present - listed.keys()):
        findings.fault(Code.MANIFEST, path, f"is not listed in {MANIFEST}")
    paths = sorted(listed.keys() & present)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for path, digest in zip(paths, pool.map(_sha256, (folder / path for path in paths)), strict=True):
            if digest != listed[path]:
                findings.fault(Code.HASH, path, f"has changed: its SHA-256 is not the one in {MANIFEST}")


def check_key_hashes(hashes: Mapping[str, tuple[int, str]], listed: Mapping[str, str], findings: Findings) -> None:
    """lesions.csv's Key_png_sha256 against the manifest."""
    for path, (line, digest) in hashes.items():
        if path in listed and listed[path] != digest:
            findings.fault(Code.TABLES_DISAGREE, LESIONS, f"Key_png_sha256 is not that of {path} in {MANIFEST}", line)


def _files(folder: Path) -> Iterable[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield (Path(parent) / name).relative_to(folder).as_posix()


def _sha256(path: Path) -> str:
    """Hash of a file; empty where it cannot be read, is no ordinary file or is a link to elsewhere."""
    if path.is_symlink() or not path.is_file():
        return ""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()
