"""Every fault alone, and combinations of them by seed: whole, or named with its reason; nothing lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pacs.matrix.case import Bench, Verdict
from tests.peers.faults import FAULTS, Faults

COMBINATIONS = 40
WAYS = ("auto", "get", "move")


def check(bench: Bench, faults: Faults, folder: Path, retrieve: str) -> None:
    with bench.case(faults, folder, retrieve) as case:
        verdict = case.settle()
    assert case.wrongs == [], f"{faults} by {retrieve}: {case.log}"
    if faults.curable(retrieve):
        assert verdict is Verdict.EQUAL, f"{faults} by {retrieve} can be cured: {case.log}"


@pytest.mark.parametrize("name", FAULTS)
def test_alone(bench: Bench, tmp_path: Path, name: str) -> None:
    check(bench, Faults((name,), 1), tmp_path, "move" if "move" in FAULTS[name].closes else "auto")


@pytest.mark.parametrize("seed", range(COMBINATIONS))
def test_combined(bench: Bench, tmp_path: Path, seed: int) -> None:
    check(bench, Faults.from_seed(seed), tmp_path, WAYS[seed % len(WAYS)])
