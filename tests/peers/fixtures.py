"""Pytest fixtures: real peers, one of each per test session, emptied before each test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.dcmtk import DcmQrScp
from tests.peers.orthanc import Orthanc


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


@pytest.fixture
def dcmqrscp() -> Iterator[DcmQrScp]:
    """A fresh dcmqrscp, empty; it knows AE title MINER on loopback, port ``dcmqrscp.move_port``."""
    with DcmQrScp() as peer:
        yield peer
