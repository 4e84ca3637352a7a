"""What the commands print: one method per command."""

from miner.show.results import MISSING_SHOWN, Show

__all__ = ["MISSING_SHOWN", "Show"]
