"""A PACS that misbehaves: one switch per way in which real ones do, in any combination, by seed."""

from tests.peers.faults.catalogue import FAULTS, Faults
from tests.peers.faults.fault import Fault, Sporadic
from tests.peers.faults.pacs import FaultyPacs

__all__ = ["FAULTS", "Fault", "Faults", "FaultyPacs", "Sporadic"]
