"""The trees of pictures: every slice that a range covers, no other, each a whole 16-bit grey PNG of the right size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from miner.dataset.checking.companions import CheckedBookmark
from miner.dataset.checking.findings import Code, Findings
from miner.dataset.checking.png import Png, examine
from miner.dataset.checking.ranges import Block, SeriesName, block_of
from miner.dataset.checking.rows import CheckedTable
from miner.dataset.dl_info import FILE_NAME, IMAGES, folder_name, picture_name
from miner.dataset.tables import BOOKMARK_IMAGES, BOOKMARKS
from miner.images import merge

_FOLDER = re.compile(r"([0-9]{6})_([0-9]{2,})_([0-9]{2,})")
_PICTURE = re.compile(r"([0-9]{3}|[1-9][0-9]{3,})\.png")


@dataclass(frozen=True, slots=True)
class ImageTree:
    """The pictures of one tree by series: slice number → path relative to the folder; ``absent``: there is no tree."""

    name: str
    series: Mapping[SeriesName, Mapping[int, str]] = field(default_factory=dict)
    absent: bool = False

    def pictures(self) -> Iterable[tuple[SeriesName, int, str]]:
        """Every picture: series, slice number, relative path."""
        for name, numbers in self.series.items():
            for number, path in numbers.items():
                yield name, number, path


def read_tree(folder: Path, tree: str, findings: Findings) -> ImageTree:
    """What lies in one tree; names that do not belong there are faults."""
    if not (folder / tree).is_dir():
        return ImageTree(tree, absent=True)
    series: dict[SeriesName, dict[int, str]] = {}
    for entry in _entries(folder / tree):
        path = f"{tree}/{entry.name}"
        match = _FOLDER.fullmatch(entry.name)
        name = (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)
        if not entry.is_dir() or folder_name(*name) != entry.name:
            findings.fault(Code.FILE_UNEXPECTED, path, "is not a folder of a series (PPPPPP_SS_RR)")
            continue
        series[name] = {}
        for file in _entries(folder / path):
            number = _PICTURE.fullmatch(file.name)
            if number is None or not file.is_file():
                findings.fault(Code.FILE_UNEXPECTED, f"{path}/{file.name}", "is not a slice (NNN.png)")
            else:
                series[name][int(number[1])] = f"{path}/{file.name}"
    return ImageTree(tree, series)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def check_lesion_tree(table: CheckedTable, tree: ImageTree, findings: Findings) -> None:
    """Images_png holds exactly the slices that DL_info.csv's ranges cover."""
    expected, rows_of = table.slices(), table.by_series()
    if tree.absent:
        if expected:
            slices = sum(len(numbers) for numbers in expected.values())
            words = f"the folder is missing, and with it {slices} slices of {len(expected)} series"
            findings.fault(Code.FOLDER_MISSING, IMAGES, words)
        return
    for name, numbers in sorted(expected.items()):
        path = f"{IMAGES}/{folder_name(*name)}"
        if name not in tree.series:
            words = f"the folder {path} is missing: {len(numbers)} slices that Slice_range covers"
            findings.fault(Code.FOLDER_MISSING, FILE_NAME, words, rows_of[name][0].line)
            continue
        found = tree.series[name].keys()
        for number in sorted(numbers - found):
            line = next(checked.line for checked in rows_of[name] if covers(block_of(checked), number))
            words = f"slice {number} is missing; Slice_range on line {line} of {FILE_NAME} covers it"
            findings.fault(Code.SLICE_MISSING, f"{path}/{picture_name(number)}", words)
        if name not in table.unsure:
            for number in sorted(found - numbers):
                words = f"slice {number} is extra: no Slice_range of its series covers it"
                findings.fault(Code.SLICE_EXTRA, tree.series[name][number], words)
    for name in sorted(tree.series.keys() - expected.keys() - table.unsure):
        words = f"no row of {FILE_NAME} names this series"
        findings.fault(Code.FOLDER_WITHOUT_ROW, f"{IMAGES}/{folder_name(*name)}", words)


def check_bookmark_tree(
    table: CheckedTable, bookmarks: Iterable[CheckedBookmark], tree: ImageTree, findings: Findings
) -> None:
    """Bookmark_images_png holds slices around bookmarks whose key slice is in no range of DL_info.csv, and no others.

    How many slices belong to a bookmark is not in the files; a run of slices without any such key slice is too much.
    """
    covered = table.slices()
    keys: dict[SeriesName, dict[int, int]] = {}
    for bookmark in bookmarks:
        if bookmark.key_slice not in covered.get(bookmark.series, ()) and bookmark.series not in table.unsure:
            keys.setdefault(bookmark.series, {}).setdefault(bookmark.key_slice, bookmark.line)
    for name, lines in sorted(keys.items()):
        for number, line in sorted(lines.items()):
            if number not in tree.series.get(name, ()):
                path = f"{BOOKMARK_IMAGES}/{folder_name(*name)}/{picture_name(number)}"
                words = f"slice {number} is missing; it is the key slice of line {line} of {BOOKMARKS}"
                findings.fault(Code.SLICE_MISSING, path, words)
    for name, found in tree.series.items():
        if name in table.unsure:
            continue
        if name not in keys:
            words = f"no bookmark of {BOOKMARKS} needs this folder"
            findings.fault(Code.FOLDER_WITHOUT_ROW, f"{BOOKMARK_IMAGES}/{folder_name(*name)}", words)
            continue
        runs = merge((number, number) for number in found)
        for run in runs:
            if not any(covers(run, key) for key in keys[name]):
                words = f"slices {run[0]} to {run[1]} are extra: no bookmark that needs slices here is among them"
                findings.fault(Code.SLICE_EXTRA, found[run[0]], words)


def covers(block: Block, number: int) -> bool:
    """Whether a block holds a slice."""
    return block[0] <= number <= block[1]


def check_pictures(
    folder: Path, trees: Sequence[ImageTree], sizes: Mapping[SeriesName, tuple[int, int]], findings: Findings
) -> None:
    """Read every picture through. ``sizes``: columns, rows of a series where they are known."""
    pictures = [picture for tree in trees for picture in tree.pictures()]
    findings.counts["pictures"] = len(pictures)
    for (name, _, path), png in zip(pictures, _examined(folder, [path for _, _, path in pictures]), strict=True):
        for code, words in png.faults:
            findings.fault(code, path, words)
        expected = sizes.get(name)
        if expected is not None and png.size is not None and png.size != expected:
            found = f"is {png.size[0]} x {png.size[1]} pixels (columns x rows)"
            findings.fault(Code.PNG_SIZE, path, f"{found}; Image_size says {expected[0]} x {expected[1]}")


def _examined(folder: Path, paths: Sequence[str]) -> Iterable[Png]:
    """Examine many files; decompression and checksums leave the interpreter lock, so threads share the work."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(examine, (folder / path for path in paths))
