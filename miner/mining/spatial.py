"""Marks in patient space → marks on the slice that they were drawn on, for one study.

Coordinates in space are the measurement; an image named beside them only says where they come from, and many writers
name the first image of the series there, or all of it. So the geometry decides, and a name breaks ties. The slice is
chosen by the positions that the PACS answers, that one image is fetched, and its own header places the mark. A mark
that names no image may lie in any series of its study: the frame of reference decides (PS3.3 C.18.9).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from miner.bookmarks import nearest_planes_all, place, plane_of_header, plane_of_instance
from miner.deid import project, refused_class
from miner.errors import RETRIABLE_REASONS, ObjectError, Reason
from miner.mining.books import StudyBooks
from miner.mining.locate import ImageSearch, Volume
from miner.mining.spool import StudySpool
from miner.records import (
    IMAGE_KIND,
    AnnotationObject,
    Fetched,
    ImagePlane,
    InstanceRef,
    Mark,
    SpatialMark,
)

ON_SLICE_MM = 0.01
"""A mark no further from a slice was drawn on it: what is left is rounding of positions and of float32."""

SAME_POSITION_MM = 0.01
"""Images of one series no further apart lie at one position, as in :mod:`miner.images`."""

AT_ONE_POSITION = 32
"""Images of one series at one position (phases, echoes) among which a named one is looked for."""

Fit = tuple[ImagePlane, Mark]


def place_marks(
    objects: Sequence[AnnotationObject], images: ImageSearch, spool: StudySpool, books: StudyBooks
) -> list[AnnotationObject]:
    """The same objects with their marks in space put on slices; those that lie on none are refused in the books.

    One slice of each series is fetched for a mark, two where they lie at one position.

    Raises PacsError where nothing can be fetched at all.
    """
    marks = [(read.sop_uid, spatial) for read in objects for spatial in read.spatial]
    if not marks:
        return list(objects)
    space = _Space(images)
    near = space.nearest([spatial for _, spatial in marks])
    wanted = sorted({plane.image.sop_uid for planes in near for plane in planes})
    series = space.instances.values()
    fetched = spool.fetch([space.instances[uid] for uid in wanted], books, images=True, series=series)
    planes = {uid: _plane(uid, fetched, space.thickness[uid]) for uid in wanted}
    placed: dict[str, list[Mark]] = defaultdict(list)
    for (object_uid, spatial), slices in zip(marks, near, strict=True):
        known = [planes[plane.image.sop_uid] for plane in slices]
        if space.is_half_known(spatial):
            known = [_thin(plane) if isinstance(plane, ImagePlane) else plane for plane in known]
        found = space.obstacle(spatial) or _on_one_of(spatial, known) or space.reason_without_slice(spatial)
        if isinstance(found, Mark):
            placed[object_uid].append(found)
        else:
            books.refuse(object_uid, [spatial.mark.order], found)
            if found is Reason.IMAGE_NOT_FOUND:
                _name_missing(spatial, books)
    return [replace(read, marks=(*read.marks, *placed[read.sop_uid]), spatial=()) for read in objects]


def _name_missing(mark: SpatialMark, books: StudyBooks) -> None:
    """What a mark in space names and no query shows: its series, or images whose series is not named."""
    for image in mark.candidates:
        if image.series_uid:
            books.miss_series(image.series_uid, books.study.study_uid, IMAGE_KIND, Reason.IMAGE_NOT_FOUND)
        else:
            books.miss_image(image, books.study.study_uid, Reason.IMAGE_NOT_FOUND)


# ------------------------------------------------------------------------------------------------- before anything came


@dataclass
class _Space:
    """The slices of all series that marks in space may lie on, as far as queries tell."""

    images: ImageSearch
    instances: dict[str, InstanceRef] = field(default_factory=dict)
    thickness: dict[str, float | None] = field(default_factory=dict)
    _volumes: dict[str, dict[int, Volume]] = field(default_factory=dict)
    _planes: dict[str, list[ImagePlane]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for volume in self.images.volumes.values():
            self._volumes.setdefault(volume.series.series_uid, {})[volume.geometry.rank] = volume

    def nearest(self, marks: Sequence[SpatialMark]) -> list[list[ImagePlane]]:
        """For each mark the nearest slice of each series that it may lie on, two at one position."""
        together: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, mark in enumerate(marks):
            together[tuple(sorted(self._series_of(mark)))].append(index)
        found: list[list[ImagePlane]] = [[] for _ in marks]
        for series, indices in together.items():
            planes = [plane for uid in series for plane in self._planes_of(uid)]
            # Without names the distance alone ranks: a named neighbour must not stand before the slice itself.
            unnamed = [replace(marks[index], candidates=()) for index in indices]
            for index, ranked in zip(indices, nearest_planes_all(unnamed, planes, AT_ONE_POSITION), strict=True):
                names = {image.sop_uid for image in marks[index].candidates}
                found[index] = [plane for uid in series for plane in _first_of(uid, ranked, names)]
        return found

    def obstacle(self, mark: SpatialMark) -> Reason | None:
        """A series that may be the right one and could not be asked for now: no other is taken for it."""
        reasons = {*self._failures(mark)}
        now = sorted(r for r in reasons if r in RETRIABLE_REASONS and r is not Reason.IMAGE_NOT_FOUND)
        return now[0] if now else None

    def is_half_known(self, mark: SpatialMark) -> bool:
        """Whether it may have been drawn on images that are not looked at (PET beside CT), or on none that are kept.
        Then only a slice that it lies exactly on is its own: between slices, it was drawn on something else."""
        return not mark.candidates or Reason.MODALITY in self._failures(mark)

    def reason_without_slice(self, mark: SpatialMark) -> Reason:
        """Why no slice comes near a mark, for which nothing was fetched."""
        series = self._series_of(mark)
        if any(self._planes_of(uid) for uid in series):
            return Reason.OFF_SLICE
        refused = [_refused(volume) for uid in series for volume in self._volumes[uid].values()]
        if refused:
            return next((reason for reason in refused if reason is not None), Reason.NO_POSITION)
        if not mark.candidates:
            return Reason.FRAME_OF_REFERENCE
        return next(self._failures(mark), Reason.IMAGE_NOT_FOUND)

    def _failures(self, mark: SpatialMark) -> Iterator[Reason]:
        """Why series that it may lie in gave no images."""
        failed = self.images.failed
        series = [image.series_uid for image in mark.candidates] if mark.candidates else list(failed)
        yield from (failed[uid] for uid in series if uid in failed)

    def _series_of(self, mark: SpatialMark) -> dict[str, None]:
        """The series that it may lie in and that are here; by the image where its series has been renamed."""
        found: dict[str, None] = {} if mark.candidates else dict.fromkeys(self._volumes)
        for image in mark.candidates:
            volume = self.images.volumes.get(image.sop_uid)
            if image.series_uid in self._volumes:
                found[image.series_uid] = None
            elif volume is not None:
                found[volume.series.series_uid] = None
        return found

    def _planes_of(self, series_uid: str) -> list[ImagePlane]:
        if series_uid not in self._planes:
            volumes = [volume for _, volume in sorted(self._volumes[series_uid].items()) if _refused(volume) is None]
            self._planes[series_uid] = [plane for volume in volumes for plane in self._planes_in(volume)]
        return self._planes[series_uid]

    def _planes_in(self, volume: Volume) -> list[ImagePlane]:
        found = []
        for uid in volume.geometry.sop_uids:
            plane = plane_of_instance(volume.instances[uid], volume.geometry.spacing_z)
            if plane is not None:
                self.instances[uid], self.thickness[uid] = volume.instances[uid], plane.thickness
                found.append(plane)
        return found


def _refused(volume: Volume) -> Reason | None:
    """Why no image of this volume may be fetched, by its SOP class."""
    return refused_class(volume.instances[volume.geometry.sop_uids[0]].sop_class_uid)


def _first_of(series_uid: str, ranked: Iterable[ImagePlane], names: Set[str]) -> list[ImagePlane]:
    """The nearest slice of one series; of several at its position those that are named, two to show the doubt."""
    planes = [plane for plane in ranked if plane.image.series_uid == series_uid]
    same = [plane for plane in planes if math.dist(plane.position, planes[0].position) <= SAME_POSITION_MM]
    return ([plane for plane in same if plane.image.sop_uid in names] or same)[:2]


# ------------------------------------------------------------------------------------------------------ by the headers


def _plane(sop_uid: str, fetched: Fetched, thickness: float | None) -> ImagePlane | Reason:
    """The plane that a fetched image's header states, or why there is none."""
    path = fetched.arrived.get(sop_uid)
    if path is None:
        return fetched.missing.get(sop_uid, Reason.NOT_RETRIEVED)
    try:
        header, _ = project(path)
    except ObjectError as error:
        return error.reason
    if header.sop_uid != sop_uid:
        return Reason.DAMAGED_OBJECT
    if header.pixel_spacing is None:
        return Reason.NO_PIXEL_SPACING
    return plane_of_header(header, thickness) or Reason.NO_POSITION


def _on_one_of(mark: SpatialMark, planes: Sequence[ImagePlane | Reason]) -> Mark | Reason | None:
    """The mark on the one slice that it fits; or why there is none. None where no slice came near."""
    unknown = [plane for plane in planes if isinstance(plane, Reason)]
    if any(reason in RETRIABLE_REASONS for reason in unknown):
        return next(reason for reason in unknown if reason in RETRIABLE_REASONS)
    results = [(plane, place(mark, [plane])) for plane in planes if isinstance(plane, ImagePlane)]
    fits: list[Fit] = [(plane, found) for plane, found in results if isinstance(found, Mark)]
    if fits:
        return _best(mark, fits)
    reasons = [found.reason for _, found in results if not isinstance(found, Mark)] + unknown
    # Off the slices, yet in the right space, says more than another space does.
    return Reason.OFF_SLICE if Reason.OFF_SLICE in reasons else next(iter(reasons), None)


def _best(mark: SpatialMark, fits: list[Fit]) -> Mark | Reason:
    """Slices of several series may fit: that counts which holds the mark, then which it lies exactly on, then which
    its object names. What is left then may be another phase, in which the lesion cannot be seen: ambiguous."""
    names = {image.sop_uid for image in mark.candidates}
    for counts in (
        _holds,
        lambda plane, found: _lies_on(mark, plane),
        lambda plane, found: plane.image.sop_uid in names,
    ):
        fits = [fit for fit in fits if counts(*fit)] or fits
    return fits[0][1] if len(fits) == 1 else Reason.IMAGE_AMBIGUOUS


def _holds(plane: ImagePlane, mark: Mark) -> bool:
    return all(-0.5 <= x <= plane.columns - 0.5 and -0.5 <= y <= plane.rows - 0.5 for x, y in mark.points)


def _lies_on(mark: SpatialMark, plane: ImagePlane) -> bool:
    return isinstance(place(mark, [_thin(plane)]), Mark)


def _thin(plane: ImagePlane) -> ImagePlane:
    """The plane with what lies exactly on it, and no more."""
    return replace(plane, thickness=2 * ON_SLICE_MM)
