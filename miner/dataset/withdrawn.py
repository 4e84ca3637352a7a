"""What a release says of patients who were withdrawn, and where the rows of the others have gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from miner.catalogue.rows import PublishedRow, WithdrawalRow
from miner.errors import ChainError

FILES = {"DL_info": "DL_info.csv", "bookmarks": "bookmarks.csv"}
"""Tables of published rows, and the files that they are."""


@dataclass(frozen=True, slots=True)
class Told:
    """A patient whom earlier releases hold and no release holds any more.

    ``releases``: numbers of those that do; ``rows``: how many rows each CSV lost.
    """

    patient_index: int | None
    releases: tuple[int, ...]
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """What a release says of withdrawals.

    ``told``: patients of earlier releases of whom no release has told yet, by Patient_index. ``in_all``: everybody
    withdrawn since the catalogue was made, in a release or not. ``released``: of them, those whom some release held.
    ``moved_rows``: file name → (old, new) row of each row that moved up, from 0.
    """

    told: tuple[Told, ...] = ()
    in_all: int = 0
    released: int = 0
    moved_rows: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """The entries of release.json."""
        return {
            "withdrawals": [
                {"patient_index": entry.patient_index, "releases": list(entry.releases), "rows": dict(entry.rows)}
                for entry in self.told
            ],
            "withdrawn_in_all": self.in_all,
            "moved_rows": {name: [list(pair) for pair in pairs] for name, pairs in self.moved_rows.items()},
        }

    @property
    def words(self) -> str:
        """The card's sentence; empty while no patient of a release was withdrawn."""
        if not self.released:
            return ""
        who = "1 patient was" if self.released == 1 else f"{self.released} patients were"
        return (
            f"\n{who} withdrawn since the first release: nothing of them is here, and their numbers are not given "
            "again. Releases that\nhold them must not be used or given away any more; `release.json` of the release "
            "that followed names these under\n`withdrawals`, and under `moved_rows` where the rows behind theirs have "
            "gone.\n"
        )


def withdrawals_of(withdrawals: Iterable[WithdrawalRow], published: Iterable[PublishedRow]) -> Withdrawals:
    """What the next release says.

    Args:
        withdrawals: every tombstone.
        published: the published rows as the catalogue has them, with the holes that withdrawn patients have left.

    Raises ChainError where there are more holes than withdrawn rows.
    """
    people = [row for row in withdrawals if row.person]
    return Withdrawals(
        told=tuple(
            Told(row.patient_index, row.releases, _rows(row))
            for row in sorted(people, key=lambda row: (row.patient_index or 0, row.number))
            if row.releases and row.told_in is None
        ),
        in_all=len(people),
        released=sum(bool(row.releases) for row in people),
        moved_rows=_moved(published, _untold(people)),
    )


def _untold(people: Iterable[WithdrawalRow]) -> Counter[str]:
    """Rows that went and that no release has told of, by file."""
    lost: Counter[str] = Counter()
    for row in people:
        if row.told_in is None:
            lost.update(_rows(row))
    return lost


def _rows(row: WithdrawalRow) -> dict[str, int]:
    return {file: row.counts.get(file, 0) for file in FILES.values()}


def _moved(published: Iterable[PublishedRow], lost: Mapping[str, int]) -> dict[str, tuple[tuple[int, int], ...]]:
    places: dict[str, list[int]] = {table: [] for table in FILES}
    for row in published:
        places[row.table].append(row.position)
    moved = {}
    for table, file in FILES.items():
        old = sorted(places[table])
        if old and old[-1] + 1 - len(old) > lost[file]:
            raise ChainError("The catalogue's published rows are not complete: run `miner audit verify`.")
        moved[file] = tuple((was, now) for now, was in enumerate(old) if was != now)
    return moved
