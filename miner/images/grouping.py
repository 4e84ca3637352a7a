"""Which images of a series belong to one volume: those of one orientation, size and SOP class.

What a PACS did not answer is unknown, not different: an image with unknown size or class joins the one volume that it
can belong to. The result does not depend on the order of the input.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import combinations, product
from typing import TypeVar

from miner.records import InstanceRef, Orientation, Vector

ORIENTATION_TOLERANCE = 2e-3
"""Largest difference of a direction cosine inside one volume (0.1 degree; scanners write six or more digits)."""

_PERPENDICULAR_TOLERANCE = 0.01

Profile = tuple[str, int | None, int | None]
_T = TypeVar("_T", bound=Hashable)


def groups(instances: Sequence[InstanceRef]) -> list[list[InstanceRef]]:
    """Images of one volume each; those without a usable orientation join the one group that they fit, if any."""
    oriented: dict[Orientation, list[InstanceRef]] = defaultdict(list)
    unoriented: list[InstanceRef] = []
    for instance in instances:
        orientation = usable_orientation(instance)
        if orientation is None:
            unoriented.append(instance)
        else:
            oriented[orientation].append(instance)
    result = []
    for cluster in _components(oriented, _same_orientation):
        result += _by_profile([instance for orientation in cluster for instance in oriented[orientation]])
    for loose in _by_profile(unoriented):
        _join(result, loose)
    return result


def _join(result: list[list[InstanceRef]], loose: list[InstanceRef]) -> None:
    fitting = [group for group in result if usable_orientation(group[0]) and _fit(group, loose)]
    if len(fitting) == 1:
        fitting[0].extend(loose)
    else:
        result.append(loose)


def _fit(one: Iterable[InstanceRef], other: Iterable[InstanceRef]) -> bool:
    profiles = product({_profile(image) for image in one}, {_profile(image) for image in other})
    return all(_compatible(a, b) for a, b in profiles)


def _by_profile(instances: Sequence[InstanceRef]) -> list[list[InstanceRef]]:
    """Split by SOP class, rows and columns; incomplete profiles join the only complete one that they fit."""
    members: dict[Profile, list[InstanceRef]] = defaultdict(list)
    for instance in instances:
        members[_profile(instance)].append(instance)
    result = []
    for component in _components(members, _compatible):
        if all(_compatible(a, b) for a, b in combinations(component, 2)):
            parts = [component]
        else:
            parts = _around_complete(component)
        result += [[instance for profile in part for instance in members[profile]] for part in parts]
    return result


def _around_complete(profiles: Sequence[Profile]) -> list[list[Profile]]:
    parts = {profile: [profile] for profile in profiles if _is_complete(profile)}
    for profile in profiles:
        if not _is_complete(profile):
            fitting = [complete for complete in parts if _is_complete(complete) and _compatible(complete, profile)]
            if len(fitting) == 1:
                parts[fitting[0]].append(profile)
            else:
                parts[profile] = [profile]
    return list(parts.values())


def _profile(instance: InstanceRef) -> Profile:
    return instance.sop_class_uid, instance.rows, instance.columns


def _is_complete(profile: Profile) -> bool:
    return bool(profile[0]) and profile[1] is not None and profile[2] is not None


def _compatible(one: Profile, other: Profile) -> bool:
    return all(a == b or a in ("", None) or b in ("", None) for a, b in zip(one, other, strict=True))


def _same_orientation(one: Orientation, other: Orientation) -> bool:
    return all(abs(a - b) <= ORIENTATION_TOLERANCE for a, b in zip(one, other, strict=True))


def _components(items: Iterable[_T], related: Callable[[_T, _T], bool]) -> list[list[_T]]:
    """Connected components of a symmetric relation."""
    remaining = list(items)
    components = []
    while remaining:
        component = [remaining.pop()]
        for member in component:  # grows while it is walked
            near = [item for item in remaining if related(member, item)]
            component += near
            remaining = [item for item in remaining if item not in near]
        components.append(component)
    return components


# ------------------------------------------------------------------------------------------------------------ vectors


def usable_orientation(instance: InstanceRef) -> Orientation | None:
    """Image Orientation (Patient) where it is two perpendicular unit vectors (PS3.3 C.7.6.2.1.1), else None."""
    orientation = instance.orientation
    if orientation is None or len(orientation) != 6 or not all(map(math.isfinite, orientation)):
        return None
    row, column = orientation[:3], orientation[3:]
    if abs(math.hypot(*row) - 1) > _PERPENDICULAR_TOLERANCE or abs(math.hypot(*column) - 1) > _PERPENDICULAR_TOLERANCE:
        return None
    return orientation if abs(dot(row, column)) <= _PERPENDICULAR_TOLERANCE else None


def usable_position(instance: InstanceRef) -> Vector | None:
    """Image Position (Patient) where it is three finite numbers, else None: unknown."""
    position = instance.position
    if position is None or len(position) != 3 or not all(map(math.isfinite, position)):
        return None
    return position


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    """Scalar product."""
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def cross(one: Vector, other: Vector) -> Vector:
    """Vector product."""
    (a, b, c), (d, e, f) = one, other
    return b * f - c * e, c * d - a * f, a * e - b * d


def unit(vector: Vector) -> Vector:
    """The vector at length 1."""
    length = math.hypot(*vector)
    return vector[0] / length, vector[1] / length, vector[2] / length
