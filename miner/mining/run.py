"""One mining run: discover, claim, mine, commit a study at a time; killable at any point."""

from __future__ import annotations

import logging
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from miner import __version__
from miner.catalogue import RunInfo
from miner.config import Settings
from miner.dataset import ReleaseRules, rules_digest
from miner.deid import PROFILE
from miner.errors import (
    AssociationRefused,
    DatabaseError,
    ExitStatus,
    MinerError,
    PacsUnreachable,
    Reason,
    StorageError,
)
from miner.mining.books import StudyBooks
from miner.mining.cohort import Request, read_opt_out, window_of
from miner.mining.discovery import DONE_STATES, Discovery
from miner.mining.disk import empty_spool, low_space_warning, require_space
from miner.mining.project import Project, open_project
from miner.mining.spool import study_spool
from miner.mining.study import mine_study
from miner.mining.sweep import sweep_after_crash
from miner.pacs import Peer, connect
from miner.pacs.interface import Pacs
from miner.records import MinedStudy, PatientRef, StudyRef, Traffic, WorkState

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """What became of one study in this run: a work state, ``unchanged``, or ``elsewhere`` (another process has it)."""

    study_key: str
    outcome: str
    reason: Reason | None = None
    bookmarks: int = 0
    octets: int = 0


@dataclass
class RunReport:
    """What one run did. ``outcomes`` counts studies; every study that was looked at is in exactly one."""

    run: int
    found: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    bookmarks: int = 0
    octets: int = 0
    warnings: list[str] = field(default_factory=list)
    unanswered: int = 0
    """parts of the window that the PACS gave no complete answer for; ``warnings`` say which"""

    def add(self, outcome: StudyOutcome) -> None:
        """Enter one study."""
        self.outcomes[outcome.outcome] += 1
        if outcome.reason is not None:
            self.reasons[f"{outcome.outcome}: {outcome.reason}"] += 1
        self.bookmarks += outcome.bookmarks
        self.octets += outcome.octets

    @property
    def exit_status(self) -> ExitStatus:
        """DONE, or INCOMPLETE where something expected did not come. What the PACS says it has not is no such thing."""
        absent = self.reasons[f"{WorkState.PARTIAL}: {Reason.IMAGE_NOT_FOUND}"]
        lacking = self.outcomes[WorkState.FAILED] + self.outcomes[WorkState.PARTIAL] - absent
        return ExitStatus.INCOMPLETE if lacking or self.unanswered else ExitStatus.DONE


class MiningRun:
    """A run that holds the catalogue's lease, made by :func:`open_run`; several threads may call :meth:`mine`."""

    def __init__(self, project: Project, request: Request, open_pacs: Callable[[], Pacs]) -> None:
        self.project = project
        self.request = request
        self.report = RunReport(0)
        self._open_pacs = open_pacs
        self._idle: list[Pacs] = []
        self._lock = threading.Lock()
        self._opted_out = read_opt_out(project.settings)

    @property
    def number(self) -> int:
        """The run's number in the catalogue."""
        return self.report.run

    def warn_of_low_space(self) -> None:
        """Say, in log and report, that little space is left."""
        if (warning := low_space_warning(self.project.settings)) is not None:
            self.report.warnings.append(warning)
            log.warning(warning)

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
            self.report.warnings.extend(discovery.notes)
        return discovery.chosen()

    def mine(self, study_key: str) -> StudyOutcome:
        """Mine and commit one study. Raises only what ends the run: PACS, disk or database gone, interrupted."""
        before = self.project.catalogue.work(study_key)
        if not self.project.catalogue.claim(self.number, study_key):
            return self._note(StudyOutcome(study_key, "elsewhere"))
        known = before.annotations_digest if before is not None and before.state in DONE_STATES else ""
        try:
            return self._note(self._mine_claimed(study_key, known))
        except DatabaseError:
            raise
        except MinerError as error:
            self.project.catalogue.fail_study(self.number, study_key, error.reason)
            outcome = self._note(StudyOutcome(study_key, WorkState.FAILED, error.reason))
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

    def close(self) -> None:
        """Close idle connections to the PACS."""
        while self._idle:
            self._idle.pop().close()

    def _mine_claimed(self, study_key: str, known: str) -> StudyOutcome:
        project = self.project
        require_space(project.settings)
        study = self._study(study_key)
        if study.patient.patient_id in self._opted_out:
            return self._commit(_opted_out(study, project), None)
        with self.connection() as pacs, study_spool(pacs, project.settings.spool) as spool:
            books = mine_study(study, project, spool, run=self.number, known_digest=known)
            if books is None:
                project.catalogue.release_claim(self.number, study_key)
                return StudyOutcome(study_key, "unchanged")
            return self._commit(books.close(), books)

    def _commit(self, mined: MinedStudy, books: StudyBooks | None) -> StudyOutcome:
        if books is not None:
            self.project.vault.remember(books.identities.values())
        self.project.catalogue.commit_study(self.number, mined)
        return StudyOutcome(mined.study_key, mined.state, mined.reason, len(mined.bookmarks), mined.traffic.octets)

    def _study(self, study_key: str) -> StudyRef:
        identity = self.project.vault.resolve("study", study_key)
        if identity is None:
            raise MinerError("The vault does not know a study that the catalogue has: restore both from one backup.")
        value = identity.value
        patient = PatientRef(value["patient_id"], value["issuer"])
        return StudyRef(value["study_uid"], patient, value["study_date"], value["study_time"], value["accession"])

    @contextmanager
    def connection(self) -> Iterator[Pacs]:
        """A connection of this thread's own while it is used; kept open for the next study."""
        with self._lock:
            pacs = self._idle.pop() if self._idle else None
        pacs = pacs or self._open_pacs()
        try:
            yield pacs
        except BaseException:
            pacs.close()
            raise
        with self._lock:
            self._idle.append(pacs)

    def _note(self, outcome: StudyOutcome) -> StudyOutcome:
        with self._lock:
            self.report.add(outcome)
        return outcome


@contextmanager
def open_run(
    settings: Settings, request: Request, *, open_pacs: Callable[[], Pacs] | None = None
) -> Iterator[MiningRun]:
    """Take the catalogue's lease and hand out the run; on leaving, the run row says how it ended.

    Raises:
        UsageError: a first run that names no start.
        DatabaseError: another run is under way (reason ``catalogue-busy``), or a database cannot be used.
        StorageError: too little space.
    """
    with open_project(settings) as project, warnings.catch_warnings():
        # Warnings of DICOM libraries echo header values; none may reach a terminal, a log file or Prefect.
        warnings.simplefilter("ignore")
        require_space(settings)
        window_of(request, project.catalogue.watermark(), settings.selection.look_back_days)
        profile = project.catalogue.profile()
        run = MiningRun(
            project,
            request,
            open_pacs or (lambda: connect(Peer.of(settings), profile=profile, attempts=settings.limits.attempts)),
        )
        run.report.run = project.catalogue.begin_run(_run_info(settings))
        outcome = str(Reason.INTERNAL)
        try:
            with _heartbeat(project, run.number), _own_spool(settings):
                sweep_after_crash(project.catalogue, project.images)
                run.warn_of_low_space()
                yield run
            outcome = "done"
        except KeyboardInterrupt:
            outcome = str(Reason.INTERRUPTED)
            raise
        except MinerError as error:
            outcome = str(error.reason)
            raise
        finally:
            run.close()
            project.catalogue.end_run(run.number, outcome, {**run.report.outcomes, "found": run.report.found})


def run_in_process(run: MiningRun, progress: Callable[[int, int], None] = lambda done, total: None) -> RunReport:
    """Discover and mine in this process, as many studies at a time as the PACS is to see associations."""
    keys = run.discover()
    width = run.project.settings.limits.associations
    with ThreadPoolExecutor(width, thread_name_prefix="mining") as pool:
        # One at a time is mined in this thread, where Ctrl-C takes effect at once.
        each: Callable[..., Iterable[StudyOutcome]] = map if width == 1 else pool.map
        for start in range(0, len(keys), width):
            progress(start, len(keys))
            for _ in each(run.mine, keys[start : start + width]):
                pass  # the first error that ends the run ends it here: no study is begun after it
    progress(len(keys), len(keys))
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
    gone = isinstance(error, PacsUnreachable | AssociationRefused | StorageError)
    return gone or error.reason is Reason.MOVE_DESTINATION_UNKNOWN


def _run_info(settings: Settings) -> RunInfo:
    return RunInfo(
        version=__version__,
        config_digest=settings.digest(),
        rules_digest=rules_digest(ReleaseRules.of(settings)),
        deid_profile=";".join(entry.code for entry in PROFILE),
    )


def _opted_out(study: StudyRef, project: Project) -> MinedStudy:
    """A study that nothing was retrieved of, since its patient is on the opt-out list."""
    surrogates = project.surrogates
    return MinedStudy(
        study_key=surrogates.study(study.study_uid),
        patient_key=surrogates.patient(study.patient, study.study_uid),
        state=WorkState.REFUSED,
        reason=Reason.OPTED_OUT,
        annotations_digest="",
        objects=(),
        studies=(),
        series=(),
        bookmarks=(),
        refused=(),
        traffic=Traffic(),
    )


@contextmanager
def _heartbeat(project: Project, run: int) -> Iterator[None]:
    """Say every few seconds that this run is alive, so that another host does not take it over."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                project.catalogue.heartbeat(run)
            except MinerError:
                log.warning("The catalogue did not take a heartbeat.")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _log_fault(error: Exception) -> None:
    """Where a fault of ours happened: files, lines and the type. Never the message: it may carry a header value."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-8:]))
    log.error("A study failed by a fault of this software: %s at %s", type(error).__name__, where)
