"""Creation as a text that sorts."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from miner.bookmarks.dates import created


@pytest.mark.parametrize(
    ("date", "time", "found"),
    [
        ("20240102", "030405.678", "20240102030405678000"),
        ("2024.01.02", "03:04:05", "20240102030405000000"),
        ("20240102", "0304", "20240102030400000000"),
        ("20240102", "", "20240102"),
        ("20240102", "3", "20240102"),
        ("20240102", "noon", "20240102"),
        ("20240102", "030405.١٢", "20240102030405000000"),
        ("2024", "030405", ""),
        ("", "030405", ""),
    ],
)
def test_dates_and_times(date: str, time: str, found: str) -> None:
    document = Dataset()
    document.ContentDate, document.ContentTime = date, time
    assert created(document) == found


def test_the_first_kind_that_has_a_date() -> None:
    document = Dataset()
    document.InstanceCreationDate, document.InstanceCreationTime = "20200101", "000000"
    assert created(document) == "20200101000000000000"
    document.ContentDate, document.ContentTime = "20210101", ""
    assert created(document) == "20210101"
    assert created(document, ("Presentation",)) == ""
