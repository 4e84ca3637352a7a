"""Planes of images in patient space: which of them hold given points, and where on them the points lie.

Patient coordinates are millimetres in DICOM's LPS axes. A point P of an image is P = S + x · Δc · X + y · Δr · Y (PS3.3
C.7.6.2.1.1): S centre of the first pixel, X and Y the cosines of the row and of the column, Δc and Δr the spacing of
columns and of rows, (x, y) in pixels with (0.0, 0.0) at the centre of the first pixel. The normal is X × Y.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miner.records import ImageHeader, ImagePlane, ImageReference, InstanceRef

SINGLE_SLICE_MM = 0.5
"""Distance from an image without neighbours within which a point lies on it: rounding, not anatomy."""

LARGEST_REACH_MM = 5.0
"""Half the distance of slices, at most: beyond, what lies between two slices was drawn on neither."""

ROUNDING_MM = 1e-3
"""Distances alike to this are one distance: positions are decimal strings, coordinates float32 (PS3.5 6.2)."""

ON_PLANE_STEPS = 10
"""Steps of rounding within which points lie on the very plane: whatever a reader draws lies on what is displayed."""

EDGE_PIXELS = 0.01
"""Pixels by which a point may lie outside of the image's outer edge, as everywhere in recognition."""

SMALLEST_NORMAL = 0.5
"""Length of X × Y below which an orientation gives no plane (unit vectors at right angles give 1)."""

LARGEST_COSINE = 1.01
"""Direction cosines are at most 1, but for rounding."""

CHUNK = 1_000_000
"""Products of points and planes that are held at once."""

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def plane_of_instance(instance: InstanceRef, thickness: float | None) -> ImagePlane | None:
    """The plane of an image as an IMAGE-level query knows it: no frame of reference, no spacing (0, 0) yet.

    ``thickness``: distance of slices in mm of its volume. None where the PACS gave no position or orientation.
    """
    if instance.position is None or instance.orientation is None:
        return None
    return ImagePlane(
        ImageReference(instance.series_uid, instance.sop_uid, instance.sop_class_uid),
        "",
        instance.position,
        instance.orientation,
        (0.0, 0.0),
        instance.rows or 0,
        instance.columns or 0,
        thickness,
    )


def plane_of_header(header: ImageHeader, thickness: float | None) -> ImagePlane | None:
    """The plane of an image whose header is here; None where it has no position, orientation or spacing."""
    if header.position is None or header.orientation is None or header.pixel_spacing is None:
        return None
    return ImagePlane(
        ImageReference(header.series_uid, header.sop_uid, header.sop_class_uid),
        header.frame_of_reference,
        header.position,
        header.orientation,
        header.pixel_spacing,
        header.rows,
        header.columns,
        thickness,
    )


@dataclass(frozen=True, slots=True)
class PlaneStack:
    """Planes as arrays of P rows: ``normal`` (unit), ``origin`` and ``reach`` in mm, ``across``, ``down`` in pixels/mm.

    ``across``, ``down``: dual to Δc · X and Δr · Y, so that cosines a little off the right angle (they are rounded in
    the header) still project exactly; zero where the spacing is unknown.
    """

    planes: tuple[ImagePlane, ...]
    normal: Array
    origin: Array
    across: Array
    down: Array
    reach: Array

    @classmethod
    def of(cls, planes: Iterable[ImagePlane], *, measured: bool) -> PlaneStack:
        """Those of the planes that have a usable geometry; ``measured``: spacing and size must be known too."""
        found = list(planes)
        usable = tuple(plane for plane, good in zip(found, _are_usable(found, measured), strict=True) if good)
        x, y = np.hsplit(_rows([plane.orientation for plane in usable], 6), 2)
        spacing = _rows([plane.spacing for plane in usable], 2)
        normal = np.cross(x, y)
        square = np.einsum("ij,ij->i", normal, normal)[:, None]
        with np.errstate(divide="ignore"):
            per_mm = np.where(spacing > 0, 1 / spacing, 0.0)
        return cls(
            usable,
            normal / np.sqrt(square),
            _rows([plane.position for plane in usable], 3),
            np.cross(y, normal) / square * per_mm[:, 1:],
            np.cross(normal, x) / square * per_mm[:, :1],
            np.array([_reach(plane.thickness) for plane in usable], dtype=np.float64),
        )

    def ranked(self, points: Array, named: Sequence[ImageReference], *, times: float = 1.0) -> list[int]:
        """Indices of the planes that all points (N, 3) lie on, best first.

        On a plane: no further from it than ``times`` half the distance of slices, and no further from each other along
        its normal. Best: within half that distance, inside of the image, on the very plane, an image of ``named``, one
        of its series, nearest, first.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            first = np.abs(np.einsum("pk,pk->p", self.normal, points[0] - self.origin))
            near = np.flatnonzero(first <= times * self.reach + ROUNDING_MM)
            step = max(1, CHUNK // len(points))
            parts = (near[start : start + step] for start in range(0, len(near), step))
            fits = [fit for part in parts for fit in self._fits(part, points, times)]
        names = _Names.of(named)
        return [index for _, index in sorted((fit.preference(self.planes[i], names), i) for i, fit in fits)]

    def projected(self, points: Array, index: int) -> Array:
        """Points (N, 3) in mm on one plane: (N, 2), x and y in pixels."""
        from_origin = points - self.origin[index]
        return np.stack([from_origin @ self.across[index], from_origin @ self.down[index]], axis=-1)

    def _fits(self, part: Indices, points: Array, times: float) -> Iterator[tuple[int, _Fit]]:
        along = self.normal[part] @ points.T - np.einsum("pk,pk->p", self.normal[part], self.origin[part])[:, None]
        worst, spread = np.abs(along).max(axis=1), along.max(axis=1) - along.min(axis=1)
        limit = times * self.reach[part] + ROUNDING_MM
        for row in np.flatnonzero((worst <= limit) & (spread <= limit)):
            index, distance = int(part[row]), float(worst[row])
            beyond = distance > self.reach[index] + ROUNDING_MM
            yield index, _Fit(beyond, not self._holds(index, points), round(distance / ROUNDING_MM))

    def _holds(self, index: int, points: Array) -> bool:
        """Whether all points lie inside of the image, as far as its spacing and size are known."""
        plane = self.planes[index]
        if not _is_measured(plane):
            return True
        xy, low = self.projected(points, index), -0.5 - EDGE_PIXELS
        high = (plane.columns - 0.5 + EDGE_PIXELS, plane.rows - 0.5 + EDGE_PIXELS)
        return bool((xy >= low).all() and (xy <= high).all())


@dataclass(frozen=True, slots=True)
class _Names:
    """Images and series that an object names."""

    images: frozenset[tuple[str, int | None]]
    series: frozenset[str]

    @classmethod
    def of(cls, named: Iterable[ImageReference]) -> _Names:
        found = set(named)
        return cls(frozenset((r.sop_uid, r.frame) for r in found), frozenset(r.series_uid for r in found))


@dataclass(frozen=True, slots=True)
class _Fit:
    """How points lie on a plane: ``steps`` of rounding away from it, beyond its reach, outside of its image."""

    beyond: bool
    outside: bool
    steps: int

    def preference(self, plane: ImagePlane, names: _Names) -> tuple[bool, bool, bool, bool, bool, int]:
        image = plane.image
        named = (image.sop_uid, image.frame) in names.images or (image.sop_uid, None) in names.images
        aside = self.steps > ON_PLANE_STEPS
        return (self.beyond, self.outside, aside, not named, image.series_uid not in names.series, self.steps)


def _are_usable(planes: Sequence[ImagePlane], measured: bool) -> npt.NDArray[np.bool_]:
    """Which planes have finite numbers, and an orientation that is one."""
    position, cosines = _rows([p.position for p in planes], 3), _rows([p.orientation for p in planes], 6)
    spacing = _rows([p.spacing for p in planes], 2)
    known = np.array([not measured or _is_measured(plane) for plane in planes], dtype=np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):
        square = (np.cross(cosines[:, :3], cosines[:, 3:]) ** 2).sum(axis=1)
        finite = np.isfinite(np.hstack([position, cosines, spacing])).all(axis=1) & (spacing >= 0).all(axis=1)
        good = (np.abs(cosines) <= LARGEST_COSINE).all(axis=1) & (square >= SMALLEST_NORMAL**2)
    return np.asarray(known & finite & good, dtype=np.bool_)


def _is_measured(plane: ImagePlane) -> bool:
    return min(plane.spacing) > 0 and plane.rows > 0 and plane.columns > 0


def _rows(values: Sequence[Sequence[float]], width: int) -> Array:
    return np.array(values, dtype=np.float64).reshape(-1, width)


def _reach(thickness: float | None) -> float:
    """Half the distance to the next slice, within bounds."""
    if thickness is None or not 0 < thickness < math.inf:
        return SINGLE_SLICE_MM
    return min(thickness / 2, LARGEST_REACH_MM)
