"""The end of a vault: key and identities go, and a release can no longer be linked to anybody.

Needs neither a key nor a vault that can be read, so that a damaged one can be destroyed too. What was made of it stays:
catalogue, pictures and releases hold surrogates, and nothing leads back from them any more. Copies are beyond reach:
backups, escrow files, snapshots of disks and servers, and a key in a secret store are destroyed by those who keep them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from miner.config import Settings
from miner.deid import KEY_VARIABLE, shred, successor
from miner.errors import UsageError
from miner.mining.alone import alone
from miner.mining.project import DESTRUCTION, KEY_ENTITY, ROTATING, open_catalogue
from miner.vault import Vault

_DONE = "vault destroyed"


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What was destroyed now; a second call finds nothing left. ``key_in_environment``: somebody must remove it."""

    key_file: bool
    key_in_environment: bool
    before: bool


def destroy(settings: Settings, environment: Mapping[str, str], confirm: str) -> Destroyed:
    """Destroy key and vault, for ever. ``confirm`` must be the site's name.

    The event comes first; what a kill leaves, the next call takes. Raises UsageError for another name or while the key
    is rotated, DatabaseError while a run is under way or where the vault's database does not answer, StorageError where
    a file cannot go.
    """
    if confirm != settings.site.name:
        raise UsageError("--confirm must be the name under [site] in the configuration: nothing was destroyed.")
    with open_catalogue(settings) as catalogue:
        catalogue.require_idle()
        told = {str(event.payload.get("what")) for event in catalogue.events(KEY_ENTITY)}
        if DESTRUCTION not in told:
            catalogue.record_event("invalidation", KEY_ENTITY, {"what": DESTRUCTION})
        path = settings.key_file
        with alone(path.resolve(), ROTATING) if path.exists() else nullcontext():
            gone = [shred(key_file) for key_file in (successor(path), path)]
            Vault.destroy(settings.vault_url)
        if _DONE not in told:
            catalogue.record_event("invalidation", KEY_ENTITY, {"what": _DONE})
    return Destroyed(any(gone), KEY_VARIABLE in environment, DESTRUCTION in told)
