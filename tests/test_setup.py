"""miner.setup: `init` makes a project whole, or leaves nothing that stops the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner.config import load
from miner.doctor import examine
from miner.errors import ConfigError, DatabaseError, StorageError, UsageError
from miner.mining.project import open_project
from miner.setup import init_project
from tests.peers.network import free_port
from tests.peers.postgresql import PostgreSQL


def test_a_failed_init_can_be_given_again(tmp_path: Path) -> None:
    nowhere = {"MINER_STORAGE__CATALOGUE": f"postgresql://u:p@127.0.0.1:{free_port()}/none"}
    with pytest.raises(DatabaseError):
        init_project(tmp_path, nowhere)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    init_project(tmp_path, {})
    with open_project(load(tmp_path / "config.toml", {}), {}):
        pass


def test_a_failed_init_leaves_what_was_there(tmp_path: Path) -> None:
    init_project(tmp_path / "first", {})
    vault = tmp_path / "first" / "data" / "vault.sqlite"
    before = vault.read_bytes()
    with pytest.raises(ConfigError, match="another key"):
        init_project(tmp_path / "second", {"MINER_STORAGE__VAULT": f"sqlite:///{vault}"})
    assert vault.read_bytes() == before
    assert not (tmp_path / "second" / "project.key").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not a folder"):
        init_project(tmp_path / "file", {})


def test_a_key_variable_that_is_empty_is_not_replaced_by_a_new_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MINER_KEY"):
        init_project(tmp_path, {"MINER_KEY": ""})
    assert not (tmp_path / "project.key").exists()


def test_a_catalogue_of_another_key_is_refused(tmp_path: Path) -> None:
    init_project(tmp_path / "first", {})
    catalogue = tmp_path / "first" / "data" / "catalogue.sqlite"
    with pytest.raises(ConfigError, match="surrogates of another key"):
        init_project(tmp_path / "second", {"MINER_STORAGE__CATALOGUE": f"sqlite:///{catalogue}"})
    assert [path for path in (tmp_path / "second").rglob("*") if path.is_file()] == []
    with open_project(load(tmp_path / "first" / "config.toml", {}), {}):
        pass


@pytest.mark.peer
def test_a_failed_init_leaves_postgresql_as_it_was(
    tmp_path: Path, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = postgresql.url(postgresql.new_database())
    environment = {"MINER_STORAGE__VAULT": there, "MINER_STORAGE__CATALOGUE": there}
    with monkeypatch.context() as patched:
        patched.setattr("miner.setup.example_config", lambda: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(StorageError):
            init_project(tmp_path, environment)
    init_project(tmp_path, environment)
    with open_project(load(tmp_path / "config.toml", environment), {}):
        pass


def test_the_doctor_tells_of_another_project_s_catalogue(tmp_path: Path) -> None:
    for name in ("first", "second"):
        init_project(tmp_path / name, {})
    swapped = {"MINER_STORAGE__CATALOGUE": f"sqlite:///{tmp_path / 'second' / 'data' / 'catalogue.sqlite'}"}
    findings = examine(tmp_path / "first" / "config.toml", swapped | {"MINER_PACS__PROTOCOL": "folder"}).findings
    [found] = [entry for entry in findings if entry.subject == "vault"]
    assert found.state == "fault" and "surrogates of another" in found.words
