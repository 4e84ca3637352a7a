"""The escrow file: all of the vault, for the agent's key alone, and readable without this software."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyrage
import pytest

from miner.broker.age import Recipients, recipients_of
from miner.broker.escrow import export
from miner.broker.rotate import rotate
from miner.deid import Surrogates
from miner.errors import ChainError, UsageError
from miner.mining.project import open_project
from miner.records import PatientRef
from miner.vault import Vault
from tests.broker.kept import NAMES, Kept, forms
from tests.hospital.project import KEY

AGENTS = [pyrage.x25519.Identity.generate() for _ in range(3)]


def opened(file: Path, agent: int) -> list[dict[str, object]]:
    text = gzip.decompress(pyrage.decrypt(file.read_bytes(), [AGENTS[agent]]))
    return [json.loads(line) for line in text.splitlines()]


def test_each_agent_finds_every_identity_and_the_root(either: Kept, tmp_path: Path) -> None:
    rotate(either.settings, {})  # the root is no longer the key itself
    public = tmp_path / "agents.txt"
    public.write_text(f"# the notary\n{AGENTS[1].to_public()}\n\n")
    to = recipients_of([str(AGENTS[0].to_public()), str(public)])
    done = export(either.settings, {}, tmp_path / "escrow.age", to)
    assert (done.identities, done.recipients) == (32, 2)
    assert done.file.stat().st_mode & 0o777 == 0o600
    with open_project(either.settings, {}) as project, project.vault.identities() as (_, identities):
        expected = [{"kind": entry.kind, "key": entry.key, "value": dict(entry.value)} for entry in identities]
    for agent in (0, 1):
        head, *lines = opened(done.file, agent)
        assert lines == expected and len(lines) == 32
        assert head == {
            "format": "bookmark-miner-escrow",
            "version": 1,
            "site": "general-hospital",
            "identities": 32,
            "surrogate_root": KEY,
        }
    key = Surrogates(bytes.fromhex(KEY)).patient(PatientRef("CANARY-4711", "CANARY-BOTHWELL"), "")
    assert {
        "kind": "patient",
        "key": key,
        "value": {"patient_id": "CANARY-4711", "issuer": "CANARY-BOTHWELL"},
    } in expected
    with pytest.raises(pyrage.DecryptError):
        opened(done.file, 2)
    octets = done.file.read_bytes()
    assert not [name for name in (*NAMES, KEY) if any(form in octets for form in forms(name))]
    assert either.events().count("vault export") == 1


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = Recipients((AGENTS[0].to_public(),))
    (tmp_path / "there").write_text("somebody's")
    with pytest.raises(UsageError, match="nothing is overwritten"):
        export(kept.settings, {}, tmp_path / "there", to)
    assert (tmp_path / "there").read_text() == "somebody's"
    real = Vault._open

    def damaged(vault: Vault, kind: str, key: str, sealed: bytes) -> dict[str, str]:
        return real(vault, kind, key, sealed if kind != "study" else b"")

    monkeypatch.setattr(Vault, "_open", damaged)
    with pytest.raises(ChainError, match="damaged"):
        export(kept.settings, {}, tmp_path / "escrow.age", to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "there"]


@pytest.mark.parametrize("word", ["age1nonsense", "absent.txt", "a secret key", "ssh-ed25519 AAAA"])
def test_no_public_key(word: str, tmp_path: Path) -> None:
    word = str(AGENTS[0]) if word == "a secret key" else word
    file = tmp_path / "keys.txt"
    file.write_text(f"{word}\n")
    for words in ([word], [str(file)], []):
        with pytest.raises(UsageError) as caught:
            recipients_of(words)
        assert "AGE-SECRET" not in str(caught.value)


def test_many_identities_stream(kept: Kept, tmp_path: Path) -> None:
    """Written by pieces: the encrypted file grows before the last identity was read."""
    sizes = []

    class Sink(io.BytesIO):
        def write(self, octets: object) -> int:
            sizes.append(read)
            return super().write(octets)  # type: ignore[arg-type]

    from miner.broker.age import encrypt

    read = 0

    def chunks() -> object:
        nonlocal read
        for _ in range(20):
            read += 1
            yield bytes(100_000)

    encrypt(chunks(), Sink(), Recipients((AGENTS[0].to_public(),)))  # type: ignore[arg-type]
    assert any(0 < size < 20 for size in sizes)
