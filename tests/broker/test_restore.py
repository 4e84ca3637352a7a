"""A backup makes the project again, elsewhere and on another database, whole or not at all; its file tells nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyrage
import pytest

from miner.audit import verify
from miner.broker import archive, backup, restore
from miner.broker.age import Encrypted, Identities, Passphrase, Recipients, encrypt
from miner.broker.archive import Manifest, Member
from miner.broker.backup import back_up
from miner.broker.rotate import rotate
from miner.catalogue import Catalogue
from miner.errors import ChainError, ConfigError, DatabaseError, MinerError, SchemaError, UsageError
from miner.mining.project import open_catalogue, open_project
from miner.vault import Identity, Vault
from tests.broker.kept import NAMES, Kept, forms, mine, names_in, settings_of
from tests.catalogue.conftest import INFO
from tests.hospital.project import KEY
from tests.peers.postgresql import PostgreSQL

SECRET = pyrage.x25519.Identity.generate()
TO, BY = Recipients((SECRET.to_public(),)), Identities((SECRET,))
WORDS = Passphrase("correct horse battery staple")


@pytest.fixture(scope="session")
def whole(template: Kept, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the template."""
    out = tmp_path_factory.mktemp("backup") / "whole.age"
    back_up(template.settings, {}, out, TO)
    return out


def restored(file: Path, folder: Path, environment: dict[str, str] | None = None) -> Kept:
    restore.restore(Encrypted(file, BY), folder, environment or {})
    settings = settings_of(folder, environment)
    with open_catalogue(settings) as catalogue:
        assert catalogue.verify_chain() == catalogue.verify_rows() == []
    return Kept(folder, settings, "")


def rows_of(kept: Kept) -> dict[str, str]:
    """A digest of each table."""
    digests: dict[str, Any] = {}
    with (
        open_project(kept.settings, {}) as project,
        project.catalogue.snapshot() as rows,
        project.vault.snapshot() as sealed,
    ):
        for piece in (*rows.pieces, *sealed.pieces):
            digests.setdefault(piece.table, hashlib.sha256()).update(piece.lines)
    return {table: digest.hexdigest() for table, digest in digests.items() if table not in ("event", "chain")}


@pytest.mark.parametrize("way", ["recipient", "passphrase"])
def test_a_project_comes_back_elsewhere(kept: Kept, tmp_path: Path, way: str) -> None:
    who, before = kept.resolve(), rows_of(kept)
    out = tmp_path / "kept.age"
    done = back_up(kept.settings, {}, out, TO if way == "recipient" else WORDS)
    assert out.stat().st_mode & 0o777 == 0o600
    assert done.octets == out.stat().st_size
    assert (done.rows["vault/identity"], done.rows["catalogue/series"]) == (32, 2)
    made = restore.restore(Encrypted(out, BY if way == "recipient" else WORDS), tmp_path / "again", {})
    again = Kept(tmp_path / "again", settings_of(tmp_path / "again"), kept.patient_key)
    assert made.rows == done.rows
    assert again.resolve() == who
    assert rows_of(again) == before
    assert again.settings.key_file.stat().st_mode & 0o777 == 0o600
    assert (again.folder / "config.toml").read_bytes() == (kept.folder / "config.toml").read_bytes()
    assert {path.name for path in again.folder.iterdir()} == {"config.toml", "project.key", "data"}
    again.settings.images.rmdir()
    kept.settings.images.rename(again.settings.images)
    first = again.release(tmp_path / "first")
    again.settings.images.rename(kept.settings.images)
    assert kept.release(tmp_path / "second") == first
    assert kept.events().count("backup") == again.events().count("backup") == 1
    assert again.events().count("restored from a backup") == 1


@pytest.mark.peer
def test_sqlite_to_postgresql_and_back(kept: Kept, tmp_path: Path, postgresql: PostgreSQL) -> None:
    name = postgresql.new_database()  # both stores in one database
    there = {f"MINER_STORAGE__{store}": postgresql.url(name) for store in ("CATALOGUE", "VAULT")}
    before = rows_of(kept)
    back_up(kept.settings, {}, tmp_path / "one.age", TO)
    second = restored(tmp_path / "one.age", tmp_path / "second", there)
    assert rows_of(second) == before
    assert "postgresql" not in (second.folder / "config.toml").read_text()
    with pytest.raises(UsageError, match="vault at postgresql") as caught:
        restored(tmp_path / "one.age", tmp_path / "third", there)
    assert "password" not in str(caught.value)
    back_up(second.settings, {}, tmp_path / "two.age", TO)
    third = restored(tmp_path / "two.age", tmp_path / "third")
    assert rows_of(third) == before


@pytest.mark.peer
@pytest.mark.parametrize(
    "step",
    [
        "miner.catalogue.copying.close_run",
        "miner.catalogue.store.Catalogue.upgrade",
        "miner.broker.restore._give_config",
    ],
)
def test_a_failed_restore_leaves_postgresql_as_it_was(
    whole: Path, tmp_path: Path, postgresql: PostgreSQL, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = postgresql.new_database()
    there = {f"MINER_STORAGE__{store}": postgresql.url(name) for store in ("CATALOGUE", "VAULT")}
    with monkeypatch.context() as patched:
        patched.setattr(step, broken)
        with pytest.raises(ChainError, match="broken on purpose"):
            restored(whole, tmp_path / "again", there)
    assert not Vault.is_there(there["MINER_STORAGE__VAULT"])
    assert not Catalogue.is_there(there["MINER_STORAGE__CATALOGUE"])
    restored(whole, tmp_path / "again", there)


def broken(*_: object) -> None:
    raise ChainError("broken on purpose")


def test_while_a_run_is_under_way(kept: Kept, tmp_path: Path) -> None:
    with open_project(kept.settings, {}) as project:
        run = project.catalogue.begin_run(INFO)
        back_up(kept.settings, {}, tmp_path / "kept.age", TO)
        again = restored(tmp_path / "kept.age", tmp_path / "again")
        project.catalogue.end_run(run, "done", {})
    with open_catalogue(again.settings) as catalogue:
        assert [row.outcome for row in catalogue.runs()] == ["done", "interrupted"]
        mine(catalogue, again.settings, "c")
        assert catalogue.verify_rows() == []


def test_every_surrogate_of_the_catalogue_is_in_the_vault(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study that is mined between the two states: its identity may be there without it, never the other way."""
    real = Vault.snapshot

    def late(vault: Vault) -> Any:
        with open_catalogue(kept.settings) as catalogue:
            vault.remember([Identity("study", "c3" * 16, {"study_uid": "1.2.3"})])
            mine(catalogue, kept.settings, "c")
        return real(vault)

    with monkeypatch.context() as patched:
        patched.setattr(Vault, "snapshot", late)
        back_up(kept.settings, {}, tmp_path / "kept.age", TO)
    again = restored(tmp_path / "kept.age", tmp_path / "again")
    with open_project(again.settings, {}) as project:
        assert project.vault.resolve("study", "c3" * 16) is not None
        assert len(project.catalogue.release_content().series) == 2


def test_a_rotation_between_its_states_ends_it(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Vault.snapshot

    def late(vault: Vault) -> Any:
        monkeypatch.setattr(Vault, "snapshot", real)
        rotate(kept.settings, {})
        return real(vault)

    monkeypatch.setattr(Vault, "snapshot", late)
    with pytest.raises(DatabaseError, match="another key"):
        back_up(kept.settings, {}, tmp_path / "kept.age", TO)
    assert not list(tmp_path.glob("kept.age*"))


def test_a_rotation_after_its_states_does_not_part_key_and_vault(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive.as_member

    def late(name: str, content: Any) -> Member:
        monkeypatch.setattr(archive, "as_member", real)
        rotate(kept.settings, {})
        return real(name, content)

    monkeypatch.setattr(archive, "as_member", late)
    monkeypatch.setattr("miner.databases.engine.PATIENCE_SECONDS", 0.1)
    back_up(kept.settings, {}, tmp_path / "kept.age", TO)
    assert restored(tmp_path / "kept.age", tmp_path / "again").folder.exists()


def test_the_file_holds_no_identifier_and_no_plain_text_touches_the_disk(kept: Kept, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name, to in (("one", TO), ("two", WORDS)):
        back_up(kept.settings, {}, outside / name, to)
        octets = (outside / name).read_bytes()
        secrets = [*NAMES, KEY, "general-hospital", "catalogue/series", kept.patient_key]
        assert not [secret for secret in secrets if any(form in octets for form in forms(secret))]
    assert names_in(tmp_path) == []  # the vault's own file included
    (tmp_path / "leak").write_text(f"…{NAMES[0]}…")
    assert names_in(tmp_path) == [("leak", NAMES[0])]  # the search is not blind


def test_nothing_is_overwritten(kept: Kept, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is overwritten"):
        back_up(kept.settings, {}, kept.folder / "config.toml", TO)
    for occupied in (
        "config.toml",
        "project.key",
        "data/vault.sqlite",
        "data/catalogue.sqlite",
        "data/vault.sqlite-wal",
    ):
        folder = tmp_path / occupied.replace("/", "-")
        (folder / occupied).parent.mkdir(parents=True)
        (folder / occupied).write_text("somebody's")
        with pytest.raises(UsageError, match="overwrites nothing"):
            restored(whole, folder)
        assert [path.read_text() for path in folder.rglob("*") if path.is_file()] == ["somebody's"]


def test_the_key_of_the_environment_counts(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the backup's key"):
        restored(whole, tmp_path / "again", {"MINER_KEY": "00" * 32})
    again = restored(whole, tmp_path / "again", {"MINER_KEY": KEY})
    assert not again.settings.key_file.exists()


def test_cut_off_or_changed_is_refused(whole: Path, tmp_path: Path) -> None:
    octets = whole.read_bytes()
    places = [0, 30, 200, 250, len(octets) // 2, len(octets) - 1]
    damaged = [octets[:length] for length in (0, 10, 200, len(octets) // 2, len(octets) - 1)]
    damaged += [octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :] for place in places]
    damaged += [octets + b"\0"]
    for number, content in enumerate(damaged):
        file = tmp_path / f"{number}.age"
        file.write_bytes(content)
        with pytest.raises(UsageError):
            restored(file, tmp_path / "again")
        assert not (tmp_path / "again").exists(), number


def test_a_wrong_key_or_passphrase_is_one_sentence(kept: Kept, whole: Path, tmp_path: Path) -> None:
    back_up(kept.settings, {}, tmp_path / "words.age", WORDS)
    other = Identities((pyrage.x25519.Identity.generate(),))
    for file, access in (
        (whole, other),
        (whole, WORDS),
        (tmp_path / "words.age", BY),
        (tmp_path / "words.age", Passphrase("x")),
    ):
        with pytest.raises(UsageError, match="does not open"):
            restore.restore(Encrypted(file, access), tmp_path / "again", {})
    assert not (tmp_path / "again").exists()


def remade(whole: Path, out: Path, change: Callable[[list[Member]], list[Member]]) -> Path:
    """The backup with other members, as somebody might make who knows the public key."""
    with Encrypted(whole, BY).reading() as stream:
        members = change(list(archive.unpacked(stream)))
    with out.open("wb") as file:
        encrypt(archive.packed(members, 0), file, TO)
    return out


def with_manifest(members: list[Member]) -> list[Member]:
    """A manifest that agrees with the members."""
    old = json.loads(members[-1].octets)
    sha256 = {member.name: hashlib.sha256(member.octets).hexdigest() for member in members[:-1]}
    rows: dict[str, int] = {}
    for member in members[3:-1]:
        table = member.name.rpartition("/")[0]
        rows[table] = rows.get(table, 0) + member.octets.count(b"\n")
    return [*members[:-1], archive.as_member(archive.MANIFEST, Manifest(**{**old, "rows": rows, "sha256": sha256}))]


def changed(name: str, old: bytes, new: bytes) -> Callable[[list[Member]], list[Member]]:
    def _change(members: list[Member]) -> list[Member]:
        done = [
            Member(member.name, member.octets.replace(old, new)) if name in member.name else member
            for member in members
        ]
        assert done != members
        return with_manifest(done)

    return _change


def as_path(members: list[Member]) -> list[Member]:
    return with_manifest([Member(m.name.replace("vault/identity", "vault/../../x"), m.octets) for m in members])


def without_rows(members: list[Member]) -> list[Member]:
    return [Member(m.name, b"" if m.name.startswith("vault/identity") else m.octets) for m in members]


WRONG: dict[str, tuple[Callable[[list[Member]], list[Member]], type[MinerError]]] = {
    "no manifest": (lambda members: members[:-1], UsageError),
    "a member less": (lambda members: [*members[:5], *members[6:]], UsageError),
    "a member twice": (lambda members: [*members[:5], members[4], *members[5:]], UsageError),
    "a member after the end": (lambda members: [*members, Member("vault/identity/9.jsonl", b"")], UsageError),
    "another hash": (without_rows, UsageError),
    "no archive": (lambda members: [], UsageError),
    "a newer format": (changed("backup.json", b'"version": 1', b'"version": 2'), UsageError),
    "a newer schema": (changed("backup.json", b'"vault_schema": "0', b'"vault_schema": "9'), SchemaError),
    "a path as a table": (as_path, ChainError),
    "another key": (changed("project.key", b"5a5a", b"5a5b"), ConfigError),
    "another event": (changed("catalogue/event", b"run started", b"run begun.."), ChainError),
    "another row": (changed("catalogue/bookmark/", b'"site":"', b'"site":"x'), ChainError),
    "no such column": (changed("catalogue/bookmark/", b'"site":"', b'"side":"'), ChainError),
    "no JSON": (changed("catalogue/bookmark/", b'"site"', b'"site'), ChainError),
    "a damaged identity": (changed("vault/key_check", b'{"base64":"', b'{"base64":"A'), ChainError),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_agree_with_itself_is_refused(whole: Path, tmp_path: Path, case: str) -> None:
    change, error = WRONG[case]
    with pytest.raises(error):
        restored(remade(whole, tmp_path / "wrong.age", change), tmp_path / "again")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["wrong.age"]


class Killed(BaseException):
    """As a kill: nothing may be tidied up after it."""


POINTS = (
    ("miner.vault.copying.load", False),
    ("miner.vault.copying.load", True),
    ("miner.vault.store.Vault.upgrade", True),
    ("miner.vault.store.Vault.open", False),
    ("miner.catalogue.copying.load", False),
    ("miner.catalogue.copying.load", True),
    ("miner.catalogue.store.Catalogue.upgrade", False),
    ("miner.catalogue.store.Catalogue.upgrade", True),
    ("miner.catalogue.copying.close_run", False),
    ("miner.catalogue.copying.close_run", True),
    ("miner.catalogue.store.Catalogue.open", False),
    ("miner.broker.restore.bound_surrogates", False),
    ("miner.broker.restore.bound_surrogates", True),
    ("miner.broker.restore.write_key", False),
    ("miner.broker.restore.write_key", True),
    ("miner.broker.restore._refuse_occupied", True),
    ("miner.broker.restore._note", False),
    ("miner.broker.restore._note", True),
    ("miner.broker.restore._give_config", False),
    ("miner.broker.restore.sync_folder", True),
)


@contextmanager
def cut_at(monkeypatch: pytest.MonkeyPatch, point: str, after: bool, error: BaseException) -> Iterator[None]:
    owner, _, name = point.rpartition(".")
    holder: Any = __import__("pkgutil").resolve_name(
        owner.replace(".Vault", ":Vault").replace(".Catalogue", ":Catalogue")
    )
    real = getattr(holder, name)

    def cut(*arguments: Any, **named: Any) -> Any:
        if after:
            real(*arguments, **named)
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(holder, name, cut)
        yield


@pytest.mark.parametrize(("point", "after"), POINTS)
def test_killed_anywhere_it_leaves_no_project_and_can_be_called_again(
    whole: Path, tmp_path: Path, point: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "again"
    monkeypatch.setattr(restore, "_take_back", _kill)  # a killed process takes nothing back
    with cut_at(monkeypatch, point, after, Killed()), pytest.raises(Killed):
        restored(whole, folder)
    monkeypatch.undo()
    assert not (folder / "config.toml").exists()
    restored(whole, folder)
    assert not (folder / restore.UNFINISHED).exists()


@pytest.mark.parametrize(("point", "after"), [*POINTS[::3], ("miner.broker.restore._give_config", True)])
def test_a_failure_leaves_nothing(
    whole: Path, tmp_path: Path, point: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "again"
    with (
        cut_at(monkeypatch, point, after, ChainError("broken on purpose")),
        pytest.raises(ChainError, match="on purpose"),
    ):
        restored(whole, folder)
    assert not folder.exists()
    restored(whole, folder)


def _kill(*_: object) -> None:
    raise Killed


def test_what_a_killed_restore_made_elsewhere_is_not_forgotten(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"MINER_STORAGE__VAULT": f"sqlite:///{tmp_path}/elsewhere.sqlite"}
    monkeypatch.setattr(restore, "_take_back", _kill)
    with cut_at(monkeypatch, "miner.vault.copying.load", True, Killed()), pytest.raises(Killed):
        restored(whole, tmp_path / "again", there)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="elsewhere"):
        restored(whole, tmp_path / "again")
    restored(whole, tmp_path / "again", there)


def test_two_restores_into_one_folder(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    with restore.alone(tmp_path / "again" / restore.UNFINISHED, ""), pytest.raises(UsageError, match="Another restore"):
        restored(whole, tmp_path / "again")


def test_a_failed_backup_leaves_no_file(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup.archive, "counted", lambda *_: broken())
    with pytest.raises(ChainError, match="on purpose"):
        back_up(kept.settings, {}, tmp_path / "kept.age", TO)
    assert not list(tmp_path.glob("*.age*"))


def test_audit_verify_of_a_restored_project(kept: Kept, whole: Path, tmp_path: Path) -> None:
    again = restored(whole, tmp_path / "again")
    again.settings.images.rmdir()
    kept.settings.images.rename(again.settings.images)
    with open_catalogue(again.settings) as catalogue:
        assert verify(catalogue, again.settings.images, None) == []
