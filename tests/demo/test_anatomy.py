"""The made-up anatomy: the same to the bit everywhere, and anatomy."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from miner.demo.anatomy import Physique, Trunk
from miner.demo.canvas import Grid, along, noise_tile
from miner.demo.head import Head
from miner.demo.lesions import Lesion

PROGRAM = """
import hashlib
from miner.demo.anatomy import Physique, Trunk
from miner.demo.canvas import Grid
from miner.demo.head import Head
digest = hashlib.sha256()
trunk = Trunk(Physique(5), Grid(256, 1.5))
for z in (40.0, 150.0, 260.0, 330.0, 470.0, 530.0):
    digest.update(trunk.slice_hu(z).astype("<f4").tobytes())
digest.update(Head(5, Grid(256, 0.9)).slice_hu(100.0).astype("<f4").tobytes())
print(digest.hexdigest())
"""
EXPECTED = "676a599067a54eaae071c5c293d65f4077d00ba3df75390496e93b167ba328ba"
"""Of the program above. It changes when the anatomy is changed, and never with the machine."""


def run(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.strip()


def test_the_same_bits_in_another_process_and_on_a_lesser_processor() -> None:
    assert run(PYTHONHASHSEED="1") == EXPECTED
    assert run(PYTHONHASHSEED="2", NPY_DISABLE_CPU_FEATURES="AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4") == EXPECTED


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    return Trunk(Physique(3), Grid(512, 0.8))


def mean_at(plane: np.ndarray, x: float, y: float, spacing: float = 0.8) -> float:
    column, row = (round(value / spacing + 255.5) for value in (x, y))
    return float(plane[row - 3 : row + 4, column - 3 : column + 4].mean())


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((150, -90, 20), (-900, -700)),  # right lung
        ((60, -5, 7), (-1024, -900)),  # trachea
        ((250, -90, 10), (90, 140)),  # liver
        ((240, 100, 46), (95, 150)),  # spleen
        ((330, 2, 36), (60, 720)),  # vertebra or disc
        ((350, 2, 25), (140, 200)),  # aorta
        ((528, 0, -28), (-10, 30)),  # bladder
        ((532, 92, 4), (220, 330)),  # head of the femur
        ((300, 0, -180), (-1024, -960)),  # air in front
    ],
)
def test_organs_are_where_they_belong(
    trunk: Trunk, place: tuple[float, float, float], expected: tuple[float, float]
) -> None:
    z, x, y = place
    assert expected[0] <= mean_at(trunk.slice_hu(z), x, y) <= expected[1]


def test_a_lesion_has_the_size_it_is_said_to_have() -> None:
    lesion = Lesion("liver", (-84, -12, 250), 40, 30, 36, -400, 30)
    for scale in (0.9, 1.1):
        grid = Grid(512, 0.8)
        painted = Trunk(Physique(3, scale=scale, noise=0), grid, (lesion,)).slice_hu(250 * scale)
        plain = Trunk(Physique(3, scale=scale, noise=0), grid).slice_hu(250 * scale)
        area = float((painted < plain - 250).sum()) * 0.8 * 0.8
        assert area == pytest.approx(np.pi / 4 * 40 * 30, rel=0.02)


def test_noise_has_unit_deviation_and_no_mean() -> None:
    tile = noise_tile(512, 9)
    assert abs(float(tile.mean())) < 0.02
    assert float(tile.std()) == pytest.approx(1.0, abs=0.02)


def test_interpolation_is_held_at_its_ends() -> None:
    table = ((0.0, 1.0), (10.0, 3.0))
    assert [along(z, table)[0] for z in (-5, 0, 5, 10, 99)] == [1, 1, 2, 3, 3]


def test_heads_differ_by_seed() -> None:
    grid = Grid(256, 0.9)
    one, other = (hashlib.sha256(Head(seed, grid).slice_hu(60).tobytes()).digest() for seed in (1, 2))
    assert one != other
