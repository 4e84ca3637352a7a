"""A project with two mined studies, their pictures and their identities, made without a PACS."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from miner.broker import resolve
from miner.catalogue import Catalogue
from miner.config import Settings, load
from miner.dataset import ReleaseRules, write_release
from miner.mining.project import open_catalogue, open_project
from miner.records import PatientRef
from miner.vault import Identity
from tests.audit.conftest import with_pictures
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study
from tests.hospital import new_project
from tests.hospital.project import release_files

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("CANARY-4711", "CANARY-BOTHWELL", "1.2.840.99999.4711", "19991231")


@dataclass
class Kept:
    """A project in ``folder``, and the surrogate of one of its patients."""

    folder: Path
    settings: Settings
    patient_key: str

    def release(self, out: Path) -> dict[str, bytes]:
        """What a release of it holds, without what names the occasion."""
        with open_catalogue(self.settings) as catalogue:
            rules = ReleaseRules.of(self.settings)
            write_release(catalogue, images=self.settings.images, out=out, settings=rules, now=NOW)
        return release_files(out)

    def resolve(self, environment: Mapping[str, str] | None = None) -> Mapping[str, Mapping[str, str]]:
        """Who its patient is."""
        with open_project(self.settings, environment or {}) as project:
            return resolve(project, self.patient_key).levels

    def events(self) -> list[str]:
        """What happened, in words."""
        with open_catalogue(self.settings) as catalogue:
            return [str(event.payload.get("what")) for event in catalogue.events()]


def keep(folder: Path, **storage: str) -> Kept:
    """Make the project."""
    settings = new_project(folder, storage=storage) if storage else new_project(folder)
    with open_project(settings, {}) as project:
        patient = PatientRef("CANARY-4711", "CANARY-BOTHWELL")
        key = project.surrogates.patient(patient, "1.2.840.99999.4711")
        project.vault.remember(
            [
                Identity("patient", key, {"patient_id": patient.patient_id, "issuer": patient.issuer}),
                Identity("study", "b2" * 16, {"study_uid": "1.2.840.99999.4711", "study_date": "19991231"}),
                *(Identity("instance", f"{n:032x}", {"sop_uid": f"1.2.840.99999.4711.{n}"}) for n in range(30)),
            ]
        )
        mine(project.catalogue, settings, "ab")
    return Kept(folder, settings, key)


def mine(catalogue: Catalogue, settings: Settings, names: str) -> None:
    """A run that gives the made-up studies of these names."""
    run = catalogue.begin_run(INFO)
    for name in names:
        catalogue.commit_study(run, with_pictures(a_study(name, slices=range(1, 41)), settings.images))
    catalogue.end_run(run, "done", {})


def settings_of(folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    return load(folder / "config.toml", environment or {})


def forms(text: str) -> list[bytes]:
    """How a text may stand in a file: raw, in UTF-16, hex and base64."""
    raw = text.encode()
    encoded = [base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)]
    return [raw, text.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode(), *encoded]


def names_in(folder: Path) -> list[tuple[str, str]]:
    """Files below ``folder`` that hold an identifier in the clear, with the identifier."""
    found = []
    for root, _, files in os.walk(folder):
        for file in files:
            octets = (Path(root) / file).read_bytes()
            found += [(file, name) for name in NAMES if any(form in octets for form in forms(name))]
    return found
