"""miner.console: what is printed, wherever it goes."""

from __future__ import annotations

import json
import logging
import math

import pytest

from miner.console import Terminal, configure_logging


def test_brackets_are_printed_not_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    out = Terminal()
    out.table("a [red]title[/red]", ("[b]", "b"), [("[selection] modalities", "pip install miner[postgresql]")])
    out.line("[bold]x[/bold] :smile:")
    printed = capsys.readouterr().out
    for word in ("a [red]title[/red]", "[b]", "[selection] modalities", "miner[postgresql]", "[bold]x[/bold] :smile:"):
        assert word in printed


def test_json_is_json_in_every_encoding(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=True).document({"name": "Größe", "odd": "a\udcffb", "z": math.nan, "far": [math.inf, 1.5]})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"name": "Größe", "odd": "a\udcffb", "z": None, "far": [None, 1.5]}


def test_quiet_leaves_errors(capsys: pytest.CaptureFixture[str]) -> None:
    out = Terminal(verbosity=-1)
    out.note("on the way")
    out.error("it broke")
    assert capsys.readouterr().err == "miner: it broke\n"


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_other_libraries_do_not_log_below_a_warning(verbosity: int) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        configure_logging(verbosity)
        for name in ("pylibjpeg", "openjpeg", "any.other.library"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO)
        assert logging.getLogger("miner.pacs").isEnabledFor(logging.DEBUG) == (verbosity > 0)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.getLogger("miner").setLevel(logging.NOTSET)
