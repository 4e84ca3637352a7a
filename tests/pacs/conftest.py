"""Fixtures for the tests of the archive side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from miner.config import Pacs as PacsSettings
from miner.pacs import Peer, connect, retry
from miner.pacs.dimse.archive import DimsePacs


class Reachable(Protocol):
    """What a connection needs to know of a peer."""

    host: str
    port: int
    ae_title: str


Connect = Callable[..., DimsePacs]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions without the pauses that spare a clinical PACS."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)


def settings_for(peer: Reachable, **values: Any) -> PacsSettings:
    """Settings that lead to this peer, with short limits."""
    defaults: dict[str, Any] = {
        "host": peer.host,
        "port": peer.port,
        "ae_title": peer.ae_title,
        "move_port": getattr(peer, "move_port", 0),
        "connect_seconds": 5.0,
        "silence_seconds": 5.0,
    }
    return PacsSettings(**{**defaults, **values})


def peer_for(peer: Reachable, **values: Any) -> Peer:
    """The same as the connections take it."""
    return Peer(settings_for(peer, **values))


@pytest.fixture
def connected() -> Iterator[Connect]:
    """``connected(peer, attempts=3, profile=None, **settings)``: a connection that is closed after the test."""
    opened: list[DimsePacs] = []

    def open_one(peer: Reachable, *, attempts: int = 3, profile: Any = None, **values: Any) -> DimsePacs:
        pacs = connect(peer_for(peer, **values), profile=profile, attempts=attempts)
        assert isinstance(pacs, DimsePacs)
        opened.append(pacs)
        return pacs

    yield open_one
    for pacs in opened:
        pacs.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool that does not exist yet."""
    return tmp_path / "spool"


@pytest.fixture
def slices(shared_data: Path) -> list[Path]:
    """Five slices of a real chest CT."""
    return sorted((shared_data / "ct" / "lidc-idri-0314").glob("*.dcm"))[:5]


@pytest.fixture
def states(shared_data: Path) -> list[Path]:
    """Three real presentation states."""
    return sorted((shared_data / "presentation-states" / "clearcanvas").glob("*.pr.dcm"))
