"""The end of a vault: nothing links a release any more, everything else works on, and a kill leaves no half."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from miner.audit import verify
from miner.broker import destroy as destroying
from miner.broker.destroy import destroy
from miner.broker.forget import find_unlinked, forget_unlinked
from miner.deid import successor, write_key
from miner.doctor import examine
from miner.errors import ConfigError, DatabaseError, SchemaError, UsageError
from miner.mining.alone import alone
from miner.mining.project import open_catalogue, open_project
from miner.setup import upgrade_databases
from miner.vault import Identity, Vault
from tests.broker.kept import Kept
from tests.catalogue.conftest import INFO

SITE = "general-hospital"


def nothing_is_left(kept: Kept) -> None:
    assert not kept.settings.key_file.exists()
    assert not successor(kept.settings.key_file).exists()
    if kept.settings.vault_url.startswith("sqlite"):
        assert not list(kept.settings.root.glob("vault.sqlite*"))
    with pytest.raises(ConfigError, match=r"destroyed on \d{4}-\d\d-\d\d"):
        kept.resolve()


def test_what_stays_works_on(either: Kept, tmp_path: Path) -> None:
    first = either.release(tmp_path / "first")
    digits = either.settings.key_file.read_text().strip()
    done = destroy(either.settings, {}, SITE)
    assert (done.key_file, done.key_in_environment, done.before) == (True, False, False)
    nothing_is_left(either)
    assert either.release(tmp_path / "second") == first
    with open_catalogue(either.settings) as catalogue:
        assert verify(catalogue, either.settings.images, tmp_path / "second") == []
        assert catalogue.status().patients == 2
    with pytest.raises(ConfigError, match="destroyed on"):  # the key in a secret store opens nothing either
        either.resolve({"MINER_KEY": digits})
    again = destroy(either.settings, {"MINER_KEY": digits}, SITE)
    assert (again.key_file, again.key_in_environment, again.before) == (False, True, True)
    assert either.events().count("vault destroy") == either.events().count("vault destroyed") == 1


def test_only_by_the_site_s_name(kept: Kept) -> None:
    for confirm in ("", "yes", "General-Hospital"):
        with pytest.raises(UsageError, match="nothing was destroyed"):
            destroy(kept.settings, {}, confirm)
    assert kept.resolve()
    assert "vault destroy" not in kept.events()


def test_a_vault_and_a_key_that_cannot_be_read(kept: Kept) -> None:
    Path(kept.settings.vault_url.removeprefix("sqlite:///")).write_bytes(b"no database" * 1000)
    kept.settings.key_file.write_text("no key")
    kept.settings.key_file.chmod(0o444)
    destroy(kept.settings, {}, SITE)
    nothing_is_left(kept)


def test_a_successor_goes_too(kept: Kept) -> None:
    write_key(successor(kept.settings.key_file), bytes(range(32)))
    destroy(kept.settings, {}, SITE)
    nothing_is_left(kept)


def test_not_while_a_run_is_under_way(kept: Kept) -> None:
    with open_project(kept.settings, {}) as project:
        run = project.catalogue.begin_run(INFO)
        with pytest.raises(DatabaseError, match="Another run"):
            destroy(kept.settings, {}, SITE)
        project.catalogue.end_run(run, "done", {})
    assert kept.resolve()


def test_who_had_it_open_cannot_write_any_more(either: Kept) -> None:
    with open_project(either.settings, {}) as project:
        destroy(either.settings, {}, SITE)
        with pytest.raises(DatabaseError, match="destroyed"):
            project.vault.remember([Identity("patient", "c3" * 16, {"patient_id": "1"})])


class Killed(BaseException):
    """As a kill."""


def shred(path: Path) -> bool:
    return destroying.shred(path)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["shred", "vault"])
def test_a_kill_is_finished_by_the_next_call(
    kept: Kept, step: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, name = (destroying, "shred") if step == "shred" else (Vault, "destroy")
    real: Callable[..., object] = getattr(holder, name)

    def cut(*arguments: object) -> None:
        if after:
            real(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(holder, name, cut)
        with pytest.raises(Killed):
            destroy(kept.settings, {}, SITE)
    with pytest.raises(ConfigError, match="destroyed on"):  # nobody mines into what is about to go
        kept.resolve()
    destroy(kept.settings, {}, SITE)
    nothing_is_left(kept)
    assert kept.events().count("vault destroy") == kept.events().count("vault destroyed") == 1


def test_not_while_the_key_is_rotated(kept: Kept) -> None:
    with alone(kept.settings.key_file, ""), pytest.raises(UsageError, match="rotation of this key is under way"):
        destroy(kept.settings, {}, SITE)
    assert kept.settings.key_file.exists()


def test_the_catalogue_can_still_be_upgraded(kept: Kept, copied: Callable[[Path], Kept], tmp_path: Path) -> None:
    destroy(kept.settings, {}, SITE)
    assert [entry.database for entry in upgrade_databases(kept.settings)] == ["catalogue"]
    lost = copied(tmp_path / "lost")
    Path(lost.settings.vault_url.removeprefix("sqlite:///")).unlink()
    with pytest.raises(SchemaError, match="There is no vault"):
        upgrade_databases(lost.settings)


def test_the_doctor_says_that_it_was_destroyed(kept: Kept) -> None:
    destroy(kept.settings, {}, SITE)
    [words] = [entry.words for entry in examine(kept.folder / "config.toml", {}).findings if entry.subject == "key"]
    assert "was destroyed on" in words


def test_a_patient_can_still_withdraw_by_a_public_name(kept: Kept, tmp_path: Path) -> None:
    rows = kept.release(tmp_path / "first")["bookmarks.csv"].decode().splitlines()
    name = rows[1].split(",")[2]
    with open_catalogue(kept.settings) as catalogue, pytest.raises(UsageError, match="was not destroyed"):
        find_unlinked(catalogue, name)
    destroy(kept.settings, {}, SITE)
    with open_catalogue(kept.settings) as catalogue:
        with pytest.raises(UsageError, match="no Patient ID leads to anybody"):
            find_unlinked(catalogue, "CANARY-4711")
        candidate = find_unlinked(catalogue, name)
        assert candidate.releases == (1,)
        pictures = sum(1 for _ in kept.settings.images.rglob("*.png"))
        done = forget_unlinked(kept.settings, catalogue, candidate)
        assert done.patient_index == int(name[:6])
        assert not done.again
        assert sum(1 for _ in kept.settings.images.rglob("*.png")) == pictures - candidate.counts["slices"]
        assert forget_unlinked(kept.settings, catalogue, find_unlinked(catalogue, name)).again
        assert [row.finished for row in catalogue.withdrawals() if row.person] == [True]
    after = kept.release(tmp_path / "second")["bookmarks.csv"].decode().splitlines()
    assert 0 < len(after) < len(rows)
    assert not any(row.split(",")[2].startswith(name[:6]) for row in after[1:])
    with open_catalogue(kept.settings) as catalogue:
        assert verify(catalogue, kept.settings.images, tmp_path / "second") == []
