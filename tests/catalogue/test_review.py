"""What is known of text in a series' pixels: how it is written down, and what a further search makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.catalogue.review import findings_json, reviewed, searched_slices
from miner.catalogue.rows import held_for
from miner.errors import Reason
from miner.records import PixelReview, SearchedSlice

BOX = (1, 2, 3, 4)
CLEAN, FOUND, FAILED = SearchedSlice(7), SearchedSlice(8, (BOX,)), SearchedSlice(9, failed=True)

boxes = st.lists(st.tuples(*[st.integers(0, 4096)] * 4), max_size=3).map(tuple)
slices = st.builds(SearchedSlice, st.integers(1, 999), boxes) | st.builds(
    SearchedSlice, st.integers(1, 999), failed=st.just(True)
)


@given(st.lists(slices, unique_by=lambda entry: entry.number))
def test_what_is_written_down_comes_back(searched: list[SearchedSlice]) -> None:
    assert list(searched_slices(findings_json(searched))) == sorted(searched, key=lambda entry: entry.number)


def after(was: str, before: list[SearchedSlice], new: list[SearchedSlice], keys: set[int]) -> str:
    old: dict[str, Any] = {"pixel_review": was, "pixel_findings": findings_json(before)}
    values = reviewed(dict(old), old, new, keys)
    assert {entry.number for entry in searched_slices(values["pixel_findings"])} >= {entry.number for entry in new}
    return str(values["pixel_review"])


@pytest.mark.parametrize(
    ("was", "before", "new", "keys", "now"),
    [
        ("header", [], [], {7}, "header"),
        ("header", [], [CLEAN], {7}, "searched"),
        ("header", [], [CLEAN], {7, 12}, "header"),
        ("header", [], [CLEAN, FOUND], {7}, "quarantined"),
        ("header", [], [FAILED], {9}, "quarantined"),
        ("searched", [CLEAN], [], {7}, "searched"),
        ("searched", [CLEAN], [], {7, 12}, "header"),
        ("searched", [CLEAN], [FOUND], {7, 8}, "quarantined"),
        ("quarantined", [FOUND], [CLEAN], {7}, "quarantined"),
        ("quarantined", [FAILED], [SearchedSlice(9)], {9}, "searched"),
        ("quarantined", [FAILED], [SearchedSlice(9, (BOX,))], {9}, "quarantined"),
        ("quarantined", [], [CLEAN], {7}, "quarantined"),  # it waits for what an earlier decision said
        ("passed", [FOUND], [CLEAN], {7, 8}, "passed"),
        ("passed", [FOUND], [FOUND], {8}, "passed"),
        ("passed", [FOUND], [FAILED], {8, 9}, "quarantined"),
        ("passed", [CLEAN], [FOUND], {7, 8}, "quarantined"),
        ("passed", [], [], {7}, "passed"),
        ("rejected", [FOUND], [CLEAN], {7}, "rejected"),
        ("rejected", [], [FOUND], {8}, "rejected"),
    ],
)
def test_what_a_further_search_makes_of_it(
    was: str, before: list[SearchedSlice], new: list[SearchedSlice], keys: set[int], now: str
) -> None:
    assert after(was, before, new, keys) == now


@pytest.mark.parametrize(
    ("review", "searched", "reason"),
    [
        ("header", [FOUND], None),
        ("searched", [CLEAN], None),
        ("passed", [FOUND], None),
        ("quarantined", [FOUND], Reason.TEXT_IN_PIXELS),
        ("quarantined", [FOUND, FAILED], Reason.TEXT_IN_PIXELS),
        ("quarantined", [FAILED, CLEAN], Reason.TEXT_SEARCH_FAILED),
        ("quarantined", [], Reason.TEXT_IN_PIXELS),
        ("rejected", [], Reason.REVIEW_REJECTED),
    ],
)
def test_why_a_series_is_held(review: str, searched: list[SearchedSlice], reason: Reason | None) -> None:
    assert held_for(PixelReview(review), searched) is reason
