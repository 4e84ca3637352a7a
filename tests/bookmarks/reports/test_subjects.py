"""Tracking identifier, finding and site: from what stands nearest."""

from __future__ import annotations

from collections.abc import Callable

from miner.bookmarks.reports.content import Tree
from miner.bookmarks.reports.groups import scopes_of
from miner.bookmarks.reports.subjects import Subject, Subjects
from miner.records import Code
from tests.bookmarks.reports.conftest import Content

LUNG, LIVER = ("SCT", "39607008"), ("SCT", "10200004")
NODULE = ("SCT", "27925004")


def subjects(tree: Tree) -> list[Subject]:
    known = Subjects(tree)
    return [known.of(place, scope) for scope in scopes_of(tree) for place in scope.places]


def test_what_the_group_says(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(
        sr.group(
            *sr.tracked("1.2.3"),
            sr.coded(sr.FINDING, NODULE),
            sr.coded(sr.SITE, LUNG),
            sr.number(sr.LENGTH, 5, "mm", sr.line(1, 2, 3, 4)),
        )
    )
    assert subjects(found) == [Subject("1.2.3", Code("SCT", "27925004"), Code("SCT", "39607008"))]


def test_groups_do_not_speak_for_each_other(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(sr.group(sr.coded(sr.SITE, LUNG), sr.line(1, 2, 3, 4)), sr.group(sr.line(1, 2, 3, 4)))
    assert [subject.site for subject in subjects(found)] == [Code("SCT", "39607008"), None]


def test_the_nearest_site_is_meant(sr: Content, tree: Callable[..., Tree]) -> None:
    number = sr.number(sr.LENGTH, 5, "mm", sr.coded(sr.SITE, LIVER), sr.line(1, 2, 3, 4))
    assert [subject.site for subject in subjects(tree(sr.group(sr.coded(sr.SITE, LUNG), number)))] == [
        Code("SCT", "10200004")
    ]


def test_a_site_below_the_finding(sr: Content, tree: Callable[..., Tree]) -> None:
    finding = sr.coded(sr.FINDING, NODULE, sr.coded(sr.SITE, LUNG))
    assert subjects(tree(sr.group(finding, sr.line(1, 2, 3, 4)))) == [
        Subject("", Code("SCT", "27925004"), Code("SCT", "39607008"))
    ]


def test_the_lesion_s_identifier_goes_before_the_number_s(sr: Content, tree: Callable[..., Tree]) -> None:
    number = sr.number(sr.LENGTH, 5, "mm", *sr.tracked("1.9"), sr.line(1, 2, 3, 4))
    assert subjects(tree(sr.group(*sr.tracked("1.2"), number)))[0].tracking == "1.2"
    assert subjects(tree(sr.group(number)))[0].tracking == "1.9"


def test_coordinates_may_hold_their_own_identifier(sr: Content, tree: Callable[..., Tree]) -> None:
    first, second = (sr.coordinates("POLYLINE", [1, 2, 3, 4], *sr.tracked(uid)) for uid in ("1.1", "1.2"))
    assert [subject.tracking for subject in subjects(tree(sr.group(first, second)))] == ["1.1", "1.2"]


def test_a_loose_finding_speaks_for_what_it_holds_alone(sr: Content, tree: Callable[..., Tree]) -> None:
    listed = sr.container(sr.coded(sr.FINDING, NODULE, sr.line(1, 2, 3, 4)), sr.line(5, 6, 7, 8))
    assert [subject.finding for subject in subjects(tree(listed))] == [Code("SCT", "27925004"), None]
    assert [subject.finding for subject in subjects(tree(sr.coded(sr.FINDING, NODULE), sr.line(5, 6, 7, 8)))] == [None]


def test_free_text_and_private_codes_are_dropped(sr: Content, tree: Callable[..., Tree]) -> None:
    typed = sr.coded(sr.FINDING, ("CST4", "CORNERSTONEFREETEXT", "Mrs Doe's lump"))
    found = subjects(tree(sr.group(typed, sr.line(1, 2, 3, 4))))
    assert found == [Subject()]


def test_a_tracking_identifier_that_is_no_uid_is_dropped(sr: Content, tree: Callable[..., Tree]) -> None:
    assert subjects(tree(sr.group(*sr.tracked("Jane Doe"), sr.line(1, 2, 3, 4)))) == [Subject()]
