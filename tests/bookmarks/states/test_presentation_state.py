"""References, units, layers, compounds and texts of presentation states."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict

import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    BlendingSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
    EnhancedCTImageStorage,
    PseudoColorSoftcopyPresentationStateStorage,
)

from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject, Encoding, Mark, Measurement, Shape, Unit
from tests.annotations import Arrow, Line, Pair, ct_image, empty_state, presentation_state
from tests.annotations.elements import annotation, compound_graphic, graphic, image_reference, text

Read = Callable[[FileDataset], AnnotationObject]
IMAGE, OTHER, THIRD = ct_image(number=1), ct_image(number=2), ct_image(number=3, series="2")
ENDS = ((10.0, 20.0), (40.0, 20.0))


def state_of(
    *items: Dataset, images: tuple[Dataset, ...] = (IMAGE,), layers: dict[str, str] | None = None
) -> FileDataset:
    state = empty_state(images)
    state.GraphicAnnotationSequence = Items(items)
    names = []
    for name, description in (layers or {}).items():
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerDescription = name, description
        names.append(layer)
    state.GraphicLayerSequence = Items(names)
    return state


def without_area(state: FileDataset) -> FileDataset:
    """The state without the displayed area that would place DISPLAY units."""
    del state.DisplayedAreaSelectionSequence
    return state


def line_item(image: Dataset | None = IMAGE, **fields: object) -> Dataset:
    return annotation("L", image=image, graphics=[graphic("POLYLINE", ENDS)], **fields)  # type: ignore[arg-type]


def reasons(found: AnnotationObject) -> list[Reason]:
    return [refusal.reason for refusal in found.refused]


# -------------------------------------------------------------------------------------------------------- references


def test_pixel_units_become_pixel_centres(read: Read) -> None:
    (mark,) = read(state_of(line_item())).marks
    assert mark.points == ENDS
    assert (mark.shape, mark.encoding) == (Shape.LINE, Encoding.GSPS_POLYLINE)


def test_an_item_without_reference_lies_on_the_only_image(read: Read) -> None:
    (mark,) = read(state_of(line_item(None))).marks
    assert mark.image.sop_uid == IMAGE.SOPInstanceUID
    assert mark.image.series_uid == IMAGE.SeriesInstanceUID


def test_an_item_without_reference_among_several_images_is_ambiguous(read: Read) -> None:
    found = read(state_of(line_item(None), images=(IMAGE, OTHER)))
    assert (found.marks, reasons(found)) == ((), [Reason.IMAGE_AMBIGUOUS])


def test_an_item_that_references_several_images_is_ambiguous(read: Read) -> None:
    item = line_item()
    item.ReferencedImageSequence.append(image_reference(OTHER))
    assert reasons(read(state_of(item, images=(IMAGE, OTHER)))) == [Reason.IMAGE_AMBIGUOUS]


def test_an_image_named_twice_is_one(read: Read) -> None:
    item = line_item()
    item.ReferencedImageSequence.append(image_reference(IMAGE))
    assert len(read(state_of(item, images=(IMAGE, OTHER))).marks) == 1


def test_an_image_that_the_state_itself_does_not_reference_is_used(read: Read) -> None:
    (mark,) = read(state_of(line_item(OTHER), images=(IMAGE,))).marks
    assert mark.image.sop_uid == OTHER.SOPInstanceUID
    assert mark.image.series_uid == IMAGE.SeriesInstanceUID, "the state's only series is where to look first"
    (mark,) = read(state_of(line_item(OTHER), images=(IMAGE, THIRD))).marks
    assert mark.image.series_uid == ""


def test_a_state_without_any_reference_says_of_no_graphic_where_it_lies(read: Read) -> None:
    state = state_of(line_item(None))
    del state.ReferencedSeriesSequence
    assert reasons(read(state)) == [Reason.IMAGE_AMBIGUOUS]


def test_a_reference_that_is_no_uid(read: Read) -> None:
    item = line_item()
    item.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "../../etc/passwd"
    assert reasons(read(state_of(item))) == [Reason.MALFORMED_GRAPHIC]
    state = state_of(line_item())
    state.SOPInstanceUID = "../../x"
    with pytest.raises(ObjectError):
        read(state)


def test_one_reference_that_is_none_does_not_lose_the_others(read: Read) -> None:
    state = state_of(line_item(), line_item(None), images=(IMAGE, OTHER))
    state.ReferencedSeriesSequence[0].ReferencedImageSequence[1].ReferencedSOPInstanceUID = "no.uid"
    found = read(state)
    assert [reference.sop_uid for reference in found.references] == [IMAGE.SOPInstanceUID]
    assert [mark.image.sop_uid for mark in found.marks] == [IMAGE.SOPInstanceUID]
    # the one readable reference is not known to be the only image that the second item lies on
    assert [refusal.reason for refusal in found.refused] == [Reason.IMAGE_AMBIGUOUS]


def test_frames_are_kept_for_multi_frame_images_only(read: Read) -> None:
    item = line_item()
    item.ReferencedImageSequence[0].ReferencedFrameNumber = 1
    assert read(state_of(item)).marks[0].image.frame is None
    enhanced = ct_image(number=9)
    enhanced.SOPClassUID = EnhancedCTImageStorage
    item = line_item(enhanced)
    item.ReferencedImageSequence[0].ReferencedFrameNumber = 7
    assert read(state_of(item, images=(enhanced,))).marks[0].image.frame == 7
    item.ReferencedImageSequence[0].ReferencedFrameNumber = [7, 8]
    assert reasons(read(state_of(item, images=(enhanced,)))) == [Reason.IMAGE_AMBIGUOUS]


@pytest.mark.parametrize(
    "sop_class", [ColorSoftcopyPresentationStateStorage, PseudoColorSoftcopyPresentationStateStorage]
)
def test_other_states_with_the_same_modules(read: Read, sop_class: str) -> None:
    state = state_of(line_item())
    state.SOPClassUID = state.file_meta.MediaStorageSOPClassUID = sop_class
    assert len(read(state).marks) == 1


def test_a_blending_state_references_from_its_inputs(read: Read) -> None:
    state = state_of(line_item(None))
    state.SOPClassUID = state.file_meta.MediaStorageSOPClassUID = BlendingSoftcopyPresentationStateStorage
    under = Dataset()
    under.ReferencedSeriesSequence = state.ReferencedSeriesSequence
    del state.ReferencedSeriesSequence
    state.BlendingSequence = Items([under])
    assert read(state).marks[0].image.sop_uid == IMAGE.SOPInstanceUID


# ------------------------------------------------------------------------------------------------- time, window, area


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20240102", "030405", "20240102030405000000"),
        ("20240102", "030405.12", "20240102030405120000"),
        ("20240102", "0304", "20240102030400000000"),
        ("2024.01.02", "03:04:05", "20240102030405000000"),
        ("20240102", "", "20240102"),
        ("20240102", "rubbish", "20240102"),
        ("", "030405", ""),
    ],
)
def test_created(read: Read, date: str, time: str, expected: str) -> None:
    state = state_of(line_item())
    state.PresentationCreationDate, state.PresentationCreationTime = date, time
    assert read(state).created == expected


def test_created_falls_back_on_the_content(read: Read) -> None:
    state = state_of(line_item())
    del state.PresentationCreationDate
    state.ContentDate, state.ContentTime = "20230405", "060708"
    assert read(state).created == "20230405060708000000"


def test_the_window_is_lowest_and_highest(read: Read) -> None:
    state = presentation_state([IMAGE], {IMAGE.SOPInstanceUID: [Line(ENDS)]}, "sectra", window=(50, 450))
    assert read(state).window == (-175, 275)


def test_the_window_of_the_marked_image_is_taken(read: Read) -> None:
    state = state_of(line_item(OTHER), images=(IMAGE, OTHER))
    windows = []
    for image, centre in ((IMAGE, 40), (OTHER, -600)):
        voi = Dataset()
        voi.ReferencedImageSequence = Items([image_reference(image)])
        voi.WindowCenter, voi.WindowWidth = [centre, 1], [100, 2]
        windows.append(voi)
    state.SoftcopyVOILUTSequence = Items(windows)
    assert read(state).window == (-650, -550)


@pytest.mark.parametrize("width", [0, -5, "nan", None])
def test_a_window_without_width_is_none(read: Read, width: object) -> None:
    state = state_of(line_item())
    voi = Dataset()
    voi.WindowCenter = 40
    voi.WindowWidth = width
    state.SoftcopyVOILUTSequence = Items([voi])
    assert read(state).window is None


def test_presentation_spacing_goes_with_the_mark(read: Read) -> None:
    state = state_of(line_item())
    state.DisplayedAreaSelectionSequence[0].PresentationPixelSpacing = [0.9, 0.8]
    assert read(state).marks[0].presentation_spacing == (0.9, 0.8)


# ------------------------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("kind", "points", "shape"),
    [
        ("POLYLINE", [(0, 0), (9, 9)], Shape.LINE),
        ("POLYLINE", [(0, 0), (9, 9), (9, 9)], Shape.LINE),
        ("POLYLINE", [(0, 0), (9, 9), (9, 0)], Shape.POLYLINE),
        ("POLYLINE", [(0, 0), (9, 9), (9, 0), (0, 0)], Shape.POLYGON),
        ("POLYLINE", [(0, 0), (9, 9), (9, 0), (0.0004, 0)], Shape.POLYGON),
        ("INTERPOLATED", [(0, 0), (9, 9), (9, 0), (0, 0)], Shape.CURVE),
        ("INTERPOLATED", [(0, 0), (9, 9), (9, 0)], Shape.POLYLINE),
        ("INTERPOLATED", [(0, 0), (9, 9)], Shape.LINE),
        ("CIRCLE", [(9, 9), (12, 9)], Shape.CIRCLE),
        ("ELLIPSE", [(0, 5), (10, 5), (5, 2), (5, 8)], Shape.ELLIPSE),
    ],
)
def test_shapes(read: Read, kind: str, points: list[tuple[float, float]], shape: Shape) -> None:
    (mark,) = read(state_of(annotation("L", image=IMAGE, graphics=[graphic(kind, points)]))).marks
    assert mark.shape is shape
    if shape in (Shape.POLYGON, Shape.CURVE):
        assert len(mark.points) == 3, "the first vertex is not repeated"


def test_a_path_that_is_closed_twice_repeats_no_vertex(read: Read) -> None:
    """Weasis flattens curves to their start and closes them there once more."""
    item = graphic("POLYLINE", [(0, 0), (9, 9), (9, 0), (0, 0), (0, 0)])
    (mark,) = read(state_of(annotation("L", image=IMAGE, graphics=[item]))).marks
    assert (mark.shape, mark.points) == (Shape.POLYGON, ((0, 0), (9, 9), (9, 0)))


def test_a_filled_open_polyline_is_closed(read: Read) -> None:
    item = graphic("POLYLINE", [(0, 0), (9, 9), (9, 0)])
    item.GraphicFilled = "Y"
    assert read(state_of(annotation("L", image=IMAGE, graphics=[item]))).marks[0].shape is Shape.POLYGON


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"GraphicAnnotationUnits": "MATRIX"}, Reason.UNKNOWN_GRAPHIC),
        ({"GraphicAnnotationUnits": ""}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicType": "SPIRAL"}, Reason.UNKNOWN_GRAPHIC),
        ({"GraphicType": ""}, Reason.UNKNOWN_GRAPHIC),
        ({"GraphicType": "CIRCLE", "GraphicData": [1.0, 1.0, 1.0, 1.0]}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicType": "ELLIPSE"}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicType": "POINT", "GraphicData": [1.0, 1.0], "NumberOfGraphicPoints": 1}, Reason.SINGLE_POINT),
        ({"GraphicData": [1.0, 2.0, 3.0]}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicData": []}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicData": [1.0, 2.0], "NumberOfGraphicPoints": 1}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicData": [1.0, 2.0, 1.0, 2.0]}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicData": [1.0, 2.0, math.nan, 2.0]}, Reason.POINT_NOT_FINITE),
        ({"GraphicData": [1.0, 2.0, math.inf, 2.0]}, Reason.POINT_NOT_FINITE),
        ({"NumberOfGraphicPoints": 3}, Reason.MALFORMED_GRAPHIC),
        ({"GraphicDimensions": 3}, Reason.MALFORMED_GRAPHIC),
    ],
)
def test_refused_graphics(read: Read, change: dict[str, object], reason: Reason) -> None:
    item = graphic("POLYLINE", ENDS)
    for keyword, value in change.items():
        setattr(item, keyword, value)
    found = read(state_of(annotation("L", image=IMAGE, graphics=[item])))
    assert (found.marks, reasons(found)) == ((), [reason])


def test_missing_counts_are_taken_from_the_data(read: Read) -> None:
    item = graphic("POLYLINE", ENDS)
    del item.NumberOfGraphicPoints, item.GraphicDimensions
    assert len(read(state_of(annotation("L", image=IMAGE, graphics=[item]))).marks) == 1


def test_orders_count_every_mark_and_refusal_once(read: Read) -> None:
    drawn = [graphic("POLYLINE", ENDS), graphic("SPIRAL", ENDS), graphic("POINT", ENDS[:1]), graphic("POLYLINE", ENDS)]
    found = read(state_of(annotation("L", image=IMAGE, graphics=drawn), line_item()))
    orders = sorted([mark.order for mark in found.marks] + [refusal.order for refusal in found.refused])
    assert orders == [0, 1, 2, 3, 4]
    assert [mark.order for mark in found.marks] == [0, 3, 4]


# ------------------------------------------------------------------------------------------------- layers and compounds


def test_layers_and_their_tools(read: Read) -> None:
    items = [
        annotation("A", image=IMAGE, graphics=[graphic("POLYLINE", ENDS)]),
        annotation("B", image=IMAGE, graphics=[graphic("POLYLINE", ENDS)]),
        annotation("not listed", image=IMAGE, graphics=[graphic("POLYLINE", ENDS)]),
    ]
    found = read(state_of(*items, layers={"A": "Distance", "B": "Perpendicular"}))
    assert [mark.tool for mark in found.marks] == ["distance", "perpendicular", ""]
    assert len({mark.layer for mark in found.marks}) == 3
    assert [mark.item for mark in found.marks] == [0, 1, 2]


def test_a_compound_counts_once(read: Read) -> None:
    twins = [graphic("POLYLINE", ENDS, compound=5), graphic("POLYLINE", ((10, 17), (10, 23)), compound=5)]
    item = annotation("L", image=IMAGE, graphics=twins, compounds=[compound_graphic("RULER", ENDS, 5)])
    found = read(state_of(item))
    (mark,) = found.marks
    assert (mark.points, mark.encoding, found.refused) == (ENDS, Encoding.GSPS_COMPOUND, ())


def test_twins_in_another_item_count_once_too(read: Read) -> None:
    first = annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", ENDS, compound=5)])
    second = annotation("L", image=IMAGE, compounds=[compound_graphic("RULER", ENDS, 5)])
    assert len(read(state_of(first, second)).marks) == 1


def test_twins_stand_for_a_compound_that_cannot_be_read(read: Read) -> None:
    compound = compound_graphic("RULER", ENDS, 5)
    compound.CompoundGraphicUnits = "DISPLAY"
    item = annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", ENDS, compound=5)], compounds=[compound])
    found = read(without_area(state_of(item)))
    assert ([mark.encoding for mark in found.marks], found.refused) == ([Encoding.GSPS_POLYLINE], ())
    alone = annotation("L", image=IMAGE, compounds=[compound])
    assert reasons(read(without_area(state_of(alone)))) == [Reason.DISPLAY_UNITS]


def test_lines_of_a_multiline_stand_for_themselves(read: Read) -> None:
    lines = [((0.0, 0.0), (20.0, 0.0)), ((10.0, -5.0), (10.0, 5.0))]
    twins = [graphic("POLYLINE", line, compound=5) for line in lines]
    multi = compound_graphic("MULTILINE", [*lines[0], *lines[1]], 5)
    found = read(state_of(annotation("L", image=IMAGE, graphics=twins, compounds=[multi])))
    assert [mark.points for mark in found.marks] == lines


@pytest.mark.parametrize("kind", ["CROSSHAIR", "AXIS", "CUTLINE", "INFINITELINE", "RANGELINE"])
def test_compounds_that_measure_no_lesion_take_their_twins_along(read: Read, kind: str) -> None:
    twins = [graphic("POLYLINE", ENDS, compound=5)]
    item = annotation("L", image=IMAGE, graphics=twins, compounds=[compound_graphic(kind, ENDS, 5)])
    found = read(state_of(item))
    assert (found.marks, reasons(found)) == ((), [Reason.TOOL_NOT_A_LESION])


@pytest.mark.parametrize("points_tail_first", [True, False])
def test_the_head_in_the_twin_shows_the_tip(read: Read, points_tail_first: bool) -> None:
    tip, tail = (50.0, 50.0), (80.0, 50.0)
    head = graphic("POLYLINE", [(55, 45), tip, (55, 55)], compound=5)
    points = (tail, tip) if points_tail_first else (tip, tail)
    item = annotation("L", image=IMAGE, graphics=[head], compounds=[compound_graphic("ARROW", points, 5)])
    (mark,) = read(state_of(item)).marks
    assert (mark.shape, mark.points, mark.direction_known) == (Shape.ARROW, (tip, tail), True)


@pytest.mark.parametrize("points_tail_first", [True, False])
@pytest.mark.parametrize(
    "twin",
    [
        [(80, 50), (50, 50), (55, 45), (50, 50), (55, 55)],
        [(50, 50), (80, 50), (50, 50), (55, 45), (50, 50), (55, 55)],
        [(80, 49), (60, 49), (60, 45), (50, 50), (60, 55), (60, 51), (80, 51), (80, 49)],
    ],
)
def test_a_twin_of_shaft_and_head_in_one_shows_the_tip(
    read: Read, twin: list[tuple[float, float]], points_tail_first: bool
) -> None:
    tip, tail = (50.0, 50.0), (80.0, 50.0)
    points = (tail, tip) if points_tail_first else (tip, tail)
    whole = graphic("POLYLINE", twin, compound=5)
    item = annotation("L", image=IMAGE, graphics=[whole], compounds=[compound_graphic("ARROW", points, 5)])
    (mark,) = read(state_of(item)).marks
    assert (mark.points, mark.direction_known) == ((tip, tail), True)


def test_a_twin_that_is_as_near_to_both_ends_shows_no_tip(read: Read) -> None:
    box = graphic("POLYLINE", [(50, 48), (80, 48), (80, 52), (50, 52), (50, 48)], compound=5)
    arrow = compound_graphic("ARROW", ((50.0, 50.0), (80.0, 50.0)), 5)
    (mark,) = read(state_of(annotation("L", image=IMAGE, graphics=[box], compounds=[arrow]))).marks
    assert (mark.shape, mark.direction_known) == (Shape.ARROW, False)


def test_an_anchor_shows_the_tip_where_no_head_does(read: Read) -> None:
    tip, tail = (50.0, 50.0), (80.0, 50.0)
    arrow = compound_graphic("ARROW", (tip, tail), 5)
    bare = read(state_of(annotation("L", image=IMAGE, compounds=[arrow]))).marks[0]
    assert not bare.direction_known
    label = text("nodule", anchor=(50.5, 50.0), visible=False, compound=5)
    told = read(state_of(annotation("L", image=IMAGE, compounds=[arrow], texts=[label]))).marks[0]
    assert (told.points, told.direction_known) == ((tip, tail), True)


def test_compound_rectangle_and_ellipse_from_corners_and_from_twins(read: Read) -> None:
    corners = ((10.0, 20.0), (50.0, 40.0))
    box = read(state_of(annotation("L", image=IMAGE, compounds=[compound_graphic("RECTANGLE", corners, 1)]))).marks[0]
    assert (box.shape, set(box.points)) == (Shape.POLYGON, {(10, 20), (50, 20), (50, 40), (10, 40)})
    round_ = read(state_of(annotation("L", image=IMAGE, compounds=[compound_graphic("ELLIPSE", corners, 1)]))).marks[0]
    assert (round_.shape, round_.points) == (Shape.ELLIPSE, ((10, 30), (50, 30), (30, 20), (30, 40)))
    turned = compound_graphic("ELLIPSE", corners, 1)
    turned.RotationAngle = 30.0
    assert reasons(read(state_of(annotation("L", image=IMAGE, compounds=[turned])))) == [Reason.UNKNOWN_GRAPHIC]
    axes = ((12.0, 30.0), (48.0, 30.0), (30.0, 22.0), (30.0, 38.0))
    twin = graphic("ELLIPSE", axes, compound=1)
    told = read(state_of(annotation("L", image=IMAGE, graphics=[twin], compounds=[turned]))).marks[0]
    assert (told.points, told.encoding) == (axes, Encoding.GSPS_COMPOUND)


# -------------------------------------------------------------------------------------------------------------- texts


def only(found: AnnotationObject) -> Mark:
    (mark,) = found.marks
    return mark


def test_the_text_of_an_item_belongs_to_its_one_graphic(read: Read) -> None:
    label = text("30.0 mm", anchor=(200, 200), visible=True)
    mark = only(read(state_of(line_item(texts=[label]))))
    assert mark.texts == (Measurement(30.0, Unit.MM),)


def test_texts_go_to_the_nearest_of_several_graphics(read: Read) -> None:
    far = ((200.0, 300.0), (240.0, 300.0))
    labels = [text("40 mm", box_at=(245, 300)), text("30 mm", box_at=(42, 22))]
    item = annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", ENDS), graphic("POLYLINE", far)], texts=labels)
    first, second = read(state_of(item)).marks
    assert [t.value for t in first.texts] == [30]
    assert [t.value for t in second.texts] == [40]


def test_an_anchored_text_without_graphic_is_an_arrow(read: Read) -> None:
    mark = only(read(state_of(annotation("L", image=IMAGE, texts=[text("nodule", anchor=(60.0, 70.0))]))))
    assert (mark.shape, mark.points, mark.encoding) == (Shape.ARROW, ((60.0, 70.0),), Encoding.GSPS_TEXT)


def test_a_text_without_a_drawn_anchor_is_a_text(read: Read) -> None:
    hidden = text("nodule", anchor=(60, 70), visible=False)
    boxed = text("see report", box_at=(5, 5))
    found = read(state_of(annotation("L", image=IMAGE, texts=[hidden, boxed])))
    assert (found.marks, reasons(found)) == ((), [Reason.TEXT_ONLY, Reason.TEXT_ONLY])


def test_a_callout_that_measures_a_line_of_another_item_is_its_label(read: Read) -> None:
    callout = annotation("L", image=IMAGE, texts=[text("21.0 mm", anchor=(40.0, 20.0))])
    mark = only(read(state_of(line_item(), callout)))
    assert (mark.shape, [t.value for t in mark.texts]) == (Shape.LINE, [21.0])


def test_weasis_arrows_stand_among_graphics(read: Read) -> None:
    state = presentation_state(
        [IMAGE],
        {IMAGE.SOPInstanceUID: [Line(ENDS), Arrow((300, 300), (340, 340)), Arrow((25, 21), (60, 60))]},
        "weasis",
    )
    shapes = [mark.shape for mark in read(state).marks]
    assert shapes == [Shape.LINE, Shape.ARROW, Shape.ARROW], "even an arrow whose tip is on a measured line"


@pytest.mark.parametrize("units", [None, ""])
def test_an_anchor_without_units_of_its_own_has_those_of_its_box(read: Read, units: str | None) -> None:
    """So older versions of Weasis write each of their arrows."""
    drawn = [Line(ENDS), Arrow((300.0, 300.0), (340.0, 340.0))]
    state = presentation_state([IMAGE], {IMAGE.SOPInstanceUID: drawn}, "weasis")
    for words in state.GraphicAnnotationSequence[0].TextObjectSequence:
        if "AnchorPointAnnotationUnits" in words:
            del words.AnchorPointAnnotationUnits
            if units is not None:
                words.AnchorPointAnnotationUnits = units
    found = read(state)
    assert [(mark.shape, mark.points) for mark in found.marks] == [
        (Shape.LINE, ENDS),
        (Shape.ARROW, ((300.0, 300.0),)),
    ]
    assert found.refused == ()


def test_an_anchor_of_which_nothing_says_the_units_is_nowhere(read: Read) -> None:
    words = text("nodule", anchor=(60.0, 70.0))
    del words.AnchorPointAnnotationUnits
    assert reasons(read(state_of(annotation("L", image=IMAGE, texts=[words])))) == [Reason.MALFORMED_GRAPHIC]


def test_an_angle_is_not_the_label_of_a_contour(read: Read) -> None:
    contour = graphic("POLYLINE", [(50, 10), (80, 10), (80, 30), (50, 10)])
    item = annotation(
        "L", image=IMAGE, graphics=[contour, graphic("POLYLINE", ENDS)], texts=[text("Angle : 45.0 °", box_at=(48, 15))]
    )
    closed, line = read(state_of(item)).marks
    assert closed.texts == ()
    assert line.texts == (Measurement(45.0, Unit.DEGREE),)


def test_texts_in_display_units_without_a_displayed_area(read: Read) -> None:
    arrow = text("nodule", anchor=(0.2, 0.3))
    arrow.AnchorPointAnnotationUnits = "DISPLAY"
    assert reasons(read(without_area(state_of(annotation("L", image=IMAGE, texts=[arrow]))))) == [Reason.DISPLAY_UNITS]
    label = text("30 mm", box_at=(0.2, 0.3))
    label.BoundingBoxAnnotationUnits = "DISPLAY"
    assert only(read(without_area(state_of(line_item(texts=[label]))))).texts == (Measurement(30, Unit.MM),)


def test_broken_texts_are_refused_with_their_reason(read: Read) -> None:
    nowhere = text("x", anchor=(math.nan, 0))
    short = text("x", anchor=(1, 1))
    short.AnchorPoint = [1.0, 2.0, 3.0]
    found = read(state_of(annotation("L", image=IMAGE, texts=[nowhere, short])))
    assert reasons(found) == [Reason.POINT_NOT_FINITE, Reason.MALFORMED_GRAPHIC]


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192", "GB18030", "ISO 2022 IR 87", "NONSENSE", ""])
def test_any_character_set_gives_the_number(read: Read, charset: str) -> None:
    state = presentation_state([IMAGE], {IMAGE.SOPInstanceUID: [Line(ENDS)]}, "sectra")
    state.SpecificCharacterSet = "ISO_IR 192"
    state.SpecificCharacterSet = charset
    assert [t.value for t in only(read(state)).texts] == [21.0]


def test_no_word_of_a_text_is_kept(read: Read) -> None:
    drawn = [Pair(((1, 1), (30, 30)), ((10, 20), (20, 10))), Arrow((50, 50), (80, 80), words="Smith 12 mm")]
    for style in ("clearcanvas", "weasis", "agfa", "compound"):
        assert "Smith" not in repr(asdict(read(presentation_state([IMAGE], {IMAGE.SOPInstanceUID: drawn}, style))))
