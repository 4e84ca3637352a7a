"""The honest broker's look-up, from a public name back to the patient. Every use is an event of the chain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from miner.audit import trace
from miner.errors import MinerError, UsageError
from miner.mining.project import Project
from miner.vault import KINDS, Identity, study_ref

_SURROGATE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Resolved:
    """What the vault knows of one name, level by level; never logged, never stored."""

    name: str
    levels: Mapping[str, Mapping[str, str]]

    def __repr__(self) -> str:
        return f"Resolved(name={self.name!r})"


def resolve(project: Project, name: str) -> Resolved:
    """Patient, study, series and image behind a File_name, a Lesion_uid, a PNG's path, or a surrogate.

    A surrogate is what `miner status` and the log name a study, a series or an object by.

    An event comes before every answer, a refusal too; what was asked for stands in it only as a surrogate that is
    known, since a name that nobody knows may be anything.

    Raises:
        UsageError: the catalogue does not know the name, or the vault does not know what it stands for.
        ChainError: the vault's entry was damaged or changed.
    """
    try:
        return _resolve(project, name)
    except MinerError as error:
        outcome = {"what": "vault resolve", "answered": False, "reason": str(error.reason)}
        project.catalogue.record_event("usage", "vault", outcome)
        raise


def _resolve(project: Project, name: str) -> Resolved:
    named = _behind_surrogate(project, name.strip())
    if named:
        level, entry = next(iter(named.items()))
        project.catalogue.record_event("usage", f"{level}:{entry.key}", {"what": "vault resolve"})
        return Resolved(name, {kind: dict(entry.value) for kind, entry in named.items()})
    chain = trace(project.catalogue, project.images, name)
    project.catalogue.record_event("usage", f"patient:{chain.patient_key}", {"what": "vault resolve"})
    keys = {
        "patient": chain.patient_key,
        "study": chain.study_key,
        "series": chain.series_key,
        "instance": chain.instance_key,
        "object": chain.object_key,
    }
    levels = {}
    for kind, key in keys.items():
        identity = project.vault.resolve(kind, key) if key else None
        if identity is not None:
            levels[kind] = dict(identity.value)
    if "patient" not in levels:
        raise UsageError("The vault does not know this name: was it restored from another backup than the catalogue?")
    return Resolved(name, levels)


def _behind_surrogate(project: Project, key: str) -> dict[str, Identity]:
    """What a surrogate stands for, and what that belongs to, from the object up; empty where it is none."""
    if not _SURROGATE.fullmatch(key):
        return {}
    found = {kind: entry for kind in reversed(KINDS) if (entry := project.vault.resolve(kind, key)) is not None}
    values = {name: text for entry in found.values() for name, text in entry.value.items()}
    surrogates = project.surrogates
    if (series_uid := values.get("series_uid")) and "series" not in found:
        _add(found, project.vault.resolve("series", surrogates.series(series_uid)))
    if (study_uid := values.get("study_uid")) and "study" not in found:
        _add(found, project.vault.resolve("study", surrogates.study(study_uid)))
    if (study := found.get("study")) is not None:
        _add(found, project.vault.resolve("patient", surrogates.patient(study_ref(study).patient, study_uid or "")))
    return found


def _add(found: dict[str, Identity], entry: Identity | None) -> None:
    if entry is not None:
        found.setdefault(entry.kind, entry)
