"""A CSV's bytes: encoding, line endings, quoting and header, before any cell is looked at."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from miner.dataset.checking.findings import Code, Findings
from miner.dataset.checking.reading import read_ordinary

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a CSV: its line number, from 1, and its cells."""

    number: int
    cells: tuple[str, ...]


def read_lines(folder: Path, name: str, header: Sequence[str], findings: Findings) -> list[Line] | None:
    """The rows of a CSV that have the right number of columns; None where the file cannot be read at all."""
    try:
        data = read_ordinary(folder / name)
    except OSError as error:
        findings.fault(Code.FILE_UNREADABLE, name, f"cannot be read ({type(error).__name__})")
        return None
    if data.startswith(BYTE_ORDER_MARK):
        findings.fault(
            Code.BYTE_ORDER_MARK, name, "begins with a byte order mark; readers take it for part of the header", 1
        )
        data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        findings.fault(
            Code.ENCODING, name, "is not UTF-8 (DeepLesion's is ASCII)", data[: error.start].count(b"\n") + 1
        )
        return None
    physical = _physical_lines(text, name, findings)
    if not physical:
        findings.fault(Code.HEADER, name, "is empty: not even a header")
        return None
    _check_header(_cells(physical[0]) or (), header, name, findings)
    found = []
    for number, line in enumerate(physical[1:], start=2):
        cells = _row(line, number, header, name, findings)
        if cells is not None:
            found.append(Line(number, cells))
    return found


def _physical_lines(text: str, name: str, findings: Findings) -> list[str]:
    """Lines without their ends; blank ones stay, for the numbering."""
    if not text:
        return []
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    else:
        findings.fault(Code.FINAL_NEWLINE, name, "the last line has no newline at its end", len(lines))
    returns = [number for number, line in enumerate(lines, start=1) if "\r" in line]
    if returns:
        findings.fault(
            Code.LINE_ENDING,
            name,
            f"{len(returns)} lines hold a carriage return (CRLF, Windows line endings); DeepLesion's end in LF alone",
            returns[0],
        )
    return [line.rstrip("\r") for line in lines]


def _row(line: str, number: int, header: Sequence[str], name: str, findings: Findings) -> tuple[str, ...] | None:
    if not line.strip():
        findings.fault(Code.BLANK_LINE, name, "blank line", number)
        return None
    cells = _cells(line)
    if cells is None:
        findings.fault(Code.QUOTING, name, "a quote is opened and not closed", number)
        return None
    if len(cells) != len(header):
        findings.fault(Code.COLUMNS, name, f"{len(cells)} columns instead of {len(header)}", number)
        return None
    if _as_we_write(cells) != line:
        findings.fault(
            Code.QUOTING, name, "quotes belong around fields that hold a comma, and around no others", number
        )
    for cell, column in zip(cells, header, strict=True):
        if cell[:1] in ("=", "+", "@", "\t"):
            findings.fault(Code.FORMULA, name, f"{column} begins like a spreadsheet formula", number)
    return cells


def _cells(line: str) -> tuple[str, ...] | None:
    try:
        rows = list(csv.reader([line], strict=True))
    except csv.Error:
        return None
    return tuple(rows[0]) if len(rows) == 1 else None


def _as_we_write(cells: Sequence[str]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


def _check_header(found: Sequence[str], header: Sequence[str], name: str, findings: Findings) -> None:
    if tuple(found) == tuple(header):
        return
    if len(found) != len(header):
        words = f"the header has {len(found)} columns instead of {len(header)}"
    else:
        column = next(i for i, (one, other) in enumerate(zip(found, header, strict=True)) if one != other)
        words = (
            f"column {column + 1} is named {found[column]!r} instead of {header[column]!r}; readers compare the header"
        )
    findings.fault(Code.HEADER, name, words, 1)
