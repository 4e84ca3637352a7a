"""What leaves this process by accident carries no value out of a DICOM object: logs, warnings, uncaught exceptions.

Libraries quote what they stumble over: pydicom the value that it cannot convert, an HTTP client the address with a
patient's number in it, SQLAlchemy the row, a traceback the source line and the exception's text. So the process is made
quiet at the places where such words are born, whatever handlers are attached later and by whom:

- **Records** (:mod:`logging`'s record factory): those of other libraries keep their logger, level and place and lose
  text, arguments, exception and stack. Those of ours, and Prefect's plain progress, keep their text, with UIDs and long
  numbers masked as a second net; no record keeps an exception, and of what a caller hung on it (``extra=``, which
  formatters that write JSON print whole) only Prefect's ids of its runs.
- **Warnings** are written as category and place.
- **Exceptions that nobody catches**, in the main thread, another one or a destructor, are written as type and places.
- **Core dumps**, which would hold the memory whole, are not written.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

WITHHELD = "withheld: another library's words may carry values"

OUR_LOGGERS = ("miner", "flows")

PROGRESS_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
"""Prefect's own words on a run, no graver than INFO: names of flows and tasks, and states. What is graver repeats
exceptions."""

RUN_IDS = frozenset({"flow_run_id", "task_run_id", "worker_id", "send_to_api"})
"""Of ``extra=``: by these Prefect's handler knows the run that a record belongs to."""

RUN_NAMES = frozenset({"flow_run_name", "task_run_name", "flow_name", "task_name"})
"""Of ``extra=`` on records of Prefect's, whose formatters fail without them: names of our flow and tasks, a number
or two random words."""

LOSSES = ("Received unexpected",)
"""How records begin by which a lost message is known (pacs/dimse/guard.py): these words, and no more of them, stay."""

_UID = re.compile(r"(?<![\w.])[0-2](?:\.\d+){4,}")
_LONG_NUMBER = re.compile(r"(?<![0-9A-Fa-f])\d{8,}(?![0-9A-Fa-f])")
_DAY = re.compile(r"(?<!\d)(?:1[89]|20)\d{6}(?!\d)")


_make_record = logging.Logger.makeRecord


def install() -> None:
    """Make this process quiet, once and for good. Idempotent; call it before anything is read."""
    logging.setLogRecordFactory(quiet_record)
    logging.Logger.makeRecord = _make_bare_record  # type: ignore[method-assign]
    warnings.showwarning = show_warning
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    _forbid_core_dumps()


@contextlib.contextmanager
def for_a_while() -> Iterator[None]:
    """Quiet inside only: for whoever runs a command inside a process of his own."""
    factory, make, shown = logging.getLogRecordFactory(), logging.Logger.makeRecord, warnings.showwarning
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    install()
    try:
        yield
    finally:
        logging.setLogRecordFactory(factory)
        logging.Logger.makeRecord = make  # type: ignore[method-assign]
        warnings.showwarning = shown
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def quiet_record(  # noqa: PLR0917
    name: str,
    level: int,
    pathname: str,
    lineno: int,
    msg: object,
    args: Any,
    exc_info: Any,
    func: str | None = None,
    sinfo: str | None = None,
    **kwargs: Any,
) -> logging.LogRecord:
    """A log record without anything that may quote a value (:func:`logging.setLogRecordFactory`)."""
    text = _words(name or "", level, msg, args, exc_info)  # logging.makeLogRecord names none
    return logging.LogRecord(name, level, pathname, lineno, text, None, None, func, None)


def _make_bare_record(  # noqa: PLR0917
    self: logging.Logger,
    name: str,
    level: int,
    fn: str,
    lno: int,
    msg: object,
    args: Any,
    exc_info: Any,
    func: str | None = None,
    extra: Mapping[str, object] | None = None,
    sinfo: str | None = None,
) -> logging.LogRecord:
    """As :meth:`logging.Logger.makeRecord`, which hangs ``extra`` on the record behind the factory's back."""
    known = RUN_IDS | RUN_NAMES if _is_below(name, PROGRESS_LOGGERS) else RUN_IDS
    kept = {key: value for key, value in extra.items() if key in known} if extra else None
    return _make_record(self, name, level, fn, lno, msg, args, exc_info, func, kept, sinfo)


def _words(name: str, level: int, msg: object, args: Any, exc_info: Any) -> str:
    if _is_below(name, OUR_LOGGERS) or (_is_below(name, PROGRESS_LOGGERS) and level <= logging.INFO and not exc_info):
        return masked(_formatted(msg, args))
    said = msg if isinstance(msg, str) else ""
    return next((words for words in LOSSES if said.startswith(words)), WITHHELD)


def masked(text: str) -> str:
    """``text`` with UIDs, days and long numbers out of it. Surrogates and digests, which are hexadecimal, stay."""
    return _LONG_NUMBER.sub("<number>", _DAY.sub("<day>", _UID.sub("<uid>", text)))


def _formatted(msg: object, args: Any) -> str:
    """As a record formats itself. An exception among the arguments says its type only, unless it is one of ours."""
    try:
        if isinstance(args, tuple):
            if len(args) == 1 and isinstance(args[0], Mapping) and args[0]:
                args = args[0]
            else:
                args = tuple(_argument(argument) for argument in args)
        return str(_argument(msg)) % args if args else str(_argument(msg))
    except Exception:
        return "a message that cannot be formatted"


def _argument(value: object) -> object:
    if isinstance(value, BaseException) and not type(value).__module__.startswith("miner."):
        return type(value).__name__
    return value


def _is_below(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def show_warning(  # noqa: PLR0917
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Category and place of a warning; neither its text nor the source line (:func:`warnings.showwarning`)."""
    _say(f"{category.__name__} at {Path(filename).name}:{lineno}\n", file)


def places(trace: TracebackType | None) -> str:
    """Where an exception was raised: file and line of up to eight frames, the innermost first."""
    frames = traceback.extract_tb(trace)
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-8:])) or "nowhere"


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _say(f"{kind.__name__} at {places(trace)}\n")


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_type is not SystemExit:  # as threading's own hook
        _say(f"{arguments.exc_type.__name__} in a thread at {places(arguments.exc_traceback)}\n")


def _unraisable(arguments: sys.UnraisableHookArgs) -> None:
    _say(f"{arguments.exc_type.__name__} in a destructor at {places(arguments.exc_traceback)}\n")


def _say(text: str, file: TextIO | None = None) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody listens any more
        stream = file or sys.stderr
        if stream is not None:
            stream.write(text)
            stream.flush()


def _forbid_core_dumps() -> None:
    try:
        import resource
    except ImportError:  # Windows writes none into the working directory
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
