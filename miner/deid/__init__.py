"""De-identification: what is read out of an image, what may be shown, and what stands in the place of who."""

from miner.deid.ages import parse_date
from miner.deid.crosswalk import Crosswalk, read_crosswalk
from miner.deid.gate import refused_class
from miner.deid.head import is_head
from miner.deid.indices import patient_sequence, split_of
from miner.deid.key import (
    KEY_VARIABLE,
    NEW_KEY_VARIABLE,
    new_key,
    parse_key,
    read_key,
    shred,
    successor,
    take_over,
    write_key,
)
from miner.deid.profile import PROFILE, ProfileOption
from miner.deid.projection import project
from miner.deid.surrogates import UNDATED, Surrogates, vault_key

__all__ = [
    "KEY_VARIABLE",
    "NEW_KEY_VARIABLE",
    "PROFILE",
    "UNDATED",
    "Crosswalk",
    "ProfileOption",
    "Surrogates",
    "is_head",
    "new_key",
    "parse_date",
    "parse_key",
    "patient_sequence",
    "project",
    "read_crosswalk",
    "read_key",
    "refused_class",
    "shred",
    "split_of",
    "successor",
    "take_over",
    "vault_key",
    "write_key",
]
