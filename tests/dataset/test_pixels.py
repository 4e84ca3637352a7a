"""What a release says of its pixels, and which profile it declares."""

from __future__ import annotations

import pytest

from miner.dataset.pixels import declared, pixel_words
from miner.deid.profile import PROFILE, release_profile


def reviews(**counts: int) -> dict[str, int]:
    return {word: counts.get(word, 0) for word in ("header", "searched", "quarantined", "passed", "rejected")}


@pytest.mark.parametrize(
    ("counts", "clean"),
    [
        ({"searched": 3}, True),
        ({"passed": 2}, True),
        ({"searched": 3, "passed": 2}, True),
        ({"searched": 3, "header": 1}, False),
        ({"searched": 3, "quarantined": 1}, False),
        ({"passed": 3, "rejected": 1}, False),
        ({"header": 4}, False),
        ({}, False),
    ],
    ids=str,
)
def test_clean_pixel_data_is_declared_only_where_every_series_was_looked_at(
    counts: dict[str, int], clean: bool
) -> None:
    codes = [option.code for option in declared(reviews(**counts))]
    assert ("113101" in codes) is clean
    assert codes == sorted(codes)
    assert {"113100", "113103", "113104", "113108"} <= set(codes)


def test_the_fixed_part_is_the_profile() -> None:
    assert release_profile(pixels_clean=False) == PROFILE


def test_the_words_name_what_was_done_and_what_was_not() -> None:
    assert pixel_words(reviews(header=4)).startswith("Pixels: header gate only.")
    assert pixel_words(reviews()).startswith("Pixels: header gate only.")
    mixed = pixel_words(reviews(header=4, searched=5, passed=2, quarantined=1)).replace("\n", " ")
    assert "Of the 12 series 5 were searched for text" in mixed
    assert "2 were passed by a person" in mixed
    assert "4 were judged by their headers only" in mixed
    assert "in 1 text is suspected" in mixed
    assert "Slices further from a bookmark were not searched." in mixed
