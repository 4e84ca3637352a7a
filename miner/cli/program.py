"""The program around the commands: the options before them, what prints their results, and how errors end."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click

from miner import __version__, silence
from miner.config import Settings, load
from miner.console import Terminal, configure_logging, escape_unprintable
from miner.errors import ExitStatus, MinerError, unforeseen


class Invocation:
    """The options before the command."""

    def __init__(self, config: str | None, as_json: bool, verbosity: int) -> None:
        self.config = Path(config or os.environ.get("MINER_CONFIG") or "config.toml")
        self.out = Terminal(as_json=as_json, verbosity=verbosity)
        self.verbosity = verbosity

    @property
    def settings(self) -> Settings:
        """config.toml, laid over by the environment."""
        return load(self.config)


pass_invocation = click.make_pass_decorator(Invocation)


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", metavar="FILE", help="The configuration; else $MINER_CONFIG, else ./config.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
@click.option("-v", "--verbose", is_flag=True, help="Log to standard error; show where a fault happened.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing on standard error but errors.")
@click.version_option(__version__, prog_name="miner")
@click.pass_context
def app(context: click.Context, config: str | None, as_json: bool, verbose: bool, quiet: bool) -> None:
    """Mine the measurements that radiologists leave in a PACS into a DeepLesion-format dataset.

    \b
    Exit status: 0 done · 1 a fault of this software · 2 wrong usage or configuration ·
    3 the PACS, a database or the disk cannot be used · 4 done, but something expected was
    not retrieved or failed · 5 check or audit verify found faults · 130 interrupted.
    """
    verbosity = 1 if verbose else -1 if quiet else 0
    configure_logging(verbosity)
    context.obj = Invocation(config, as_json, verbosity)


def show(invocation: Invocation) -> Any:
    """What prints the results; imported late, since most of a command's start-up time is imports."""
    from miner.show import Show

    return Show(invocation.out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command; every error becomes one sentence on standard error and an exit status.

    The process keeps quiet about values from its first word to its last (miner/silence.py). Called with ``arguments``
    it is a part of somebody else's process, which stays as it was.
    """
    if arguments is None:
        silence.install()
        _run(sys.argv[1:])
    else:
        with silence.for_a_while():
            _run(arguments)


def _run(arguments: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    escape_unprintable()
    words = list(arguments)
    verbose = "-v" in words or "--verbose" in words
    out = Terminal()
    try:
        app.main(args=words, prog_name="miner", standalone_mode=False)
    except MinerError as error:
        if verbose:
            out.note(f"reason: {error.reason}")
        out.error(str(error))
        sys.exit(error.exit_status)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        out.error(_usage(error))
        sys.exit(ExitStatus.USAGE)
    except (KeyboardInterrupt, click.Abort):
        out.error("Interrupted; what was committed stays, and the next run goes on from there.")
        sys.exit(ExitStatus.INTERRUPTED)
    except Exception as error:
        if verbose:
            # Where, but not the error's own text, nor what it was raised from: a library's may quote a header value.
            out.note("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__)
        told = unforeseen(error)
        out.error(str(told))
        sys.exit(told.exit_status)


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    words = error.format_message()
    stop = "" if words.endswith((".", "?")) else "."
    return f"{words}{stop} See `{context.command_path} --help`." if context is not None else words


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
