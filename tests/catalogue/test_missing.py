"""What a study lacks by name: replaced with the study, counted, vouched for by the chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from miner.catalogue import Catalogue
from miner.errors import ChainError, Reason
from miner.records import Level, MinedStudy, MissingItem, WorkState
from tests.catalogue.made_up import a_study, key


def lacking(mined: MinedStudy, *names: str, reason: Reason = Reason.NOT_RETRIEVED) -> MinedStudy:
    """The study with images of these names missing."""
    items = [MissingItem(Level.OBJECT, key(name), "image", reason) for name in names]
    state = WorkState.PARTIAL if names else WorkState.MINED
    return replace(mined, state=state, reason=reason if names else None, missing=items)


def missing(catalogue: Catalogue) -> list[tuple[object, object, object]]:
    return [(entry["key"], entry["reason"], entry["attempts"]) for entry in catalogue.status().missing]


def test_missing_items_are_replaced_with_the_study(catalogue: Catalogue, run: int) -> None:
    study = a_study("a")
    catalogue.commit_study(run, lacking(study, "x", "y"))
    catalogue.commit_study(run, lacking(study, "y", "z"))
    found = {name: attempts for name, _, attempts in missing(catalogue)}
    assert found == {key("y"): 2, key("z"): 1}
    catalogue.commit_study(run, lacking(study))
    assert missing(catalogue) == []
    assert catalogue.verify_rows() == catalogue.verify_chain() == []


def test_another_look_in_vain_is_counted_and_no_event(catalogue: Catalogue, run: int) -> None:
    study = lacking(a_study("a"), "x")
    catalogue.commit_study(run, study)
    head = catalogue.chain_head()
    catalogue.commit_study(run, study)
    assert missing(catalogue) == [(key("x"), Reason.NOT_RETRIEVED, 2)]
    assert catalogue.chain_head() == head
    catalogue.commit_study(run, lacking(a_study("a"), "x", reason=Reason.TIMED_OUT))
    assert missing(catalogue) == [(key("x"), Reason.TIMED_OUT, 3)]
    assert catalogue.verify_rows() == []


def test_two_studies_may_lack_one_image(catalogue: Catalogue, run: int) -> None:
    for name in "ab":
        catalogue.commit_study(run, lacking(a_study(name), "shared"))
    assert [entry["study_key"] for entry in catalogue.status().missing] == sorted(
        [key("study", "a"), key("study", "b")]
    )


def test_what_is_listed_twice_is_refused(catalogue: Catalogue, run: int) -> None:
    with pytest.raises(ChainError, match="two missing items"):
        catalogue.commit_study(run, lacking(a_study("a"), "x", "x"))


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM missing",
        "UPDATE missing SET reason = 'timed-out'",
        "UPDATE missing SET kind = 'PR'",
        "UPDATE work SET looked_octets = 1",
    ],
)
def test_a_change_from_outside_is_found(
    catalogue: Catalogue, run: int, tamper: Callable[..., None], change: str
) -> None:
    catalogue.commit_study(run, lacking(a_study("a"), "x"))
    tamper(change)
    assert len(catalogue.verify_rows()) == 1


def test_an_item_of_no_level_is_refused_by_the_database(
    catalogue: Catalogue, run: int, tamper: Callable[..., None]
) -> None:
    from sqlalchemy.exc import IntegrityError

    catalogue.commit_study(run, lacking(a_study("a"), "x"))
    with pytest.raises(IntegrityError):
        tamper("UPDATE missing SET level = 'patient'")
