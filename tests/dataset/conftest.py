from __future__ import annotations

from pathlib import Path

import pytest

from miner.dataset import LesionRow, read_rows
from tests.dataset.making import FakeCatalogue


@pytest.fixture(scope="session")
def official_file(shared_data: Path) -> Path:
    """The first 1,686 official rows."""
    return shared_data / "deeplesion" / "DL_info.first-1686-rows.csv"


@pytest.fixture(scope="session")
def official_rows(official_file: Path) -> list[LesionRow]:
    return read_rows(official_file)


@pytest.fixture
def catalogue() -> FakeCatalogue:
    return FakeCatalogue()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder
