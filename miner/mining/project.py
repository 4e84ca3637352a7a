"""A project: its settings, its key and its two databases, opened together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from miner.catalogue import Catalogue
from miner.config import Settings
from miner.deid import Surrogates, read_key
from miner.vault import Vault


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
    """Open key, vault and catalogue. Raises ConfigError, SchemaError or DatabaseError, each saying what to do."""
    surrogates = Surrogates(read_key(settings.key_file, os.environ if environment is None else environment))
    vault = Vault.open(settings.vault_url, surrogates.vault_key())
    try:
        with open_catalogue(settings) as catalogue:
            yield Project(settings, catalogue, vault, surrogates)
    finally:
        vault.close()


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
    """Create vault, catalogue, image store and spool where they are missing; what exists stays as it is."""
    settings.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.images.mkdir(parents=True, exist_ok=True)
    Vault.create(settings.vault_url, Surrogates(key).vault_key()).close()
    Catalogue.create(
        settings.catalogue_url, site=settings.site.name, patient_index_range=settings.site.patient_index_range
    ).close()
