"""What tools draw with bare lines is never an axis pair: ticks, rulers, T and L shapes, markers, cross-hairs, legs.

Each is drawn in random places, sizes and turns, from either end, in one item or in several, exactly or cut to
integers, as a producer without tool names and texts would write it: all that speaks is geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks import ACCEPTANCE, recognise
from miner.errors import Reason
from miner.records import Encoding, ImageReference, Kind, Mark, Measurement, Point, Recognition, Shape, Unit
from tests.annotations.styles import across

REFERENCE = ImageReference("1.2", "1.2.3")
Ends = tuple[Point, Point]
Random = np.random.Generator


def through(at: Point, turn: float, length: float, part: float = 0.5) -> Ends:
    u = (math.cos(turn), math.sin(turn))
    a, b = -part * length, (1 - part) * length
    return ((at[0] + a * u[0], at[1] + a * u[1]), (at[0] + b * u[0], at[1] + b * u[1]))


def ruler(random: Random, low: float = 12, high: float = 90) -> Ends:
    at = (float(random.uniform(150, 350)), float(random.uniform(150, 350)))
    return through(at, float(random.uniform(0, math.pi)), float(random.uniform(low, high)))


def end_ticks(random: Random) -> list[Ends]:
    base, size = ruler(random, 8), float(random.uniform(3, 10))
    return [base, across(base, 0, size), across(base, 1, size)]


def mid_tick(random: Random) -> list[Ends]:
    base = ruler(random)
    return [base, across(base, 0.5, float(random.uniform(2, min(0.28 * math.dist(*base), 6))))]


def row_of_ticks(random: Random) -> list[Ends]:
    base, size, count = ruler(random, 30), float(random.uniform(3, 8)), int(random.integers(3, 12))
    return [base, *(across(base, i / (count - 1), size * (1.6 if i % 5 == 0 else 1)) for i in range(count))]


def tee(random: Random) -> list[Ends]:
    base = ruler(random, 40)
    part, height = float(random.uniform(0.1, 0.9)), float(random.uniform(10, 70))
    foot = across(base, part, 2 * height)
    stand = ((foot[0][0] + foot[1][0]) / 2, (foot[0][1] + foot[1][1]) / 2)
    return [base, (foot[0], stand)]


def corner(random: Random) -> list[Ends]:
    base = ruler(random, 20)
    return [base, (base[0], across(base, 0, float(random.uniform(20, 120)))[0])]


def marker(random: Random) -> list[Ends]:
    at, turn = ruler(random)[0], float(random.choice([0.0, math.pi / 4, float(random.uniform(0, 3))]))
    size = float(random.uniform(4, 30))
    return [through(at, turn, size), through(at, turn + math.pi / 2, size)]


def open_cross_hair(random: Random) -> list[Ends]:
    (x, y), gap, reach = ruler(random)[0], float(random.uniform(3, 30)), float(random.uniform(60, 150))
    return [
        ((x - reach, y), (x - gap, y)),
        ((x + gap, y), (x + reach, y)),
        ((x, y - reach), (x, y - gap)),
        ((x, y + gap), (x, y + reach)),
    ]


def leg(random: Random) -> list[Ends]:
    x, y = float(random.uniform(150, 350)), float(random.uniform(180, 320))
    return [((x, 20.0), (x + float(random.uniform(-5, 5)), 490.0)), ((x - 60, y), (x + 60, y + 5))]


EXACT: dict[str, Callable[[Random], list[Ends]]] = {
    "end ticks": end_ticks,
    "mid tick": mid_tick,
    "row of ticks": row_of_ticks,
    "tee": tee,
    "corner": corner,
    "marker": marker,
    "open cross-hair": open_cross_hair,
    "leg": leg,
}
CUT = {name: make for name, make in EXACT.items() if name in ("end ticks", "tee", "corner", "open cross-hair", "leg")}


def marks(lines: Sequence[Ends], *, together: bool, texts: bool = False) -> list[Mark]:
    lengths = [(Measurement(round(math.dist(*ends), 1), Unit.MM),) if texts else () for ends in lines]
    return [
        Mark(Shape.LINE, REFERENCE, ends, Encoding.GSPS_POLYLINE, i, item=0 if together else i, texts=lengths[i])
        for i, ends in enumerate(lines)
    ]


def cut(lines: Sequence[Ends]) -> list[Ends]:
    """To integers from the corner of the image."""
    return [
        ((math.floor(a[0]) - 0.5, math.floor(a[1]) - 0.5), (math.floor(b[0]) - 0.5, math.floor(b[1]) - 0.5))
        for a, b in lines
    ]


def found(drawn: Sequence[Mark]) -> Recognition:
    return recognise(drawn, columns=512, rows=512, pixel_spacing=(1.0, 1.0))


def accepted(result: Recognition) -> list[tuple[Point, ...]]:
    return [b.points for b in result.bookmarks if b.kind is Kind.RECIST and b.confidence >= ACCEPTANCE]


@pytest.mark.parametrize("decoy", EXACT)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), together=st.booleans(), turned=st.booleans())
def test_no_tool_is_a_pair(decoy: str, seed: int, together: bool, turned: bool) -> None:
    lines = EXACT[decoy](np.random.default_rng(seed))
    together = together or decoy == "end ticks"  # a tick is drawn with its ruler
    assert accepted(found(marks([(b, a) if turned else (a, b) for a, b in lines], together=together))) == []


@pytest.mark.parametrize("decoy", CUT)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_tool_is_a_pair_when_cut_to_integers(decoy: str, seed: int) -> None:
    assert accepted(found(marks(cut(CUT[decoy](np.random.default_rng(seed))), together=True))) == []


@pytest.mark.parametrize("shape", [tee, corner])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), together=st.booleans())
def test_measured_lines_that_end_on_each_other_are_two_lines(
    shape: Callable[[Random], list[Ends]], seed: int, together: bool
) -> None:
    lines = shape(np.random.default_rng(seed))
    result = found(marks(lines, together=together, texts=True))
    assert [b.kind for b in result.bookmarks] == [Kind.LINE, Kind.LINE]
    alone = [*marks(lines, together=True, texts=True), *marks([((10.0, 10.0), (30.0, 20.0))], together=True)]
    in_own_item = [
        Mark(m.shape, m.image, m.points, m.encoding, i, item=int(i == 2), layer=int(i == 2), texts=m.texts)
        for i, m in enumerate(alone)
    ]
    assert accepted(found(in_own_item)) == []


def test_a_marker_says_what_it_is_and_measured_axes_of_its_form_are_a_pair() -> None:
    lines = [((100.0, 110.0), (120.0, 110.0)), ((110.0, 100.0), (110.0, 120.0))]
    result = found(marks(lines, together=True))
    assert [r.reason for r in result.refused] == [Reason.SINGLE_POINT] * 2
    assert len(accepted(found(marks(lines, together=True, texts=True)))) == 1


@settings(max_examples=60, deadline=None)
@given(length=st.floats(3, 12), size=st.floats(3, 10), tied=st.integers(0, 2))
def test_ticks_as_long_as_their_ruler(length: float, size: float, tied: int) -> None:
    """A lesion of a few pixels: the text stands by a tick, and may even agree with the tick's length."""
    base = ((200.0, 200.0), (200.0 + length, 200.0))
    lines = [base, across(base, 0, size), across(base, 1, size)]
    texts = (Measurement(round(length, 1), Unit.MM),)
    drawn = [
        Mark(Shape.LINE, REFERENCE, ends, Encoding.GSPS_POLYLINE, i, texts=texts if i == tied else ())
        for i, ends in enumerate(lines)
    ]
    result = found(drawn)
    assert [(b.kind, b.orders, b.text_mm) for b in result.bookmarks] == [(Kind.LINE, (0,), texts[0].value)]
    assert [r.reason for r in result.refused] == [Reason.RULER_TICK] * 2


def test_a_small_pair_of_rulers_with_ticks_stays_a_pair() -> None:
    long, short = ((200.0, 200.0), (212.0, 200.0)), ((206.0, 195.0), (206.0, 204.0))
    drawn = [long, across(long, 0, 4.0), across(long, 1, 4.0), short, across(short, 0, 4.0), across(short, 1, 4.0)]
    result = found(marks(drawn, together=True))
    assert [b.orders for b in result.bookmarks] == [(0, 3)]
    assert [r.reason for r in result.refused] == [Reason.RULER_TICK] * 4


def test_what_ticks_lie_between_two_axes_does_not_part_them() -> None:
    """Two lesions on each other, each axis with its ticks: drawn one after the other still counts in measured lines."""
    first = (((180.0, 200.0), (220.0, 200.0)), ((200.0, 185.0), (200.0, 214.0)))
    second = [((a[0] + 3, a[1] + 2), (b[0] + 3, b[1] + 2)) for a, b in first]
    lines = [part for axis in (*first, *second) for part in (axis, across(axis, 0, 4.0), across(axis, 1, 4.0))]
    assert [b.orders for b in found(marks(lines, together=True)).bookmarks] == [(0, 3), (6, 9)]
