"""Every question to the vault is an event, before its answer is given; what was asked for never stands in it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from miner.broker import resolve
from miner.catalogue import Catalogue
from miner.errors import ChainError, DatabaseError, MinerError, UsageError
from miner.mining.project import open_project
from tests.broker.kept import Kept


def payloads(kept: Kept) -> list[dict[str, object]]:
    with open_project(kept.settings, {}) as project:
        return [dict(event.payload) for event in project.catalogue.events() if event.payload["what"] == "vault resolve"]


def test_a_surrogate_leads_to_the_patient(kept: Kept) -> None:
    assert kept.resolve()["patient"] == {"patient_id": "CANARY-4711", "issuer": "CANARY-BOTHWELL"}
    assert len(payloads(kept)) == 1


@pytest.mark.parametrize("name", ["CANARY-4711", "ff" * 16, "000001_01_01_001.png", "../../etc/passwd", ""])
def test_who_asks_in_vain_leaves_an_event_without_the_name(kept: Kept, name: str) -> None:
    with open_project(kept.settings, {}) as project, pytest.raises(MinerError):
        resolve(project, name)
    assert [payload["answered"] for payload in payloads(kept)] == [False]
    assert not name or name not in json.dumps(payloads(kept))


def test_a_damaged_entry_leaves_an_event_too(kept: Kept) -> None:
    file = Path(kept.settings.vault_url.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE identity SET sealed = x'00' WHERE kind = 'patient'")
    connection.close()
    with pytest.raises(ChainError, match="damaged"):
        kept.resolve()
    assert [payload["reason"] for payload in payloads(kept)] == ["chain-broken"]


def test_no_answer_without_its_event(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("the catalogue cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(Catalogue, "record_event", refuse)
        for name in (kept.patient_key, "CANARY-4711"):
            with open_project(kept.settings, {}) as project, pytest.raises(DatabaseError, match="cannot be written"):
                resolve(project, name)
    assert payloads(kept) == []


def test_a_name_that_nobody_knows_is_named_in_the_error_only(kept: Kept) -> None:
    with open_project(kept.settings, {}) as project, pytest.raises(UsageError):
        resolve(project, "nobody")
