from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from miner.errors import ChainError, ConfigError, DatabaseError, PermanentError
from miner.vault import Identity, Vault
from miner.vault.tables import identity

PATIENT = Identity("patient", "a1" * 16, {"patient_id": "CANARY-4711", "issuer": "CANARY-HOSPITAL"})
STUDY = Identity("study", "b2" * 16, {"study_uid": "1.2.840.99999.4711", "study_date": "19991231", "accession": "A17"})


def count(url: str) -> int:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM identity")).scalar_one())
    finally:
        engine.dispose()


def sealed(url: str, key: str) -> bytes:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return bytes(connection.execute(identity.select().where(identity.c.key == key)).one().sealed)
    finally:
        engine.dispose()


def test_what_is_remembered_is_found_again(url: str, key: bytes) -> None:
    with Vault.create(url, key) as vault:
        vault.remember([PATIENT, STUDY])
        assert vault.resolve("patient", PATIENT.key) == PATIENT
    with Vault.open(url, key) as vault:
        assert vault.resolve("study", STUDY.key) == STUDY
        assert vault.resolve("study", PATIENT.key) is None
        assert vault.resolve("patient", "00" * 16) is None


def test_every_kind_and_a_thousand_at_once(url: str, key: bytes) -> None:
    kinds = ("patient", "study", "series", "instance", "object")
    entries = [Identity(kinds[n % 5], f"{n:032x}", {"sop_uid": f"1.2.{n}"}) for n in range(1_200)]
    with Vault.create(url, key) as vault:
        vault.remember(iter(entries))
        assert count(url) == 1_200
        assert all(vault.resolve(entry.kind, entry.key) == entry for entry in entries[::100])
        vault.remember([])
        assert count(url) == 1_200


def test_remembering_twice_changes_nothing(url: str, key: bytes) -> None:
    with Vault.create(url, key) as vault:
        vault.remember([PATIENT])
        before = sealed(url, PATIENT.key)
        vault.remember([PATIENT, PATIENT])
        assert sealed(url, PATIENT.key) == before
        assert count(url) == 1


def test_an_empty_value_makes_nothing_forgotten(url: str, key: bytes) -> None:
    with Vault.create(url, key) as vault:
        vault.remember([STUDY])
        vault.remember([Identity("study", STUDY.key, {"accession": "", "study_date": "20000101", "issuer": "x"})])
        found = vault.resolve("study", STUDY.key)
    assert found is not None
    assert found.value == {**STUDY.value, "study_date": "20000101", "issuer": "x"}


def test_a_study_that_moved_to_another_patient_takes_nothing_of_the_old_one(url: str, key: bytes) -> None:
    old = {"study_uid": "1.2", "patient_id": "A", "issuer": "ELSEWHERE", "accession": "7"}
    new = {"study_uid": "1.2", "patient_id": "B", "issuer": "", "accession": ""}
    with Vault.create(url, key) as vault:
        for value in (old, new):
            vault.remember([Identity("study", "s", value)])
        found = vault.resolve("study", "s")
    assert found is not None
    assert found.value == new


def test_all_or_none(url: str, key: bytes) -> None:
    with Vault.create(url, key) as vault:
        with pytest.raises(ValueError, match="an identity is of"):
            vault.remember([PATIENT, Identity("person", "ab", {})])
        assert count(url) == 0
        with pytest.raises(PermanentError) as caught:
            vault.remember([PATIENT, Identity("study", None, {"patient_id": "CANARY"})])  # type: ignore[arg-type]
        assert count(url) == 0
    assert "CANARY" not in str(caught.value)


def test_creating_again_opens_what_is_there(url: str, key: bytes, other_key: bytes) -> None:
    with Vault.create(url, key) as vault:
        vault.remember([PATIENT])
    with Vault.create(url, key) as vault:
        assert vault.resolve("patient", PATIENT.key) == PATIENT
    with pytest.raises(ConfigError, match="another key"):
        Vault.create(url, other_key)


def test_another_key_is_refused(url: str, key: bytes, other_key: bytes) -> None:
    Vault.create(url, key).close()
    with pytest.raises(ConfigError, match="belongs to another key"):
        Vault.open(url, other_key)
    Vault.open(url, key).close()


def test_a_row_moved_to_another_person_does_not_open(url: str, key: bytes) -> None:
    with Vault.create(url, key) as vault:
        vault.remember([PATIENT, Identity("patient", "cc" * 16, {"patient_id": "12"})])
        engine = create_engine(url)
        with engine.begin() as connection:
            statement = identity.update().where(identity.c.key == "cc" * 16).values(sealed=sealed(url, PATIENT.key))
            connection.execute(statement)
        engine.dispose()
        with pytest.raises(ChainError, match="restore") as caught:
            vault.resolve("patient", "cc" * 16)
        assert "CANARY" not in str(caught.value)
        assert vault.resolve("patient", PATIENT.key) == PATIENT


# ------------------------------------------------------------------------------------------------------------ secrecy


def octets_of(folder: Path) -> bytes:
    files = sorted(folder.glob("vault.sqlite*"))
    return b"".join(path.read_bytes() for path in files)


def test_the_files_hold_no_name_at_any_time(tmp_path: Path, sqlite_url: str, key: bytes) -> None:
    """While it is open (write-ahead log and all), after replacing values, and when it is closed."""
    values = [value for entry in (PATIENT, STUDY) for value in entry.value.values() if len(value) > 3]
    with Vault.create(sqlite_url, key) as vault:
        vault.remember([PATIENT, STUDY])
        vault.remember([Identity("patient", PATIENT.key, {"patient_id": "CANARY-4712"})])
        assert (tmp_path / "vault.sqlite-wal").stat().st_size > 0
        while_open = octets_of(tmp_path)
    for octets in (while_open, octets_of(tmp_path)):
        assert PATIENT.key.encode() in octets  # the search is not blind: surrogates are in the clear
        for value in [*values, "CANARY", "patient_id"]:
            for form in (value.encode(), value.encode("utf-16-le"), value.encode().hex().encode(), key):
                assert form not in octets


def test_only_the_owner_reads_the_files(tmp_path: Path, sqlite_url: str, key: bytes) -> None:
    (tmp_path / "vault.sqlite").touch(mode=0o644)
    with Vault.create(sqlite_url, key) as vault:
        vault.remember([PATIENT])
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("vault.sqlite*")}
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


def test_nothing_is_logged_and_nothing_shown(sqlite_url: str, key: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Vault.create(sqlite_url, key) as vault:
        vault.remember([PATIENT])
        vault.resolve("patient", PATIENT.key)
        assert "CANARY" not in repr(vault) and key.hex() not in repr(vault)
    assert "CANARY" not in caplog.text and key.hex() not in caplog.text


def test_the_vault_does_not_leave_the_process(sqlite_url: str, key: bytes) -> None:
    with Vault.create(sqlite_url, key) as vault, pytest.raises(TypeError, match="does not leave"):
        pickle.dumps(vault)


# ------------------------------------------------------------------------------------------------------------ writers


def test_two_processes_write_at_once(url: str, key: bytes) -> None:
    code = (
        "import sys; from miner.vault import Identity, Vault\n"
        "vault = Vault.open(sys.argv[1], bytes.fromhex(sys.argv[2]))\n"
        "for round in range(20):\n"
        "    vault.remember([Identity('instance', f'{n:032x}', {sys.argv[3]: str(round)}) for n in range(20)])\n"
    )
    with Vault.create(url, key) as vault:
        runs = [
            subprocess.Popen([sys.executable, "-c", code, url, key.hex(), name], stderr=subprocess.PIPE)
            for name in ("first", "second")
        ]
        errors = [run.communicate(timeout=120)[1] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], errors
        found = [vault.resolve("instance", f"{n:032x}") for n in range(20)]
    # One writer at a time: neither overwrites what the other has added.
    assert all(entry is not None and entry.value == {"first": "19", "second": "19"} for entry in found)
    assert count(url) == 20


def test_what_is_forgotten_leaves_the_files_too(sqlite_url: str, key: bytes) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with Vault.create(sqlite_url, key) as vault:
        vault.remember([PATIENT, STUDY])
        gone = sealed(sqlite_url, PATIENT.key)
        assert vault.forget([("patient", PATIENT.key), ("patient", PATIENT.key), ("series", STUDY.key)]) == 1
        assert vault.forget([("patient", PATIENT.key)]) == 0
        assert vault.count() == 1
        assert not [path for path in file.parent.glob(f"{file.name}*") if gone[:24] in path.read_bytes()]
        assert vault.resolve("study", STUDY.key) == STUDY


def test_all_identities_in_order(url: str, key: bytes) -> None:
    entries = [Identity(kind, f"{n:032x}", {"sop_uid": str(n)}) for kind in ("instance", "patient") for n in range(700)]
    with Vault.create(url, key) as vault:
        vault.remember(reversed(entries))
        with vault.identities() as (count, identities):
            assert (count, list(identities)) == (1_400, entries)


def test_a_vault_without_its_key_check_opens_with_no_key(url: str, key: bytes) -> None:
    with Vault.create(url, key) as vault:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM key_check"))
        engine.dispose()
        with pytest.raises(DatabaseError, match="another key, or destroyed"):
            vault.remember([PATIENT])
    with pytest.raises(ConfigError, match="another key"):
        Vault.open(url, key)
