"""Patients who were withdrawn: who they are when the PACS names them again, and getting the last of them off the disk.

The catalogue takes a patient's rows away in one transaction and lays a tombstone; pictures and vault entries follow
here. A kill in between leaves the tombstone unfinished, and the same command or the next run goes on.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from miner.catalogue import Remains
from miner.deid import Surrogates
from miner.errors import storage_error
from miner.images import flush_folder
from miner.mining.project import Project
from miner.records import MinedStudy, PatientRef, StudyRef
from miner.vault import Identity, Vault, study_ref

log = logging.getLogger(__name__)

_SURROGATE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Withdrawn:
    """The tombstones of a project, to be asked about studies that the PACS names."""

    patient_keys: frozenset[str]
    numbers: frozenset[str]
    """those that stand for a record number under every issuer"""
    surrogates: Surrogates

    @classmethod
    def of(cls, project: Project) -> Withdrawn:
        """As they stand now; none is laid while a run is alive."""
        rows = project.catalogue.withdrawals()
        numbers = frozenset(row.patient_key for row in rows if row.every_issuer)
        return cls(frozenset(row.patient_key for row in rows), numbers, project.surrogates)

    def patient_of(self, study: StudyRef) -> str | None:
        """The tombstone that stands for a study's patient, None where there is none."""
        if not self.patient_keys:
            return None
        person = self.surrogates.person(study.patient, study.study_uid)
        if (own := self.surrogates.patient(study.patient, study.study_uid)) in self.patient_keys:
            return own
        numbers = (PatientRef(patient_id, "") for patient_id in (study.patient.patient_id, person.patient_id))
        keys = (self.surrogates.patient(number, study.study_uid) for number in numbers)
        return next((key for key in keys if key in self.numbers), None)


def is_withdrawn(project: Project, study: StudyRef) -> bool:
    """Whether nothing of a study may be fetched: its patient was withdrawn, or the study with whom it was filed under.

    A study stays withdrawn whoever it is filed under later: archives merge records of one person.
    """
    key = project.surrogates.study(study.study_uid)
    return Withdrawn.of(project).patient_of(study) is not None or bool(project.catalogue.withdrawn_studies([key]))


def studies_in_vault(vault: Vault, surrogates: Surrogates, patient_key: str) -> list[str]:
    """Surrogates of the studies that the vault knows of a patient, sorted."""
    with vault.identities() as (_, entries):
        return sorted(entry.key for entry in entries if _is_study_of(entry, surrogates, patient_key))


def finish_withdrawals(project: Project, run: int | None = None) -> int:
    """Finish what a kill left of withdrawals; returns how many there were.

    Raises StorageError or DatabaseError where pictures, vault or catalogue cannot be written.
    """
    unfinished = [row.patient_key for row in project.catalogue.withdrawals() if not row.finished]
    for patient_key in unfinished:
        project.catalogue.finish_withdrawal(patient_key, lambda left: remove_remains(project, left), run)
    return len(unfinished)


def remove_remains(project: Project, left: Remains) -> None:
    """Remove pictures and vault entries of a withdrawn patient; again removes nothing more.

    Raises StorageError or DatabaseError.
    """
    remove_pictures(project.images, left.series_keys)
    forget_identities(project, left.patient_key, left.study_keys)


def remove_pictures(images: Path, series_keys: Iterable[str]) -> None:
    """Remove the folders of these volumes from the image store, for good. Raises StorageError."""
    try:
        for key in series_keys:
            folder = images / key
            if _SURROGATE.fullmatch(key) and folder.is_dir():
                shutil.rmtree(folder)
        if images.is_dir():
            flush_folder(images)
    except OSError as error:
        raise storage_error(error, images) from None


def discard_pictures(project: Project, mined: MinedStudy) -> None:
    """Remove pictures of a study that the catalogue did not take, but for those that it has. Raises StorageError."""
    for series in mined.series:
        known = project.catalogue.series(series.series_key)
        try:
            for entry in series.stored:
                if known is None or entry.number not in known.slices:
                    (project.images / series.series_key / f"{entry.number:03d}.png").unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, project.images) from None


def forget_identities(project: Project, patient_key: str, study_keys: Iterable[str]) -> int:
    """Delete everything that the vault knows of a patient and of these studies; returns how many entries there were.

    What was deleted leaves the database's files too, also what an earlier call was killed over.
    """
    gone = project.vault.forget(_places(project.vault, project.surrogates, patient_key, frozenset(study_keys)))
    if not project.vault.compact():
        log.warning(
            "The vault's role may not compact its database: what was deleted stays in its files until its owner "
            "runs VACUUM FULL on it."
        )
    return gone


def _places(
    vault: Vault, surrogates: Surrogates, patient_key: str, study_keys: frozenset[str]
) -> list[tuple[str, str]]:
    """Kind and surrogate of each entry of a patient, found by what it belongs to: by study, or by series."""
    studies: set[str] = set()
    study_of_series: dict[str, str] = {}
    with vault.identities() as (_, entries):
        for entry in entries:
            study_uid, series_uid = entry.value.get("study_uid", ""), entry.value.get("series_uid", "")
            if entry.kind == "study" and (entry.key in study_keys or _is_study_of(entry, surrogates, patient_key)):
                studies.add(study_uid)
            if study_uid and series_uid:
                study_of_series[series_uid] = study_uid
    places = []
    with vault.identities() as (_, entries):
        for entry in entries:
            series_uid = entry.value.get("series_uid", "")
            study_uid = entry.value.get("study_uid", "") or study_of_series.get(series_uid, "")
            if study_uid in studies or _is_patient(entry, surrogates, patient_key):
                places.append((entry.kind, entry.key))
    return places


def _is_study_of(entry: Identity, surrogates: Surrogates, patient_key: str) -> bool:
    if entry.kind != "study":
        return False
    study = study_ref(entry)
    return surrogates.patient(study.patient, study.study_uid) == patient_key


def _is_patient(entry: Identity, surrogates: Surrogates, patient_key: str) -> bool:
    """Whether it is the patient, also under a number that the crosswalk has come to know as the patient's since."""
    if entry.kind != "patient":
        return False
    if entry.key == patient_key:
        return True
    record = PatientRef(entry.value.get("patient_id", ""), entry.value.get("issuer", ""))
    return bool(record.patient_id) and surrogates.patient(record, "") == patient_key
