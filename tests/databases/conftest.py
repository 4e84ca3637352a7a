"""Both stores, as what asks something of a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import MetaData

from miner.catalogue import Catalogue, database, tables
from miner.databases import Store
from miner.vault import Vault
from miner.vault import database as vault_database
from miner.vault import tables as vault_tables

KEY = bytes(range(32))


@dataclass(frozen=True)
class Kept:
    """A store: what it is, and how it is made, opened and upgraded at a URL."""

    store: Store
    metadata: MetaData
    create: Callable[[str], Catalogue | Vault]
    open: Callable[[str], Catalogue | Vault]
    upgrade: Callable[[str], tuple[str, str]]


def create_catalogue(url: str) -> Catalogue:
    return Catalogue.create(url, site="here", patient_index_range=(1, 999))


CATALOGUE = Kept(database.STORE, tables.Base.metadata, create_catalogue, Catalogue.open, Catalogue.upgrade)
VAULT = Kept(
    vault_database.STORE,
    vault_tables.metadata,
    lambda url: Vault.create(url, KEY),
    lambda url: Vault.open(url, KEY),
    Vault.upgrade,
)


@pytest.fixture(params=[CATALOGUE, VAULT], ids=lambda kept: kept.store.name)
def kept(request: pytest.FixtureRequest) -> Kept:
    return request.param


@pytest.fixture
def store(kept: Kept) -> Store:
    return kept.store
