"""`miner vault forget`: the withdrawal of a patient."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from miner.cli.program import Invocation, pass_invocation, show
from miner.cli.vault import vault
from miner.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from miner.broker.forget import Candidate, Forgotten


@vault.command()
@click.argument("patient")
@click.option("--issuer", metavar="TEXT", help="The Patient ID's issuer, where several are known; empty for none.")
@click.option("--unseen", is_flag=True, help="Keep out a Patient ID that was never mined, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_invocation
def forget(invocation: Invocation, patient: str, issuer: str | None, unseen: bool, yes: bool) -> None:
    """Withdraw PATIENT: rows, pictures and vault entries go for good, later runs do not bring them back.

    PATIENT is a Patient ID of the PACS; or a File_name, a PNG's path, a Lesion_uid, a surrogate of a patient or study,
    or patient:000123 for a Patient_index. A command line stays in the shell's history: give - and the Patient ID on
    standard input instead. Without --issuer, a Patient ID is kept out under every issuer from then on.

    After `miner vault destroy` a File_name, a Lesion_uid, a surrogate or patient:000123 still leads to a patient.

    Releases that were given away keep what they have: the command names them, and people have to withdraw the copies.
    A backup that was made before brings the patient back: make a new one, and after restoring an older one withdraw
    the patient again. Folders .NAME.partial-* beside releases are of releases that were cut off: remove them.
    """
    terminal = sys.stdin.isatty() and sys.stderr.isatty()
    if not yes and not terminal:
        raise UsageError("Withdrawing a patient cannot be undone: without a terminal to ask on, confirm it with --yes.")
    name = sys.stdin.readline() if patient == "-" else patient
    with _candidate(invocation, name, issuer, unseen) as (candidate, withdraw):
        if not yes:
            show(invocation).candidate(candidate)
            if not click.confirm("Withdraw this patient?", err=True):
                invocation.out.note("Nobody was withdrawn.")
                sys.exit(ExitStatus.INTERRUPTED)
        show(invocation).forgotten(withdraw())


@contextmanager
def _candidate(
    invocation: Invocation, name: str, issuer: str | None, unseen: bool
) -> Iterator[tuple[Candidate, Callable[[], Forgotten]]]:
    """Who is meant, and what withdraws that patient: with the vault, or without one that was destroyed."""
    from miner.broker.forget import find_patient, find_unlinked, forget, forget_unlinked
    from miner.mining.project import is_destroyed, open_catalogue, open_project

    settings = invocation.settings
    with open_catalogue(settings) as catalogue:
        if is_destroyed(catalogue):
            candidate = find_unlinked(catalogue, name)
            yield candidate, lambda: forget_unlinked(settings, catalogue, candidate)
            return
    with open_project(settings) as project:
        found = find_patient(project, name, issuer=issuer, unseen=unseen)
        yield found, lambda: forget(project, found)
