"""Objects made wrong are listed, skeleton and drawing included: never a crash, never a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from miner.console import plain
from miner.dialect import look_at
from miner.dialect.tables import pages
from miner.errors import UsageError
from tests.fuzzing.originals import PATIENT, generated
from tests.fuzzing.wounds import wounded

MUTANTS = 60


@pytest.mark.filterwarnings("ignore")
def test_mutants_are_listed(tmp_path: Path) -> None:
    originals = list(generated().values())
    listed = 0
    for seed in range(MUTANTS):
        path = tmp_path / "mutant.dcm"
        path.write_bytes(wounded(originals[seed % len(originals)], seed))
        try:
            listing = look_at([path], picture=tmp_path / "out.png", redacted=True)
        except UsageError:  # its file meta information now names an image
            continue
        listed += 1
        words = json.dumps(plain(listing), allow_nan=False) + str(list(pages(listing)))
        assert PATIENT.partition("^")[0] not in words
    assert listed > MUTANTS * 0.8
