"""Random geometry through every producer's way of writing and back, to a thousandth of a pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import highdicom
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from miner.bookmarks import recognise
from miner.bookmarks.geometry import area
from miner.errors import Reason
from miner.records import AnnotationObject, Bookmark, Encoding, Kind
from tests.annotations import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    Curve,
    Drawing,
    Ellipse,
    Line,
    OpenPath,
    Outline,
    Pair,
    Scale,
    Spot,
    ct_image,
    save,
)
from tests.annotations.reports import REPORT_STYLE_ENCODINGS, REPORT_STYLES, report, writable
from tests.annotations.scenes import random_pair
from tests.annotations.truth import Point
from tests.benchmarks.reading import outcome
from tests.benchmarks.scoring import score
from tests.benchmarks.writers import TRUNCATING, Writer, writers

Read = Callable[[FileDataset], AnnotationObject]
EXACT = [writer for writer in writers() if writer.name not in TRUNCATING]
SPACING = (0.68, 0.91)
IMAGE = ct_image(columns=640, rows=400, spacing=SPACING)
SQUARE = ct_image(columns=640, rows=400, spacing=(0.8, 0.8), series="square pixels")
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SAMPLES: tuple[Drawing, ...] = (
    Pair(((0.0, 0.0), (2.0, 0.0)), ((1.0, -1.0), (1.0, 1.0))),
    Line(((0.0, 0.0), (1.0, 1.0))),
    Arrow((0.0, 0.0), (1.0, 1.0)),
    Ellipse(((0.0, 0.0), (2.0, 0.0)), ((1.0, -1.0), (1.0, 1.0))),
    Circle((1.0, 1.0), 1.0),
    Outline(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))),
    Curve(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))),
)


def able(kind: type[Drawing]) -> st.SearchStrategy[Writer]:
    """Producers that can write such a drawing."""
    sample = next(drawing for drawing in SAMPLES if isinstance(drawing, kind))
    return st.sampled_from([writer for writer in EXACT if writer.can(sample)])


xs, ys = st.floats(1, 638), st.floats(1, 398)
points = st.tuples(xs, ys)


def through(folder: Path, drawing: Drawing, writer: Writer, image: Dataset = IMAGE) -> Bookmark:
    """Write the drawing alone, read it, and compare: one bookmark, at the drawing's place."""
    written = writer.write([image], {image.SOPInstanceUID: [drawing]}, "")
    read = outcome(save(written, folder), [image], 2.5)
    assert list(read.images) == [image.SOPInstanceUID]
    assert read.is_accounted_for()
    (bookmark,) = read.bookmarks
    found = score([drawing], [bookmark], 1e-3)
    assert [match for _, match in found.found] == [bookmark], (drawing, bookmark)
    assert bookmark.encoding is writer.encoding(drawing)
    return bookmark


def close(a: tuple[Point, ...], b: tuple[Point, ...]) -> bool:
    return len(a) == len(b) and all(math.dist(p, q) <= 1e-3 for p, q in zip(a, b, strict=True))


@QUIET
@given(points, points, able(Line))
def test_lines(tmp_path: Path, a: Point, b: Point, writer: Writer) -> None:
    assume(math.dist(a, b) > 12)
    assert close(through(tmp_path, Line((a, b)), writer).points, (a, b))


@QUIET
@given(st.integers(0, 2**32 - 1), able(Pair))
def test_pairs(tmp_path: Path, seed: int, writer: Writer) -> None:
    pair = writer.as_drawn(random_pair(np.random.default_rng(seed), size=400.0))
    assert isinstance(pair, Pair)
    bookmark = through(tmp_path, pair, writer)
    mm = [math.hypot((a[0] - b[0]) * SPACING[1], (a[1] - b[1]) * SPACING[0]) for a, b in (pair.long, pair.short)]
    first, second = (pair.long, pair.short) if mm[0] >= mm[1] else (pair.short, pair.long)
    assert close(bookmark.points, (*first, *second))
    assert (bookmark.length_mm, bookmark.short_mm) == pytest.approx((max(mm), min(mm)), abs=1e-3)


@QUIET
@given(points, st.floats(0, 2 * math.pi), st.floats(14, 60), able(Arrow))
def test_arrows(tmp_path: Path, tip: Point, turn: float, length: float, writer: Writer) -> None:
    tail = (tip[0] + length * math.cos(turn), tip[1] + length * math.sin(turn))
    assume(0 <= tail[0] <= 639 and 0 <= tail[1] <= 399)
    through(tmp_path, Arrow(tip, tail), writer)


@QUIET
@given(st.lists(points, min_size=3, max_size=40, unique=True), able(Outline))
def test_outlines(tmp_path: Path, vertices: list[Point], writer: Writer) -> None:
    assume(_is_outline(vertices))
    through(tmp_path, Outline(tuple(vertices)), writer)


@QUIET
@given(st.lists(points, min_size=3, max_size=40, unique=True), able(Curve))
def test_curves(tmp_path: Path, vertices: list[Point], writer: Writer) -> None:
    assume(_is_outline(vertices))
    through(tmp_path, Curve(tuple(vertices)), writer)


@QUIET
@given(st.floats(80, 300), st.floats(80, 300), st.floats(3, 70), able(Circle))
def test_circles(tmp_path: Path, x: float, y: float, radius: float, writer: Writer) -> None:
    circle = Circle((x, y), radius)
    # a circle of the body is an ellipse of pixels that are no squares
    image = SQUARE if writer.encoding(circle) is Encoding.SR_SCOORD3D else IMAGE
    found = through(tmp_path, circle, writer, image).points
    assert close(found, ((x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)))


@QUIET
@given(points, st.floats(0, math.pi), st.tuples(st.floats(8, 60), st.floats(0.2, 0.7)), able(Ellipse))
def test_ellipses(tmp_path: Path, at: Point, turn: float, size: tuple[float, float], writer: Writer) -> None:
    major, ratio = size
    x, y = 100 + at[0] / 2, 100 + at[1] / 3
    u, v = (
        (math.cos(turn) * major, math.sin(turn) * major),
        (-math.sin(turn) * major * ratio, math.cos(turn) * major * ratio),
    )
    long = ((x - u[0], y - u[1]), (x + u[0], y + u[1]))
    short = ((x - v[0], y - v[1]), (x + v[0], y + v[1]))
    through(tmp_path, Ellipse(long, short), writer)


def _is_outline(vertices: list[Point]) -> bool:
    apart = all(math.dist(a, b) > 0.01 for a, b in pairwise([*vertices, vertices[0]]))
    return apart and area(vertices) > 2


@pytest.mark.parametrize("writer", EXACT, ids=lambda writer: writer.name)
def test_every_producer_writes_something_that_comes_back(tmp_path: Path, writer: Writer) -> None:
    drawn: list[Drawing] = [
        Pair(((100.2, 100.4), (140.3, 120.8)), ((115.0, 120.0), (124.0, 99.5))),
        Line(((300.0, 300.0), (350.0, 310.0))),
        Arrow((200.0, 200.0), (230.0, 240.0)),
        Ellipse(((350.0, 200.0), (390.0, 200.0)), ((370.0, 190.0), (370.0, 210.0))),
        Circle((60.0, 60.0), 10.0),
        Outline(((500.0, 300.0), (520.0, 300.0), (520.0, 330.0))),
    ]
    able_to = [writer.as_drawn(drawing) for drawing in drawn if writer.can(drawing)]
    assert able_to
    for drawing in able_to:
        through(tmp_path, drawing, writer, SQUARE)


REFUSED: tuple[tuple[Drawing, Reason], ...] = (
    (Angle((40.0, 100.0), (70.0, 100.0), (70.0, 140.0)), Reason.ANGLE_TOOL),
    (Cobb(((40.0, 200.0), (90.0, 210.0)), ((40.0, 260.0), (90.0, 240.0))), Reason.ANGLE_TOOL),
    (Scale(((15.0, 100.0), (15.0, 200.0))), Reason.TOOL_NOT_A_LESION),
    (OpenPath(((100.0, 10.0), (120.0, 30.0), (140.0, 30.0), (150.0, 60.0))), Reason.OPEN_POLYLINE),
    (Spot((333.0, 222.0)), Reason.SINGLE_POINT),
)


@pytest.mark.parametrize("style", [style for style in REPORT_STYLES if REPORT_STYLE_ENCODINGS[style]])
def test_what_is_no_bookmark_in_a_report_is_refused_with_its_reason(tmp_path: Path, style: str) -> None:
    for drawing, reason in REFUSED:
        if writable(drawing, style):
            written = report([IMAGE], {IMAGE.SOPInstanceUID: [drawing]}, style)
            read = outcome(save(written, tmp_path), [IMAGE], 2.5)
            assert read.is_accounted_for()
            assert read.bookmarks == [], drawing
            assert {refusal.reason for refusal in read.refused} == {reason}, drawing


def test_regions_that_are_segments_are_refused_as_such(tmp_path: Path) -> None:
    drawn = [Circle((60.0, 60.0), 10.0), Outline(((400.0, 300.0), (420.0, 300.0), (420.0, 330.0)))]
    read = outcome(save(report([IMAGE], {IMAGE.SOPInstanceUID: drawn}, "dcmqi"), tmp_path), [IMAGE], 2.5)
    assert read.bookmarks == []
    assert [refusal.reason for refusal in read.refused] == [Reason.SEGMENTATION] * 2
    assert read.is_accounted_for()


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


@pytest.mark.parametrize(
    "writer", [w for w in writers() if w.can(SAMPLES[0]) and w.images > 1], ids=lambda writer: writer.name
)
def test_several_images_in_one_object_stay_apart(tmp_path: Path, writer: Writer) -> None:
    images = [ct_image(number=n, spacing=SPACING) for n in (1, 2, 3)]
    random = np.random.default_rng(3)
    drawn = {image.SOPInstanceUID: [writer.as_drawn(random_pair(random, size=400.0))] for image in images[:2]}
    read = outcome(save(writer.write(images, drawn, ""), tmp_path), images, 2.5)
    assert {reference.sop_uid for reference in read.found.references} == {image.SOPInstanceUID for image in images}
    assert read.is_accounted_for()
    for uid, (pair,) in drawn.items():
        assert len(score([pair], read.images[uid].bookmarks, writer.tolerance).found) == 1
    assert set(read.images) == set(drawn)
