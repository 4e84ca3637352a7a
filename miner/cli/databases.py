"""`miner db`, `miner backup` and `miner restore`: the project's stores as files."""

from __future__ import annotations

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
