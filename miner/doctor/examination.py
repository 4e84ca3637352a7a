"""Looks at everything that a nightly run needs, and goes on whatever is wrong."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from miner import __version__
from miner.config import Settings, load
from miner.deid import Surrogates, read_key
from miner.doctor.findings import Finding, profile_findings
from miner.doctor.names import Names
from miner.errors import ExitStatus, MinerError, unforeseen
from miner.mining.cohort import read_opt_out
from miner.mining.disk import GIB, free_octets, low_space_warning, require_space
from miner.mining.project import open_catalogue
from miner.pacs import PacsProfile, Peer, probe
from miner.vault import Vault

PACKAGES = ("pydicom", "pynetdicom", "dicomweb-client", "numpy", "sqlalchemy", "prefect", "python-gdcm")
"""Their versions stand in a report."""


@dataclass
class Examination:
    """All findings, and the exit status that the gravest fault asks for."""

    findings: list[Finding] = field(default_factory=list)
    exit_status: ExitStatus = ExitStatus.DONE
    profile: PacsProfile | None = None
    names: Names = field(default_factory=Names, repr=False)

    def look(self, subject: str, look: Callable[[], str]) -> bool:
        """Run one check; its words or its error become a finding. Returns whether it went well."""
        try:
            self.findings.append(Finding(subject, "ok", look()))
        except (MinerError, OSError) as error:
            told = error if isinstance(error, MinerError) else unforeseen(error)
            self.findings.append(Finding(subject, "fault", str(told)))
            self.exit_status = self.exit_status or told.exit_status
            return False
        return True

    def document(self) -> dict[str, object]:
        """The report as it can be attached to a bug report: what the configuration names stands as its key."""
        hide = self.names.hide
        return {
            "software": software(),
            "findings": [dataclasses.replace(entry, words=hide(entry.words)) for entry in self.findings],
            "exit_status": int(self.exit_status),
            "profile": None if self.profile is None else self.profile.as_json(),
        }


def examine(config: Path, environment: Mapping[str, str]) -> Examination:
    """Look at everything that a nightly run needs. Where the PACS answers, its profile is stored in the catalogue."""
    settings = load(config, environment)
    report = Examination(names=Names.of(settings, config))
    report.findings.append(Finding("configuration", "ok", f"{config} is complete."))
    keys: list[bytes] = []

    def key() -> str:
        keys.append(read_key(settings.key_file, environment))
        return "The project's key is there and readable by its owner only."

    report.look("key", key)
    if keys:
        report.look("vault", lambda: _vault(settings, keys[0]))
    catalogue_fine = report.look("catalogue", lambda: _catalogue(settings))
    if settings.selection.opt_out:
        report.look("opt-out list", lambda: f"{len(read_opt_out(settings))} patients are never retrieved.")
    if report.look("disk", lambda: _disk(settings)) and (warning := low_space_warning(settings)) is not None:
        report.findings.append(Finding("disk", "warning", warning))
    report.look("PACS", lambda: _pacs(settings, report))
    if report.profile is not None:
        report.findings.extend(profile_findings(report.profile))
        # What is kept names the PACS no more than what is attached to a bug report.
        faults = tuple(report.names.hide(fault) for fault in report.profile.faults)
        report.profile = dataclasses.replace(report.profile, faults=faults)
        if catalogue_fine:
            report.profile = _stored(settings, report.profile)
    return report


def software() -> dict[str, str]:
    """This software's version and those of what it stands on."""
    versions = {"miner": __version__, "python": platform.python_version(), "system": platform.system()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return versions


def _vault(settings: Settings, key: bytes) -> str:
    Vault.open(settings.vault_url, Surrogates(key).vault_key()).close()
    return "The vault opens with this key."


def _catalogue(settings: Settings) -> str:
    with open_catalogue(settings) as catalogue:
        count, _ = catalogue.chain_head()
        return f"The catalogue of site {catalogue.site} holds {count} events."


def _disk(settings: Settings) -> str:
    require_space(settings)
    return f"{free_octets(settings.root) / GIB:.1f} GiB are free below {settings.root}."


def _pacs(settings: Settings, report: Examination) -> str:
    peer = Peer.of(settings)
    report.profile = probe(peer, settings.selection.annotations)
    pacs = settings.pacs
    if pacs.protocol != "dimse":
        return f"{peer} answers."
    answers = "answers C-ECHO" if report.profile.echo else "takes our association, but does not answer C-ECHO"
    return f"{pacs.ae_title} {answers} at {pacs.host}:{pacs.port}."


def _stored(settings: Settings, profile: PacsProfile) -> PacsProfile:
    """The profile as it is in use from now on, with the limits that earlier runs have found."""
    with open_catalogue(settings) as catalogue:
        profile = profile.with_limits_of(PacsProfile.of(catalogue.profile()))
        catalogue.store_profile(profile.as_json())
    return profile
