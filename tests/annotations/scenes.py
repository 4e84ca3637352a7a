"""Random images full of measurements and of what only looks like them, for recall and precision.

Axis pairs are real ones where official DeepLesion rows are given (:func:`official_pairs`), else drawn after their
distribution (:func:`random_pair`). Everything follows from the generator's seed.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.annotations.truth import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Ends,
    Line,
    Note,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Point,
    Scale,
    Spot,
)

Spacing = tuple[float, float]


def official_pairs(path: Path) -> list[tuple[Pair, Spacing]]:
    """Pairs of DL_info.csv (1-based) in the pixel centres frame, with (row, column) spacing; 512 × 512 images only."""
    found: list[tuple[Pair, Spacing]] = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            x = [float(v) - 1 for v in row["Measurement_coordinates"].split(",")]
            spacing = float(row["Spacing_mm_px_"].split(",")[0])
            if row["Image_size"] == "512, 512":
                found.append((Pair(((x[0], x[1]), (x[2], x[3])), ((x[4], x[5]), (x[6], x[7]))), (spacing, spacing)))
    return found


def random_pair(random: np.random.Generator, *, size: float = 512.0, margin: float = 60.0) -> Pair:
    """Two crossing axes as a careful reader draws them: nearly perpendicular, crossing well inside both."""
    long = float(random.uniform(8, 80))
    short = long * float(random.uniform(0.4, 0.95))
    turn = float(random.uniform(0, math.pi))
    lean = turn + math.pi / 2 + math.radians(float(np.clip(random.normal(0, 4), -9, 9)))
    at = (float(random.uniform(margin, size - margin)), float(random.uniform(margin, size - margin)))
    return Pair(
        _through(at, turn, long, float(random.uniform(0.35, 0.65))),
        _through(at, lean, short, float(random.uniform(0.35, 0.65))),
    )


def random_arrow(random: np.random.Generator, *, size: float = 512.0) -> Arrow:
    """An arrow of 15 to 60 pixels."""
    tip = (float(random.uniform(70, size - 70)), float(random.uniform(70, size - 70)))
    turn, length = float(random.uniform(0, 2 * math.pi)), float(random.uniform(15, 60))
    return Arrow(tip, (tip[0] + length * math.cos(turn), tip[1] + length * math.sin(turn)))


def decoys(random: np.random.Generator, count: int, *, style: str) -> list[Drawing]:
    """Things that are no pair and no arrow: one rarely lies on a lesion, but may."""
    makers = [_line, _line, _ellipse, _circle, _outline, _angle, _cobb, _path, _note]
    if style in ("agfa", "weasis"):
        makers.append(_perpendicular)  # other styles would draw it as two bare lines
    if style != "bluelight":
        makers += [_cross_hair, _scale]
    return [makers[int(random.integers(len(makers)))](random) for _ in range(count)]


def scene(random: np.random.Generator, pairs: Sequence[Pair], *, style: str) -> list[Drawing]:
    """What is drawn on one image: the pairs (half of them labelled), arrows and decoys, in random order."""
    drawn: list[Drawing] = [Pair(p.long, p.short, labelled=bool(random.random() < 0.5)) for p in pairs]
    drawn += [random_arrow(random) for _ in range(int(random.integers(0, 3)))]
    drawn += decoys(random, int(random.integers(0, 5)), style=style)
    return [drawn[i] for i in random.permutation(len(drawn))]


def _through(at: Point, turn: float, length: float, part: float) -> Ends:
    ux, uy = math.cos(turn), math.sin(turn)
    a, b = -part * length, (1 - part) * length
    return ((at[0] + a * ux, at[1] + a * uy), (at[0] + b * ux, at[1] + b * uy))


def _spot(random: np.random.Generator) -> Point:
    return (float(random.uniform(90, 420)), float(random.uniform(90, 420)))


def _ends(random: np.random.Generator, low: float = 12, high: float = 70) -> Ends:
    return _through(_spot(random), float(random.uniform(0, math.pi)), float(random.uniform(low, high)), 0.5)


def _line(random: np.random.Generator) -> Line:
    return Line(_ends(random), labelled=bool(random.random() < 0.5))


def _ellipse(random: np.random.Generator) -> Ellipse:
    at, turn = _spot(random), float(random.uniform(0, math.pi))
    major = float(random.uniform(10, 50))
    return Ellipse(_through(at, turn, major, 0.5), _through(at, turn + math.pi / 2, major * 0.7, 0.5))


def _circle(random: np.random.Generator) -> Circle:
    return Circle(_spot(random), float(random.uniform(5, 30)))


def _outline(random: np.random.Generator) -> Outline:
    (x, y), count = _spot(random), int(random.integers(4, 30))
    radii = random.uniform(10, 25, count)
    turns = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return Outline(
        tuple((x + float(r * math.cos(t)), y + float(r * math.sin(t))) for r, t in zip(radii, turns, strict=True))
    )


def _angle(random: np.random.Generator) -> Angle:
    vertex, turn = _spot(random), float(random.uniform(0, 2 * math.pi))
    opening = float(random.uniform(0.3, 2.8))
    ends = [(vertex[0] + 40 * math.cos(t), vertex[1] + 40 * math.sin(t)) for t in (turn, turn + opening)]
    return Angle(ends[0], vertex, ends[1])


def _cobb(random: np.random.Generator) -> Cobb:
    (x, y), tilt = _spot(random), float(random.uniform(0.1, 0.6))
    return Cobb(_through((x, y), tilt, 50, 0.5), _through((x, y + 60), -tilt, 50, 0.5))


def _perpendicular(random: np.random.Generator) -> Perpendicular:
    base = _ends(random, 40, 80)
    turn = math.atan2(base[1][1] - base[0][1], base[1][0] - base[0][0])
    foot = ((base[0][0] + base[1][0]) / 2, (base[0][1] + base[1][1]) / 2)
    top = (foot[0] - 35 * math.sin(turn), foot[1] + 35 * math.cos(turn))
    return Perpendicular(base, (top, foot))


def _path(random: np.random.Generator) -> OpenPath:
    x, y = _spot(random)
    steps = random.uniform(5, 25, (int(random.integers(3, 7)), 2)).cumsum(axis=0)
    return OpenPath(tuple((min(511.0, x + float(a)), min(511.0, y + float(b))) for a, b in steps))


def _note(random: np.random.Generator) -> Note:
    return Note(_spot(random), str(random.choice(["see report", "L1", "12.5 mm", "post contrast"])))


def _cross_hair(random: np.random.Generator) -> CrossHair:
    return CrossHair(_spot(random))


def _scale(random: np.random.Generator) -> Scale:
    top = float(random.uniform(100, 250))
    return Scale(((15.0, top), (15.0, top + 100)), ticks=int(random.integers(5, 11)))


# ------------------------------------------------------------------------------------------------- crowded images


def crowded_scene(
    random: np.random.Generator,
    pairs: Sequence[Pair],
    allowed: Callable[[Drawing], bool],
    *,
    size: float = 512.0,
    crossing_rulers: bool = False,
) -> list[Drawing]:
    """What is drawn on one busy image: lesions that lie apart, arrows, closed shapes and every tool that is no lesion.

    ``allowed``: whether the producer can write a drawing. An image has one scale and one cross-hair at most. Single
    rulers never cross one another, unless ``crossing_rulers`` asks for two that do: nothing can tell those from a pair.
    """
    drawn: list[Drawing] = []
    for pair in pairs:
        lesion = Pair(pair.long, pair.short, labelled=bool(random.random() < 0.5))
        if not any(isinstance(other, Pair) and _pairs_touch(lesion, other) for other in drawn):
            drawn.append(lesion)
    wanted: list[Drawing] = [random_arrow(random, size=size) for _ in range(int(random.integers(0, 3)))]
    for _ in range(int(random.integers(1, 6))):
        wanted += _CROWD[int(random.integers(len(_CROWD)))](random)
    if crossing_rulers:
        pair = random_pair(random, size=size)
        drawn += [Line(pair.long, labelled=True), Line(pair.short, labelled=True)]
    for drawing in wanted:
        twice = isinstance(drawing, Scale | CrossHair) and any(type(other) is type(drawing) for other in drawn)
        if allowed(drawing) and not twice and not _crosses_a_ruler(drawing, drawn):
            drawn.append(drawing)
    return [drawn[i] for i in random.permutation(len(drawn))]


def cross(a: Ends, b: Ends) -> bool:
    """Whether two lines have a point in common."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(*a, b[0]) * side(*a, b[1]) <= 0 and side(*b, a[0]) * side(*b, a[1]) <= 0


def squared(pair: Pair) -> Pair:
    """The pair with its short axis turned about its own middle to a right angle, as a tool that keeps one draws it."""
    (ax, ay), (bx, by) = pair.long
    turn = math.atan2(by - ay, bx - ax) + math.pi / 2
    middle = ((pair.short[0][0] + pair.short[1][0]) / 2, (pair.short[0][1] + pair.short[1][1]) / 2)
    return Pair(pair.long, _through(middle, turn, math.dist(*pair.short), 0.5), pair.labelled)


def is_square(pair: Pair) -> bool:
    """Whether the axes are at a right angle, to a thousandth of a degree."""
    (ax, ay), (bx, by) = pair.long
    (cx, cy), (dx, dy) = pair.short
    along = (bx - ax) * (dx - cx) + (by - ay) * (dy - cy)
    return abs(along) <= math.dist(*pair.long) * math.dist(*pair.short) * math.sin(math.radians(1e-3))


def _pairs_touch(a: Pair, b: Pair) -> bool:
    return any(cross(first, second) for first in (a.long, a.short) for second in (b.long, b.short))


def _crosses_a_ruler(drawing: Drawing, drawn: Sequence[Drawing]) -> bool:
    return isinstance(drawing, Line) and any(
        isinstance(other, Line) and cross(drawing.ends, other.ends) for other in drawn
    )


def _near_miss(random: np.random.Generator) -> list[Drawing]:
    """Two rulers side by side that point at one another and do not meet: 4 to 15 pixels lie between."""
    ends = _ends(random, 25, 70)
    turn = math.atan2(ends[1][1] - ends[0][1], ends[1][0] - ends[0][0]) + math.pi / 2
    part, gap = float(random.uniform(0.3, 0.7)), float(random.uniform(4, 15))
    foot = tuple(a + part * (b - a) for a, b in zip(*ends, strict=True))
    start = (foot[0] + gap * math.cos(turn), foot[1] + gap * math.sin(turn))
    length = float(random.uniform(15, 45))
    other = (start, (start[0] + length * math.cos(turn), start[1] + length * math.sin(turn)))
    labelled = bool(random.random() < 0.5)
    return [Line(ends, labelled), Line(other, labelled)]


def _parallels(random: np.random.Generator) -> list[Drawing]:
    """Two parallel rulers."""
    ends = _ends(random, 20, 60)
    turn = math.atan2(ends[1][1] - ends[0][1], ends[1][0] - ends[0][0]) + math.pi / 2
    by = float(random.uniform(6, 25))
    shift = (by * math.cos(turn), by * math.sin(turn))
    other = ((ends[0][0] + shift[0], ends[0][1] + shift[1]), (ends[1][0] + shift[0], ends[1][1] + shift[1]))
    return [Line(ends), Line(other)]


def _curve(random: np.random.Generator) -> Curve:
    return Curve(_outline(random).vertices)


def _rectangle(random: np.random.Generator) -> Outline:
    (x, y), w, h = _spot(random), float(random.uniform(8, 40)), float(random.uniform(8, 40))
    return Outline(((x, y), (x + w, y), (x + w, y + h), (x, y + h)))


def _point(random: np.random.Generator) -> Spot:
    return Spot(_spot(random))


def _one(make: Callable[[np.random.Generator], Drawing]) -> Callable[[np.random.Generator], list[Drawing]]:
    return lambda random: [make(random)]


_CROWD: tuple[Callable[[np.random.Generator], list[Drawing]], ...] = (
    _one(_line),
    _one(_line),
    _near_miss,
    _parallels,
    _one(_ellipse),
    _one(_ellipse),
    _one(_circle),
    _one(_circle),
    _one(_outline),
    _one(_rectangle),
    _one(_curve),
    _one(_curve),
    _one(_angle),
    _one(_cobb),
    _one(_perpendicular),
    _one(_cross_hair),
    _one(_scale),
    _one(_path),
    _one(_point),
    _one(_note),
)
"""Makers of what stands beside the lesions, drawn from alike: what stands here twice is twice as likely."""
