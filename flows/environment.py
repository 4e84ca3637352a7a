"""Prefect's settings, enforced before Prefect is imported."""

from __future__ import annotations

import logging
import os
from pathlib import Path

ENFORCED = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # its own 20 s fail on a loaded machine
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",  # a persisted result would be a copy of our data outside the stores
    "PREFECT_LOGGING_LOG_PRINTS": "false",
    "DO_NOT_TRACK": "1",
}


def enforce(*, home: Path | None = None, verbose: bool = False, embedded: bool = False) -> None:
    """Set the environment of this process for Prefect.

    Args:
        home: Prefect's home (database and logs); None leaves the user's own.
        verbose: whether Prefect's log goes to standard error. It repeats each error of ours with its traceback; a
            Prefect server gets it in any case.
        embedded: True passes over a server that the environment may name and starts one inside this process.
    """
    os.environ.update(ENFORCED)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO" if verbose else "WARNING")
    if not verbose:
        for handler in logging.getLogger().handlers:
            handler.addFilter(_is_not_prefect)
    if home is not None:
        os.environ["PREFECT_HOME"] = str(home)
    if embedded:
        os.environ.pop("PREFECT_API_URL", None)
        os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"


def _is_not_prefect(record: logging.LogRecord) -> bool:
    return not record.name.startswith("prefect")
