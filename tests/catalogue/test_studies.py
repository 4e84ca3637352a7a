from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from miner.catalogue import Catalogue, studies
from miner.errors import ChainError, PermanentError, Reason
from miner.records import Doubt, ImageStudy, Kind, MinedBookmark, MinedObject, MinedStudy, Refused, WorkState
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_bookmark, a_series, a_slice, a_study, key, sha, with_bookmark, without_bookmark
from tests.catalogue.publishing import publish_all

SNAPSHOT = ("work", "patient", "study", "series", "slice", "annotation_object", "refusal", "bookmark", "event", "claim")


def snapshot(catalogue: Catalogue, *without: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables that a study touches."""
    with catalogue._database.reading() as connection:
        return {
            table: sorted(map(tuple, connection.exec_driver_sql(f"SELECT * FROM {table}")), key=repr)
            for table in SNAPSHOT
            if table not in without
        }


def test_what_is_written_comes_back(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    content = catalogue.release_content()
    assert content.bookmarks == tuple(sorted(mined.bookmarks, key=lambda mark: mark.uid))
    (series,), (wanted,) = content.series, mined.series
    assert series.stored == {entry.number: entry.png_sha256 for entry in wanted.stored}
    assert (series.spacing, series.origin, series.orientation) == (wanted.spacing, wanted.origin, wanted.orientation)
    assert (series.slices, series.columns, series.rows, series.series_id) == (60, 512, 512, None)
    (study,), (patient,) = content.studies, content.patients
    assert (study.order, study.sex, study.age, study.study_index) == (1_000_000_007, "F", 61, None)
    assert (patient.patient_key, patient.patient_index, patient.split) == (mined.patient_key, None, None)
    stored = catalogue.series(wanted.series_key)
    assert stored is not None
    assert (stored.numbering_digest, dict(stored.slices)) == (wanted.numbering_digest, dict(series.stored))
    assert catalogue.series("unknown") is None


def test_the_same_study_again_changes_only_its_attempts(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.offer(run, [mined.study_key])
    catalogue.commit_study(run, mined)
    before, head = snapshot(catalogue, "work"), catalogue.chain_head()
    catalogue.claim(run, mined.study_key)
    catalogue.commit_study(run, mined)
    assert snapshot(catalogue, "work") == before
    assert catalogue.chain_head() == head
    row = catalogue.work(mined.study_key)
    assert row is not None and (row.state, row.attempts) == (WorkState.MINED, 2)
    assert catalogue.verify_chain() == catalogue.verify_rows() == []


def test_a_series_is_shared_and_its_slices_only_grow(catalogue: Catalogue, run: int) -> None:
    first = a_study("a", slices=range(10, 21))
    series = replace(first.series[0], stored=tuple(a_slice(first.series[0].series_key, n) for n in range(18, 31)))
    mark = a_bookmark("other", series, key_slice=24)
    second = replace(
        a_study("b"),
        studies=first.studies,
        series=(series,),
        bookmarks=(mark,),
        objects=(MinedObject(mark.object_key, "PR", None, 2, 2, 0, sha("c")),),
        refused=(),
    )
    catalogue.commit_study(run, first)
    catalogue.commit_study(run, second)
    catalogue.commit_study(run, first)
    (row,) = catalogue.release_content().series
    assert sorted(row.stored) == list(range(10, 31))
    assert len(catalogue.release_content().bookmarks) == 3
    assert catalogue.verify_rows() == []


def test_mining_again_replaces_what_no_release_holds(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a", bookmarks=3)
    catalogue.commit_study(run, mined)
    catalogue.commit_study(run, without_bookmark(mined, 1))
    left = {mined.bookmarks[0].uid, mined.bookmarks[2].uid}
    assert {mark.uid for mark in catalogue.release_content().bookmarks} == left
    status = catalogue.status()
    assert (status.objects, status.marks) == ({"accepted": 2}, {"used": 4, "open-polyline": 2})
    (series,) = catalogue.release_content().series
    assert len(series.stored) == 11
    assert catalogue.verify_rows() == []


def test_a_study_that_lost_its_bookmarks_leaves_the_release_content(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    empty = replace(mined, state=WorkState.REFUSED, reason=Reason.NO_ANNOTATIONS)
    catalogue.commit_study(run, replace(empty, objects=(), studies=(), series=(), bookmarks=(), refused=()))
    content = catalogue.release_content()
    assert (content.patients, content.studies, content.series, content.bookmarks) == ((), (), (), ())
    assert catalogue.status().patients == 0
    assert len(list(catalogue.known_slices())) == 11


def test_a_published_bookmark_stays_when_the_pacs_lost_it(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a", bookmarks=2)
    catalogue.commit_study(run, mined)
    publish_all(catalogue)
    catalogue.commit_study(run, without_bookmark(mined, 0))
    gone = mined.bookmarks[0]
    assert gone in catalogue.release_content().bookmarks
    (*_, event) = catalogue.events(f"study:{mined.study_key}")
    assert event.payload["kept"] == [gone.uid]
    assert catalogue.verify_rows() == []


OTHER_POINTS = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0))


def bare(mark: MinedBookmark) -> MinedBookmark:
    """Without what each of its states measured."""
    return replace(mark, states=())


def of_uid(catalogue: Catalogue, uid: str) -> MinedBookmark:
    return {mark.uid: mark for mark in catalogue.release_content().bookmarks}[uid]


def test_a_published_bookmark_takes_only_history_and_doubts_from_its_state(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    publish_all(catalogue)
    old = mined.bookmarks[0]
    changes = {"points": OTHER_POINTS, "confidence": 0.1, "key_slice": 16, "merged": 5, "window": (0.0, 1.0)}
    said = {"doubts": (Doubt.AREA,), "history_keys": (key("older"),), "finding_site": "SCT:10200004", "state_order": 7}
    catalogue.commit_study(run, with_bookmark(mined, 0, **changes, **said))
    assert of_uid(catalogue, old.uid) == replace(old, **said)
    assert catalogue.verify_rows() == []


def test_a_newer_state_of_a_published_bookmark_is_its_history(catalogue: Catalogue, run: int) -> None:
    mined = with_bookmark(a_study("a"), 0, state_order=100, doubts=(Doubt.ANGLE,), finding_site="SCT:39607008")
    catalogue.commit_study(run, mined)
    publish_all(catalogue)
    old = mined.bookmarks[0]
    newer = {"object_key": key("newer"), "state_order": 200, "points": OTHER_POINTS, "doubts": (Doubt.AREA,)}
    history = {"history_keys": (old.object_key, key("older")), "history_orders": (100, 50)}
    corrected = with_bookmark(mined, 0, **newer, **history, finding_site="")
    catalogue.commit_study(run, corrected)
    expected = replace(old, history_keys=(key("newer"), key("older")), history_orders=(200, 50))
    assert bare(of_uid(catalogue, old.uid)) == expected
    assert {state.points for state in of_uid(catalogue, old.uid).states} == {old.points, OTHER_POINTS}
    assert expected.newer_states == 1
    (*_, event) = catalogue.events(f"study:{mined.study_key}")
    assert (event.payload["corrected"], event.payload["kept"]) == ([old.uid], [])
    head = catalogue.chain_head()
    catalogue.commit_study(run, corrected)
    assert catalogue.chain_head() == head, "the same study again writes nothing"
    catalogue.commit_study(run, mined)
    assert of_uid(catalogue, old.uid) == old, "what no release knew of and the archive no longer has is forgotten"
    catalogue.commit_study(run, corrected)
    publish_all(catalogue)
    for later in (mined, without_bookmark(mined, 0)):
        catalogue.commit_study(run, later)
        assert bare(of_uid(catalogue, old.uid)) == expected, "what a release knew of is not"
    assert catalogue.verify_rows() == []


def test_a_published_bookmark_that_a_later_state_lacks_is_doubted_until_one_has_it(
    catalogue: Catalogue, run: int
) -> None:
    mined = with_bookmark(a_study("a"), 0, state_order=100)
    catalogue.commit_study(run, mined)
    publish_all(catalogue)
    uid = mined.bookmarks[0].uid
    catalogue.commit_study(run, with_bookmark(mined, 0, doubts=(Doubt.ANGLE, Doubt.DELETED_LATER)))
    assert of_uid(catalogue, uid).doubts == (Doubt.ANGLE, Doubt.DELETED_LATER)
    other = {"object_key": key("newer"), "state_order": 200, "doubts": (Doubt.AREA, Doubt.DELETED_LATER)}
    catalogue.commit_study(run, with_bookmark(mined, 0, **other))
    assert of_uid(catalogue, uid).doubts == (Doubt.ANGLE, Doubt.DELETED_LATER), "its own, and that it was taken back"
    catalogue.commit_study(run, with_bookmark(mined, 0, **other | {"doubts": (Doubt.AREA,)}))
    assert of_uid(catalogue, uid).doubts == (Doubt.ANGLE,)


def test_an_unpublished_bookmark_follows_its_newest_state(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    changed = with_bookmark(mined, 0, confidence=0.25, length_mm=7.0)
    catalogue.commit_study(run, changed)
    assert changed.bookmarks[0] in catalogue.release_content().bookmarks


def test_one_bookmark_in_two_annotation_studies_is_one_and_outlives_either(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a", bookmarks=1)
    copy = replace(with_bookmark(mined, 0, confidence=0.5), study_key=key("study", "copy"))
    for order in ((mined, copy), (copy, mined)):
        for study in order:
            catalogue.commit_study(run, study)
        chosen = min(order, key=lambda study: study.study_key)
        assert list(catalogue.release_content().bookmarks) == list(chosen.bookmarks)
        assert catalogue.status().bookmarks == {"recist": 1}
    catalogue.commit_study(run, without_bookmark(mined, 0))
    assert [mark.confidence for mark in catalogue.release_content().bookmarks] == [0.5]


def copies(mined: MinedStudy, *names: str, **changes: object) -> list[MinedStudy]:
    """The study's one bookmark as other annotation studies carry it, each from an object of its own."""
    marks = [replace(mined.bookmarks[0], object_key=key("object", name), **changes) for name in names]
    return [
        replace(
            mined,
            study_key=key("study", name),
            bookmarks=(mark,),
            objects=(MinedObject(mark.object_key, "PR", None, 2, 2, 0, sha(name)),),
            refused=(),
        )
        for name, mark in zip(names, marks, strict=True)
    ]


def test_of_one_bookmark_in_two_annotation_studies_the_newest_state_stands(catalogue: Catalogue, run: int) -> None:
    first = with_bookmark(a_study("a", bookmarks=1), 0, state_order=100)
    (later,) = copies(first, "later", state_order=200, points=OTHER_POINTS, doubts=(Doubt.DELETED_LATER,))
    mark = later.bookmarks[0]
    expected = replace(mark, doubts=(), history_keys=(first.bookmarks[0].object_key,), history_orders=(100,))
    for order in ((first, later), (later, first)):
        for mined in order:
            catalogue.commit_study(run, mined)
        (found,) = catalogue.release_content().bookmarks
        assert bare(found) == expected, "and it is not deleted: one study still holds it"
    status = catalogue.status()
    assert (status.bookmarks, status.superseded) == ({"recist": 1}, 1)


def test_a_published_bookmark_stays_where_another_study_has_a_newer_state(catalogue: Catalogue, run: int) -> None:
    first = with_bookmark(a_study("a", bookmarks=1), 0, state_order=100)
    catalogue.commit_study(run, first)
    publish_all(catalogue)
    (later,) = copies(first, "later", state_order=200, points=OTHER_POINTS, finding_site="SCT:64033007")
    catalogue.commit_study(run, later)
    (mark,) = catalogue.release_content().bookmarks
    said = {"history_keys": (later.bookmarks[0].object_key,), "history_orders": (200,), "finding_site": "SCT:64033007"}
    assert bare(mark) == replace(first.bookmarks[0], **said)
    assert mark.newer_states == 1
    assert {state.points for state in mark.states} == {first.bookmarks[0].points, OTHER_POINTS}


def test_a_slice_with_other_content_is_refused(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    before = snapshot(catalogue)
    series = mined.series[0]
    for change in ({"png_sha256": sha("other")}, {"instance_key": key("other")}):
        slices = (replace(series.stored[0], **change), *series.stored[1:])
        with pytest.raises(PermanentError, match="slice") as caught:
            catalogue.commit_study(run, replace(mined, series=(replace(series, stored=slices),)))
        assert caught.value.reason is Reason.CONTENT_CONFLICT
    assert snapshot(catalogue) == before


def test_a_series_that_is_numbered_otherwise_is_refused(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    changed = replace(mined.series[0], numbering_digest=sha("other"))
    with pytest.raises(PermanentError) as caught:
        catalogue.commit_study(run, replace(mined, series=(changed,)))
    assert caught.value.reason is Reason.SERIES_CHANGED


def test_geometry_and_patient_follow_the_pacs_until_they_are_published(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    moved = (ImageStudy(mined.study_key, key("patient", "other"), 5, "M", None),)
    corrected = replace(mined, studies=moved, series=(replace(mined.series[0], spacing=(0.5, 0.5, None)),))
    catalogue.commit_study(run, corrected)
    content = catalogue.release_content()
    assert [row.patient_key for row in content.patients] == [key("patient", "other")]
    assert content.series[0].spacing == (0.5, 0.5, None)
    publish_all(catalogue)
    catalogue.commit_study(run, replace(corrected, series=mined.series))
    assert catalogue.release_content().series[0].spacing == (0.5, 0.5, None)
    with pytest.raises(PermanentError, match="another patient") as caught:
        catalogue.commit_study(run, mined)
    assert caught.value.reason is Reason.CONTENT_CONFLICT
    assert catalogue.verify_rows() == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: replace(m, state=WorkState.CLAIMED),
        lambda m: replace(m, objects=[replace(m.objects[0], used=1), *m.objects[1:]]),
        lambda m: replace(m, refused=m.refused[1:]),
        lambda m: replace(m, refused=[*m.refused, Refused("mark", "unknown", Reason.TEXT_ONLY)]),
        lambda m: replace(m, objects=[*m.objects, m.objects[0]]),
        lambda m: replace(m, bookmarks=[*m.bookmarks, m.bookmarks[0]]),
        lambda m: replace(m, series=[*m.series, *m.series]),
    ],
)
def test_books_that_do_not_add_up_are_refused(
    catalogue: Catalogue, run: int, spoil: Callable[[MinedStudy], MinedStudy]
) -> None:
    before = snapshot(catalogue)
    with pytest.raises(ChainError):
        catalogue.commit_study(run, spoil(a_study("a")))
    assert snapshot(catalogue) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(catalogue: Catalogue, run: int, value: float) -> None:
    for change in ({"confidence": value}, {"points": ((value, 0.0),)}, {"length_mm": value}):
        with pytest.raises(PermanentError, match="not finite"):
            catalogue.commit_study(run, with_bookmark(a_study("a"), 0, **change))


CRASH_POINTS = [name for name in vars(studies) if name.startswith("_settle_") or name == "_replace"] + ["drop_claim"]


@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_point_leaves_the_old_state(
    catalogue: Catalogue, run: int, monkeypatch: pytest.MonkeyPatch, point: str, after: bool
) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    catalogue.claim(run, mined.study_key)
    before = snapshot(catalogue)
    original = getattr(studies, point)

    def crash(*arguments: object) -> object:
        if after:
            original(*arguments)
        raise KeyboardInterrupt

    changed = replace(
        without_bookmark(mined, 0),
        series=(a_series("a", mined.study_key, range(10, 30)), a_series("x", mined.study_key)),
    )
    with monkeypatch.context() as patch:
        patch.setattr(studies, point, crash)
        with pytest.raises(KeyboardInterrupt):
            catalogue.commit_study(run, changed)
    assert snapshot(catalogue) == before
    catalogue.commit_study(run, changed)
    assert catalogue.verify_chain() == catalogue.verify_rows() == []


def test_a_crash_while_the_event_is_written_leaves_the_old_state(
    catalogue: Catalogue, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(catalogue)

    def crash(connection: Connection, *arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(studies.chain, "append", crash)
        with pytest.raises(KeyboardInterrupt):
            catalogue.commit_study(run, a_study("a"))
    assert snapshot(catalogue) == before


def test_the_event_names_every_row_it_wrote(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a", bookmarks=1)
    catalogue.commit_study(run, mined)
    (event,) = catalogue.events(f"study:{mined.study_key}")
    rows = event.payload["rows"]
    assert isinstance(rows, dict)
    tables = sorted(name.partition(":")[0] for name in rows)
    assert tables == ["annotation_object", "bookmark", "patient", "refusal", "series", "slices", "study", "work"]
    assert event.run == run
    assert len(json.dumps(event.payload)) < 4000


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
points = st.lists(st.tuples(finite, finite), min_size=1, max_size=5).map(tuple)
numbers = st.none() | finite


@st.composite
def with_any_numbers(draw: st.DrawFn) -> MinedStudy:
    """A study whose numbers are any finite ones."""
    mined = with_bookmark(
        a_study("a"),
        0,
        points=draw(points),
        length_mm=draw(numbers),
        confidence=draw(finite),
        kind=draw(st.sampled_from(Kind)),
    )
    series = replace(
        mined.series[0],
        origin=draw(st.none() | st.tuples(finite, finite, finite)),
        spacing=draw(st.tuples(finite, finite, numbers)),
        orientation=draw(st.none() | st.tuples(*[finite] * 6)),
    )
    return replace(mined, series=(series,))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(with_any_numbers())
def test_numbers_come_back_bit_for_bit_and_verify(catalogue: Catalogue, mined: MinedStudy) -> None:
    run = catalogue.begin_run(INFO)
    try:
        catalogue.commit_study(run, mined)
        content = catalogue.release_content()
        assert mined.bookmarks[0] in content.bookmarks
        stored, (series,) = content.series[0], mined.series
        assert (stored.origin, stored.spacing, stored.orientation) == (
            series.origin,
            series.spacing,
            series.orientation,
        )
        head = catalogue.chain_head()
        catalogue.commit_study(run, mined)
        assert catalogue.chain_head() == head
        assert catalogue.verify_rows() == []
    finally:
        catalogue.end_run(run, "done", {})


def test_a_forgotten_series_takes_its_bookmarks_and_brings_back_their_studies(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    other = replace(with_bookmark(mined, 0, uid=key("bookmark", "other")), study_key=key("study", "other"))
    untouched = a_study("b")
    for study in (mined, other, untouched):
        catalogue.offer(run, [study.study_key])
        catalogue.commit_study(run, study)
    series_key = mined.series[0].series_key
    catalogue.forget_series(run, series_key)
    assert catalogue.series(series_key) is None
    assert {mark.series_key for mark in catalogue.release_content().bookmarks} == {untouched.series[0].series_key}
    assert {entry.series_key for entry in catalogue.known_slices()} == {untouched.series[0].series_key}
    assert [row.study_key for row in catalogue.pending()] == sorted([mined.study_key, other.study_key])
    assert all(row.annotations_digest == "" for row in catalogue.pending())
    assert catalogue.verify_rows() == []
    renumbered = replace(mined.series[0], numbering_digest=sha("numbering", "anew"))
    catalogue.commit_study(run, replace(mined, series=(renumbered,)))
    assert len(catalogue.release_content().bookmarks) == 4
    assert catalogue.verify_rows() == catalogue.verify_chain() == []


def test_a_released_series_is_never_forgotten(catalogue: Catalogue, run: int) -> None:
    mined = a_study("a")
    catalogue.commit_study(run, mined)
    publish_all(catalogue)
    before = snapshot(catalogue)
    series_key = mined.series[0].series_key
    with pytest.raises(PermanentError) as caught:
        catalogue.forget_series(run, series_key)
    assert caught.value.reason is Reason.SERIES_CHANGED
    assert snapshot(catalogue) == before
    stored = catalogue.series(series_key)
    assert stored is not None and stored.released


def test_forgetting_a_series_that_is_not_there_writes_nothing(catalogue: Catalogue, run: int) -> None:
    before = catalogue.chain_head()
    catalogue.forget_series(run, "unknown")
    assert catalogue.chain_head() == before
