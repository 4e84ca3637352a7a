"""The bench of the matrix, built once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.pacs.matrix import child
from tests.pacs.matrix.archive import build
from tests.pacs.matrix.case import TITLE, Bench, configured, release_of, template
from tests.peers.faults import FaultyPacs
from tests.peers.network import free_port


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Archive, template and reference."""
    folder = tmp_path_factory.mktemp("matrix")
    archive = build(folder / "archive", date.today())
    template(folder / "template")
    return Bench(folder, archive, _reference(folder, archive.folder))


def _reference(folder: Path, objects: Path) -> dict[str, bytes]:
    project = folder / "reference"
    template(project)
    port = free_port()
    with FaultyPacs(objects, [], destinations={TITLE: ("127.0.0.1", port)}) as pacs:
        settings = configured(project, pacs, "auto", port)
        ended = child.mine(project)
    assert (ended.how, ended.outcomes) == ("done", {"mined": 5, "refused": 1}), ended
    return release_of(settings, folder / "release")
