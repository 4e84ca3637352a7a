"""A new key for a project: it takes over the vault's encryption, while surrogates stay what they are.

Surrogates are derived from the project's first key for ever, else every catalogue and release would come apart. So the
first key, the surrogate root, moves into the vault, sealed under the new key. From then on the old key file opens no
later state of the vault; what it can still do, as long as it exists somewhere, is to test a guess at a record number
against a catalogue or a release, and to open older backups of the vault.

Every step can be the last one before a kill: the new key is on disk before the vault changes, the vault changes in one
transaction, and whoever opens the project next finds out by which of the two keys it opens
(:func:`miner.mining.project.open_vault`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from miner.catalogue import Catalogue
from miner.config import Settings
from miner.deid import KEY_VARIABLE, NEW_KEY_VARIABLE, new_key, parse_key, shred, successor, take_over, vault_key
from miner.deid import write_key as write
from miner.errors import ConfigError, UsageError, WrongKey
from miner.mining.alone import alone
from miner.mining.project import KEY_ENTITY, ROTATING, open_catalogue, refuse_destroyed, unlock_vault
from miner.vault import Vault


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did.

    Attributes:
        identities: how many were sealed anew; None where an earlier call had done it.
        key_file: where the new key is; None where it comes from the environment.
        compacted: whether the octets of the old sealing are off the disk.
    """

    identities: int | None
    key_file: Path | None
    compacted: bool


def rotate(settings: Settings, environment: Mapping[str, str]) -> Rotated:
    """Take a new key into use. Where the key is in ``MINER_KEY``, the new one is that of ``MINER_NEW_KEY``.

    Raises:
        ConfigError: the key, or the new one; the vault was destroyed.
        UsageError: another rotation is under way.
        DatabaseError: a run is under way, or a database cannot be used: nothing was changed.
    """
    with open_catalogue(settings) as catalogue:
        refuse_destroyed(catalogue)
        catalogue.require_idle()
        if KEY_VARIABLE in environment:
            return _from_environment(settings, environment, catalogue)
        path = settings.key_file
        if path.is_mount():
            raise ConfigError(
                f"{path} is mounted by itself and cannot be replaced: mount the folder that it lies in. "
                "Nothing was changed."
            )
        with alone(path.resolve(), ROTATING) if path.exists() else nullcontext():
            key, vault, waited = unlock_vault(settings, environment)
            with vault:
                if waited:
                    take_over(path)
                shred(successor(path))  # of a rotation that was cut off before it reached the vault
                new = new_key()
                write(successor(path), new)
                count = _seal_anew(catalogue, vault, key, new)
                take_over(path)
                _record_end(catalogue, count)
                return Rotated(count, path, vault.compact())


def _from_environment(settings: Settings, environment: Mapping[str, str], catalogue: Catalogue) -> Rotated:
    if NEW_KEY_VARIABLE not in environment:
        raise ConfigError(
            f"The key is in {KEY_VARIABLE}: make a new one (`openssl rand -hex 32`), keep it in the secret store, and "
            f"give it in {NEW_KEY_VARIABLE}."
        )
    new = parse_key(environment[NEW_KEY_VARIABLE], f"the environment variable {NEW_KEY_VARIABLE}")
    try:
        key, vault, _ = unlock_vault(settings, environment)
    except WrongKey:
        with Vault.open(settings.vault_url, vault_key(new)) as vault:  # an earlier call was cut off at its end
            return Rotated(None, None, vault.compact())
    with vault:
        count = _seal_anew(catalogue, vault, key, new)
        _record_end(catalogue, count)
        return Rotated(count, None, vault.compact())


def _seal_anew(catalogue: Catalogue, vault: Vault, key: bytes, new: bytes) -> int:
    root = vault.surrogate_root() or key
    if new in (key, root):
        raise UsageError(f"{NEW_KEY_VARIABLE} holds a key that this project has had: make a new one.")
    catalogue.record_event("usage", KEY_ENTITY, {"what": "vault rotate"})
    return vault.rotate(vault_key(new), root)


def _record_end(catalogue: Catalogue, count: int) -> None:
    catalogue.record_event("generation", KEY_ENTITY, {"what": "vault rotated", "identities": count})
