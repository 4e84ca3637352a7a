"""The scanner is not blind: leaks seeded in each channel are all found; and it sees nothing where nothing is."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.canaries.canary import Aviary
from tests.canaries.scanner import Scanner
from tests.canaries.seeds import VALUES, WORDS

BACKGROUND = 300
"""Other canaries that the scanner looks for at the same time."""


def _aviary() -> Aviary:
    aviary = Aviary(7)
    for number in range(BACKGROUND):
        aviary.word(f"{number}")
        aviary.number(f"{number}")
        aviary.day(f"{number}")
        aviary.uid(f"{number}")
    return aviary


@pytest.mark.parametrize("channel", list(WORDS))
def test_a_leak_is_found(channel: str, tmp_path: Path) -> None:
    aviary = _aviary()
    word = aviary.word("seeded")
    WORDS[channel](tmp_path, word)
    assert Scanner(aviary.canaries).tree(tmp_path).found == {word}


@pytest.mark.parametrize("channel", list(VALUES))
def test_a_form_is_found(channel: str, tmp_path: Path) -> None:
    aviary = _aviary()
    breed, write = VALUES[channel]
    value = breed(aviary)
    text = write(value)
    (tmp_path / "leak").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert Scanner(aviary.canaries).tree(tmp_path).found == set(value.split("^"))


def test_channels_are_at_least_25() -> None:
    assert len(WORDS) + len(VALUES) >= 25


def test_no_false_alarm(tmp_path: Path) -> None:
    """Noise, numbers and digests as the miner writes them, in which no canary stands."""
    source = random.Random(3)
    (tmp_path / "noise").write_bytes(source.randbytes(2_000_000))
    (tmp_path / "rows.csv").write_text(
        "\n".join(f"{source.random():.12f},{source.getrandbits(128)}" for _ in range(20_000))
    )
    (tmp_path / "digests").write_text("\n".join(source.randbytes(32).hex() for _ in range(10_000)))
    assert not Scanner(_aviary().canaries).tree(tmp_path).finds


def test_what_is_passed_over_is_not_searched(tmp_path: Path) -> None:
    aviary = _aviary()
    word = aviary.word("in the spool")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / word).write_text(word)
    scanner = Scanner(aviary.canaries)
    assert not scanner.tree(tmp_path, passing_over=lambda path: path == tmp_path / "spool").finds
    assert scanner.tree(tmp_path).files == 1


def test_every_copy_of_a_file_is_named(tmp_path: Path) -> None:
    aviary = _aviary()
    word = aviary.word("twice")
    for name in ("a", "b"):
        (tmp_path / name).write_text(word.encode().hex())
    assert {os.fspath(find.path) for find in Scanner(aviary.canaries).tree(tmp_path).finds} == {"a", "b"}
