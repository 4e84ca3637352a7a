"""miner.dataset.withdrawn: what a release says of withdrawals, and where rows have gone."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from miner.catalogue.rows import PublishedRow, WithdrawalRow
from miner.dataset.withdrawn import Withdrawals, withdrawals_of
from miner.errors import ChainError

NOBODY = Withdrawals(moved_rows={"DL_info.csv": (), "bookmarks.csv": ()})


def tombstone(
    number: int, *, lesions: int = 0, bookmarks: int = 0, releases: tuple[int, ...] = (1,), told_in: int | None = None
) -> WithdrawalRow:
    """Of a patient with the index ten times its number, where a release holds them."""
    counts = {"studies": 1, "DL_info.csv": lesions, "bookmarks.csv": bookmarks}
    return WithdrawalRow(number, f"key {number}", 10 * number if releases else None, releases, counts, True, told_in)


def rows(table: str, places: Iterable[int]) -> list[PublishedRow]:
    return [PublishedRow(table, place, f"{table} {place}", ()) for place in places]


def test_without_withdrawals_there_is_nothing_to_say() -> None:
    found = withdrawals_of((), rows("DL_info", range(3)) + rows("bookmarks", range(5)))
    assert found == NOBODY
    assert found.words == ""
    assert found.plain() == {
        "withdrawals": [],
        "withdrawn_in_all": 0,
        "moved_rows": {"DL_info.csv": [], "bookmarks.csv": []},
    }


def test_two_patients_between_two_releases() -> None:
    """The rows 1 and 3 of one table went, 0, 4 and the last of the other: each hole moves what is behind it."""
    left = rows("bookmarks", (5, 1, 2, 3)) + rows("DL_info", (0, 2, 4))
    found = withdrawals_of([tombstone(2, lesions=1, bookmarks=2), tombstone(1, lesions=1, bookmarks=1)], left)
    assert found.moved_rows == {
        "DL_info.csv": ((2, 1), (4, 2)),
        "bookmarks.csv": ((1, 0), (2, 1), (3, 2), (5, 3)),
    }
    assert [(entry.patient_index, entry.releases, dict(entry.rows)) for entry in found.told] == [
        (10, (1,), {"DL_info.csv": 1, "bookmarks.csv": 1}),
        (20, (1,), {"DL_info.csv": 1, "bookmarks.csv": 2}),
    ]
    assert "2 patients were withdrawn" in found.words


def test_what_was_told_is_counted_and_not_told_again() -> None:
    found = withdrawals_of([tombstone(1, bookmarks=3, told_in=2)], rows("bookmarks", range(4)))
    assert (found.told, found.in_all, found.released) == ((), 1, 1)
    assert found.moved_rows == NOBODY.moved_rows
    assert "1 patient was withdrawn" in found.words


def test_of_a_patient_of_no_release_only_the_number_is_said() -> None:
    found = withdrawals_of([tombstone(1, releases=())], rows("bookmarks", range(2)))
    assert (found.told, found.in_all, found.released, found.words) == ((), 1, 0, "")


def test_a_record_number_under_every_issuer_is_no_person() -> None:
    number = WithdrawalRow(2, "key", None, (), {"every_issuer": 1}, True, None, every_issuer=True, person=False)
    assert withdrawals_of([tombstone(1), number], ()).in_all == 1


def test_holes_that_nobodys_withdrawal_has_left_are_a_fault() -> None:
    with pytest.raises(ChainError, match="audit verify"):
        withdrawals_of([tombstone(1, bookmarks=1)], rows("bookmarks", (0, 3)))
    with pytest.raises(ChainError, match="audit verify"):
        withdrawals_of([tombstone(1, bookmarks=5, told_in=2)], rows("bookmarks", (1, 2)))
