"""From the first try to the release: demo, init, doctor, mine, status, schedule, bookmarks, release, check."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from miner.cli.program import Invocation, app, pass_invocation, show
from miner.errors import ExitStatus


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
