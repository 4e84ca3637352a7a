"""The whole way with catalogue and vault on a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner.audit import verify
from miner.broker.forget import find_patient, forget
from miner.mining.project import open_catalogue, open_project
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


def test_a_withdrawal_leaves_nothing(tmp_path: Path, postgresql: PostgreSQL) -> None:
    urls = {name: postgresql.url(postgresql.new_database()) for name in ("catalogue", "vault")}
    with Hospital(tmp_path, storage=urls) as hospital:
        for patient in ("P1", "P2"):
            images = ct_series(patient)
            hospital.add(images, ruler_pair(images[9]))
        hospital.mine()
        hospital.release("one")
        with open_project(hospital.settings, {}) as project:
            done = forget(project, find_patient(project, "P1"))
            assert done.identities > 3
            with project.vault.identities() as (_, entries):
                assert not any("P1" in entry.value.values() for entry in entries)
        assert hospital.mine().passed_over == 1
        hospital.release("two")
        with open_catalogue(hospital.settings) as catalogue:
            assert verify(catalogue, hospital.settings.images, tmp_path / "two") == []
