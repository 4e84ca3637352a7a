"""`miner vault`: the honest broker's commands."""

from __future__ import annotations

import click

from miner.cli.program import Invocation, app, pass_invocation, show


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
