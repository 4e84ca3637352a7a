"""One mining run: discover, claim, mine, commit a study at a time; killable at any point."""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from miner import __version__
from miner.catalogue import RunInfo
from miner.config import Settings
from miner.dataset import ReleaseRules, rules_digest
from miner.deid import PROFILE
from miner.deid.text_search import require_text_search
from miner.errors import (
    DatabaseError,
    MinerError,
    PacsError,
    Reason,
    RefusedError,
    StoppedError,
    StorageError,
)
from miner.mining.books import StudyBooks
from miner.mining.cohort import Request, is_opted_out, opt_out_warning, read_opt_out, window_of
from miner.mining.connections import Connections
from miner.mining.crew import Crew, beside
from miner.mining.discovery import Discovery
from miner.mining.disk import empty_spool, low_space_warning, require_space
from miner.mining.following import following
from miner.mining.heartbeat import heartbeat
from miner.mining.project import Project, open_project
from miner.mining.refiling import follow_who_is_who
from miner.mining.report import ENOUGH, Breaker, RunReport, StudyOutcome
from miner.mining.spool import concerns_all, study_spool
from miner.mining.study import mine_study
from miner.mining.sweep import sweep_after_crash
from miner.mining.withdrawal import Withdrawn, discard_pictures, finish_withdrawals, is_withdrawn
from miner.pacs import PacsProfile, Peer, connect
from miner.pacs.care import Bounds, Pace
from miner.pacs.interface import Pacs
from miner.records import MinedStudy, PatientRef, StudyRef, Traffic, WorkState

__all__ = ["MiningRun", "RunReport", "StudyOutcome", "open_run", "run_in_process"]

log = logging.getLogger(__name__)

DONE_STATES = (WorkState.MINED, WorkState.REFUSED)

SUSPECTED = (
    "Text is suspected in the pixels of one series or more, or the search for it failed: `miner quarantine list` names "
    "them. No release holds anything new of them until somebody has looked."
)


class MiningRun:
    """A run that holds the catalogue's lease, made by :func:`open_run`; several threads may call :meth:`mine`."""

    def __init__(self, project: Project, request: Request, peer: Peer, open_pacs: Callable[[], Pacs]) -> None:
        self.project = project
        self.request = request
        self.peer = peer
        self.report = RunReport(0)
        self._connections = Connections(open_pacs, peer.pace)
        self._lock = threading.Lock()
        self._breaker = Breaker()
        self._opted_out = read_opt_out(project.settings)

    @property
    def number(self) -> int:
        """The run's number in the catalogue."""
        return self.report.run

    @property
    def pace(self) -> Pace:
        """How fast the PACS is asked in this run; its halt stops the run."""
        return self.peer.pace

    @property
    def width(self) -> int:
        """How many studies are mined at a time now: one for each association that the PACS is to see."""
        return max(1, self.pace.associations)

    @property
    def ended_early(self) -> bool:
        """Whether no further study is to be begun: the PACS failed too many in a row."""
        return self.report.ended_early is not None

    def warn(self, words: str) -> None:
        """Say something in log and report, once."""
        with self._lock:
            new = self.report.warn(words)
        if new:
            log.warning("%s", words)

    def discover(self) -> list[str]:
        """Ask the PACS, enter what it has into the catalogue, and return the keys of the studies to look at.

        See :class:`Discovery`: what of the window was not answered is in the report, and the watermark before it.
        """
        discovery = Discovery(self.project, self.request, self.number)
        try:
            with self.connection() as pacs:
                discovery.ask(pacs)
        finally:
            self.report.found, self.report.unanswered = len(discovery.found), discovery.unanswered
            self.report.nameless = len(discovery.nameless)
            self.report.passed_over = len(discovery.passed_over)
            self.report.warnings.extend(discovery.notes)
        if note := follow_who_is_who(self.project, self.number, self._opted_out):
            self.warn(note)
        return discovery.chosen()

    def mine(self, study_key: str) -> StudyOutcome:
        """Mine and commit one study. Raises only what ends the run: PACS, disk or database gone, stopped.

        Nothing is begun while the PACS may not be asked.
        """
        self.pace.before_request()
        before = self.project.catalogue.work(study_key)
        if not self.project.catalogue.claim(self.number, study_key):
            return self._note(StudyOutcome(study_key, "elsewhere"))
        known = before.annotations_digest if before is not None and before.state in DONE_STATES else ""
        try:
            return self._note(self._mine_claimed(study_key, known))
        except DatabaseError:
            raise
        except StoppedError:
            self.project.catalogue.release_claim(self.number, study_key)
            raise
        except MinerError as error:
            self.project.catalogue.fail_study(self.number, study_key, error.reason)
            by_pacs = isinstance(error, PacsError)
            outcome = self._note(StudyOutcome(study_key, WorkState.FAILED, error.reason, by_pacs=by_pacs))
            if _ends_the_run(error):
                raise
            log.warning("A study failed: %s", error)
            return outcome
        except Exception as error:  # a fault of ours must not lose the other studies
            _log_fault(error)
            self.project.catalogue.fail_study(self.number, study_key, Reason.INTERNAL)
            return self._note(StudyOutcome(study_key, WorkState.FAILED, Reason.INTERNAL))
        except BaseException:
            self.project.catalogue.release_claim(self.number, study_key)
            raise

    def rest(self) -> None:
        """End the associations that are idle."""
        self._connections.close()

    def close(self) -> None:
        """End the associations that are idle, and enter what all have brought to light beside studies."""
        self.rest()
        for note in self._connections.notes:
            self.warn(note)
        self.report.unseen = self._connections.unseen
        self.report.refused_at_door = self.peer.visitors.counts()
        if self.report.refused_at_door:
            listed = ", ".join(f"{count} {kind}" for kind, count in self.report.refused_at_door.items())
            self.warn(f"Refused at our port for C-MOVE: {listed}.")
        if self._connections.learned:
            self._keep_profile(self._connections.learned)

    def _keep_profile(self, learned: Mapping[str, object]) -> None:
        """What was found out by use spares the next run the way there."""
        catalogue = self.project.catalogue
        known = catalogue.profile()
        profile = PacsProfile.of(known).with_learned(learned)
        if profile != PacsProfile.of(known):
            catalogue.store_profile(profile.as_json())

    def _mine_claimed(self, study_key: str, known: str) -> StudyOutcome:
        project = self.project
        require_space(project.settings)
        study = self._study(study_key)
        if is_opted_out(study, self._opted_out, project.surrogates):
            return self._commit(_refused(study, project, Reason.OPTED_OUT), None)
        if (tombstone := Withdrawn.of(project).patient_of(study)) is not None:
            return self._withdraw(study_key, tombstone)
        with self.connection() as pacs, study_spool(pacs, project.settings.spool, self.pace.halt) as spool:
            books = mine_study(study, project, spool, run=self.number, barred=self._barred, known_digest=known)
            if books is None:
                project.catalogue.release_claim(self.number, study_key)
                return StudyOutcome(study_key, "unchanged")
            mined = books.close()
            try:
                return self._commit(mined, books)
            except RefusedError:
                discard_pictures(project, mined)
                if mined.patient_key in Withdrawn.of(project).patient_keys:
                    return self._withdraw(study_key, mined.patient_key)
                return self._commit(_refused(study, project, Reason.WITHDRAWN), None)

    def _barred(self, images: StudyRef) -> Reason | None:
        """Why nothing may be fetched of a study that annotations of another one refer to."""
        if is_opted_out(images, self._opted_out, self.project.surrogates):
            return Reason.OPTED_OUT
        return Reason.WITHDRAWN if is_withdrawn(self.project, images) else None

    def _withdraw(self, study_key: str, patient_key: str) -> StudyOutcome:
        """Settle a study that turns out to be a withdrawn patient's; what earlier runs got of it goes."""
        self.project.catalogue.withdraw(patient_key, [study_key], self.number)
        finish_withdrawals(self.project, self.number)
        self.project.catalogue.release_claim(self.number, study_key)
        return StudyOutcome(study_key, WorkState.REFUSED, Reason.WITHDRAWN)

    def _commit(self, mined: MinedStudy, books: StudyBooks | None) -> StudyOutcome:
        self.project.catalogue.require_none_withdrawn(mined)
        if books is not None:
            self.project.vault.remember(books.identities.values())
        self.project.catalogue.commit_study(self.number, mined)
        if any(entry.suspicious for series in mined.series for entry in series.searched):
            self.warn(SUSPECTED)
        return StudyOutcome(mined.study_key, mined.state, mined.reason, len(mined.bookmarks), mined.traffic.octets)

    def _study(self, study_key: str) -> StudyRef:
        identity = self.project.vault.resolve("study", study_key)
        if identity is None:
            raise MinerError("The vault does not know a study that the catalogue has: restore both from one backup.")
        value = identity.value
        patient = PatientRef(value["patient_id"], value["issuer"])
        return StudyRef(value["study_uid"], patient, value["study_date"], value["study_time"], value["accession"])

    def connection(self) -> AbstractContextManager[Pacs]:
        """A connection of this thread's own while it is used; kept open for the next study."""
        return self._connections.lent()

    def _note(self, outcome: StudyOutcome) -> StudyOutcome:
        with self._lock:
            self.report.add(outcome)
            enough = self._breaker.add(outcome)
        if enough:
            self.report.ended_early = outcome.reason
            self.warn(
                f"{self.peer} failed {ENOUGH} studies in a row ({outcome.reason}): the run ends, so that it is left "
                "alone. What was not looked at stays pending for the next run; `miner doctor` says what it does."
            )
        return outcome


@contextmanager
def open_run(
    settings: Settings,
    request: Request,
    *,
    open_pacs: Callable[[], Pacs] | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> Iterator[MiningRun]:
    """Take the catalogue's lease and hand out the run; on leaving, the run row says how it ended.

    While inside, [limits] and [hours] are followed as config.toml changes; ``say`` gets what is waited for.

    Raises:
        UsageError: a first run that names no start.
        ConfigError: a search for text is asked for whose package is not installed.
        DatabaseError: another run is under way (reason ``catalogue-busy``), or a database cannot be used.
        StorageError: too little space.
    """
    with open_project(settings) as project, warnings.catch_warnings():
        # Warnings of DICOM libraries echo header values; none may reach a terminal, a log file or Prefect.
        warnings.simplefilter("ignore")
        require_space(settings)
        require_text_search(settings.pixels.text_search)
        window_of(request, project.catalogue.watermark(), settings.selection.look_back_days)
        peer = Peer.of(settings, Pace(Bounds.of(settings)))
        opening = _Opening(peer, project.catalogue.profile(), settings.limits.attempts)
        run = MiningRun(project, request, peer, open_pacs or opening)
        run.report.run = project.catalogue.begin_run(_run_info(settings))

        def change(new: Settings) -> None:
            opening.attempts = new.limits.attempts
            run.rest()

        outcome = str(Reason.INTERNAL)
        try:
            with (
                heartbeat(project.catalogue, run.number, lost=run.pace.halt.throw),
                _own_spool(settings),
                following(settings, run.pace, say=say, warn=run.warn, rest=run.rest, change=change),
            ):
                sweep_after_crash(project.catalogue, project.images)
                finish_withdrawals(project, run.number)
                for warning in (low_space_warning(settings), opt_out_warning(settings)):
                    if warning is not None:
                        run.warn(warning)
                yield run
            outcome = str(run.report.ended_early or "done")
        except MinerError as error:
            outcome = str(error.reason)
            raise
        except Exception:
            raise
        except BaseException:  # Ctrl-C, SIGTERM, or Prefect's cancellation
            run.pace.halt.throw()
            outcome = str(Reason.INTERRUPTED)
            raise
        finally:
            with contextlib.suppress(MinerError):
                run.close()
            run.pace.halt.throw()  # whatever is open at the PACS by now was left behind
            project.catalogue.end_run(run.number, outcome, run.report.counts)


@dataclass
class _Opening:
    """Opens connections, each with the settings as they are by then."""

    peer: Peer
    profile: Mapping[str, object] | None
    attempts: int

    def __call__(self) -> Pacs:
        return connect(self.peer, profile=self.profile, attempts=self.attempts)


def run_in_process(run: MiningRun, progress: Callable[[int, int], None] = lambda done, total: None) -> RunReport:
    """Discover and mine in this process, as many studies at a time as the PACS is to see associations."""
    halt = run.pace.halt
    keys = beside(run.discover, halt)
    crew = Crew(keys, run.mine, halt=halt, width=lambda: run.width, enough=lambda: run.ended_early)
    crew.run(lambda done: progress(done, len(keys)))
    return run.report


@contextmanager
def _own_spool(settings: Settings) -> Iterator[None]:
    """An empty spool while the run lasts, emptied again at its end."""
    empty_spool(settings.spool)
    try:
        yield
    finally:
        empty_spool(settings.spool)


def _ends_the_run(error: MinerError) -> bool:
    """Whether every other study would fail alike: nobody there, not let in, not known as a destination, no disk."""
    return isinstance(error, StorageError) or (isinstance(error, PacsError) and concerns_all(error))


def _run_info(settings: Settings) -> RunInfo:
    return RunInfo(
        version=__version__,
        config_digest=settings.digest(),
        rules_digest=rules_digest(ReleaseRules.of(settings)),
        deid_profile=";".join(entry.code for entry in PROFILE),
    )


def _refused(study: StudyRef, project: Project, reason: Reason) -> MinedStudy:
    """A study that nothing is kept of: its patient is on the opt-out list, or was withdrawn."""
    surrogates = project.surrogates
    return MinedStudy(
        study_key=surrogates.study(study.study_uid),
        patient_key=surrogates.patient(study.patient, study.study_uid),
        state=WorkState.REFUSED,
        reason=reason,
        annotations_digest="",
        objects=(),
        studies=(),
        series=(),
        bookmarks=(),
        refused=(),
        traffic=Traffic(),
    )


def _log_fault(error: Exception) -> None:
    """Where a fault of ours happened: files, lines and the type. Never the message: it may carry a header value."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-8:]))
    log.error("A study failed by a fault of this software: %s at %s", type(error).__name__, where)
