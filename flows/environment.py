"""Prefect's settings, enforced before Prefect is imported.

Its environment goes before a profile, a ``.env``, a ``prefect.toml`` and a ``pyproject.toml`` of the user's. Where a
worker of Prefect's imported it first, what the flow's and the tasks' own decorators say holds (nightly.py).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

ENFORCED = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",  # where no server is named; a profile of the user's may forbid it
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # its own 20 s fail on a loaded machine
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",  # a persisted result would be a copy of our data outside the stores
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "false",
    "PREFECT_TASKS_DISABLE_CACHING": "true",  # what is cached is persisted
    "PREFECT_TASKS_REFRESH_CACHE": "false",
    "PREFECT_TASKS_DEFAULT_RETRIES": "0",  # retries happen at one layer, and it is not this one
    "PREFECT_FLOWS_DEFAULT_RETRIES": "0",
    "PREFECT_LOGGING_LOG_PRINTS": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "",  # other libraries' records are none of its server's business
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
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


def _is_not_prefect(record: logging.LogRecord) -> bool:
    return not record.name.startswith("prefect")
