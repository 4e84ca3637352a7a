"""A made-up trunk, from the apex of the lungs to the pelvic floor, slice by slice in Hounsfield units.

Frame of canvas.py, z = 0 at the apex of the lungs, growing towards the feet; positions of organs are those of an
adult of middle size in supine position, arms raised. Nothing here comes from a person's images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miner.demo.canvas import (
    Canvas,
    Dice,
    Forest,
    Grid,
    Mask,
    Plane,
    Table,
    Tube,
    along,
    branches,
    noise_tile,
    smooth_tile,
)
from miner.demo.lesions import Lesion, paint_lesion
from miner.demo.organs import (
    AORTA,
    BLOOD,
    COLON,
    DOME,
    FAT,
    GREAT_VEINS,
    KIDNEYS,
    LUNG,
    MUSCLE,
    PULMONARY,
    SKIN,
    airways,
    kidney,
    pelvic_organs,
    stomach,
)
from miner.demo.skeleton import OUTLINE, skeleton, table

_LUNG: Table = (  # z, centre x, centre y, half width, half depth of one lung
    (-2, 48, 14, 1, 1), (8, 50, 12, 20, 24), (30, 58, 8, 38, 46), (60, 66, 2, 58, 68), (100, 70, -2, 72, 84),
    (200, 72, -2, 76, 88), (240, 74, 6, 74, 82), (270, 78, 26, 62, 56), (290, 80, 40, 40, 30), (304, 80, 50, 2, 2),
)  # fmt: skip
_MEDIASTINUM: Table = (
    (-5, 0, -8, 34, 40), (40, 0, -16, 30, 50), (80, 2, -22, 32, 56), (110, 6, -26, 40, 60),
    (190, 14, -22, 46, 60), (215, 8, -8, 34, 44), (240, 0, 20, 22, 22), (262, 0, 30, 4, 6),
)  # fmt: skip
_RIGHT_LOBE: Table = (
    (187, -60, -8, 4, 4), (192, -62, -8, 30, 34), (205, -66, -7, 50, 58), (235, -71, -3, 66, 80),
    (280, -75, 2, 63, 78), (310, -83, 6, 48, 64), (335, -91, 12, 30, 44), (354, -96, 16, 6, 10),
)  # fmt: skip
_LEFT_LOBE: Table = (
    (200, -8, -34, 4, 4), (208, -2, -42, 40, 26), (232, 4, -50, 60, 30), (262, -8, -54, 46, 24), (286, -20, -52, 6, 6),
)  # fmt: skip
_PSOAS: Table = ((292, 26, 42, 2, 4), (330, 34, 42, 12, 16), (400, 42, 38, 19, 22), (450, 52, 24, 20, 20),
                 (500, 68, -6, 17, 16), (560, 80, -14, 14, 15))  # fmt: skip


_LUNG_ROOTS = (
    (0.5, 0.3, -1),
    (0.8, -0.5, -0.7),
    (1, -0.9, 0),
    (1, 0.3, 0),
    (0.8, 1, 0.1),
    (0.9, 0.4, 0.9),
    (0.8, -0.7, 0.9),
    (0.4, 0.9, 0.9),
)
"""Directions of the large vessels of a lung, from its hilum: outwards, to the back, to the feet."""


_LIVER_ROOTS = (
    ((-34.0, -6.0, 258.0), (-1.0, -0.3, 0.2)),
    ((-34.0, -6.0, 258.0), (-0.6, 0.9, 0.3)),
    ((-30.0, -10.0, 254.0), (0.4, -1.0, -0.2)),
    ((-24.0, 20.0, 205.0), (-1.0, 0.2, 0.35)),
    ((-24.0, 18.0, 204.0), (-0.7, -0.8, 0.4)),
    ((-20.0, 14.0, 206.0), (0.2, -1.0, 0.3)),
)
"""Where the branches of the portal vein and the hepatic veins begin, and their directions."""


@dataclass(frozen=True, slots=True)
class Physique:
    """What differs between made-up patients: ``scale`` of the frame, ``fat`` under the skin in mm, contrast, seed."""

    seed: int
    scale: float = 1.0
    fat: float = 16.0
    contrast: bool = True
    noise: float = 11.0


class Trunk:
    """One patient's trunk, prepared once; ``slice_hu`` paints any level of it."""

    def __init__(self, physique: Physique, grid: Grid, lesions: Sequence[Lesion] = ()) -> None:
        self.physique = physique
        # The trunk is painted at scale 1 on a grid whose pixels are smaller or larger by the patient's size.
        self.grid = grid
        self._grid = Grid(grid.size, grid.spacing / physique.scale)
        self._lesions = lesions
        size, seed = grid.size, physique.seed
        self._texture = smooth_tile(size, 64, seed + 1)
        self._wobble = smooth_tile(size, 12, seed + 2)
        self._noise = noise_tile(size, seed + 3)
        axis = self._grid.axis()
        self._outside = (axis * axis)[None, :] + (axis * axis)[:, None] > (size / 2 * self._grid.spacing) ** 2
        self._grow(Dice(seed + 4))

    def _grow(self, dice: Dice) -> None:
        self._lung_vessels = Forest([
            tube
            for side in (-1, 1)
            for towards in _LUNG_ROOTS
            for tube in branches((side * 34.0, 4.0, 112.0), (side * towards[0], towards[1], towards[2]), dice,
                                 radius=4.4, length=28.0, depth=6, spread=0.62)
        ])  # fmt: skip
        self._liver_vessels = Forest([
            tube
            for root, towards in _LIVER_ROOTS
            for tube in branches(root, towards, dice, radius=5.2, length=32.0, depth=3, spread=0.55)
        ])  # fmt: skip
        self._bowel = [
            (
                (dice.uniform(-78, 78), dice.uniform(-66, 8), dice.uniform(312, 492)),
                (dice.uniform(12, 22), dice.uniform(10, 17), dice.uniform(11, 20)),
                dice.uniform(0, 180),
                dice.uniform(0, 1),
            )
            for _ in range(104)
        ]
        self._colon = [
            (
                (
                    tube.start[0] + (tube.end[0] - tube.start[0]) * (step + 0.5) / count,
                    tube.start[1] + (tube.end[1] - tube.start[1]) * (step + 0.5) / count,
                    tube.start[2] + (tube.end[2] - tube.start[2]) * (step + 0.5) / count,
                ),
                tube.radius * dice.uniform(0.85, 1.15),
                dice.uniform(0.1, 0.55),
            )
            for tube, count in COLON
            for step in range(count)
        ]
        self._disc_offset = dice.uniform(0, 20)

    def slice_hu(self, z: float) -> Plane:
        """The level ``z`` mm below the apex of the lungs, in HU, float32, shape (size, size), with noise."""
        canvas = Canvas(self._grid, z / self.physique.scale, self._texture, self._wobble)
        table(canvas, self.physique.fat)
        cavity = self._wall(canvas)
        if canvas.z < 306:
            self._chest(canvas, cavity)
        if canvas.z > DOME - 8:
            self._abdomen(canvas, cavity)
        skeleton(canvas, cavity.radii, self._disc_offset)
        self._vessels(canvas)
        for lesion in self._lesions:
            paint_lesion(canvas, lesion, self.physique.scale)
        self._add_noise(canvas, z)
        return canvas.hu

    def _add_noise(self, canvas: Canvas, z: float) -> None:
        # One tile serves all slices: each takes it from another place.
        number = round(z * 10)
        shifted = np.roll(self._noise, (number * 37 % 509, number * 101 % 503), (0, 1))
        canvas.hu += shifted * np.float32(self.physique.noise)
        np.maximum(canvas.hu, np.float32(-1024), out=canvas.hu)
        canvas.hu[self._outside] = -1024

    # ---------------------------------------------------------------------------------------------------------- walls

    def _wall(self, canvas: Canvas) -> _Cavity:
        """Skin, fat, muscles and the fat that fills the cavity; returns the cavity's mask and shape."""
        a, b = along(canvas.z, OUTLINE)
        fat = self.physique.fat * along(canvas.z, ((0, 0.8), (180, 0.8), (340, 1.2), (450, 1.3), (590, 1.4)))[0]
        whole = canvas.everywhere()
        canvas.blend(canvas.rounded((0, -2), (a + fat + 2, b + fat + 2), 0.5), whole, SKIN)
        canvas.blend(canvas.rounded((0, -2), (a + fat, b + fat), 0.5), whole, FAT, 7)
        canvas.blend(canvas.rounded((0, 0), (a, b), 0.4), whole, MUSCLE, 9)
        wall = along(canvas.z, ((0, 36), (60, 27), (200, 18), (300, 14), (420, 14), (470, 40), (590, 62)))[0]
        back = along(canvas.z, ((0, 26), (200, 24), (330, 30), (590, 30)))[0]
        front = along(canvas.z, ((0, 20), (200, 16), (300, 11), (590, 16)))[0]
        self._fat_planes(canvas, (a, b), wall)
        centre = (0.0, (front - back) / 2)
        radii = (a - wall, b - (front + back) / 2)
        mask = canvas.rounded(centre, radii)
        canvas.blend(mask, whole, FAT, 9)
        # Less 3 mm: pleura or peritoneum, and the innermost muscle between the ribs.
        return _Cavity(mask, canvas.rounded(centre, (radii[0] - 3, radii[1] - 3)), radii)

    @staticmethod
    def _fat_planes(canvas: Canvas, outline: tuple[float, float], wall: float) -> None:
        """Thin seams of fat between the layers of muscle, and the paraspinal muscles in their sheaths."""
        a, b = outline
        whole = canvas.everywhere()
        for depth in (0.36, 0.66):
            inset = wall * depth
            outer = canvas.rounded((0, 0), (a - inset, b - inset * 0.5))
            inner = canvas.rounded((0, 0), (a - inset - 1.6, b - inset * 0.5 - 1.0))
            canvas.blend(outer - inner, whole, -55)
        for side in (-1, 1):
            y = b - 21
            canvas.ellipse((side * 33, y), (29, 19), -70, angle=side * 12)
            canvas.ellipse((side * 33, y), (27.5, 17.5), MUSCLE, angle=side * 12, texture=14)
            canvas.ellipse((side * 20, y + 2), (1.2, 12), -40, angle=side * 24)

    # ---------------------------------------------------------------------------------------------------------- chest

    def _chest(self, canvas: Canvas, cavity: _Cavity) -> None:
        z = canvas.z
        cx, cy, rx, ry = along(z, _LUNG)
        for side in (-1, 1):
            girdle = along(z, ((0, 40), (40, 30), (66, 1)))[0]
            canvas.ellipse((side * 96, 24), (girdle, girdle), MUSCLE, within=cavity.mask, wobble=0.1, texture=20)
            canvas.ellipse(
                (side * 86, -34), (girdle, girdle * 0.5), MUSCLE, within=cavity.mask, wobble=0.1, angle=side * 20
            )
            canvas.ellipse((side * cx, cy), (rx, ry), LUNG, within=cavity.inner, texture=22)
        if z < 285:
            for tube in self._lung_vessels.near(z):
                canvas.tube(tube, 30, within=cavity.inner)
        mx, my, mrx, mry = along(z, _MEDIASTINUM)
        if z < 262:
            canvas.ellipse((mx, my), (mrx, mry), FAT, within=cavity.mask, wobble=0.06)
        self._heart(canvas, cavity)
        airways(canvas)
        canvas.ellipse((4, 26), (7, 5), 45)

    def _heart(self, canvas: Canvas, cavity: _Cavity) -> None:
        blood = 150 if self.physique.contrast else BLOOD
        centre, radii = (22.0, -26.0, 166.0), (62.0, 50.0, 58.0)
        if not canvas.ellipsoid(centre, radii, FAT, within=cavity.mask, angle=-22, wobble=0.03):
            return
        canvas.ellipsoid(centre, radii, 85 if self.physique.contrast else 48, within=cavity.mask, shrink=5, angle=-22)
        canvas.ellipsoid((48.0, -18.0, 170.0), (27.0, 20.0, 40.0), blood, angle=-30)
        canvas.ellipsoid((14.0, -46.0, 168.0), (28.0, 17.0, 38.0), blood - 5, angle=-25)
        canvas.ellipsoid((-24.0, -22.0, 160.0), (19.0, 25.0, 36.0), blood - 5)
        canvas.ellipsoid((10.0, 6.0, 146.0), (29.0, 15.0, 26.0), blood + 5)

    # -------------------------------------------------------------------------------------------------------- abdomen

    def _abdomen(self, canvas: Canvas, cavity: _Cavity) -> None:
        z, inner = canvas.z, cavity.inner
        self._under_the_diaphragm(canvas, inner)
        if 262 < z < 500:
            self._bowels(canvas, inner)
        liver = 112 if self.physique.contrast else 58
        if z < 300:
            stomach(canvas, inner)
        if 187 < z < 354:
            cx, cy, rx, ry = along(z, _RIGHT_LOBE)
            canvas.ellipse((cx, cy), (rx, ry), liver, within=inner, wobble=0.05, texture=6)
            if z < 286:
                cx, cy, rx, ry = along(z, _LEFT_LOBE)
                canvas.ellipse((cx, cy), (rx, ry), liver, within=inner, wobble=0.05, texture=6, angle=-8)
            if self.physique.contrast:
                self._in_the_liver(canvas, liver)
            if 246 < z < 280:
                canvas.ellipse((-24, -56), (2.2, 20), FAT, angle=-8)
        canvas.ellipsoid(
            (98, 40, 252), (29, 48, 50), 122 if self.physique.contrast else 50, within=inner, wobble=0.05, angle=14
        )
        self._small_organs(canvas)
        for side, level in ((-1, KIDNEYS + 8), (1, KIDNEYS - 6)):
            kidney(canvas, side, level, self.physique.contrast)
        if z > 292:
            for side in (-1, 1):
                px, py, rx, ry = along(z, _PSOAS)
                canvas.ellipse((side * px, py), (rx, ry), MUSCLE + 6, texture=12, angle=side * 20)
        if z > 440:
            pelvic_organs(canvas)

    @staticmethod
    def _under_the_diaphragm(canvas: Canvas, inner: Mask) -> None:
        """The domes rise into the lungs: a thin muscle, then fat, on each side."""
        for top, cx, cy in ((186.0, -64.0, -6.0), (198.0, 66.0, 2.0)):
            if not top < canvas.z < 312:
                continue
            g = min(math.sqrt((canvas.z - top) / 74), 1.15)
            if canvas.z < 268:
                canvas.ellipse((cx, cy), (80 * g + 1.8, 92 * g + 1.8), MUSCLE, within=inner)
            canvas.ellipse((cx, cy), (80 * g, 92 * g), FAT, within=inner, texture=8)

    def _in_the_liver(self, canvas: Canvas, liver: float) -> None:
        inside = np.minimum(
            np.maximum((canvas.hu - np.float32(liver - 40)) * np.float32(0.1), np.float32(0)), np.float32(1)
        )
        for tube in self._liver_vessels.near(canvas.z):
            canvas.tube(tube, liver + 48, within=inside)

    def _small_organs(self, canvas: Canvas) -> None:
        contrast = self.physique.contrast
        for tube in (Tube((-26, -4, 300), (6, -12, 288), 13, 9), Tube((6, -12, 288), (42, 0, 278), 9, 9),
                     Tube((42, 0, 278), (80, 20, 264), 9, 6)):  # fmt: skip
            canvas.tube(tube, 95 if contrast else 40, texture=18)
        canvas.ellipsoid((-50, -48, 302), (16, 20, 26), 70)
        canvas.ellipsoid((-50, -48, 302), (16, 20, 26), 9, shrink=2)
        for side, x in ((-1, -36), (1, 38)):
            canvas.tube(Tube((x, 26, 268), (x + side * 5, 34, 284), 2.4, 3.0), 70)
            canvas.tube(Tube((x + side * 5, 34, 268), (x + side * 9, 26, 284), 2.0, 2.4), 70)
        if contrast:
            canvas.tube(Tube((6, 2, 290), (-34, -8, 262), 6.5, 7), 158)
            canvas.tube(Tube((6, 2, 290), (86, 26, 256), 5, 4), 155)
            canvas.tube(Tube((-6, -8, 290), (-8, -18, 400), 5.5, 3), 155)
            canvas.tube(Tube((6, 10, 292), (2, -16, 400), 4, 2.5), 165)

    def _bowels(self, canvas: Canvas, inner: Mask) -> None:
        for centre, radii, angle, filling in self._bowel:
            if canvas.ellipsoid(centre, radii, 74, within=inner, angle=angle, wobble=0.1):
                canvas.ellipsoid(centre, radii, 22 + 20 * filling, within=inner, shrink=2.6, angle=angle, texture=10)
                if filling > 0.82:
                    gas = (centre[0], centre[1] - radii[1] * 0.3, centre[2])
                    canvas.ellipsoid(gas, (radii[0] * 0.5, radii[1] * 0.4, radii[2] * 0.7), -880, within=inner)
        for place, radius, share in self._colon:
            if canvas.ellipsoid(place, (radius, radius, radius), 64, within=inner, wobble=0.08):
                canvas.ellipsoid(place, (radius, radius, radius), 0, within=inner, shrink=2.6, texture=95)
                bubble = (place[0], place[1] - radius * 0.34, place[2])
                canvas.ellipsoid(bubble, (radius * 0.62, radius * share, radius * 0.72), -890, within=inner)

    # -------------------------------------------------------------------------------------------------------- vessels

    def _vessels(self, canvas: Canvas) -> None:
        artery, vein = (172, 146) if self.physique.contrast else (BLOOD, BLOOD)
        canvas.tubes(GREAT_VEINS, vein)
        canvas.tubes(PULMONARY, vein + 10)
        canvas.tubes(AORTA, artery)
        for side in (-1, 1):
            canvas.tube(Tube((0, 26, 396), (side * 46, 14, 470), 8, 6), artery)
            canvas.tube(Tube((side * 46, 14, 470), (side * 72, -44, 545), 6, 5), artery)
            canvas.tube(Tube((side * 72, -44, 545), (side * 74, -52, 600), 5, 5), artery)
            canvas.tube(Tube((side * 10 - 10, 34, 404), (side * 52, 26, 475), 8, 7), vein)
            canvas.tube(Tube((side * 52, 26, 475), (side * 60, -38, 545), 7, 6), vein)
            canvas.tube(Tube((side * 60, -38, 545), (side * 62, -46, 600), 6, 6), vein)
            if canvas.z < 70:
                canvas.tube(Tube((side * 22, -8, -20), (side * 12, -18, 56), 4.2, 5), artery)


@dataclass(frozen=True)
class _Cavity:
    mask: Mask
    inner: Mask
    radii: tuple[float, float]
