"""One case of the matrix: a PACS with faults, a project, runs until nothing more changes, and the verdict.

The promise under test: after any run, everything that matches is either here and whole, or named with its reason. What
was really given is known to the PACS alone. Everything that an annotation needs and that it never began to send
(:attr:`FaultyPacs.begun`) must be named; in the end, nothing may be named of which the peer has said that it has it
(:attr:`FaultyPacs.delivered`). What lies between is judged by the release.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

from miner.catalogue import Status
from miner.config import Settings, load
from miner.dataset import ReleaseRules, write_release
from miner.deid import Surrogates, read_key
from miner.mining.project import open_catalogue
from tests.hospital import new_project
from tests.hospital.project import NOW, release_files
from tests.pacs.matrix import child
from tests.pacs.matrix.archive import CONTEXT, Annotation, Archive
from tests.peers.faults import Faults, FaultyPacs
from tests.peers.network import free_port

RUNS = 16
"""Runs after which a case that still changes is given up."""

COMBINATIONS = 40
"""Seeds that every test run goes through."""

WAYS = ("auto", "get", "move")
"""Of retrieval, by seed."""

LATEST_KILL = 3.0
"""Seconds after its start at which a run is killed at the latest; many have ended by then."""

MOST_ASSOCIATIONS = 3
"""Associations that a case's project may open at once, by seed."""

STILL = 3
"""Runs in a row that name the same: then nothing more is to be had."""

TITLE = "MINER"
WAITING = ("found", "claimed")
UNFINISHED = (*WAITING, "failed")


class Verdict(StrEnum):
    """How a case ended."""

    EQUAL = "equal"
    """The release equals the fault-free one's."""
    NAMED = "named"
    """What lacks is named, and nothing else is."""
    WARNED = "warned"
    """Something lacks that could not be seen, and the run has warned of just that."""
    LOST = "lost"
    """Something lacks that nobody names, or is named though it was given."""


@dataclass
class Case:
    """A project that mines one faulty PACS. ``wrongs``: every breach of the promise so far, in words."""

    archive: Archive
    pacs: FaultyPacs
    faults: Faults
    settings: Settings
    reference: dict[str, bytes]
    project: Path
    runs: int = 0
    kills: int = 0
    wrongs: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    _names: list[Named] = field(default_factory=list)
    _waiting: int = 0
    _held: frozenset[str] = frozenset()
    _named_in_vain: list[str] = field(default_factory=list)

    def settle(self, kills: int = 0) -> Verdict:
        """Run night after night until nothing more is to be had; the first ``kills`` runs are killed on their way."""
        random = Random(f"kills/{self.faults.seed}")
        self._held = self.pacs.held
        verdict = Verdict.LOST
        for night in range(RUNS):
            kill_after = random.uniform(0.05, LATEST_KILL) if night < kills else None
            ended = child.mine(self.project, kill_after=kill_after)
            self.runs += 1
            self.kills += ended.how == "killed"
            said = " ".join((ended.words, *ended.warnings))
            outcomes = {str(outcome): count for outcome, count in ended.outcomes.items()}
            self.log.append(f"{ended.how} {ended.reason} {outcomes} {said}")
            self._require_no_accident(ended)
            if ended.by_itself:
                verdict = self._judge(ended)
                if self.wrongs or verdict is Verdict.EQUAL or (verdict is not Verdict.LOST and self._is_over()):
                    break
            self.pacs.night()
        if verdict is Verdict.NAMED:
            self.wrongs += [f"named as missing, but it was given: {uid}" for uid in self._named_in_vain]
        return Verdict.LOST if self.wrongs else verdict

    def _require_no_accident(self, ended: child.Ended) -> None:
        if ended.how in ("hung", "crashed"):
            self.wrongs.append(f"the run {ended.how}: {ended.words}")

    def _is_over(self) -> bool:
        """Whether no further run can bring more: nothing waits, and what lacks is never given.

        Trouble that is left may wait for a request that is never made, so it is enough that nothing changes.
        """
        if self._waiting or self._named_in_vain or self.faults.curable(self.settings.pacs.retrieve):
            return False
        return self.pacs.spent or (len(self._names) >= STILL and len(set(self._names[-STILL:])) == 1)

    # ------------------------------------------------------------------------------------------------------ judging

    def _judge(self, ended: child.Ended) -> Verdict:
        """What this run has left, against what it says."""
        with open_catalogue(self.settings) as catalogue:
            status = catalogue.status()
            works = {uid: catalogue.work(key) for uid, key in self._study_keys().items()}
        states = {uid: work.state.value for uid, work in works.items() if work is not None}
        named = Named.of(status)
        self._names.append(named)
        self._named_in_vain = []
        self._waiting = sum(state in WAITING for state in states.values())
        settled = not named.items and not any(state in UNFINISHED for state in status.studies)
        if settled and not self.pacs.waiting and ended.how == "done":
            return self._judge_whole(ended)
        self._require_named(named, ended, states)
        return Verdict.NAMED

    def _judge_whole(self, ended: child.Ended) -> Verdict:
        """The catalogue says that nothing lacks: then it is so, or the run has said what it could not find out."""
        if self._release() == self.reference:
            return Verdict.EQUAL
        if ended.warnings:
            return Verdict.WARNED
        self.wrongs.append("the release differs from the fault-free one's, and nothing is named")
        return Verdict.LOST

    def _require_named(self, named: Named, ended: child.Ended, states: dict[str, str]) -> None:
        """Everything that lacks is named, is still waiting, or was not looked for, as the run says in words."""
        surrogates, held = self._surrogates(), self.pacs.held
        known = {surrogates.instance(uid): uid for uid in self.archive.series_of}
        # What one study had to do without, another may have been given.
        given = self.pacs.begun - {known[key] for key in named.objects & known.keys()}
        if ended.how == "done":
            self._held = held
        # Else what has come to the archive since the last run need not have been looked for.
        said = ended.how == "error" or bool(ended.warnings)
        for annotation in self.archive.annotations:
            state = states.get(annotation.study_uid, "")
            if state in WAITING or (not state and said):
                continue
            for what, uid in lacking(annotation, self._held, given):
                if not named.covers(annotation, uid, self.archive.series_of[uid], surrogates):
                    self.wrongs.append(f"{what} of study {annotation.study_uid[-6:]} lacks and is not named: {uid}")
        self._named_in_vain = sorted(
            known[key] for key in named.objects & known.keys() if known[key] in self.pacs.delivered & held
        )

    def _study_keys(self) -> dict[str, str]:
        surrogates = self._surrogates()
        return {entry.study_uid: surrogates.study(entry.study_uid) for entry in self.archive.annotations}

    def _surrogates(self) -> Surrogates:
        return Surrogates(read_key(self.settings.key_file, {}))

    def _release(self) -> dict[str, bytes]:
        out = self.project / "release"
        shutil.rmtree(out, ignore_errors=True)
        return release_of(self.settings, out)


@dataclass(frozen=True, slots=True)
class Named:
    """What a catalogue's status names as missing, by surrogate and level; ``items``: how many."""

    items: int
    studies: frozenset[str]
    series: frozenset[str]
    objects: frozenset[str]

    @classmethod
    def of(cls, status: Status) -> Named:
        def keys(level: str) -> frozenset[str]:
            return frozenset(str(entry["key"]) for entry in status.missing if entry["level"] == level)

        assert all(entry["reason"] for entry in status.missing), "each with a reason"
        return cls(len(status.missing), keys("study"), keys("series"), keys("object"))

    def covers(self, annotation: Annotation, uid: str, series_uid: str, surrogates: Surrogates) -> bool:
        """Whether an object that this annotation needs is named: itself, its series, or the annotation's study."""
        return (
            surrogates.instance(uid) in self.objects
            or surrogates.series(series_uid) in self.series
            or surrogates.study(annotation.study_uid) in self.studies
        )


def lacking(annotation: Annotation, held: frozenset[str], given: set[str]) -> Iterator[tuple[str, str]]:
    """What the PACS holds, this annotation needs, and was never given.

    Of an annotation that has not come nothing else can be known; the slices around a key slice are asked for once the
    key slice is there.
    """
    if annotation.sop_uid not in held:
        return
    if annotation.sop_uid not in given:
        yield "an annotation", annotation.sop_uid
        return
    for key, slices in annotation.marked.items():
        if key in held - given:
            yield "a key slice", key
        elif key in held:
            yield from (("a slice", uid) for uid in sorted(slices & held - given))


def release_of(settings: Settings, out: Path) -> dict[str, bytes]:
    """A release's files, as far as equal releases share them; none where there is nothing to release."""
    with open_catalogue(settings) as catalogue:
        if not catalogue.status().bookmarks:
            return {}
        write_release(catalogue, images=settings.images, out=out, settings=ReleaseRules.of(settings), now=NOW)
    return release_files(out)


@dataclass(frozen=True)
class Bench:
    """What all cases share: the archive, a project to copy, and the release of a run without faults."""

    folder: Path
    archive: Archive
    reference: dict[str, bytes]

    @contextmanager
    def case(self, faults: Faults, folder: Path, retrieve: str = "auto") -> Iterator[Case]:
        """One case in a folder of its own. With one association or several, by seed."""
        project = folder / "project"
        shutil.copytree(self.folder / "template", project)
        port = free_port()
        objects = folder / "pacs"
        shutil.copytree(self.archive.folder, objects, copy_function=_linked)
        with FaultyPacs(objects, faults.build(), destinations={TITLE: ("127.0.0.1", port)}) as pacs:
            associations = 1 + faults.seed % MOST_ASSOCIATIONS
            settings = configured(project, pacs, retrieve, port, associations=associations)
            yield Case(self.archive, pacs, faults, settings, self.reference, project)


def check(bench: Bench, faults: Faults, folder: Path, retrieve: str) -> None:
    """One case as a test: no breach of the promise, and an equal release wherever everything can be had."""
    with bench.case(faults, folder, retrieve) as case:
        verdict = case.settle()
    assert case.wrongs == [], f"{faults} by {retrieve}: {case.wrongs} {case.log}"
    if faults.curable(retrieve):
        assert verdict is Verdict.EQUAL, f"{faults} by {retrieve} can be cured: {case.log}"


def _linked(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def template(folder: Path) -> None:
    """`miner init` once; copies of it are mined."""
    new_project(folder, storage={"warn_free_gib": 0.0, "stop_free_gib": 0.0})


def configured(project: Path, pacs: FaultyPacs, retrieve: str, port: int, *, associations: int = 1) -> Settings:
    """The project set to mine this PACS, with deadlines of fractions of a second."""
    config = project / "config.toml"
    config.write_text(
        f"""
[storage]
warn_free_gib = 0.0
stop_free_gib = 0.0
[selection]
context_mm = {CONTEXT}
[limits]
attempts = 2
associations = {associations}
[pacs]
host = "{pacs.host}"
port = {pacs.port}
ae_title = "{pacs.ae_title}"
calling_ae_title = "{TITLE}"
retrieve = "{retrieve}"
move_port = {port}
connect_seconds = 3.0
silence_seconds = 0.6
request_seconds = 2.0
""",
        encoding="utf-8",
    )
    return load(config, {})
