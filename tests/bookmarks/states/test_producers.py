"""The ways of the producers' table, one by one; and whether our generator's objects are what they should be."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from miner.bookmarks import read_object
from miner.bookmarks.geometry import box_of
from miner.records import AnnotationObject, Encoding, Mark, Measurement, Shape, Unit
from tests.annotations import (
    LEFT_OUT,
    STYLE_ENCODINGS,
    STYLES,
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Ellipse,
    Line,
    Note,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Scale,
    Spot,
    ct_image,
    presentation_state,
    save,
)
from tests.annotations.scenes import random_pair, scene
from tests.annotations.truth import Drawing
from tests.peers.dcmtk import tool_path

Read = Callable[[FileDataset], AnnotationObject]
IMAGE = ct_image()
EVERYTHING: list[Drawing] = [
    Pair(((100, 100), (140, 110)), ((118, 120), (122, 92))),
    Line(((200, 60), (240, 66)), labelled=False),
    Arrow((300, 200), (330, 240)),
    Ellipse(((50, 300), (90, 310)), ((72.5, 295), (67.5, 315))),
    Circle((60, 60), 10),
    Outline(((400, 400), (420, 400), (420, 430), (400, 430))),
    Outline(((300, 400), (320, 405), (310, 430))),
    Curve(((400, 100), (420, 100), (420, 130), (400, 120))),
    Angle((200, 300), (220, 330), (250, 310)),
    Cobb(((100, 420), (150, 425)), ((100, 470), (150, 455))),
    Perpendicular(((330, 300), (390, 300)), ((360, 270), (360, 300))),
    OpenPath(((450, 300), (460, 310), (470, 300), (480, 320))),
    Spot((480, 480)),
    Note((20, 480)),
    Scale(((15, 100), (15, 200))),
    CrossHair((256, 256)),
]


def drawn(style: str, *drawings: Drawing, seed: str = "") -> FileDataset:
    return presentation_state([IMAGE], {IMAGE.SOPInstanceUID: list(drawings)}, style, seed=seed)


def only(found: AnnotationObject) -> Mark:
    (mark,) = found.marks
    return mark


# ------------------------------------------------------------------------------------------------------ the generator


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_style_declares_its_encodings(read: Read, style: str) -> None:
    """Everything that can be drawn, on twenty views for the style that has many: all are reached, no other one is."""
    found = {mark.encoding for seed in range(20) for mark in read(drawn(style, *EVERYTHING, seed=str(seed))).marks}
    assert found == STYLE_ENCODINGS[style]


@pytest.mark.parametrize("style", sorted(STYLES))
def test_everything_drawn_ends_once(read: Read, style: str) -> None:
    random = np.random.default_rng(7)
    for _ in range(5):
        found = read(drawn(style, *scene(random, [random_pair(random)], style=style)))
        orders = [thing.order for thing in (*found.marks, *found.refused)]
        assert sorted(orders) == list(range(len(orders)))


def test_what_a_style_leaves_out_is_not_there(read: Read) -> None:
    assert set(LEFT_OUT) <= set(STYLES)
    kinds = [Shape.TEXT]
    assert [refusal.shape for refusal in read(drawn("bluelight", Note((20, 480)))).refused] == kinds, "its empty text"


def test_the_same_content_is_the_same_state() -> None:
    first, second = drawn("display", *EVERYTHING, seed="1"), drawn("display", *EVERYTHING, seed="1")
    assert first == second
    other = drawn("display", *EVERYTHING, seed="2")
    assert other.DisplayedAreaSelectionSequence != first.DisplayedAreaSelectionSequence


@pytest.mark.peer
@pytest.mark.parametrize("style", sorted(set(STYLES) - {"bluelight"}))
def test_dcmtk_finds_no_fault_in_a_style(tmp_path: Path, style: str) -> None:
    """BlueLight's empty text is a fault, and its own."""
    program = tool_path("dcmpschk")
    state = drawn(style, *EVERYTHING)
    if style == "meddream":
        state.StudyDate = state.StudyTime = ""
    path = save(state, tmp_path)
    done = subprocess.run([program, path], capture_output=True, timeout=60, check=False, text=True)
    assert "Test passed" in done.stdout + done.stderr, done.stdout + done.stderr


# ------------------------------------------------------------------------------------------------------ the producers


def test_clearcanvas_statistics_label_their_outline(read: Read) -> None:
    found = read(
        drawn("clearcanvas", Ellipse(((50, 300), (90, 300)), ((70, 290), (70, 310))), Arrow((70, 285), (9, 9)))
    )
    assert [mark.shape for mark in found.marks] == [Shape.ELLIPSE, Shape.ARROW]


def test_softneta_gives_width_and_height_of_an_oval(shared_data: Path) -> None:
    """Its displayed area of 0\\0 does not matter: it draws in pixels."""
    found = read_object(shared_data / "presentation-states" / "softneta" / "PR000000.dcm")
    mark = only(found)
    assert (mark.shape, mark.tool, mark.encoding, mark.doubts) == (Shape.ELLIPSE, "ellipse", Encoding.GSPS_ELLIPSE, ())
    assert mark.texts == (Measurement(12.68, Unit.CM), Measurement(12.01, Unit.CM)), "not the area"
    left, top, right, bottom = box_of(mark.points)
    assert (right - left) / (bottom - top) == pytest.approx(12.68 / 12.01, rel=1e-3), "as its text says"
    assert found.refused == ()


@pytest.mark.parametrize(("name", "inside"), [("real01", (60, 60)), ("real02", (100, 100)), ("real03", (200, 60))])
def test_clearcanvas_contours(shared_data: Path, name: str, inside: tuple[float, float]) -> None:
    """Each state holds one contour and its callout, which begins within some pixels of it."""
    found = read_object(shared_data / "presentation-states" / "clearcanvas" / f"{name}.pr.dcm")
    mark = only(found)
    assert (mark.shape, mark.encoding, mark.image.frame) == (Shape.POLYGON, Encoding.GSPS_POLYLINE, None)
    assert found.refused == ()
    left, top, right, bottom = box_of(mark.points)
    assert left > inside[0]
    assert top > inside[1]
    assert max(right, bottom) < 400


def test_meddream_names_the_tool_in_its_layer(read: Read) -> None:
    found = read(drawn("meddream", Ellipse(((50, 300), (90, 300)), ((70, 290), (70, 310))), Line(((9, 9), (59, 9)))))
    oval, line = found.marks
    assert [mark.tool for mark in found.marks] == ["ellipse", "line"]
    assert oval.texts == (Measurement(2.8, Unit.CM), Measurement(1.4, Unit.CM))
    assert line.texts == (Measurement(3.5, Unit.CM),)


@pytest.mark.parametrize(
    ("drawing", "tool"),
    [
        (Line(((9, 9), (59, 9))), "distance"),
        (Line(((9, 9), (59, 9)), labelled=False), "line"),
        (Perpendicular(((330, 300), (390, 300)), ((360, 270), (360, 300))), "perpendicular"),
        (Angle((200, 300), (220, 330), (250, 310)), "angle"),
        (Cobb(((100, 420), (150, 425)), ((100, 470), (150, 455))), "cobb"),
        (Scale(((15, 100), (15, 200))), "calibration"),
        (Arrow((300, 200), (330, 240)), "arrow"),
    ],
)
def test_agfa_names_the_tool_in_its_layers_description(read: Read, drawing: Drawing, tool: str) -> None:
    assert {mark.tool for mark in read(drawn("agfa", drawing)).marks} == {tool}


def test_agfa_arrows_are_told_by_their_text(read: Read) -> None:
    tip, tail = (300.0, 200.0), (330.0, 240.0)
    lines = [mark for mark in read(drawn("agfa", Arrow(tip, tail))).marks if mark.shape is Shape.LINE]
    assert [(mark.points, mark.direction_known) for mark in lines] == [((tip, tail), True)]


def test_sectra_texts_whose_separators_were_lost(read: Read) -> None:
    state = drawn("sectra", Line(((9, 9), (59, 9))))
    state.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue = "35.0 mm12.3 mm"
    assert [text.value for text in only(read(state)).texts] == [35.0, 12.3]


def test_bluelight_lies_within_a_pixel(read: Read) -> None:
    mark = next(mark for mark in read(drawn("bluelight", Line(((9.4, 9.9), (59.2, 9.1))))).marks)
    assert all(math.dist(p, q) <= 1.5 for p, q in zip(mark.points, ((9.4, 9.9), (59.2, 9.1)), strict=True))


@pytest.mark.parametrize(
    ("style", "off"),
    [("clearcanvas", 2.0), ("sectra", 2.0), *((s, 8.0) for s in ("clearcanvas", "sectra", "weasis", "highdicom"))],
)
def test_an_arrow_beside_a_line_without_text_stays_an_arrow(read: Read, style: str, off: float) -> None:
    """Two pixels off, one item alone for both cannot tell: there the text is taken as the line's label."""
    line, tip = Line(((100, 100), (160, 100)), labelled=False), (130.0, 100.0 + off)
    marks = read(drawn(style, line, Arrow(tip, (150, 140)))).marks
    assert [mark.points for mark in marks if mark.shape is Shape.ARROW] == [(tip,)]
    assert [mark.shape for mark in marks if mark.shape is not Shape.ARROW] == [Shape.LINE]
