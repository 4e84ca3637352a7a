"""Passphrases and secret keys: asked for, never shown, never on the command line."""

from __future__ import annotations

import getpass
import io
import pickle
import sys
from pathlib import Path

import pyrage
import pytest

from miner.broker.age import Encrypted, Identities, Passphrase, Recipients, encrypt, identities_of, passphrase_of
from miner.errors import ConfigError, UsageError

SECRET = pyrage.x25519.Identity.generate()


def test_a_passphrase_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text("correct horse battery\nsecond line\n")
    file.chmod(0o600)
    assert passphrase_of(file, {"MINER_BACKUP_PASSPHRASE": "another one"}, new=True).text == "correct horse battery"
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        passphrase_of(file, {}, new=True)
    with pytest.raises(UsageError, match="cannot be read"):
        passphrase_of(tmp_path / "absent", {}, new=True)


def test_a_passphrase_of_the_environment() -> None:
    assert passphrase_of(None, {"MINER_BACKUP_PASSPHRASE": "correct horse"}, new=True).text == "correct horse"
    with pytest.raises(UsageError, match="at least 12 characters"):
        passphrase_of(None, {"MINER_BACKUP_PASSPHRASE": "too short"}, new=True)
    assert passphrase_of(None, {"MINER_BACKUP_PASSPHRASE": "too short"}, new=False).text == "too short"


def test_a_passphrase_is_asked_for_twice_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--passphrase-file"):
        passphrase_of(None, {}, new=True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    answers = iter(["correct horse", "correct house", "correct horse", "correct horse", "x"])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(answers))
    with pytest.raises(UsageError, match="differ"):
        passphrase_of(None, {}, new=True)
    assert passphrase_of(None, {}, new=True).text == "correct horse"
    assert passphrase_of(None, {}, new=False).text == "x"


def test_secret_keys_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(f"# created: today\n# public key: {SECRET.to_public()}\n{SECRET}\n")
    assert len(identities_of(file).keys) == 1
    for text in ("", "# nothing\n", f"{str(SECRET)[:-1]}\n", f"{SECRET.to_public()}\n"):
        file.write_text(text)
        with pytest.raises(UsageError) as caught:
            identities_of(file)
        assert "AGE-SECRET-KEY-1…" in str(caught.value) and str(SECRET)[:20] not in str(caught.value)


def test_nothing_secret_is_shown() -> None:
    assert "horse" not in repr(Passphrase("correct horse"))
    assert "SECRET" not in repr(Identities((SECRET,)))
    with pytest.raises(TypeError):
        pickle.dumps(Identities((SECRET,)))


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 300_000])
def test_what_is_encrypted_is_read_again_and_again(size: int, tmp_path: Path) -> None:
    content = bytes(number % 251 for number in range(size))
    file = tmp_path / "file.age"
    with file.open("wb") as out:
        encrypt(iter([content[: size // 3], b"", content[size // 3 :]]), out, Recipients((SECRET.to_public(),)))
    encrypted = Encrypted(file, Identities((SECRET,)))
    for _ in range(2):
        with encrypted.reading() as stream:
            assert stream.read() == content
    with encrypted.reading() as stream:
        assert stream.read(10) == content[:10]  # a reader that goes away leaves no thread behind


def test_an_error_of_the_source_passes_through() -> None:
    def chunks() -> object:
        yield b"x"
        raise ConfigError("what went wrong")

    with pytest.raises(ConfigError, match="what went wrong"):
        encrypt(chunks(), io.BytesIO(), Recipients((SECRET.to_public(),)))  # type: ignore[arg-type]
