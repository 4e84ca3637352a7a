"""What the commands print: results to standard output, progress and errors to standard error."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


class Terminal:
    """Standard output and standard error of one command."""

    def __init__(self, *, as_json: bool = False, verbosity: int = 0) -> None:
        self.as_json = as_json
        self.verbosity = verbosity
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def document(self, content: object) -> None:
        """The command's result as one JSON document."""
        sys.stdout.write(json.dumps(plain(content), indent=2, ensure_ascii=False) + "\n")

    def line(self, text: str = "") -> None:
        """A line of the result; nothing with --json, where the document says it all."""
        if not self.as_json:
            self._out.print(text, markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table of the result; nothing with --json, and nothing where there are no rows."""
        if self.as_json or not rows:
            return
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for number, column in enumerate(columns):
            numeric = all(isinstance(row[number], int | float) for row in rows)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        self._out.print(table)
        self._out.print()

    def counts(self, title: str, counts: Mapping[str, int]) -> None:
        """A table of words and counts, with their total when there are several."""
        rows: list[Sequence[object]] = [(word, count) for word, count in sorted(counts.items())]
        if len(rows) > 1:
            rows.append(("total", sum(counts.values())))
        self.table(title, (title.lower(), "count"), rows)

    def note(self, text: str) -> None:
        """A sentence for the person who watches, to standard error; silent with -q."""
        if self.verbosity >= 0:
            self._err.print(text, markup=False)

    def error(self, text: str) -> None:
        """The one sentence of an error."""
        self._err.print(f"miner: {text}", markup=False)

    @contextmanager
    def progress(self, what: str) -> Iterator[Any]:
        """A callable (done, total); a bar is drawn on a terminal only."""
        if self.verbosity < 0 or not self._err.is_terminal:
            yield lambda done, total: None
            return
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def plain(content: object) -> Any:
    """Dataclasses and mappings as what JSON knows."""
    if is_dataclass(content) and not isinstance(content, type):
        return plain(asdict(content))
    if isinstance(content, Mapping):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [plain(entry) for entry in content]
    if content is None or isinstance(content, str | int | float | bool):
        return content
    return str(content)


def configure_logging(verbosity: int) -> None:
    """Our own log to standard error; libraries that may print header values stay silent at every verbosity."""
    logging.basicConfig(
        level=logging.DEBUG if verbosity > 0 else logging.WARNING if verbosity == 0 else logging.ERROR,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for name in ("pydicom", "pynetdicom"):
        # Their messages may carry header values. Records still reach handlers of their own (pacs/guard.py counts some).
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    for name in ("sqlalchemy", "alembic", "PIL", "httpx", "httpcore", "asyncio", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.WARNING)
