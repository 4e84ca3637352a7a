"""A hospital per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hospital import Hospital


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    """An empty loopback PACS, and a project that mines it."""
    with Hospital(tmp_path) as open_hospital:
        yield open_hospital
