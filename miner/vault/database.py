"""The vault's database."""

from __future__ import annotations

from miner.databases import Store

STORE = Store(
    "vault",
    writers=0x5641554C54,  # any number that nobody else in the database locks by: "VAULT"
)
