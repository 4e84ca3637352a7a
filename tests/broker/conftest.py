"""A small project per test, made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.broker.kept import Kept, keep, settings_of
from tests.peers.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The project that others are copies of."""
    return keep(tmp_path_factory.mktemp("kept") / "project")


@pytest.fixture
def copied(template: Kept) -> Callable[[Path], Kept]:
    """Makes a project of its own in a folder."""

    def _copy(folder: Path) -> Kept:
        shutil.copytree(template.folder, folder)
        return Kept(folder, settings_of(folder), template.patient_key)

    return _copy


@pytest.fixture
def kept(copied: Callable[[Path], Kept], tmp_path: Path) -> Kept:
    """A project on SQLite."""
    return copied(tmp_path / "project")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """A project on SQLite, and one on PostgreSQL."""
    if request.param == "sqlite":
        made: Kept = request.getfixturevalue("kept")
        return made
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return keep(tmp_path / "project", **{name: server.url(server.new_database()) for name in ("vault", "catalogue")})
