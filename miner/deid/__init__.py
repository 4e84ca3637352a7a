"""De-identification: what is read out of an image, what may be shown, and what stands in the place of who."""

from miner.deid.ages import parse_date
from miner.deid.gate import refused_class
from miner.deid.head import is_head
from miner.deid.indices import patient_sequence, split_of
from miner.deid.key import KEY_VARIABLE, new_key, read_key, write_key
from miner.deid.profile import PROFILE, ProfileOption
from miner.deid.projection import project
from miner.deid.surrogates import UNDATED, Surrogates

__all__ = [
    "KEY_VARIABLE",
    "PROFILE",
    "UNDATED",
    "ProfileOption",
    "Surrogates",
    "is_head",
    "new_key",
    "parse_date",
    "patient_sequence",
    "project",
    "read_key",
    "refused_class",
    "split_of",
    "write_key",
]
