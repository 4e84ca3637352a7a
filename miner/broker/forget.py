"""The withdrawal of a patient: rows, pictures and names go, a tombstone stays (`miner vault forget`).

First the catalogue's rows in one transaction, then the pictures and what the vault knows, then a note that nothing is
left: the same command goes on after a kill, and so does the next run. What releases that were given away hold is beyond
our reach; the report names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from miner.audit.names import BookmarkName, Name, PictureName, RowName, StoredName, parse
from miner.audit.tracing import withdrawn_behind
from miner.catalogue import Catalogue, Remains
from miner.config import Settings
from miner.errors import UsageError
from miner.mining.disk import empty_spool
from miner.mining.project import Project, is_destroyed
from miner.mining.sweep import remove_unnamed
from miner.mining.withdrawal import finish_withdrawals, remove_pictures, remove_remains, studies_in_vault
from miner.records import PatientRef
from miner.vault import study_ref

_INDEX = re.compile(r"patient:([0-9]{1,9})")
_PADDING = " \0\t\r\n"


@dataclass(frozen=True)
class Candidate:
    """Who would be withdrawn, and what would go.

    Attributes:
        patient_key: the patient's surrogate.
        every_issuer: surrogate of the record number without an issuer, where it is to stand for every issuer; the
            patient's own where the record names none.
        study_keys: studies that the vault knows of the patient.
        counts: studies, series, slices, bookmarks, annotation_objects, and rows of releases by file name.
        releases: numbers of the releases that hold the patient, those of an earlier withdrawal included.
        again: whether the patient was withdrawn before.
    """

    patient_key: str
    every_issuer: str | None
    study_keys: tuple[str, ...] = field(repr=False)
    counts: Mapping[str, int]
    releases: tuple[int, ...]
    again: bool


@dataclass(frozen=True)
class Forgotten:
    """What a withdrawal did. ``counts`` and ``releases`` as in :class:`Candidate`; ``identities``: vault entries."""

    patient_index: int | None
    counts: Mapping[str, int]
    identities: int
    releases: tuple[int, ...]
    again: bool


def find_patient(project: Project, name: str, *, issuer: str | None = None, unseen: bool = False) -> Candidate:
    """Who is meant; changes nothing but that the use of the vault is an event.

    Args:
        project: key, vault and catalogue.
        name: a Patient ID of the PACS; or a File_name, the path of a PNG, a Lesion_uid or Bookmark_uid, a surrogate of
            a patient or study, or ``patient:000123`` for a Patient_index.
        issuer: the Patient ID's issuer; None: whatever it is. Only beside a Patient ID.
        unseen: whether a Patient ID that the vault does not know is to be kept out all the same.

    Raises UsageError where nobody, or more than one patient, is meant.
    """
    project.catalogue.record_event("usage", "vault", {"what": "vault forget"})
    name = name.strip(_PADDING)
    if not name:
        raise UsageError(
            "No patient is named: give a Patient ID or a public name, or `-` and the name on its own line."
        )
    patient_key = (
        None if issuer is not None or unseen else _behind_public_name(project.catalogue, name, _known(project))
    )
    if patient_key is not None:
        return _candidate(project, patient_key, patient_key if _alone_with_number(project, patient_key) else None)
    patient_key = _behind_patient_id(project, name, issuer)
    number = project.surrogates.patient(PatientRef(name, issuer or ""), "")
    if patient_key is None and not unseen:
        raise UsageError(
            "Neither vault nor catalogue knows this patient: is it the Patient ID that the PACS gives, or a name in a "
            "release of this project? One who was never mined is kept out by --unseen, or by a line in the file of "
            "[selection] opt_out."
        )
    return _candidate(project, patient_key or number, number if issuer is None else None)


def forget(project: Project, candidate: Candidate) -> Forgotten:
    """Withdraw a patient. The same again removes what has come since, if anything.

    Raises DatabaseError(CATALOGUE_BUSY) while a run is under way, and StorageError or DatabaseError where pictures or a
    database cannot be written: the same command goes on then.
    """
    catalogue, before = project.catalogue, project.vault.count()
    # A run may have come between the question and its answer.
    candidate = _candidate(project, candidate.patient_key, candidate.every_issuer)
    row = catalogue.withdraw(candidate.patient_key, candidate.study_keys, every_issuer=candidate.every_issuer)

    def remove(left: Remains) -> None:
        empty_spool(project.settings.spool)
        remove_remains(project, left)
        remove_unnamed(catalogue, project.images)

    catalogue.finish_withdrawal(candidate.patient_key, remove)
    finish_withdrawals(project)
    return Forgotten(row.patient_index, candidate.counts, before - project.vault.count(), row.releases, candidate.again)


def find_unlinked(catalogue: Catalogue, name: str) -> Candidate:
    """Who is meant after the vault's destruction: then only a public name still leads to a patient.

    Raises UsageError for any other name, and where the vault was not destroyed.
    """
    if not is_destroyed(catalogue):
        raise UsageError("The vault of this project was not destroyed: patients are withdrawn with it.")
    catalogue.record_event("usage", "vault", {"what": "vault forget"})
    patient_key = _behind_public_name(catalogue, name.strip(_PADDING), lambda uid: None)
    if patient_key is None:
        raise UsageError(
            "The vault was destroyed, so that no Patient ID leads to anybody: give a File_name, a Lesion_uid or "
            "patient:000123."
        )
    return _with_holdings(catalogue, patient_key, None, ())


def forget_unlinked(settings: Settings, catalogue: Catalogue, candidate: Candidate) -> Forgotten:
    """As :func:`forget`, after the vault's destruction: rows and pictures go, and nobody can be brought back."""
    row = catalogue.withdraw(candidate.patient_key, ())

    def remove(left: Remains) -> None:
        empty_spool(settings.spool)
        remove_pictures(settings.images, left.series_keys)
        remove_unnamed(catalogue, settings.images)

    for patient_key in (entry.patient_key for entry in catalogue.withdrawals() if not entry.finished):
        catalogue.finish_withdrawal(patient_key, remove)
    return Forgotten(row.patient_index, candidate.counts, 0, row.releases, candidate.again)


def _candidate(project: Project, patient_key: str, every_issuer: str | None) -> Candidate:
    study_keys = studies_in_vault(project.vault, project.surrogates, patient_key)
    return _with_holdings(project.catalogue, patient_key, every_issuer, tuple(study_keys))


def _with_holdings(
    catalogue: Catalogue, patient_key: str, every_issuer: str | None, study_keys: tuple[str, ...]
) -> Candidate:
    holdings = catalogue.holdings(patient_key, study_keys)
    before = [row for row in catalogue.withdrawals() if row.patient_key == patient_key]
    releases = {*holdings.releases, *(number for row in before for number in row.releases)}
    return Candidate(
        patient_key, every_issuer, study_keys, holdings.counts, tuple(sorted(releases)), again=bool(before)
    )


Known = Callable[[str], str | None]
"""The patient of a study's surrogate, as the vault says; None where it knows none."""


def _behind_public_name(catalogue: Catalogue, name: str, known: Known) -> str | None:
    """The patient of a public name; None for what can only be a Patient ID. Raises UsageError for an unknown one."""
    if found := _INDEX.fullmatch(name):
        index = int(found[1])
        patient_key = catalogue.patient_behind(patient_index=index)
        patient_key = patient_key or catalogue.withdrawn_behind(patient_index=index)
    elif (meaning := parse(name)) is None:
        return None
    else:
        patient_key = _behind_name(catalogue, meaning, known)
        if patient_key is None and isinstance(meaning, BookmarkName):
            return None  # of the form of a surrogate, as a Patient ID may be
    if patient_key is None:
        raise UsageError("No patient of this project has or had this name: is it of another site or another key?")
    return patient_key


def _behind_name(catalogue: Catalogue, meaning: Name, known: Known) -> str | None:
    patient_key: str | None = None
    match meaning:
        case PictureName(patient_index, study_index, series_id):
            lineage = catalogue.lineage_of_picture(patient_index, study_index, series_id)
            patient_key = None if lineage is None else lineage.patient.patient_key
        case StoredName(series_key):
            patient_key = catalogue.patient_behind(series_key)
        case RowName():
            raise UsageError("A row's number may change when a patient is withdrawn: give its File_name or Lesion_uid.")
        case BookmarkName(uid):
            patient_key = catalogue.patient_behind(uid)
    patient_key = patient_key or withdrawn_behind(catalogue, meaning)
    if patient_key is None and isinstance(meaning, BookmarkName):
        patient_key = known(meaning.uid)
    return patient_key


def _known(project: Project) -> Known:
    """Knows the patients of studies that were found, but not mined yet."""

    def known(study_key: str) -> str | None:
        study = project.vault.resolve("study", study_key)
        if study is None:
            return None
        ref = study_ref(study)
        return project.surrogates.patient(ref.patient, ref.study_uid)

    return known


def _behind_patient_id(project: Project, patient_id: str, issuer: str | None) -> str | None:
    """The patient of a Patient ID; None where neither vault nor catalogue knows it.

    Raises UsageError where it is several patients'.
    """
    tombstones = project.catalogue.withdrawals()
    known, issuers = {row.patient_key for row in tombstones}, {""}
    for patient_key, record in _records(project):
        known.add(patient_key)
        issuers.add(record.issuer)
    asked = issuers if issuer is None else {issuer}
    named = {project.surrogates.patient(PatientRef(patient_id, entry), "") for entry in asked}
    found = {key for key in named if key in known or project.catalogue.patient_behind(key) == key}
    if len(found) > 1:
        found -= {row.patient_key for row in tombstones if row.every_issuer}
    if len(found) > 1:
        raise UsageError(
            "The vault knows this Patient ID under several issuers: say with --issuer which one is meant (an empty one "
            "for none)."
        )
    return next(iter(found), None)


def _alone_with_number(project: Project, patient_key: str) -> bool:
    """Whether the patient's record names no issuer, and the vault knows nobody else of its number."""
    records = list(_records(project))
    numbers = {record.patient_id for key, record in records if key == patient_key and not record.issuer} - {""}
    return bool(numbers) and not any(record.patient_id in numbers for key, record in records if key != patient_key)


def _records(project: Project) -> Iterator[tuple[str, PatientRef]]:
    """Every record of a patient that the vault knows, by itself or as that of a study, with the patient's surrogate."""
    with project.vault.identities() as (_, entries):
        for entry in entries:
            if entry.kind == "patient":
                yield entry.key, _trimmed(entry.value.get("patient_id", ""), entry.value.get("issuer", ""))
            elif entry.kind == "study":
                study = study_ref(entry)
                patient_key = project.surrogates.patient(study.patient, study.study_uid)
                yield patient_key, _trimmed(study.patient.patient_id, study.patient.issuer)


def _trimmed(patient_id: str, issuer: str) -> PatientRef:
    return PatientRef(patient_id.strip(_PADDING), issuer.strip(_PADDING))
