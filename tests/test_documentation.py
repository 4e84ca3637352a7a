"""README, --help and SECURITY.md against the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from miner.cli import app
from miner.console import Terminal
from miner.errors import ExitStatus, Reason
from miner.explanations import EXPLANATIONS
from miner.mining.report import RunReport
from miner.pacs.care.visitors import Refusal
from miner.show import Show

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands(group: click.Group, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*prefix, name))
        else:
            yield (*prefix, name), command


COMMANDS = dict(_commands(app))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_stands_in_the_readme(path: tuple[str, ...]) -> None:
    assert f"miner {' '.join(path)}" in README


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_explained_and_stands_in_the_readme(path: tuple[str, ...]) -> None:
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.opts[0] in README, parameter.opts


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_of_every_command(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert COMMANDS[path].help is not None
    assert "Usage:" in result.output


def test_commands_named_in_the_readme_exist() -> None:
    named = re.findall(r"(?:`|^|&& )miner (?:--\S+ \S+ )?([a-z]+)", README, re.MULTILINE)
    assert len(named) > 12
    assert set(named) <= {path[0] for path in COMMANDS}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_stands_in_the_readme(reason: Reason) -> None:
    assert f"| `{reason}` | {EXPLANATIONS[reason]} |" in README


def test_every_exit_status_stands_in_the_readme() -> None:
    for status in ExitStatus:
        assert f"| {int(status)} |" in README


def test_what_a_run_reports_stands_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    Show(Terminal(as_json=True)).run(RunReport(1))
    for key in json.loads(capsys.readouterr().out):
        assert f"`{key}`" in README, key
    for kind in Refusal:
        assert f"`{kind}`" in README, kind


def test_a_run_says_where_its_unanswered_parts_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """They are logged unless -q is given, and stand among the warnings of --json: -v adds nothing."""
    Show(Terminal()).run(RunReport(1, unanswered=2))
    words = " ".join(capsys.readouterr().out.split())
    assert "-v" not in words
    assert "--json" in words


def test_trace_says_from_where_rows_are_counted() -> None:
    assert "counted from 0" in " ".join(CliRunner().invoke(app, ["audit", "trace", "--help"]).output.split())
    assert "counted from 0" in README


def test_two_commands_stand_on_top() -> None:
    top = README.split("```")[1]
    assert "pip install . && miner demo" in top
    assert 'pip install -e ".[test]" && pytest' in top


def test_no_placeholder_is_left() -> None:
    assert "@@" not in README
