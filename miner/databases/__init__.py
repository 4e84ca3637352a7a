"""What both stores need of a database: connections and transactions, schema versions, errors that are ours."""

from miner.databases.compact import compact
from miner.databases.dump import Loader, Piece, pieces
from miner.databases.engine import Database, opening
from miner.databases.store import Store

__all__ = ["Database", "Loader", "Piece", "Store", "compact", "opening", "pieces"]
