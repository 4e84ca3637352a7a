"""A published lesion is known again: by its uid, by any of its states, by its tracking, by its place."""

from __future__ import annotations

from dataclasses import replace

from miner.deid import Surrogates
from miner.mining.continuity import uids_of
from miner.records import Bookmark, Encoding, ImageReference, Kind, MinedBookmark
from tests.dataset.making import key, make

SURROGATES = Surrogates(bytes(32))
IMAGE = ImageReference("1.2", "1.2.3")


def measured(x: float = 100.0, tracking: str = "", *history: Bookmark) -> Bookmark:
    points = ((x, 100.0), (x + 40, 100.0), (x + 20, 90.0), (x + 20, 112.0))
    return Bookmark(Kind.RECIST, IMAGE, points, Encoding.GSPS_POLYLINE, 0.9, tracking=tracking, history=history)


def own(bookmark: Bookmark) -> str:
    return SURROGATES.bookmark(IMAGE.sop_uid, None, bookmark.kind, bookmark.points)


def published(bookmark: Bookmark, uid: str = "", **changes: object) -> MinedBookmark:
    row = replace(make(1, key_slice=20).bookmark, uid=uid or own(bookmark), points=bookmark.points, **changes)  # type: ignore[arg-type]
    return replace(row, tracking_key=SURROGATES.tracking(bookmark.tracking) if bookmark.tracking else "")


def uids(bookmarks: list[Bookmark], *rows: MinedBookmark) -> list[str]:
    return uids_of(bookmarks, rows, [20] * len(bookmarks), SURROGATES)


def test_what_no_release_holds_goes_under_its_oldest_state() -> None:
    assert uids([measured(105, "", measured())]) == [own(measured())]


def test_known_by_a_state_that_is_not_its_oldest_any_more() -> None:
    """An even older state arrived."""
    old, mid, new = measured(90), measured(), measured(130)
    assert uids([measured(130, "", mid, old)], published(mid)) == [own(mid)]
    assert uids([measured(130, "", mid, old)], published(new)) == [own(new)]


def test_known_by_its_place_where_its_state_is_gone() -> None:
    assert uids([measured(101)], published(measured())) == [own(measured())]
    assert uids([measured(150)], published(measured())) == [own(measured(150))]


def test_known_by_its_tracking_wherever_it_was_drawn() -> None:
    assert uids([measured(150, "t")], published(measured(tracking="t"))) == [own(measured())]
    assert uids([measured(150, "t")], published(measured(tracking="u"))) == [own(measured(150))]


def test_tracking_goes_before_place_and_each_uid_is_given_once() -> None:
    row = published(measured(tracking="t"))
    assert uids([measured(101), measured(150, "t")], row) == [own(measured(101)), row.uid]
    assert sorted(uids([measured(101), measured(102)], row)) == sorted([own(measured(102)), row.uid])


def test_another_slice_or_kind_is_another_lesion() -> None:
    for changes in ({"key_slice": 21}, {"kind": Kind.ELLIPSE}):
        assert uids([measured(101)], published(measured(), "f" * 32, **changes)) == [own(measured(101))]


def test_known_by_what_another_study_measured_of_it() -> None:
    rows = [published(measured(), key("lesion")), published(measured(108), key("lesion"))]
    assert uids([measured(116)], *rows) == [key("lesion")]
