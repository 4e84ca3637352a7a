"""The vault: the only place that knows names. Every other store holds surrogates."""

from miner.vault.identity import Identity, study_ref
from miner.vault.store import Vault

__all__ = ["Identity", "Vault", "study_ref"]
