"""Care for the PACS: how fast it is asked, at which hours, and a stop that really stops."""

from __future__ import annotations

from miner.pacs.care.halt import Halt
from miner.pacs.care.hours import Hours
from miner.pacs.care.pace import Bounds, Pace, Wait
from miner.pacs.care.visitors import Refusal, Visitors

__all__ = ["Bounds", "Halt", "Hours", "Pace", "Refusal", "Visitors", "Wait"]
