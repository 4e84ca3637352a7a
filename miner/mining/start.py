"""How a run is started: in this process, or through Prefect."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from miner.config import Settings
from miner.mining.cohort import Request, parse_day, parse_since, read_id_file
from miner.mining.estimate import Estimate, estimate
from miner.mining.project import open_project
from miner.mining.run import RunReport, open_run, run_in_process
from miner.pacs import connect

Progress = Callable[[int, int], None]


def request_from(
    *,
    since: str | None = None,
    until: str | None = None,
    limit: int | None = None,
    study: str = "",
    patients: Path | None = None,
    accessions: Path | None = None,
) -> Request:
    """The request that the options of `miner mine` make. Raises UsageError."""
    return Request(
        parse_since(since),
        parse_day(until, "--until"),
        limit,
        study,
        read_id_file(patients, "--patients") if patients else (),
        read_id_file(accessions, "--accessions") if accessions else (),
    )


def mine(
    settings: Settings,
    request: Request,
    progress: Progress,
    *,
    through_prefect: bool,
    verbose: bool = False,
    prefect_home: Path | None = None,
) -> RunReport:
    """Run once and return the report; raises what ends a run."""
    if not through_prefect:
        with open_run(settings, request) as run:
            return run_in_process(run, progress)
    flows = _flows(verbose=verbose, home=prefect_home)
    report: RunReport = flows.run_session(settings, request, progress)
    return report


def dry_run(settings: Settings, request: Request) -> Estimate:
    """Count what a run would look at; nothing is retrieved, nothing is written."""
    with open_project(settings) as project:
        pacs = connect(settings.pacs, profile=project.catalogue.profile(), attempts=settings.limits.attempts)
        try:
            return estimate(project, request, pacs)
        finally:
            pacs.close()


def serve_schedule(settings: Settings, config: Path, say: Callable[[str], None]) -> None:
    """Serve the nightly deployment until interrupted. Opens the project first, so that a wrong set-up shows by day."""
    with open_project(settings):
        pass
    schedule = settings.schedule
    say(f"Serving the nightly run: {schedule.cron} ({schedule.timezone}). Stop with Ctrl-C.")
    _flows(verbose=True, home=None).serve_schedule(settings, config)


def _flows(*, verbose: bool, home: Path | None) -> Any:
    """The flows, found inside the wheel or beside the checkout (miner/__init__.py); Prefect is imported only here."""
    importlib.import_module("miner.flows.environment").enforce(home=home, verbose=verbose, embedded=home is not None)
    return importlib.import_module("miner.flows.nightly")
