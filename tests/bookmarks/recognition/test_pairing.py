"""Pairs among lines: geometry decides, drawing order and groups help, doubtful lines stay single."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks import ACCEPTANCE, recognise
from miner.bookmarks.geometry import Grid
from miner.bookmarks.recognition.matching import MAX_CONTEST
from miner.bookmarks.recognition.pairing import pair_axes, weigh
from miner.bookmarks.recognition.segments import Segment, segments
from miner.records import Bookmark, Doubt, Encoding, ImageReference, Kind, Mark, Measurement, Point, Shape, Unit
from tests.annotations.scenes import random_pair

GRID = Grid(512, 512, (1.0, 1.0))
REFERENCE = ImageReference("1.2", "1.2.3")
Ends = tuple[Point, Point]


def drawn(
    *lines: Ends, texts: Sequence[Sequence[float]] = (), items: Sequence[int] = (), tools: Sequence[str] = ()
) -> list[Mark]:
    return [
        Mark(
            Shape.LINE,
            REFERENCE,
            ends,
            Encoding.GSPS_POLYLINE,
            i,
            item=items[i] if items else i,
            layer=1,
            tool=tools[i] if tools else "",
            texts=tuple(Measurement(v, Unit.MM) for v in texts[i]) if texts else (),
        )
        for i, ends in enumerate(lines)
    ]


def bookmarks(marks: Sequence[Mark]) -> tuple[Bookmark, ...]:
    return recognise(marks, columns=512, rows=512, pixel_spacing=(1.0, 1.0)).bookmarks


def kinds(marks: Sequence[Mark]) -> list[Kind]:
    return [bookmark.kind for bookmark in bookmarks(marks)]


def cross(
    angle: float, *, long: float = 40.0, short: float = 25.0, at: float = 0.5, shift: float = 0.5
) -> tuple[Ends, Ends]:
    """A long axis along x through (200, 200), a short one at ``angle`` to it; where they cross, as a part of each."""
    a = (200 - at * long, 200.0), (200 + (1 - at) * long, 200.0)
    u = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    b = (200 - shift * short * u[0], 200 - shift * short * u[1])
    return a, (b, (b[0] + short * u[0], b[1] + short * u[1]))


def turned(ends: Ends, turn: float, by: Point) -> Ends:
    c, s = math.cos(turn), math.sin(turn)
    moved = [
        (256 + c * (x - 200) - s * (y - 200) + by[0], 256 + s * (x - 200) + c * (y - 200) + by[1]) for x, y in ends
    ]
    return (moved[0], moved[1])


# --------------------------------------------------------------------------------------------------------- invariance


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    turn=st.floats(0, 2 * math.pi),
    by=st.tuples(st.floats(-120, 120), st.floats(-120, 120)),
    swaps=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_a_careful_pair_is_found_however_it_lies(
    seed: int, turn: float, by: Point, swaps: tuple[bool, bool, bool]
) -> None:
    """Rotation, translation, which end or which axis was drawn first: none of it matters."""
    pair = random_pair(np.random.default_rng(seed), size=400.0, margin=199.0)
    long, short = turned(pair.long, turn, by), turned(pair.short, turn, by)
    lines = [long[::-1] if swaps[0] else long, short[::-1] if swaps[1] else short]
    (bookmark,) = bookmarks(drawn(*(lines[::-1] if swaps[2] else lines)))
    assert bookmark.kind is Kind.RECIST
    assert set(bookmark.points[:2]) == set(long)
    assert set(bookmark.points[2:]) == set(short)
    assert bookmark.length_mm == pytest.approx(math.dist(*pair.long))
    assert bookmark.confidence >= ACCEPTANCE


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_sequence_does_not_matter(seed: int) -> None:
    random = np.random.default_rng(seed)
    pairs = [random_pair(random) for _ in range(4)]
    lines = [ends for pair in pairs for ends in (pair.long, pair.short)]
    marks = drawn(*lines)
    expected = recognise(marks, columns=512, rows=512, pixel_spacing=(0.8, 0.6))
    for _ in range(3):
        shuffled = [marks[i] for i in random.permutation(len(marks))]
        assert recognise(shuffled, columns=512, rows=512, pixel_spacing=(0.8, 0.6)) == expected


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_evidence_is_the_same_either_way_round(seed: int) -> None:
    pair = random_pair(np.random.default_rng(seed))
    a, b = segments(drawn(pair.long, pair.short), GRID)
    assert weigh(a, b, [a, b]) == weigh(b, a, [a, b])


# ------------------------------------------------------------------------------------------------------- the evidence


@pytest.mark.parametrize(
    ("angle", "labelled", "expected"),
    [(90, False, True), (76, False, True), (66, True, True), (64, False, False), (55, True, False), (30, True, False)],
)
def test_oblique_pairs_need_their_texts(angle: float, labelled: bool, expected: bool) -> None:
    marks = drawn(*cross(angle), texts=((40,), (25,)) if labelled else ())
    assert (kinds(marks) == [Kind.RECIST]) is expected


def test_an_oblique_pair_is_flagged() -> None:
    (bookmark,) = bookmarks(drawn(*cross(66), texts=((40,), (25,))))
    assert bookmark.doubts == (Doubt.ANGLE,)


@pytest.mark.parametrize(("at", "shift"), [(0.0, 0.5), (0.5, 0.0), (0.5, -0.2), (0.0, 0.0), (1.3, 0.5)])
def test_t_l_and_lines_that_miss_are_no_pair(at: float, shift: float) -> None:
    assert kinds(drawn(*cross(90, at=at, shift=shift))) == [Kind.LINE, Kind.LINE]


def test_a_near_miss_is_a_pair_when_all_else_speaks_for_it() -> None:
    """Official rows have a few: the short axis stops just before the long one."""
    (bookmark,) = bookmarks(drawn(*cross(90, shift=-0.01), texts=((40, 25), ()), items=(0, 0)))
    assert (bookmark.kind, bookmark.doubts) == (Kind.RECIST, (Doubt.NO_CROSSING,))


@pytest.mark.parametrize(("short", "expected"), [(25.0, True), (9.0, True), (3.9, False), (1.9, False)])
def test_a_short_axis_below_a_tenth_is_a_tick(short: float, expected: bool) -> None:
    found = kinds(drawn(*cross(90, short=short)))
    assert found == ([Kind.RECIST] if expected else [Kind.LINE])


def test_a_narrow_pair_is_flagged() -> None:
    (bookmark,) = bookmarks(drawn(*cross(90, long=60, short=11), texts=((60,), (11,))))
    assert Doubt.AXIS_RATIO in bookmark.doubts


def test_texts_that_agree_raise_confidence_and_texts_that_differ_lower_it() -> None:
    plain, agreeing, differing = (
        bookmarks(drawn(*cross(85), texts=texts))[0] for texts in ((), ((40,), (25,)), ((33,), (17,)))
    )
    assert differing.confidence < plain.confidence < agreeing.confidence
    assert differing.doubts == (Doubt.TEXT_MISMATCH,)
    assert agreeing.text_mm == 40


@pytest.mark.parametrize("texts", [((40, 25), ()), ((), (40, 25)), ((25,), (40,)), ((25, 40), ())])
def test_texts_of_a_pair_are_pooled(texts: Sequence[Sequence[float]]) -> None:
    """``40 x 25 mm`` beside one line; or each text tied to the other line, as nearness at a crossing does."""
    (bookmark,) = bookmarks(drawn(*cross(85), texts=texts, items=(0, 0)))
    assert (bookmark.text_mm, bookmark.doubts) == (40, ())


def test_a_text_of_the_short_axis_alone_is_not_the_long_one_s() -> None:
    (bookmark,) = bookmarks(drawn(*cross(85), texts=((), (25,))))
    assert (bookmark.kind, bookmark.text_mm, bookmark.doubts) == (Kind.RECIST, None, ())


def test_a_mismatch_on_the_long_axis_is_flagged() -> None:
    (bookmark,) = bookmarks(drawn(*cross(85), texts=((33,), (25,))))
    assert Doubt.TEXT_MISMATCH in bookmark.doubts
    assert bookmark.text_mm == 33


def test_two_named_tools_speak_against_and_a_bidirectional_tool_for_a_pair() -> None:
    def confidence(*tools: str) -> float:
        return bookmarks(drawn(*cross(80), tools=tools))[0].confidence

    assert (
        confidence("distance", "line")
        < confidence("distance", "distance")
        < confidence("bidirectional", "bidirectional")
    )


# ----------------------------------------------------------------------------------------------------------- contests


def test_a_line_between_two_equal_partners_stays_single() -> None:
    long, short = cross(90)
    other = tuple((x + 8, y) for x, y in short)
    found = bookmarks(drawn(long, short, other, items=(0, 0, 0)))
    assert [b.kind for b in found] == [Kind.LINE] * 3
    assert all(b.doubts == (Doubt.CONTESTED,) for b in found)


def test_texts_decide_a_contest() -> None:
    long, short = cross(90)
    other = tuple((x + 8, y) for x, y in cross(90, short=30)[1])
    found = bookmarks(drawn(long, short, other, texts=((40,), (25,), (12,)), items=(0, 0, 0)))
    assert sorted(b.kind for b in found) == [Kind.LINE, Kind.RECIST]
    assert next(b for b in found if b.kind is Kind.RECIST).short_mm == pytest.approx(25)


def test_two_readings_of_one_lesion_are_two_pairs() -> None:
    """Every line crosses three others; drawn pair by pair, the matching as a whole is clear."""
    first = cross(90)
    second = [tuple((x + 1.5, y + 1.0) for x, y in ends) for ends in cross(88, long=41, short=24)]
    found = bookmarks(drawn(*first, *second))
    assert [b.kind for b in found] == [Kind.RECIST] * 2
    assert [b.orders for b in found] == [(0, 1), (2, 3)]


def test_a_tangle_is_no_measurement() -> None:
    rows = [((100.0, 100.0 + 5 * i), (200.0, 100.0 + 5 * i)) for i in range(MAX_CONTEST)]
    columns = [((125.0 + 4 * i, 75.0), (125.0 + 4 * i, 180.0)) for i in range(MAX_CONTEST)]
    found = bookmarks(drawn(*rows, *columns))
    assert {b.kind for b in found} == {Kind.LINE}
    assert all(Doubt.CONTESTED in b.doubts for b in found)


def test_pairs_do_not_overlap() -> None:
    random = np.random.default_rng(5)
    pairs = [random_pair(random, size=260, margin=100) for _ in range(6)]
    lines = [ends for pair in pairs for ends in (pair.long, pair.short)]
    pairing = pair_axes(segments(drawn(*lines), GRID))
    used = [line.rank for pair in pairing.pairs for line in (pair.long, pair.short)]
    assert len(used) == len(set(used))
    assert not set(used) & pairing.contested


def test_confidence_rises_with_the_evidence() -> None:
    a, b = segments(drawn(*cross(90)), GRID)
    evidence = weigh(a, b, [a, b])
    assert evidence is not None
    assert evidence.confidence == pytest.approx(1 / (1 + math.exp(-evidence.total)))
    assert isinstance(a, Segment)
