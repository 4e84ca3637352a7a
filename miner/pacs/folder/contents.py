"""Objects put in order: which studies and series a folder holds, and which file stands for which object.

What files say of the study or series that they share may differ. As an archive takes them from the object that came
first, here they are from the first file, by path, that says anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from miner.pacs.folder.objects import ObjectFile
from miner.records import PatientRef, SeriesRef, StudyRef


@dataclass(frozen=True, slots=True)
class Census:
    """How many files of each sort there are, and what they hold. No name and no value of any."""

    studies: int = 0
    objects: int = 0
    """files that hold an object of a study; copies count"""
    other: int = 0
    """no DICOM, a DICOMDIR, or an object that belongs to no study"""
    unreadable: int = 0
    """DICOM files that cannot be read, and folders that cannot be listed: nobody knows of which study"""
    absent: int = 0
    """objects that a DICOMDIR lists and no file holds"""
    links: int = 0
    """symbolic links, which are not followed"""
    outside: int = 0
    """those of them that lead out of the folder, or nowhere"""
    several_patients: int = 0
    """studies whose files name more than one patient"""

    def sentences(self) -> tuple[str, ...]:
        """What is not as it should be. Counts alone: names of exported files are often patients'."""
        told = []
        if not self.objects:
            told.append("The folder holds no object of any study: check pacs.path, and that the folder is mounted.")
        if self.unreadable:
            told.append(
                f"{self.unreadable} of the files and folders below it cannot be read (unreadable-file): check owner "
                "and permissions, and export what was cut off again."
            )
        if self.absent:
            told.append(f"{self.absent} objects that a DICOMDIR lists are in no readable file: export them again.")
        if self.outside:
            told.append(
                f"{self.outside} symbolic links lead out of the folder and are not followed: what they lead to is not "
                "mined. Put the files themselves there."
            )
        if self.several_patients:
            told.append(
                f"{self.several_patients} studies have files of more than one Patient ID, and the first one is taken: "
                "correct them in the archive, and export them again."
            )
        return tuple(told)


@dataclass(frozen=True)
class Contents:
    """A folder at one moment."""

    census: Census = Census()
    studies: Mapping[str, StudyRef] = field(default_factory=dict)
    """by Study Instance UID"""
    series: Mapping[str, tuple[SeriesRef, ...]] = field(default_factory=dict)
    """by Study Instance UID; ``instances`` counts the objects, each once"""
    files: Mapping[tuple[str, str], Mapping[str, ObjectFile]] = field(default_factory=dict)
    """by Study and Series Instance UID, then by SOP Instance UID: the first file of each object"""
    copies: Mapping[str, tuple[ObjectFile, ...]] = field(default_factory=dict)
    """by SOP Instance UID: all files of an object that has several, by path"""


def arranged(objects: Iterable[ObjectFile], census: Census) -> Contents:
    """The contents of a folder. ``objects``: sorted by path, absent ones last; ``census``: of what holds no object."""
    studies: dict[str, list[ObjectFile]] = {}
    series: dict[tuple[str, str], list[ObjectFile]] = {}
    files: dict[tuple[str, str], dict[str, ObjectFile]] = {}
    of_uid: dict[str, list[ObjectFile]] = {}
    for one in objects:
        place = (one.study.study_uid, one.series.series_uid)
        studies.setdefault(one.study.study_uid, []).append(one)
        series.setdefault(place, []).append(one)
        files.setdefault(place, {}).setdefault(one.instance.sop_uid, one)
        if one.path:
            of_uid.setdefault(one.instance.sop_uid, []).append(one)
    whole = {uid: _study(members) for uid, members in studies.items()}
    of_study: dict[str, list[SeriesRef]] = {}
    for (study_uid, series_uid), members in series.items():
        instances = len(files[study_uid, series_uid])
        of_study.setdefault(study_uid, []).append(_series(members, whole[study_uid], instances))
    return Contents(
        replace(census, studies=len(studies), several_patients=sum(map(_names_several, studies.values()))),
        whole,
        {uid: tuple(found) for uid, found in of_study.items()},
        files,
        {uid: tuple(found) for uid, found in of_uid.items() if len(found) > 1},
    )


def _study(members: list[ObjectFile]) -> StudyRef:
    patient_id = _first(one.study.patient.patient_id for one in members)
    issuers = (one.study.patient.issuer for one in members if one.study.patient.patient_id == patient_id)
    return StudyRef(
        members[0].study.study_uid,
        PatientRef(patient_id, _first(issuers)),
        _first(one.study.study_date for one in members),
        _first(one.study.study_time for one in members),
        _first(one.study.accession for one in members),
        tuple(sorted({modality for one in members for modality in one.study.modalities})),
    )


def _series(members: list[ObjectFile], study: StudyRef, instances: int) -> SeriesRef:
    return SeriesRef(
        study,
        members[0].series.series_uid,
        _first(one.series.modality for one in members),
        instances,
        _first(one.series.body_part for one in members),
    )


def _names_several(members: list[ObjectFile]) -> bool:
    return len({one.study.patient.patient_id for one in members} - {""}) > 1


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
