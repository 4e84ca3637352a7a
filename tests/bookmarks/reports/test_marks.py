"""Places and numbers become marks and refusals: nothing is lost, nothing counted twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from miner.bookmarks.reports.content import Tree
from miner.bookmarks.reports.groups import scopes_of
from miner.bookmarks.reports.marks import Marks, marks_of
from miner.bookmarks.tools import Tool
from miner.errors import ObjectError, Reason
from miner.records import Axis, Encoding, ImageReference, Measurement, Shape, Unit
from tests.bookmarks.reports.conftest import IMAGE, SPACE, Content

CT = "1.2.840.10008.5.1.4.1.1.2"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
CORNERSTONE = "Cornerstone3DTools@^0.1.0:"
OTHERS = tuple(ImageReference("1.2", uid, CT) for uid in ("1.8", "1.9"))

Settle = Callable[..., Marks]


@pytest.fixture
def settle(tree: Callable[..., Tree]) -> Settle:
    def all_of(*below: object, images: tuple[ImageReference, ...] = ()) -> Marks:
        found = tree(*below)
        settled = marks_of(found, scopes_of(found), images)
        orders = [thing.order for thing in (*settled.marks, *settled.refused)]
        orders += [spatial.mark.order for spatial in settled.spatial]
        assert sorted(orders) == list(range(len(orders)))
        return settled

    return all_of


def mm(*values: float) -> tuple[Measurement, ...]:
    return tuple(Measurement(value, Unit.MM) for value in values)


def test_a_bidimensional_measurement(sr: Content, settle: Settle) -> None:
    found = settle(
        sr.group(
            *sr.tracked("1.2.3", CORNERSTONE + "Bidirectional"),
            sr.number(sr.LONG, 20, "mm", sr.line(0.5, 0.5, 20.5, 0.5)),
            sr.number(sr.SHORT, 10, "mm", sr.line(5.5, -4.5, 5.5, 5.5)),
        )
    )
    long, short = found.marks
    assert (long.shape, long.points, long.axis, long.texts) == (Shape.LINE, ((0, 0), (20, 0)), Axis.LONG, mm(20))
    assert (short.shape, short.points, short.axis, short.texts) == (Shape.LINE, ((5, -5), (5, 5)), Axis.SHORT, mm(10))
    assert {mark.group for mark in found.marks} == {0}
    assert {mark.tool for mark in found.marks} == {Tool.BIDIRECTIONAL.value}
    assert {mark.tracking for mark in found.marks} == {"1.2.3"}
    assert {mark.encoding for mark in found.marks} == {Encoding.SR_TID1500}
    assert {mark.image for mark in found.marks} == {ImageReference("", IMAGE, CT)}
    assert (found.groups, found.refused, found.spatial) == (1, (), ())


def test_an_uncalibrated_length_has_no_text(sr: Content, settle: Settle) -> None:
    (mark,) = settle(sr.group(sr.number(sr.LENGTH, 20, "1", sr.line(0, 0, 20, 0)))).marks
    assert mark.texts == ()


def test_both_axes_in_a_container_that_is_no_group(sr: Content, settle: Settle) -> None:
    pair = [sr.number(sr.LONG, 20, "mm", sr.line(0, 0, 20, 0)), sr.number(sr.SHORT, 9, "mm", sr.line(5, -4, 5, 5))]
    found = settle(sr.group(sr.line(1, 1, 2, 2)), sr.container(*pair), sr.container(sr.line(1, 1, 2, 2)))
    assert [mark.group for mark in found.marks] == [0, 1, 1, None]
    assert [mark.tool for mark in found.marks] == ["", "bidirectional", "bidirectional", ""]
    assert found.groups == 2


def test_both_axes_in_one_polyline(sr: Content, settle: Settle) -> None:
    region = sr.coordinates("POLYLINE", [10, 50, 90, 50, 40, 30, 40, 70], name=sr.REGION)
    found = settle(sr.group(region, sr.number(sr.SHORT, 40), sr.number(sr.LONG, 80)))
    assert [(mark.axis, mark.texts, mark.group, mark.order) for mark in found.marks] == [
        (Axis.LONG, mm(80), 0, 0),
        (Axis.SHORT, mm(40), 0, 1),
    ]
    (path,) = settle(sr.group(region)).marks
    assert path.shape is Shape.POLYLINE


def test_the_same_outline_twice_is_one(sr: Content, settle: Settle) -> None:
    """dcmjs writes the coordinates under the perimeter and again under the area."""
    data = [0, 0, 40, 0, 40, 30]
    perimeter = sr.number(("SCT", "131191004"), 120, "mm", sr.coordinates("POLYLINE", data))
    area = sr.number(("SRT", "G-A166"), 600, "mm2", sr.coordinates("POLYLINE", data))
    found = settle(sr.group(perimeter, area), sr.group(perimeter))
    assert [mark.shape for mark in found.marks] == [Shape.POLYGON, Shape.POLYLINE]
    assert [mark.group for mark in found.marks] == [0, 1]


def test_an_area_of_nothing_closes_no_path(sr: Content, settle: Settle) -> None:
    area = sr.number(("SRT", "G-A166"), 0, "mm2", sr.coordinates("POLYLINE", [0, 0, 40, 0, 40, 30]))
    (mark,) = settle(sr.group(area)).marks
    assert mark.shape is Shape.POLYLINE


@pytest.mark.parametrize(
    ("tool", "shape"),
    [("FreehandRoi", Shape.POLYGON), ("RectangleROI", Shape.POLYGON), ("PlanarFreehandROI", Shape.POLYLINE)],
)
def test_tools_that_draw_outlines_only(sr: Content, settle: Settle, tool: str, shape: Shape) -> None:
    curve = sr.coordinates("POLYLINE", [0, 0, 40, 0, 40, 30])
    (mark,) = settle(sr.group(*sr.tracked("1.2.3", CORNERSTONE + tool), curve)).marks
    assert mark.shape is shape


def test_arrows_old_and_new(sr: Content, settle: Settle) -> None:
    tracked = sr.tracked("1.2.3", CORNERSTONE + "ArrowAnnotate")
    centre = ("DCM", "111010", "Center")
    found = settle(
        *(
            sr.group(*tracked, sr.number(centre, 0, "1", sr.coordinates(kind, data)))
            for kind, data in (
                ("POINT", [5.5, 5.5]),
                ("POINT", [5.5, 5.5, 9.5, 9.5]),
                ("POLYLINE", [5.5, 5.5, 9.5, 9.5]),
            )
        )
    )
    assert [mark.points for mark in found.marks] == [((5, 5),), ((5, 5), (9, 9)), ((5, 5), (9, 9))]
    assert {(mark.shape, mark.tool, mark.texts, mark.direction_known) for mark in found.marks} == {
        (Shape.ARROW, "arrow", (), True)
    }


def test_an_arrow_with_its_tail_apart(sr: Content, settle: Settle) -> None:
    tip = sr.coordinates("POINT", [5.5, 5.5], name=sr.REGION)
    (mark,) = settle(sr.group(tip, sr.coordinates("MULTIPOINT", [9.5, 9.5], name=sr.REFERENCE_POINTS))).marks
    assert (mark.shape, mark.points, mark.tool) == (Shape.ARROW, ((5, 5), (9, 9)), "arrow")


@pytest.mark.parametrize("tool", ["Probe", "Probe:KeyImage"])
def test_a_point_of_another_tool(sr: Content, settle: Settle, tool: str) -> None:
    found = settle(sr.group(*sr.tracked("1.2.3", CORNERSTONE + tool), sr.coordinates("POINT", [5, 5])))
    assert [(refusal.reason, refusal.shape) for refusal in found.refused] == [(Reason.SINGLE_POINT, Shape.POINT)]
    assert found.refused[0].image == ImageReference("", IMAGE, CT)


@pytest.mark.parametrize(
    ("name", "unit", "tool"),
    [
        (("SCT", "1483009", "Angle"), "deg", "angle"),
        (("99X", "1", "Wedge"), "deg", "angle"),
        (("SCT", "285285000", "Cobb angle"), "deg", "cobb"),
        (("SCT", "102304005", "Calibration Ruler"), "mm", "calibration"),
    ],
)
def test_what_was_measured_names_the_tool(
    sr: Content, settle: Settle, name: tuple[str, str, str], unit: str, tool: str
) -> None:
    (mark,) = settle(sr.group(sr.number(name, 40, unit, sr.coordinates("POLYLINE", [0, 0, 9, 0, 9, 9, 4, 4])))).marks
    assert mark.tool == tool
    (region,) = settle(sr.group(sr.number(name, 40, unit, sr.coordinates("CIRCLE", [9, 9, 9, 4])))).marks
    assert region.tool == "", "an angle beside a region is its direction"


def test_a_round_region_keeps_all_its_sizes(sr: Content, settle: Settle) -> None:
    radius = sr.number(("SCT", "131190003", "Radius"), 2)
    (mark,) = settle(sr.group(sr.coordinates("CIRCLE", [9, 9, 9, 4]), radius, sr.number(sr.AREA, 12, "mm2"))).marks
    assert mark.texts == mm(2)


def test_a_line_is_not_labelled_with_its_perimeter(sr: Content, settle: Settle) -> None:
    (mark,) = settle(sr.group(sr.line(0, 0, 9, 0), sr.number(("SCT", "131191004"), 18), sr.number(sr.LENGTH, 9))).marks
    assert mark.texts == mm(9)


# -------------------------------------------------------------------------------------------------------------- images


def test_the_image_of_the_group_then_of_the_report(sr: Content, settle: Settle) -> None:
    line = sr.line(0, 0, 9, 0, image=None)
    assert settle(sr.group(line, sr.image("1.5")), images=OTHERS).marks[0].image.sop_uid == "1.5"
    assert settle(sr.group(line), images=OTHERS[:1]).marks[0].image == OTHERS[0]
    assert settle(line, images=OTHERS[:1]).marks[0].image == OTHERS[0]


@pytest.mark.parametrize("images", [(), OTHERS])
def test_no_image_is_guessed(sr: Content, settle: Settle, images: tuple[ImageReference, ...]) -> None:
    found = settle(sr.group(sr.line(0, 0, 9, 0, image=None)), images=images)
    assert [(refusal.reason, refusal.shape) for refusal in found.refused] == [(Reason.IMAGE_AMBIGUOUS, Shape.LINE)]


def test_a_line_on_two_images_is_on_none(sr: Content, settle: Settle) -> None:
    line = sr.coordinates("POLYLINE", [0, 0, 9, 0], sr.image("1.5"), sr.image("1.6"), image=None)
    assert [refusal.reason for refusal in settle(sr.group(line)).refused] == [Reason.IMAGE_AMBIGUOUS]


# ------------------------------------------------------------------------------------------------------------ in space


def test_a_mark_in_space(sr: Content, settle: Settle) -> None:
    number = sr.number(sr.LENGTH, 9, "mm", sr.in_space("POLYLINE", [0, 0, 5, 9, 0, 5]))
    found = settle(sr.group(*sr.tracked("1.2.3", CORNERSTONE + "Length"), number), images=OTHERS)
    (spatial,) = found.spatial
    assert spatial.points == ((0, 0, 5), (9, 0, 5))
    assert (spatial.frame_of_reference, spatial.candidates) == (SPACE, OTHERS)
    mark = spatial.mark
    assert (mark.shape, mark.points, mark.image) == (Shape.LINE, (), OTHERS[0])
    assert (mark.encoding, mark.texts, mark.tracking) == (Encoding.SR_SCOORD3D, mm(9), "1.2.3")


def test_the_group_s_images_are_the_candidates(sr: Content, settle: Settle) -> None:
    group = sr.group(sr.in_space("POLYLINE", [0, 0, 5, 9, 0, 5]), sr.image("1.5"), sr.image("1.6"))
    (spatial,) = settle(group, images=OTHERS).spatial
    assert [image.sop_uid for image in spatial.candidates] == ["1.5", "1.6"]


def test_space_without_a_frame_or_an_image(sr: Content, settle: Settle) -> None:
    nowhere = settle(sr.group(sr.in_space("POLYLINE", [0, 0, 5, 9, 0, 5], space="")), images=OTHERS)
    assert [refusal.reason for refusal in nowhere.refused] == [Reason.FRAME_OF_REFERENCE]
    (alone,) = settle(sr.group(sr.in_space("POLYLINE", [0, 0, 5, 9, 0, 5]))).spatial
    assert (alone.candidates, alone.mark.image) == ((), ImageReference("", ""))


def test_in_space_images_are_not_named_without_end(
    sr: Content, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("miner.bookmarks.reports.images.MAX_CHOICES", 5)
    marks = [sr.in_space("POLYLINE", [0, 0, 5, 9, n, 5]) for n in range(3)]
    assert len(settle(*marks[:2], images=OTHERS).spatial) == 2
    with pytest.raises(ObjectError):
        settle(*marks, images=OTHERS)


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("ELLIPSOID", list(range(18)), Reason.UNKNOWN_GRAPHIC),
        ("MULTIPOINT", [0, 0, 5, 9, 0, 5], Reason.SINGLE_POINT),
        ("POINT", [0, 0, 5], Reason.SINGLE_POINT),
    ],
)
def test_bodies_and_points_in_space(sr: Content, settle: Settle, kind: str, data: list[int], reason: Reason) -> None:
    volume = sr.number(("SCT", "118565006", "Volume"), 200, "mm3")
    found = settle(sr.group(volume, sr.in_space(kind, data)), images=OTHERS)
    assert [(refusal.reason, refusal.image) for refusal in found.refused] == [(reason, None)]


# ------------------------------------------------------------------------------------------------- without coordinates


def test_a_length_without_coordinates(sr: Content, settle: Settle) -> None:
    found = settle(sr.group(sr.number(sr.LONG, 20), sr.number(sr.SHORT, 10), sr.image("1.5")))
    assert [refusal.reason for refusal in found.refused] == [Reason.NO_COORDINATES] * 2
    assert {refusal.image for refusal in found.refused} == {ImageReference("", "1.5", CT)}


def test_a_loose_diameter_counts_and_a_loose_thickness_does_not(sr: Content, settle: Settle) -> None:
    found = settle(sr.number(sr.LENGTH, 20), sr.number(("DCM", "112225", "Slice Thickness"), 5))
    assert [refusal.reason for refusal in found.refused] == [Reason.NO_COORDINATES]


def test_other_numbers_without_coordinates_are_no_measurements_of_a_place(sr: Content, settle: Settle) -> None:
    assert settle(sr.group(sr.number(("IBSI", "X6K6"), -119, "[hnsf'U]"), sr.image())) == Marks((), (), (), 1)


def test_a_segmentation_is_one_refusal(sr: Content, settle: Settle) -> None:
    segment = sr.image("1.7", sop_class=SEGMENTATION, name=("DCM", "121191", "Referenced Segment"))
    numbers = [sr.number(sr.LENGTH, 20), sr.number(("SCT", "118565006"), 9, "mm3")]
    found = settle(sr.group(segment, sr.image("1.5"), *numbers))
    assert [refusal.reason for refusal in found.refused] == [Reason.SEGMENTATION]
    assert not settle(sr.container(segment, name=("DCM", "111028", "Image Library"))).refused


def test_a_region_beside_its_segmentation_is_read(sr: Content, settle: Settle) -> None:
    segment = sr.image("1.7", sop_class=SEGMENTATION, name=("DCM", "121191", "Referenced Segment"))
    found = settle(sr.group(segment, sr.coordinates("CIRCLE", [9, 9, 9, 4])))
    assert len(found.marks) == 1
    assert not found.refused


def test_items_that_cannot_be_read_are_counted(sr: Content, settle: Settle) -> None:
    broken = sr.line(0, 0, 9, 0)
    broken.GraphicData = [0, 0, 9]
    nameless = sr.container()
    del nameless.ValueType
    found = settle(sr.group(broken, sr.line(0, 0, 9, 0)), nameless)
    assert [(refusal.reason, refusal.order) for refusal in found.refused] == [
        (Reason.MALFORMED_GRAPHIC, 0),
        (Reason.MALFORMED_GRAPHIC, 2),
    ]
    assert [mark.order for mark in found.marks] == [1]
