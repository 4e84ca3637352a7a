"""Looks at everything that a nightly run needs, and goes on whatever is wrong."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from miner import __version__
from miner.config import Settings, load
from miner.deid import KEY_VARIABLE, Surrogates, read_key
from miner.deid.text_search import OFF, require_text_search
from miner.doctor.findings import Finding, profile_findings
from miner.doctor.names import Names
from miner.errors import ConfigError, ExitStatus, MinerError, PacsError, Reason, WrongKey, unforeseen
from miner.mining.cohort import opt_out_warning, read_opt_out
from miner.mining.disk import GIB, free_octets, low_space_warning, require_space
from miner.mining.project import crosswalk_of, is_bound, open_catalogue, open_vault, refuse_destroyed
from miner.pacs import PacsProfile, Peer, probe
from miner.pacs.care import Bounds, Pace

PACKAGES = ("pydicom", "pynetdicom", "dicomweb-client", "numpy", "sqlalchemy", "prefect", "python-gdcm")
"""Their versions stand in a report."""

NEEDED = frozenset({"PACS", "folder", "queries", "retrieve", "move port"})
"""Subjects of which a fault means that nothing could be mined: what was found then is no profile to go by."""

ARCHIVES = {"dimse": "PACS", "dicomweb": "PACS", "folder": "folder"}
"""What is looked at, by the way in."""


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

    def judge(self, findings: Iterable[Finding]) -> None:
        """Enter what the PACS was found to do; a fault of it is the PACS's."""
        for entry in findings:
            self.findings.append(entry)
            if entry.state == "fault":
                self.exit_status = self.exit_status or PacsError.exit_status

    @property
    def may_be_mined(self) -> bool:
        """Whether nothing stands in the way of queries and retrievals."""
        return not any(entry.state == "fault" and entry.subject in NEEDED for entry in self.findings)

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

    if report.look("key", lambda: _key(settings, environment)):
        report.look("vault", lambda: _vault(settings, environment))
    catalogue_fine = report.look("catalogue", lambda: _catalogue(settings))
    if settings.selection.opt_out:
        report.look("opt-out list", lambda: f"{len(read_opt_out(settings))} patients are never retrieved.")
        if (words := opt_out_warning(settings)) is not None:
            report.findings.append(Finding("opt-out list", "warning", words))
    if settings.pixels.text_search != OFF:
        report.look("text search", lambda: _text_search(settings))
    if settings.selection.crosswalk:
        report.look("crosswalk", lambda: f"{len(crosswalk_of(settings) or ())} records stand for a named person.")
    if report.look("disk", lambda: _disk(settings)) and (warning := low_space_warning(settings)) is not None:
        report.findings.append(Finding("disk", "warning", warning))
    report.findings.extend(_waits(settings))
    report.look(ARCHIVES[settings.pacs.protocol], lambda: _pacs(settings, report))
    if _may_move(settings, report.profile or PacsProfile()):
        report.look("move port", lambda: _move_port(settings))
        report.findings.extend(_strangers(settings))
    if report.profile is not None:
        report.judge(profile_findings(report.profile, settings.pacs.retrieve))
        report.judge(_contradictions(settings, report.profile))
        # What is kept names the PACS no more than what is attached to a bug report.
        faults = tuple(report.names.hide(fault) for fault in report.profile.faults)
        report.profile = dataclasses.replace(report.profile, faults=faults)
        if catalogue_fine and report.may_be_mined:
            report.look("profile", lambda: _store(settings, report))
    return report


def _text_search(settings: Settings) -> str:
    require_text_search(settings.pixels.text_search)
    return "Key slices and their neighbours are searched for text; what is found waits in quarantine."


def software() -> dict[str, str]:
    """This software's version and those of what it stands on."""
    versions = {"miner": __version__, "python": platform.python_version(), "system": platform.system()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return versions


def _vault(settings: Settings, environment: Mapping[str, str]) -> str:
    key, vault = open_vault(settings, environment)
    with vault:
        surrogates = Surrogates(vault.surrogate_root() or key)
    bound = None
    with suppress(MinerError, OSError), open_catalogue(settings) as catalogue:  # its own faults are told elsewhere
        bound = is_bound(catalogue, surrogates)
    if bound is False:
        raise WrongKey(
            "The vault opens with this key, but the catalogue holds surrogates of another one: look at [storage] "
            "catalogue and vault, one of them is another project's."
        )
    return "The vault opens with this key."


def _key(settings: Settings, environment: Mapping[str, str]) -> str:
    destroyed = None
    with suppress(MinerError, OSError), open_catalogue(settings) as catalogue:
        try:
            refuse_destroyed(catalogue)
        except ConfigError as error:
            destroyed = error
    if destroyed is not None:  # else the words would be those of a key that was lost
        raise destroyed
    read_key(settings.key_file, environment)
    if KEY_VARIABLE in environment:
        return f"The project's key is given in {KEY_VARIABLE}."
    return "The project's key is there and readable by its owner only."


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
    if settings.pacs.protocol == "folder":
        answer = "can be read"
    elif settings.pacs.protocol == "dicomweb":
        answer = "answers" if report.profile.echo else "was reached"
    else:
        answer = "answers C-ECHO" if report.profile.echo else "takes our association, but does not answer C-ECHO"
    if not report.profile.study_level:
        lack = "holds no object of any study" if settings.pacs.protocol == "folder" else "answers no query of ours"
        raise PacsError(f"{peer} {answer}, but {lack}: nothing can be found.", Reason.FIND_FAILED)
    return f"{peer} {answer}."


def _may_move(settings: Settings, profile: PacsProfile) -> bool:
    """Whether a run would fetch by C-MOVE, as far as is known."""
    if settings.pacs.protocol != "dimse" or settings.pacs.retrieve == "get":
        return False
    return settings.pacs.retrieve == "move" or (bool(profile.move_offered) and not profile.get_offered)


def _contradictions(settings: Settings, profile: PacsProfile) -> Iterator[Finding]:
    """Where the configuration insists on a service that is not offered."""
    offered = {"get": profile.get_offered, "move": profile.move_offered}
    chosen = settings.pacs.retrieve
    if offered.get(chosen) is False:
        words = (
            f'[pacs] retrieve is "{chosen}", but C-{chosen.upper()} is not offered for all that is needed: set "auto".'
        )
        yield Finding("retrieve", "warning", words)


def _move_port(settings: Settings) -> str:
    """Listen for a moment, as a C-MOVE does: a port that another program holds is found out before the night."""
    from miner.pacs.dimse.storage import listen_for

    port = settings.pacs.move_port
    try:
        listen_for(Peer.of(settings), 0)
    except PacsError as error:
        raise PacsError(f"{error} A mining run that is under way here listens on it too.", error.reason) from None
    if not port:
        return "Any free port (pacs.move_port is 0) is listened on: few PACS can send to another port each time."
    return f"Port {port} (pacs.move_port) can be listened on, for what a C-MOVE sends."


def _strangers(settings: Settings) -> Iterator[Finding]:
    """Senders that we would not know when they call; entries that are none have been found before."""
    from miner.pacs.dimse.guests import unresolved

    with suppress(ConfigError):
        if count := unresolved(settings.pacs):
            words = f"{count} of the hosts in [pacs] move_from have no address now: what they send would be refused."
            yield Finding("move port", "warning", words)


def _store(settings: Settings, report: Examination) -> str:
    """Take the profile into use, with the limits that earlier runs have found."""
    assert report.profile is not None
    with open_catalogue(settings) as catalogue:
        report.profile = report.profile.with_limits_of(PacsProfile.of(catalogue.profile()))
        catalogue.store_profile(report.profile.as_json())
    return "What was found is stored in the catalogue: runs go by it."


def _waits(settings: Settings) -> Iterator[Finding]:
    """What a run that began now would wait for; the examination does not. The time zone is left out: it says where."""
    pace = Pace(Bounds.of(settings))
    if settings.limits.paused:
        yield Finding("limits", "warning", "[limits] paused is true: a run asks nothing of the PACS until it is false.")
    if (opens := pace.opens) is not None:
        words = f"It is now outside the [hours] of the PACS: a run waits until {opens:%A %Y-%m-%d %H:%M}, local time."
        yield Finding("hours", "warning", words)
