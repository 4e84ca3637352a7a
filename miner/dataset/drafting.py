"""The rows and pictures of one release, drafted from what was selected and numbered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from miner.catalogue.rows import SeriesRow, StudyRow
from miner.dataset import dl_info, noise, tables
from miner.dataset.dl_info import LesionRow, folder_name, picture_name
from miner.dataset.geometry import as_written, box_of, diameters_of, to_written
from miner.dataset.identities import Identities, Tree
from miner.dataset.lesion_types import coarse_type
from miner.dataset.rules import ReleaseRules
from miner.dataset.selection import Published, SelectedSeries, written_spacing
from miner.dataset.tables import Place
from miner.errors import ChainError
from miner.records import MinedBookmark

OLDEST_AGE = 90
"""Ages of 90 and above are written as 90 (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C))."""

TEXT = tables.BOOKMARKS_HEADER.index("Text_mm")
LOCATION = dl_info.HEADER.index("Normalized_lesion_location")
CONFIDENCE = tables.BOOKMARKS_HEADER.index("Confidence")

Row = tuple[MinedBookmark, tuple[str, ...]]
"""A bookmark and the cells that it is written as."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One PNG of a release: its path there, and which stored slice it is."""

    path: str
    series_key: str
    number: int
    sha256: str


@dataclass(frozen=True)
class Drafting:
    """Everything the rows of one release are drafted from."""

    tree: Tree
    published: Published
    identities: Identities
    selected: Mapping[str, SelectedSeries]
    rules: ReleaseRules

    def csvs(self, lesions: Sequence[Row], bookmarks: Sequence[Row]) -> dict[str, bytes]:
        """The four CSVs by file name."""
        return {
            dl_info.FILE_NAME: dl_info.csv_bytes(dl_info.HEADER, (cells for _, cells in lesions)),
            tables.BOOKMARKS: dl_info.csv_bytes(tables.BOOKMARKS_HEADER, (cells for _, cells in bookmarks)),
            tables.LESIONS: dl_info.csv_bytes(tables.LESIONS_HEADER, self.lesion_notes(lesions, bookmarks)),
            tables.SERIES: dl_info.csv_bytes(tables.SERIES_HEADER, self.series(bookmarks)),
        }

    def lesions(self) -> list[Row]:
        """Rows of DL_info.csv: the published ones in their order, then the new ones in canonical order."""
        chosen = [bookmark for entry in self.selected.values() for bookmark in entry.lesions]
        ordered = self._ordered(chosen, list(self.published.lesions))
        return [(bookmark, self.lesion_row(bookmark).cells()) for bookmark in ordered]

    def bookmarks(self) -> list[Row]:
        """Rows of bookmarks.csv, in the same way."""
        chosen = [bookmark for entry in self.selected.values() for bookmark in (*entry.lesions, *entry.others)]
        ordered = self._ordered(chosen, list(self.published.bookmarks))
        return [(bookmark, self.bookmark_cells(bookmark)) for bookmark in ordered]

    def lesion_row(self, bookmark: MinedBookmark) -> LesionRow:
        """One row of DL_info.csv: as published, with the range, the noise and the type of now; or new."""
        row = self.published.lesions.get(bookmark.uid) or self._new_row(bookmark)
        block = self.selected[bookmark.series_key].block_of(row.key_slice)
        if block is None:
            raise ChainError("A lesion's key slice lies in no block of its series: run `miner audit verify`.")
        noisy = noise.is_noisy(noise.reasons(bookmark), self.rules.noise_threshold)
        return replace(row, slice_range=block, noisy=int(noisy), lesion_type=coarse_type(bookmark.finding_site))

    def bookmark_cells(self, bookmark: MinedBookmark) -> tuple[str, ...]:
        """One row of bookmarks.csv: as published, or new."""
        return self.published.bookmarks.get(bookmark.uid) or self._new_cells(bookmark)

    def lesion_notes(self, lesions: Sequence[Row], bookmarks: Sequence[Row]) -> Iterable[tuple[str, ...]]:
        """Rows of lesions.csv, one for each row of DL_info.csv, in its order; the confidence is bookmarks.csv's."""
        confidence = {bookmark.uid: cells[CONFIDENCE] for bookmark, cells in bookmarks}
        ranks = self._study_ranks()
        for number, (bookmark, cells) in enumerate(lesions):
            yield tables.lesion_cells(
                bookmark,
                self.tree.series[bookmark.series_key],
                self.place(bookmark.series_key),
                row=number,
                confidence=confidence[bookmark.uid],
                study_order=ranks[self.tree.study_of(bookmark.series_key).study_key],
                z_filled=not cells[LOCATION].endswith("NaN"),
            )

    def series(self, bookmarks: Sequence[Row]) -> Iterable[tuple[str, ...]]:
        """Rows of series.csv, in the order in which bookmarks.csv first names the series."""
        for key in dict.fromkeys(bookmark.series_key for bookmark, _ in bookmarks):
            entry = self.selected[key]
            trees = [dl_info.IMAGES] * bool(entry.blocks) + [tables.BOOKMARK_IMAGES] * bool(entry.bookmark_slices)
            yield tables.series_cells(entry.series, self.place(key), trees)

    def pictures(self) -> Iterable[Picture]:
        """Every PNG of the release, sorted by path."""
        found = []
        for key, entry in self.selected.items():
            for tree, numbers in (
                (dl_info.IMAGES, entry.lesion_slices),
                (tables.BOOKMARK_IMAGES, entry.bookmark_slices),
            ):
                if not numbers:
                    continue
                place = self.place(key)
                folder = f"{tree}/{folder_name(place.patient_index, place.study_index, place.series_id)}"
                found += [
                    Picture(f"{folder}/{picture_name(number)}", key, number, entry.series.stored[number])
                    for number in numbers
                ]
        return sorted(found, key=lambda picture: picture.path)

    def place(self, series_key: str) -> Place:
        """The public names of a series."""
        study = self.tree.study_of(series_key)
        patient_index, split = self.identities.patients[study.patient_key]
        return Place(patient_index, self.identities.studies[study.study_key], self.identities.series[series_key], split)

    def _ordered(self, chosen: Sequence[MinedBookmark], before: Sequence[str]) -> list[MinedBookmark]:
        by_uid, earlier = {bookmark.uid: bookmark for bookmark in chosen}, set(before)
        new = [bookmark for bookmark in chosen if bookmark.uid not in earlier]
        return [by_uid[uid] for uid in before] + sorted(new, key=self.tree.place)

    def _new_cells(self, bookmark: MinedBookmark) -> tuple[str, ...]:
        entry = self.selected[bookmark.series_key]
        return tables.bookmark_cells(
            bookmark, entry.series, self.place(bookmark.series_key), in_dl_info=bookmark in entry.lesions
        )

    def _new_row(self, bookmark: MinedBookmark) -> LesionRow:
        series = self.tree.series[bookmark.series_key]
        study, place = self.tree.study_of(bookmark.series_key), self.place(bookmark.series_key)
        coordinates = to_written(bookmark.points)
        box = box_of(coordinates)
        return LesionRow(
            place.patient_index,
            place.study_index,
            place.series_id,
            bookmark.key_slice,
            coordinates,
            box,
            diameters_of(coordinates),
            _location(bookmark, box, series, self.rules),
            coarse_type(bookmark.finding_site),
            0,
            (bookmark.key_slice, bookmark.key_slice),
            written_spacing(series),
            (series.columns, series.rows),
            tuple(as_written(value) for value in bookmark.window),
            study.sex if study.sex in ("M", "F") else "O",
            None if study.age is None else min(study.age, OLDEST_AGE),
            place.split,
        )

    def _study_ranks(self) -> dict[str, int]:
        """Rank in time, from 1, of each released study among its patient's released studies."""
        by_patient: dict[str, list[StudyRow]] = defaultdict(list)
        for key in {
            self.tree.series[key].study_key for key, entry in self.selected.items() if entry.lesions or entry.others
        }:
            by_patient[self.tree.studies[key].patient_key].append(self.tree.studies[key])
        return {
            study.study_key: rank
            for studies in by_patient.values()
            for rank, study in enumerate(sorted(studies, key=lambda row: (row.order, row.study_key)), start=1)
        }


@dataclass(frozen=True)
class Redrafting(Drafting):
    """The rows of the latest release made again; for audit."""

    def lesion_row(self, bookmark: MinedBookmark) -> LesionRow:
        """As published, with names, numbers, geometry and what is computed from it made anew."""
        fresh = self._new_row(bookmark)
        return replace(
            self.published.lesions[bookmark.uid],
            patient_index=fresh.patient_index,
            study_index=fresh.study_index,
            series_id=fresh.series_id,
            key_slice=fresh.key_slice,
            coordinates=fresh.coordinates,
            box=fresh.box,
            diameters=fresh.diameters,
            spacing=fresh.spacing,
            size=fresh.size,
            split=fresh.split,
        )

    def bookmark_cells(self, bookmark: MinedBookmark) -> tuple[str, ...]:
        """Made anew, but for what its text said and for its confidence."""
        published, fresh = self.published.bookmarks[bookmark.uid], self._new_cells(bookmark)
        return (*fresh[:TEXT], published[TEXT], published[CONFIDENCE], *fresh[CONFIDENCE + 1 :])


def _location(
    bookmark: MinedBookmark, box: Sequence[float], series: SeriesRow, rules: ReleaseRules
) -> tuple[float, float, float]:
    """x, y of the box centre relative to the body (to the image where no body was found), and z."""
    if bookmark.facts is not None:
        x, y = bookmark.facts.location
    else:
        x = ((box[0] + box[2]) / 2 - 0.5) / series.columns
        y = ((box[1] + box[3]) / 2 - 0.5) / series.rows
    return as_written(x), as_written(y), float(rules.unknown_location_z)
