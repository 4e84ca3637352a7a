"""A copy of a catalogue: of an older schema too, on another database too, and never one that does not agree."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from miner.catalogue import Catalogue, Piece, ReleaseContent, tables
from miner.catalogue.copying import Snapshot
from miner.databases import dump
from miner.errors import ChainError, SchemaError
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study

ADDED = {"catalogue": tables.ADDED_TO_CATALOGUE, "series": tables.ADDED_TO_SERIES}


@pytest.fixture
def mined(catalogue: Catalogue, run: int) -> Catalogue:
    for name in "abc":
        catalogue.commit_study(run, a_study(name))
    return catalogue


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/copy.sqlite"


def older(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The rows as schema 0003 has them."""
    for piece in pieces:
        if piece.table == "withdrawal":
            continue
        lines = []
        for line in piece.lines.splitlines():
            row = json.loads(line)
            for column in ADDED.get(piece.table, {}):
                del row[column]
            lines.append(json.dumps(row).encode() + b"\n")
        yield Piece(piece.table, piece.rows, b"".join(lines))


def content(catalogue: Catalogue) -> ReleaseContent:
    """What a release is made from, whatever happened to the catalogue."""
    return replace(catalogue.release_content(), chain_head=(0, ""))


def head_of(taken: Snapshot) -> tuple[int, str]:
    return taken.events, taken.head


def test_a_copy_holds_what_its_original_holds(mined: Catalogue, target: str) -> None:
    with mined.snapshot() as taken:
        Catalogue.restore(target, taken.revision, taken.pieces, head_of(taken))
    copy = Catalogue.open(target)
    assert content(copy) == content(mined)
    assert copy.verify_chain() == copy.verify_rows() == []
    assert [row.outcome for row in copy.runs()] == ["interrupted"]  # its process mines the original
    copy.begin_run(INFO)
    copy.close()


def test_an_older_schema_is_brought_to_this_one(mined: Catalogue, target: str) -> None:
    with mined.snapshot() as taken:
        Catalogue.restore(target, "0003", older(taken.pieces), head_of(taken))
    copy = Catalogue.open(target)
    assert copy.verify_chain() == copy.verify_rows() == []
    assert content(copy) == content(mined)
    copy.close()


@pytest.mark.parametrize("revision", ["9999", "x"])
def test_a_newer_schema_is_refused(mined: Catalogue, target: str, revision: str) -> None:
    with mined.snapshot() as taken, pytest.raises(SchemaError, match="newer"):
        Catalogue.restore(target, revision, taken.pieces, head_of(taken))


def test_another_end_of_the_chain_is_refused(mined: Catalogue, target: str) -> None:
    with mined.snapshot() as taken, pytest.raises(ChainError, match="does not end"):
        Catalogue.restore(target, taken.revision, taken.pieces, (taken.events, "0" * 64))
    Catalogue.take_back(target)
    assert not Catalogue.is_there(target)


def test_pieces_are_small_and_never_shown(mined: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    with mined.snapshot() as taken:
        whole = list(taken.pieces)
    monkeypatch.setattr(dump, "PIECE_OCTETS", 1)
    with mined.snapshot() as taken:
        small = list(taken.pieces)
    assert max(piece.rows for piece in small) == 1 < max(piece.rows for piece in whole)
    assert b"".join(piece.lines for piece in small) == b"".join(piece.lines for piece in whole)
    assert [piece.table for piece in whole] == list(dict.fromkeys(piece.table for piece in small))
    assert "here" not in repr(whole)
