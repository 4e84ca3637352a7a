"""The nightly flow: one task a study. Prefect shows and schedules; what matters is remembered in the catalogue.

Across every task boundary goes a run number or a surrogate and nothing else; nothing is persisted or cached; an error
that leaves a task is one of ours, cut off from its cause, and its message never carries a value of a DICOM object.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prefect import flow, serve, task
from prefect.cache_policies import NO_CACHE
from prefect.deployments.runner import EntrypointType
from prefect.schedules import Cron
from prefect.task_runners import ThreadPoolTaskRunner

from miner import silence
from miner.config import Settings, load
from miner.errors import MinerError, RetriableError
from miner.mining.cohort import Request, parse_day, parse_since
from miner.mining.run import MiningRun, RunReport, open_run

log = logging.getLogger(__name__)

silence.install()  # Prefect's worker imports this module and none of the command line

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


@dataclass
class Session:
    """What a caller in this process asks of the flow. A cohort is identifiers: it never becomes a flow parameter."""

    settings: Settings
    request: Request
    progress: Progress
    say: Say = lambda words: None
    report: RunReport | None = None


_SESSION: ContextVar[Session | None] = ContextVar("session", default=None)
_RUNS: dict[int, MiningRun] = {}
"""Runs of this process by number: a task finds its run here."""


@task(name="discover", persist_result=False, cache_policy=NO_CACHE, log_prints=False, retries=0)
def discover(run: int) -> list[str]:
    """Ask the PACS which studies there are; returns their surrogates."""
    with _own_errors():
        return _RUNS[run].discover()


@task(name="mine-study", persist_result=False, cache_policy=NO_CACHE, log_prints=False, retries=0)
def mine_study(run: int, study_key: str) -> str:
    """Mine one study; returns its outcome as a word."""
    with _own_errors():
        return _RUNS[run].mine(study_key).outcome


@flow(
    name="nightly",
    persist_result=False,
    log_prints=False,
    retries=0,
    task_runner=ThreadPoolTaskRunner(max_workers=16),  # type: ignore[arg-type]
)
def nightly(since: str | None = None, until: str | None = None, limit: int | None = None) -> dict[str, int]:
    """Mine what the configured PACS has in the window; without ``since`` the run goes on from the watermark.

    The configuration is the one that ``$MINER_CONFIG`` names, else ./config.toml.
    """
    session = _SESSION.get() or Session(
        load(Path(os.environ.get("MINER_CONFIG") or "config.toml")),
        Request(since=parse_since(since), until=parse_day(until, "until"), limit=limit),
        lambda done, total: None,
        log.info,
    )
    with _own_errors(), open_run(session.settings, session.request, say=session.say) as run:
        session.report = run.report
        _RUNS[run.number] = run
        try:
            _mine_all(run, _result(discover.submit(run.number)), session.progress)
        except BaseException:
            # Ctrl-C, or Prefect's cancellation: it waits for the tasks under way, so they have to end now.
            run.pace.halt.throw()
            raise
        finally:
            del _RUNS[run.number]
    return dict(session.report.outcomes)


def _mine_all(run: MiningRun, keys: Sequence[str], progress: Progress) -> None:
    """As many studies at a time as the PACS is to see associations; the first error that ends the run ends it.

    The number is looked up anew for each batch, and none is begun while the PACS may not be asked.
    """
    done = 0
    while done < len(keys) and not run.ended_early:
        progress(done, len(keys))
        run.pace.before_request()
        batch = keys[done : done + run.width]
        futures = [mine_study.submit(run.number, key) for key in batch]
        for future in futures:
            future.wait()
        for future in futures:
            future.result()
        done += len(batch)
    progress(done, len(keys))


def _result(future: Any) -> Any:
    """What a task returns. This thread only waits meanwhile, so that a signal finds it here."""
    future.wait()
    return future.result()


def run_session(
    settings: Settings,
    request: Request,
    progress: Progress = lambda done, total: None,
    say: Say = lambda words: None,
) -> RunReport:
    """Run the flow in this process and return its report; raises what the run raises.

    Raises RetriableError where the Prefect server cannot be reached.
    """
    session = Session(settings, request, progress, say)
    token = _SESSION.set(session)
    try:
        nightly()
    except (RuntimeError, httpx.TransportError) as error:
        if "Failed to reach API" not in str(error) and not isinstance(error, httpx.TransportError):
            raise
        raise RetriableError(
            "The Prefect server that PREFECT_API_URL names does not answer: start it, or unset the variable to run "
            "without it."
        ) from None
    finally:
        _SESSION.reset(token)
    assert session.report is not None
    return session.report


def serve_schedule(settings: Settings, config: Path) -> None:
    """Serve the nightly deployment by the configuration's cron line and time zone, until interrupted."""
    os.environ["MINER_CONFIG"] = str(config.absolute())
    serve(deployment(settings))


def deployment(settings: Settings) -> Any:
    """The nightly deployment, by cron and time zone.

    It has no concurrency limit of Prefect's: the catalogue's lease lets one run through, and a limit's slot can outlive
    a run that was killed.
    """
    schedule = Cron(settings.schedule.cron, timezone=settings.schedule.timezone)
    return nightly.to_deployment(name="nightly", schedule=schedule, entrypoint_type=EntrypointType.MODULE_PATH)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Let only our own errors out, without their cause: Prefect keeps what it sees of an exception."""
    try:
        yield
    except MinerError as error:
        raise type(error)(str(error), error.reason) from None
    except Exception as error:
        raise MinerError(f"A fault of this software ({type(error).__name__}) ended the run.") from None
