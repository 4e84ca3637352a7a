from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from miner.catalogue import Catalogue, PublishedRow, publication
from miner.errors import DatabaseError, PermanentError, Reason
from miner.records import MinedBookmark, MinedObject, MinedStudy
from tests.catalogue.made_up import a_bookmark, a_study, key, sha, with_bookmark
from tests.catalogue.publishing import publication_of, publish_all


def test_identities_and_rows_are_given(catalogue: Catalogue, run: int) -> None:
    for name in "abc":
        catalogue.commit_study(run, a_study(name, bookmarks=2))
    published = publish_all(catalogue)
    content = catalogue.release_content()
    assert {row.patient_key: (row.patient_index, row.split) for row in content.patients} == dict(published.patients)
    assert {row.study_key: row.study_index for row in content.studies} == dict(published.studies)
    assert {row.series_key: row.series_id for row in content.series} == dict(published.series)
    assert content.published == tuple(sorted(published.rows, key=lambda row: (row.table, row.position)))
    assert content.releases == (published.release,)
    assert catalogue.status().releases == 1
    assert catalogue.verify_chain() == catalogue.verify_rows() == []


def test_identities_are_events_of_their_patients(catalogue: Catalogue, run: int) -> None:
    for name in "ab":
        catalogue.commit_study(run, a_study(name))
    publish_all(catalogue)
    for name in "ab":
        (event,) = catalogue.events(f"patient:{key('patient', name)}")
        rows = event.payload["rows"]
        assert isinstance(rows, dict)
        tables = sorted(entry.partition(":")[0] for entry in rows)
        assert tables == ["bookmark"] * 2 + ["patient"] + ["release_row"] * 4 + ["series", "study"]
    (released,) = catalogue.events("release:1")
    assert released.payload["what"] == "release published"


def test_a_second_release_adds_and_may_change_cells(catalogue: Catalogue, run: int) -> None:
    catalogue.commit_study(run, a_study("a"))
    first = publish_all(catalogue)
    catalogue.commit_study(run, a_study("b"))
    content = catalogue.release_content()
    changed = replace(first.rows[0], cells=("changed",))
    second = publication_of(content)
    catalogue.publish(replace(second, rows=(*second.rows, changed)))
    published = catalogue.release_content().published
    assert changed in published
    assert len(published) == 8
    assert len(list(catalogue.events(f"patient:{key('patient', 'a')}"))) == 2
    assert catalogue.verify_rows() == []


@pytest.mark.parametrize(
    ("spoil", "error", "reason"),
    [
        (lambda p: replace(p, release=replace(p.release, number=3)), DatabaseError, Reason.CATALOGUE_BUSY),
        (lambda p: replace(p, release=replace(p.release, number=1)), DatabaseError, Reason.CATALOGUE_BUSY),
        (lambda p: replace(p, patients={key("patient", "b"): (1000, 1)}), PermanentError, Reason.CONFIG),
        (lambda p: replace(p, patients={key("patient", "b"): (1, 1)}), PermanentError, Reason.CONTENT_CONFLICT),
        (lambda p: replace(p, patients={key("patient", "b"): (2, 4)}), PermanentError, Reason.CONTENT_CONFLICT),
        (lambda p: replace(p, patients={"unknown": (5, 1)}), PermanentError, Reason.INTERNAL),
        (lambda p: replace(p, patients={key("patient", "a"): (7, 1)}), PermanentError, Reason.CONTENT_CONFLICT),
        (lambda p: replace(p, studies={key("study", "a"): 2}), PermanentError, Reason.CONTENT_CONFLICT),
        (
            lambda p: replace(p, rows=(PublishedRow("DL_info", 0, p.rows[0].uid, ()),)),
            PermanentError,
            Reason.CONTENT_CONFLICT,
        ),
        (
            lambda p: replace(p, rows=(PublishedRow("DL_info", 9, key("bookmark", "a-0"), ()),)),
            PermanentError,
            Reason.CONTENT_CONFLICT,
        ),
        (
            lambda p: replace(p, rows=(PublishedRow("DL_info", 9, "unknown", ()),)),
            DatabaseError,
            Reason.CATALOGUE_BUSY,
        ),
        (lambda p: replace(p, chain_head=(2, "0" * 64)), DatabaseError, Reason.CATALOGUE_BUSY),
    ],
)
def test_what_contradicts_is_refused_whole(
    catalogue: Catalogue,
    run: int,
    spoil: Callable[[object], object],
    error: type[Exception],
    reason: Reason,
) -> None:
    catalogue.commit_study(run, a_study("a"))
    publish_all(catalogue)
    catalogue.commit_study(run, a_study("b"))
    before, head = catalogue.release_content(), catalogue.chain_head()
    with pytest.raises(error) as caught:
        catalogue.publish(spoil(publication_of(before)))  # type: ignore[arg-type]
    assert caught.value.reason is reason  # type: ignore[attr-defined]
    assert (catalogue.release_content(), catalogue.chain_head()) == (before, head)


def test_what_was_mined_again_meanwhile_is_not_published(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    stale = publication_of(catalogue.release_content())
    catalogue.commit_study(run, with_bookmark(mined, 0, confidence=0.1))
    with pytest.raises(DatabaseError, match="run the release again"):
        catalogue.publish(stale)
    publish_all(catalogue)


def test_what_was_mined_besides_does_not_hinder(catalogue: Catalogue, run: int) -> None:
    catalogue.commit_study(run, a_study("a"))
    publication = publication_of(catalogue.release_content())
    catalogue.commit_study(run, a_study("b"))
    catalogue.publish(publication)
    content = catalogue.release_content()
    assert [row.patient_index is None for row in content.patients].count(True) == 1
    assert catalogue.verify_rows() == []


def test_a_crash_publishes_nothing(catalogue: Catalogue, run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue.commit_study(run, a_study("a"))
    before = catalogue.release_content()
    for step in ("give_identities", "fix_bookmarks", "write_rows"):
        original = getattr(publication._Writing, step)

        def crash(writing: object, original: Callable[[object], None] = original) -> None:
            original(writing)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(publication._Writing, step, crash)
            with pytest.raises(KeyboardInterrupt):
                publish_all(catalogue)
        assert catalogue.release_content() == before
    publish_all(catalogue)


def two_studies_of_one_lesion(first: str = "a", second: str = "b") -> tuple[MinedStudy, MinedStudy]:
    """Two annotation studies with states of one lesion on one series, under two uids."""
    old = with_bookmark(a_study(first, bookmarks=1), 0, state_order=100)
    points = tuple((x + 1, y) for x, y in old.bookmarks[0].points)
    mark = replace(a_bookmark(second, old.series[0]), points=points, state_order=200, finding_site="SCT:10200004")
    objects = (MinedObject(mark.object_key, "SR", None, 1, 1, 0, sha(second)),)
    new = replace(old, study_key=key("study", second), bookmarks=(mark,), objects=objects, refused=())
    return old, new


def bare(mark: MinedBookmark) -> MinedBookmark:
    """Without what each of its states measured."""
    return replace(mark, states=())


def test_one_lesion_of_two_studies_is_published_under_one_uid(catalogue: Catalogue, run: int) -> None:
    old, new = two_studies_of_one_lesion()
    for mined in (old, new):
        catalogue.commit_study(run, mined)
    (oldest,), (newest,) = old.bookmarks, new.bookmarks
    content = catalogue.release_content()
    lesion = replace(newest, uid=oldest.uid, history_keys=(oldest.object_key,), history_orders=(100,))
    published = publication_of(replace(content, bookmarks=(lesion,)), merged={oldest.uid: (newest.uid, oldest.uid)})
    catalogue.publish(published)
    marks = {mark.uid: mark for mark in catalogue.release_content().bookmarks}
    assert bare(marks[oldest.uid]) == lesion
    assert {state.uid for state in marks[oldest.uid].states} == {oldest.uid, newest.uid}
    assert marks[newest.uid] == newest, "what its study shows now"
    known = catalogue.lineage_of_bookmark(oldest.uid)
    assert known is not None
    assert [(entry.source_study_key, entry.published_in, entry.stands) for entry in known.bookmarks] == [
        (new.study_key, 1, True),
        (old.study_key, None, False),
    ]
    assert {entry.object_key for entry in known.objects} == {oldest.object_key, newest.object_key}
    status = catalogue.status()
    assert (status.bookmarks, status.superseded) == ({"recist": 1}, 1)
    assert catalogue.verify_chain() == catalogue.verify_rows() == []
    head = catalogue.chain_head()
    for mined in (old, new):
        catalogue.commit_study(run, mined)
    assert catalogue.chain_head() == head, "the same studies again write nothing"
    content = catalogue.release_content()
    catalogue.publish(publication_of(replace(content, bookmarks=(lesion,)), merged=published.merged))
    assert catalogue.chain_head()[0] == head[0] + 1, "nor does the same release, but for itself"
    assert {mark.uid: mark for mark in catalogue.release_content().bookmarks} == marks
    assert catalogue.verify_rows() == []


def test_a_measurement_joins_a_published_lesion(catalogue: Catalogue, run: int) -> None:
    old, new = two_studies_of_one_lesion()
    catalogue.commit_study(run, old)
    publish_all(catalogue)
    catalogue.commit_study(run, new)
    (oldest,), (newest,) = old.bookmarks, new.bookmarks
    content = catalogue.release_content()
    kept = tuple(mark for mark in content.bookmarks if mark.uid == oldest.uid)
    catalogue.publish(publication_of(replace(content, bookmarks=kept), merged={oldest.uid: (oldest.uid, newest.uid)}))
    (mark,) = (mark for mark in catalogue.release_content().bookmarks if mark.uid == oldest.uid)
    assert [state.points for state in mark.states] == [newest.points, oldest.points]
    assert (mark.points, mark.history_keys, mark.newer_states) == (oldest.points, (newest.object_key,), 1)
    assert mark.finding_site == "SCT:10200004"
    assert catalogue.status().superseded == 1
    assert catalogue.verify_rows() == []


def test_a_merged_measurement_that_was_mined_again_meanwhile_stops_the_publication(
    catalogue: Catalogue, run: int
) -> None:
    old, new = two_studies_of_one_lesion()
    for mined in (old, new):
        catalogue.commit_study(run, mined)
    (oldest,), (newest,) = old.bookmarks, new.bookmarks
    content = catalogue.release_content()
    lesion = replace(newest, uid=oldest.uid)
    published = publication_of(replace(content, bookmarks=(lesion,)), merged={oldest.uid: (newest.uid, oldest.uid)})
    catalogue.commit_study(run, with_bookmark(new, 0, confidence=0.5))
    with pytest.raises(DatabaseError, match="run the release again"):
        catalogue.publish(published)
    gone = replace(published, chain_head=None, merged={oldest.uid: (key("gone"), oldest.uid)})
    with pytest.raises(DatabaseError, match="no longer in the catalogue"):
        catalogue.publish(gone)
    assert catalogue.status().releases == 0
    assert catalogue.verify_rows() == []


def test_what_another_study_added_to_a_published_lesion_outlives_it(catalogue: Catalogue, run: int) -> None:
    old, new = two_studies_of_one_lesion()
    catalogue.commit_study(run, old)
    publish_all(catalogue)
    (oldest,), (newest,) = old.bookmarks, new.bookmarks
    new = replace(new, bookmarks=(replace(newest, uid=oldest.uid),))
    catalogue.commit_study(run, new)
    publish_all(catalogue)
    lesion = catalogue.release_content().bookmarks
    assert [mark.history_keys for mark in lesion] == [(newest.object_key,)]
    catalogue.commit_study(run, replace(new, bookmarks=(), objects=()))
    assert catalogue.release_content().bookmarks == lesion
    assert catalogue.status().superseded == 0
    assert catalogue.verify_chain() == catalogue.verify_rows() == []
    head = catalogue.chain_head()[0]
    publish_all(catalogue)
    assert catalogue.chain_head()[0] == head + 1, "nothing new: the release alone is told"
