"""The whole way of one study: from its annotation objects to a record for the catalogue. Read this first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from miner.bookmarks import READER_VERSION
from miner.errors import PacsError, Reason
from miner.mining.annotations import find_annotations, read_annotations
from miner.mining.books import StudyBooks
from miner.mining.locate import Barred, ImageSearch, Volume, locate_images
from miner.mining.project import Project
from miner.mining.spatial import place_marks
from miner.mining.spool import StudySpool
from miner.mining.volume import MarkedObject, VolumeWork, mine_volume
from miner.pacs.interface import Pacs
from miner.records import AnnotationObject, DateWindow, InstanceRef, Mark, SeriesRef, StudyRef


def mine_study(
    study: StudyRef, project: Project, spool: StudySpool, *, run: int, barred: Barred, known_digest: str = ""
) -> StudyBooks | None:
    """Mine one study; its PNGs are written when this returns, its rows are not.

    Args:
        study: the study that holds annotation objects.
        project: settings, stores and surrogates.
        spool: the PACS to ask, and where received objects lie meanwhile.
        run: number of the run that has claimed the study.
        barred: why nothing of another study, in which its images lie, may be fetched; None where it may.
        known_digest: :func:`digest_of` the study as last mined; the same again means that nothing changed.

    Returns:
        The study's books, to be closed and committed, or None where nothing changed.

    Raises:
        PacsError: the study cannot be mined now.
        StorageError: a PNG could not be written.
    """
    series = spool.pacs.find_series(study)
    if not series:
        require_gone(study, spool.pacs)
    selection = project.settings.selection
    annotations = find_annotations(series, spool.pacs, selection.annotations)
    digest = digest_of(study, series, annotations.objects, project)
    if digest == known_digest and not annotations.failed:
        return None
    books = StudyBooks(study, project.surrogates, digest)
    books.remember_study(study)
    objects = read_annotations(annotations, selection.annotations, spool, books)
    modalities = selection.modalities
    images = locate_images(objects, study, series, modalities=modalities, spool=spool, books=books, barred=barred)
    on_images = place_marks(objects, images, spool, books)
    work = marks_by_volume(on_images, images, books)
    for at, (volume, marked) in enumerate(work):
        spool.needs_only({later.series.series_uid for later, _ in work[at:]})
        mine_volume(VolumeWork(volume, marked, project, spool, books, run))
    books.count_looked(spool.octets_looked_at())
    return books


def require_gone(study: StudyRef, pacs: Pacs) -> None:
    """Raise PacsError unless a study without series was taken out of this archive, or into another study.

    That has to be seen: an archive that answers nothing, a share that is not mounted, or another PACS in the
    configuration would else undo what earlier runs have got. The archive must know the patient, but not the study.
    """
    of_patient: list[StudyRef] = []
    if study.patient.patient_id:
        of_patient = pacs.find_studies(DateWindow(), (), patient_id=study.patient.patient_id)
    if not of_patient or study.study_uid in {other.study_uid for other in of_patient}:
        raise PacsError(
            "The PACS lists no series of a study that it has shown before, and does not know its patient or does know "
            "the study: what earlier runs got of it stays. Is it still the same PACS?",
            Reason.FIND_FAILED,
        )


def digest_of(
    study: StudyRef, series: Sequence[SeriesRef], annotations: Mapping[str, Sequence[InstanceRef]], project: Project
) -> str:
    """Keyed digest of everything that mining a study again could give another result for, as far as queries tell.

    The rules that read annotations, the settings that choose images, the patient (studies move when patients are
    merged), the series of images with their counts (slices arrive late), and the annotation objects, by UID and by when
    they were made: whoever changes an object has to give it a new UID, but some write it anew under its own.
    """
    selection = project.settings.selection
    mined = [entry for entry in series if entry.modality in selection.modalities]
    images = sorted(f"{entry.series_uid} {entry.instances}" for entry in mined)
    objects = sorted(f"{entry.sop_uid} {entry.made}".strip() for group in annotations.values() for entry in group)
    parts = [
        [READER_VERSION],
        [
            *sorted(selection.modalities),
            *sorted(selection.annotations),
            str(selection.context_mm),
            str(selection.head_context),
        ],
        [project.surrogates.patient(study.patient, study.study_uid)],
        images,
        objects,
    ]
    return project.surrogates.content("\n\n".join("\n".join(part) for part in parts).encode())


def marks_by_volume(
    objects: Sequence[AnnotationObject], images: ImageSearch, books: StudyBooks
) -> list[tuple[Volume, list[MarkedObject]]]:
    """Group marks by the volume that their image lies in; marks whose image is nowhere are refused here."""
    grouped: dict[tuple[str, int], tuple[Volume, dict[str, list[Mark]]]] = {}
    by_uid = {read.sop_uid: read for read in objects}
    for read in objects:
        for mark in read.marks:
            volume = images.volumes.get(mark.image.sop_uid)
            if volume is None:
                reason = images.failed.get(mark.image.series_uid, Reason.IMAGE_NOT_FOUND)
                books.refuse(read.sop_uid, [mark.order], reason)
                if reason is Reason.IMAGE_NOT_FOUND:
                    books.miss_image(mark.image, books.study.study_uid, reason)
                continue
            key = (volume.geometry.series_uid, volume.geometry.rank)
            marks = grouped.setdefault(key, (volume, defaultdict(list)))[1]
            marks[read.sop_uid].append(mark)
    return [
        (volume, [MarkedObject(by_uid[uid], tuple(marks)) for uid, marks in sorted(by_object.items())])
        for _, (volume, by_object) in sorted(grouped.items(), key=lambda item: item[0])
    ]
