"""The dataset: DeepLesion's format, releases in it, and the check of any folder in it.

Read :func:`miner.dataset.release.write_release` first. Public names are those below; the modules behind them may
change.
"""

from miner.dataset.checking import CheckReport, Code, Finding, check
from miner.dataset.compose import Change, Correction
from miner.dataset.dl_info import LesionRow, read_rows, write_rows
from miner.dataset.frame import read_frame
from miner.dataset.release import ReleaseCatalogue, ReleaseReport, rewrite_csvs, write_release
from miner.dataset.rules import ReleaseRules, rules_digest
from miner.dataset.selection import Remark

__all__ = [
    "Change",
    "CheckReport",
    "Code",
    "Correction",
    "Finding",
    "LesionRow",
    "ReleaseCatalogue",
    "ReleaseReport",
    "ReleaseRules",
    "Remark",
    "check",
    "read_frame",
    "read_rows",
    "rewrite_csvs",
    "rules_digest",
    "write_release",
    "write_rows",
]
