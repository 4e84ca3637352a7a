"""From the image references of annotation objects to volumes of ordered, numbered slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from miner.deid import project, refused_class
from miner.errors import ObjectError, PacsError, Reason
from miner.images import volumes
from miner.mining.books import StudyBooks
from miner.mining.spool import StudySpool
from miner.pacs.interface import Pacs
from miner.records import DateWindow, InstanceRef, SeriesGeometry, SeriesRef, StudyRef


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


def locate_images(
    wanted: Iterable[str],
    study: StudyRef,
    series: Sequence[SeriesRef],
    *,
    modalities: Sequence[str],
    spool: StudySpool,
    books: StudyBooks,
) -> ImageSearch:
    """Find the referenced series: in the study itself first, then in the patient's other studies.

    Args:
        wanted: Series Instance UIDs that annotation objects reference.
        study: the study that holds the annotations.
        series: its series, as already found.
        modalities: of the images that may be mined; a series of another one is not even listed.
        spool: the PACS to ask, and where a series is received that must be fetched whole for its positions.
        books: the study's books, for the traffic.
    """
    found: dict[str, Volume] = {}
    failed: dict[str, Reason] = {}
    remaining = sorted(set(wanted) - {""})
    by_uid = {entry.series_uid: entry for entry in series}
    missing = [uid for uid in remaining if uid not in by_uid]
    if missing:
        by_uid.update(_series_of_other_studies(missing, study, spool.pacs))
    for uid in remaining:
        if uid not in by_uid:
            failed[uid] = Reason.IMAGE_NOT_FOUND
        elif by_uid[uid].modality not in modalities:
            failed[uid] = Reason.MODALITY
        else:
            try:
                for volume in _volumes_of(by_uid[uid], spool, books):
                    found.update(dict.fromkeys(volume.geometry.sop_uids, volume))
            except PacsError as error:
                failed[uid] = error.reason
    for uid, reason in failed.items():
        books.refuse_series(books.surrogates.series(uid), reason)
    return ImageSearch(found, failed)


def _series_of_other_studies(wanted: Sequence[str], study: StudyRef, pacs: Pacs) -> dict[str, SeriesRef]:
    """A state may lie in another study than its image; only the same patient's studies are ever looked at."""
    if not study.patient.patient_id:
        return {}
    found: dict[str, SeriesRef] = {}
    for other in pacs.find_studies(DateWindow(), patient_id=study.patient.patient_id):
        if other.study_uid == study.study_uid or not _same_patient(other, study):
            continue
        found.update({entry.series_uid: entry for entry in pacs.find_series(other) if entry.series_uid in wanted})
        if len(found) == len(wanted):
            break
    return found


def _same_patient(one: StudyRef, other: StudyRef) -> bool:
    issuers = {one.patient.issuer, other.patient.issuer} - {""}
    return one.patient.patient_id == other.patient.patient_id and len(issuers) <= 1


def _volumes_of(series: SeriesRef, spool: StudySpool, books: StudyBooks) -> list[Volume]:
    instances = _whole_series(series, spool.pacs)
    unplaced = [entry for entry in instances if _lacks_position(entry)]
    if unplaced:
        placed = {entry.sop_uid: entry for entry in _positions_from_headers(unplaced, spool, books)}
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
    instances: Sequence[InstanceRef], spool: StudySpool, books: StudyBooks
) -> list[InstanceRef]:
    """Positions by fetching, for a PACS that answers none at IMAGE level. One missing image spoils the numbering."""
    fetched = spool.fetch(instances, books, images=True)
    if fetched.missing:
        raise PacsError("A series is needed whole and did not come whole.", Reason.NOT_RETRIEVED)
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
