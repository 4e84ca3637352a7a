"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.peers.fixtures", "tests.hospital.fixtures"]

_CANDIDATES = (Path(__file__).resolve().parents[2] / "shared" / "data",)


def find_shared_data() -> Path | None:
    """The folder of real test data: ``$MINER_TEST_DATA``, or ``shared/data`` beside the checkout; None where absent."""
    named = os.environ.get("MINER_TEST_DATA")
    candidates = (Path(named),) if named else _CANDIDATES
    return next((folder for folder in candidates if folder.is_dir()), None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real CT and real annotation objects, read in place; the test skips, saying so, where they are absent."""
    folder = find_shared_data()
    if folder is None:
        pytest.skip("the folder of real test data (shared/data beside the checkout) is absent")
    return folder
