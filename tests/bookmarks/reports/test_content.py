"""The content tree: order, references between items, and what hostile ones come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from miner.bookmarks.elements import MalformedError
from miner.bookmarks.references import KnownImages
from miner.bookmarks.reports import content
from miner.bookmarks.reports.codes import Term
from miner.bookmarks.reports.content import Graphic, Tree, read_tree
from miner.bookmarks.reports.quantities import Quantity
from miner.errors import ObjectError, Reason
from miner.records import ImageReference
from tests.bookmarks.reports.conftest import Content

NONE_KNOWN = KnownImages.of(())


def test_items_stand_in_document_order(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(
        sr.group(sr.number(sr.LENGTH, 1, "mm", sr.line(1, 2, 3, 4)), sr.text(("DCM", "121106"), "x")), sr.image()
    )
    assert [item.value_type for item in found] == ["CONTAINER", "CONTAINER", "NUM", "SCOORD", "IMAGE", "TEXT", "IMAGE"]
    root, group, number, line = found[:4]
    assert [item.index for item in found.children(root)] == [1, 6]
    assert [item.index for item in found.children(group)] == [2, 5]
    assert [item.index for item in found.within(number)] == [3, 4]
    assert [item.index for item in found.ancestors(line)] == [2, 1, 0]
    assert group.term is Term.MEASUREMENT_GROUP


def test_values_are_read_by_their_type(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(
        sr.number(sr.LENGTH, "12.5"),
        sr.line(1, 2, 3, 4, image=None),
        sr.in_space("POINT", [1, 2, 3]),
        sr.image(frames=[2, 5], sop_class="1.2.840.10008.5.1.4.1.1.2.1"),
        *sr.tracked("1.2.3", "Cornerstone3DTools@^0.1.0:Length"),
    )
    values = [item.value for item in found[1:]]
    assert values[:3] == [
        Quantity(Term.LENGTH, 12.5, "mm"),
        Graphic("POLYLINE", (1.0, 2.0, 3.0, 4.0), 2),
        Graphic("POINT", (1.0, 2.0, 3.0), 3, "1.9.9"),
    ]
    assert values[3] == tuple(ImageReference("", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2.1", f) for f in (2, 5))
    assert values[4:] == ["length", "1.2.3"]


def test_no_text_but_the_name_of_a_tool_is_read(sr: Content, tree: Callable[..., Tree]) -> None:
    words = ("Mrs Doe, see letter", "Mrs Doe", "Mrs Doe:Length")
    comment, lesion, named = tree(
        *(sr.text(("DCM", code, ""), text) for code, text in zip(("121106", "112039", "112039"), words, strict=True))
    )[1:]
    assert (comment.value, lesion.value, named.value) == (None, None, "length")
    found = [asdict(item) for item in (comment, lesion, named)]
    assert "Doe" not in repr(found)


def test_a_reference_finds_its_item_by_position(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(
        sr.container(sr.image("1.1"), sr.image("1.2")),
        sr.coordinates("POINT", [1, 1], sr.reference(1, 1, 2), image=None),
    )
    (reference,) = [item for item in found if item.by_reference]
    assert reference.target is not None
    assert found[reference.target].value == (ImageReference("", "1.2", "1.2.840.10008.5.1.4.1.1.2"),)


@pytest.mark.parametrize("identifier", [(9,), (1, 9), (1, 1, 1, 1), (2, 1)])
def test_a_reference_that_points_nowhere(sr: Content, tree: Callable[..., Tree], identifier: tuple[int, ...]) -> None:
    (reference,) = [item for item in tree(sr.container(), sr.reference(*identifier)) if item.by_reference]
    assert reference.target is None
    assert not reference.fault


@pytest.mark.parametrize("identifier", [[0], [-1, 1], list(range(1, 200))])
def test_a_reference_that_is_none(sr: Content, tree: Callable[..., Tree], identifier: list[int]) -> None:
    broken = sr.reference()
    broken[0x0040DB73] = DataElement(0x0040DB73, "SL", identifier)
    (item,) = [item for item in tree(broken) if item.index]
    assert item.fault
    assert item.target is None


def test_references_in_a_circle(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(sr.container(sr.reference(1, 2)), sr.container(sr.reference(1, 1)), sr.container(sr.reference(1)))
    assert [item.target for item in found if item.by_reference] == [3, 1, 0]


def test_an_item_that_cannot_be_read_keeps_its_place(sr: Content, tree: Callable[..., Tree]) -> None:
    graphic = sr.line(1, 2, 3, 4, image=None)
    graphic[0x00700022] = DataElement(0x00700022, "LO", ["here", "there"])
    children = sr.container()
    children[0x0040A730] = DataElement(0x0040A730, "LO", "not a sequence")
    strange = sr.container()
    strange.ValueType = "SCRIBBLE"
    found = tree(graphic, children, Dataset(), strange, sr.image("1.1"))
    assert [item.fault for item in found] == [False, True, True, True, True, False]
    assert found[5].value is not None


def test_a_number_without_a_value_is_a_number(sr: Content, tree: Callable[..., Tree]) -> None:
    missing, wrong, empty = (sr.number(sr.LENGTH, 1) for _ in range(3))
    del missing.MeasuredValueSequence
    wrong.MeasuredValueSequence[0][0x0040A30A] = DataElement(0x0040A30A, "LO", "wide")
    empty.MeasuredValueSequence = Items([])
    assert [item.value for item in tree(missing, wrong, empty)[1:]] == [
        Quantity(Term.LENGTH, None, ""),
        Quantity(Term.LENGTH, None, "mm"),
        Quantity(Term.LENGTH, None, ""),
    ]


def test_a_root_without_a_sequence(sr: Content) -> None:
    report = sr.report()
    report[0x0040A730] = DataElement(0x0040A730, "LO", "not a sequence")
    with pytest.raises(MalformedError):
        read_tree(report, NONE_KNOWN)


def test_a_tree_of_thousands_of_levels(sr: Content) -> None:
    deepest = sr.container()
    for _ in range(3000):
        deepest = sr.container(deepest)
    found = read_tree(sr.report(deepest), NONE_KNOWN)
    assert len(found) == content.MAX_DEPTH + 1
    assert [item.index for item in found if item.fault] == [content.MAX_DEPTH]


def test_a_million_items(sr: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lower bound here: a million are refused as soon as the bound is met, whatever it is."""
    monkeypatch.setattr(content, "MAX_ITEMS", 2000)
    leaf = sr.container()
    below = [sr.item("CONTAINER", None, [leaf] * 1000)] * 1000
    with pytest.raises(ObjectError) as caught:
        read_tree(sr.report(*below), NONE_KNOWN)
    assert caught.value.reason is Reason.OVER_LIMITS


def test_a_million_frames(sr: Content) -> None:
    image = sr.image(frames=range(1, 50_001), sop_class="1.2.840.10008.5.1.4.1.1.2.1")
    with pytest.raises(ObjectError):
        read_tree(sr.report(*([image] * 20)), NONE_KNOWN)
