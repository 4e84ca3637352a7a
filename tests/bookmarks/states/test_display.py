"""Displayed areas, rotation and flip: DISPLAY units and back."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from miner.bookmarks import recognise
from miner.bookmarks.states.display import DisplayedArea
from miner.errors import Reason
from miner.records import AnnotationObject, Doubt, Encoding, Kind, Mark, Measurement, Point, Shape, Unit
from tests.annotations import (
    Arrow,
    Circle,
    Curve,
    Ellipse,
    Line,
    Outline,
    Pair,
    ct_image,
    empty_state,
    presentation_state,
)
from tests.annotations.elements import annotation, compound_graphic, graphic, image_reference, text
from tests.annotations.states import save, show_as
from tests.annotations.styles.display import seen, show
from tests.annotations.styles.sheet import View
from tests.annotations.truth import Drawing
from tests.peers.dcmtk import tool_path

Read = Callable[[FileDataset], AnnotationObject]
IMAGE, OTHER = ct_image(number=1), ct_image(number=2)
ENDS = ((10.0, 20.0), (40.0, 25.0))
VIEW = View((11, 21), (210, 120))
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TURNS = [(rotation, flipped) for rotation in (0, 90, 180, 270) for flipped in (False, True)]


def shown(item: Dataset, view: View, aspect: float = 1.0) -> Dataset:
    show(item, view, aspect)
    return item


def state_of(
    *items: Dataset, view: View = VIEW, images: tuple[Dataset, ...] = (IMAGE,), after: bool = False
) -> FileDataset:
    """A state whose every image is shown by ``view``, with these items."""
    state = empty_state(images)
    state.GraphicAnnotationSequence = Items(items)
    for area in state.DisplayedAreaSelectionSequence:
        show_as(area, view, after=after)
    state.ImageRotation, state.ImageHorizontalFlip = view.rotation, "Y" if view.flipped else "N"
    return state


def line_item(view: View = VIEW, image: Dataset | None = IMAGE, **fields: object) -> Dataset:
    return shown(annotation("L", image=image, graphics=[graphic("POLYLINE", ENDS)], **fields), view)  # type: ignore[arg-type]


def only(found: AnnotationObject) -> Mark:
    (mark,) = found.marks
    return mark


def reasons(found: AnnotationObject) -> list[Reason]:
    return [refusal.reason for refusal in found.refused]


def close(a: tuple[Point, ...], b: tuple[Point, ...], tolerance: float = 1e-3) -> bool:
    return len(a) == len(b) and all(math.dist(p, q) <= tolerance for p, q in zip(a, b, strict=True))


# ------------------------------------------------------------------------------------------------- area, rotation, flip


@pytest.mark.parametrize(
    ("rotation", "flipped", "point"),
    [  # what is shown at the top left: a corner of the image's 4 × 2 pixels, followed by hand
        (0, False, (0, 0)),
        (90, False, (0, 2)),
        (180, False, (4, 2)),
        (270, False, (4, 0)),
        (0, True, (4, 0)),
        (90, True, (0, 0)),
        (180, True, (0, 2)),
        (270, True, (4, 2)),
    ],
)
def test_the_top_left_corner_as_shown(rotation: int, flipped: bool, point: Point) -> None:
    area = DisplayedArea(0, 0, 4, 2, rotation, flipped)
    assert area.place(0.0, 0.0) == (point[0] - 0.5, point[1] - 0.5)


@pytest.mark.parametrize(("rotation", "flipped"), TURNS)
@pytest.mark.parametrize("after", [False, True])
def test_lines_come_back_from_every_view(read: Read, rotation: int, flipped: bool, after: bool) -> None:
    view = View((-30, 5), (400, 333), rotation, flipped)
    mark = only(read(state_of(line_item(view), view=view, after=after)))
    assert close(mark.points, ENDS, 1e-4)
    assert (mark.encoding, mark.doubts) == (Encoding.GSPS_DISPLAY, ())


def test_rotation_and_flip_absent_are_none(read: Read) -> None:
    state = state_of(line_item())
    del state.ImageRotation, state.ImageHorizontalFlip
    assert close(only(read(state)).points, ENDS)


@pytest.mark.parametrize(("rotation", "equal"), [(360, 0), (450, 90)])
def test_a_whole_turn_more_is_no_turn(read: Read, rotation: int, equal: int) -> None:
    view = View((11, 21), (210, 120), equal)
    state = state_of(line_item(view), view=view)
    state.ImageRotation = rotation
    assert close(only(read(state)).points, ENDS)


@pytest.mark.parametrize(("keyword", "value"), [("ImageRotation", 45), ("ImageHorizontalFlip", "MAYBE")])
def test_a_turn_that_the_standard_does_not_know(read: Read, keyword: str, value: object) -> None:
    state = state_of(line_item(), annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", ENDS)]))
    setattr(state, keyword, value)
    found = read(state)
    assert reasons(found) == [Reason.DISPLAY_UNITS]
    assert only(found).encoding is Encoding.GSPS_POLYLINE, "pixels are drawn before the turn and need none of it"


@pytest.mark.parametrize(("rotation", "flipped"), TURNS)
def test_a_corner_of_zero_is_an_edge_and_a_doubt(read: Read, rotation: int, flipped: bool) -> None:
    view = View((0, 0), (512, 512), rotation, flipped, edges=True)
    mark = only(read(state_of(line_item(view), view=view)))
    assert close(mark.points, ENDS)
    assert mark.doubts == (Doubt.DISPLAYED_AREA,)


def test_a_corner_below_zero_is_a_view_beyond_the_image(read: Read) -> None:
    view = View((-9, 0), (512, 512))
    mark = only(read(state_of(line_item(view), view=view)))
    assert close(mark.points, ENDS)
    assert mark.doubts == ()


def test_corners_in_an_order_of_neither_kind_are_doubtful(read: Read) -> None:
    state = state_of(line_item())
    area = state.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [210, 21], [11, 120]
    mark = only(read(state))
    assert close(mark.points, ENDS)
    assert mark.doubts == (Doubt.DISPLAYED_AREA,)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ([1, 1], [1, 512]),
        ([7, 7], [7, 7]),
        ([0, 0], [0, 0]),
        ([0, 0], [1, 512]),
        ([1, 1], [2**31 - 1, 512]),
        ([-(2**31), 1], [512, 512]),
        ([1], [512]),
        ([1, 1, 1], [512, 512, 512]),
        (None, [512, 512]),
        ([1, 1], None),
    ],
)
def test_areas_that_place_nothing(read: Read, first: list[int] | None, last: list[int] | None) -> None:
    state = state_of(line_item())
    area = state.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = first, last
    found = read(state)
    assert (found.marks, reasons(found)) == ((), [Reason.DISPLAY_UNITS])


def test_no_area_at_all(read: Read) -> None:
    state = state_of(line_item())
    del state.DisplayedAreaSelectionSequence
    assert reasons(read(state)) == [Reason.DISPLAY_UNITS]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_that_is_none(read: Read, value: float) -> None:
    item = line_item()
    item.GraphicObjectSequence[0].GraphicData = [0.1, 0.2, value, 0.3]
    assert reasons(read(state_of(item))) == [Reason.POINT_NOT_FINITE]


def test_fractions_beside_the_area_lie_beside_it(read: Read) -> None:
    item = line_item()
    item.GraphicObjectSequence[0].GraphicData = [-0.5, 0.5, 1.5, 0.5]
    assert close(only(read(state_of(item))).points, ((10 - 100 - 0.5, 20 + 50 - 0.5), (10 + 300 - 0.5, 69.5)))


# -------------------------------------------------------------------------------------------------- which area holds


def area_for(view: View, *images: Dataset, frames: list[int] | None = None) -> Dataset:
    area = Dataset()
    if images:
        area.ReferencedImageSequence = Items([image_reference(image) for image in images])
        if frames:
            area.ReferencedImageSequence[0].ReferencedFrameNumber = frames
    show_as(area, view, after=False)
    return area


def test_each_image_has_its_own_area(read: Read) -> None:
    zoomed = View((101, 101), (200, 200))
    state = state_of(line_item(VIEW, IMAGE), line_item(zoomed, OTHER), images=(IMAGE, OTHER))
    state.DisplayedAreaSelectionSequence = Items([area_for(VIEW, IMAGE), area_for(zoomed, OTHER)])
    first, second = read(state).marks
    assert close(first.points, ENDS)
    assert close(second.points, ENDS)


def test_an_area_without_list_holds_for_all_images(read: Read) -> None:
    state = state_of(line_item(VIEW, IMAGE), line_item(VIEW, OTHER), images=(IMAGE, OTHER))
    state.DisplayedAreaSelectionSequence = Items([area_for(VIEW)])
    assert all(close(mark.points, ENDS) for mark in read(state).marks)


def test_an_image_without_area(read: Read) -> None:
    state = state_of(line_item(VIEW, IMAGE), line_item(VIEW, OTHER), images=(IMAGE, OTHER))
    state.DisplayedAreaSelectionSequence = Items([area_for(VIEW, IMAGE)])
    found = read(state)
    assert close(only(found).points, ENDS)
    assert reasons(found) == [Reason.DISPLAY_UNITS]


def test_areas_that_contradict_one_another(read: Read) -> None:
    state = state_of(line_item())
    for other in (area_for(View((1, 1), (512, 512)), IMAGE), area_for(View((1, 1), (512, 512)))):
        state.DisplayedAreaSelectionSequence = Items([area_for(VIEW, IMAGE), other])
        assert reasons(read(state)) == [Reason.DISPLAY_UNITS]
    state.DisplayedAreaSelectionSequence = Items([area_for(VIEW, IMAGE), area_for(VIEW)])
    assert close(only(read(state)).points, ENDS), "the same area twice is one"


def test_an_area_whose_images_cannot_be_read_may_hold_for_any(read: Read) -> None:
    broken = area_for(View((1, 1), (512, 512)), IMAGE)
    broken.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "no uid"
    state = state_of(line_item())
    state.DisplayedAreaSelectionSequence = Items([area_for(VIEW, IMAGE), broken])
    assert reasons(read(state)) == [Reason.DISPLAY_UNITS]


def test_frames_have_areas_of_their_own(read: Read) -> None:
    volume = ct_image(number=9)
    volume.SOPClassUID = EnhancedCTImageStorage
    third, others = View((1, 1), (100, 100)), View((1, 1), (300, 300))
    items = []
    for frame, view in ((3, third), (4, others), (5, others), (6, others)):
        item = line_item(view, volume)
        item.ReferencedImageSequence[0].ReferencedFrameNumber = frame
        items.append(item)
    state = state_of(*items, images=(volume,))
    areas = [area_for(third, volume, frames=[3]), area_for(others, volume, frames=[4, 5])]
    state.DisplayedAreaSelectionSequence = Items(areas)
    found = read(state)
    assert [mark.image.frame for mark in found.marks] == [3, 4, 5]
    assert all(close(mark.points, ENDS) for mark in found.marks)
    assert reasons(found) == [Reason.DISPLAY_UNITS], "no area names frame 6"


def test_frame_1_of_a_single_frame_image_is_the_image(read: Read) -> None:
    state = state_of(line_item())
    state.DisplayedAreaSelectionSequence = Items([area_for(VIEW, IMAGE, frames=[1])])
    assert close(only(read(state)).points, ENDS)


def test_the_image_comes_before_the_area(read: Read) -> None:
    found = read(state_of(line_item(image=None), images=(IMAGE, OTHER)))
    assert (found.marks, reasons(found)) == ((), [Reason.IMAGE_AMBIGUOUS])
    callout = shown(annotation("L", image=None, texts=[text("nodule", anchor=(60.0, 70.0))]), VIEW)
    assert reasons(read(state_of(callout, images=(IMAGE, OTHER)))) == [Reason.IMAGE_AMBIGUOUS]


# ------------------------------------------------------------------------------------------- circles, compounds, texts


@pytest.mark.parametrize(("rotation", "flipped"), TURNS)
def test_a_circle_is_round_as_shown_on_an_area_that_is_no_square(read: Read, rotation: int, flipped: bool) -> None:
    view = View((1, 1), (400, 100), rotation, flipped)
    item = shown(annotation("L", image=IMAGE, graphics=[graphic("CIRCLE", [(60.0, 50.0), (70.0, 45.0)])]), view)
    mark = only(read(state_of(item, view=view)))
    assert (mark.shape, mark.encoding) == (Shape.CIRCLE, Encoding.GSPS_DISPLAY)
    assert close(mark.points, ((60.0, 50.0), (70.0, 45.0)))


@pytest.mark.parametrize(("rotation", "flipped"), TURNS)
@pytest.mark.parametrize("by_ratio", [False, True])
def test_a_circle_on_pixels_that_are_not_square_is_one_of_millimetres(
    read: Read, rotation: int, flipped: bool, by_ratio: bool
) -> None:
    """Pixels twice as high as wide, shown as such. The viewer drew a circle of 12 mm through (u, v)."""
    view = View((1, 1), (400, 100), rotation, flipped)
    centre, turn = (60.5, 50.5), 0.6
    rim = (centre[0] + 12 * math.cos(turn), centre[1] + 6 * math.sin(turn))
    item = annotation("L", image=IMAGE, graphics=[graphic("CIRCLE", [(0, 0), (1, 1)])])
    drawn = item.GraphicObjectSequence[0]
    drawn.GraphicAnnotationUnits = "DISPLAY"
    drawn.GraphicData = [value for point in (centre, rim) for value in seen(view, point)]
    state = state_of(item, view=view)
    area = state.DisplayedAreaSelectionSequence[0]
    del area.PresentationPixelSpacing
    if by_ratio:
        area.PresentationPixelAspectRatio = [2, 1]
    else:
        area.PresentationPixelSpacing = [2.0, 1.0]
    mark = only(read(state))
    assert (mark.shape, mark.encoding) == (Shape.ELLIPSE, Encoding.GSPS_DISPLAY)
    assert close(mark.points, ((48, 50), (72, 50), (60, 44), (60, 56)))
    (bookmark,) = recognise([mark], columns=512, rows=512, pixel_spacing=(2.0, 1.0)).bookmarks
    assert bookmark.length_mm == pytest.approx(24, abs=1e-3)


@pytest.mark.parametrize(("rotation", "flipped"), TURNS)
def test_compounds_and_their_twins(read: Read, rotation: int, flipped: bool) -> None:
    view = View((1, 1), (300, 200), rotation, flipped)
    ruler = annotation(
        "L",
        image=IMAGE,
        graphics=[graphic("POLYLINE", ENDS, compound=1), graphic("POLYLINE", ((10, 17), (10, 23)), compound=1)],
        compounds=[compound_graphic("RULER", ENDS, 1)],
    )
    boxes = annotation(
        "L",
        image=IMAGE,
        compounds=[
            compound_graphic("RECTANGLE", ((10, 20), (50, 40)), 2),
            compound_graphic("ELLIPSE", ((10, 20), (50, 40)), 3),
        ],
    )
    found = read(state_of(shown(ruler, view), shown(boxes, view), view=view))
    assert not found.refused
    line, box, ellipse = found.marks
    assert close(line.points, ENDS)
    assert {(round(x, 3), round(y, 3)) for x, y in box.points} == {(10, 20), (50, 20), (50, 40), (10, 40)}
    ends = {(round(x, 3), round(y, 3)) for x, y in ellipse.points}
    assert ends == {(10, 30), (50, 30), (30, 20), (30, 40)}
    assert {mark.encoding for mark in found.marks} == {Encoding.GSPS_DISPLAY}


def test_a_compound_in_display_units_with_twins_in_pixels_counts_once(read: Read) -> None:
    compound = annotation("L", image=IMAGE, compounds=[compound_graphic("RULER", ENDS, 1)])
    twins = annotation("L", image=IMAGE, graphics=[graphic("POLYLINE", ENDS, compound=1)])
    found = read(state_of(shown(compound, VIEW), twins))
    assert close(only(found).points, ENDS)
    assert found.refused == ()
    found = read(state_of(annotation("L", image=IMAGE, compounds=[compound_graphic("RULER", ENDS, 1)]), line_item()))
    assert len(found.marks) == 2, "a line without the compound's number is another"


def test_texts_in_display_units_label_graphics_in_pixels(read: Read) -> None:
    far = ((200.0, 300.0), (240.0, 300.0))
    labels = [text("40 mm", box_at=(245, 300)), text("30 mm", box_at=(42, 22))]
    item = shown(annotation("L", image=IMAGE, texts=labels), VIEW)
    item.GraphicObjectSequence = Items([graphic("POLYLINE", ENDS), graphic("POLYLINE", far)])
    first, second = read(state_of(item)).marks
    assert [mark.encoding for mark in (first, second)] == [Encoding.GSPS_POLYLINE] * 2
    assert first.texts == (Measurement(30.0, Unit.MM),)
    assert second.texts == (Measurement(40.0, Unit.MM),)


@pytest.mark.parametrize(("rotation", "flipped"), TURNS)
def test_a_drawn_anchor_in_display_units_is_an_arrow(read: Read, rotation: int, flipped: bool) -> None:
    view = View((1, 1), (300, 200), rotation, flipped)
    mark = only(
        read(state_of(shown(annotation("L", image=IMAGE, texts=[text("x", anchor=(60, 70))]), view), view=view))
    )
    assert (mark.shape, mark.encoding, mark.doubts) == (Shape.ARROW, Encoding.GSPS_DISPLAY, ())
    assert close(mark.points, ((60.0, 70.0),))


def test_an_arrow_takes_the_doubt_of_its_area(read: Read) -> None:
    view = View((0, 0), (512, 512), edges=True)
    item = shown(annotation("L", image=IMAGE, texts=[text("x", anchor=(60, 70))]), view)
    assert only(read(state_of(item, view=view))).doubts == (Doubt.DISPLAYED_AREA,)


# ---------------------------------------------------------------------------------------------------------- round trips

WIDE = ct_image(columns=640, rows=400, spacing=(0.68, 0.91))
xs, ys = st.floats(1, 638), st.floats(1, 398)
points = st.tuples(xs, ys)
seeds = st.integers(0, 2**32 - 1).map(str)


def through(read: Read, drawing: Drawing, seed: str) -> tuple[Kind, Encoding, tuple[Point, ...]]:
    state = presentation_state([WIDE], {WIDE.SOPInstanceUID: [drawing]}, "display", seed=seed)
    recognised = recognise(read(state).marks, columns=640, rows=400, pixel_spacing=(0.68, 0.91))
    (bookmark,) = recognised.bookmarks
    return bookmark.kind, bookmark.encoding, bookmark.points


@QUIET
@given(points, points, seeds)
def test_lines(read: Read, a: Point, b: Point, seed: str) -> None:
    assume(math.dist(a, b) > 12)
    kind, encoding, found = through(read, Line((a, b)), seed)
    assert (kind, encoding) == (Kind.LINE, Encoding.GSPS_DISPLAY)
    assert close(found, (a, b))


@QUIET
@given(st.floats(80, 300), st.floats(80, 300), st.floats(0, math.pi), seeds)
def test_pairs(read: Read, x: float, y: float, turn: float, seed: str) -> None:
    ux, uy = math.cos(turn), math.sin(turn)
    long = ((x - 30 * ux, y - 30 * uy), (x + 30 * ux, y + 30 * uy))
    short = ((x + 12 * uy, y - 12 * ux), (x - 12 * uy, y + 12 * ux))
    kind, encoding, found = through(read, Pair(long, short), seed)
    assert (kind, encoding) == (Kind.RECIST, Encoding.GSPS_DISPLAY)
    assert close(found, (*long, *short))


@QUIET
@given(points, points, seeds)
def test_arrows(read: Read, tip: Point, tail: Point, seed: str) -> None:
    assume(math.dist(tip, tail) > 20)
    kind, encoding, found = through(read, Arrow(tip, tail), seed)
    assert (kind, encoding) == (Kind.ARROW, Encoding.GSPS_DISPLAY)
    assert close(found, (tip, tail)[: len(found)])


@QUIET
@given(st.floats(80, 300), st.floats(80, 300), st.floats(3, 70), seeds)
def test_circles(read: Read, x: float, y: float, radius: float, seed: str) -> None:
    kind, encoding, found = through(read, Circle((x, y), radius), seed)
    assert (kind, encoding) == (Kind.ELLIPSE, Encoding.GSPS_DISPLAY)
    assert close(found, ((x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)))


@QUIET
@given(st.tuples(st.floats(100, 300), st.floats(100, 300)), st.floats(0, math.pi), st.floats(8, 60), seeds)
def test_ellipses(read: Read, at: Point, turn: float, major: float, seed: str) -> None:
    x, y = at
    u, v = (math.cos(turn) * major, math.sin(turn) * major), (-math.sin(turn) * major / 3, math.cos(turn) * major / 3)
    ends = ((x - u[0], y - u[1]), (x + u[0], y + u[1]))
    across = ((x - v[0], y - v[1]), (x + v[0], y + v[1]))
    kind, encoding, found = through(read, Ellipse(ends, across), seed)
    assert (kind, encoding) == (Kind.ELLIPSE, Encoding.GSPS_DISPLAY)
    assert close(found, (*ends, *across))


@QUIET
@given(st.integers(3, 30), st.tuples(st.floats(100, 300), st.floats(100, 300)), st.booleans(), seeds)
def test_outlines(read: Read, count: int, at: Point, curved: bool, seed: str) -> None:
    x, y = at
    turns = np.linspace(0, 2 * math.pi, count, endpoint=False)
    vertices = tuple((x + 40 * math.cos(t), y + 25 * math.sin(t)) for t in turns)
    kind, encoding, found = through(read, Curve(vertices) if curved else Outline(vertices), seed)
    assert (kind, encoding) == (Kind.POLYGON, Encoding.GSPS_DISPLAY)
    assert close(found, vertices)


@pytest.mark.parametrize(("size", "tolerance"), [(512, 2e-5), (4096, 2e-4), (30_000, 1e-3)])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_what_float32_allows(size: int, tolerance: float, data: st.DataObject) -> None:
    """A fraction near 1 is stored within 3e-8: half a step of float32 there, times the side of the area, each way."""
    rotation, flipped = data.draw(st.sampled_from(TURNS))
    view = View((1, 1), (size, size), rotation, flipped)
    point = data.draw(st.tuples(st.floats(0, size), st.floats(0, size)))
    u, v = (float(np.float32(value)) for value in seen(view, point))
    x, y = DisplayedArea(0, 0, size, size, rotation, flipped).place(u, v)
    assert abs(x + 0.5 - point[0]) <= tolerance
    assert abs(y + 0.5 - point[1]) <= tolerance


whole = st.integers(-(2**31), 2**31 - 1)
small = st.integers(-3, 700)
corner = st.lists(st.one_of(small, whole), min_size=0, max_size=3)
fractions = st.lists(st.floats(width=32), min_size=0, max_size=8)


@QUIET
@given(st.tuples(corner, corner), st.integers(0, 65_535), st.sampled_from(["Y", "N", "", "X"]), fractions)
def test_whatever_stands_there_ends_once_and_finite(
    read: Read, corners: tuple[list[int], list[int]], rotation: int, flip: str, data: list[float]
) -> None:
    shapes = [graphic(kind, [(0, 0)], compound=1) for kind in ("POLYLINE", "CIRCLE", "ELLIPSE")]
    for shape in shapes:
        shape.GraphicAnnotationUnits, shape.GraphicData = "DISPLAY", data
        shape.NumberOfGraphicPoints = len(data) // 2
    compound = compound_graphic("RECTANGLE", ENDS, 2)
    compound.CompoundGraphicUnits = "DISPLAY"
    state = state_of(annotation("L", image=IMAGE, graphics=shapes, compounds=[compound]))
    area = state.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = corners
    state.ImageRotation, state.ImageHorizontalFlip = rotation, flip
    found = read(state)
    assert sorted(thing.order for thing in (*found.marks, *found.refused)) == [0, 1, 2, 3]
    assert all(math.isfinite(value) for mark in found.marks for point in mark.points for value in point)


# ----------------------------------------------------------------------------------------------- against another reader


def picture(folder: Path) -> tuple[Dataset, Path]:
    """A small greyscale image of which every pixel has a value of its own, as a Part 10 file."""
    image = ct_image(columns=16, rows=10)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID = ExplicitVRLittleEndian, image.SOPInstanceUID
    meta.MediaStorageSOPClassUID = image.SOPClassUID = SecondaryCaptureImageStorage
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.PatientBirthDate = image.PatientSex = image.StudyDate = image.StudyTime = ""
    image.ReferringPhysicianName = image.StudyID = image.AccessionNumber = ""
    image.PixelData = np.arange(160, dtype=np.uint8).tobytes()
    file = FileDataset("", image, file_meta=meta, preamble=b"\0" * 128)
    path = folder / "image.dcm"
    file.save_as(path, enforce_file_format=True)
    return image, path


@pytest.mark.peer
@pytest.mark.parametrize(("rotation", "flipped"), TURNS)
def test_dcmtk_turns_the_image_as_we_do(tmp_path: Path, rotation: int, flipped: bool) -> None:
    """dcmp2pgm renders an image through a presentation state: each pixel as rendered is where we place it."""
    program = tool_path("dcmp2pgm")
    image, path = picture(tmp_path)
    state = empty_state([image], window=(127.5, 256))
    state.ContentDescription = state.ContentCreatorName = state.Manufacturer = ""
    state.SeriesNumber = 1
    state.ReferringPhysicianName = state.StudyID = state.AccessionNumber = ""
    show_as(state.DisplayedAreaSelectionSequence[0], View((1, 1), (16, 10)), after=False)
    state.ImageRotation, state.ImageHorizontalFlip = rotation, "Y" if flipped else "N"
    folder = tmp_path / "state"
    folder.mkdir()
    out = tmp_path / "out.pgm"
    done = subprocess.run(
        [program, "-p", save(state, folder), path, out], capture_output=True, timeout=60, check=False, text=True
    )
    assert out.is_file(), done.stderr
    header, width, height, _, data = out.read_bytes().split(maxsplit=4)
    assert header == b"P5"
    rendered = np.frombuffer(data, dtype=np.uint8).reshape(int(height), int(width))
    area = DisplayedArea(0, 0, 16, 10, rotation, flipped)
    for row, column in np.ndindex(rendered.shape):
        x, y = area.place((column + 0.5) / rendered.shape[1], (row + 0.5) / rendered.shape[0])
        assert abs(int(rendered[row, column]) - (round(y) * 16 + round(x))) <= 1
