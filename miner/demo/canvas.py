"""Painting one axial slice from soft analytic shapes, in Hounsfield units, equal to the bit on every machine.

Frame: millimetres in the plane of the slice, origin at the centre of the image; x to the patient's left (columns), y to
the back (rows), z along the table, towards the feet. Only operations that IEEE 754 defines exactly (+, -, *, /, square
root, comparison) touch an array, and random numbers are raw words of PCG64, whose stream is fixed for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.float32]
Vec = tuple[float, float, float]
Table = Sequence[tuple[float, ...]]

AIR = -1000.0
_NEARLY_ZERO = 1e-9


def along(z: float, table: Table) -> tuple[float, ...]:
    """Linear interpolation in rows of (z, value, …), held constant beyond the ends."""
    if z <= table[0][0]:
        return tuple(table[0][1:])
    for low, high in pairwise(table):
        if z <= high[0]:
            t = (z - low[0]) / (high[0] - low[0])
            return tuple(a + (b - a) * t for a, b in zip(low[1:], high[1:], strict=True))
    return tuple(table[-1][1:])


def turn(degrees: float) -> tuple[float, float]:
    """Cosine and sine, rounded to nine digits so that no mathematical library's last bit shows."""
    return round(math.cos(math.radians(degrees)), 9), round(math.sin(math.radians(degrees)), 9)


class Dice:
    """Uniform numbers from PCG64's raw stream."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def uniform(self, low: float, high: float) -> float:
        """One number in [low, high)."""
        return low + (high - low) * (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` raw words."""
        return np.asarray(self._bits.random_raw(count), dtype=np.uint64)


def noise_tile(size: int, seed: int) -> Plane:
    """CT-like noise of unit standard deviation, shape (size, size): nearly Gaussian, correlated over two pixels."""
    # Not a library's normal deviates: those may change with its version and with the machine's logarithm.
    words = Dice(seed).words(size * size)
    total = np.zeros(size * size, dtype=np.int32)
    for shift in (0, 16, 32, 48):
        total += ((words >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int32)
    tile = (total - 2 * 0xFFFF).reshape(size, size)
    for axis in (0, 1):
        tile = np.roll(tile, 1, axis) + 2 * tile + np.roll(tile, -1, axis)
    # Four uniform words have a variance of 4·2³²/12; the kernel [1 2 1] multiplies it by 6 in each direction.
    return tile.astype(np.float32) / np.float32(math.sqrt(4 * 2.0**32 / 12) * 6)


def smooth_tile(size: int, cells: int, seed: int) -> Plane:
    """A slowly varying field in about [-1, 1], shape (size, size), periodic: bilinear over ``cells``² random knots."""
    words = Dice(seed).words(cells * cells)
    knots = ((words >> np.uint64(40)).astype(np.float32) / np.float32(2.0**23) - np.float32(1)).reshape(cells, cells)
    place = np.arange(size, dtype=np.float32) * np.float32(cells / size)
    low = place.astype(np.int64)
    t = place - low.astype(np.float32)
    t = t * t * (np.float32(3) - np.float32(2) * t)
    high = (low + 1) % cells
    rows = knots[low] * (1 - t)[:, None] + knots[high] * t[:, None]
    return np.asarray(rows[:, low] * (1 - t)[None, :] + rows[:, high] * t[None, :], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Grid:
    """Square images of ``size`` pixels of ``spacing`` mm; the middle of the image is (0, 0) mm."""

    size: int
    spacing: float

    def axis(self) -> Plane:
        """Pixel centres in mm, shape (size,)."""
        return (np.arange(self.size, dtype=np.float32) + np.float32(0.5 - self.size / 2)) * np.float32(self.spacing)

    def corner_frame(self, x: float, y: float) -> tuple[float, float]:
        """Millimetres to DICOM's corner frame: (column, row), 0.0 = outer corner of the first pixel (PS3.3 C.10.5)."""
        return x / self.spacing + self.size / 2, y / self.spacing + self.size / 2


@dataclass(frozen=True, slots=True)
class Tube:
    """A straight piece of a vessel, a bone or a bowel: from ``start`` to ``end``, with a radius at each, all in mm."""

    start: Vec
    end: Vec
    radius: float
    end_radius: float

    def section(self, z: float) -> tuple[float, float] | None:
        """The part of it, as (t0, t1) in [0, 1], that comes near the plane ``z``; None where it does not."""
        reach = max(self.radius, self.end_radius)
        dz = self.end[2] - self.start[2]
        low, high = (z - reach - self.start[2]), (z + reach - self.start[2])
        if abs(dz) < _NEARLY_ZERO:
            return (0.0, 1.0) if low <= 0 <= high else None
        first, last = sorted((low / dz, high / dz))
        return (max(first, 0.0), min(last, 1.0)) if first <= 1 and last >= 0 else None


def chain(*points: tuple[float, float, float, float]) -> tuple[Tube, ...]:
    """Tubes end to end through points of (x, y, z, radius), mm."""
    return tuple(Tube(p[:3], q[:3], p[3], q[3]) for p, q in pairwise(points))


class Forest:
    """Many tubes, of which one slice cuts few."""

    def __init__(self, tubes: Sequence[Tube]) -> None:
        self._tubes = tubes
        self._first = np.array([min(t.start[2], t.end[2]) - max(t.radius, t.end_radius) for t in tubes])
        self._last = np.array([max(t.start[2], t.end[2]) + max(t.radius, t.end_radius) for t in tubes])

    def near(self, z: float) -> list[Tube]:
        """The tubes that reach the plane ``z``."""
        return [self._tubes[index] for index in np.flatnonzero((self._first <= z) & (z <= self._last)).tolist()]


class Canvas:
    """One slice being painted. ``hu`` has shape (size, size), row by row."""

    def __init__(self, grid: Grid, z: float, texture: Plane, wobble: Plane) -> None:
        self.grid = grid
        self.z = z
        self.hu: Plane = np.full((grid.size, grid.size), AIR, dtype=np.float32)
        self._axis = grid.axis()
        self._texture = texture
        self._wobble = wobble

    # ----------------------------------------------------------------------------------------------------- painting

    def blend(self, mask: Mask, box: tuple[slice, slice], hu: float, texture: float = 0.0) -> None:
        """Lay ``hu`` (with ``texture`` HU of slow variation) over a box, where the mask is 1."""
        view = self.hu[box]
        target: Plane | np.float32 = np.float32(hu)
        if texture:
            target = self._texture[box] * np.float32(texture) + np.float32(hu)
        view += (target - view) * mask

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        hu: float,
        *,
        angle: float = 0.0,
        wobble: float = 0.0,
        texture: float = 0.0,
        within: Mask | None = None,
    ) -> None:
        """Paint an ellipse (mm), turned clockwise by ``angle`` degrees, its edge uneven by the fraction ``wobble``."""
        if min(radii) <= 0:
            return
        reach = max(radii) * (1 + wobble) + self.grid.spacing if angle else None
        box = self._box(centre, (reach or radii[0] * (1 + wobble) + 1, reach or radii[1] * (1 + wobble) + 1))
        if box is None:
            return
        x, y = self._local(box, centre)
        if angle:
            cos, sin = (np.float32(value) for value in turn(angle))
            x, y = x * cos + y * sin, y * cos - x * sin
        q = (x * np.float32(1 / radii[0])) ** 2 + (y * np.float32(1 / radii[1])) ** 2
        if wobble:
            q = q + self._wobble[box] * np.float32(2 * wobble)
            q = np.maximum(q, np.float32(0))
        mask = self._edge((np.sqrt(q) - np.float32(1)) * np.float32(min(radii)))
        if within is not None:
            mask = mask * within[box]
        self.blend(mask, box, hu, texture)

    def ellipsoid(
        self,
        centre: Vec,
        radii: Vec,
        hu: float,
        *,
        within: Mask | None = None,
        wobble: float = 0.0,
        texture: float = 0.0,
        shrink: float = 0.0,
        angle: float = 0.0,
    ) -> bool:
        """Paint the section of an ellipsoid (mm), its in-plane radii less ``shrink``. False where it has none here."""
        rest = 1 - ((self.z - centre[2]) / radii[2]) ** 2
        if rest <= 0:
            return False
        scale = math.sqrt(rest)
        self.ellipse(
            (centre[0], centre[1]),
            (radii[0] * scale - shrink, radii[1] * scale - shrink),
            hu,
            within=within,
            wobble=wobble,
            texture=texture,
            angle=angle,
        )
        return True

    def bone(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        *,
        rim: float = 2.2,
        cortex: float = 520,
        marrow: float = 190,
        angle: float = 0.0,
    ) -> None:
        """Paint a bone in section: a dense rim around marrow."""
        self.ellipse(centre, radii, cortex, angle=angle)
        self.ellipse(centre, (radii[0] - rim, radii[1] - rim), marrow, angle=angle, texture=35)

    def tube(
        self, tube: Tube, hu: float, *, grow: float = 0.0, within: Mask | None = None, texture: float = 0.0
    ) -> None:
        """Paint what the plane cuts out of a tube with round ends, its radius larger by ``grow`` mm."""
        part = tube.section(self.z)
        if part is None:
            return
        (x0, y0, z0), (x1, y1, z1) = tube.start, tube.end
        ends = [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in part]
        reach = max(tube.radius, tube.end_radius) + grow + 1
        middle = ((ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2)
        half = (abs(ends[0][0] - ends[1][0]) / 2 + reach, abs(ends[0][1] - ends[1][1]) / 2 + reach)
        box = self._box(middle, half)
        if box is None:
            return
        x, y = self._local(box, (x0, y0))
        ux, uy, uz, dz = x1 - x0, y1 - y0, z1 - z0, self.z - z0
        length = max(ux * ux + uy * uy + uz * uz, _NEARLY_ZERO)
        t = (x * np.float32(ux / length) + y * np.float32(uy / length)) + np.float32(dz * uz / length)
        t = np.minimum(np.maximum(t, np.float32(0)), np.float32(1))
        gap = np.float32(dz) - t * np.float32(uz)
        d = np.sqrt((x - t * np.float32(ux)) ** 2 + (y - t * np.float32(uy)) ** 2 + gap**2)
        mask = self._edge(d - (t * np.float32(tube.end_radius - tube.radius) + np.float32(tube.radius + grow)))
        if within is not None:
            mask = mask * within[box]
        self.blend(mask, box, hu, texture)

    def tubes(self, tubes: Sequence[Tube], hu: float, **options: float) -> None:
        """Paint several tubes."""
        for tube in tubes:
            self.tube(tube, hu, **options)  # type: ignore[arg-type]

    def rounded(self, centre: tuple[float, float], radii: tuple[float, float], flat_back: float = 0.0) -> Mask:
        """Mask, shape (size, size), of a rounded box |x/a|^2.5 + |y/b|^2.5 ≤ 1: the outline of a trunk.

        ``flat_back`` (0 to 1) makes the lower half flatter, as a back on a table is.
        """
        mask = np.zeros((self.grid.size, self.grid.size), dtype=np.float32)
        box = self._box(centre, (radii[0] + 1, radii[1] + 1))
        if box is None:
            return mask
        local_x, local_y = self._local(box, centre)
        x = np.abs(local_x * np.float32(1 / radii[0]))
        y = np.abs(local_y * np.float32(1 / radii[1]))
        px, py = x * x * np.sqrt(x), y * y * np.sqrt(y)
        if flat_back:
            py = np.where(local_y > 0, py * (np.float32(1 - flat_back) + np.float32(flat_back) * y), py)
        # The gradient of the sum at the rim is about 2.5 / radius.
        mask[box] = self._edge((px + py - np.float32(1)) * np.float32(min(radii) / 2.5))
        return mask

    def everywhere(self) -> tuple[slice, slice]:
        """The box that is the whole image."""
        return slice(0, self.grid.size), slice(0, self.grid.size)

    # ------------------------------------------------------------------------------------------------------ geometry

    def _edge(self, distance: Plane) -> Mask:
        """1 inside (distance < 0), 0 outside, one pixel wide in between: what a pixel averages."""
        mask = np.float32(0.5) - distance * np.float32(1 / self.grid.spacing)
        return np.asarray(np.minimum(np.maximum(mask, np.float32(0)), np.float32(1)), dtype=np.float32)

    def _box(self, centre: tuple[float, float], half: tuple[float, float]) -> tuple[slice, slice] | None:
        columns = self._pixels(centre[0], half[0])
        rows = self._pixels(centre[1], half[1])
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None

    def _pixels(self, centre: float, half: float) -> slice:
        n = self.grid.size
        first = math.floor((centre - half) / self.grid.spacing + n / 2) - 1
        last = math.ceil((centre + half) / self.grid.spacing + n / 2) + 1
        return slice(min(max(first, 0), n), min(max(last, 0), n))

    def _local(self, box: tuple[slice, slice], origin: tuple[float, float]) -> tuple[Plane, Plane]:
        x = (self._axis[box[1]] - np.float32(origin[0]))[None, :]
        y = (self._axis[box[0]] - np.float32(origin[1]))[:, None]
        return x, y


def branches(
    root: Vec, towards: Vec, dice: Dice, *, radius: float, length: float, depth: int, spread: float = 0.75
) -> Iterator[Tube]:
    """A tree of tubes that grows from ``root`` in the direction ``towards``, each generation thinner and shorter."""
    norm = math.sqrt(sum(part * part for part in towards)) or 1.0
    end = (
        root[0] + towards[0] / norm * length,
        root[1] + towards[1] / norm * length,
        root[2] + towards[2] / norm * length,
    )
    yield Tube(root, end, radius, radius * 0.78)
    if depth == 0:
        return
    unit = (towards[0] / norm, towards[1] / norm, towards[2] / norm)
    for _ in range(2 if dice.uniform(0, 1) < 0.7 else 3):
        bent = (
            unit[0] + dice.uniform(-spread, spread),
            unit[1] + dice.uniform(-spread, spread),
            unit[2] + dice.uniform(-spread, spread),
        )
        yield from branches(
            end,
            bent,
            dice,
            radius=radius * 0.74,
            length=length * dice.uniform(0.68, 0.9),
            depth=depth - 1,
            spread=spread,
        )
