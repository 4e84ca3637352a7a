"""The whole way with catalogue and vault on a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner.audit import verify
from miner.mining.project import open_catalogue
from tests.hospital import Hospital, ct_series, ruler_pair
from tests.hospital.project import release_files
from tests.peers.postgresql import PostgreSQL

pytestmark = pytest.mark.peer


def test_release_is_the_same_as_with_sqlite(tmp_path: Path, postgresql: PostgreSQL) -> None:
    urls = {name: postgresql.url(postgresql.new_database()) for name in ("catalogue", "vault")}
    releases = []
    for name, storage in (("sqlite", {}), ("postgresql", urls)):
        with Hospital(tmp_path / name, storage=storage) as hospital:
            for patient in ("P1", "P2"):
                images = ct_series(patient)
                hospital.add(images, ruler_pair(images[9]))
            assert hospital.mine().outcomes == {"mined": 2}
            assert hospital.mine().outcomes == {"unchanged": 2}
            hospital.release()
            with open_catalogue(hospital.settings) as catalogue:
                assert verify(catalogue, hospital.settings.images, tmp_path / name / "release") == []
            releases.append(release_files(tmp_path / name / "release"))
    assert releases[0] == releases[1]
