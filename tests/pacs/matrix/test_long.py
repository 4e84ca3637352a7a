"""Five hundred combinations of faults, with our own process killed on the way. Run with ``-m long``."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.pacs.matrix.case import COMBINATIONS, WAYS, Bench, Verdict
from tests.peers.faults import Faults

SEEDS = range(COMBINATIONS, COMBINATIONS + int(os.environ.get("MATRIX_COMBINATIONS", "500")))
"""The first ones are those of every run; ``MATRIX_COMBINATIONS`` sets how many."""

KILLS = 4
"""At most so many runs of a case are killed, each at a random moment."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one combination; ``fault`` says what was wrong, empty where nothing was."""

    seed: int
    verdict: Verdict
    runs: int
    kills: int
    fault: str = ""


def run_one(bench: Bench, folder: Path, seed: int) -> Result:
    """One combination, in a folder that is removed where nothing was wrong."""
    faults, retrieve = Faults.from_seed(seed), WAYS[seed % len(WAYS)]
    place = folder / str(seed)
    place.mkdir()
    with bench.case(faults, place, retrieve) as case:
        verdict = case.settle(kills=seed % (KILLS + 1))
    fault = "; ".join(case.wrongs[:3])
    if not fault and faults.curable(retrieve) and verdict is not Verdict.EQUAL:
        fault = f"can be cured, but ended {verdict}"
    if not fault:
        shutil.rmtree(place, ignore_errors=True)
    return Result(seed, verdict, case.runs, case.kills, fault and f"{faults} by {retrieve}: {fault}")


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_combinations_with_kills(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(os.cpu_count(), context) as pool:
        results = list(pool.map(partial(run_one, bench, tmp_path), SEEDS))
    verdicts = Counter(result.verdict for result in results)
    with capsys.disabled():
        print(
            f"\n{len(results)} combinations, {sum(result.runs for result in results)} runs, "
            f"{sum(result.kills for result in results)} kills: "
            + ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict)
        )
    faults = [result.fault for result in results if result.fault]
    assert not faults, "\n".join(faults)
