"""The miner as a process of its own that can be killed: forked from a warm one, so that a run costs little to start."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from miner.config import load
from miner.errors import MinerError
from miner.mining.cohort import Request
from miner.mining.project import open_catalogue
from miner.mining.run import open_run, run_in_process
from miner.pacs import retry

LONGEST = 120.0
"""Seconds that no run of the matrix takes: what does is a run that hangs."""

WINDOW = 10
"""Days that the first run looks back; later ones go on from the watermark."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run ended: by itself, with an error (its reason and sentence), killed, or not at all."""

    how: str
    outcomes: dict[str, int]
    reason: str = ""
    words: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def by_itself(self) -> bool:
        """True where the run could say what it had to say."""
        return self.how in ("done", "error")


def mine(project: Path, *, kill_after: float | None = None) -> Ended:
    """One run in a process of its own; with ``kill_after``, SIGKILL after so many seconds."""
    ours, theirs = _context.Pipe(duplex=False)
    process = _context.Process(target=_run, args=(project, theirs), daemon=True)
    process.start()
    theirs.close()
    process.join(LONGEST if kill_after is None else kill_after)
    killed = process.is_alive()
    if killed:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    try:
        return ours.recv()
    except EOFError:
        if killed:
            return Ended("hung" if kill_after is None else "killed", {})
        return Ended("crashed", {}, words=f"exit code {process.exitcode}")
    finally:
        ours.close()


def _run(project: Path, answer: Connection) -> None:
    shorten_pauses()
    # Prefect's and pynetdicom's threads of a parent do not exist here; what is printed would only confuse the tests.
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    settings = load(project / "config.toml", {})
    with open_catalogue(settings) as catalogue:
        since = None if catalogue.watermark() else date.today() - timedelta(days=WINDOW)
    report = None
    try:
        with open_run(settings, Request(since=since)) as run:
            report = run.report
            run_in_process(run)
        ended = Ended("done", dict(report.outcomes), warnings=tuple(report.warnings))
    except MinerError as error:
        outcomes = dict(report.outcomes) if report is not None else {}
        ended = Ended("error", outcomes, str(error.reason), str(error), tuple(report.warnings) if report else ())
    except Exception as error:  # a fault of ours: the test must see it
        ended = Ended("crashed", {}, words=f"{type(error).__name__}: {error}")
    answer.send(ended)
    answer.close()


def shorten_pauses() -> None:
    """The pauses that spare a clinical PACS, cut to what a test can wait for."""
    retry.FIRST_PAUSE, retry.LONGEST_PAUSE = 0.05, 0.2
