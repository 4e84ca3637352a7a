"""The honest broker: whoever may hold key and vault. Every use of either is an event of the chain."""

from miner.broker.resolve import Resolved, resolve

__all__ = ["Resolved", "resolve"]
