"""Preloaded into every Python process of a pipeline under test: all loggers at DEBUG, every record written down.

Stands for a user who has turned on and kept all logs there are. Writes below ``$CANARY_LOGS``.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

_folder = os.environ.get("CANARY_LOGS")


def _watch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / f"{os.getpid()}.log").open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(pathname)s:%(lineno)d: %(message)s")
    # Prefect's server at work on its own database says 100,000 times nothing; that database is searched itself.
    quiet = ("aiosqlite", "alembic", "sqlalchemy") if "uvicorn" in " ".join(sys.orig_argv) else ("aiosqlite",)
    standard = {*vars(logging.LogRecord("", 0, "", 0, "", None, None)), "message", "asctime"}
    call_handlers = logging.Logger.callHandlers

    def watched(self: logging.Logger, record: logging.LogRecord) -> None:
        try:
            # Before any handler: a copy of the record as it was made, its traceback and its arguments.
            hung = {key: value for key, value in vars(record).items() if key not in standard}
            print(formatter.format(record), record.args, hung, file=log)
        except Exception as error:
            print("unformatted", record.name, repr(record.msg), repr(record.args), type(error).__name__, file=log)
        record.exc_text = None
        if record.levelno >= self.getEffectiveLevel():  # what would have been logged without us goes its way
            call_handlers(self, record)

    logging.Logger.callHandlers = watched  # type: ignore[method-assign]
    logging.Logger.isEnabledFor = (  # type: ignore[method-assign]
        lambda self, level: not self.disabled and (level >= logging.WARNING or not self.name.startswith(quiet))
    )


if _folder:
    _watch(Path(_folder))
