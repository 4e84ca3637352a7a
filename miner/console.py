"""What the commands print: results to standard output, progress and errors to standard error."""

from __future__ import annotations

import errno
import io
import json
import logging
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from miner.errors import Reason, StorageError


class Terminal:
    """Standard output and standard error of one command.

    A reader that has gone away (``| head``) ends the output and nothing else: the command goes on to its own exit
    status. Characters that an output's encoding lacks are written as escapes. What is printed is never read as markup.

    Raises StorageError where standard output cannot be written, for instance to a full disk.
    """

    def __init__(self, *, as_json: bool = False, verbosity: int = 0) -> None:
        self.as_json = as_json
        self.verbosity = verbosity
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None

    def document(self, content: object) -> None:
        """The command's result as one JSON document."""
        _write(json.dumps(plain(content), indent=2, allow_nan=False) + "\n")

    def line(self, text: str = "") -> None:
        """A line of the result; nothing with --json, where the document says it all."""
        if not self.as_json:
            self._print(Text(text))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table of the result; nothing with --json, and nothing where there are no rows."""
        if self.as_json or not rows:
            return
        table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
        for number, column in enumerate(columns):
            numeric = all(isinstance(row[number], int | float) for row in rows)
            table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        self._print(table)
        self._print(Text())

    def counts(self, title: str, counts: Mapping[str, int]) -> None:
        """A table of words and counts, with their total when there are several."""
        rows: list[Sequence[object]] = [(word, count) for word, count in sorted(counts.items())]
        if len(rows) > 1:
            rows.append(("total", sum(counts.values())))
        self.table(title, (title.lower(), "count"), rows)

    def note(self, text: str) -> None:
        """A sentence for the person who watches, to standard error; silent with -q."""
        if self.verbosity < 0:
            return
        if self._bar is not None:
            self._bar.console.print(Text(text))  # above the bar, not across it
        else:
            _say(f"{text}\n")

    def error(self, text: str) -> None:
        """The one sentence of an error."""
        _say(f"miner: {text}\n")

    def _print(self, what: RenderableType) -> None:
        """Draw for what standard output is, a terminal or not, and write in one piece."""
        terminal = Console()
        page = io.StringIO()
        drawing = Console(
            file=page, force_terminal=terminal.is_terminal, width=terminal.width, highlight=False, soft_wrap=True
        )
        drawing.print(what)
        _write(page.getvalue())

    @contextmanager
    def progress(self, what: str) -> Iterator[Any]:
        """A callable (done, total); a bar is drawn on a terminal only."""
        if self.verbosity < 0 or not self._err.is_terminal:
            yield lambda done, total: None
            return
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task(what, total=None)
            self._bar = bar
            try:
                yield lambda done, total: bar.update(task, completed=done, total=total)
            finally:
                self._bar = None


def escape_unprintable() -> None:
    """Let both outputs write what their encoding lacks as escapes, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write(text: str) -> None:
    """To standard output, at once; None stands there where the caller closed it before we began."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            return
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise StorageError(
            f"Standard output cannot be written ({name}): check where the output goes.", Reason.NOT_WRITABLE
        ) from None


def _say(text: str) -> None:
    """To standard error; where nobody listens there is nobody left to tell."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Send what a stream still holds, and all that follows, nowhere: else Python fails on it again when it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def plain(content: object) -> Any:
    """Dataclasses and mappings as what JSON knows; a number that is not finite is null, as JSON has none."""
    if is_dataclass(content) and not isinstance(content, type):
        return plain(asdict(content))
    if isinstance(content, Mapping):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [plain(entry) for entry in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if content is None or isinstance(content, str | int | float | bool):
        return content
    return str(content)


def configure_logging(verbosity: int) -> None:
    """Our own log to standard error; libraries that may print header values stay silent at every verbosity."""
    quiet = logging.ERROR if verbosity < 0 else logging.WARNING
    logging.basicConfig(level=quiet, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    logging.getLogger("miner").setLevel(logging.DEBUG if verbosity > 0 else quiet)
    for name in ("pydicom", "pynetdicom"):
        # Their messages may carry header values. Records still reach handlers of their own (pacs/guard.py counts some).
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
