"""From the catalogue's content to the rows, files and pictures of a release, in memory. Nothing is written here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from miner.catalogue.rows import PublishedRow, ReleaseContent
from miner.dataset import dl_info, tables
from miner.dataset.doubles import one_per_lesion
from miner.dataset.drafting import Drafting, Picture, Redrafting, Row
from miner.dataset.identities import Identities, Tree, give
from miner.dataset.pixels import hold_back, reviews_of
from miner.dataset.rules import ReleaseRules
from miner.dataset.selection import Published, Remark, published_series, select_series
from miner.dataset.withdrawn import Withdrawals, withdrawals_of
from miner.errors import ChainError, UsageError
from miner.records import Kind, MinedBookmark


@dataclass(frozen=True, slots=True)
class Change:
    """A cell of a published row that is written differently from this release on."""

    uid: str
    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A published row whose measurement the archive has corrected since: the row stays, the newer states are history.

    ``rows``: position of the row in each CSV that has it, from 0; ``newer_states``: how many there are.
    """

    uid: str
    rows: Mapping[str, int]
    newer_states: int


@dataclass(frozen=True, slots=True)
class Composition:
    """A release before it is written.

    ``merged``: as in :class:`miner.catalogue.rows.Publication`, of the lesions that the release holds. ``held_back``
    and ``suspected``: reasons and published series of :class:`miner.dataset.pixels.HeldBack`; ``reviews``: number of
    the release's series by :class:`PixelReview`.
    """

    csvs: Mapping[str, bytes]
    pictures: tuple[Picture, ...]
    rows: tuple[PublishedRow, ...]
    identities: Identities
    changes: tuple[Change, ...]
    remarks: Mapping[str, Remark]
    counts: Mapping[str, int]
    corrections: tuple[Correction, ...] = ()
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held_back: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    suspected: tuple[str, ...] = ()
    reviews: Mapping[str, int] = field(default_factory=dict)
    withdrawals: Withdrawals = field(default_factory=Withdrawals)


def compose(content: ReleaseContent, rules: ReleaseRules, block: tuple[int, int]) -> Composition:
    """Compose the release that follows those in ``content``.

    Args:
        content: the catalogue, read in one transaction.
        rules: selection, rules and thresholds.
        block: first and last Patient_index of the site.

    Raises:
        UsageError: there is nothing to release and nobody's withdrawal to tell of, or no Patient_index is free.
        ChainError: the catalogue contradicts what earlier releases published.
    """
    published, withdrawals = Published.of(content.published), withdrawals_of(content.withdrawals, content.published)
    known = one_per_lesion(content.bookmarks, published.bookmarks.keys())
    held = hold_back(known.bookmarks, {row.series_key: row for row in content.series}, published.bookmarks.keys())
    content = replace(content, bookmarks=held.kept)
    tree = Tree.of(content)
    selected = {
        key: select_series(tree.series[key], found, published, rules)
        for key, found in _by_series(content, tree, published).items()
    }
    # Once everybody of a data set was withdrawn, an empty release is what tells those who hold an earlier one.
    if not withdrawals.told and not any(entry.lesions or entry.others for entry in selected.values()):
        waiting = " Some wait in quarantine: see `miner quarantine list`." if held.reasons else ""
        raise UsageError(
            "There is nothing to release: the catalogue holds no bookmark with its slices. "
            f"Run `miner mine`, and see `miner status` for what was refused and why.{waiting}"
        )
    filled = {key for key, entry in selected.items() if entry.lesions or entry.others}
    identities = give(tree, filled, block, content.indices_given)
    drafting = Drafting(tree, published, identities, selected, rules)
    lesions, bookmarks = drafting.lesions(), drafting.bookmarks()
    before = {(row.table, row.uid): row for row in content.published}
    rows = tuple(_changed(lesions, "DL_info", before)) + tuple(_changed(bookmarks, "bookmarks", before))
    pictures = tuple(drafting.pictures())
    return Composition(
        csvs=drafting.csvs(lesions, bookmarks),
        pictures=pictures,
        rows=rows,
        identities=identities,
        changes=tuple(_changes(rows, before)),
        remarks={uid: remark for entry in selected.values() for uid, remark in entry.remarks.items()},
        counts=_counts(lesions, bookmarks, pictures),
        corrections=tuple(_corrections(lesions, bookmarks, published)),
        merged={bookmark.uid: known.merged[bookmark.uid] for bookmark, _ in bookmarks if bookmark.uid in known.merged},
        held_back=held.reasons,
        suspected=held.published,
        reviews=reviews_of(tree.series[key] for key in filled),
        withdrawals=withdrawals,
    )


def recompose(content: ReleaseContent) -> dict[str, bytes]:
    """DL_info.csv and bookmarks.csv of the latest release, from the catalogue's bookmarks, whatever was mined since.

    Names, numbers, geometry and everything computed from it are made anew; what a correction in the archive may change
    after the publication (sex, age, window, noise, ranges) is taken as it was published. lesions.csv and series.csv
    show the catalogue's evidence at the time of the release; the manifest's hash, which the catalogue keeps, vouches
    for them. Raises ChainError as :func:`compose` does.
    """
    tree, published = Tree.of(content), Published.of(content.published)
    withdrawals_of(content.withdrawals, content.published)  # holes that nobody's withdrawal has left are a fault
    grouped = _by_series(content, tree, published)
    selected = {key: published_series(tree.series[key], found, published) for key, found in grouped.items()}
    filled = {key for key, entry in selected.items() if entry.lesions or entry.others}
    drafting = Redrafting(tree, published, give(tree, filled, (1, 1)), selected, ReleaseRules())
    return {
        dl_info.FILE_NAME: dl_info.csv_bytes(dl_info.HEADER, (cells for _, cells in drafting.lesions())),
        tables.BOOKMARKS: dl_info.csv_bytes(tables.BOOKMARKS_HEADER, (cells for _, cells in drafting.bookmarks())),
    }


def _by_series(content: ReleaseContent, tree: Tree, published: Published) -> dict[str, list[MinedBookmark]]:
    """Bookmarks by series, in canonical order. Raises ChainError where a published one is gone."""
    known = {bookmark.uid for bookmark in content.bookmarks}
    if not published.lesions.keys() <= published.bookmarks.keys() <= known:
        raise ChainError(
            "The catalogue no longer holds a bookmark that a release has published: run `miner audit verify`."
        )
    by_series: dict[str, list[MinedBookmark]] = defaultdict(list)
    for bookmark in sorted(content.bookmarks, key=tree.place):
        by_series[bookmark.series_key].append(bookmark)
    return by_series


def _changed(rows: Sequence[Row], table: str, before: Mapping[tuple[str, str], PublishedRow]) -> Iterable[PublishedRow]:
    for position, (bookmark, cells) in enumerate(rows):
        old = before.get((table, bookmark.uid))
        if old is None or old.cells != cells:
            yield PublishedRow(table, position, bookmark.uid, cells)


def _changes(rows: Iterable[PublishedRow], before: Mapping[tuple[str, str], PublishedRow]) -> Iterable[Change]:
    for row in rows:
        old = before.get((row.table, row.uid))
        if old is not None:
            columns = dl_info.HEADER if row.table == "DL_info" else tables.BOOKMARKS_HEADER
            yield from (
                Change(row.uid, column, was, now)
                for column, was, now in zip(columns, old.cells, row.cells, strict=True)
                if was != now
            )


def _corrections(lesions: Sequence[Row], bookmarks: Sequence[Row], published: Published) -> Iterable[Correction]:
    """Published rows that have a newer state, in the order of bookmarks.csv."""
    rows_of_lesions = {bookmark.uid: row for row, (bookmark, _) in enumerate(lesions)}
    for row, (bookmark, _) in enumerate(bookmarks):
        if bookmark.newer_states and bookmark.uid in published.bookmarks:
            rows = {tables.BOOKMARKS: row}
            if bookmark.uid in rows_of_lesions:
                rows = {dl_info.FILE_NAME: rows_of_lesions[bookmark.uid], **rows}
            yield Correction(bookmark.uid, rows, bookmark.newer_states)


def _counts(lesions: Sequence[Row], bookmarks: Sequence[Row], pictures: Sequence[Picture]) -> dict[str, int]:
    names = [cells[3:6] for _, cells in bookmarks]
    kinds = Counter(bookmark.kind for bookmark, _ in bookmarks)
    lesion_images = sum(picture.path.startswith(f"{dl_info.IMAGES}/") for picture in pictures)
    return {
        "patients": len({name[:1] for name in names}),
        "studies": len({name[:2] for name in names}),
        "series": len(set(names)),
        "lesions": len(lesions),
        "bookmarks": len(bookmarks),
        **{f"bookmarks_{kind.value}": kinds[kind] for kind in Kind},
        "images": lesion_images,
        "bookmark_images": len(pictures) - lesion_images,
    }
