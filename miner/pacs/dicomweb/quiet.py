"""Logs of the HTTP libraries without their text: their messages carry URLs, and URLs carry UIDs and patient ids."""

from __future__ import annotations

import logging
import warnings

log = logging.getLogger(__name__)

LOGGERS = ("urllib3", "requests", "dicomweb_client", "retrying", "pydicom")
"""Their text goes nowhere. ``retrying`` serves dicomweb-client; ``pydicom`` repeats values that it finds invalid."""


class _PlaceAlone(logging.Handler):
    """Passes on level, module and line of a record, at level DEBUG, and never its text."""

    def emit(self, record: logging.LogRecord) -> None:
        """The record itself is emptied, in case that somebody has put another handler behind this one."""
        record.msg, record.args = "withheld: it may carry values from the wire", None
        record.exc_info, record.exc_text, record.stack_info = None, None, None
        log.debug("%s in %s, line %d", record.levelname, record.name, record.lineno)


_place_alone = _PlaceAlone(logging.WARNING)


def keep_values_out_of_logs() -> None:
    """No URL, header or value of the HTTP libraries in any log or warning, for the whole process. Idempotent."""
    warnings.filterwarnings("ignore", module=rf"({'|'.join(LOGGERS)})(\..*)?$")
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        if logger.handlers and all(type(handler).__name__ == "WireLog" for handler in logger.handlers):
            continue  # pydicom's, where associations are open beside us
        logger.handlers = [_place_alone]
