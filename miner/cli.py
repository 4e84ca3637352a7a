"""The command line: one function per command, no logic. ``miner COMMAND --help`` says what each does."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click

from miner import __version__
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


@app.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("miner-demo"),
    show_default=True,
    metavar="DIR",
    help="Everything is written here; a second run into the same folder starts afresh.",
)
@click.option(
    "--patients",
    type=click.IntRange(1, 500),
    default=12,
    show_default=True,
    metavar="N",
    help="How many made-up patients the PACS holds.",
)
@click.option("--no-prefect", is_flag=True, help="Run the same mining without Prefect around it.")
@pass_invocation
def demo(invocation: Invocation, out: Path, patients: int, no_prefect: bool) -> None:
    """Mine a PACS of made-up patients, on this machine, without any configuration."""
    from miner.demo.run import run_demo

    with invocation.out.progress("mining") as progress:
        result = run_demo(
            out,
            patients=patients,
            with_prefect=not no_prefect,
            verbose=invocation.verbosity > 0,
            say=invocation.out.note,
            progress=progress,
        )
    show(invocation).demo(result)


@app.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@pass_invocation
def init(invocation: Invocation, folder: Path) -> None:
    """Write config.toml and the project's key into DIR, and create vault and catalogue. Overwrites nothing."""
    from miner.setup import init_project

    show(invocation).init(init_project(folder, os.environ))


@app.command()
@pass_invocation
def doctor(invocation: Invocation) -> None:
    """Check configuration, key, databases, disk and PACS; store what the PACS really does as its profile."""
    from miner.doctor import examine

    report = examine(invocation.config, os.environ)
    show(invocation).doctor(report)
    sys.exit(report.exit_status)


@app.command()
@click.option(
    "--since",
    metavar="DATE",
    help="First study date, YYYY-MM-DD; `all` for the whole archive. Without it the run goes on from the last one.",
)
@click.option("--until", metavar="DATE", help="Last study date, YYYY-MM-DD, inclusive.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Look at no more than N studies.")
@click.option("--study", metavar="UID", help="Only the study with this Study Instance UID.")
@click.option("--patients", type=click.Path(path_type=Path), metavar="FILE", help="Only these patient ids, one a line.")
@click.option(
    "--accessions", type=click.Path(path_type=Path), metavar="FILE", help="Only these accession numbers, one a line."
)
@click.option("--dry-run", is_flag=True, help="Only count studies and objects, and estimate octets and time.")
@click.option("--prefect", is_flag=True, help="Run through Prefect (also where PREFECT_API_URL is set).")
@pass_invocation
def mine(invocation: Invocation, /, dry_run: bool, prefect: bool, **options: Any) -> None:
    """One mining run, from the query to the catalogue. A run that was interrupted goes on where it was."""
    from miner.mining.start import dry_run as count_only
    from miner.mining.start import mine as start
    from miner.mining.start import request_from

    request = request_from(**options)
    if dry_run:
        show(invocation).estimate(count_only(invocation.settings, request, invocation.out.note))
        return
    with invocation.out.progress("mining") as progress:
        through = prefect or bool(os.environ.get("PREFECT_API_URL"))
        report = start(
            invocation.settings,
            request,
            progress,
            through_prefect=through,
            verbose=invocation.verbosity > 0,
            say=invocation.out.note,
        )
    show(invocation).run(report)
    sys.exit(report.exit_status)


@app.command()
@pass_invocation
def status(invocation: Invocation) -> None:
    """Runs, backlog, yield, and everything that was not retrieved or not accepted, with its reason."""
    from miner.mining.project import open_catalogue

    with open_catalogue(invocation.settings) as catalogue:
        show(invocation).status(catalogue.status())


@app.command()
@pass_invocation
def schedule(invocation: Invocation) -> None:
    """Serve the nightly Prefect deployment by the configuration's cron line and time zone."""
    from miner.mining.start import serve_schedule

    serve_schedule(invocation.settings, invocation.config, invocation.out.note)


@app.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--draw",
    "picture",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    help="Draw what is read over the images that are given; an earlier PNG is replaced, nothing else is.",
)
@click.option(
    "--redacted",
    is_flag=True,
    help="Leave out all that identifies anybody, pixels too, and add each object's skeleton: for reporting a dialect.",
)
@pass_invocation
def bookmarks(invocation: Invocation, files: tuple[Path, ...], picture: Path | None, redacted: bool) -> None:
    """What is read in annotation objects: FILEs or folders, with the images that they lie on beside them."""
    from miner.dialect import look_at

    with invocation.out.progress("reading") as progress:
        listing = look_at(files, picture=picture, redacted=redacted, progress=progress)
    show(invocation).bookmarks(listing)
    sys.exit(listing.exit_status)


@app.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Becomes the release; absent or empty before.",
)
@pass_invocation
def release(invocation: Invocation, out: Path) -> None:
    """Write an immutable, numbered release in DeepLesion's format."""
    from miner.dataset import ReleaseRules, write_release
    from miner.mining.project import open_catalogue

    settings = invocation.settings
    with open_catalogue(settings) as catalogue:
        report = write_release(
            catalogue, images=settings.images, out=out, settings=ReleaseRules.of(settings), now=datetime.now(UTC)
        )
    show(invocation).release(report)


@app.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@pass_invocation
def check(invocation: Invocation, folder: Path) -> None:
    """Hold a release, or anybody's DeepLesion-format folder, against the format."""
    from miner.dataset import check as check_folder

    report = check_folder(folder)
    show(invocation).check(report)
    sys.exit(ExitStatus.FAULTS_FOUND if report.faults else ExitStatus.DONE)


@app.group(no_args_is_help=False)
def audit() -> None:
    """Where every row and picture comes from, and whether the books still agree."""


@audit.command()
@click.argument("name")
@pass_invocation
def trace(invocation: Invocation, name: str) -> None:
    """The whole chain behind NAME: a File_name, a Lesion_uid, a PNG's path or DL_info.csv:ROW.

    Rows are counted from 0, behind the header.
    """
    from miner.audit import trace as trace_name
    from miner.mining.project import open_catalogue

    settings = invocation.settings
    with open_catalogue(settings) as catalogue:
        show(invocation).trace(trace_name(catalogue, settings.images, name))


@audit.command()
@click.option(
    "--release",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also hold this release against the catalogue.",
)
@pass_invocation
def verify(invocation: Invocation, folder: Path | None) -> None:
    """Recompute every hash, the event chain, every row, and the CSVs from the catalogue."""
    from miner.audit import verify as verify_all
    from miner.mining.project import open_catalogue

    settings = invocation.settings
    with open_catalogue(settings) as catalogue:
        faults = verify_all(catalogue, settings.images, folder)
    show(invocation).verify(faults)
    sys.exit(ExitStatus.FAULTS_FOUND if faults else ExitStatus.DONE)


@app.group(no_args_is_help=False)
def vault() -> None:
    """The honest broker's commands: they need the key and the vault, and every use is an event."""


@vault.command()
@click.argument("name")
@pass_invocation
def resolve(invocation: Invocation, name: str) -> None:
    """Who and what stands behind NAME: patient, study, series and image.

    NAME is a File_name, a Lesion_uid, a PNG's path, or a surrogate that `miner status` lists as missing.
    """
    from miner.broker import resolve as resolve_name
    from miner.mining.project import open_project

    with open_project(invocation.settings) as project:
        show(invocation).resolved(resolve_name(project, name))


@app.group(no_args_is_help=False)
def db() -> None:
    """The two databases."""


@db.command()
@pass_invocation
def upgrade(invocation: Invocation) -> None:
    """Bring vault and catalogue to this version's schema; a newer schema is refused."""
    from miner.setup import upgrade_databases

    show(invocation).upgraded(upgrade_databases(invocation.settings))


def show(invocation: Invocation) -> Any:
    """What prints the results; imported late, since most of a command's start-up time is imports."""
    from miner.show import Show

    return Show(invocation.out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command; every error becomes one sentence on standard error and an exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    escape_unprintable()
    words = list(sys.argv[1:] if arguments is None else arguments)
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


if __name__ == "__main__":
    main()
