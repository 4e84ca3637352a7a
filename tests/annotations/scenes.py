"""Random images full of measurements and of what only looks like them, for recall and precision.

Axis pairs are real ones where official DeepLesion rows are given (:func:`official_pairs`), else drawn after their
distribution (:func:`random_pair`). Everything follows from the generator's seed.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.annotations.truth import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
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
    return OpenPath(tuple((x + float(a), y + float(b)) for a, b in steps))


def _note(random: np.random.Generator) -> Note:
    return Note(_spot(random), str(random.choice(["see report", "L1", "12.5 mm", "post contrast"])))


def _cross_hair(random: np.random.Generator) -> CrossHair:
    return CrossHair(_spot(random))


def _scale(random: np.random.Generator) -> Scale:
    top = float(random.uniform(100, 250))
    return Scale(((15.0, top), (15.0, top + 100)), ticks=int(random.integers(5, 11)))
