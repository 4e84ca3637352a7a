"""The vault: the only place that knows names. Every other store holds surrogates."""

from miner.vault.identity import KINDS, Identity, study_ref
from miner.vault.store import Vault

__all__ = ["KINDS", "Identity", "Vault", "study_ref"]
