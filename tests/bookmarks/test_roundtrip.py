"""Random geometry through every style and back, to a thousandth of a pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import highdicom
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from miner.bookmarks import recognise
from miner.bookmarks.geometry import area
from miner.records import AnnotationObject, Kind
from tests.annotations import STYLES, Circle, Curve, Ellipse, Line, Outline, Pair, ct_image, presentation_state
from tests.annotations.scenes import random_pair
from tests.annotations.truth import Drawing, Point

Read = Callable[[FileDataset], AnnotationObject]
EXACT = sorted(set(STYLES) - {"bluelight"})  # bluelight cuts coordinates to integers
SPACING = (0.68, 0.91)
IMAGE = ct_image(columns=640, rows=400, spacing=SPACING)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

xs, ys = st.floats(1, 638), st.floats(1, 398)
points = st.tuples(xs, ys)


def through(read: Read, drawing: Drawing, style: str) -> tuple[Kind, tuple[Point, ...]]:
    found = read(presentation_state([IMAGE], {IMAGE.SOPInstanceUID: [drawing]}, style))
    recognised = recognise(found.marks, columns=640, rows=400, pixel_spacing=SPACING)
    (bookmark,) = recognised.bookmarks
    return bookmark.kind, bookmark.points


def close(a: tuple[Point, ...], b: tuple[Point, ...]) -> bool:
    return len(a) == len(b) and all(math.dist(p, q) <= 1e-3 for p, q in zip(a, b, strict=True))


@QUIET
@given(points, points, st.sampled_from(EXACT))
def test_lines(read: Read, a: Point, b: Point, style: str) -> None:
    assume(math.dist(a, b) > 12)
    assert through(read, Line((a, b)), style)[0] is Kind.LINE
    assert close(through(read, Line((a, b)), style)[1], (a, b))


@QUIET
@given(st.integers(0, 2**32 - 1), st.sampled_from(EXACT))
def test_pairs(read: Read, seed: int, style: str) -> None:
    pair = random_pair(np.random.default_rng(seed), size=400.0)
    kind, found = through(read, pair, style)
    assert kind is Kind.RECIST
    mm = [math.hypot((a[0] - b[0]) * SPACING[1], (a[1] - b[1]) * SPACING[0]) for a, b in (pair.long, pair.short)]
    first, second = (pair.long, pair.short) if mm[0] >= mm[1] else (pair.short, pair.long)
    assert close(found, (*first, *second))


@QUIET
@given(st.lists(points, min_size=3, max_size=40, unique=True), st.sampled_from(EXACT), st.booleans())
def test_outlines(read: Read, vertices: list[Point], style: str, curved: bool) -> None:
    assume(area(vertices) > 2 and all(math.dist(a, b) > 0.01 for a, b in pairwise(vertices)))
    assume(math.dist(vertices[0], vertices[-1]) > 0.01)
    drawing = Curve(tuple(vertices)) if curved else Outline(tuple(vertices))
    kind, found = through(read, drawing, style)
    assert kind is Kind.POLYGON
    assert close(found, tuple(vertices))


@QUIET
@given(st.floats(80, 300), st.floats(80, 300), st.floats(3, 70), st.sampled_from(EXACT))
def test_circles(read: Read, x: float, y: float, radius: float, style: str) -> None:
    kind, found = through(read, Circle((x, y), radius), style)
    assert kind is Kind.ELLIPSE
    assert close(found, ((x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)))


@QUIET
@given(points, st.floats(0, math.pi), st.tuples(st.floats(8, 60), st.floats(0.2, 0.7)), st.sampled_from(EXACT))
def test_ellipses(read: Read, at: Point, turn: float, size: tuple[float, float], style: str) -> None:
    major, ratio = size
    x, y = 100 + at[0] / 2, 100 + at[1] / 3
    u, v = (
        (math.cos(turn) * major, math.sin(turn) * major),
        (-math.sin(turn) * major * ratio, math.cos(turn) * major * ratio),
    )
    long = ((x - u[0], y - u[1]), (x + u[0], y + u[1]))
    short = ((x - v[0], y - v[1]), (x + v[0], y + v[1]))
    kind, found = through(read, Ellipse(long, short), style)
    assert kind is Kind.ELLIPSE
    assert close(found, (*long, *short)) or close(found, (*short, *long))


def test_a_state_that_highdicom_wrote_as_a_whole(read: Read) -> None:
    image = ct_image()
    image.SpecificCharacterSet, image.PatientBirthDate, image.PatientSex = "ISO_IR 192", "", "O"
    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID", "PatientName"):
        setattr(image, keyword, "")
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    layer = highdicom.pr.GraphicLayer("MEASUREMENTS", order=1)
    pair = Pair(((100.0, 100.0), (140.0, 110.0)), ((118.0, 120.0), (122.0, 92.0)))
    drawn = [
        highdicom.pr.GraphicObject("POLYLINE", np.asarray(ends) + 0.5, "PIXEL") for ends in (pair.long, pair.short)
    ]
    state = highdicom.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[image],
        series_instance_uid=highdicom.UID(),
        series_number=9,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
        content_label="MEASUREMENTS",
        graphic_layers=[layer],
        graphic_annotations=[highdicom.pr.GraphicAnnotation([image], layer, graphic_objects=drawn)],
        voi_lut_transformations=[highdicom.pr.SoftcopyVOILUTTransformation(window_center=40, window_width=400)],
    )
    found = read(state)
    assert found.window == (-160.0, 240.0)
    (bookmark,) = recognise(found.marks, columns=512, rows=512, pixel_spacing=(0.7, 0.7)).bookmarks
    assert bookmark.kind is Kind.RECIST
    assert close(bookmark.points, (*pair.long, *pair.short))


@pytest.mark.parametrize("style", sorted(STYLES))
def test_several_images_in_one_state_stay_apart(read: Read, style: str) -> None:
    images = [ct_image(number=n, spacing=SPACING) for n in (1, 2, 3)]
    random = np.random.default_rng(3)
    drawn = {image.SOPInstanceUID: [random_pair(random, size=400.0)] for image in images[:2]}
    found = read(presentation_state(images, drawn, style))
    assert len(found.references) == 3
    for image in images:
        marks = [mark for mark in found.marks if mark.image.sop_uid == image.SOPInstanceUID]
        kinds = [b.kind for b in recognise(marks, columns=512, rows=512, pixel_spacing=SPACING).bookmarks]
        assert kinds == ([Kind.RECIST] if image.SOPInstanceUID in drawn else [])
