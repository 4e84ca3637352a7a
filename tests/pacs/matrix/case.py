"""One case of the matrix: a PACS with faults, a project, runs until nothing more changes, and the verdict.

The promise under test: after any run, everything that matches is either here and whole, or named with its reason. What
was really given is known to the PACS alone (:attr:`FaultyPacs.delivered`: the peer has confirmed it); everything that
an annotation needs and that was not given must be named, and nothing that was given may be.
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

RUNS = 14
"""Runs after which a case that still changes is given up."""

TITLE = "MINER"
UNFINISHED = ("found", "claimed", "failed")


class Verdict(StrEnum):
    """How a case ended."""

    EQUAL = "equal"
    """The release equals the fault-free one's."""
    NAMED = "named"
    """What lacks is named, and nothing else is."""
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

    def settle(self, kills: int = 0) -> Verdict:
        """Run night after night until nothing more is to be had; the first ``kills`` runs are killed on their way."""
        random = Random(f"kills/{self.faults.seed}")
        verdict = Verdict.LOST
        for night in range(RUNS):
            kill_after = random.uniform(0.05, 1.5) if night < kills else None
            ended = child.mine(self.project, kill_after=kill_after)
            self.runs += 1
            self.kills += ended.how == "killed"
            self._require_no_accident(ended)
            if ended.by_itself:
                verdict = self._judge(ended)
                if self.wrongs or verdict is Verdict.EQUAL or (self.pacs.spent and self._lacks_for_good()):
                    break
            self.log.append(f"{ended.how} {ended.reason} {ended.outcomes}")
            self.pacs.night()
        return Verdict.LOST if self.wrongs else verdict

    def _require_no_accident(self, ended: child.Ended) -> None:
        if ended.how in ("hung", "crashed"):
            self.wrongs.append(f"the run {ended.how}: {ended.words}")

    def _lacks_for_good(self) -> bool:
        return not self.faults.curable(self.settings.pacs.retrieve)

    # ------------------------------------------------------------------------------------------------------ judging

    def _judge(self, ended: child.Ended) -> Verdict:
        with open_catalogue(self.settings) as catalogue:
            status = catalogue.status()
        named = Named.of(status)
        settled = not named.items and not any(state in UNFINISHED for state in status.studies)
        if settled and not self.pacs.waiting and ended.how == "done":
            if self._release() == self.reference:
                return Verdict.EQUAL
            if not ended.warnings:
                self.wrongs.append("the release differs from the fault-free one's, and nothing is named")
            return Verdict.LOST
        self._require_named(named, ended, status)
        return Verdict.NAMED

    def _require_named(self, named: Named, ended: child.Ended, status: Status) -> None:
        """Everything that lacks is named; where a run ended with an error, its words name what was not looked at."""
        surrogates, held, given = self._surrogates(), self.pacs.held, self.pacs.delivered
        for annotation in self.archive.annotations:
            for level, uid in lacking(annotation, held, given):
                if ended.how == "error" and annotation.study_uid not in self._seen(status, surrogates):
                    continue
                if not named.covers(annotation, uid, self.archive.series_of[uid], surrogates):
                    self.wrongs.append(f"{level} of study {annotation.study_uid[-6:]} lacks and is not named: {uid}")
        if self.pacs.spent and ended.how == "done":
            known = {surrogates.instance(uid): uid for uid in self.archive.series_of}
            for key in named.objects & known.keys():
                if known[key] in given:
                    self.wrongs.append(f"named as missing, but it was given: {known[key]}")

    def _seen(self, status: Status, surrogates: Surrogates) -> set[str]:
        with open_catalogue(self.settings) as catalogue:
            return {
                entry.study_uid
                for entry in self.archive.annotations
                if catalogue.work(surrogates.study(entry.study_uid)) is not None
            }

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
    """What the PACS holds, this annotation needs, and was never given; only of an annotation that came its slices."""
    if annotation.sop_uid not in held:
        return
    if annotation.sop_uid not in given:
        yield "an annotation", annotation.sop_uid
        return
    for uid in sorted(annotation.slices & held - given):
        yield "a slice", uid


def release_of(settings: Settings, out: Path) -> dict[str, bytes]:
    """A release's files, as far as equal releases share them."""
    with open_catalogue(settings) as catalogue:
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
        """One case in a folder of its own."""
        project = folder / "project"
        shutil.copytree(self.folder / "template", project)
        port = free_port()
        objects = folder / "pacs"
        shutil.copytree(self.archive.folder, objects, copy_function=_linked)
        with FaultyPacs(objects, faults.build(), destinations={TITLE: ("127.0.0.1", port)}) as pacs:
            settings = configured(project, pacs, retrieve, port)
            yield Case(self.archive, pacs, faults, settings, self.reference, project)


def _linked(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def template(folder: Path) -> None:
    """`miner init` once; copies of it are mined."""
    new_project(folder, storage={"warn_free_gib": 0.0, "stop_free_gib": 0.0})


def configured(project: Path, pacs: FaultyPacs, retrieve: str, port: int) -> Settings:
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
