"""How a run is started: in this process, or through Prefect."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from miner.config import Settings
from miner.mining.cohort import Request, parse_day, parse_since, parse_study, read_cohort_file
from miner.mining.crew import beside
from miner.mining.estimate import Estimate, estimate
from miner.mining.following import following
from miner.mining.project import open_project
from miner.mining.run import RunReport, open_run, run_in_process
from miner.pacs import Peer, connect
from miner.pacs.care import Bounds, Pace

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


def request_from(
    *,
    since: str | None = None,
    until: str | None = None,
    limit: int | None = None,
    study: str | None = None,
    patients: Path | None = None,
    accessions: Path | None = None,
) -> Request:
    """The request that the options of `miner mine` make. Raises UsageError, also for a cohort that names nobody."""
    return Request(
        parse_since(since),
        parse_day(until, "--until"),
        limit,
        parse_study(study),
        read_cohort_file(patients, "--patients") if patients else (),
        read_cohort_file(accessions, "--accessions") if accessions else (),
    )


def mine(
    settings: Settings,
    request: Request,
    progress: Progress,
    *,
    through_prefect: bool,
    verbose: bool = False,
    prefect_home: Path | None = None,
    say: Say = lambda words: None,
) -> RunReport:
    """Run once and return the report; raises what ends a run. ``say`` gets what it waits for."""
    if not through_prefect:
        with open_run(settings, request, say=say) as run:
            return run_in_process(run, progress)
    home = prefect_home or _prefect_home(settings)
    _flow_module("environment").enforce(home=home, verbose=verbose, embedded=prefect_home is not None)
    report: RunReport = _flow_module("nightly").run_session(settings, request, progress, say)
    return report


def dry_run(settings: Settings, request: Request, say: Say = lambda words: None) -> Estimate:
    """Count what a run would look at; nothing is retrieved, nothing is written. It asks within the [hours] only."""
    pace = Pace(Bounds.of(settings))
    with open_project(settings) as project:
        peer = Peer.of(settings, pace)
        pacs = connect(peer, profile=project.catalogue.profile(), attempts=settings.limits.attempts)
        try:
            with following(settings, pace, say=say, warn=say):
                return beside(lambda: estimate(project, request, pacs), pace.halt)
        finally:
            pacs.close()


def serve_schedule(settings: Settings, config: Path, say: Callable[[str], None]) -> None:
    """Serve the nightly deployment until interrupted, on the server ``PREFECT_API_URL`` names or one of our own.

    The project is opened first, so that a wrong set-up shows by day.
    """
    with open_project(settings):
        pass
    own = not os.environ.get("PREFECT_API_URL")
    _flow_module("environment").enforce(home=_prefect_home(settings), verbose=True)
    server = _flow_module("server").loopback_server() if own else nullcontext(os.environ.get("PREFECT_API_URL"))
    with server as url:
        schedule = settings.schedule
        say(f"Serving the nightly run, {schedule.cron} ({schedule.timezone}), on {url}. Stop with Ctrl-C.")
        _flow_module("nightly").serve_schedule(settings, config)


def _prefect_home(settings: Settings) -> Path | None:
    """A home for a Prefect server of our own, inside the project: an account that runs services may have none."""
    named = os.environ.get("PREFECT_API_URL") or os.environ.get("PREFECT_HOME")
    return None if named else settings.root / "prefect"


def _flow_module(name: str) -> Any:
    """A module of flows/, in the wheel or beside the checkout (miner/__init__.py). Only `nightly` imports Prefect."""
    return importlib.import_module(f"miner.flows.{name}")
