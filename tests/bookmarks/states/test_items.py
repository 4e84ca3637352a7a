"""Compounds and their twins over several items, graphic groups, and what labels what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items

from miner.errors import Reason
from miner.records import AnnotationObject, Encoding, Shape
from tests.annotations import ct_image, empty_state
from tests.annotations.elements import annotation, compound_graphic, graphic, text

Read = Callable[[FileDataset], AnnotationObject]
IMAGE, OTHER = ct_image(number=1), ct_image(number=2)
HERE, THERE = ((10.0, 20.0), (40.0, 20.0)), ((200.0, 300.0), (240.0, 310.0))
AXES_HERE = ((12.0, 30.0), (48.0, 30.0), (30.0, 22.0), (30.0, 38.0))
AXES_THERE = ((212.0, 330.0), (248.0, 330.0), (230.0, 322.0), (230.0, 338.0))
BOX = ((0.0, 0.0), (9.0, 9.0))


def state_of(*items: Dataset, images: tuple[Dataset, ...] = (IMAGE,)) -> FileDataset:
    state = empty_state(images)
    state.GraphicAnnotationSequence = Items(items)
    return state


def compound_item(
    kind: str, points: object, twin: Dataset | None, *, image: Dataset = IMAGE, words: str = ""
) -> Dataset:
    """One item with compound number 1, its twin, and a text tied to it that lies far from both."""
    number = 1
    return annotation(
        "L",
        image=image,
        graphics=[twin] if twin is not None else [],
        compounds=[compound_graphic(kind, points, number)],  # type: ignore[arg-type]
        texts=[text(words, box_at=(400, 400), compound=number)] if words else [],
    )


def reasons(found: AnnotationObject) -> list[Reason]:
    return [refusal.reason for refusal in found.refused]


# ------------------------------------------------------------------------------------------------------------- twins


def test_numbers_of_compounds_start_again_in_every_item(read: Read) -> None:
    """They are unique within one sequence only (C.10.5.1.3.1): each compound has the twin of its own item."""
    first = compound_item("ELLIPSE", BOX, graphic("ELLIPSE", AXES_HERE, compound=1))
    second = compound_item("ELLIPSE", BOX, graphic("ELLIPSE", AXES_THERE, compound=1))
    found = read(state_of(first, second))
    assert [mark.points for mark in found.marks] == [AXES_HERE, AXES_THERE]
    assert found.refused == ()


def test_numbers_start_again_on_another_image(read: Read) -> None:
    first = compound_item("ELLIPSE", BOX, graphic("ELLIPSE", AXES_HERE, compound=1), image=IMAGE)
    second = compound_item("ELLIPSE", BOX, graphic("ELLIPSE", AXES_THERE, compound=1), image=OTHER)
    found = read(state_of(first, second, images=(IMAGE, OTHER)))
    assert [(mark.image.sop_uid, mark.points) for mark in found.marks] == [
        (IMAGE.SOPInstanceUID, AXES_HERE),
        (OTHER.SOPInstanceUID, AXES_THERE),
    ]


def test_a_readable_compound_takes_no_other_items_twins_along(read: Read) -> None:
    readable = compound_item("RULER", HERE, graphic("POLYLINE", HERE, compound=1))
    unknown = compound_item("SPIRAL", BOX, graphic("POLYLINE", THERE, compound=1))
    found = read(state_of(readable, unknown))
    assert [(mark.points, mark.encoding) for mark in found.marks] == [
        (HERE, Encoding.GSPS_COMPOUND),
        (THERE, Encoding.GSPS_POLYLINE),
    ]


def test_a_graphic_of_another_image_is_no_twin(read: Read) -> None:
    compound = annotation("L", image=IMAGE, compounds=[compound_graphic("RULER", HERE, 1)])
    other = annotation("L", image=OTHER, graphics=[graphic("POLYLINE", HERE, compound=1)])
    found = read(state_of(compound, other, images=(IMAGE, OTHER)))
    assert [mark.image.sop_uid for mark in found.marks] == [IMAGE.SOPInstanceUID, OTHER.SOPInstanceUID]


def test_a_number_given_twice_in_one_item_tells_no_twins_apart(read: Read) -> None:
    item = annotation(
        "L",
        image=IMAGE,
        graphics=[graphic("ELLIPSE", AXES_HERE, compound=1), graphic("ELLIPSE", AXES_THERE, compound=1)],
        compounds=[
            compound_graphic("ELLIPSE", ((12.0, 22.0), (48.0, 38.0)), 1),
            compound_graphic("ELLIPSE", ((212.0, 322.0), (248.0, 338.0)), 1),
        ],
    )
    found = read(state_of(item))
    assert [mark.points for mark in found.marks] == [AXES_HERE, AXES_THERE]
    for compound in item.CompoundGraphicSequence:
        compound.RotationAngle = 30.0
    found = read(state_of(item))
    assert [mark.points for mark in found.marks] == [AXES_HERE, AXES_THERE], "twins stand where compounds can't be read"
    assert {mark.encoding for mark in found.marks} == {Encoding.GSPS_ELLIPSE}


@pytest.mark.parametrize("kind", ["RULER", "MULTILINE", "ARROW"])
def test_points_of_a_rotated_compound_are_not_where_it_lies(read: Read, kind: str) -> None:
    item = compound_item(kind, HERE, graphic("POLYLINE", ((25.0, 5.0), (25.0, 35.0)), compound=1))
    item.CompoundGraphicSequence[0].RotationAngle = 90.0
    found = read(state_of(item))
    assert [mark.points for mark in found.marks] == [((25.0, 5.0), (25.0, 35.0))], "its twin is drawn as rotated"
    del item.GraphicObjectSequence
    assert reasons(read(state_of(item))) == [Reason.UNKNOWN_GRAPHIC]


def test_what_cannot_be_placed_at_all_is_refused_once(read: Read) -> None:
    twins = [
        graphic("POLYLINE", HERE, compound=1, units="DISPLAY"),
        graphic("POLYLINE", BOX, compound=1, units="DISPLAY"),
    ]
    item = annotation("L", image=IMAGE, graphics=twins, compounds=[compound_graphic("RULER", HERE, 1)])
    item.CompoundGraphicSequence[0].CompoundGraphicUnits = "DISPLAY"
    state = state_of(item)
    del state.DisplayedAreaSelectionSequence
    assert reasons(read(state)) == [Reason.DISPLAY_UNITS]
    del item.CompoundGraphicSequence
    assert reasons(read(state)) == [Reason.DISPLAY_UNITS] * 2


def test_a_compound_without_number_has_no_twins(read: Read) -> None:
    item = annotation("L", image=IMAGE, compounds=[compound_graphic("RULER", HERE, 1)])
    del item.CompoundGraphicSequence[0].CompoundGraphicInstanceID
    assert [mark.points for mark in read(state_of(item)).marks] == [HERE]


def test_broken_sequences_of_an_item_count_once_each(read: Read) -> None:
    item = annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", HERE)])
    item.add_new("CompoundGraphicSequence", "LO", "no sequence")
    item.add_new("TextObjectSequence", "LO", "no sequence")
    found = read(state_of(item))
    assert [mark.points for mark in found.marks] == [HERE]
    assert [(r.reason, r.shape) for r in found.refused] == [
        (Reason.MALFORMED_GRAPHIC, None),
        (Reason.MALFORMED_GRAPHIC, Shape.TEXT),
    ]


# ------------------------------------------------------------------------------------------------------------ labels


def test_a_text_belongs_to_the_compound_of_its_own_item(read: Read) -> None:
    first = compound_item("RULER", HERE, None, words="30 mm")
    second = compound_item("RULER", THERE, None, words="41 mm")
    found = read(state_of(first, second))
    assert [[t.value for t in mark.texts] for mark in found.marks] == [[30.0], [41.0]]


def test_a_text_of_another_item_belongs_to_the_compound_on_its_image(read: Read) -> None:
    bare = annotation("L", image=OTHER, compounds=[compound_graphic("RULER", THERE, 1)])
    words = annotation("L", image=OTHER, texts=[text("41 mm", box_at=(400, 400), compound=1)])
    found = read(state_of(compound_item("RULER", HERE, None), bare, words, images=(IMAGE, OTHER)))
    assert [[t.value for t in mark.texts] for mark in found.marks] == [[], [41.0]]


def grouped(item: Dataset, number: int) -> Dataset:
    item.GraphicGroupID = number
    return item


def test_a_graphic_group_ties_texts_to_graphics(read: Read) -> None:
    """The distance line of PS3.17 YY.2: a line and its text, combined by their group alone."""
    item = annotation(
        "L",
        image=IMAGE,
        graphics=[grouped(graphic("POLYLINE", HERE), 1), grouped(graphic("POLYLINE", THERE), 2)],
        texts=[grouped(text("41 mm", box_at=(42, 22)), 2), grouped(text("30 mm", box_at=(245, 300)), 1)],
    )
    found = read(state_of(item))
    assert [[t.value for t in mark.texts] for mark in found.marks] == [[30.0], [41.0]]


def test_a_group_may_reach_over_items_but_not_over_images(read: Read) -> None:
    line = annotation("L", image=IMAGE, graphics=[grouped(graphic("POLYLINE", HERE), 1)])
    other = annotation("L", image=OTHER, graphics=[grouped(graphic("POLYLINE", THERE), 1)])
    words = annotation("L", image=OTHER, texts=[grouped(text("41 mm", anchor=(99, 99), visible=False), 1)])
    found = read(state_of(line, other, words, images=(IMAGE, OTHER)))
    assert [[t.value for t in mark.texts] for mark in found.marks] == [[], [41.0]]


def test_a_note_whose_arrow_ends_beside_the_only_graphic_is_an_arrow(read: Read) -> None:
    """8 pixels off: statistics of an area keep that far; a word without any number is drawn to point at something."""
    item = annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", HERE)], texts=[text("nodule", anchor=(25, 28))])
    assert [mark.shape for mark in read(state_of(item)).marks] == [Shape.LINE, Shape.ARROW]
    item.TextObjectSequence[0].UnformattedTextValue = "A=196px, Mean=78.9"
    assert [mark.shape for mark in read(state_of(item)).marks] == [Shape.LINE]
