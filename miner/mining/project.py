"""A project: its settings, its key and its two databases, opened together.

The key opens the vault; the vault says what surrogates are derived from, which is the project's first key for ever
(:mod:`miner.broker.rotate`); by these surrogates the catalogue knows whether it belongs to this key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from miner.catalogue import Catalogue
from miner.config import Settings
from miner.deid import KEY_VARIABLE, Crosswalk, Surrogates, read_crosswalk, read_key, successor, take_over, vault_key
from miner.errors import ConfigError, UsageError, WrongKey
from miner.mining.alone import alone
from miner.vault import Vault

KEY_ENTITY = "project-key"
"""What events of rotation and destruction are about."""

DESTRUCTION = "vault destroy"
"""``what`` of the event that precedes a destruction."""

_BOUND = b"the key that this catalogue belongs to"

ROTATING = "A rotation of this key is under way: wait until it has ended."
"""What is said to those who would change the key meanwhile."""


class Unlocked(NamedTuple):
    """A key, the vault that it opens, and whether it is the one that waited beside the key file."""

    key: bytes
    vault: Vault
    waited: bool


@dataclass(frozen=True)
class Project:
    """Everything one mining run works with. ``surrogates`` is the only thing that holds the key."""

    settings: Settings
    catalogue: Catalogue
    vault: Vault
    surrogates: Surrogates

    @property
    def images(self) -> Path:
        """The image store: ``<series surrogate>/<slice number>.png``."""
        return self.settings.images


@contextmanager
def open_project(settings: Settings, environment: Mapping[str, str] | None = None) -> Iterator[Project]:
    """Open catalogue, key and vault.

    Raises ConfigError, SchemaError or DatabaseError, each saying what to do; ConfigError also where the vault was
    destroyed.
    """
    crosswalk = crosswalk_of(settings)
    with open_catalogue(settings) as catalogue:
        refuse_destroyed(catalogue)
        key, vault = open_vault(settings, os.environ if environment is None else environment)
        with vault:
            surrogates = bound_surrogates(catalogue, vault, key, crosswalk)
            yield Project(settings, catalogue, vault, surrogates)


def bound_surrogates(catalogue: Catalogue, vault: Vault, key: bytes, crosswalk: Crosswalk | None = None) -> Surrogates:
    """The project's surrogates, by the root that the vault holds or the key itself.

    Raises WrongKey where the catalogue holds surrogates of another one.
    """
    surrogates = Surrogates(vault.surrogate_root() or key, crosswalk)
    catalogue.bind_key(surrogates.content(_BOUND))
    return surrogates


def is_bound(catalogue: Catalogue, surrogates: Surrogates) -> bool | None:
    """Whether the catalogue holds surrogates of this key; None before its first use. Changes nothing."""
    check = catalogue.key_check()
    return None if check is None else check == surrogates.content(_BOUND)


def open_vault(settings: Settings, environment: Mapping[str, str]) -> tuple[bytes, Vault]:
    """The project's key, and the vault that it opens; the caller closes it.

    A rotation that was cut off between the vault and the key file is finished here: the key that was waiting beside
    the key file opens the vault, and takes its place.

    Raises ConfigError (WrongKey where the key is not the vault's), SchemaError or DatabaseError.
    """
    key, vault, waited = unlock_vault(settings, environment)
    if waited:
        try:
            _finish_rotation(settings.key_file, key)
        except BaseException:
            vault.close()
            raise
    return key, vault


def unlock_vault(settings: Settings, environment: Mapping[str, str]) -> Unlocked:
    """As :func:`open_vault`, but a key that waits is left where it is."""
    key = read_key(settings.key_file, environment)
    try:
        return Unlocked(key, Vault.open(settings.vault_url, vault_key(key)), waited=False)
    except WrongKey:
        if KEY_VARIABLE in environment:
            raise
    waiting = successor(settings.key_file)
    waited = waiting.exists()
    try:
        key = read_key(waiting if waited else settings.key_file, {})
    except ConfigError:
        key, waited = read_key(settings.key_file, {}), False  # another process has finished the rotation since
    return Unlocked(key, Vault.open(settings.vault_url, vault_key(key)), waited)


def _finish_rotation(path: Path, key: bytes) -> None:
    """Put the key that opened the vault in its place, if it is still the one that waits.

    By a rotation that is under way another one may wait by now, which opens nothing yet: taken over, it would be
    written over the only key that opens the vault. So only under the lock of rotations, and after another look.
    """
    with suppress(UsageError), alone(path.resolve(), ROTATING):  # who holds the lock does the same
        try:
            still = read_key(successor(path), {}) == key
        except ConfigError:
            return  # another process has finished it
        if still:
            take_over(path)


def is_destroyed(catalogue: Catalogue) -> bool:
    """Whether the vault that the catalogue's surrogates come from was destroyed."""
    return _destroyed_on(catalogue) is not None


def refuse_destroyed(catalogue: Catalogue) -> None:
    """Raise ConfigError where the vault was destroyed."""
    if (day := _destroyed_on(catalogue)) is not None:
        raise ConfigError(
            f"The vault was destroyed on {day}: releases can no longer be linked to patients, and nothing can be mined "
            "into this catalogue. Status, audit and releases work on; for new data begin a new project with "
            "`miner init`."
        )


def _destroyed_on(catalogue: Catalogue) -> str | None:
    events = (event for event in catalogue.events(KEY_ENTITY) if event.payload.get("what") == DESTRUCTION)
    return next((event.time[:10] for event in events), None)


def crosswalk_of(settings: Settings) -> Crosswalk | None:
    """The crosswalk that ``[selection] crosswalk`` names, None without one. Raises ConfigError."""
    named = settings.selection.crosswalk
    return read_crosswalk(settings.path(named)) if named else None


@contextmanager
def open_catalogue(settings: Settings) -> Iterator[Catalogue]:
    """Open the catalogue alone (status, release and audit need neither key nor vault)."""
    catalogue = Catalogue.open(settings.catalogue_url)
    try:
        catalogue.adopt(settings.site.name, settings.site.patient_index_range)
        yield catalogue
    finally:
        catalogue.close()


def create_stores(settings: Settings, key: bytes) -> None:
    """Create vault, catalogue, image store and spool where they are missing; what exists stays as it is.

    Raises WrongKey where a vault or a catalogue of another key is there.
    """
    settings.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.images.mkdir(parents=True, exist_ok=True)
    with (
        Vault.create(settings.vault_url, vault_key(key)) as vault,
        closing(
            Catalogue.create(
                settings.catalogue_url, site=settings.site.name, patient_index_range=settings.site.patient_index_range
            )
        ) as catalogue,
    ):
        refuse_destroyed(catalogue)
        bound_surrogates(catalogue, vault, key)
