"""The honest broker's look-up, from a public name back to the patient. Every use is an event of the chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from miner.audit import trace
from miner.errors import UsageError
from miner.mining.project import Project


@dataclass(frozen=True)
class Resolved:
    """What the vault knows of one name, level by level; never logged, never stored."""

    name: str
    levels: Mapping[str, Mapping[str, str]]

    def __repr__(self) -> str:
        return f"Resolved(name={self.name!r})"


def resolve(project: Project, name: str) -> Resolved:
    """Patient, study, series and image behind a File_name, a Lesion_uid or a PNG's path.

    Raises:
        UsageError: the catalogue does not know the name, or the vault does not know what it stands for.
    """
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
