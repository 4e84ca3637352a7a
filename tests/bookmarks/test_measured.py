"""Recall and precision over bookmarks in every producer's way of writing, among everything that looks like them.

The axis pairs are real ones (every other official DeepLesion row) and made ones; the writing and the decoys are made.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from miner.records import Bookmark, Encoding, ImageReference, Kind
from tests.annotations import Angle, Line, Pair
from tests.benchmarks import bookmarks as benchmark
from tests.benchmarks.bookmarks import FULL_BOOKMARKS, PER_ENCODING, README_BOOKMARKS, Measured, measure, table
from tests.benchmarks.scoring import is_of_a_decoy_tool, score

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCK = re.compile(r"<!-- measured: bookmarks -->\n(.*?)\n<!-- /measured -->", re.DOTALL)


@pytest.fixture(scope="module")
def measured(shared_data: Path) -> Measured:
    """What the README states; it needs the official rows."""
    official = benchmark.official_rows()
    assert official is not None, "the folder of real test data is there without the official rows"
    return measure(official=official)


def check(measured: Measured) -> None:
    """The goals."""
    assert measured.recall(Kind.RECIST) >= 0.99
    assert measured.precision(Kind.RECIST) >= 0.995
    assert measured.recall(Kind.ARROW) >= 0.98
    assert measured.precision(Kind.ARROW) >= 0.98
    assert measured.decoys_accepted == 0
    assert measured.unaccounted == 0
    assert measured.other_encoding == 0


def test_the_goals_are_met(measured: Measured) -> None:
    check(measured)
    assert measured.drawn.total() >= README_BOOKMARKS
    assert all(measured.of_encoding(encoding) >= PER_ENCODING for encoding in Encoding)


def test_the_readme_states_what_is_measured(measured: Measured) -> None:
    found = BLOCK.search(README.read_text(encoding="utf-8"))
    assert found is not None, "README.md has no block of measured bookmarks"
    assert found[1].strip() == table(measured)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_the_goals_are_met_with_other_seeds(shared_data: Path, seed: int) -> None:
    check(measure(seed=seed, bookmarks=FULL_BOOKMARKS, official=benchmark.official_rows()))


# ---------------------------------------------------------------------------------------------- the measure measures

IMAGE = ImageReference("1.2", "1.2.3")
PAIR = Pair(((10.0, 10.0), (30.0, 10.0)), ((20.0, 5.0), (20.0, 15.0)))


def bookmark(kind: Kind, *points: tuple[float, float]) -> Bookmark:
    return Bookmark(kind, IMAGE, points, Encoding.GSPS_POLYLINE, 0.9)


def test_an_encoding_that_nobody_writes_is_no_endless_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    able = [writer for writer in benchmark.writers() if writer.name != "weasis-model"]
    monkeypatch.setattr(benchmark, "writers", lambda: able)
    with pytest.raises(ValueError, match="private-model"):
        measure(bookmarks=1)


def test_each_bookmark_counts_for_one_drawing() -> None:
    twice = [bookmark(Kind.RECIST, *PAIR.long, *PAIR.short)] * 2
    result = score([PAIR], twice, 1e-3)
    assert (len(result.found), len(result.missed), len(result.false)) == (1, 0, 1)


def test_a_pair_beside_its_place_is_missed_and_false() -> None:
    moved = [(x + 0.01, y) for x, y in (*PAIR.long, *PAIR.short)]
    result = score([PAIR], [bookmark(Kind.RECIST, *moved)], 1e-3)
    assert (len(result.found), len(result.missed), len(result.false)) == (0, 1, 1)


def test_a_pair_that_stays_two_lines_is_missed_and_twice_false() -> None:
    result = score([PAIR], [bookmark(Kind.LINE, *PAIR.long), bookmark(Kind.LINE, *PAIR.short)], 1e-3)
    assert (len(result.found), len(result.missed), len(result.false)) == (0, 1, 2)


def test_rulers_that_cross_are_told_apart_from_pairs_that_were_made_up() -> None:
    rulers = [Line(PAIR.long), Line(PAIR.short)]
    read = bookmark(Kind.RECIST, *PAIR.long, *PAIR.short)
    assert score(rulers, [read], 1e-3).crossing == (read,)
    apart = [Line(PAIR.long), Line(((20.0, 50.0), (20.0, 60.0)))]
    made_up = bookmark(Kind.RECIST, *PAIR.long, (20.0, 50.0), (20.0, 60.0))
    result = score(apart, [made_up], 1e-3)
    assert (result.crossing, result.false, len(result.missed)) == ((), (made_up,), 2)


def test_a_side_of_an_angle_is_no_lesion() -> None:
    angle = Angle((10.0, 10.0), (30.0, 10.0), (20.0, 30.0))
    ruler = Line(((20.0, 5.0), (20.0, 15.0)))
    assert is_of_a_decoy_tool(bookmark(Kind.RECIST, *PAIR.long, *PAIR.short), [angle, ruler], 1e-3)
    assert not is_of_a_decoy_tool(bookmark(Kind.RECIST, *PAIR.long, *PAIR.short), [PAIR], 1e-3)


def test_what_a_broken_reader_would_do_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lesions a pixel aside: no recall, no precision."""
    lesion = benchmark.score

    def shifted(drawn: list[object], found: list[Bookmark], tolerance: float) -> object:
        aside = [bookmark(b.kind, *((x + 1.6, y) for x, y in b.points)) for b in found]
        return lesion(drawn, aside, tolerance)  # type: ignore[arg-type]

    monkeypatch.setattr(benchmark, "score", shifted)
    monkeypatch.setattr(benchmark, "PER_ENCODING", 0)
    found = measure(bookmarks=60)
    assert found.drawn[Encoding.GSPS_POLYLINE, Kind.RECIST] > 0
    assert found.recall(Kind.RECIST) == 0
    assert found.precision(Kind.RECIST) == 0


def test_the_same_seed_gives_the_same_table_and_another_seed_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "PER_ENCODING", 0)
    first, second, other = (table(measure(seed=seed, bookmarks=120)) for seed in (5, 5, 6))
    assert first == second != other
