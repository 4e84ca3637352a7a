"""`miner vault`: the honest broker's commands."""

from __future__ import annotations

import os
from pathlib import Path

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


@vault.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The escrow file; nothing is overwritten.",
)
@click.option(
    "--to",
    "recipients",
    required=True,
    multiple=True,
    metavar="RECIPIENT",
    help="A public key of age (age1…), or a file of them; may be given several times.",
)
@pass_invocation
def export(invocation: Invocation, out: Path, recipients: tuple[str, ...]) -> None:
    """Everything the vault knows, as one file that only an escrow agent's key opens.

    It is a file of age (age-encryption.org) with gzip'd JSON Lines, which opens without this software:
    `age --decrypt -i KEY FILE | gunzip`. It holds what surrogates are derived from, too: whoever opens it can link
    every release.
    """
    from miner.broker.age import recipients_of
    from miner.broker.escrow import export as export_vault

    to = recipients_of(recipients)
    show(invocation).exported(export_vault(invocation.settings, os.environ, out, to))


@vault.command()
@pass_invocation
def rotate(invocation: Invocation) -> None:
    """A new project key: it opens the vault from now on, while surrogates and releases stay as they are.

    No run may be under way. Where the key is in MINER_KEY, the new one is taken from MINER_NEW_KEY. Cut off anywhere,
    the next command finishes it. Make a new backup afterwards; older backups open with the key they hold.
    """
    from miner.broker.rotate import rotate as rotate_key

    show(invocation).rotated(rotate_key(invocation.settings, os.environ))


@vault.command()
@click.option("--confirm", required=True, metavar="SITE", help="The name under [site] in the configuration.")
@pass_invocation
def destroy(invocation: Invocation, confirm: str) -> None:
    """Destroy key and vault for ever: releases can no longer be linked to patients.

    Needs neither a key nor a vault that can be read. Catalogue, pictures and releases stay, and status, audit and
    release work on; mining does not. Backups, escrow files, snapshots and a key in a secret store must be destroyed by
    those who keep them.
    """
    from miner.broker.destroy import destroy as destroy_vault

    show(invocation).destroyed(destroy_vault(invocation.settings, os.environ, confirm))
