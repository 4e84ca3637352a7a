"""Mutated objects: a reason, never a crash, never a point that is not on the image."""

from __future__ import annotations

import math
import random
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items

from miner.bookmarks import merge_versions, read_object, recognise
from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject
from tests.annotations import (
    STYLES,
    Arrow,
    Circle,
    Ellipse,
    Line,
    Note,
    Outline,
    Pair,
    ct_image,
    empty_state,
    presentation_state,
    save,
)
from tests.annotations.elements import annotation, graphic, text

IMAGE = ct_image()
DRAWN = [
    Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0))),
    Line(((200.0, 200.0), (240.0, 210.0))),
    Arrow((300.0, 300.0), (340.0, 340.0)),
    Ellipse(((50.0, 300.0), (90.0, 300.0)), ((70.0, 290.0), (70.0, 310.0))),
    Circle((60.0, 60.0), 10.0),
    Outline(((400.0, 400.0), (420.0, 400.0), (420.0, 430.0))),
    Note((10.0, 10.0)),
]
VALUES = [
    "",
    "rubbish",
    "\0\0",
    "1e400",
    "-1",
    "NaN",
    2**31,
    -1,
    1e30,
    math.nan,
    math.inf,
    None,
    [],
    ["a", "b"],
    b"\xff\xfe",
    "x" * 5000,
]


@cache
def _state(style: str) -> FileDataset:
    return presentation_state([IMAGE], {IMAGE.SOPInstanceUID: DRAWN}, style)


def a_state(style: str) -> FileDataset:
    return deepcopy(_state(style))


def judge(path: Path) -> AnnotationObject | None:
    """Read, recognise, merge; whatever comes out must be sound and add up."""
    try:
        found = read_object(path)
    except ObjectError as error:
        assert error.reason in (Reason.DAMAGED_OBJECT, Reason.UNSUPPORTED_OBJECT, Reason.OVER_LIMITS)
        return None
    orders = [mark.order for mark in found.marks] + [refusal.order for refusal in found.refused]
    assert sorted(orders) == list(range(len(orders)))
    bookmarks = []
    for image in {mark.image for mark in found.marks}:
        marks = [mark for mark in found.marks if mark.image == image]
        recognised = recognise(marks, columns=512, rows=512, pixel_spacing=(0.7, 0.7))
        ends = [order for b in recognised.bookmarks for order in b.orders] + [r.order for r in recognised.refused]
        assert sorted(ends) == sorted(mark.order for mark in marks)
        bookmarks += recognised.bookmarks
    for bookmark in bookmarks:
        assert bookmark.points
        for x, y in bookmark.points:
            assert -0.52 <= x <= 511.52
            assert -0.52 <= y <= 511.52
        assert bookmark.length_mm is None or 0 < bookmark.length_mm < 1000
        assert 0 <= bookmark.confidence <= 1
    merge_versions(bookmarks, {})
    return found


def datasets(dataset: Dataset) -> list[Dataset]:
    found = [dataset]
    for element in dataset:
        if element.VR == "SQ" and element.value:
            for item in element.value:
                found += datasets(item)
    return found


def mutate(state: FileDataset, chance: random.Random) -> None:
    """One to three random wounds: an element lost, emptied, of another VR or value, a sequence doubled or nested."""
    for _ in range(chance.randint(1, 3)):
        places = [(item, element) for item in datasets(state) for element in item]
        item, element = chance.choice(places)
        wound = chance.randrange(6)
        if wound == 0:
            del item[element.tag]
        elif wound == 1:
            item[element.tag] = DataElement(
                element.tag, chance.choice(["LO", "UN", "SQ", "DS", "US", "FD", "OB"]), None
            )
        elif wound == 2 and element.VR == "SQ":
            item[element.tag] = DataElement(element.tag, "LO", "not a sequence")
        elif wound == 3 and element.VR == "SQ" and element.value:
            element.value.append(chance.choice(list(element.value)))
        elif wound == 4 and element.VR == "SQ":
            element.value = Items([Dataset(), *element.value])
        elif element.VR != "SQ":
            value = chance.choice(VALUES)
            item[element.tag] = DataElement(element.tag, chance.choice([element.VR, "LO", "UT", "FL", "IS"]), value)


@pytest.mark.filterwarnings("ignore")
def test_three_hundred_mutated_data_sets(tmp_path: Path) -> None:
    chance = random.Random(20240507)
    readable = 0
    written = 0
    while written < 300:
        state = a_state(chance.choice(sorted(STYLES)))
        path = tmp_path / "mutant.dcm"
        try:
            mutate(state, chance)
            state.save_as(path)
        except Exception:
            continue  # pydicom itself could not write this one
        written += 1
        readable += judge(path) is not None
    assert 50 < readable < 300, "the wounds are neither all deadly nor all harmless"


def test_three_hundred_files_with_flipped_bytes(tmp_path: Path) -> None:
    chance = random.Random(7)
    originals = [save(a_state(style), tmp_path).read_bytes() for style in sorted(STYLES)]
    path = tmp_path / "flipped.dcm"
    readable = 0
    for _ in range(300):
        data = bytearray(chance.choice(originals))
        for _ in range(chance.choice([1, 1, 4, 16])):
            data[chance.randrange(128, len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            start = chance.randrange(132, len(data))
            del data[start : start + chance.randrange(1, 64)]
        path.write_bytes(bytes(data))
        readable += judge(path) is not None
    assert 50 < readable < 300


def test_wrong_value_representations(tmp_path: Path) -> None:
    """Coordinates as text are read where they are numbers; a number is a number."""
    state = empty_state([IMAGE])
    item = graphic("POLYLINE", [(10.0, 10.0), (40.0, 10.0)])
    item[0x00700022] = DataElement(0x00700022, "DS", ["10.5", "10.5", "40.5", "10.5"])
    item[0x00700021] = DataElement(0x00700021, "IS", "2")
    words = graphic("POLYLINE", [(10.0, 10.0), (40.0, 10.0)])
    words[0x00700022] = DataElement(0x00700022, "LO", ["here", "there"])
    state.GraphicAnnotationSequence = Items([annotation("L", image=IMAGE, graphics=[item, words])])
    found = read_object(save(state, tmp_path))
    assert [mark.points for mark in found.marks] == [((10.0, 10.0), (40.0, 10.0))]
    assert [refusal.reason for refusal in found.refused] == [Reason.MALFORMED_GRAPHIC]


def test_a_graphic_annotation_sequence_that_is_none(tmp_path: Path) -> None:
    state = empty_state([IMAGE])
    state[0x00700001] = DataElement(0x00700001, "LO", "not a sequence")
    with pytest.raises(ObjectError) as caught:
        read_object(save(state, tmp_path))
    assert caught.value.reason is Reason.DAMAGED_OBJECT
    assert "not a sequence" not in str(caught.value)


def test_thousands_of_graphics_and_texts(tmp_path: Path) -> None:
    lines = [graphic("POLYLINE", [(i % 400, i % 300), (i % 400 + 50, i % 300 + 20)]) for i in range(1500)]
    texts = [text(f"{i}.5 mm", box_at=(i % 400, i % 300)) for i in range(300)]
    state = empty_state([IMAGE])
    state.GraphicAnnotationSequence = Items([annotation("L", image=IMAGE, graphics=lines, texts=texts)])
    found = judge(save(state, tmp_path))
    assert found is not None
    assert len(found.marks) + len(found.refused) == 1800
