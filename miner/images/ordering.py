"""Order and numbering of slices, and what keeps a volume out of DL_info.csv.

Patient coordinates are millimetres in DICOM's LPS axes (+x to the patient's left, +y to the back, +z to the head; PS3.3
C.7.6.2.1.1). Slices are ordered by Image Position (Patient) along the normal of their planes, head first, never by
Instance Number, Slice Location or arrival: a feet-first or flipped acquisition gets the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from miner.errors import Reason
from miner.images.grouping import cross, dot, groups, unit, usable_orientation, usable_position
from miner.records import InstanceRef, Orientation, SeriesGeometry, Vector

AXIAL_TOLERANCE_DEG = 1.0
"""Largest angle between the normal and the patient's z axis in a plain axial volume, and of a stack's shear."""

LARGEST_TILT_DEG = 32.0
"""CT gantries tilt by up to 30 degrees; a plane further off z is another orientation, not a tilt."""

SAME_POSITION_MM = 0.01
"""Images closer than this along the normal lie at one position."""

SPACING_TOLERANCE_MM = 0.01
SPACING_TOLERANCE = 0.01
"""Distances are even within the larger of the two (the second is a fraction): deeplesion-format.md, Spacing_mm_px_."""

SHEAR_SLACK_MM = 0.05
"""In-plane shift between neighbours that rounding of positions explains."""

_SMALLEST_Z = math.cos(math.radians(85))
"""Below this the normal is within 5 degrees of horizontal and has no head end (coronal, sagittal)."""


def volumes(instances: Sequence[InstanceRef]) -> tuple[SeriesGeometry, ...]:
    """Volumes of one series, largest first (ties: the smallest SOP Instance UID first); every image is in exactly one.

    Numbers count the images of the whole volume, so ``instances`` must be all that the series has. ``normal`` points
    from slice 1 to the last: towards the feet wherever the planes are not upright, else along the positive patient
    axis (left, back) that it is nearest to. Images at one position are ordered by Instance Number, then UID. Where an
    image has no position or orientation, its volume is ordered by Instance Number, then UID; then ``positions`` are all
    0. ``spacing_z`` is the median of the neighbours' distances along the normal, duplicate positions left out; None
    where there is none. ``refusals``, in this order, each where it applies:

    - NON_AXIAL: the normal is more than 32 degrees off z.
    - TILTED: it is 1 to 32 degrees off z, or neighbours are shifted in their plane by more than 1 degree of shear.
    - GAPPED: a distance is a whole multiple (2 or more) of the median: slices are missing.
    - MIXED_SPACING: another distance differs from the median by more than the larger of 0.01 mm and 1 %.
    - DUPLICATE_POSITION: two images less than 0.01 mm apart. SINGLE_SLICE. NO_POSITION: as above, for one image or all.

    The result depends on the set of instances only, not on their order; one named twice counts once. Raises ValueError
    for instances of different series.
    """
    if len({instance.series_uid for instance in instances}) > 1:
        raise ValueError("volumes are made of the instances of one series")
    stacks = [_stack(group) for group in groups(_distinct(instances))]
    stacks.sort(key=lambda stack: (-len(stack.ordered), min(instance.sop_uid for instance in stack.ordered)))
    return tuple(_geometry(stack, rank) for rank, stack in enumerate(stacks))


def _distinct(instances: Sequence[InstanceRef]) -> list[InstanceRef]:
    """One record per SOP Instance UID, in its order: of several, the one that knows most."""
    best: dict[str, InstanceRef] = {}
    for instance in instances:
        known = best.setdefault(instance.sop_uid, instance)
        if known != instance:
            best[instance.sop_uid] = max(known, instance, key=lambda image: (_known(image), repr(image)))
    return [best[sop_uid] for sop_uid in sorted(best)]


def _known(instance: InstanceRef) -> int:
    values = (instance.instance_number, instance.position, instance.orientation, instance.rows, instance.columns)
    return sum(value is not None for value in values) + bool(instance.sop_class_uid)


# ----------------------------------------------------------------------------------------------------------- one stack


@dataclass(frozen=True, slots=True)
class _Stack:
    """Images of one volume in order. ``corners``: their positions, empty where one is unknown."""

    ordered: tuple[InstanceRef, ...]
    corners: tuple[Vector, ...]
    along: tuple[float, ...]
    normal: Vector
    oriented: bool


def _stack(group: Sequence[InstanceRef]) -> _Stack:
    normal = _normal([orientation for image in group if (orientation := usable_orientation(image))])
    corners = {image.sop_uid: corner for image in group if (corner := usable_position(image))}
    oriented = normal is not None and all(usable_orientation(image) for image in group)
    if normal is None or not oriented or len(corners) < len(group):
        ordered = tuple(sorted(group, key=_instance_order))
        return _Stack(ordered, (), (0.0,) * len(group), normal or (0.0, 0.0, -1.0), normal is not None)
    along = {sop_uid: dot(corner, normal) for sop_uid, corner in corners.items()}
    ordered, positions = _by_position(group, along)
    return _Stack(ordered, tuple(corners[image.sop_uid] for image in ordered), positions, normal, oriented=True)


def _instance_order(image: InstanceRef) -> tuple[bool, int, str]:
    return image.instance_number is None, image.instance_number or 0, image.sop_uid


def _normal(orientations: Sequence[Orientation]) -> Vector | None:
    """Direction of increasing slice number: unit normal of the mean plane, turned head to feet."""
    if not orientations:
        return None
    # fsum is exact: the mean does not depend on the order of its terms
    mean = [math.fsum(values) / len(orientations) for values in zip(*orientations, strict=True)]
    x, y, z = unit(cross((mean[0], mean[1], mean[2]), (mean[3], mean[4], mean[5])))
    leading = z if abs(z) > _SMALLEST_Z else -x if abs(x) > abs(y) else -y
    sign = 1.0 if leading < 0 else -1.0
    return sign * x + 0.0, sign * y + 0.0, sign * z + 0.0  # + 0.0: no negative zeros


def _by_position(
    group: Sequence[InstanceRef], along: dict[str, float]
) -> tuple[tuple[InstanceRef, ...], tuple[float, ...]]:
    """Images in order and their distances from slice 1; images at one position share it, ordered by Instance Number."""
    runs: list[list[InstanceRef]] = []
    for image in sorted(group, key=lambda image: (along[image.sop_uid], image.sop_uid)):
        if runs and along[image.sop_uid] - along[runs[-1][0].sop_uid] < SAME_POSITION_MM:
            runs[-1].append(image)
        else:
            runs.append([image])
    starts = [along[run[0].sop_uid] - along[runs[0][0].sop_uid] for run in runs]
    ordered = tuple(image for run in runs for image in sorted(run, key=_instance_order))
    return ordered, tuple(start for start, run in zip(starts, runs, strict=True) for _ in run)


def _geometry(stack: _Stack, rank: int) -> SeriesGeometry:
    distances = [after - before for before, after in pairwise(stack.along)] if stack.corners else []
    apart = [distance for distance in distances if distance > 0]
    spacing = median(apart) if apart else None
    first = stack.ordered[0]
    return SeriesGeometry(
        series_uid=first.series_uid,
        rank=rank,
        sop_uids=tuple(image.sop_uid for image in stack.ordered),
        positions=stack.along,
        spacing_z=spacing,
        normal=stack.normal,
        origin=stack.corners[0] if stack.corners else None,
        orientation=usable_orientation(first) if stack.corners else None,
        rows=next((image.rows for image in stack.ordered if image.rows is not None), 0),
        columns=next((image.columns for image in stack.ordered if image.columns is not None), 0),
        refusals=_refusals(stack, distances, spacing),
    )


# ------------------------------------------------------------------------------------------------------------ refusals


def _refusals(stack: _Stack, distances: Sequence[float], spacing: float | None) -> tuple[Reason, ...]:
    off_axis = math.degrees(math.acos(min(1.0, abs(stack.normal[2])))) if stack.oriented else 0.0
    uneven = [d for d in distances if d > 0 and spacing and not _is_even(d, spacing)]
    gaps = [d for d in uneven if spacing and _is_multiple(d, spacing)]
    applies = {
        Reason.NON_AXIAL: off_axis > LARGEST_TILT_DEG,
        Reason.TILTED: AXIAL_TOLERANCE_DEG < off_axis <= LARGEST_TILT_DEG or _is_sheared(stack),
        Reason.GAPPED: bool(gaps),
        Reason.MIXED_SPACING: len(uneven) > len(gaps),
        Reason.DUPLICATE_POSITION: any(d == 0 for d in distances),
        Reason.SINGLE_SLICE: len(stack.ordered) == 1,
        Reason.NO_POSITION: not stack.corners,
    }
    return tuple(reason for reason, holds in applies.items() if holds)


def _tolerance(distance: float) -> float:
    return max(SPACING_TOLERANCE_MM, SPACING_TOLERANCE * distance)


def _is_even(distance: float, spacing: float) -> bool:
    return abs(distance - spacing) <= _tolerance(spacing)


def _is_multiple(distance: float, spacing: float) -> bool:
    times = round(distance / spacing)
    return times >= 2 and abs(distance - times * spacing) <= _tolerance(times * spacing)


def _is_sheared(stack: _Stack) -> bool:
    """True where a neighbour's corner lies beside the normal through this one's (a tilt that the planes don't show)."""
    shear = math.tan(math.radians(AXIAL_TOLERANCE_DEG))
    for (before, one), (after, other) in pairwise(zip(stack.along, stack.corners, strict=False)):
        step = (other[0] - one[0], other[1] - one[1], other[2] - one[2])
        shift = math.sqrt(max(0.0, dot(step, step) - dot(step, stack.normal) ** 2))
        if after > before and shift > max(SHEAR_SLACK_MM, shear * (after - before)):
            return True
    return False
