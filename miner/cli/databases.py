"""`miner db`, `miner backup` and `miner restore`: the project's stores as files."""

from __future__ import annotations

import os
from pathlib import Path

import click

from miner.cli.program import Invocation, app, pass_invocation, show


@app.group(no_args_is_help=False)
def db() -> None:
    """The two databases."""


@db.command()
@pass_invocation
def upgrade(invocation: Invocation) -> None:
    """Bring vault and catalogue to this version's schema; a newer schema is refused."""
    from miner.setup import upgrade_databases

    show(invocation).upgraded(upgrade_databases(invocation.settings))


@app.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its first line is the passphrase; else $MINER_BACKUP_PASSPHRASE, else it is asked for.",
)
@click.option(
    "--to",
    "recipients",
    multiple=True,
    metavar="RECIPIENT",
    help="Instead of a passphrase a public key of age (age1…), or a file of them; may be given several times.",
)
@pass_invocation
def backup(invocation: Invocation, file: Path, passphrase_file: Path | None, recipients: tuple[str, ...]) -> None:
    """Key, vault, catalogue and configuration as one encrypted FILE; a run may be under way.

    It holds config.toml, the project's key, and every row of both databases as text, so that a project on SQLite can be
    restored on PostgreSQL and the other way round. It does not hold pictures (the same PACS gives them again, and the
    catalogue has their hashes; or back up the image store as files), releases, nor the files that the configuration
    names: opt-out list, crosswalk, certificates, passwords. FILE is a file of age (age-encryption.org); with a
    passphrase it is made in memory, to a public key it streams. Whoever opens it can link every release.
    """
    from miner.broker.age import passphrase_of, recipients_of
    from miner.broker.backup import back_up

    if recipients and passphrase_file:
        raise click.UsageError("Give --passphrase-file or --to, not both.")
    to = recipients_of(recipients) if recipients else passphrase_of(passphrase_file, os.environ, new=True)
    show(invocation).backed_up(back_up(invocation.settings, os.environ, file, to))


@app.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Becomes the project's folder; else the working directory.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its first line is the passphrase; else $MINER_BACKUP_PASSPHRASE, else it is asked for.",
)
@click.option(
    "--identity", type=click.Path(path_type=Path), metavar="FILE", help="The secret key that the backup was made for."
)
@pass_invocation
def restore(
    invocation: Invocation, file: Path, folder: Path, passphrase_file: Path | None, identity: Path | None
) -> None:
    """Make the project of a backup again, whole or not at all; nothing is overwritten.

    MINER_STORAGE__VAULT and the like say where to, as with init, and are not written down. The backup's hashes, the
    key, the event chain and every row are checked first. A run that was under way when the backup was made counts as
    interrupted; the next one goes on from there. Patients who were withdrawn after the backup are in it again, and
    have to be withdrawn again before anything is mined or released.
    """
    from miner.broker.age import Encrypted, identities_of, passphrase_of
    from miner.broker.restore import restore as restore_project

    if identity and passphrase_file:
        raise click.UsageError("Give --passphrase-file or --identity, not both.")
    access = identities_of(identity) if identity else passphrase_of(passphrase_file, os.environ, new=False)
    show(invocation).restored(restore_project(Encrypted(file, access), folder, os.environ))
