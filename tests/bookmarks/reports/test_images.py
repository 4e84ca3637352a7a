"""Which image coordinates lie on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from miner.bookmarks.reports import images
from miner.bookmarks.reports.content import Item, Tree
from miner.bookmarks.reports.images import Sources, images_of, one_image, segmentation_in
from miner.errors import ObjectError, Reason
from miner.records import ImageReference
from tests.bookmarks.reports.conftest import Content

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
STATE = "1.2.840.10008.5.1.4.1.1.11.1"
A, B = (ImageReference("", uid, "1.2.840.10008.5.1.4.1.1.2") for uid in ("1.1", "1.2"))


def place_in(tree: Tree) -> Item:
    return next(item for item in tree if item.is_place)


def test_an_image_below_the_coordinates(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(sr.line(1, 2, 3, 4, image="1.1"))
    assert Sources(found).of(place_in(found)) == (A,)


def test_an_image_elsewhere_by_reference(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(
        sr.container(sr.image("1.1"), sr.image("1.2")),
        sr.coordinates("POINT", [1, 1], sr.reference(1, 1, 2), image=None),
    )
    assert Sources(found).of(place_in(found)) == (B,)


def test_no_image_at_all(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(sr.line(1, 2, 3, 4, image=None))
    assert Sources(found).of(place_in(found)) == ()


def test_a_reference_to_nothing_is_not_passed_over(sr: Content, tree: Callable[..., Tree]) -> None:
    for identifier in ((1, 9), (1,)):
        found = tree(sr.coordinates("POINT", [1, 1], sr.reference(*identifier), image=None), sr.image("1.1"))
        assert Sources(found).of(place_in(found)) is Reason.MALFORMED_GRAPHIC


def test_an_image_that_cannot_be_read_is_not_passed_over(sr: Content, tree: Callable[..., Tree]) -> None:
    line = sr.line(1, 2, 3, 4)
    del line.ContentSequence[0].ReferencedSOPSequence
    found = tree(line)
    assert Sources(found).of(place_in(found)) is Reason.MALFORMED_GRAPHIC


def test_regions_and_states_are_no_images(sr: Content, tree: Callable[..., Tree]) -> None:
    found = tree(sr.image("1.1"), sr.image("1.3", sop_class=SEGMENTATION), sr.image("1.4", sop_class=STATE))
    assert images_of(found) == (A,)


def test_segmentations(sr: Content, tree: Callable[..., Tree]) -> None:
    assert segmentation_in(tree(sr.image("1.3", sop_class=SEGMENTATION)))
    assert segmentation_in(tree(sr.image("1.3", sop_class="", name=("DCM", "121191", "Referenced Segment"))))
    assert not segmentation_in(tree(sr.image("1.1")))


def test_the_first_choice_that_names_any_decides() -> None:
    assert one_image((A,), (A, B)) == A
    assert one_image((), (B,), (A, B)) == B
    assert one_image((A, B), (B,)) is Reason.IMAGE_AMBIGUOUS
    assert one_image((), (), ()) is Reason.IMAGE_AMBIGUOUS


def test_coordinates_on_no_image_take_no_other_one(sr: Content, tree: Callable[..., Tree]) -> None:
    for sop_class in (SEGMENTATION, STATE):
        region = sr.image("1.3", sop_class=sop_class)
        alone = tree(sr.coordinates("POLYLINE", [1, 1, 9, 1], region, image=None), sr.image("1.1"))
        assert Sources(alone).of(place_in(alone)) is Reason.MALFORMED_GRAPHIC
        beside = tree(sr.coordinates("POLYLINE", [1, 1, 9, 1], region, image="1.1"))
        assert Sources(beside).of(place_in(beside)) == (A,)


def test_images_are_not_looked_at_without_end(
    sr: Content, tree: Callable[..., Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few bytes may name thousands of images for each of thousands of coordinates."""
    monkeypatch.setattr(images, "MAX_CHOICES", 5)
    both = (sr.reference(1, 1), sr.reference(1, 2))
    places = [sr.coordinates("POINT", [n, 1], *both, image=None) for n in range(3)]
    found = tree(sr.image("1.1"), sr.image("1.2"), *places)
    sources = Sources(found)
    named = [item for item in found if item.is_place]
    assert [sources.of(item) for item in (*named[:2], *named[:2])] == [(A, B)] * 4
    with pytest.raises(ObjectError):
        sources.of(named[2])
