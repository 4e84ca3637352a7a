"""The patient's outline in one axial CT slice, and what the pixels say about a bookmark's box.

Points are (x, y) = (column, row) in the pixel centres frame: (0.0, 0.0) is the centre of the first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from miner.records import PixelFacts, Point

Mask = npt.NDArray[np.bool_]
Slice = npt.NDArray[np.integer] | npt.NDArray[np.floating]

BODY_THRESHOLD_HU = -400
"""Between fat (-100) and the foam of tables and mattresses (-950 to -600)."""

OUTSIDE_AIR_HU = -950
"""Air around the patient is -1000, what scanners pad with is lower; lungs are -900 to -500."""

BOX_MARGIN_PX = 5.0
"""Margin of Bounding_boxes around the end points (deeplesion-format.md)."""

_WORKING_SIZE = 128
_SMALLEST_BODY = 0.01
_SECOND_PART = 0.5
_CLOSING = 2


def body_mask(hu: Slice) -> Mask | None:
    """Patient in one slice of HU, shape (rows, columns), True inside; None where nothing looks like a body.

    Lungs, bowel gas and airways are inside. The outline is coarse (a 128th of the image): it is found on a reduced
    image as everything above :data:`BODY_THRESHOLD_HU` that an opening leaves (tables, sheets and tubes are thin), of
    it the largest connected part, and parts at least half as large (a pair of legs), holes filled. A lung that the
    field of view cuts off is told from air outside by its HU.
    """
    factor = max(1, min(hu.shape) // _WORKING_SIZE)
    reduced = _reduce(hu, factor)
    small = reduced > BODY_THRESHOLD_HU
    core = _largest_parts(_dilate(_erode(small, 1), 1) & small)
    if core is None:
        return None
    # A closing first: an opening may have cut a thin chest wall, and open lungs would count as air around the patient.
    filled = _erode(_fill(_dilate(core, _CLOSING), reduced), _CLOSING) | core
    if filled.sum() < _SMALLEST_BODY * filled.size:
        return None
    return _enlarge(filled, factor, hu.shape)


def pixel_facts(hu: Slice, points: Sequence[Point]) -> PixelFacts:
    """Facts about the box of a bookmark's points in one slice of HU, shape (rows, columns).

    The box is the points' extent with 5 px around, as in Bounding_boxes; pixels count whose centres lie in it and in
    the image. ``mean_hu``, ``std_hu``: of these pixels. ``ring_mean_hu``: of the frame between the box and one of twice
    its size, inside the body where one was found (``mean_hu`` where the frame is empty). ``body_fraction``: share of
    the box's pixels inside the body, 0 where none was found. ``location``: the (unclipped) box centre as fractions of
    the body's bounding box, from its left and top edges; over the image where no body was found. Raises ValueError for
    no points or for points that are not finite.
    """
    if not points or not all(math.isfinite(value) for point in points for value in point):
        raise ValueError("a box needs points with finite coordinates")
    left, right = min(x for x, _ in points) - BOX_MARGIN_PX, max(x for x, _ in points) + BOX_MARGIN_PX
    top, bottom = min(y for _, y in points) - BOX_MARGIN_PX, max(y for _, y in points) + BOX_MARGIN_PX
    rows, columns = _pixels(top, bottom, hu.shape[0]), _pixels(left, right, hu.shape[1])
    mask = body_mask(hu)
    inside = hu[rows, columns]
    return PixelFacts(
        mean_hu=float(inside.mean()),
        std_hu=float(inside.std()),
        ring_mean_hu=_ring_mean(hu, mask, (left, top, right, bottom), float(inside.mean())),
        body_fraction=float(mask[rows, columns].mean()) if mask is not None else 0.0,
        location=_location(mask, ((left + right) / 2, (top + bottom) / 2), hu.shape),
        body_found=mask is not None,
    )


def _pixels(low: float, high: float, size: int) -> slice:
    """Indices of pixel centres from low to high in the image; the nearest one where there is none."""
    first = min(max(math.ceil(low), 0), size - 1)
    return slice(first, max(first, min(math.floor(high), size - 1)) + 1)


def _ring_mean(hu: Slice, mask: Mask | None, box: tuple[float, float, float, float], otherwise: float) -> float:
    left, top, right, bottom = box
    grow_x, grow_y = (right - left) / 2, (bottom - top) / 2
    rows = _pixels(top - grow_y, bottom + grow_y, hu.shape[0])
    columns = _pixels(left - grow_x, right + grow_x, hu.shape[1])
    ring = np.ones(hu.shape, bool) if mask is None else mask.copy()
    ring[_pixels(top, bottom, hu.shape[0]), _pixels(left, right, hu.shape[1])] = False
    values = hu[rows, columns][ring[rows, columns]]
    return float(values.mean()) if values.size else otherwise


def _location(mask: Mask | None, centre: Point, shape: tuple[int, ...]) -> Point:
    if mask is None:
        left, top, right, bottom = 0, 0, shape[1] - 1, shape[0] - 1
    else:
        across, down = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        left, right, top, bottom = int(across[0]), int(across[-1]), int(down[0]), int(down[-1])
    # Edges of pixels, not their centres, bound the body.
    return (centre[0] + 0.5 - left) / (right - left + 1), (centre[1] + 0.5 - top) / (bottom - top + 1)


# ------------------------------------------------------------------------------------------------ reduce and enlarge


def _reduce(hu: Slice, factor: int) -> npt.NDArray[np.floating]:
    """Means of squares of ``factor`` pixels; the last ones are repeated where the size is no multiple."""
    if factor == 1:
        return hu.astype(np.float32)
    rows, columns = -hu.shape[0] % factor, -hu.shape[1] % factor
    padded = np.pad(hu, ((0, rows), (0, columns)), mode="edge") if rows or columns else hu
    height, width = padded.shape
    down = padded.reshape(height // factor, factor, width).sum(axis=1, dtype=np.float32)
    means: npt.NDArray[np.floating] = down.reshape(height // factor, width // factor, factor).mean(axis=2) / factor
    return means


def _enlarge(mask: Mask, factor: int, shape: tuple[int, ...]) -> Mask:
    return mask.repeat(factor, axis=0).repeat(factor, axis=1)[: shape[0], : shape[1]]


# ---------------------------------------------------------------------------------------------------------- morphology


def _erode(mask: Mask, times: int) -> Mask:
    """Pixels whose four neighbours are set; beyond the image counts as set, for bodies that it cuts off."""
    return ~_dilate(~mask, times)


def _dilate(mask: Mask, times: int) -> Mask:
    """Pixels that are set or have one of their four neighbours set; beyond the image counts as not set."""
    for _ in range(times):
        padded = np.pad(mask, 1, constant_values=False)
        mask = mask | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask


def _largest_parts(mask: Mask) -> Mask | None:
    labels, count = _label(mask)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept: Mask = (sizes >= _SECOND_PART * sizes.max())[labels]
    return kept


def _fill(mask: Mask, hu: npt.NDArray[np.floating]) -> Mask:
    """The mask and all background but air outside: what a path joins to the image's border, if it is as thin as air."""
    labels, count = _label(~mask)
    outside = np.zeros(count + 1, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[edge] = True
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    airy = np.bincount(labels.ravel(), weights=(hu < OUTSIDE_AIR_HU).ravel(), minlength=count + 1)
    # Tables and sheets stand in the air outside, vessels in the lung: most of the pixels decide, not their mean.
    outside &= airy > sizes / 2
    outside[0] = False
    filled: Mask = ~outside[labels]
    return filled


def _label(mask: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """Four-connected parts: labels from 1 (0 outside) and their number, by union-find over the runs of each row."""
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    row_of, start = np.nonzero(change == 1)
    stop = np.nonzero(change == -1)[1]
    parent = list(range(len(start)))
    first_of_row = np.searchsorted(row_of, np.arange(mask.shape[0] + 1)).tolist()
    starts, stops = start.tolist(), stop.tolist()
    for row in range(1, mask.shape[0]):
        above, below = first_of_row[row - 1], first_of_row[row]
        end_above, end_below = below, first_of_row[row + 1]
        while above < end_above and below < end_below:
            if starts[above] < stops[below] and starts[below] < stops[above]:
                _unite(parent, above, below)
            if stops[above] <= stops[below]:
                above += 1
            else:
                below += 1
    roots = [_root(parent, run) for run in range(len(parent))]
    number = {root: index for index, root in enumerate(dict.fromkeys(roots), start=1)}
    labels = np.zeros(mask.shape, np.int32)
    for run, root in enumerate(roots):
        labels[row_of[run], starts[run] : stops[run]] = number[root]
    return labels, len(number)


def _root(parent: list[int], run: int) -> int:
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


def _unite(parent: list[int], one: int, other: int) -> None:
    parent[_root(parent, other)] = _root(parent, one)
