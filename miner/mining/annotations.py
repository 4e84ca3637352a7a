"""The annotation objects of one study: listed, judged by what the PACS says of them, fetched, read."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from miner.bookmarks import read_object, readable_classes
from miner.errors import ObjectError, PacsError, Reason
from miner.mining.books import StudyBooks
from miner.mining.spool import StudySpool, concerns_all
from miner.pacs.interface import Pacs
from miner.records import AnnotationObject, InstanceRef, SeriesRef

log = logging.getLogger(__name__)

KEY_OBJECTS = "KO"

ANNOTATION_MODALITIES = ("PR", "SR", KEY_OBJECTS)
"""Modalities of the series whose objects are counted, whether they are read or not."""


@dataclass(frozen=True)
class Listed:
    """The annotation objects of a study by modality (PR, SR, KO), each once, and the series that gave no list."""

    objects: Mapping[str, Sequence[InstanceRef]]
    failed: Sequence[tuple[SeriesRef, Reason]] = ()


def find_annotations(series: Sequence[SeriesRef], pacs: Pacs, selected: Sequence[str]) -> Listed:
    """List the objects of every annotation series; some PACS list one in two series.

    A series that the PACS fails to list costs the others nothing; of a modality that is not ``selected``, whose objects
    would only be counted, it is passed over. Raises PacsError where all would fail alike.
    """
    found: dict[str, list[InstanceRef]] = {}
    failed: list[tuple[SeriesRef, Reason]] = []
    seen: set[str] = set()
    for entry in sorted(series, key=lambda entry: entry.series_uid):
        if entry.modality not in ANNOTATION_MODALITIES:
            continue
        try:
            listed = pacs.find_instances(entry)
        except PacsError as error:
            if concerns_all(error):
                raise
            log.warning("The objects of a series could not be listed: %s", error)
            if entry.modality in selected:
                failed.append((entry, error.reason))
            continue
        new = [instance for instance in listed if instance.sop_uid not in seen]
        seen.update(instance.sop_uid for instance in new)
        found.setdefault(entry.modality, []).extend(new)
    return Listed(found, failed)


def reason_unfetched(modality: str, sop_class_uid: str, selected: Sequence[str]) -> Reason | None:
    """Why an annotation object is not even fetched; None where it is. An object of an unknown SOP class is.

    ``modality``: of its series; the object's own SOP class says more, as some archives file states beside the selection
    that names them. ``selected``: ``[selection] annotations``. A key object selection holds no measurement, so knowing
    of it is enough.
    """
    encoded_as = readable_classes().get(sop_class_uid)
    kind = encoded_as or modality
    if kind == KEY_OBJECTS:
        return Reason.KEY_OBJECT_SELECTION
    if kind not in selected:
        return Reason.MODALITY
    return Reason.UNSUPPORTED_OBJECT if sop_class_uid and encoded_as is None else None


def read_annotations(
    annotations: Listed, selected: Sequence[str], spool: StudySpool, books: StudyBooks
) -> list[AnnotationObject]:
    """Fetch and read the annotation objects; what is not read or not listed is entered in the books with its reason."""
    for series, why in annotations.failed:
        books.miss_listing(series, series.modality, why)
    wanted: dict[str, tuple[str, InstanceRef]] = {}
    for modality, entries in annotations.objects.items():
        for entry in entries:
            reason = reason_unfetched(modality, entry.sop_class_uid, selected)
            if reason is None:
                wanted[entry.sop_uid] = modality, entry
            else:
                books.lost_object(entry.sop_uid, entry.series_uid, modality, reason)
    fetched = spool.fetch([entry for _, entry in wanted.values()], books, images=False)
    objects = []
    for sop_uid, (modality, entry) in sorted(wanted.items()):
        if sop_uid not in fetched.arrived:
            reason = fetched.missing.get(sop_uid, Reason.NOT_RETRIEVED)
            books.lost_object(sop_uid, entry.series_uid, modality, reason)
        elif (read := _read(entry, modality, fetched.arrived[sop_uid], books)) is not None:
            objects.append(read)
    return objects


def _read(entry: InstanceRef, modality: str, path: Path, books: StudyBooks) -> AnnotationObject | None:
    try:
        read = read_object(path)
    except ObjectError as error:
        books.lost_object(entry.sop_uid, entry.series_uid, modality, error.reason)
        return None
    if read.sop_uid != entry.sop_uid:
        books.lost_object(entry.sop_uid, entry.series_uid, modality, Reason.DAMAGED_OBJECT)
        return None
    if read.modality == KEY_OBJECTS:  # the PACS did not say of which class it is
        books.lost_object(entry.sop_uid, entry.series_uid, KEY_OBJECTS, Reason.KEY_OBJECT_SELECTION)
        return None
    books.open_object(read, books.surrogates.content(path.read_bytes()))
    return read
