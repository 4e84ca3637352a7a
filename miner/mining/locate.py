"""From the image references of annotation objects to volumes of ordered, numbered slices."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from miner.deid import Surrogates, parse_date, project, refused_class
from miner.errors import ObjectError, PacsError, Reason
from miner.images import volumes
from miner.mining.books import StudyBooks
from miner.mining.spool import StudySpool, concerns_all
from miner.pacs.interface import Pacs
from miner.records import (
    IMAGE_KIND,
    AnnotationObject,
    DateWindow,
    ImageReference,
    InstanceRef,
    SeriesGeometry,
    SeriesRef,
    StudyRef,
)

log = logging.getLogger(__name__)

Barred = Callable[[StudyRef], Reason | None]
"""Why nothing of a study may be fetched, None where it may."""

OTHER_STUDIES = 200
"""Studies of one patient that are asked for a series which the annotations' own study has not."""


@dataclass(frozen=True)
class Volume:
    """One volume of a referenced series: its geometry, and how to ask for its images."""

    series: SeriesRef
    geometry: SeriesGeometry
    instances: Mapping[str, InstanceRef]


@dataclass(frozen=True)
class ImageSearch:
    """Where the referenced images lie, by SOP Instance UID; and why a series could not be asked for."""

    volumes: Mapping[str, Volume]
    failed: Mapping[str, Reason]
    """series UID -> reason, for every series that was looked for and gave no volume"""


class _NotWholeError(PacsError):
    """Images of a series that is needed whole did not come; the spool has named them."""


@dataclass
class _Search:
    """One study's search. ``found``: by series and SOP Instance UID, since some PACS list an image in two series."""

    modalities: Sequence[str]
    spool: StudySpool
    books: StudyBooks
    barred: Barred
    found: dict[tuple[str, str], Volume] = field(default_factory=dict)
    failed: dict[str, Reason] = field(default_factory=dict)
    unlisted: dict[str, SeriesRef] = field(default_factory=dict)
    """of ``failed``, the series of which not even the list of images came"""

    def look_into(self, series: SeriesRef) -> None:
        """Enter the volumes of one series that is referenced."""
        if series.modality not in self.modalities:
            self.failed[series.series_uid] = Reason.MODALITY
            return
        if series.study != self.books.study and (reason := self.barred(series.study)) is not None:
            self.failed[series.series_uid] = reason
            return
        try:
            self._enter(series, _whole_series(series, self.spool.pacs))
        except PacsError as error:
            self._fail(series, error)

    def look_for(self, image_uids: Collection[str], among: Iterable[SeriesRef]) -> Reason:
        """Enter the volumes of those series that list any of these images; the reason for those that none lists."""
        reason = Reason.IMAGE_NOT_FOUND
        for series in among:
            try:
                instances = _whole_series(series, self.spool.pacs)
                if any(entry.sop_uid in image_uids for entry in instances):
                    self._enter(series, instances)
            except PacsError as error:
                self._fail(series, error)
                reason = error.reason
        return reason

    def _fail(self, series: SeriesRef, error: PacsError) -> None:
        """This series gives no volume now. Raises the error where every other series would fail alike."""
        self.failed[series.series_uid] = _noted(error)
        if not isinstance(error, _NotWholeError):
            self.unlisted[series.series_uid] = series

    def place(self, references: Collection[ImageReference]) -> dict[str, Volume]:
        """Each referenced image's volume: in a series that a reference names, else in any that has it."""
        placed: dict[str, Volume] = {}
        named = {(reference.series_uid, reference.sop_uid) for reference in references}
        for place in (*sorted(named & self.found.keys()), *sorted(self.found)):
            placed.setdefault(place[1], self.found[place])
        return placed

    def _enter(self, series: SeriesRef, instances: list[InstanceRef]) -> None:
        for volume in _volumes_of(series, instances, self.spool, self.books):
            self.found.update(((series.series_uid, uid), volume) for uid in volume.geometry.sop_uids)


def locate_images(
    objects: Sequence[AnnotationObject],
    study: StudyRef,
    series: Sequence[SeriesRef],
    *,
    modalities: Sequence[str],
    spool: StudySpool,
    books: StudyBooks,
    barred: Barred,
) -> ImageSearch:
    """Find the referenced images by their series: in the study itself first, then in the patient's other studies.

    An image that is not in the series that its reference names, or whose reference names none, is looked for by its own
    UID in the study's other series: a series may have been renamed since. Of the candidates of a mark in space only the
    series are looked into; its images may be gone. One that names no image may lie in any series of the study.

    Args:
        objects: the annotation objects, whose marks lie on images or in space.
        study: the study that holds the annotations.
        series: its series, as already found.
        modalities: of the images that may be mined; a series of another one is not even listed.
        spool: the PACS to ask, and where a series is received that must be fetched whole for its positions.
        books: the study's books, for the traffic.
        barred: asked about other studies; of one that is barred nothing is listed or fetched.
    """
    wanted, near = _references(objects)
    search = _Search(modalities, spool, books, barred)
    named = dict.fromkeys(reference.series_uid for reference in (*wanted, *near) if reference.series_uid)
    if any(not spatial.candidates for read in objects for spatial in read.spatial):
        named.update(dict.fromkeys(sorted(entry.series_uid for entry in series if entry.modality in modalities)))
    by_uid = {entry.series_uid: entry for entry in series}
    elsewhere = [uid for uid in named if uid not in by_uid]
    if elsewhere:
        found, failed = _series_of_other_studies(elsewhere, study, spool.pacs, books.surrogates)
        by_uid.update(found)
        search.failed.update(failed)
        for uid, reason in failed.items():
            books.miss_series(uid, study.study_uid, IMAGE_KIND, reason)
    for uid in named:
        if uid in by_uid:
            search.look_into(by_uid[uid])
    placed = search.place(wanted)
    astray = [r for r in wanted if r.sop_uid not in placed and r.series_uid not in search.failed]
    astray += [r for r in near if r.sop_uid not in placed and r.series_uid not in by_uid]
    if astray:
        among = [entry for entry in series if entry.modality in modalities and entry.series_uid not in named]
        reason = search.look_for({reference.sop_uid for reference in astray}, among)
        placed = search.place(wanted)
        search.failed.update((r.series_uid, reason) for r in astray if r.sop_uid not in placed)
    for uid in sorted({r.series_uid for r in wanted if r.sop_uid not in placed and r.series_uid}):
        if uid in search.failed:
            books.refuse_series(books.surrogates.series(uid), search.failed[uid])
    if any(read.spatial for read in objects) or any(r.sop_uid not in placed for r in wanted):
        for uid, unlisted in search.unlisted.items():
            books.miss_listing(unlisted, IMAGE_KIND, search.failed[uid])
    return ImageSearch(placed, search.failed)


def _references(objects: Iterable[AnnotationObject]) -> tuple[list[ImageReference], list[ImageReference]]:
    """The images that marks lie on; and of the candidates of marks in space one image a series."""
    wanted: set[ImageReference] = set()
    near: dict[str, ImageReference] = {}
    for read in objects:
        wanted.update(mark.image for mark in read.marks)
        for candidate in (image for spatial in read.spatial for image in spatial.candidates):
            near.setdefault(candidate.series_uid or candidate.sop_uid, candidate)
    return sorted(wanted, key=_place_of), sorted(near.values(), key=_place_of)


def _place_of(reference: ImageReference) -> tuple[str, str, int]:
    return reference.series_uid, reference.sop_uid, reference.frame or 0


def _series_of_other_studies(
    wanted: Sequence[str], study: StudyRef, pacs: Pacs, surrogates: Surrogates
) -> tuple[dict[str, SeriesRef], dict[str, Reason]]:
    """A state may lie in another study than its image; only the same patient's studies are ever looked at, under all
    numbers that the crosswalk knows.

    The nearest in time come first, and no more than :data:`OTHER_STUDIES`: under an id that stands for nobody
    (``UNKNOWN``) a PACS may keep thousands. An id with a character that has a meaning in queries cannot be asked for.

    Returns the series found, and those that may be there all the same, since a query failed. Raises PacsError where
    every other request would fail alike.
    """
    found: dict[str, SeriesRef] = {}
    reason: Reason | None = None
    try:
        others = _other_studies(study, pacs, surrogates)
    except PacsError as error:
        return {}, dict.fromkeys(wanted, _noted(error))
    for other in others:
        try:
            found.update({entry.series_uid: entry for entry in pacs.find_series(other) if entry.series_uid in wanted})
        except PacsError as error:
            reason = _noted(error)
        if len(found) == len(wanted):
            break
    return found, {} if reason is None else {uid: reason for uid in wanted if uid not in found}


def _other_studies(study: StudyRef, pacs: Pacs, surrogates: Surrogates) -> list[StudyRef]:
    numbers = surrogates.record_numbers(study.patient, study.study_uid)
    others = [
        other
        for patient_id in sorted(numbers)
        if not any(character in patient_id for character in "*?\\")
        for other in pacs.find_studies(DateWindow(), patient_id=patient_id)
        if other.study_uid != study.study_uid and _same_patient(other, study, surrogates)
    ]
    others.sort(key=lambda other: (_days_between(other, study), other.study_uid))
    if len(others) > OTHER_STUDIES:
        log.info("A patient has %d studies; an image is looked for in the %d nearest.", len(others), OTHER_STUDIES)
    return others[:OTHER_STUDIES]


def _noted(error: PacsError) -> Reason:
    """The reason of a query that failed, after saying so. Raises it where every other would fail alike."""
    if concerns_all(error):
        raise error
    log.warning("A query for a series failed: %s", error)
    return error.reason


def _days_between(one: StudyRef, other: StudyRef) -> float:
    days = [parse_date(study.study_date) for study in (one, other)]
    return math.inf if days[0] is None or days[1] is None else abs((days[0] - days[1]).days)


def _same_patient(one: StudyRef, other: StudyRef, surrogates: Surrogates) -> bool:
    """As the archive has it, or as the crosswalk says."""
    if surrogates.patient(one.patient, one.study_uid) == surrogates.patient(other.patient, other.study_uid):
        return True
    issuers = {one.patient.issuer, other.patient.issuer} - {""}
    return one.patient.patient_id == other.patient.patient_id and len(issuers) <= 1


def _volumes_of(series: SeriesRef, instances: list[InstanceRef], spool: StudySpool, books: StudyBooks) -> list[Volume]:
    unplaced = [entry for entry in instances if _lacks_position(entry)]
    if unplaced:
        placed = {entry.sop_uid: entry for entry in _positions_from_headers(unplaced, instances, spool, books)}
        instances = [placed.get(entry.sop_uid, entry) for entry in instances]
    by_uid = {entry.sop_uid: entry for entry in instances}
    return [Volume(series, geometry, by_uid) for geometry in volumes(instances)]


def _lacks_position(entry: InstanceRef) -> bool:
    """Whether an image has to be fetched for its position; one of a class that is refused anyhow never is."""
    return (entry.position is None or entry.orientation is None) and refused_class(entry.sop_class_uid) is None


def _whole_series(series: SeriesRef, pacs: Pacs) -> list[InstanceRef]:
    """All instances of a series. A list shorter than the PACS's own count would number every slice wrongly."""
    instances = pacs.find_instances(series)
    if series.instances is not None and len(instances) < series.instances:
        instances = pacs.find_instances(series)
        if len(instances) < series.instances:
            raise PacsError("The PACS lists fewer images of a series than it counts.", Reason.FIND_FAILED)
    return instances


def _positions_from_headers(
    instances: Sequence[InstanceRef], series: Sequence[InstanceRef], spool: StudySpool, books: StudyBooks
) -> list[InstanceRef]:
    """Positions by fetching, for a PACS that answers none at IMAGE level. One missing image spoils the numbering."""
    fetched = spool.fetch(instances, books, images=True, series=series)
    if fetched.missing:
        raise _NotWholeError("A series is needed whole and did not come whole.", Reason.NOT_RETRIEVED)
    return [_with_header(entry, fetched.arrived[entry.sop_uid]) for entry in instances]


def _with_header(entry: InstanceRef, path: Path) -> InstanceRef:
    try:
        header, _ = project(path)
    except ObjectError:
        return entry
    return replace(
        entry,
        sop_class_uid=header.sop_class_uid,
        instance_number=header.instance_number,
        position=header.position,
        orientation=header.orientation,
        rows=header.rows,
        columns=header.columns,
    )
