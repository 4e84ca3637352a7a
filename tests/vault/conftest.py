"""Places for a vault, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))


@pytest.fixture
def key() -> bytes:
    return KEY


@pytest.fixture
def other_key() -> bytes:
    return OTHER_KEY


@pytest.fixture
def url(empty_url: str) -> str:
    """URL of a place without a vault."""
    return empty_url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'vault.sqlite'}"
