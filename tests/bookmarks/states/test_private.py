"""Private elements: found by creator in any block, unknown ones counted, and nothing taken that holds no drawing."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from miner.bookmarks import read_object
from miner.bookmarks.reading import TAGS, _annotations, quiet_pydicom
from miner.bookmarks.states.blocks import MAX_DEPTH, graphics_in, private_elements
from miner.bookmarks.states.joining import MAX_REFUSALS
from miner.bookmarks.states.private import PRIVATE_MODELS
from miner.errors import ObjectError, Reason
from tests.annotations import Line, Pair, ct_image, empty_state, presentation_state, save
from tests.annotations.elements import annotation, graphic
from tests.annotations.private import PHILIPS, as_item, nested_state, private_element, weasis_model_state

IMAGE = ct_image()
PAIR = Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)))
DRAWN = {IMAGE.SOPInstanceUID: [PAIR]}
BLOCKS = [0x10, 0x11, 0x70, 0x90, 0xFE, 0xFF]


def a_state_within(*, deep: int = 0) -> Dataset:
    item = as_item(presentation_state([IMAGE], DRAWN, "sectra"))
    for _ in range(deep):
        outer = Dataset()
        outer.ReferencedStudySequence = Items([item])
        item = outer
    return item


def test_the_table_is_sound() -> None:
    places = [(model.creator, model.group, model.offset) for model in PRIVATE_MODELS]
    assert len(set(places)) == len(places)
    for creator, group, offset in places:
        assert group % 2 == 1, "PS3.5 7.8.1: private groups are odd"
        assert 0 <= offset <= 0xFF
        assert creator == creator.strip()
        assert creator.isascii()


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_any_block_in_any_syntax(tmp_path: Path, block: int, syntax: str) -> None:
    for state in (
        nested_state([IMAGE], DRAWN, "sectra", block=block),
        weasis_model_state([IMAGE], DRAWN, block=block),
    ):
        state.file_meta.TransferSyntaxUID = syntax
        path = tmp_path / "state.dcm"
        implicit, big = syntax == ImplicitVRLittleEndian, syntax == ExplicitVRBigEndian
        pydicom.dcmwrite(path, state, implicit_vr=implicit, little_endian=not big)
        found = read_object(path)
        assert found.refused == ()
        assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]
        assert [mark.order for mark in found.marks] == [0, 1]


def test_a_creator_in_capitals_is_the_same(tmp_path: Path) -> None:
    found = read_object(save(nested_state([IMAGE], DRAWN, "sectra", creator=PHILIPS.upper() + " "), tmp_path))
    assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]


def test_two_blocks_of_one_creator_are_both_read(tmp_path: Path) -> None:
    state = nested_state([IMAGE], DRAWN, "sectra", block=0x10)
    other = {IMAGE.SOPInstanceUID: [Line(((10.0, 10.0), (40.0, 10.0)))]}
    item = as_item(presentation_state([IMAGE], other, "sectra"))
    private_element(state, (PHILIPS, 0x2001, 0x00), "SQ", Items([item]), block=0x11)
    found = read_object(save(state, tmp_path))
    assert [mark.order for mark in found.marks] == [0, 1, 2]
    assert len({mark.item for mark in found.marks}) == 3


@pytest.mark.parametrize("creator", [None, "", "ACME 1.0", "Philips Imaging DD 001"])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_graphics_of_an_unknown_creator_are_counted_not_guessed_at(
    tmp_path: Path, creator: str | None, syntax: str
) -> None:
    """Without its creator the very address (2001,9000) means nothing."""
    state = nested_state([IMAGE], DRAWN, "sectra", creator=creator, outer={IMAGE.SOPInstanceUID: [PAIR]})
    state.file_meta.TransferSyntaxUID = syntax
    found = read_object(save(state, tmp_path))
    assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]
    assert [(refusal.reason, refusal.order) for refusal in found.refused] == [(Reason.UNKNOWN_GRAPHIC, 2)]


def test_a_creator_of_another_block_reserves_nothing(tmp_path: Path) -> None:
    state = nested_state([IMAGE], DRAWN, "sectra", creator=None, block=0x90)
    state.add_new(0x20010091, "LO", PHILIPS)
    found = read_object(save(state, tmp_path))
    assert found.marks == ()
    assert [refusal.reason for refusal in found.refused] == [Reason.UNKNOWN_GRAPHIC]


@pytest.mark.parametrize("deep", [1, 3, MAX_DEPTH + 3])
def test_unknown_graphics_are_counted_however_deep(tmp_path: Path, deep: int) -> None:
    state = empty_state([IMAGE])
    private_element(state, ("ACME 1.0", 0x0099, 0x01), "SQ", Items([a_state_within(deep=deep)]))
    found = read_object(save(state, tmp_path))
    assert [refusal.reason for refusal in found.refused] == [Reason.UNKNOWN_GRAPHIC]


def test_each_unknown_state_counts(tmp_path: Path) -> None:
    state = empty_state([IMAGE])
    private_element(state, ("ACME 1.0", 0x0099, 0x01), "SQ", Items([a_state_within(), a_state_within(), Dataset()]))
    found = read_object(save(state, tmp_path))
    assert [(refusal.reason, refusal.order) for refusal in found.refused] == [
        (Reason.UNKNOWN_GRAPHIC, 0),
        (Reason.UNKNOWN_GRAPHIC, 1),
    ]


def test_private_elements_without_graphics_say_nothing(tmp_path: Path) -> None:
    state = presentation_state([IMAGE], DRAWN, "sectra")
    expected = read_object(save(state, tmp_path))
    private_element(state, ("ACME 1.0", 0x0099, 0x01), "LO", "a word")
    private_element(state, (PHILIPS, 0x2001, 0x00), "SQ", Items([]), block=0x90)
    private_element(state, (PHILIPS, 0x2001, 0x01), "SQ", Items([Dataset()]), block=0x90)
    assert read_object(save(state, tmp_path)) == expected


def test_private_elements_are_taken_only_where_a_drawing_may_be(tmp_path: Path) -> None:
    """Nothing but the listed elements and, where octets show a hidden drawing, private ones leaves a file."""
    plain = presentation_state([IMAGE], DRAWN, "sectra")
    private_element(plain, ("ACME 1.0", 0x0099, 0x01), "LO", "a word")
    hiding = nested_state([IMAGE], DRAWN, "sectra")
    with quiet_pydicom():
        taken = _annotations(save(plain, tmp_path))
        assert not any(tag.is_private for tag in sorted(taken.keys()))
        more = _annotations(save(hiding, tmp_path))
    assert {element.tag for element in private_elements(more)} == {0x20019000}
    assert "PatientName" not in more
    assert all(tag.is_private or more[tag].keyword in TAGS for tag in sorted(more.keys()))


def test_hidden_graphics_are_bounded(tmp_path: Path) -> None:
    state = empty_state([IMAGE])
    item = Dataset()
    item.GraphicAnnotationSequence = Items([annotation("L", graphics=[graphic("POINT", [(1, 1)])])])
    private_element(state, ("ACME 1.0", 0x0099, 0x01), "SQ", Items([item] * (MAX_REFUSALS + 500)))
    found = read_object(save(state, tmp_path))
    assert len(found.refused) == MAX_REFUSALS


@pytest.mark.parametrize("seed", range(6))
def test_mutated_files_end_as_records_or_reasons(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    states = [
        nested_state([IMAGE], DRAWN, "sectra", outer=DRAWN, block=0x10),
        weasis_model_state([IMAGE], DRAWN, compressed=False),
        weasis_model_state([IMAGE], DRAWN, compressed=False, standard=DRAWN),
    ]
    files = [save(state, tmp_path).read_bytes() for state in states]
    path = tmp_path / "mutated"
    for _ in range(60):
        data = bytearray(chance.choice(files))
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(132, len(data))
            data[at : at + chance.randrange(4)] = bytes(chance.randrange(256) for _ in range(chance.randrange(4)))
        path.write_bytes(data)
        try:
            found = read_object(path)
        except ObjectError as error:
            assert error.reason in (Reason.DAMAGED_OBJECT, Reason.UNSUPPORTED_OBJECT)
            continue
        orders = [thing.order for thing in (*found.marks, *found.refused)]
        assert sorted(orders) == list(range(len(orders)))
        assert all(math.isfinite(x) and math.isfinite(y) for mark in found.marks for x, y in mark.points)


def test_undecoded_values_count_where_they_open_as_a_sequence() -> None:
    tag = b"\x70\x00\x01\x00"
    assert graphics_in(b"\xfe\xff\x00\xe0\x08\0\0\0" + tag + b"\0\0" + tag) == 2
    assert graphics_in(b"abcd" + tag) == 0
    assert graphics_in(None) == graphics_in("text") == graphics_in(7) == 0
