"""Marks in patient space find the slice that they were drawn on, or say why they find none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.bookmarks.recognition import (
    nearest_planes,
    nearest_planes_all,
    place,
    place_all,
    plane_of_header,
    plane_of_instance,
)
from miner.errors import Reason
from miner.records import (
    Doubt,
    Encoding,
    ImageHeader,
    ImagePlane,
    ImageReference,
    InstanceRef,
    Mark,
    MarkRefusal,
    Orientation,
    Point,
    Shape,
    SpatialMark,
    Vector,
)

FRAME = "1.2.840.99"
AXIAL: Orientation = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL: Orientation = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def plane(
    number: int = 0,
    *,
    series: str = "1.2",
    frame: str = FRAME,
    position: Vector = (0.0, 0.0, 0.0),
    orientation: Orientation = AXIAL,
    spacing: tuple[float, float] = (0.8, 0.8),
    size: tuple[int, int] = (512, 512),
    thickness: float | None = 2.0,
) -> ImagePlane:
    image = ImageReference(series, f"{series}.{number}")
    return ImagePlane(image, frame, position, orientation, spacing, size[0], size[1], thickness)


def stack(count: int, step: float = 2.0, series: str = "1.2", **fields: object) -> list[ImagePlane]:
    """Axial slices at z = 0, step, 2 · step …"""
    return [
        plane(i, series=series, position=(0.0, 0.0, i * step), thickness=step, **fields)  # type: ignore[arg-type]
        for i in range(count)
    ]


def spatial(
    points: Sequence[Vector],
    *,
    shape: Shape = Shape.LINE,
    frame: str = FRAME,
    candidates: Sequence[ImageReference] = (),
    order: int = 0,
) -> SpatialMark:
    mark = Mark(shape, ImageReference("", ""), (), Encoding.SR_SCOORD3D, order, group=3, doubts=(Doubt.AREA,))
    return SpatialMark(mark, tuple(points), frame, tuple(candidates))


def in_space(on: ImagePlane, points: Sequence[Point], off: float = 0.0) -> list[Vector]:
    """The equation of PS3.3 C.7.6.2.1.1, literally; ``off`` mm along the normal."""
    x, y = np.array(on.orientation[:3]), np.array(on.orientation[3:])
    normal = np.cross(x, y) / np.linalg.norm(np.cross(x, y))
    found = [np.array(on.position) + x * on.spacing[1] * i + y * on.spacing[0] * j + off * normal for i, j in points]
    return [(float(p[0]), float(p[1]), float(p[2])) for p in found]


def random_plane(random: np.random.Generator) -> ImagePlane:
    """Any orientation, its cosines rounded as a decimal string of 16 characters would be."""
    x, other = random.normal(size=3), random.normal(size=3)
    x /= np.linalg.norm(x)
    y = other - x * (other @ x)
    y /= np.linalg.norm(y)
    cosines = [round(float(value), int(random.integers(4, 14))) for value in (*x, *y)]
    position = [float(value) for value in random.uniform(-500, 500, 3)]
    spacing = [float(value) for value in random.uniform(0.2, 2.0, 2)]
    return plane(
        position=(position[0], position[1], position[2]),
        orientation=(cosines[0], cosines[1], cosines[2], cosines[3], cosines[4], cosines[5]),
        spacing=(spacing[0], spacing[1]),
        size=(int(random.integers(64, 1024)), int(random.integers(64, 1024))),
        thickness=float(random.uniform(0.3, 8)),
    )


# --------------------------------------------------------------------------------------------------------- properties


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 30), float32=st.booleans())
def test_there_and_back_on_any_plane(seed: int, count: int, float32: bool) -> None:
    random = np.random.default_rng(seed)
    on = random_plane(random)
    points = [(float(random.uniform(0, on.columns - 1)), float(random.uniform(0, on.rows - 1))) for _ in range(count)]
    there = in_space(on, points)
    if float32:  # the VR of Graphic Data
        there = [tuple(float(np.float32(value)) for value in point) for point in there]  # type: ignore[misc]
    found = place(spatial(there, shape=Shape.POLYGON), [on])
    assert isinstance(found, Mark)
    assert found.image == on.image
    for (x, y), (u, v) in zip(found.points, points, strict=True):
        assert math.hypot(x - u, y - v) <= 1e-3


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), off=st.floats(-0.45, 0.45))
def test_the_slice_of_an_oblique_stack(seed: int, off: float) -> None:
    """A whole stack in any orientation: the slice is the one the points were drawn on, up to half a distance away."""
    random = np.random.default_rng(seed)
    first = random_plane(random)
    assert first.thickness is not None
    x, y = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    step = np.cross(x, y) / np.linalg.norm(np.cross(x, y)) * first.thickness
    planes = []
    for number in range(40):
        position = np.array(first.position) + number * step
        planes.append(
            replace(
                first,
                image=ImageReference("1.2", f"1.2.{number}"),
                position=(float(position[0]), float(position[1]), float(position[2])),
            )
        )
    wanted = planes[int(random.integers(40))]
    reach = min(first.thickness / 2, 5.0) / 0.5
    points = in_space(wanted, [(10.0, 20.0), (30.0, 25.0)], off * reach)
    order = [planes[i] for i in random.permutation(40)]
    found = place(spatial(points), order)
    assert isinstance(found, Mark)
    assert found.image == wanted.image
    assert nearest_planes(spatial(points), order)[0] == wanted


@settings(max_examples=200, deadline=None)
@given(
    points=st.lists(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * 3), max_size=6),
    position=st.tuples(*[st.floats()] * 3),
    orientation=st.tuples(*[st.floats(-2, 2)] * 6),
    spacing=st.tuples(*[st.floats(-1, 1e6)] * 2),
    thickness=st.none() | st.floats(),
    shape=st.sampled_from(Shape),
)
def test_anything_ends_as_a_mark_or_a_refusal(
    *,
    points: list[Vector],
    position: Vector,
    orientation: Orientation,
    spacing: tuple[float, float],
    thickness: float | None,
    shape: Shape,
) -> None:
    odd = plane(position=position, orientation=orientation, spacing=spacing, thickness=thickness)
    drawn = spatial(points, shape=shape, order=7)
    found = place(drawn, [odd, plane()])
    assert found.order == 7
    if isinstance(found, MarkRefusal):
        assert found.shape is shape
        assert found.reason in (
            Reason.OFF_SLICE,
            Reason.FRAME_OF_REFERENCE,
            Reason.POINT_NOT_FINITE,
            Reason.MALFORMED_GRAPHIC,
        )
    nearest_planes(drawn, [odd, plane()])


# --------------------------------------------------------------------------------------------------- which slice it is


def test_what_a_mark_says_besides_stays() -> None:
    found = place(spatial([(8.0, 16.0, 4.0), (16.0, 16.0, 4.0)]), stack(5))
    assert isinstance(found, Mark)
    assert np.allclose(found.points, [(10.0, 20.0), (20.0, 20.0)])
    assert (found.image.sop_uid, found.group, found.doubts) == ("1.2.2", 3, (Doubt.AREA,))
    assert found.encoding is Encoding.SR_SCOORD3D


@pytest.mark.parametrize(("z", "number"), [(0.9, 0), (1.1, 1), (-0.99, 0), (8.99, 4)])
def test_the_nearest_slice(z: float, number: int) -> None:
    found = place(spatial([(8.0, 16.0, z)]), stack(5))
    assert isinstance(found, Mark)
    assert found.image.sop_uid == f"1.2.{number}"


def test_halfway_between_two_slices_the_first_given() -> None:
    planes = stack(5)
    for order in (planes, planes[::-1]):
        found = place(spatial([(8.0, 16.0, 3.0)]), order)
        assert isinstance(found, Mark)
        assert found.image == next(p.image for p in order if p.image.sop_uid in ("1.2.1", "1.2.2"))


@pytest.mark.parametrize("z", [-1.1, 9.1, 500.0])
def test_beyond_the_stack(z: float) -> None:
    refusal = place(spatial([(8.0, 16.0, z)], order=4), stack(5))
    assert refusal == MarkRefusal(Reason.OFF_SLICE, 4, None, Shape.LINE)


def test_a_gap_of_the_stack_is_no_slice() -> None:
    """Slices 20 mm apart: what lies 6 mm off was drawn on neither."""
    assert place(spatial([(8.0, 16.0, 6.0)]), stack(3, 20.0)) == MarkRefusal(Reason.OFF_SLICE, 0, None, Shape.LINE)


@pytest.mark.parametrize(("ends", "off"), [((3.2, 4.8), True), ((3.6, 4.4), False), ((2.0, 8.0), True)])
def test_a_measurement_across_slices(ends: tuple[float, float], off: bool) -> None:
    found = place(spatial([(8.0, 16.0, ends[0]), (30.0, 16.0, ends[1])]), stack(5))
    assert isinstance(found, MarkRefusal) is off


def test_a_single_image_holds_what_lies_on_it_alone() -> None:
    alone = plane(thickness=None)
    assert isinstance(place(spatial([(8.0, 16.0, 0.4)]), [alone]), Mark)
    assert isinstance(place(spatial([(8.0, 16.0, 0.6)]), [alone]), MarkRefusal)


def test_a_coronal_line_is_not_placed_on_axial_slices_that_it_crosses() -> None:
    planes = [*stack(40), plane(0, series="1.3", position=(0.0, 50.0, 80.0), orientation=CORONAL)]
    found = place(spatial([(40.0, 50.0, 10.0), (60.0, 50.0, 40.0)]), planes)
    assert isinstance(found, Mark)
    assert found.image.series_uid == "1.3"
    assert np.allclose(found.points, [(50.0, 87.5), (75.0, 50.0)])


# ----------------------------------------------------------------------------------------------- several that would do


def test_the_image_that_the_object_names_before_another_reconstruction() -> None:
    thick, thin = stack(3, 5.0, "1.5"), stack(15, 1.0, "1.1")
    points = [(8.0, 16.0, 5.2), (30.0, 16.0, 5.2)]
    named = [ImageReference("1.5", "1.5.1")]
    for planes in ([*thick, *thin], [*thin, *thick]):
        found = place(spatial(points, candidates=named), planes)
        assert isinstance(found, Mark)
        assert found.image.sop_uid == "1.5.1"
        series_alone = place(spatial(points, candidates=[ImageReference("1.5", "")]), planes)
        assert isinstance(series_alone, Mark)
        assert series_alone.image.sop_uid == "1.5.1"


def test_what_was_drawn_on_one_slice_exactly_was_not_drawn_on_a_named_one_beside_it() -> None:
    planes = [*stack(3, 5.0, "1.5"), *stack(15, 1.0, "1.1")]
    found = place(spatial([(8.0, 16.0, 7.0)], candidates=[ImageReference("1.5", "1.5.1")]), planes)
    assert isinstance(found, Mark)
    assert found.image.sop_uid == "1.1.7"


def test_a_series_named_whole_leaves_the_choice_to_geometry() -> None:
    planes = stack(5)
    found = place(spatial([(8.0, 16.0, 4.9)], candidates=[p.image for p in planes]), planes)
    assert isinstance(found, Mark)
    assert found.image.sop_uid == "1.2.2"


def test_an_image_that_holds_the_points_before_one_that_does_not() -> None:
    small = plane(0, series="1.3", size=(10, 10))
    for planes in ([small, plane()], [plane(), small]):
        found = place(spatial([(80.0, 80.0, 0.0)], candidates=[small.image]), planes)
        assert isinstance(found, Mark)
        assert found.image.series_uid == "1.2"


def test_one_frame_of_a_multi_frame_image() -> None:
    frames = [
        replace(plane(position=(0.0, 0.0, 2.0 * i)), image=ImageReference("1.2", "1.2.0", "", i + 1)) for i in range(4)
    ]
    found = place(spatial([(8.0, 16.0, 4.1)], candidates=[ImageReference("1.2", "1.2.0")]), frames)
    assert isinstance(found, Mark)
    assert found.image.frame == 3


# --------------------------------------------------------------------------------------------------- which space it is


@pytest.mark.parametrize(("of_mark", "of_planes"), [(FRAME, "1.2.840.98"), (FRAME, ""), ("", FRAME), ("", "")])
def test_another_or_no_frame_of_reference(of_mark: str, of_planes: str) -> None:
    refusal = place(spatial([(8.0, 16.0, 2.0)], frame=of_mark), stack(3, frame=of_planes))
    assert refusal == MarkRefusal(Reason.FRAME_OF_REFERENCE, 0, None, Shape.LINE)


def test_of_two_frames_the_mark_s_own() -> None:
    planes = [*stack(3, series="1.3", frame="1.2.840.98"), *stack(3)]
    found = place(spatial([(8.0, 16.0, 2.0)]), planes)
    assert isinstance(found, Mark)
    assert found.image.series_uid == "1.2"


@pytest.mark.parametrize(
    "bad",
    [
        plane(orientation=(1.0, 0.0, 0.0, 1.0, 0.0, 0.0)),
        plane(orientation=(0.0,) * 6),
        plane(orientation=(math.nan, 0.0, 0.0, 0.0, 1.0, 0.0)),
        plane(position=(math.inf, 0.0, 0.0)),
        plane(spacing=(0.0, 0.8)),
        plane(size=(0, 512)),
    ],
)
def test_a_plane_without_usable_geometry_is_none(bad: ImagePlane) -> None:
    assert place(spatial([(0.0, 0.0, 0.0)]), [bad]) == MarkRefusal(Reason.FRAME_OF_REFERENCE, 0, None, Shape.LINE)


@pytest.mark.parametrize(
    ("points", "reason"),
    [([], Reason.MALFORMED_GRAPHIC), ([(math.nan, 0.0, 0.0)], Reason.POINT_NOT_FINITE)],
)
def test_marks_without_usable_points(points: list[Vector], reason: Reason) -> None:
    assert place(spatial(points), stack(2)) == MarkRefusal(reason, 0, None, Shape.LINE)
    assert nearest_planes(spatial(points), stack(2)) == ()


def test_a_circle_of_the_body_at_unequal_spacing_is_an_ellipse_of_pixels() -> None:
    found = place(spatial([(50.0, 50.0, 0.0), (60.0, 50.0, 0.0)], shape=Shape.CIRCLE), [plane(spacing=(1.0, 0.5))])
    assert isinstance(found, Mark)
    assert found.shape is Shape.ELLIPSE
    assert np.allclose(found.points, [(80.0, 50.0), (120.0, 50.0), (100.0, 40.0), (100.0, 60.0)])


# ------------------------------------------------------------------------------------------------------ what to fetch


def test_planes_of_a_query_say_what_to_fetch_and_its_header_confirms() -> None:
    instances = [InstanceRef("1", "1.2", f"1.2.{i}", position=(0.0, 0.0, 2.0 * i), orientation=AXIAL) for i in range(9)]
    rough = [found for instance in instances if (found := plane_of_instance(instance, 2.0))]
    mark = spatial([(8.0, 16.0, 6.1), (30.0, 16.0, 6.1)])
    assert place(mark, rough) == MarkRefusal(Reason.FRAME_OF_REFERENCE, 0, None, Shape.LINE)
    (chosen,) = nearest_planes(mark, rough)
    assert chosen.image.sop_uid == "1.2.3"
    assert [p.image.sop_uid for p in nearest_planes(mark, rough, 2)] == ["1.2.3", "1.2.4"]
    exact = plane_of_header(header((0.0, 0.0, 6.0)), 2.0)
    assert exact is not None
    assert isinstance(place(mark, [exact]), Mark)


def test_what_is_unknown_gives_no_plane() -> None:
    assert plane_of_instance(InstanceRef("1", "1.2", "1.2.0", orientation=AXIAL), 2.0) is None
    assert plane_of_header(replace(header((0.0, 0.0, 0.0)), pixel_spacing=None), 2.0) is None


def test_the_nearest_of_each_series_whose_frame_of_reference_may_be_the_mark_s() -> None:
    planes = [
        *stack(5, series="1.2", frame=""),
        *stack(5, series="1.3"),
        *stack(5, series="1.4", frame="1.2.840.98"),
    ]
    found = nearest_planes(spatial([(8.0, 16.0, 4.0)], candidates=[ImageReference("1.3", "")]), planes)
    assert [p.image.sop_uid for p in found] == ["1.3.2", "1.2.2"]


def test_many_marks_on_many_planes() -> None:
    planes = stack(4000, 1.0)
    marks = [spatial([(8.0, 16.0, float(i % 4000))], order=i) for i in range(300)]
    marks.append(spatial([(float(i % 400), 16.0, 77.0) for i in range(5000)], shape=Shape.POLYGON, order=300))
    found = place_all(marks, planes)
    assert [mark.order for mark in found] == list(range(301))
    assert all(isinstance(mark, Mark) for mark in found)
    assert [p[0].image for p in nearest_planes_all(marks, planes)] == [m.image for m in found if isinstance(m, Mark)]


def test_many_planes_at_one_place() -> None:
    planes = [plane(i) for i in range(3000)]
    found = place(spatial([(float(i % 400), 16.0, 0.0) for i in range(3000)], shape=Shape.POLYGON), planes)
    assert isinstance(found, Mark)
    assert found.image.sop_uid == "1.2.0"


def header(position: Vector) -> ImageHeader:
    return ImageHeader(
        sop_uid="1.2.3",
        sop_class_uid="",
        series_uid="1.2",
        study_uid="1",
        modality="CT",
        instance_number=1,
        position=position,
        orientation=AXIAL,
        pixel_spacing=(0.8, 0.8),
        rows=512,
        columns=512,
        slope=1.0,
        intercept=0.0,
        has_rescale=True,
        window=None,
        sex="",
        age=None,
        body_part="",
        gantry_tilt=None,
        gate=(),
        frame_of_reference=FRAME,
    )
