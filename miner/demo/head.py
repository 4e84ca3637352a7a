"""A made-up head: skull, brain, ventricles, face (frame of canvas.py, z = 0 at the vertex)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miner.demo.canvas import Canvas, Grid, Plane, Tube, noise_tile, smooth_tile
from miner.demo.lesions import Lesion, paint_lesion

_CENTRE, _RADII = (0.0, 0.0, 88.0), (75.0, 94.0, 88.0)
_GREY, _WHITE, _CSF, _BONE = 38.0, 27.0, 6.0, 950.0


class Head:
    """One patient's head; ``slice_hu`` paints any level of its upper 150 mm."""

    def __init__(self, seed: int, grid: Grid, lesions: Sequence[Lesion] = ()) -> None:
        self.grid = grid
        self._lesions = lesions
        self._texture = smooth_tile(grid.size, 48, seed + 1)
        self._wobble = smooth_tile(grid.size, 20, seed + 2)
        self._noise = noise_tile(grid.size, seed + 3)

    def slice_hu(self, z: float) -> Plane:
        """The level ``z`` mm below the vertex, in HU, float32, shape (size, size), with noise."""
        canvas = Canvas(self.grid, z, self._texture, self._wobble)
        _shells(canvas)
        _brain(canvas)
        if z > 84:
            _face(canvas)
        for lesion in self._lesions:
            paint_lesion(canvas, lesion, 1.0)
        number = round(z * 10)
        canvas.hu += np.roll(self._noise, (number * 37 % 509, number * 101 % 503), (0, 1)) * np.float32(3.5)
        return np.maximum(canvas.hu, np.float32(-1024))


def _shells(canvas: Canvas) -> None:
    """Scalp, outer table, diploe, inner table; below the equator the radii stay what they are there."""
    level = min(canvas.z, _CENTRE[2])
    scale = float(np.sqrt(1 - ((level - _CENTRE[2]) / _RADII[2]) ** 2))
    for shrink, hu, texture in (
        (0.0, 40.0, 4.0),
        (2.0, -60.0, 8.0),
        (5.0, _BONE, 0.0),
        (7.0, 620.0, 60.0),
        (9.5, _BONE, 0.0),
        (11.0, _CSF, 2.0),
    ):
        canvas.ellipse((0, 0), (_RADII[0] * scale - shrink, _RADII[1] * scale - shrink), hu, texture=texture)


def _brain(canvas: Canvas) -> None:
    level = min(canvas.z, _CENTRE[2])
    scale = float(np.sqrt(1 - ((level - _CENTRE[2]) / _RADII[2]) ** 2))
    rx, ry = _RADII[0] * scale - 12, _RADII[1] * scale - 12
    if rx < 4:
        return
    canvas.ellipse((0, 0), (rx, ry), _GREY, wobble=0.035, texture=5)
    for side in (-1, 1):
        canvas.ellipse((side * rx * 0.48, 0), (rx * 0.38, ry * 0.76), _WHITE, wobble=0.16, texture=3)
    canvas.tube(Tube((0, -ry - 2, canvas.z), (0, ry + 2, canvas.z), 1.0, 1.0), 55)
    for side in (-1, 1):
        canvas.ellipsoid((side * 11, -14, 66), (7, 26, 18), _CSF, angle=side * 12)
        canvas.ellipsoid((side * 20, 30, 72), (7, 22, 16), _CSF, angle=side * -24)
        canvas.ellipsoid((side * 15, 2, 82), (8, 13, 14), _GREY + 2)
    canvas.ellipsoid((0, 2, 82), (2.6, 14, 12), _CSF)


def _face(canvas: Canvas) -> None:
    """Skull base, orbits, nose and sinuses: enough that the level is known at a glance."""
    z = canvas.z
    canvas.ellipsoid((0, 52, 128), (48, 34, 32), _GREY - 2, wobble=0.05, texture=5)
    if z > 100:
        for side in (-1, 1):
            canvas.tube(Tube((side * 14, -2, 116), (side * 58, 22, 122), 9, 13), 720, texture=160)
            canvas.tube(Tube((side * 30, 18, 120), (side * 56, 26, 122), 4, 6), -750, texture=120)
            canvas.tube(Tube((side * 12, -30, 112), (side * 56, -34, 112), 2.5, 3.5), 750)
    for side in (-1, 1):
        if canvas.ellipsoid((side * 32, -70, 112), (18, 21, 19), -90):
            canvas.ellipsoid((side * 32, -76, 112), (12.5, 12.5, 12.5), 12)
            canvas.ellipsoid((side * 32, -86, 112), (4.5, 2.6, 4.5), 95)
            canvas.tube(Tube((side * 31, -64, 112), (side * 16, -36, 112), 2.2, 2.0), 35)
    if z > 96:
        canvas.ellipsoid((0, -66, 122), (11, 24, 28), 300)
        for side in (-1, 1):
            canvas.ellipsoid((side * 5, -66, 122), (3.8, 21, 25), -900)
        canvas.ellipsoid((0, -98, 134), (9, 14, 24), 40)
