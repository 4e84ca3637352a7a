"""Pytest fixtures: real peers, one of each per test session; a test that asks for one finds it empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.dcmtk import DcmQrScp
from tests.peers.orthanc import Orthanc
from tests.peers.postgresql import PostgreSQL, require_binaries


@pytest.fixture(scope="session")
def running_orthanc() -> Iterator[Orthanc]:
    """One Orthanc for the whole session, with whatever the tests before have left in it."""
    with Orthanc() as peer:
        yield peer


@pytest.fixture
def orthanc(running_orthanc: Orthanc) -> Orthanc:
    """A real Orthanc without any object in it; it knows AE title MINER on loopback, port ``orthanc.move_port``."""
    running_orthanc.clear()
    return running_orthanc


@pytest.fixture(scope="session")
def running_dicomweb() -> Iterator[Orthanc]:
    """One Orthanc with its DICOMweb plug-in for the whole session."""
    with Orthanc(dicomweb=True) as peer:
        yield peer


@pytest.fixture
def dicomweb(running_dicomweb: Orthanc) -> Orthanc:
    """A real Orthanc without any object in it that answers DICOMweb at ``dicomweb.url``, and DIMSE beside it."""
    running_dicomweb.clear()
    return running_dicomweb


@pytest.fixture
def dcmqrscp() -> Iterator[DcmQrScp]:
    """A fresh dcmqrscp, empty; it knows AE title MINER on loopback, port ``dcmqrscp.move_port``."""
    with DcmQrScp() as peer:
        yield peer


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One PostgreSQL server for the whole session; tests make databases in it."""
    with PostgreSQL(require_binaries()) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database of the test's own that holds nothing yet: no file, an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.url(server.new_database())
