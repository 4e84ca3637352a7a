"""What both stores need of a database: connections and transactions, schema versions, errors that are ours."""

from miner.databases.engine import Database, opening
from miner.databases.store import Store

__all__ = ["Database", "Store", "opening"]
