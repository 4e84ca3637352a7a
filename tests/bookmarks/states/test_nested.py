"""Presentation states nested in a private sequence: what they draw, once, beside what the outer one draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from miner.bookmarks import read_object, recognise
from miner.bookmarks.states.nested import MAX_NESTING
from miner.errors import Reason
from miner.records import AnnotationObject, Kind
from tests.annotations import (
    STYLES,
    Arrow,
    Line,
    Note,
    Pair,
    ct_image,
    empty_state,
    presentation_state,
    save,
)
from tests.annotations.elements import annotation, graphic
from tests.annotations.private import PHILIPS, as_item, nested_state, private_element

IMAGE = ct_image()
PAIR = Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)))
DRAWN = {IMAGE.SOPInstanceUID: [PAIR]}
SHARED = (
    "ReferencedSeriesSequence",
    "GraphicLayerSequence",
    "DisplayedAreaSelectionSequence",
    "ImageRotation",
    "ImageHorizontalFlip",
)
INTEGERS = {"bluelight"}


def adds_up(found: AnnotationObject) -> None:
    orders = [thing.order for thing in (*found.marks, *found.refused)]
    assert sorted(orders) == list(range(len(orders)))


def pairs(found: AnnotationObject) -> list[tuple[tuple[float, float], ...]]:
    recognised = recognise(found.marks, columns=512, rows=512, pixel_spacing=(0.7, 0.7))
    return [bookmark.points for bookmark in recognised.bookmarks if bookmark.kind is Kind.RECIST]


def close(found: Sequence[tuple[float, float]], expected: Sequence[tuple[float, float]]) -> bool:
    return all(math.dist(a, b) <= 1e-3 for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("without", [(), SHARED])
@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_nested_state_reads_as_it_would_alone(tmp_path: Path, style: str, without: Sequence[str]) -> None:
    alone = read_object(save(presentation_state([IMAGE], DRAWN, style), tmp_path))
    found = read_object(save(nested_state([IMAGE], DRAWN, style, without=without), tmp_path))
    adds_up(found)
    assert [(mark.shape, mark.image, mark.texts, mark.tool) for mark in found.marks] == [
        (mark.shape, mark.image, mark.texts, mark.tool) for mark in alone.marks
    ]
    assert all(close(a.points, b.points) for a, b in zip(found.marks, alone.marks, strict=True))
    assert [refusal.reason for refusal in found.refused] == [refusal.reason for refusal in alone.refused]
    assert len(pairs(found)) == 1
    assert found.references == alone.references
    assert found.window == alone.window


def test_the_object_stays_the_outer_one(tmp_path: Path) -> None:
    state = nested_state([IMAGE], DRAWN, "sectra", created="20200101000000")
    found = read_object(save(state, tmp_path))
    assert (found.sop_uid, found.series_uid) == (state.SOPInstanceUID, state.SeriesInstanceUID)
    assert found.created.startswith("20200101000000")


@pytest.mark.parametrize("style", sorted(STYLES))
def test_the_same_graphics_count_once(tmp_path: Path, style: str) -> None:
    drawn = {IMAGE.SOPInstanceUID: [PAIR, Note((10.0, 10.0)), Arrow((300.0, 300.0), (340.0, 340.0))]}
    alone = read_object(save(presentation_state([IMAGE], drawn, style), tmp_path))
    found = read_object(save(nested_state([IMAGE], drawn, style, outer=drawn), tmp_path))
    assert [(mark.order, mark.shape) for mark in found.marks] == [(mark.order, mark.shape) for mark in alone.marks]
    assert found.refused == alone.refused
    adds_up(found)


def test_what_only_the_nested_state_draws_is_added(tmp_path: Path) -> None:
    line = Line(((10.0, 10.0), (40.0, 10.0)))
    more = {IMAGE.SOPInstanceUID: [PAIR, line, Note((10.0, 10.0))]}
    found = read_object(save(nested_state([IMAGE], more, "sectra", outer=DRAWN), tmp_path))
    adds_up(found)
    assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short, line.ends]
    assert [refusal.reason for refusal in found.refused] == [Reason.TEXT_ONLY]
    assert len({mark.item for mark in found.marks}) == 3
    assert found.marks[2].layer not in {mark.layer for mark in found.marks[:2]}


def test_two_nested_states_that_say_the_same_count_once(tmp_path: Path) -> None:
    state = nested_state([IMAGE], DRAWN, "sectra")
    state[0x20019000].value.append(as_item(presentation_state([IMAGE], DRAWN, "sectra", seed="again")))
    found = read_object(save(state, tmp_path))
    assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]
    adds_up(found)


def test_a_nested_state_has_references_of_its_own(tmp_path: Path) -> None:
    other = ct_image(number=9, series="9")
    state = presentation_state([IMAGE], DRAWN, "weasis")
    inner = presentation_state([other], {other.SOPInstanceUID: [PAIR]}, "weasis")
    private_element(state, (PHILIPS, 0x2001, 0x00), "SQ", Items([as_item(inner)]))
    found = read_object(save(state, tmp_path))
    assert [mark.image.sop_uid for mark in found.marks] == [IMAGE.SOPInstanceUID] * 2 + [other.SOPInstanceUID] * 2
    assert [mark.image.series_uid for mark in found.marks[2:]] == [other.SeriesInstanceUID] * 2
    assert {reference.sop_uid for reference in found.references} == {IMAGE.SOPInstanceUID, other.SOPInstanceUID}


def test_units_of_the_display_follow_the_nested_states_own_area(tmp_path: Path) -> None:
    """An outer area is taken with its rotation or not at all."""
    inner = empty_state([IMAGE])
    inner.GraphicAnnotationSequence = Items(
        [annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", [(-0.25, -0.25), (0.0, 0.0)], units="DISPLAY")])]
    )
    state = empty_state([IMAGE])
    state.ImageRotation, state.ImageHorizontalFlip = 180, "N"
    points = []
    for without in ((), ("DisplayedAreaSelectionSequence",)):
        item = as_item(inner, without=without)
        both = empty_state([IMAGE])
        both.update(state)
        private_element(both, (PHILIPS, 0x2001, 0x00), "SQ", Items([item]))
        (mark,) = read_object(save(both, tmp_path)).marks
        points.append(mark.points)
    expected = ((127.5, 127.5), (255.5, 255.5))
    assert all(math.dist(a, b) < 1e-3 for a, b in zip(points[0], expected, strict=True))
    turned = [(511.0 - x, 511.0 - y) for x, y in expected]
    assert all(math.dist(a, b) < 1e-3 for a, b in zip(points[1], turned, strict=True))


def nest(inner: Dataset, levels: int) -> Dataset:
    for _ in range(levels):
        outer = Dataset()
        outer.add_new(0x20010010, "LO", PHILIPS)
        outer.add_new(0x20011000, "SQ", Items([inner]))
        inner = outer
    return inner


@pytest.mark.parametrize("levels", range(MAX_NESTING + 3))
def test_states_within_states_are_read_to_a_depth_and_then_counted(tmp_path: Path, levels: int) -> None:
    state = empty_state([IMAGE])
    item = nest(as_item(presentation_state([IMAGE], DRAWN, "sectra")), levels)
    private_element(state, (PHILIPS, 0x2001, 0x00), "SQ", Items([item]))
    found = read_object(save(state, tmp_path))
    if levels < MAX_NESTING:
        assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]
        assert found.refused == ()
    else:
        assert found.marks == ()
        assert [refusal.reason for refusal in found.refused] == [Reason.UNKNOWN_GRAPHIC]


def test_an_unknown_creator_within_a_nested_state_is_counted(tmp_path: Path) -> None:
    hidden = as_item(presentation_state([IMAGE], DRAWN, "sectra"))
    inner = as_item(presentation_state([IMAGE], DRAWN, "sectra"))
    inner.add_new(0x00990010, "LO", "ACME 1.0")
    inner.add_new(0x00991001, "SQ", Items([hidden]))
    state = empty_state([IMAGE])
    private_element(state, (PHILIPS, 0x2001, 0x00), "SQ", Items([inner]))
    found = read_object(save(state, tmp_path))
    assert len(found.marks) == 2
    assert [refusal.reason for refusal in found.refused] == [Reason.UNKNOWN_GRAPHIC]
    adds_up(found)


@pytest.mark.parametrize("vr", ["LO", "OB", "UN"])
def test_what_is_no_sequence_is_a_refusal(tmp_path: Path, vr: str) -> None:
    state = presentation_state([IMAGE], DRAWN, "sectra")
    private_element(state, (PHILIPS, 0x2001, 0x00), vr, "word" if vr == "LO" else b"word")
    found = read_object(save(state, tmp_path))
    assert len(found.marks) == 2
    assert [refusal.reason for refusal in found.refused] == [Reason.MALFORMED_GRAPHIC]
    adds_up(found)


def test_a_broken_nested_state_does_not_spoil_the_others(tmp_path: Path) -> None:
    state = nested_state([IMAGE], DRAWN, "sectra")
    broken = Dataset()
    broken.add_new(0x00700001, "LO", "no sequence")
    state[0x20019000].value.insert(0, broken)
    found = read_object(save(state, tmp_path))
    assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]
    assert [refusal.reason for refusal in found.refused] == [Reason.MALFORMED_GRAPHIC]
    adds_up(found)


def test_many_nested_states_that_share_much_are_counted_unread(tmp_path: Path) -> None:
    """Each would read the outer references anew; what that costs is bounded, what is left out is counted."""
    images = [ct_image(number=number) for number in range(2_000)]
    state = empty_state(images)
    item = Dataset()
    item.GraphicAnnotationSequence = Items([annotation("L", graphics=[graphic("POLYLINE", [(1, 1), (9, 9)])])])
    private_element(state, (PHILIPS, 0x2001, 0x00), "SQ", Items([item] * 200))
    found = read_object(save(state, tmp_path))
    adds_up(found)
    reasons = [refusal.reason for refusal in found.refused]
    assert set(reasons) == {Reason.IMAGE_AMBIGUOUS, Reason.UNKNOWN_GRAPHIC}
    assert reasons.count(Reason.UNKNOWN_GRAPHIC) > 100


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    style=st.sampled_from(sorted(set(STYLES) - INTEGERS)),
    numbers=st.lists(st.floats(20, 480, width=32), min_size=4, max_size=4),
    block=st.integers(0x10, 0xFF),
    shared=st.booleans(),
)
def test_round_trip(tmp_path: Path, style: str, numbers: list[float], block: int, shared: bool) -> None:
    ends = ((numbers[0], numbers[1]), (numbers[2], numbers[3]))
    if math.dist(*ends) < 1:
        return
    drawn = {IMAGE.SOPInstanceUID: [Line(ends)]}
    state = nested_state([IMAGE], drawn, style, block=block, without=SHARED if shared else ())
    found = read_object(save(state, tmp_path))
    adds_up(found)
    assert any(
        len(mark.points) == 2 and all(math.dist(a, b) <= 1e-3 for a, b in zip(mark.points, ends, strict=True))
        for mark in found.marks
    )
