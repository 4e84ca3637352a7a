"""What of one series a release holds: its lesions and their blocks of slices, its other bookmarks, and what stays out.

A bookmark that some release has published stays where it is. A new one comes in only whole: with every slice that its
range needs. Nothing is left out without a remark in release.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from miner.catalogue.rows import PublishedRow, SeriesRow
from miner.dataset.dl_info import LesionRow, parse_row
from miner.dataset.geometry import as_written, axes_of, to_written
from miner.dataset.rules import ReleaseRules
from miner.errors import ChainError
from miner.images import half_width, merge, window
from miner.records import Kind, MinedBookmark

KEY_SLICE_POLICY, HEAD_CONTEXT_POLICY = "head-key-slice-only", "head-with-context"
"""Policies of head series: only their key slices leave (a face can be rebuilt from neighbours), or more by the site's
own choice, as long as the rules of the release say so too."""

Window = tuple[int, int]


class Remark(StrEnum):
    """What a reader of release.json should know of a single bookmark. Never renamed."""

    SLICES_MISSING = "slices-missing"
    """left out: the image store lacks slices that it needs; mine its study again"""
    NARROWED = "narrowed"
    """in, with fewer slices than the rule asks for: a neighbouring image is unusable, or was mined for less context"""
    STAYS_BOOKMARK = "stays-bookmark"
    """would be in DL_info.csv now, but an earlier release published it without; published rows keep their place"""


@dataclass(frozen=True, slots=True)
class Published:
    """The rows that releases have held, by table and uid, in their order."""

    lesions: Mapping[str, LesionRow]
    bookmarks: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, rows: Iterable[PublishedRow]) -> Published:
        """Sort the catalogue's published rows, which withdrawn patients may have left holes in.

        Raises ChainError where one is unreadable or two have one place.
        """
        tables: dict[str, list[PublishedRow]] = {"DL_info": [], "bookmarks": []}
        for row in rows:
            tables[row.table].append(row)
        for entries in tables.values():
            entries.sort(key=lambda row: row.position)
            if len({row.position for row in entries}) != len(entries):
                raise ChainError("The catalogue's published rows are not complete: run `miner audit verify`.")
        try:
            lesions = {row.uid: parse_row(row.cells) for row in tables["DL_info"]}
        except ValueError:
            raise ChainError("A published row of the catalogue cannot be read: run `miner audit verify`.") from None
        return cls(lesions, {row.uid: row.cells for row in tables["bookmarks"]})


@dataclass(frozen=True, slots=True)
class SelectedSeries:
    """One series of a release.

    Attributes:
        series: the catalogue's row.
        lesions: bookmarks that are rows of DL_info.csv.
        blocks: their merged slice ranges, at least two slices apart.
        others: bookmarks that are rows of bookmarks.csv only.
        bookmark_slices: slices around those of ``others`` whose key slice is in no block.
        remarks: uid → remark.
    """

    series: SeriesRow
    lesions: tuple[MinedBookmark, ...]
    blocks: tuple[Window, ...]
    others: tuple[MinedBookmark, ...]
    bookmark_slices: tuple[int, ...]
    remarks: Mapping[str, Remark]

    @property
    def lesion_slices(self) -> tuple[int, ...]:
        """Slices of Images_png."""
        return tuple(number for first, last in self.blocks for number in range(first, last + 1))

    def block_of(self, key_slice: int) -> Window | None:
        """The block that holds a slice."""
        return next((block for block in self.blocks if block[0] <= key_slice <= block[1]), None)


def select_series(
    series: SeriesRow, bookmarks: Sequence[MinedBookmark], published: Published, rules: ReleaseRules
) -> SelectedSeries:
    """Decide what of a series goes where. Raises ChainError where slices of a published row are gone."""
    remarks: dict[str, Remark] = {}
    lesions: list[MinedBookmark] = []
    windows: list[Window] = []
    rest: list[MinedBookmark] = []
    for bookmark in bookmarks:
        if not _is_lesion(bookmark, series, published, rules, remarks):
            rest.append(bookmark)
        elif (kept := _lesion_window(bookmark, series, published, rules, remarks)) is not None:
            lesions.append(bookmark)
            windows.append(kept)
    blocks = tuple(merge(windows))
    others: list[MinedBookmark] = []
    slices: set[int] = set()
    for bookmark in rest:
        first, last = bookmark.first, bookmark.last
        if key_slices_only(series, rules):  # mined before the policy was, perhaps
            first = last = bookmark.key_slice
        if _held(bookmark.key_slice, blocks):
            others.append(bookmark)
        elif _whole((first, last), series):
            others.append(bookmark)
            slices.update(range(first, last + 1))
        else:
            _miss(bookmark, published, remarks)
    return SelectedSeries(series, tuple(lesions), blocks, tuple(others), tuple(sorted(slices)), remarks)


def published_series(series: SeriesRow, bookmarks: Sequence[MinedBookmark], published: Published) -> SelectedSeries:
    """What the latest release holds of a series: its published rows with their ranges, whatever was mined since."""
    lesions = tuple(bookmark for bookmark in bookmarks if bookmark.uid in published.lesions)
    others = tuple(
        bookmark
        for bookmark in bookmarks
        if bookmark.uid in published.bookmarks and bookmark.uid not in published.lesions
    )
    blocks = tuple(merge(published.lesions[bookmark.uid].slice_range for bookmark in lesions))
    slices = {
        number
        for bookmark in others
        if not _held(bookmark.key_slice, blocks)
        for number in range(bookmark.first, bookmark.last + 1)
    }
    return SelectedSeries(series, lesions, blocks, others, tuple(sorted(slices)), {})


def key_slices_only(series: SeriesRow, rules: ReleaseRules) -> bool:
    """Whether nothing but key slices may leave of a series."""
    return series.policy == KEY_SLICE_POLICY or (series.policy == HEAD_CONTEXT_POLICY and not rules.head_context)


def written_spacing(series: SeriesRow) -> tuple[float, ...]:
    """x, y and, where it is known, z in mm, as written."""
    return tuple(as_written(value) for value in series.spacing if value is not None)


def rule_window(coordinates: Sequence[float], key_slice: int, series: SeriesRow, rules: ReleaseRules) -> Window:
    """The Slice_range that the rule gives one lesion on its own, from the numbers as written."""
    if key_slices_only(series, rules):
        return key_slice, key_slice
    spacing = written_spacing(series)
    long_mm, _ = axes_of(coordinates, spacing)
    return window(key_slice, half_width(spacing[2], long_mm, rules.context_mm), series.slices)


def _is_lesion(
    bookmark: MinedBookmark,
    series: SeriesRow,
    published: Published,
    rules: ReleaseRules,
    remarks: dict[str, Remark],
) -> bool:
    if bookmark.uid in published.lesions:
        return True
    fit = (
        bookmark.kind is Kind.RECIST
        and bookmark.confidence >= rules.acceptance
        and not series.refusals
        and series.spacing[2] is not None
    )
    if fit and bookmark.uid in published.bookmarks:
        remarks[bookmark.uid] = Remark.STAYS_BOOKMARK
        return False
    return fit


def _lesion_window(
    bookmark: MinedBookmark,
    series: SeriesRow,
    published: Published,
    rules: ReleaseRules,
    remarks: dict[str, Remark],
) -> Window | None:
    """The slices around one lesion: by the rule where they are all stored, else as far as mining found usable ones."""
    before = published.lesions.get(bookmark.uid)
    coordinates = before.coordinates if before else to_written(bookmark.points)
    if before is not None and series.spacing[2] is None:
        return before.slice_range
    ruled = rule_window(coordinates, bookmark.key_slice, series, rules)
    if before is not None:
        if not _whole(before.slice_range, series):
            _miss(bookmark, published, remarks)
        grown = min(ruled[0], before.slice_range[0]), max(ruled[1], before.slice_range[1])
        return grown if _whole(grown, series) else before.slice_range
    if _whole(ruled, series):
        return ruled
    usable = max(ruled[0], bookmark.first), min(ruled[1], bookmark.last)
    if not _whole(usable, series):
        _miss(bookmark, published, remarks)
        return None
    remarks[bookmark.uid] = Remark.NARROWED
    return usable


def _held(number: int, blocks: Iterable[Window]) -> bool:
    return any(first <= number <= last for first, last in blocks)


def _whole(wanted: Window, series: SeriesRow) -> bool:
    return all(number in series.stored for number in range(wanted[0], wanted[1] + 1))


def _miss(bookmark: MinedBookmark, published: Published, remarks: dict[str, Remark]) -> None:
    if bookmark.uid in published.bookmarks:
        raise ChainError(
            "The catalogue no longer has slices of a row that a release has published: run `miner audit verify`, "
            "then restore catalogue and image store from one backup."
        )
    remarks[bookmark.uid] = Remark.SLICES_MISSING
