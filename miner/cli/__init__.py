"""The command line: one function per command, no logic. ``miner COMMAND --help`` says what each does."""

from miner.cli import audit, commands, databases, review, vault, withdrawal
from miner.cli.program import app, main

__all__ = ["app", "audit", "commands", "databases", "main", "review", "vault", "withdrawal"]
