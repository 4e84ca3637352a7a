"""Bones of the trunk in section, and the table under it (frame of canvas.py)."""

from __future__ import annotations

import math

import numpy as np

from miner.demo.canvas import Canvas, Table, Tube, along, turn
from miner.demo.organs import MUSCLE

OUTLINE: Table = (  # z, half width and half depth of the muscles
    (0, 168, 84), (40, 164, 94), (90, 158, 102), (180, 152, 104), (260, 142, 98),
    (340, 132, 90), (400, 140, 92), (460, 158, 96), (520, 164, 98), (590, 160, 96),
)  # fmt: skip
"""Half width and half depth of the muscles of the trunk by level, mm."""

_SACRUM: Table = ((412, 36, 20), (440, 50, 24), (480, 40, 18), (515, 18, 9), (530, 8, 6))

_VERTEBRA_MM = ((0, 21.0), (150, 24.0), (300, 31.0), (420, 34.0))
_DISC_MM = 7.0


def skeleton(canvas: Canvas, cavity: tuple[float, float], disc_offset: float) -> None:
    """All bones that the slice cuts. ``cavity`` holds the half axes of the chest wall, in mm."""
    z = canvas.z
    b = along(z, OUTLINE)[1]
    if z < 428:
        _vertebra(canvas, b, disc_offset)
    if z < 318:
        _ribs(canvas, cavity)
    if 36 < z < 205:
        width = along(z, ((36, 26), (50, 22), (70, 15), (170, 17), (204, 5)))[0]
        canvas.bone((0, -b + 9), (width, 6.5))
    if z < 150:
        _scapulae(canvas)
    if z > 388:
        _pelvis(canvas, b)


def _vertebra(canvas: Canvas, b: float, disc_offset: float) -> None:
    z = canvas.z
    rx, ry = along(z, ((0, 15, 12), (200, 18, 15), (300, 23, 17), (420, 27, 19)))
    y = b - 54
    height = along(z, _VERTEBRA_MM)[0]
    within = (z + disc_offset) % height
    if within < _DISC_MM * height / 30:
        canvas.ellipse((0, y), (rx, ry), 88, texture=10)
    else:
        canvas.bone((0, y), (rx, ry), rim=1.8, marrow=210)
    behind = y + ry + 9
    if within > height * 0.35:
        for side in (-1, 1):
            canvas.bone((side * (rx * 0.82), behind - 4), (5.5, 9), angle=side * -24)
            canvas.tube(Tube((side * rx * 0.9, behind + 1, z), (side * (rx + 22), behind + 7, z), 4.5, 3.6), 380)
            canvas.tube(Tube((side * rx * 0.8, behind + 4, z), (0, behind + 13, z), 4.2, 4.2), 450)
        canvas.tube(Tube((0, behind + 12, z), (0, behind + 28, z), 4.4, 3.2), 430)
    else:
        for side in (-1, 1):
            canvas.bone((side * 14, behind + 5), (6.5, 7.5), angle=side * 30, cortex=480)
    canvas.ellipse((0, behind - 1), (9.5, 8), 12)
    if z < 320:
        canvas.ellipse((0, behind - 1), (5.5, 4.5), 42)


def _ribs(canvas: Canvas, cavity: tuple[float, float]) -> None:
    """Ribs slope down from the spine to the front, so that one slice cuts several of them, each at another angle."""
    for rib in range(12):
        turned = (canvas.z + 6 - 24.5 * rib) / 92 * 180
        last = 150 if rib < 7 else 150 - (rib - 6) * 18
        if not 10 < turned < last:
            continue
        for side in (-1, 1):
            ends = [_on_wall(cavity, min(max(turned + step, 8), 170), side) for step in (-8, 8)]
            start, end = ((x, y, canvas.z) for x, y in ends)
            canvas.tube(Tube(start, end, 5.0, 5.0), 500)
            canvas.tube(Tube(start, end, 2.8, 2.8), 220)


def _on_wall(radii: tuple[float, float], degrees: float, side: int) -> tuple[float, float]:
    """The point of the chest wall at an angle from the back (0) over the side (90) to the front (180)."""
    cos, sin = turn(degrees)
    x, y = abs(sin) / (radii[0] + 3), abs(cos) / (radii[1] + 3)
    rounded = (x * x * math.sqrt(x) + y * y * math.sqrt(y)) ** 0.4
    reach = round(1 / rounded, 6)
    return side * sin * reach, cos * reach


def _scapulae(canvas: Canvas) -> None:
    z = canvas.z
    for side in (-1, 1):
        low = along(z, ((0, 84), (60, 84), (150, 104)))[0]
        inner, outer = (side * low, 80.0, z), (side * 144.0, 38.0, z)
        canvas.tube(Tube(inner, outer, 2.4, 4.4), 430)
        if z < 60:
            canvas.tube(Tube((side * 108.0, 66.0, z), (side * 132.0, 74.0, z), 2.4, 3.2), 420)
        if z < 34:
            canvas.bone((side * 146.0, 18.0), (17, 19))
        if z < 22:
            canvas.tube(Tube((side * 26.0, -50.0, 22.0), (side * 128.0, -8.0, -4.0), 6, 6), 430)
            canvas.tube(Tube((side * 26.0, -50.0, 22.0), (side * 128.0, -8.0, -4.0), 3.5, 3.5), 200)


def _pelvis(canvas: Canvas, b: float) -> None:
    z = canvas.z
    if 412 < z < 530:
        rx, ry = along(z, _SACRUM)
        canvas.bone((0, b - 42), (rx, ry), marrow=160)
        canvas.ellipse((0, b - 30), (8, 5), -10)
        for side in (-1, 1):
            canvas.ellipse((side * rx * 0.5, b - 42), (3.4, 4), -20)
    for side in (-1, 1):
        if z < 506:
            reach = along(z, ((388, 0.12), (410, 0.55), (450, 1.0), (480, 0.7), (506, 0.4)))[0]
            back, front = (62.0, b - 40), (128.0, -18.0)
            middle = along(z, ((388, 0.6), (450, 0.5), (506, 0.66)))[0]
            first, last = max(middle - reach / 2, 0), min(middle + reach / 2, 1)
            ends = [
                (side * (back[0] + (front[0] - back[0]) * t), back[1] + (front[1] - back[1]) * t, z)
                for t in (first, last)
            ]
            canvas.tube(Tube(ends[0], ends[1], 7.5, 6.0), 480)
            canvas.tube(Tube(ends[0], ends[1], 4.9, 3.6), 190, texture=30)
        _hip(canvas, side)


def _hip(canvas: Canvas, side: int) -> None:
    z = canvas.z
    head = (side * 92.0, 4.0, 532.0)
    if 492 < z < 572:
        canvas.ellipsoid((side * 84.0, 6.0, 528.0), (33.0, 36.0, 38.0), 470)
        canvas.ellipsoid((side * 84.0, 6.0, 528.0), (33.0, 36.0, 38.0), 200, shrink=2.4, texture=30)
        canvas.ellipsoid(head, (27.0, 27.0, 27.0), 70)
        canvas.ellipsoid((side * 118.0, 4.0, 532.0), (24.0, 26.0, 30.0), MUSCLE)
    canvas.tube(Tube(head, (side * 134.0, 14.0, 556.0), 15, 16), 470)
    canvas.tube(Tube(head, (side * 134.0, 14.0, 556.0), 12.8, 13.5), 210, texture=30)
    canvas.tube(Tube((side * 134.0, 14.0, 556.0), (side * 130.0, 14.0, 640.0), 16, 14), 650)
    canvas.tube(Tube((side * 134.0, 14.0, 556.0), (side * 130.0, 14.0, 640.0), 11, 8), 60)
    canvas.ellipsoid(head, (24.0, 24.0, 24.0), 520)
    canvas.ellipsoid(head, (24.0, 24.0, 24.0), 270, shrink=2.0, texture=30)
    for start, end in (((76.0, -8.0, 545.0), (8.0, -44.0, 560.0)), ((70.0, 20.0, 550.0), (58.0, 42.0, 590.0))):
        bone = Tube((side * start[0], start[1], start[2]), (side * end[0], end[1], end[2]), 11, 10)
        canvas.tube(bone, 480)
        canvas.tube(bone, 200, grow=-2.4, texture=25)


def table(canvas: Canvas, fat: float) -> None:
    """The table: a curved carbon shell with foam inside, under the back."""
    b = along(canvas.z, OUTLINE)[1] + fat + 4
    axis = canvas.grid.axis()
    sag = axis * axis * np.float32(1 / 900)
    first = max(int((b - 34) / canvas.grid.spacing + canvas.grid.size / 2), 0)
    box = (slice(first, canvas.grid.size), slice(0, canvas.grid.size))
    depth = axis[first:, None] - (np.float32(b + 16) - sag)[None, :]
    inside = (np.abs(axis) < 200)[None, :]
    for low, high, hu in ((-2.0, 26.0, -960.0), (-2.0, 0.5, -350.0), (23.5, 26.0, -350.0)):
        canvas.blend(((depth > low) & (depth < high) & inside).astype(np.float32), box, hu)
