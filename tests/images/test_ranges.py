"""DeepLesion's Slice_range rule, against official rows and by properties."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import Reason
from miner.images import half_width, merge, volumes, window, within
from miner.records import InstanceRef

SPACINGS = st.floats(0.2, 20)
LENGTHS = st.floats(0, 400)


@pytest.mark.parametrize(
    ("spacing", "long_mm", "expected"),
    [
        (5, 20, 6),
        (1, 20, 30),
        (2.5, 20, 12),
        (7, 20, 5),
        (1, 61, 30),  # half the axis reaches exactly half a slice further: not enough
        (1, 61.1, 31),
        (5, 65, 6),
        (5, 66, 7),
        (1.25, 20, 24),
        (0.3, 20, 100),  # 30 / 0.3 is a little more than 100 in float64
    ],
)
def test_half_width(spacing, long_mm, expected):
    assert half_width(spacing, long_mm) == expected


def test_half_width_uses_the_numbers_as_written():
    assert half_width(0.99999999, 20) == half_width(1, 20)
    assert half_width(5, 65.0000001) == half_width(5, 65)


@pytest.mark.parametrize("spacing", [0, -1, math.nan, math.inf])
def test_half_width_needs_a_distance(spacing):
    with pytest.raises(ValueError, match="positive"):
        half_width(spacing, 10)


@given(SPACINGS, LENGTHS, LENGTHS)
def test_a_longer_axis_never_gives_fewer_slices(spacing, one, other):
    assert half_width(spacing, min(one, other)) <= half_width(spacing, max(one, other))


@given(SPACINGS, LENGTHS, st.floats(0, 100), st.floats(0, 100))
def test_more_context_never_gives_much_less(spacing, long_mm, one, other):
    """Not quite monotone: where the context passes half the axis, it may fall by the half slice that it allows."""
    assert half_width(spacing, long_mm, min(one, other)) <= half_width(spacing, long_mm, max(one, other)) + 1


@given(SPACINGS, LENGTHS)
def test_the_context_is_covered(spacing, long_mm):
    written = float(f"{spacing:.6g}")
    assert half_width(spacing, long_mm) * written >= 30 - 2e-6 * written
    assert half_width(spacing, long_mm) * written >= float(f"{long_mm:.6g}") / 2 - 0.5 * written - 1e-6


@given(st.integers(1, 500), st.integers(0, 300), st.integers(1, 500))
def test_windows_are_symmetric_and_clipped(key, half, slices):
    if key > slices:
        with pytest.raises(ValueError, match="in its volume"):
            window(key, half, slices)
        return
    first, last = window(key, half, slices)
    assert 1 <= first <= key <= last <= slices
    assert first == 1 or key - first == half
    assert last == slices or last - key == half
    # seen from the feet it is the same window
    mirrored = window(slices + 1 - key, half, slices)
    assert mirrored == (slices + 1 - last, slices + 1 - first)


WINDOWS = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))))


@given(WINDOWS, st.randoms())
def test_merging(windows, random):
    blocks = merge(windows)
    assert merge(blocks) == blocks
    assert {n for first, last in blocks for n in range(first, last + 1)} == {
        n for first, last in windows for n in range(first, last + 1)
    }
    assert all(after[0] - before[1] >= 2 for before, after in pairwise(blocks))
    random.shuffle(windows)
    assert merge(windows) == blocks


def test_touching_windows_merge_and_a_gap_of_one_slice_does_not():
    assert merge([(1, 5), (6, 9)]) == [(1, 9)]
    assert merge([(1, 5), (7, 9)]) == [(1, 5), (7, 9)]
    assert merge([(1, 9), (2, 3)]) == [(1, 9)]
    with pytest.raises(ValueError, match="first"):
        merge([(5, 4)])


def test_official_rows_obey_the_rule(shared_data):
    """1,685 of the first 1,686 official rows. How many slices a series has is not in the file: the last block of a
    series may end earlier than the rule says."""
    with (shared_data / "deeplesion" / "DL_info.first-1686-rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    series = defaultdict(list)
    for row in rows:
        series[row["Patient_index"], row["Study_index"], row["Series_ID"]].append(row)
    obeyed, clipped = 0, 0
    for members in series.values():
        blocks = merge(_unclipped_window(row) for row in members)
        for row in members:
            first, last = (int(part) for part in row["Slice_range"].split(","))
            block = next(b for b in blocks if b[0] <= int(row["Key_slice_index"]) <= b[1])
            ends_early = block == blocks[-1] and last < block[1]
            obeyed += first == block[0] and (last == block[1] or ends_early)
            clipped += ends_early
    assert len(rows) == 1686
    assert obeyed == 1685
    assert clipped < 350


def _unclipped_window(row):
    key = int(row["Key_slice_index"])
    spacing = [float(part) for part in row["Spacing_mm_px_"].split(",")]
    long_px = float(row["Lesion_diameters_Pixel_"].split(",")[0])
    half = half_width(spacing[2], long_px * spacing[0])
    return max(1, key - half), key + half


# ---------------------------------------------------------------------------------------------------- refused volumes


def _volume(heights):
    axial = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    instances = [
        InstanceRef("1", "2", f"3.{n}", "4", n, (0.0, 0.0, -z), axial, 512, 512) for n, z in enumerate(heights)
    ]
    (volume,) = volumes(instances)
    return volume


def test_within_goes_by_distance():
    mixed = _volume([0, 10, 20, 21, 22, 23, 60, 70])
    assert within(mixed, 3, 30) == (1, 6)
    assert within(mixed, 7, 30) == (7, 8)
    assert within(mixed, 8, 47) == (6, 8)
    assert within(mixed, 1, 0) == (1, 1)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40), st.floats(0, 60), st.data())
def test_within_is_contiguous_and_holds_the_key(heights, context, data):
    volume = _volume([float(z) for z in heights])
    key = data.draw(st.integers(1, volume.slices))
    first, last = within(volume, key, context)
    assert first <= key <= last
    at = volume.positions
    for number in range(1, volume.slices + 1):
        assert (first <= number <= last) == (abs(at[number - 1] - at[key - 1]) <= context + 0.01)


def test_without_positions_only_the_key_slice_is_near():
    volume = replace(_volume([0, 5, 10]), positions=(0.0,) * 3, spacing_z=None, refusals=(Reason.NO_POSITION,))
    assert within(volume, 2, 30) == (2, 2)


def test_within_images_at_one_position_are_near_each_other():
    assert within(_volume([5, 5, 5]), 2, 0) == (1, 3)


def test_within_needs_a_slice_of_the_volume():
    with pytest.raises(ValueError, match="in its volume"):
        within(_volume([0, 5]), 3, 30)
