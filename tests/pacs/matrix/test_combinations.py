"""Combinations of faults by seed: whole, or named with its reason; nothing lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pacs.matrix.case import COMBINATIONS, WAYS, Bench, check
from tests.peers.faults import Faults


@pytest.mark.parametrize("seed", range(COMBINATIONS))
def test_combined(bench: Bench, tmp_path: Path, seed: int) -> None:
    check(bench, Faults.from_seed(seed), tmp_path, WAYS[seed % len(WAYS)])
