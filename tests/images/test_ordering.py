"""Order, numbering, spacing and refusals of volumes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import Reason
from miner.images import volumes
from miner.records import InstanceRef

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CT = "1.2.840.10008.5.1.4.1.1.2"


def image(number, position, orientation=AXIAL, *, uid=None, rows=512, columns=512, sop_class=CT):
    return InstanceRef(
        "1.1", "1.2", uid or f"1.3.{number:05d}", sop_class, number, position, orientation, rows, columns
    )


def stack(heights, orientation=AXIAL, corner=(-200.0, -150.0)):
    """Images numbered in the given order of z."""
    return [image(number, (*corner, z), orientation) for number, z in enumerate(heights, start=1)]


def only(instances):
    (volume,) = volumes(instances)
    return volume


def heights_in_order(instances, volume):
    z = {instance.sop_uid: instance.position[2] for instance in instances}
    return [z[uid] for uid in volume.sop_uids]


def tilted(degrees):
    angle = math.radians(degrees)
    return (1.0, 0.0, 0.0, 0.0, math.cos(angle), -math.sin(angle))


# ---------------------------------------------------------------------------------------------------------- real series


def test_real_chest_is_a_plain_axial_volume(chest):
    volume = only(chest)
    assert volume.refusals == ()
    assert volume.slices == 120
    assert volume.spacing_z == pytest.approx(1.0, abs=1e-9)
    assert volume.normal == (0.0, 0.0, -1.0)
    assert heights_in_order(chest, volume) == sorted((i.position[2] for i in chest), reverse=True)
    assert volume.positions[0] == 0 and volume.positions[-1] == pytest.approx(119)
    assert volume.origin == max((i.position for i in chest), key=lambda position: position[2])
    assert (volume.rows, volume.columns, volume.rank) == (512, 512, 0)


def test_real_head_is_refused_for_tilt_and_spacing(tilted_head):
    volume = only(tilted_head)
    assert volume.refusals == (Reason.TILTED, Reason.MIXED_SPACING)
    # 4.22 mm along the table are 4.0 mm along the normal of a gantry tilted by 18.5 degrees
    assert volume.spacing_z == pytest.approx(4.22 * math.cos(math.radians(18.5)), abs=1e-3)
    assert volume.slices == 28


# ----------------------------------------------------------------------------------------------------- what order means


def test_head_first_whatever_the_acquisition():
    feet_first = stack([-300.0, -295.0, -290.0])
    head_first = stack([-290.0, -295.0, -300.0])
    assert heights_in_order(feet_first, only(feet_first)) == [-290.0, -295.0, -300.0]
    assert heights_in_order(head_first, only(head_first)) == [-290.0, -295.0, -300.0]


@pytest.mark.parametrize(
    "orientation",
    [
        (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),  # flipped: the cross product points to the feet
        (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),  # prone
        (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        (0.0, 1.0, 0.0, -1.0, 0.0, 0.0),  # rotated in the plane
    ],
)
def test_flips_and_prone_patients_keep_the_numbering(orientation):
    instances = stack([10.0, 15.0, 20.0, 25.0], orientation)
    volume = only(instances)
    assert heights_in_order(instances, volume) == [25.0, 20.0, 15.0, 10.0]
    assert volume.normal == (0.0, 0.0, -1.0)
    assert volume.refusals == ()


@given(
    st.permutations(range(12)),
    st.floats(0, 180),
    st.floats(0, 360),
    st.floats(0.4, 8),
    st.booleans(),
)
def test_order_of_arrival_does_not_matter(order, off_axis, turn, spacing, backwards):
    """Random obliquity, direction of acquisition and order of the answer: one and the same result."""
    polar, azimuth = math.radians(off_axis), math.radians(turn)
    row = (-math.sin(azimuth), math.cos(azimuth), 0.0)
    column = (-math.cos(polar) * math.cos(azimuth), -math.cos(polar) * math.sin(azimuth), math.sin(polar))
    normal = (math.sin(polar) * math.cos(azimuth), math.sin(polar) * math.sin(azimuth), math.cos(polar))
    steps = range(12, 0, -1) if backwards else range(12)
    instances = [
        image(number, tuple(spacing * step * part for part in normal), row + column)
        for number, step in enumerate(steps, start=1)
    ]
    expected = volumes(instances)
    assert volumes([instances[index] for index in order]) == expected
    (volume,) = expected
    assert volume.spacing_z == pytest.approx(spacing, rel=1e-6)
    assert list(volume.positions) == sorted(volume.positions)
    assert not {Reason.GAPPED, Reason.MIXED_SPACING, Reason.DUPLICATE_POSITION} & set(volume.refusals)
    if abs(math.cos(polar)) > 0.1:
        z = heights_in_order(instances, volume)
        assert z == sorted(z, reverse=True)
        assert volume.normal[2] < 0


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 3.004, 7.0]), min_size=1, max_size=12), st.randoms())
def test_duplicates_and_gaps_are_ordered_the_same_from_every_order(heights, random):
    instances = stack(heights)
    expected = volumes(instances)
    random.shuffle(instances)
    assert volumes(instances) == expected
    assert sum(volume.slices for volume in expected) == len(heights)


def test_coronal_and_sagittal_run_to_the_back_and_to_the_left():
    coronal = [image(n, (0.0, -y, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)) for n, y in enumerate([1.0, 2.0, 3.0], 1)]
    sagittal = [image(n, (-x, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)) for n, x in enumerate([1.0, 2.0, 3.0], 1)]
    assert only(coronal).normal == (0.0, 1.0, 0.0)
    assert only(sagittal).normal == (1.0, 0.0, 0.0)
    for instances in (coronal, sagittal):
        assert only(instances).refusals == (Reason.NON_AXIAL,)
        assert only(instances).sop_uids == tuple(i.sop_uid for i in reversed(instances))


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("heights", "refusals"),
    [
        ([0, 5, 10, 15, 20], ()),
        ([0, 5.04, 10, 15.04, 20], ()),  # within 1 %
        ([0, 0.6, 1.209, 1.8], ()),  # within 0.01 mm
        ([0, 5, 10, 20, 25], (Reason.GAPPED,)),
        ([0, 5, 10, 30, 35], (Reason.GAPPED,)),
        ([0, 5, 10, 17, 22], (Reason.MIXED_SPACING,)),
        ([0, 5, 10, 20, 23, 28, 33], (Reason.GAPPED, Reason.MIXED_SPACING)),
        ([0, 1, 2, 3, 8, 13], (Reason.GAPPED,)),
        ([0, 5, 10, 10, 15], (Reason.DUPLICATE_POSITION,)),
        ([0, 5, 10, 10.004, 15], (Reason.DUPLICATE_POSITION,)),
        ([0, 5, 5, 10, 20], (Reason.GAPPED, Reason.DUPLICATE_POSITION)),
        ([7], (Reason.SINGLE_SLICE,)),
    ],
)
def test_refusals_of_spacing(heights, refusals):
    assert only(stack(heights)).refusals == refusals


def test_spacing_is_the_median_without_duplicates():
    assert only(stack([0, 0, 5, 5, 10, 10])).spacing_z == 5
    assert only(stack([3, 3])).spacing_z is None
    assert only(stack([3])).spacing_z is None


def test_a_duplicate_is_numbered_by_instance_number_then_uid():
    twice = [image(9, (0, 0, 5.0), uid="1.3.1"), image(2, (0, 0, 5.0), uid="1.3.9"), image(2, (0, 0, 5.0), uid="1.3.5")]
    assert only([*twice, image(1, (0, 0, 0.0))]).sop_uids == ("1.3.5", "1.3.9", "1.3.1", "1.3.00001")


@pytest.mark.parametrize(("degrees", "refusals"), [(0.5, ()), (1.5, (Reason.TILTED,)), (30, (Reason.TILTED,))])
def test_tilted_planes(degrees, refusals):
    angle = math.radians(degrees)
    normal = (0.0, math.sin(angle), math.cos(angle))
    upright = [image(n, tuple(5 * n * part for part in normal), tilted(degrees)) for n in range(1, 6)]
    assert only(upright).refusals == refusals


def test_a_plane_beyond_any_gantry_is_another_orientation():
    angle = math.radians(45)
    normal = (0.0, math.sin(angle), math.cos(angle))
    assert only([image(n, tuple(5 * n * part for part in normal), tilted(45)) for n in range(1, 6)]).refusals == (
        Reason.NON_AXIAL,
    )


def test_axial_planes_that_drift_sideways_are_a_sheared_stack():
    sheared = [image(n, (0.0, 0.5 * n, 5.0 * n)) for n in range(1, 6)]
    assert only(sheared).refusals == (Reason.TILTED,)
    rounding = [image(n, (0.0, 0.02 * (n % 2), 0.5 * n)) for n in range(1, 6)]
    assert only(rounding).refusals == ()


# -------------------------------------------------------------------------------------- several volumes in one series


def test_a_localizer_is_a_volume_of_its_own():
    localizer = image(1, (0.0, -300.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0, -1.0), uid="1.3.0")
    first, second = volumes([localizer, *stack([0, 5, 10])])
    assert (first.rank, first.slices, first.refusals) == (0, 3, ())
    assert (second.rank, second.slices) == (1, 1)
    assert second.refusals == (Reason.NON_AXIAL, Reason.SINGLE_SLICE)


@pytest.mark.parametrize("change", [{"rows": 256}, {"columns": 256}, {"sop_class_uid": "1.2.3"}])
def test_another_size_or_class_is_another_volume(change):
    plain = stack([0, 5, 10, 15])
    others = [replace(i, sop_uid=i.sop_uid + ".9", **change) for i in plain[:2]]
    assert [volume.slices for volume in volumes(plain + others)] == [4, 2]


def test_largest_volume_first_then_the_smallest_uid():
    one = [image(n, (0, 0, 5.0 * n), uid=f"1.3.2.{n}") for n in range(3)]
    other = [image(n, (0, 0, 5.0 * n), uid=f"1.3.1.{n}", rows=256) for n in range(3)]
    assert [volume.rows for volume in volumes(one + other)] == [256, 512]
    assert [volume.rank for volume in volumes(one + other)] == [0, 1]


@pytest.mark.parametrize("unknown", [{"rows": None}, {"columns": None}, {"sop_class_uid": ""}])
def test_an_unknown_size_or_class_is_not_another_volume(unknown):
    instances = stack([0, 5, 10, 15])
    instances[1] = replace(instances[1], **unknown)
    volume = only(instances)
    assert (volume.refusals, volume.slices, volume.rows, volume.columns) == ((), 4, 512, 512)


def test_a_pacs_that_never_answers_size_or_class_gives_one_volume():
    instances = [replace(i, rows=None, columns=None, sop_class_uid="") for i in stack([0, 5, 10])]
    assert (only(instances).refusals, only(instances).rows) == ((), 0)


def test_an_image_that_fits_two_volumes_joins_neither():
    plain = stack([0, 5, 10])
    small = [replace(i, sop_uid=i.sop_uid + ".9", rows=256) for i in plain]
    unknown = replace(plain[0], sop_uid="1.3.77", rows=None)
    assert sorted(volume.slices for volume in volumes([*plain, *small, unknown])) == [1, 3, 3]


def test_rounded_orientations_are_one_orientation():
    instances = stack([0, 5, 10])
    instances[2] = replace(instances[2], orientation=(0.9999995, 0.0004, 0.0, -0.0004, 0.9999995, 0.0))
    assert only(instances).refusals == ()


# ------------------------------------------------------------------------------------------------- unknown positions


def test_without_positions_the_instance_number_orders():
    instances = [replace(i, position=None, orientation=None) for i in stack([0, 5, 10])]
    instances[0] = replace(instances[0], instance_number=None)
    volume = only(instances)
    assert volume.refusals == (Reason.NO_POSITION,)
    assert volume.sop_uids == ("1.3.00002", "1.3.00003", "1.3.00001")
    assert volume.positions == (0.0, 0.0, 0.0)
    assert (volume.spacing_z, volume.origin, volume.orientation) == (None, None, None)


@pytest.mark.parametrize(
    "lacking",
    [
        {"position": None},
        {"orientation": None},
        {"position": None, "orientation": None},
        {"position": (0.0, math.nan, 0.0)},
        {"orientation": (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)},
        {"orientation": (0.0,) * 6},
    ],
)
def test_one_image_without_position_refuses_the_volume_that_it_may_belong_to(lacking):
    """Slice numbers count it or not: nobody can say, so nothing is numbered by position."""
    instances = stack([0, 5, 10, 15])
    instances[3] = replace(instances[3], **lacking)
    volume = only(instances)
    assert volume.slices == 4
    assert volume.refusals == (Reason.NO_POSITION,)


def test_an_image_without_position_and_of_another_size_harms_nobody():
    odd = image(9, None, None, rows=100)
    first, second = volumes([*stack([0, 5, 10]), odd])
    assert first.refusals == ()
    assert second.refusals == (Reason.SINGLE_SLICE, Reason.NO_POSITION)


# ------------------------------------------------------------------------------------------------------------- input


def test_an_instance_named_twice_counts_once_with_what_is_known_of_it():
    instances = stack([0, 5, 10])
    poor = replace(instances[1], position=None, orientation=None, rows=None)
    assert volumes([poor, *instances, poor]) == volumes(instances)


def test_nothing_gives_nothing_and_two_series_are_a_mistake():
    assert volumes([]) == ()
    with pytest.raises(ValueError, match="one series"):
        volumes([image(1, (0, 0, 0.0)), replace(image(2, (0, 0, 1.0)), series_uid="1.9")])


def test_numbers_start_at_one():
    instances = stack([0, 5, 10])
    assert only(instances).number_of(instances[2].sop_uid) == 1
    assert only(instances).number_of(instances[0].sop_uid) == 3
