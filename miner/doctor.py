"""`miner doctor`: configuration, key, databases, disk and PACS, one after the other, and what to do about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from miner.config import Settings, load
from miner.deid import Surrogates, read_key
from miner.errors import ExitStatus, MinerError, unforeseen
from miner.mining.cohort import read_opt_out
from miner.mining.disk import GIB, free_octets, low_space_warning, require_space
from miner.mining.project import open_catalogue
from miner.pacs import PacsProfile, Peer, probe
from miner.vault import Vault


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``state`` is ``ok``, ``warning`` or ``fault``."""

    subject: str
    state: str
    words: str


@dataclass
class Examination:
    """All findings, and the exit status that the gravest fault asks for."""

    findings: list[Finding] = field(default_factory=list)
    exit_status: ExitStatus = ExitStatus.DONE
    profile: PacsProfile | None = None

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


def examine(config: Path, environment: Mapping[str, str]) -> Examination:
    """Look at everything that a nightly run needs. Where the PACS answers, its profile is stored in the catalogue."""
    report = Examination()
    settings = load(config, environment)
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
        if catalogue_fine:
            with open_catalogue(settings) as catalogue:
                catalogue.store_profile(report.profile.as_json())
    return report


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
    report.profile = probe(Peer.of(settings), settings.selection.annotations)
    pacs = settings.pacs
    return f"{pacs.ae_title} answers C-ECHO at {pacs.host}:{pacs.port}."


def profile_findings(profile: PacsProfile) -> list[Finding]:
    """What the PACS really does, in words; what costs bytes or needs an administrator is a warning."""
    levels = {"STUDY": profile.study_level, "SERIES": profile.series_level, "IMAGE": profile.image_level}
    answered = [level for level, answers in levels.items() if answers]
    findings = [Finding("queries", "ok", f"Levels answered: {', '.join(answered) or 'none that could be tried'}.")]
    if profile.modalities_in_study not in ("honoured", "unknown"):
        words = "ModalitiesInStudy is not honoured: studies are filtered here, with a SERIES query each."
        findings.append(Finding("queries", "warning", words))
    if profile.sop_classes is False:
        words = "No SOP classes at IMAGE level: every report has to be fetched, dose reports too, to see what it is."
        findings.append(Finding("queries", "warning", words))
    if profile.positions is False:
        words = "No positions at IMAGE level: every series with a bookmark has to be fetched whole."
        findings.append(Finding("queries", "warning", words))
    if profile.get_offered:
        findings.append(Finding("retrieve", "ok", "C-GET is offered: no port of ours needs to be open."))
        if profile.get_reports is False:
            words = 'C-GET does not send every class of reports: where it stores such, set [pacs] retrieve = "move".'
            findings.append(Finding("retrieve", "warning", words))
    elif profile.move_offered:
        words = "Only C-MOVE is offered: the PACS must know our AE title, this machine's address and [pacs] move_port."
        findings.append(Finding("retrieve", "warning", words))
    findings.extend(Finding("PACS", "warning", fault) for fault in profile.faults)
    return findings
