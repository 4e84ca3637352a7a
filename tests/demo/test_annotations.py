"""How producers write: one figure each, as the table of encodings says."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from miner.demo.annotations import STATE_PRODUCERS, Drawing, Figure, ImageTarget, Producer, write, written_points

IMAGE = ImageTarget("1.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4", 512, 512, 0.5)
OTHER = ImageTarget("1.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.5", 512, 512, 0.5)
AXES = ((100.0, 100.0), (140.0, 100.0), (120.0, 90.0), (120.0, 110.0))
PAIR = Drawing(Figure.RECIST, IMAGE, AXES)
ARROW = Drawing(Figure.ARROW, IMAGE, ((50.0, 50.0), (20.0, 20.0)), "look")


def graphics(items: list[Dataset]) -> list[Dataset]:
    return [graphic for item in items for graphic in item.get("GraphicObjectSequence", [])]


def texts(items: list[Dataset]) -> list[str]:
    return [str(text.get("UnformattedTextValue", "")) for item in items for text in item.get("TextObjectSequence", [])]


@pytest.mark.parametrize("producer", STATE_PRODUCERS)
def test_a_pair_is_two_crossing_lines_of_two_points(producer: Producer) -> None:
    lines = [
        tuple(graphic.GraphicData)
        for graphic in graphics(write(producer, [PAIR]).items)
        if graphic.GraphicType == "POLYLINE" and graphic.NumberOfGraphicPoints == 2
    ]
    assert {(100.0, 100.0, 140.0, 100.0), (120.0, 90.0, 120.0, 110.0)} <= set(lines)


@pytest.mark.parametrize("producer", STATE_PRODUCERS)
def test_every_graphic_is_in_pixels_and_counts_its_points(producer: Producer) -> None:
    drawings = [
        PAIR,
        ARROW,
        Drawing(Figure.ELLIPSE, IMAGE, AXES),
        Drawing(Figure.POLYGON, IMAGE, AXES),
        Drawing(Figure.OPEN_POLYLINE, IMAGE, AXES),
        Drawing(Figure.TEXT, IMAGE, AXES[:1], "words"),
        Drawing(Figure.PERPENDICULAR, IMAGE, AXES),
    ]
    content = write(producer, drawings)
    assert content.layers
    for item in content.items:
        assert item.GraphicLayer in content.layers
    for graphic in graphics(content.items):
        assert graphic.GraphicAnnotationUnits == "PIXEL"
        assert len(graphic.GraphicData) == 2 * graphic.NumberOfGraphicPoints


def test_clearcanvas_has_one_item_per_ruler_and_callouts_for_arrows() -> None:
    items = write(Producer.CLEARCANVAS, [PAIR, ARROW]).items
    assert [len(item.get("GraphicObjectSequence", [])) for item in items] == [1, 1, 0]
    assert texts(items) == ["20.0 mm", "10.0 mm", "look"]
    assert items[2].TextObjectSequence[0].AnchorPointVisibility == "Y"
    assert all("ReferencedImageSequence" in item for item in items)


def test_weasis_names_the_image_only_where_there_are_several() -> None:
    (alone,) = write(Producer.WEASIS, [PAIR]).items
    assert "ReferencedImageSequence" not in alone
    assert len(alone.GraphicObjectSequence) == 2
    assert "AnchorPoint" not in alone.TextObjectSequence[0]
    both = write(Producer.WEASIS, [PAIR, Drawing(Figure.LINE, OTHER, AXES[:2])]).items
    assert [item.ReferencedImageSequence[0].ReferencedSOPInstanceUID for item in both] == ["1.2.3.4", "1.2.3.5"]
    assert texts([alone])[0] == "Length : 20.00 mm"


def test_impax_names_its_tools_by_layer_and_draws_ticks_and_heads() -> None:
    content = write(Producer.IMPAX, [Drawing(Figure.LINE, IMAGE, AXES[:2]), ARROW])
    assert list(content.layers.values()) == ["Distance", "Arrow"]
    ruler, arrow = content.items
    assert len(ruler.GraphicObjectSequence) == 6
    assert [graphic.NumberOfGraphicPoints for graphic in arrow.GraphicObjectSequence] == [2, 3]
    assert arrow.TextObjectSequence[0].AnchorPointVisibility == "N"
    assert list(arrow.TextObjectSequence[0].AnchorPoint) == [50.0, 50.0]


def test_sectra_texts_have_an_anchor_and_no_box() -> None:
    for item in write(Producer.SECTRA, [PAIR]).items:
        assert "AnchorPoint" in item.TextObjectSequence[0]
        assert "BoundingBoxTopLeftHandCorner" not in item.TextObjectSequence[0]


def test_compound_graphics_stand_beside_their_twins() -> None:
    items = write(Producer.COMPOUND, [PAIR, ARROW]).items
    compounds = [compound for item in items for compound in item.CompoundGraphicSequence]
    assert [compound.CompoundGraphicType for compound in compounds] == ["RULER", "RULER", "ARROW"]
    numbers = {compound.CompoundGraphicInstanceID for compound in compounds}
    assert {graphic.CompoundGraphicInstanceID for graphic in graphics(items)} == numbers


def test_bluelight_truncates_to_whole_pixels() -> None:
    assert written_points(Producer.BLUELIGHT, ((1.9, 2.2),)) == ((1.0, 2.0),)
    assert written_points(Producer.SECTRA, ((1.9, 2.2),)) == ((1.9, 2.2),)


def test_polygons_are_closed() -> None:
    (polygon,) = graphics(write(Producer.SECTRA, [Drawing(Figure.POLYGON, IMAGE, AXES)]).items)
    assert list(polygon.GraphicData[:2]) == list(polygon.GraphicData[-2:])
