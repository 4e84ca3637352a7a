from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.deid import Surrogates, patient_sequence, split_of
from miner.records import PatientRef

KEY = bytes(range(32))
keys = st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(keys, st.integers(1, 999), st.integers(1, 400))
def test_the_walk_visits_every_index_of_the_block_and_goes_on(key: str, first: int, size: int) -> None:
    last = first + size - 1
    walk = list(islice(patient_sequence(key, first, last), 2 * size))
    assert sorted(walk[:size]) == list(range(first, last + 1))
    assert walk[size:] == walk[:size]
    assert walk == list(islice(patient_sequence(key, first, last), 2 * size))


def test_an_empty_block_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        patient_sequence("00" * 16, 5, 4)


def test_walks_of_two_patients_that_meet_part_again() -> None:
    walks: dict[int, list[int]] = {}
    met = parted = 0
    for number in range(2_000):
        first, second = islice(patient_sequence(f"{number:032x}", 1, 997), 2)
        for other in walks.get(first, []):
            met += 1
            parted += other != second
        walks.setdefault(first, []).append(second)
    assert met > 1_000
    assert parted / met > 0.99


def test_the_index_does_not_follow_the_record_number() -> None:
    """Spearman's rank correlation of record number and first index, over 10,000 patients."""
    surrogates = Surrogates(KEY)
    patients = [surrogates.patient(PatientRef(f"{number:08d}"), "") for number in range(10_000)]
    indices = np.array([next(patient_sequence(patient, 1, 999_999)) for patient in patients])
    ranks = indices.argsort().argsort()
    assert abs(np.corrcoef(np.arange(10_000), ranks)[0, 1]) < 0.05
    assert indices.min() < 1_000 and indices.max() > 998_000


def test_splits_are_seventy_fifteen_fifteen() -> None:
    surrogates = Surrogates(KEY)
    count = 20_000
    splits = Counter(split_of(surrogates.patient(PatientRef(str(number)), "")) for number in range(count))
    assert sorted(splits) == [1, 2, 3]
    assert splits[1] / count == pytest.approx(0.70, abs=0.015)
    assert splits[2] / count == pytest.approx(0.15, abs=0.012)
    assert splits[3] / count == pytest.approx(0.15, abs=0.012)


def test_published_indices_and_splits_never_change() -> None:
    """Numbers that releases have been made with: if this fails, existing datasets come apart."""
    key = "0123456789abcdef0123456789abcdef"
    assert list(islice(patient_sequence(key, 1, 999_999), 3)) == PINNED_WALK
    assert [split_of(f"{number:032x}") for number in range(12)] == PINNED_SPLITS


PINNED_WALK = [492271, 625238, 758205]
PINNED_SPLITS = [1, 1, 1, 3, 1, 1, 1, 1, 2, 1, 2, 1]
