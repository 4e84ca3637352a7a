from __future__ import annotations

from datetime import date

import pytest

from miner.catalogue import Catalogue, WorkRow
from miner.errors import RETRIABLE_REASONS, DatabaseError, PermanentError, Reason
from miner.records import WorkState
from tests.catalogue.made_up import a_study, replace


def test_a_study_is_offered_once(catalogue: Catalogue, run: int) -> None:
    assert catalogue.offer(run, ["b", "a", "b"]) == 2
    assert catalogue.offer(run, ["a", "c"]) == 1
    assert catalogue.offer(run, []) == 0
    assert [row.study_key for row in catalogue.pending()] == ["a", "b", "c"]
    assert catalogue.work("a") == WorkRow("a", WorkState.FOUND, None, 0, "")
    assert catalogue.work("unknown") is None


def test_many_are_offered_at_once(catalogue: Catalogue, run: int) -> None:
    keys = [f"{number:05}" for number in range(1234)]
    assert catalogue.offer(run, reversed(keys)) == 1234
    assert [row.study_key for row in catalogue.pending()] == keys
    assert catalogue.verify_rows() == []


def test_a_claim_is_exclusive_and_leaves_no_trace_when_given_back(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    before = catalogue.work(mined.study_key), catalogue.chain_head()
    assert catalogue.claim(run, mined.study_key)
    assert not catalogue.claim(run, mined.study_key)
    claimed = catalogue.work(mined.study_key)
    assert claimed is not None and claimed.state is WorkState.CLAIMED
    catalogue.release_claim(run, mined.study_key)
    assert (catalogue.work(mined.study_key), catalogue.chain_head()) == before
    assert not catalogue.claim(run, "never offered")


def test_what_is_claimed_is_not_pending(catalogue: Catalogue, run: int) -> None:
    catalogue.offer(run, ["a", "b"])
    catalogue.claim(run, "a")
    assert [row.study_key for row in catalogue.pending()] == ["b"]


def test_what_is_retriable_comes_again(catalogue: Catalogue, run: int) -> None:
    catalogue.offer(run, list(Reason))
    for reason in Reason:
        catalogue.claim(run, reason)
        catalogue.fail_study(run, reason, reason)
        assert catalogue.work(reason) == WorkRow(reason, WorkState.FAILED, reason, 1, "")
    assert {row.reason for row in catalogue.pending()} == RETRIABLE_REASONS


@pytest.mark.parametrize(
    ("state", "reason", "again"),
    [
        (WorkState.MINED, None, False),
        (WorkState.REFUSED, Reason.NO_GRAPHICS, False),
        (WorkState.PARTIAL, Reason.NOT_RETRIEVED, True),
        (WorkState.PARTIAL, Reason.SERIES_CHANGED, False),
    ],
)
def test_settled_states(catalogue: Catalogue, run: int, state: WorkState, reason: Reason | None, again: bool) -> None:
    mined = replace(a_study("a"), state=state, reason=reason)
    catalogue.commit_study(run, mined)
    assert catalogue.work(mined.study_key) == WorkRow(mined.study_key, state, reason, 1, mined.annotations_digest)
    assert bool(catalogue.pending()) == again


def test_what_failed_often_waits_for_what_is_new(catalogue: Catalogue, run: int) -> None:
    catalogue.offer(run, ["a", "b", "c"])
    catalogue.fail_study(run, "a", Reason.TIMED_OUT)
    catalogue.fail_study(run, "a", Reason.TIMED_OUT)
    catalogue.fail_study(run, "b", Reason.TIMED_OUT)
    assert [(row.study_key, row.attempts) for row in catalogue.pending()] == [("c", 0), ("b", 1), ("a", 2)]
    assert [event.payload["attempts"] for event in catalogue.events("study:a")] == [1, 2]
    assert catalogue.verify_rows() == []


def test_an_unknown_study_cannot_fail(catalogue: Catalogue, run: int) -> None:
    with pytest.raises(DatabaseError):
        catalogue.fail_study(run, "unknown", Reason.TIMED_OUT)


def test_a_failure_keeps_what_earlier_runs_got(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    catalogue.fail_study(run, mined.study_key, Reason.UNREACHABLE)
    assert len(catalogue.release_content().bookmarks) == len(mined.bookmarks)


def test_the_watermark(catalogue: Catalogue, run: int) -> None:
    assert catalogue.watermark() is None
    catalogue.set_watermark(run, date(2026, 1, 31))
    head = catalogue.chain_head()
    catalogue.set_watermark(run, date(2026, 1, 31))
    assert catalogue.chain_head() == head
    assert catalogue.watermark() == date(2026, 1, 31)
    assert catalogue.status().watermark == "2026-01-31"
    assert catalogue.verify_rows() == []


def test_the_profile_of_a_pacs(catalogue: Catalogue) -> None:
    assert catalogue.profile() is None
    first = catalogue.store_profile({"get": True, "levels": ["STUDY", "IMAGE"]})
    head = catalogue.chain_head()
    assert catalogue.store_profile({"levels": ("STUDY", "IMAGE"), "get": True}) == first
    assert catalogue.chain_head() == head
    second = catalogue.store_profile({"get": False})
    assert catalogue.profile() == {"get": False}
    assert catalogue.store_profile({"get": True, "levels": ["STUDY", "IMAGE"]}) == first != second
    assert catalogue.profile() == {"get": True, "levels": ["STUDY", "IMAGE"]}
    assert catalogue.verify_rows() == []


def test_events_of_others(catalogue: Catalogue, run: int) -> None:
    catalogue.record_event("invalidation", "patient:x", {"what": "forgotten", "count": 3}, run)
    (event,) = catalogue.events("patient:x")
    assert (event.activity, event.run, event.payload) == ("invalidation", run, {"what": "forgotten", "count": 3})
    with pytest.raises(PermanentError):
        catalogue.record_event("generation", "x", {"rows": {}})
    assert catalogue.verify_chain() == []
