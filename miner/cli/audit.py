"""`miner audit`: provenance."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from miner.cli.program import Invocation, app, pass_invocation, show
from miner.errors import ExitStatus


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
