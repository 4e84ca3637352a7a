"""miner.catalogue.withdrawing and .withdrawals, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from miner.catalogue import Catalogue, PublishedRow, Remains
from miner.errors import DatabaseError, PermanentError, Reason, RefusedError
from miner.records import Level, MinedBookmark, MinedState, MinedStudy, MissingItem, WorkState
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_bookmark, a_study, key, sha
from tests.catalogue.publishing import publication_of, publish_all


def mine(catalogue: Catalogue, *studies: MinedStudy) -> None:
    """One run that ends."""
    run = catalogue.begin_run(INFO)
    catalogue.offer(run, [study.study_key for study in studies])
    for study in studies:
        catalogue.commit_study(run, study)
    catalogue.end_run(run, "done", {})


def finish(catalogue: Catalogue, patient: str) -> Remains:
    found: list[Remains] = []
    catalogue.finish_withdrawal(key("patient", patient), found.append)
    return found[0]


def sound(catalogue: Catalogue) -> bool:
    return catalogue.verify_chain() == catalogue.verify_rows() == []


def test_every_row_of_the_patient_goes(catalogue: Catalogue) -> None:
    lost = MissingItem(Level.OBJECT, key("lost"), "image", Reason.NOT_RETRIEVED)
    mine(catalogue, a_study("a"), replace(a_study("b"), missing=[lost]), a_study("b2", patient="b"))
    row = catalogue.withdraw(key("patient", "b"))
    assert (row.patient_index, row.releases, row.finished, row.told_in) == (None, (), False, None)
    assert row.counts == {
        "studies": 2,
        "series": 2,
        "slices": 22,
        "bookmarks": 4,
        "annotation_objects": 4,
        "DL_info.csv": 0,
        "bookmarks.csv": 0,
    }
    content = catalogue.release_content()
    assert [entry.patient_key for entry in content.patients] == [key("patient", "a")]
    assert {entry.series_key for entry in catalogue.known_slices()} == {key("series", "a")}
    status = catalogue.status()
    assert status.missing == ()
    assert status.studies == {"mined": 1, "refused": 2}
    assert status.study_reasons == {"refused: withdrawn": 2}
    assert status.traffic["octets"] == 10_000_000
    assert (status.withdrawn, status.withdrawals_unfinished) == (1, 1)
    assert catalogue.works([key("study", "b")])[key("study", "b")].annotations_digest == ""
    assert catalogue.pending() == []
    assert sound(catalogue)


def test_what_is_left_outside_is_named_until_it_is_finished(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("a"), a_study("b"))
    catalogue.withdraw(key("patient", "b"))
    remains = finish(catalogue, "b")
    assert remains == Remains(key("patient", "b"), (key("series", "b"),), (key("study", "b"),))
    assert catalogue.withdrawals()[0].finished
    events = len(list(catalogue.events()))
    assert finish(catalogue, "b") == remains
    assert len(list(catalogue.events())) == events
    assert sound(catalogue)


def test_what_fails_outside_leaves_it_unfinished(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("b"))
    catalogue.withdraw(key("patient", "b"))

    def fail(remains: Remains) -> None:
        raise OSError

    with pytest.raises(OSError):
        catalogue.finish_withdrawal(key("patient", "b"), fail)
    assert not catalogue.withdrawals()[0].finished
    assert sound(catalogue)


def test_the_same_withdrawal_again_changes_nothing(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("a"), a_study("b"))
    publish_all(catalogue)
    first = catalogue.withdraw(key("patient", "b"))
    finish(catalogue, "b")
    head = catalogue.chain_head()
    assert catalogue.withdraw(key("patient", "b")) == replace(first, finished=True)
    assert catalogue.chain_head() == head


def test_not_while_a_run_is_alive(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("b"))
    run = catalogue.begin_run(INFO)
    for action in (
        lambda: catalogue.withdraw(key("patient", "b")),
        lambda: catalogue.finish_withdrawal(key("patient", "b"), lambda remains: None),
    ):
        with pytest.raises(DatabaseError) as refused:
            action()
        assert refused.value.reason is Reason.CATALOGUE_BUSY
    assert catalogue.status().patients == 1
    catalogue.withdraw(key("patient", "b"), run=run)
    assert catalogue.status().patients == 0


@pytest.mark.parametrize("of", ["annotations", "images"])
def test_nothing_of_the_patient_is_committed_again(catalogue: Catalogue, of: str) -> None:
    mine(catalogue, a_study("a"), a_study("b"))
    catalogue.withdraw(key("patient", "b"))
    again = a_study("b3", patient="b")
    if of == "images":
        again = replace(again, patient_key=key("patient", "a"))
    run = catalogue.begin_run(INFO)
    catalogue.offer(run, [again.study_key])
    with pytest.raises(RefusedError) as refused:
        catalogue.commit_study(run, again)
    assert refused.value.reason is Reason.WITHDRAWN
    assert catalogue.status().patients == 1
    assert sound(catalogue)


def test_a_study_that_went_does_not_come_back_under_another_patient(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("b"))
    catalogue.withdraw(key("patient", "b"))
    run = catalogue.begin_run(INFO)
    with pytest.raises(RefusedError):
        catalogue.commit_study(run, a_study("b", patient="c"))


def test_studies_that_only_the_vault_knows_are_kept_out(catalogue: Catalogue) -> None:
    catalogue.withdraw(key("patient", "b"), [key("study", "found"), key("study", "never offered")])
    assert catalogue.status().study_reasons == {"refused: withdrawn": 2}
    assert finish(catalogue, "b").study_keys == tuple(sorted([key("study", "found"), key("study", "never offered")]))
    assert sound(catalogue)


def test_one_who_was_never_here_gets_a_tombstone(catalogue: Catalogue) -> None:
    row = catalogue.withdraw(key("patient", "x"), every_issuer=key("patient", "x under every issuer"))
    assert not any(row.counts.values())
    assert [entry.every_issuer for entry in catalogue.withdrawals()] == [False, True]
    assert (catalogue.status().withdrawn, catalogue.status().withdrawals_unfinished) == (1, 1)
    assert sound(catalogue)


def test_a_person_can_stand_for_the_number_under_every_issuer(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("b"))
    patient_key = key("patient", "b")
    catalogue.withdraw(patient_key)
    assert [(row.person, row.every_issuer) for row in catalogue.withdrawals()] == [(True, False)]
    catalogue.withdraw(patient_key, every_issuer=patient_key)
    events = catalogue.chain_head()
    catalogue.withdraw(patient_key, every_issuer=patient_key)
    assert catalogue.chain_head() == events
    catalogue.withdraw(patient_key, [key("study", "later")])
    (row,) = catalogue.withdrawals()
    assert (row.person, row.every_issuer, row.counts["bookmarks"]) == (True, True, 2)
    assert catalogue.status().withdrawn == 1
    assert sound(catalogue)


def published(catalogue: Catalogue, table: str) -> list[tuple[int, str]]:
    return [(row.position, row.uid) for row in catalogue.release_content().published if row.table == table]


def test_places_close_up_with_the_next_publication(catalogue: Catalogue) -> None:
    mine(catalogue, *(a_study(name) for name in "abc"))
    publish_all(catalogue)
    before = published(catalogue, "bookmarks")
    row = catalogue.withdraw(key("patient", "b"))
    assert row.releases == (1,)
    assert row.counts["bookmarks.csv"] == row.counts["DL_info.csv"] == 2
    gone = {key("bookmark", f"b-{number}") for number in range(2)}
    assert published(catalogue, "bookmarks") == [entry for entry in before if entry[1] not in gone]
    assert sound(catalogue)
    publish_all(catalogue)
    kept = [uid for _, uid in before if uid not in gone]
    assert published(catalogue, "bookmarks") == list(enumerate(kept))
    assert published(catalogue, "DL_info") == list(enumerate(kept))
    assert catalogue.withdrawals()[0].told_in == 2
    assert sound(catalogue)
    mine(catalogue, a_study("d"))
    catalogue.publish(publication_of(catalogue.release_content(), patients={key("patient", "d"): (9, 1)}))
    assert [place for place, _ in published(catalogue, "bookmarks")] == list(range(6))
    assert catalogue.withdrawals()[0].told_in == 2
    assert sound(catalogue)


def test_rows_that_a_release_has_told_of_are_not_told_again(catalogue: Catalogue) -> None:
    mine(catalogue, *(a_study(name) for name in "abc"))
    publish_all(catalogue)
    catalogue.withdraw(key("patient", "b"))
    publish_all(catalogue)
    row = catalogue.withdraw(key("patient", "b"), [key("study", "c")])
    assert (row.told_in, row.releases) == (None, (1, 2))
    assert (row.counts["bookmarks.csv"], row.counts["bookmarks"]) == (2, 4)
    assert sound(catalogue)


def test_a_publication_moves_nothing_else(catalogue: Catalogue) -> None:
    studies = {name: a_study(name) for name in "abc"}
    mine(catalogue, *studies.values())
    publish_all(catalogue)
    foremost = published(catalogue, "bookmarks")[0][1]
    (gone,) = (name for name, study in studies.items() if foremost in {mark.uid for mark in study.bookmarks})
    catalogue.withdraw(key("patient", gone))
    publication = publication_of(catalogue.release_content())
    place, uid = published(catalogue, "bookmarks")[-1]
    for wrong in (place, place - 3, 0):
        with pytest.raises(PermanentError) as refused:
            catalogue.publish(replace(publication, rows=(PublishedRow("bookmarks", wrong, uid, ("x",)),)))
        assert refused.value.reason is Reason.CONTENT_CONFLICT
    mine(catalogue, a_study("d"))
    taken = PublishedRow("bookmarks", 3, key("bookmark", "d-0"), ("x",))
    with pytest.raises(PermanentError) as refused:
        catalogue.publish(replace(publication, rows=(taken,), chain_head=None))
    assert refused.value.reason is Reason.CONTENT_CONFLICT
    assert sound(catalogue)


def test_a_withdrawal_since_the_content_was_read_stops_a_publication(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("a"))
    publication = publication_of(catalogue.release_content())
    catalogue.withdraw(key("patient", "x"))
    with pytest.raises(DatabaseError) as refused:
        catalogue.publish(publication)
    assert refused.value.reason is Reason.CATALOGUE_BUSY


def test_an_index_stays_given(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("a"), a_study("b"))
    given = dict(publish_all(catalogue).patients)
    row = catalogue.withdraw(key("patient", "b"))
    assert row.patient_index == given[key("patient", "b")][0]
    assert catalogue.release_content().indices_given == {index for index, _ in given.values()}


def on_images_of(study: MinedStudy, name: str, mark: MinedBookmark) -> MinedStudy:
    """Another patient's study whose one state lies on the images of ``study``."""
    other = a_study(name, bookmarks=1)
    mark = replace(mark, object_key=other.objects[0].object_key)
    return replace(other, studies=study.studies, series=study.series, bookmarks=[mark])


def test_studies_of_others_on_the_patients_images_are_looked_at_again(catalogue: Catalogue) -> None:
    images = a_study("b")
    mine(catalogue, images, on_images_of(images, "a", a_bookmark("other", images.series[0], 18)))
    catalogue.withdraw(key("patient", "b"))
    assert [(row.study_key, row.state) for row in catalogue.pending()] == [(key("study", "a"), WorkState.FOUND)]
    assert catalogue.status().bookmarks == {}
    assert finish(catalogue, "b").study_keys == (key("study", "b"),)
    assert sound(catalogue)


@pytest.mark.parametrize("release", [False, True])
def test_the_patients_objects_leave_the_history_of_others(catalogue: Catalogue, release: bool) -> None:
    """Both studies have measured one lesion of a: what stands is a's, and nothing of b is left beside it."""
    images = a_study("a", bookmarks=1)
    mark = images.bookmarks[0]
    theirs = on_images_of(images, "b", a_bookmark("b-0", images.series[0]))
    other = theirs.bookmarks[0]
    states = tuple(MinedState(entry.uid, entry.object_key, 0, "", entry.points) for entry in (mark, other))
    both = replace(mark, history_keys=(other.object_key,), history_orders=(0,), states=states)
    mine(catalogue, replace(images, bookmarks=[both]), theirs)
    if release:
        publish_all(catalogue)
        mine(catalogue, replace(images, bookmarks=[replace(both, merged=2)], annotations_digest=sha("later")))
    catalogue.withdraw(key("patient", "b"))
    (left,) = catalogue.release_content().bookmarks
    assert (left.uid, left.history_keys, left.states) == (mark.uid, (), ())
    assert sound(catalogue)
    said = json.dumps([dict(event.payload) for event in catalogue.events()][-1])
    assert mark.uid in said, "the event vouches for the row that changed"


def test_names_that_went_are_known_as_withdrawn(catalogue: Catalogue) -> None:
    mine(catalogue, a_study("a"), a_study("b"))
    index = publish_all(catalogue).patients[key("patient", "b")][0]
    patient_key = key("patient", "b")
    for name in ("series", "study", "patient"):
        assert catalogue.patient_behind(key(name, "b")) == patient_key
    assert catalogue.patient_behind(key("bookmark", "b-1")) == patient_key
    assert catalogue.patient_behind(patient_index=index) == patient_key
    assert catalogue.withdrawn_behind(patient_index=index) is None
    catalogue.withdraw(patient_key)
    names = [f"{kind}:{key(kind, 'b')}" for kind in ("series", "study", "patient")] + [
        f"bookmark:{key('bookmark', 'b-1')}",
        f"work:{key('study', 'b')}",
    ]
    for name in names:
        assert catalogue.withdrawn_behind([name]) == patient_key, name
    assert catalogue.withdrawn_behind(patient_index=index) == patient_key
    assert catalogue.patient_behind(key("series", "b")) is None
    for unknown in (f"series:{key('series', 'a')}", f"bookmark:{key('bookmark', 'a-0')}", "series:unknown"):
        assert catalogue.withdrawn_behind([unknown]) is None


def test_rows_removed_behind_the_softwares_back_are_no_withdrawal(
    catalogue: Catalogue, tamper: Callable[..., None]
) -> None:
    mine(catalogue, a_study("a"), a_study("b"))
    publish_all(catalogue)
    catalogue.withdraw(key("patient", "b"))
    tamper("DELETE FROM withdrawal")
    assert any("withdrawal" in fault for fault in catalogue.verify_rows())
