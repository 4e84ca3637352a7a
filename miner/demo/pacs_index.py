"""What the loopback PACS holds: headers in memory, read once; pixel data stays on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

PATIENT, STUDY, SERIES, IMAGE = "PATIENT", "STUDY", "SERIES", "IMAGE"
LEVELS = (PATIENT, STUDY, SERIES, IMAGE)
UNIQUE_KEYS = {
    PATIENT: "PatientID",
    STUDY: "StudyInstanceUID",
    SERIES: "SeriesInstanceUID",
    IMAGE: "SOPInstanceUID",
}
"""The unique key of each level (PS3.4 C.6.1.1, C.6.2.1)."""


@dataclass(frozen=True)
class StoredObject:
    """One SOP instance: its header without pixel data, and the Part 10 file that holds all of it."""

    path: Path
    header: Dataset
    transfer_syntax: UID
    octets: int

    @property
    def patient_id(self) -> str:
        """PatientID, trimmed; empty where absent."""
        return str(self.header.get("PatientID", "") or "").strip()

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID."""
        return str(self.header.StudyInstanceUID)

    @property
    def series_uid(self) -> str:
        """SeriesInstanceUID."""
        return str(self.header.SeriesInstanceUID)

    @property
    def sop_uid(self) -> str:
        """SOPInstanceUID."""
        return str(self.header.SOPInstanceUID)

    @property
    def sop_class_uid(self) -> str:
        """SOPClassUID."""
        return str(self.header.SOPClassUID)

    def key_at(self, level: str) -> str:
        """The value of the unique key of ``level``."""
        return str(self.header.get(UNIQUE_KEYS[level], "") or "").strip()


@dataclass(frozen=True, slots=True)
class Entity:
    """One patient, study, series or image: all its objects; the first stands for its attributes."""

    level: str
    objects: Sequence[StoredObject]

    @property
    def header(self) -> Dataset:
        """The header that answers for the attributes of this entity."""
        return self.objects[0].header


def read_object(path: Path) -> StoredObject:
    """Index one Part 10 file. Raises pydicom.errors.InvalidDicomError or AttributeError for anything else."""
    header = pydicom.dcmread(path, stop_before_pixels=True)
    syntax = UID(str(header.file_meta.TransferSyntaxUID))
    for keyword in UNIQUE_KEYS.values():
        if keyword != "PatientID" and keyword not in header:
            raise AttributeError(f"{path.name} has no {keyword}")
    return StoredObject(path, header, syntax, path.stat().st_size)


class ObjectIndex:
    """Objects by SOP Instance UID, in order of arrival. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, StoredObject] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def add(self, item: StoredObject) -> bool:
        """Take in one object; one whose SOP Instance UID is known already is left out (False)."""
        with self._lock:
            if item.sop_uid in self._objects:
                return False
            self._objects[item.sop_uid] = item
            return True

    def objects(self) -> list[StoredObject]:
        """Everything held."""
        with self._lock:
            return list(self._objects.values())

    def under(self, keys: dict[str, Sequence[str]]) -> list[StoredObject]:
        """Objects whose unique keys are among the given values, level by level."""
        wanted = {level: frozenset(values) for level, values in keys.items()}
        if IMAGE in wanted:
            with self._lock:
                candidates: Iterable[StoredObject] = [
                    self._objects[uid] for uid in dict.fromkeys(keys[IMAGE]) if uid in self._objects
                ]
        else:
            candidates = self.objects()
        return [item for item in candidates if all(item.key_at(level) in values for level, values in wanted.items())]

    def entities(self, level: str, objects: Iterable[StoredObject]) -> list[Entity]:
        """``objects`` grouped to the entities of ``level``, in order of arrival."""
        if level == IMAGE:
            return [Entity(level, (item,)) for item in objects]
        groups: dict[tuple[str, ...], list[StoredObject]] = {}
        for item in objects:
            groups.setdefault(tuple(item.key_at(above) for above in _path_to(level)), []).append(item)
        return [Entity(level, members) for members in groups.values()]


def _path_to(level: str) -> Iterator[str]:
    """Levels whose keys identify an entity of ``level``: UIDs do it alone, so the patient only for itself."""
    yield from (PATIENT,) if level == PATIENT else (above for above in LEVELS[1 : LEVELS.index(level) + 1])
