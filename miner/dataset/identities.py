"""Patient_index, Study_index, Series_ID and the order of rows: given once, by one canonical pass, and kept for ever.

The pass goes over what is new in a release: patients in keyed order; a patient's studies by time, then keyed UID;
series by keyed UID; then key slice, then uid. When a study was found or mined has no say, so the same key, the same
PACS content and the same sequence of releases give the same numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from miner.catalogue.rows import PatientRow, ReleaseContent, SeriesRow, StudyRow
from miner.deid import patient_sequence, split_of
from miner.errors import ChainError, UsageError
from miner.records import MinedBookmark

CanonicalKey = tuple[str, int, str, str, int, str]


@dataclass(frozen=True, slots=True)
class Identities:
    """Every number of a release, the earlier ones included, and what it gives newly (for the publication)."""

    patients: Mapping[str, tuple[int, int]]
    studies: Mapping[str, int]
    series: Mapping[str, int]
    new_patients: Mapping[str, tuple[int, int]]
    new_studies: Mapping[str, int]
    new_series: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tree:
    """Patients, studies and series of the catalogue by key: from a bookmark to where it belongs."""

    patients: Mapping[str, PatientRow]
    studies: Mapping[str, StudyRow]
    series: Mapping[str, SeriesRow]

    @classmethod
    def of(cls, content: ReleaseContent) -> Tree:
        """Index the content. Raises ChainError where a bookmark, series or study hangs in the air."""
        tree = cls(
            {row.patient_key: row for row in content.patients},
            {row.study_key: row for row in content.studies},
            {row.series_key: row for row in content.series},
        )
        if (
            any(row.series_key not in tree.series for row in content.bookmarks)
            or any(row.study_key not in tree.studies for row in content.series)
            or any(row.patient_key not in tree.patients for row in content.studies)
            or len({row.uid for row in content.bookmarks}) != len(content.bookmarks)
        ):
            raise ChainError("The catalogue's rows do not fit together: run `miner audit verify`.")
        return tree

    def study_of(self, series_key: str) -> StudyRow:
        """The study that a series belongs to."""
        return self.studies[self.series[series_key].study_key]

    def place(self, bookmark: MinedBookmark) -> CanonicalKey:
        """Sorting key of the canonical pass."""
        study = self.study_of(bookmark.series_key)
        return (
            study.patient_key,
            study.order,
            study.study_key,
            bookmark.series_key,
            bookmark.key_slice,
            bookmark.uid,
        )


def give(
    tree: Tree, series_keys: Collection[str], block: tuple[int, int], indices_given: Collection[int] = ()
) -> Identities:
    """Number everything that a release with these series holds.

    Args:
        tree: what the catalogue has, with the numbers that earlier releases gave.
        series_keys: the series with a row in the release.
        block: first and last Patient_index of the site.
        indices_given: every Patient_index that was given, also to patients who have nothing any more.

    Raises:
        UsageError: the site's block of patient indices is used up.
    """
    studies = [tree.studies[key] for key in {tree.series[key].study_key for key in series_keys}]
    new_patients = _new_patients(tree, {study.patient_key for study in studies}, block, indices_given)
    new_studies = _counted_on(
        given=((row.patient_key, row.study_index) for row in tree.studies.values()),
        new=(
            (row.patient_key, row.study_key)
            for row in sorted(studies, key=lambda row: (row.order, row.study_key))
            if row.study_index is None
        ),
    )
    new_series = _counted_on(
        given=((row.study_key, row.series_id) for row in tree.series.values()),
        new=((tree.series[key].study_key, key) for key in sorted(series_keys) if tree.series[key].series_id is None),
    )
    return Identities(
        {**_patients_so_far(tree), **new_patients},
        {**{key: row.study_index for key, row in tree.studies.items() if row.study_index is not None}, **new_studies},
        {**{key: row.series_id for key, row in tree.series.items() if row.series_id is not None}, **new_series},
        new_patients,
        new_studies,
        new_series,
    )


def _patients_so_far(tree: Tree) -> dict[str, tuple[int, int]]:
    return {
        key: (row.patient_index, row.split)
        for key, row in tree.patients.items()
        if row.patient_index is not None and row.split is not None
    }


def _new_patients(
    tree: Tree, wanted: Collection[str], block: tuple[int, int], indices_given: Collection[int]
) -> dict[str, tuple[int, int]]:
    """Each new patient, in keyed order, takes the first free number of its own keyed sequence."""
    given = _patients_so_far(tree)
    taken = {index for index, _ in given.values()} | set(indices_given)
    new = [key for key in sorted(wanted) if key not in given]
    free = block[1] - block[0] + 1 - sum(block[0] <= index <= block[1] for index in taken)
    if len(new) > free:
        raise UsageError(
            f"{len(new)} new patients need a number; the site's block, [site] patient_index_range, has {free} left. "
            "A block stays as it is once numbers were given from it: mine again in a new project with a wider one."
        )
    numbered: dict[str, tuple[int, int]] = {}
    for key in new:
        index = next(index for index in patient_sequence(key, *block) if index not in taken)
        taken.add(index)
        numbered[key] = (index, split_of(key))
    return numbered


def _counted_on(*, given: Iterable[tuple[str, int | None]], new: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Numbers for new (parent, child) pairs in their order, going on after each parent's highest."""
    highest: Counter[str] = Counter()
    for parent, number in given:
        highest[parent] = max(highest[parent], number or 0)
    numbered = {}
    for parent, child in new:
        highest[parent] += 1
        numbered[child] = highest[parent]
    return numbered
