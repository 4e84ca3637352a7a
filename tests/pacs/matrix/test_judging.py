"""The judge of the matrix can say no: what is lost in silence, or named without need, is seen."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.pacs.matrix.archive import Annotation
from tests.pacs.matrix.case import Bench, Case, Verdict, lacking
from tests.pacs.matrix.child import Ended
from tests.peers.faults import Faults

DONE = Ended("done", {})
UNNAMED = "the release differs from the fault-free one's, and nothing is named"


def catalogue_of(case: Case) -> sqlite3.Connection:
    return sqlite3.connect(case.project / "data" / "catalogue.sqlite")


def test_what_lacks_of_an_annotation() -> None:
    one = Annotation("study", "series", "state", {"key": frozenset({"above", "key", "below"}), "gone": frozenset()})
    held = frozenset({"state", "key", "above", "below"})
    assert list(lacking(one, frozenset(), set())) == []
    assert list(lacking(one, held, set())) == [("an annotation", "state")]
    assert list(lacking(one, held, {"state"})) == [("a key slice", "key")]
    assert list(lacking(one, held, {"state", "key", "above"})) == [("a slice", "below")]
    assert list(lacking(one, held, set(held))) == []


def test_a_loss_that_the_books_forget_is_seen(bench: Bench, tmp_path: Path) -> None:
    with bench.case(Faults(("ObjectsUnreadable",), 1), tmp_path) as case:
        assert case.settle() is Verdict.NAMED
        with catalogue_of(case) as catalogue:
            catalogue.execute("DELETE FROM missing")
        case._judge(DONE)
    assert case.wrongs == [UNNAMED]


def test_a_loss_among_others_that_are_named_is_seen(bench: Bench, tmp_path: Path) -> None:
    with bench.case(Faults(("ObjectsUnreadable",), 1), tmp_path) as case:
        case.settle()
        with catalogue_of(case) as catalogue:
            catalogue.execute("DELETE FROM missing WHERE item_key != (SELECT MAX(item_key) FROM missing)")
        case._judge(DONE)
    assert any("lacks and is not named" in wrong for wrong in case.wrongs)


def test_a_study_that_was_never_entered_is_seen(bench: Bench, tmp_path: Path) -> None:
    with bench.case(Faults(("AnnotationsUnlisted",), 1), tmp_path) as case:
        case._judge(DONE)
        assert case.wrongs == [UNNAMED]


def test_naming_what_was_given_is_seen(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.pacs.matrix.case.RUNS", 1)
    with bench.case(Faults(("ObjectsUnreadable",), 1), tmp_path) as case:
        case.pacs.delivered.update(case.archive.series_of)
        assert case.settle() is Verdict.LOST
    assert any("but it was given" in wrong for wrong in case.wrongs)
