"""Patient_index and split, as releases give them to 10,000 made-up patients, follow nothing that is known of them.

The patients have record numbers in a row and come the later the higher their number, as in a hospital: a number given
in order of discovery, or drawn from anything but the keyed surrogate, would follow both.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from miner.catalogue.rows import PatientRow, SeriesRow, StudyRow
from miner.dataset.identities import Tree, give
from miner.deid import Surrogates
from miner.records import PatientRef

COUNT = 10_000
SURROGATES = Surrogates(bytes(range(32)))
LARGEST_CORRELATION = 0.05
"""Of two rankings of 10,000 that have nothing in common, one in two million reaches it: its deviation is 0.01."""


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation, ties at their mean rank."""
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def ranks(values: Sequence[float]) -> npt.NDArray[np.float64]:
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], dtype=np.float64)


class Registry:
    """Patients as a hospital has numbered them, and the numbers that releases have given them so far."""

    def __init__(self, block: tuple[int, int]) -> None:
        self.block = block
        self.keys = [SURROGATES.patient(PatientRef(f"{4_711_000 + number:08d}", "W"), "") for number in range(COUNT)]
        random = np.random.default_rng(20_260_101)
        self.first_days = np.sort(random.integers(0, 9_000, COUNT)) + random.integers(0, 200, COUNT)
        self.given: dict[str, tuple[int, int]] = {}

    def release(self, numbers: Iterable[int]) -> None:
        """One release with these patients, and all before them; each has a study with one series."""
        new = list(numbers)
        keys = [*self.given, *(self.keys[number] for number in new)]
        patients = {key: PatientRow(key, *self.given.get(key, (None, None))) for key in keys}
        orders = {self.keys[number]: int(self.first_days[number]) * 86_400 for number in new}
        studies = {f"s{key}": _study(key, orders.get(key, 0), known=key in self.given) for key in keys}
        series = {f"v{key}": _series(key, known=key in self.given) for key in keys}
        identities = give(Tree(patients, studies, series), list(series), self.block)
        assert identities.patients.items() >= self.given.items(), "what was given stays"
        self.given.update(identities.new_patients)

    @property
    def indices(self) -> list[int]:
        """Patient_index in the order of record numbers."""
        return [self.given[key][0] for key in self.keys]


def _study(key: str, order: int, *, known: bool) -> StudyRow:
    return StudyRow(f"s{key}", key, order, "F", 50, 1 if known else None)


def _series(key: str, *, known: bool) -> SeriesRow:
    size, rules = (64, 64), ("hu+32768", "")
    return SeriesRow(
        f"v{key}", f"s{key}", "CT", 9, (1.0, 1.0, 1.0), None, None, *size, *rules, (), 1 if known else None, {}
    )


BLOCKS = {"wide": (1, 999_999), "nearly full": (1, COUNT + 50), "full": (500_001, 500_000 + COUNT)}


CASES = (("wide", 1), ("wide", 6), ("nearly full", 1), ("nearly full", 6), ("full", 6))
"""A block, and over how many releases the patients come."""


@pytest.fixture(scope="module", params=CASES, ids=str)
def registry(request: pytest.FixtureRequest) -> Registry:
    """All patients released, in one release or in as many as there are nights, in the order they came."""
    block, nights = request.param
    registry = Registry(BLOCKS[block])
    for batch in np.array_split(np.argsort(registry.first_days, kind="stable"), nights):
        registry.release(int(number) for number in batch)
    return registry


def test_each_patient_has_a_number_of_the_block(registry: Registry) -> None:
    assert len(set(registry.indices)) == COUNT
    assert registry.block[0] <= min(registry.indices) and max(registry.indices) <= registry.block[1]


def test_the_number_follows_neither_record_number_nor_first_date(registry: Registry) -> None:
    record_numbers = list(range(COUNT))
    assert spearman(record_numbers, registry.first_days) > 0.9, "they follow each other"
    assert abs(spearman(registry.indices, record_numbers)) < LARGEST_CORRELATION
    assert abs(spearman(registry.indices, registry.first_days)) < LARGEST_CORRELATION


def test_neighbours_by_record_number_are_no_neighbours_by_index(registry: Registry) -> None:
    assert abs(spearman(registry.indices[1:], registry.indices[:-1])) < LARGEST_CORRELATION


def test_the_split_is_seventy_fifteen_fifteen_and_follows_nothing(registry: Registry) -> None:
    """Within four standard deviations of a binomial count, which one run in fifteen thousand leaves by chance."""
    splits = [registry.given[key][1] for key in registry.keys]
    counts = Counter(splits)
    for split, share in ((1, 0.70), (2, 0.15), (3, 0.15)):
        assert abs(counts[split] - COUNT * share) < 4 * math.sqrt(COUNT * share * (1 - share))
    assert abs(spearman(splits, range(COUNT))) < LARGEST_CORRELATION
    assert abs(spearman(splits, registry.indices)) < LARGEST_CORRELATION


def test_spearman_is_measured_rightly() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 1, 2], [1, 2, 2]) == pytest.approx(0.5)
