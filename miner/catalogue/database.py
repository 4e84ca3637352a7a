"""The catalogue's database."""

from __future__ import annotations

from miner.databases import Store

STORE = Store(
    "catalogue",
    writers=0x434154414C,  # any number that nobody else in the database locks by: "CATAL"
)
