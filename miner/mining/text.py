"""The search for text in the pixels of what a series gives, from the image store: what is searched is what leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from miner.deid.text_search import find_text
from miner.errors import MinerError
from miner.images import decode_png
from miner.records import SearchedSlice


def search_slices(
    folder: Path, numbers: Iterable[int], check: Callable[[], None] = lambda: None
) -> tuple[SearchedSlice, ...]:
    """Search stored slices of one series for text.

    Args:
        folder: the series' folder in the image store.
        numbers: slice numbers, from 1.
        check: called before each slice; raises what ends the run.

    Whatever goes wrong with a slice, it counts as suspicious: the search fails closed.
    """
    found = []
    for number in sorted(set(numbers)):
        check()
        found.append(_search(folder / f"{number:03d}.png", number))
    return tuple(found)


def around(keys: Iterable[int], neighbours: int) -> set[int]:
    """Key slices with ``neighbours`` on each side."""
    return {number for key in keys for number in range(key - neighbours, key + neighbours + 1)}


def _search(path: Path, number: int) -> SearchedSlice:
    try:
        return SearchedSlice(number, find_text(decode_png(path.read_bytes())))
    except (MinerError, OSError, ValueError):
        return SearchedSlice(number, failed=True)
