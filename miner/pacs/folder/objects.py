"""One file, one object: what queries say of it, from the head of the file or from the records of a DICOMDIR."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from miner.errors import Reason
from miner.pacs.classes import ANNOTATION_CLASSES
from miner.pacs.folder.dicomdir import Listed
from miner.pacs.folder.files import FileMark
from miner.pacs.folder.header import Head
from miner.pacs.queries import rows
from miner.pacs.queries.identifiers import ANNOTATIONS
from miner.records import InstanceRef, SeriesRef, StudyRef

_STATES = frozenset(ANNOTATION_CLASSES[: ANNOTATION_CLASSES.index(KeyObjectSelectionDocumentStorage)])
_REPORTS = frozenset(ANNOTATION_CLASSES) - _STATES - {KeyObjectSelectionDocumentStorage}


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """One object of a study, and its file. ``series``: study and series as this one file names them.

    ``path`` is empty for an object that a DICOMDIR lists and that is not there; ``absent`` says why.
    """

    path: str
    octets: int
    series: SeriesRef
    instance: InstanceRef
    absent: Reason = Reason.NOT_RETRIEVED

    @property
    def study(self) -> StudyRef:
        """The study as this file names it, with the modality of this file."""
        return self.series.study


def object_of(path: str, mark: FileMark, head: Head, known: dict[SeriesRef, SeriesRef] | None = None) -> ObjectFile:
    """The object of a file whose head was read. ``known``: series to share, since a series has hundreds of files.

    An annotation object was made when its file was written: so one that was changed is noticed whatever its dates say.
    """
    series, instance = _references(head.elements, {} if known is None else known)
    if series.modality in ANNOTATIONS:
        instance = replace(instance, made=f"{mark.octets} {mark.written}")
    return ObjectFile(path, mark.octets, series, instance)


def object_listed(listed: Listed, reason: Reason) -> ObjectFile | None:
    """An object that a DICOMDIR lists and no file holds; None where the records don't say which, or of which series."""
    named = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    if not all(rows.text(listed.elements, keyword) for keyword in named):
        return None
    return replace(ObjectFile("", 0, *_references(listed.elements, {})), absent=reason)


def _references(elements: Dataset, known: dict[SeriesRef, SeriesRef]) -> tuple[SeriesRef, InstanceRef]:
    modality = rows.text(elements, "Modality") or _modality_of(rows.text(elements, "SOPClassUID"))
    study = replace(rows.study(elements), modalities=(modality,) if modality else ())
    own = replace(rows.series(elements, study), modality=modality)
    series = known.setdefault(own, own)
    return series, rows.instance(elements, series)


def _modality_of(sop_class_uid: str) -> str:
    """The modality of an annotation object that names none: by it, such objects are found."""
    if sop_class_uid in _STATES:
        return "PR"
    if sop_class_uid in _REPORTS:
        return "SR"
    return "KO" if sop_class_uid == KeyObjectSelectionDocumentStorage else ""
