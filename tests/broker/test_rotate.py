"""A new key: the old one opens nothing any more, surrogates stay, and a kill at any point loses nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from miner.audit import verify
from miner.broker import rotate as rotating
from miner.broker.rotate import rotate
from miner.deid import Surrogates, read_key, successor, vault_key, write_key
from miner.errors import ChainError, ConfigError, DatabaseError, UsageError, WrongKey
from miner.mining import project as projects
from miner.mining.alone import alone
from miner.mining.project import open_catalogue, open_project
from miner.records import PatientRef
from miner.vault import Identity, Vault
from tests.broker.kept import Kept
from tests.catalogue.conftest import INFO


def surrogates_of(kept: Kept) -> str:
    with open_project(kept.settings, {}) as project:
        return project.surrogates.patient(PatientRef("4711"), "") + project.surrogates.study("1.2.3")


def test_everything_stays_but_the_key(either: Kept, tmp_path: Path) -> None:
    who, before, old = either.resolve(), surrogates_of(either), read_key(either.settings.key_file, {})
    first = either.release(tmp_path / "first")
    for _ in range(2):
        key = read_key(either.settings.key_file, {})
        done = rotate(either.settings, {})
        assert (done.identities, done.compacted) == (32, True)
        assert read_key(either.settings.key_file, {}) != key
        assert either.settings.key_file.stat().st_mode & 0o777 == 0o600
        assert not successor(either.settings.key_file).exists()
        with pytest.raises(WrongKey):
            Vault.open(either.settings.vault_url, vault_key(key))
        assert either.resolve() == who
        assert surrogates_of(either) == before
    assert Surrogates(old).patient(PatientRef("4711"), "") == before[:32]
    assert either.release(tmp_path / "second") == first
    with open_catalogue(either.settings) as catalogue:
        assert verify(catalogue, either.settings.images, tmp_path / "second") == []
    assert either.events().count("vault rotate") == either.events().count("vault rotated") == 2


def test_nothing_of_the_old_sealing_is_left_in_the_files(kept: Kept) -> None:
    file = Path(kept.settings.vault_url.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as connection:
        before = [row[0] for row in connection.execute("SELECT sealed FROM identity")]
    connection.close()
    rotate(kept.settings, {})
    octets = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert len(before) == 32
    assert not [sealed for sealed in before if sealed[:24] in octets]


def test_an_old_copy_of_the_vault_needs_the_old_key_and_a_new_one_the_new(kept: Kept, tmp_path: Path) -> None:
    old = read_key(kept.settings.key_file, {})
    file = Path(kept.settings.vault_url.removeprefix("sqlite:///"))
    rotate(kept.settings, {})
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(file.read_bytes())
    for key in (old, bytes(32)):
        with pytest.raises(WrongKey):
            Vault.open(f"sqlite:///{copy}", vault_key(key))


class Killed(BaseException):
    """As a kill: nothing of ours catches it."""


STEPS = ("shred", "write", "new_key", "vault_key", "take_over", "_record_end")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_around_any_step(kept: Kept, step: str, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    who, before = kept.resolve(), surrogates_of(kept)
    real = getattr(rotating, step)

    def cut(*arguments: object) -> object:
        if after:
            real(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(rotating, step, cut)
        with pytest.raises(Killed):
            rotate(kept.settings, {})
    assert kept.resolve() == who
    assert surrogates_of(kept) == before
    assert rotate(kept.settings, {}).identities == 32
    assert not successor(kept.settings.key_file).exists()
    assert kept.resolve() == who
    assert surrogates_of(kept) == before


def test_a_kill_between_vault_and_key_file_is_finished_by_whoever_comes_next(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = read_key(kept.settings.key_file, {})
    with monkeypatch.context() as patched:
        patched.setattr(rotating, "take_over", lambda path: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            rotate(kept.settings, {})
    assert read_key(kept.settings.key_file, {}) == old
    new = read_key(successor(kept.settings.key_file), {})
    kept.resolve()
    assert read_key(kept.settings.key_file, {}) == new
    assert not successor(kept.settings.key_file).exists()


def test_another_process_may_finish_it_in_between(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    old = read_key(kept.settings.key_file, {})
    rotate(kept.settings, {})
    keys = iter([old])
    real = read_key
    monkeypatch.setattr(projects, "read_key", lambda path, environment: next(keys, None) or real(path, environment))
    assert kept.resolve()


def test_a_successor_that_was_never_used_goes(kept: Kept) -> None:
    unused = bytes(range(32))
    write_key(successor(kept.settings.key_file), unused)
    kept.resolve()
    rotate(kept.settings, {})
    assert read_key(kept.settings.key_file, {}) != unused
    kept.resolve()


def test_not_while_a_run_is_under_way(kept: Kept) -> None:
    with open_project(kept.settings, {}) as project:
        run = project.catalogue.begin_run(INFO)
        with pytest.raises(DatabaseError, match="Another run"):
            rotate(kept.settings, {})
        project.catalogue.end_run(run, "done", {})
    rotate(kept.settings, {})


def test_two_rotations_at_once_never_happen(kept: Kept) -> None:
    before = read_key(kept.settings.key_file, {})
    with alone(kept.settings.key_file, ""), pytest.raises(UsageError, match="rotation of this key is under way"):
        rotate(kept.settings, {})
    assert read_key(kept.settings.key_file, {}) == before


def test_who_began_before_cannot_write_under_the_old_key(kept: Kept) -> None:
    with open_project(kept.settings, {}) as project:
        rotate(kept.settings, {})
        with pytest.raises(DatabaseError, match="another key"):
            project.vault.remember([Identity("patient", "c3" * 16, {"patient_id": "1"})])
        with pytest.raises(DatabaseError, match="another key"), project.vault.snapshot():
            pass
    with open_project(kept.settings, {}) as project:
        assert project.vault.count() == 32


def test_a_damaged_row_stops_it_and_nothing_is_changed(kept: Kept) -> None:
    key = read_key(kept.settings.key_file, {})
    file = Path(kept.settings.vault_url.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE identity SET sealed = x'00' WHERE kind = 'study'")
    connection.close()
    with pytest.raises(ChainError, match="damaged"):
        rotate(kept.settings, {})
    assert read_key(kept.settings.key_file, {}) == key
    assert kept.resolve()


def test_a_key_behind_a_link_is_replaced_where_it_is(kept: Kept, tmp_path: Path) -> None:
    real = tmp_path / "secrets" / "key"
    real.parent.mkdir(mode=0o700)
    kept.settings.key_file.rename(real)
    kept.settings.key_file.symlink_to(real)
    before = real.read_bytes()
    rotate(kept.settings, {})
    assert kept.settings.key_file.is_symlink() and real.read_bytes() != before
    assert kept.resolve()


def test_a_key_of_the_environment(kept: Kept) -> None:
    digits, new = kept.settings.key_file.read_text().strip(), os.urandom(32).hex()
    kept.settings.key_file.unlink()
    with pytest.raises(ConfigError, match="MINER_NEW_KEY"):
        rotate(kept.settings, {"MINER_KEY": digits})
    with pytest.raises(UsageError, match="has had"):
        rotate(kept.settings, {"MINER_KEY": digits, "MINER_NEW_KEY": digits})
    who = kept.resolve({"MINER_KEY": digits})
    for expected in (32, None):  # the second call finds the first one's work
        assert rotate(kept.settings, {"MINER_KEY": digits, "MINER_NEW_KEY": new}).identities == expected
    assert kept.resolve({"MINER_KEY": new}) == who
    with pytest.raises(WrongKey):
        kept.resolve({"MINER_KEY": digits})
    with pytest.raises(UsageError, match="has had"):  # the surrogate root
        rotate(kept.settings, {"MINER_KEY": new, "MINER_NEW_KEY": digits})
    assert not kept.settings.key_file.exists()


def test_a_catalogue_belongs_to_one_key(kept: Kept, copied: Callable[[Path], Kept], tmp_path: Path) -> None:
    other = copied(tmp_path / "other")
    rotate(other.settings, {})  # a rotated key is still the same project's
    other.resolve()
    storage = kept.settings.storage.model_copy(update={"catalogue": other.settings.catalogue_url})
    kept.settings.key_file.write_text("77" * 32)
    Path(kept.settings.vault_url.removeprefix("sqlite:///")).unlink()
    Vault.create(kept.settings.vault_url, vault_key(bytes.fromhex("77" * 32))).close()
    with pytest.raises(WrongKey, match="surrogates of another key"):
        Kept(kept.folder, kept.settings.model_copy(update={"storage": storage}), kept.patient_key).resolve()
    assert other.events().count("catalogue bound to its key") == 1


def test_a_key_that_waits_for_a_later_rotation_is_not_taken_over(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands: one finds an interrupted rotation; before it finishes it, another has, and began the next one."""
    path = kept.settings.key_file
    with monkeypatch.context() as patched:
        patched.setattr(rotating, "take_over", lambda path: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            rotate(kept.settings, {})
    opens, unused = read_key(successor(path), {}), bytes(range(32))
    real = Vault.open

    def meanwhile(url: str, key: bytes) -> Vault:
        vault = real(url, key)
        successor(path).replace(path)
        write_key(successor(path), unused)
        return vault

    monkeypatch.setattr(Vault, "open", meanwhile)
    kept.resolve()
    monkeypatch.undo()
    assert read_key(path, {}) == opens
    kept.resolve()


def test_nobody_finishes_a_rotation_that_is_under_way(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept.settings.key_file
    with monkeypatch.context() as patched:
        patched.setattr(rotating, "take_over", lambda path: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            rotate(kept.settings, {})
    with alone(path, ""):
        assert kept.resolve()
        assert successor(path).exists()
    assert kept.resolve()
    assert not successor(path).exists()


def test_what_another_process_still_reads_is_not_said_to_be_gone(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner.databases.engine.PATIENCE_SECONDS", 0.1)
    with open_project(kept.settings, {}) as reader, reader.vault.identities() as (_, identities):
        next(identities)
        assert not rotate(kept.settings, {}).compacted
        identities.close()
    assert rotate(kept.settings, {}).compacted


def test_a_key_that_is_mounted_by_itself_is_left_alone(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not be replaced: the vault would be sealed under a key that lies in a container's own layer."""
    before = kept.settings.key_file.read_bytes()
    monkeypatch.setattr(Path, "is_mount", lambda path: path == kept.settings.key_file)
    with pytest.raises(ConfigError, match="mount the folder"):
        rotate(kept.settings, {})
    assert kept.settings.key_file.read_bytes() == before
    with open_project(kept.settings, {}):
        assert not successor(kept.settings.key_file).exists()
