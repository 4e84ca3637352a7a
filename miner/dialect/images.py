"""The images that are given beside annotation objects: their size and spacing, and their pixels for drawing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from miner.bookmarks.recognition import plane_of_header
from miner.deid import project
from miner.dialect.files import GivenFile
from miner.errors import MinerError
from miner.images import decode
from miner.records import ImageHeader, ImagePlane, Orientation

MAX_PLANES = 5_000
"""Images that are looked at for the slice of a mark in patient space."""

SAME_PLACE = 1e-3
"""Millimetres within which two slices lie at one position."""

Picture = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GivenImage:
    """One image file's header; its pixels are read again when it is drawn."""

    path: Path
    header: ImageHeader


class GivenImages:
    """Images by SOP Instance UID. Only those that an annotation object names are opened."""

    def __init__(self, files: Sequence[GivenFile]) -> None:
        self._named = {file.sort.sop_uid: file.path for file in files if file.sort.sop_uid}
        self._unnamed = [file.path for file in files if not file.sort.sop_uid]
        self._read: dict[Path, GivenImage | None] = {}

    def get(self, sop_uid: str) -> GivenImage | None:
        """The image of this UID; None where it was not given, or its file cannot be read."""
        path = self._named.get(sop_uid)
        if path is not None:
            found = self._image(path)
            return found if found is not None and found.header.sop_uid == sop_uid else None
        return next((image for image in self._headers(self._unnamed) if image.header.sop_uid == sop_uid), None)

    def planes(self, series: Collection[str]) -> list[ImagePlane]:
        """Planes of all given images of these series (of all series where none is named), for marks in space."""
        paths = [*self._named.values(), *self._unnamed][:MAX_PLANES]
        found = [image.header for image in self._headers(paths) if not series or image.header.series_uid in series]
        distances = _distances(found)
        planes = (plane_of_header(header, distances.get(header.sop_uid)) for header in found)
        return [plane for plane in planes if plane is not None]

    def _headers(self, paths: Iterable[Path]) -> Iterable[GivenImage]:
        return (image for path in paths if (image := self._image(path)) is not None)

    def _image(self, path: Path) -> GivenImage | None:
        if path not in self._read:
            try:
                self._read[path] = GivenImage(path, project(path)[0])
            except (MinerError, OSError):
                self._read[path] = None
        return self._read[path]


def pixels_of(image: GivenImage) -> Picture | None:
    """Rescaled values of an image, shape (rows, columns); None where the pixel gate refuses it or it has no pixels.

    The gate (miner/deid/gate.py) refuses what may show a name burned in: such an image is never drawn.
    """
    try:
        header, encoded = project(image.path)
        if header.gate or encoded is None:
            return None
        return decode(encoded) * np.float64(header.slope) + np.float64(header.intercept)
    except (MinerError, OSError):
        return None


def _distances(headers: Iterable[ImageHeader]) -> dict[str, float]:
    """SOP Instance UID → distance in mm along the normal to the nearest other slice of its series and orientation."""
    volumes: dict[tuple[str, Orientation], list[tuple[float, str]]] = {}
    for header in headers:
        if header.position is None or header.orientation is None:
            continue
        normal = np.cross(header.orientation[:3], header.orientation[3:])
        along = float(np.dot(normal, header.position))
        volumes.setdefault((header.series_uid, header.orientation), []).append((along, header.sop_uid))
    found: dict[str, float] = {}
    for slices in volumes.values():
        for (low, one), (high, other) in pairwise(sorted(slices)):
            if high - low > SAME_PLACE:
                found[one] = min(found.get(one, high - low), high - low)
                found[other] = min(found.get(other, high - low), high - low)
    return found
