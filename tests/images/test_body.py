"""The outline of the patient, and the facts of a box."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.images import body_mask, pixel_facts

SIZE = 512
Y, X = np.mgrid[:SIZE, :SIZE]


def ellipse(cx, cy, rx, ry):
    return ((X - cx) / rx) ** 2 + ((Y - cy) / ry) ** 2 <= 1


def thorax(cx=256, cy=240):
    """A body with two lungs, air around it and a table under it; and where the body is."""
    hu = np.full((SIZE, SIZE), -1000, np.int32)
    body = ellipse(cx, cy, 180, 120)
    hu[body] = 40
    hu[ellipse(cx - 85, cy, 60, 80) | ellipse(cx + 85, cy, 60, 80)] = -850
    hu[cy + 140 : cy + 144] = 200
    return hu, body


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


# -------------------------------------------------------------------------------------------------------------- mask


def test_lungs_are_inside_and_the_table_is_not():
    hu, body = thorax()
    mask = body_mask(hu)
    assert (mask.shape, mask.dtype) == (hu.shape, np.bool_)
    assert overlap(mask, body) > 0.97
    assert not mask[380:].any()


def test_real_chest(chest_hu):
    """Lung and soft tissue are inside, the air above the patient and the table below are not."""
    for hu in chest_hu:
        mask = body_mask(hu)
        assert 0.25 < mask.mean() < 0.6
        assert (hu[mask] > -400).mean() > 0.5
        assert (hu[~mask] < -400).mean() > 0.95
        assert not mask[:60].any() and not mask[480:].any()
        columns = np.flatnonzero(mask.any(axis=0))
        assert columns[-1] - columns[0] > 380


@pytest.mark.parametrize("cx", [170, 120, 60])
def test_a_body_and_a_lung_that_the_image_cuts_off(cx):
    hu, body = thorax(cx)
    assert overlap(body_mask(hu), body) > 0.95


def test_a_small_field_of_view_is_all_body():
    hu, _ = thorax()
    assert body_mask(hu[160:320, 100:400]).all()


def test_a_pair_of_legs_is_one_body_and_an_arm_is_not():
    legs = np.full((SIZE, SIZE), -1000)
    both = ellipse(150, 256, 80, 90) | ellipse(360, 256, 70, 90)
    legs[both] = 50
    assert overlap(body_mask(legs), both) > 0.95
    with_arm = np.full((SIZE, SIZE), -1000)
    trunk = ellipse(220, 256, 150, 110)
    with_arm[trunk | ellipse(450, 256, 30, 30)] = 50
    assert overlap(body_mask(with_arm), trunk) > 0.95


@pytest.mark.parametrize("value", [-1000, -3024, -32768])
def test_air_is_no_body(value):
    assert body_mask(np.full((SIZE, SIZE), value)) is None


def test_a_wire_or_a_speck_is_no_body():
    hu = np.full((SIZE, SIZE), -1000)
    hu[:, 250:252] = 3000
    hu[100:112, 100:112] = 50
    assert body_mask(hu) is None


@pytest.mark.parametrize("shape", [(64, 64), (100, 512), (511, 513), (1024, 1024), (3, 3), (1, 1)])
def test_any_size(shape):
    inner = np.full(shape, 40)
    mask = body_mask(inner)
    assert mask.shape == shape and mask.all()


@settings(max_examples=25)
@given(st.integers(190, 320), st.integers(130, 360))
def test_the_outline_follows_the_body(cx, cy):
    hu, body = thorax(cx, cy)
    assert overlap(body_mask(hu), body) > 0.95


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_a_mask_has_no_holes(seed):
    """Against flood filling pixel by pixel: each pixel outside is joined to the border."""
    coarse = np.random.default_rng(seed).integers(0, 2, (12, 12)).astype(bool)
    hu = np.where(coarse.repeat(5, 0).repeat(5, 1), 100, -1000)
    mask = body_mask(hu)
    if mask is None:
        return
    outside, reached = ~mask, np.zeros_like(mask)
    edge = np.zeros_like(mask)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    frontier = outside & edge
    while frontier.any():
        reached |= frontier
        grown = np.zeros_like(mask)
        grown[1:] |= frontier[:-1]
        grown[:-1] |= frontier[1:]
        grown[:, 1:] |= frontier[:, :-1]
        grown[:, :-1] |= frontier[:, 1:]
        frontier = grown & outside & ~reached
    assert np.array_equal(reached, outside)


# -------------------------------------------------------------------------------------------------------------- facts


def test_a_lesion_in_the_lung():
    hu, _ = thorax()
    hu[ellipse(341, 240, 9, 9)] = 30
    points = [(332.0, 240.0), (350.0, 240.0), (341.0, 231.0), (341.0, 249.0)]
    facts = pixel_facts(hu, points)
    box = hu[226:255, 327:356]
    assert facts.mean_hu == pytest.approx(box.mean())
    assert facts.std_hu == pytest.approx(box.std())
    assert facts.ring_mean_hu == pytest.approx(-850)
    assert facts.body_fraction == 1.0
    assert facts.body_found
    assert facts.location[0] == pytest.approx((341 - 76) / 360, abs=0.015)
    assert facts.location[1] == pytest.approx((240 - 120) / 240, abs=0.02)


def test_the_ring_ends_at_the_body():
    hu, _ = thorax()
    edge = [(256.0, 118.0), (256.0, 128.0)]
    facts = pixel_facts(hu, edge)
    assert facts.ring_mean_hu > -300  # air in front of the patient would drag it down to -500
    assert 0.4 < facts.body_fraction < 0.8


def test_off_the_body():
    hu, _ = thorax()
    facts = pixel_facts(hu, [(20.0, 20.0), (40.0, 40.0)])
    assert facts.body_fraction == 0.0
    assert facts.body_found
    assert facts.mean_hu == facts.ring_mean_hu == -1000
    assert facts.location[0] < 0 and facts.location[1] < 0


def test_without_a_body_the_image_is_the_frame():
    facts = pixel_facts(np.full((100, 200), -1000), [(49.5, 24.5), (49.5, 24.5)])
    assert not facts.body_found
    assert facts.body_fraction == 0.0
    assert facts.location == (0.25, 0.25)


def test_a_box_is_clipped_to_the_image():
    hu = np.full((64, 64), 40)
    hu[:6, :6] = 1000
    facts = pixel_facts(hu, [(0.0, 0.0)])
    assert facts.mean_hu == 1000
    assert facts.ring_mean_hu == 40
    assert facts.location == (0.5 / 64, 0.5 / 64)


def test_half_pixels_count_by_their_centres():
    hu = np.zeros((64, 64), int)
    hu[20:31, 20:31] = 100
    assert pixel_facts(hu, [(25.0, 25.0)]).mean_hu == 100
    assert pixel_facts(hu, [(25.4, 25.0)]).mean_hu == 100
    assert pixel_facts(hu, [(26.0, 25.0)]).mean_hu == pytest.approx(1000 / 11)


def test_a_box_as_large_as_the_image_has_no_ring():
    hu = np.arange(64 * 64).reshape(64, 64)
    facts = pixel_facts(hu, [(0.0, 0.0), (63.0, 63.0)])
    assert facts.ring_mean_hu == facts.mean_hu == pytest.approx(hu.mean())


@pytest.mark.parametrize("points", [[], [(math.nan, 1.0)], [(1.0, math.inf)]])
def test_points_must_be_finite(points):
    with pytest.raises(ValueError, match="finite"):
        pixel_facts(np.zeros((8, 8)), points)


def test_hu_of_any_type_gives_the_same_facts():
    hu, _ = thorax()
    points = [(100.0, 200.0), (130.0, 220.0)]
    expected = pixel_facts(hu, points)
    assert pixel_facts(hu.astype(np.int16), points) == expected
    assert pixel_facts(hu.astype(np.float64), points) == expected


@given(st.floats(-100, 600), st.floats(-100, 600), st.floats(0, 300))
@settings(max_examples=30)
def test_every_fact_is_finite(x, y, length):
    hu, _ = thorax()
    facts = pixel_facts(hu, [(x, y), (x + length, y)])
    assert all(map(math.isfinite, (facts.mean_hu, facts.std_hu, facts.ring_mean_hu, facts.body_fraction)))
    assert all(map(math.isfinite, facts.location))
