"""Weasis's drawing model: every tool with exact truth, as a fallback and as evidence, and hostile documents."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import FileDataset
from pydicom.uid import MultiFrameGrayscaleByteSecondaryCaptureImageStorage

from miner.bookmarks import read_object, recognise
from miner.bookmarks.elements import MalformedError
from miner.bookmarks.states import weasis_xml
from miner.bookmarks.states.weasis_tools import TOOLS, traced
from miner.bookmarks.states.weasis_xml import MAX_DEPTH, MAX_OCTETS, ModelGraphic, read_model
from miner.errors import Reason
from miner.records import AnnotationObject, Axis, Encoding, Kind, Mark, Shape
from tests.annotations import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
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
from tests.annotations.elements import annotation, graphic
from tests.annotations.private import model_xml, private_element, weasis_model_state

IMAGE = ct_image()
UID = IMAGE.SOPInstanceUID
PAIR = Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)))
LINE = Line(((200.0, 200.0), (240.0, 210.0)))
Points = Sequence[tuple[float, float]]


def through(state: FileDataset, folder: Path) -> AnnotationObject:
    found = read_object(save(state, folder))
    orders = [thing.order for thing in (*found.marks, *found.refused)]
    assert sorted(orders) == list(range(len(orders)))
    return found


def drawn(folder: Path, *drawings: Drawing, bidirectional: bool = False) -> AnnotationObject:
    return through(weasis_model_state([IMAGE], {UID: drawings}, bidirectional=bidirectional), folder)


def close(found: Points, expected: Points) -> bool:
    return len(found) == len(expected) and all(math.dist(a, b) <= 1e-3 for a, b in zip(found, expected, strict=True))


# ------------------------------------------------------------------------------------------------------ the tools


@pytest.mark.parametrize(
    ("drawing", "shape", "points"),
    [
        (LINE, Shape.LINE, LINE.ends),
        (Arrow((50.0, 60.0), (90.0, 100.0)), Shape.ARROW, ((50.0, 60.0),)),
        (Outline(((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))), Shape.POLYGON, ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))),
        (Curve(((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))), Shape.POLYGON, ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))),
        (OpenPath(((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))), Shape.POLYLINE, ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))),
        (Spot((7.0, 8.0)), Shape.POINT, ((7.0, 8.0),)),
        (Circle((300.0, 300.0), 12.0), Shape.CIRCLE, ((300.0, 300.0), (312.0, 300.0))),
        (
            Ellipse(((200.0, 200.0), (260.0, 200.0)), ((230.0, 190.0), (230.0, 210.0))),
            Shape.ELLIPSE,
            ((200.0, 200.0), (260.0, 200.0), (230.0, 190.0), (230.0, 210.0)),
        ),
    ],
)
def test_each_tool_gives_its_shape(tmp_path: Path, drawing: Drawing, shape: Shape, points: Points) -> None:
    found = drawn(tmp_path, drawing)
    (mark,) = found.marks
    assert (mark.shape, mark.encoding, mark.layer, mark.image.sop_uid) == (shape, Encoding.PRIVATE_MODEL, 1, UID)
    assert close(mark.points, points)
    assert found.refused == ()
    assert found.items == 1


@pytest.mark.parametrize(
    ("drawing", "reason", "count"),
    [
        (Angle((1.0, 2.0), (30.0, 40.0), (50.0, 3.0)), Reason.ANGLE_TOOL, 1),
        (Cobb(((1.0, 2.0), (30.0, 4.0)), ((1.0, 50.0), (30.0, 60.0))), Reason.ANGLE_TOOL, 1),
        (Perpendicular(((10.0, 10.0), (60.0, 10.0)), ((30.0, 40.0), (30.0, 10.0))), Reason.TOOL_NOT_A_LESION, 1),
        (CrossHair((30.0, 30.0)), Reason.TOOL_NOT_A_LESION, 2),
        (Scale(((15.0, 100.0), (15.0, 200.0))), Reason.TOOL_NOT_A_LESION, 1),
        (Note((10.0, 10.0)), Reason.TEXT_ONLY, 1),
    ],
)
def test_what_is_no_lesion_is_refused(tmp_path: Path, drawing: Drawing, reason: Reason, count: int) -> None:
    found = drawn(tmp_path, drawing)
    assert found.marks == ()
    assert [(refusal.reason, refusal.image and refusal.image.sop_uid) for refusal in found.refused] == [
        (reason, UID)
    ] * count


def test_a_pair_of_lines_is_recognised(tmp_path: Path) -> None:
    found = drawn(tmp_path, PAIR)
    (bookmark,) = recognise(found.marks, columns=512, rows=512, pixel_spacing=(0.7, 0.7)).bookmarks
    assert bookmark.kind is Kind.RECIST
    assert bookmark.points == (*PAIR.long, *PAIR.short)
    assert bookmark.text_mm == pytest.approx(bookmark.length_mm, abs=0.01)


def test_a_bidirectional_measurement_says_which_axis_is_which(tmp_path: Path) -> None:
    found = drawn(tmp_path, LINE, Pair(PAIR.short, PAIR.long), PAIR, bidirectional=True)
    axes = [(mark.points, mark.axis, mark.group, [text.value for text in mark.texts]) for mark in found.marks[1:]]
    # the first pair was drawn short axis first; Weasis's label gives the long one first all the same
    assert [axis for _, axis, _, _ in axes] == [Axis.SHORT, Axis.LONG, Axis.LONG, Axis.SHORT]
    assert [group for _, _, group, _ in axes] == [1, 1, 2, 2]
    assert axes[2:] == [(PAIR.long, Axis.LONG, 2, [31.3]), (PAIR.short, Axis.SHORT, 2, [15.99])]
    assert (found.marks[0].axis, found.marks[0].group) == (None, None)


HANDLES = [(10.5, 20.5), (30.5, 20.5), (20.5, 20.5), (20.5, 30.5), (1.5, 2.5), (3.5, 7.5), (9.5, 9.5), (8.5, 1.5)]


def a_graphic(tool: str, count: int) -> ModelGraphic:
    return ModelGraphic(tool, tuple(HANDLES[:count]), 1)


def shape_of(tool: str, count: int) -> tuple[Shape, Points]:
    reading = traced(a_graphic(tool, count))
    assert isinstance(reading, list)
    return reading[0].shape, reading[0].points


def test_handles_count_from_the_corner() -> None:
    """Half a pixel is taken off; the arrow's head is at its first handle."""
    assert shape_of("line", 2) == (Shape.LINE, ((10.0, 20.0), (30.0, 20.0)))
    assert shape_of("arrow", 2) == (Shape.ARROW, ((10.0, 20.0), (30.0, 20.0)))
    assert shape_of("circle", 2) == (Shape.CIRCLE, ((10.0, 20.0), (30.0, 20.0)))


def test_a_rectangle_is_a_polygon_however_it_is_turned() -> None:
    assert shape_of("rectangle", 4) == (Shape.POLYGON, ((10.0, 20.0), (30.0, 20.0), (30.0, 30.0), (10.0, 30.0)))


def test_old_models_give_eight_handles_of_an_upright_box() -> None:
    corners = ((30.5, 40.5), (10.5, 20.5), *HANDLES[:6])
    rectangle = traced(ModelGraphic("rectangle", corners, 1))
    ellipse = traced(ModelGraphic("ellipse", corners, 1))
    assert isinstance(rectangle, list)
    assert isinstance(ellipse, list)
    assert set(rectangle[0].points) == {(10.0, 20.0), (30.0, 20.0), (30.0, 40.0), (10.0, 40.0)}
    assert set(ellipse[0].points) == {(10.0, 30.0), (30.0, 30.0), (20.0, 20.0), (20.0, 40.0)}


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 7])
def test_a_wrong_number_of_handles_never_raises(tool: str, count: int) -> None:
    for graphic_ in (a_graphic(tool, count), ModelGraphic(tool, (None,) * count, 1)):
        reading = traced(graphic_)
        assert not isinstance(reading, list) or reading
    same = traced(ModelGraphic(tool, ((5.0, 5.0),) * count, 1))
    assert not isinstance(same, list) or same[0].shape in (Shape.POINT, Shape.ARROW)


@pytest.mark.parametrize("tool", sorted(TOOLS))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.7e308, -1.7e308])
def test_no_number_that_is_none_comes_through(tool: str, value: float) -> None:
    for count in (1, 2, 3, 4, 8):
        points = tuple((value, y) if number % 2 else (x, -value) for number, (x, y) in enumerate(HANDLES[:count]))
        reading = traced(ModelGraphic(tool, points, 1))
        if isinstance(reading, list):
            assert all(math.isfinite(x) and math.isfinite(y) for part in reading for x, y in part.points)


coordinates = st.floats(5, 500, allow_nan=False)
points = st.tuples(coordinates, coordinates)


@st.composite
def drawings(draw: st.DrawFn) -> tuple[Line, Arrow, Circle, Ellipse]:
    ends = draw(st.tuples(points, points).filter(lambda ends: math.dist(*ends) > 1))
    (x, y), tip, radius = draw(points), draw(points), draw(st.floats(1, 90))
    turn, ratio = draw(st.floats(0, math.pi)), draw(st.floats(0.2, 0.95))
    c, s = math.cos(turn) * radius, math.sin(turn) * radius
    minor = ((x + s * ratio, y - c * ratio), (x - s * ratio, y + c * ratio))
    ellipse = Ellipse(((x - c, y - s), (x + c, y + s)), minor)
    return Line(ends), Arrow(tip, (tip[0] + 30, tip[1])), Circle((x, y), radius), ellipse


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(drawn=drawings(), block=st.integers(0x10, 0xFF), compressed=st.booleans())
def test_round_trip(tmp_path: Path, drawn: tuple[Line, Arrow, Circle, Ellipse], block: int, compressed: bool) -> None:
    state = weasis_model_state([IMAGE], {UID: drawn}, block=block, compressed=compressed)
    line, arrow, circle, oval = through(state, tmp_path).marks
    assert close(line.points, drawn[0].ends)
    assert close(arrow.points, (drawn[1].tip,))
    assert close(circle.points[:1], (drawn[2].centre,))
    assert math.dist(*circle.points) == pytest.approx(drawn[2].radius, abs=1e-3)
    assert close(oval.points, (*drawn[3].major, *drawn[3].minor))


# ------------------------------------------------------------------------------------------------------ which image


def test_a_frame_counts_from_one_here(tmp_path: Path) -> None:
    image = ct_image()
    image.SOPClassUID = MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    state = weasis_model_state([image], {}, xml=model_xml(image, [LINE], frames="4"))
    (mark,) = through(state, tmp_path).marks
    assert mark.image.frame == 5
    (mark,) = through(weasis_model_state([IMAGE], {}, xml=model_xml(IMAGE, [LINE], frames="0")), tmp_path).marks
    assert mark.image.frame is None, "frame 1 of a single-frame image is the image"


def test_an_image_that_only_the_model_names(tmp_path: Path) -> None:
    other = ct_image(number=7, series="7")
    found = through(weasis_model_state([IMAGE], {}, xml=model_xml(other, [LINE])), tmp_path)
    assert [mark.image.sop_uid for mark in found.marks] == [other.SOPInstanceUID]
    assert [mark.image.series_uid for mark in found.marks] == [other.SeriesInstanceUID]
    assert {reference.sop_uid for reference in found.references} == {UID, other.SOPInstanceUID}


@pytest.mark.parametrize("references", ["", "<references/>"])
def test_without_references_the_state_tells_which_image(tmp_path: Path, references: str) -> None:
    whole = model_xml(IMAGE, [LINE])
    start, end = whole.index("<references>"), whole.index("</references>") + len("</references>")
    xml = whole[:start] + references + whole[end:]
    (mark,) = through(weasis_model_state([IMAGE], {}, xml=xml), tmp_path).marks
    assert mark.image.sop_uid == UID
    two = [IMAGE, ct_image(number=2)]
    found = through(weasis_model_state(two, {}, xml=xml), tmp_path)
    assert found.marks == ()
    assert [refusal.reason for refusal in found.refused] == [Reason.IMAGE_AMBIGUOUS]


def test_a_reference_that_is_no_uid_is_none(tmp_path: Path) -> None:
    """Weasis makes one up for what has no UID."""
    xml = model_xml(IMAGE, [LINE]).replace(UID, "5c6c1d0a-0000-4000-8000-000000000000")
    found = through(weasis_model_state([IMAGE], {}, xml=xml), tmp_path)
    assert [refusal.reason for refusal in found.refused] == [Reason.IMAGE_AMBIGUOUS]


# --------------------------------------------------------------------------------- beside the standard graphics


def test_the_standard_graphics_stand_and_nothing_counts_twice(tmp_path: Path) -> None:
    drawings = [PAIR, LINE, Note((10.0, 10.0))]
    alone = read_object(save(presentation_state([IMAGE], {UID: drawings}, "weasis"), tmp_path))
    found = through(weasis_model_state([IMAGE], {UID: drawings}, standard={UID: drawings}), tmp_path)
    assert [mark.points for mark in found.marks] == [mark.points for mark in alone.marks]
    assert all(mark.encoding is Encoding.GSPS_POLYLINE for mark in found.marks)
    assert found.refused == alone.refused


def test_an_image_without_standard_graphics_has_the_model(tmp_path: Path) -> None:
    other = ct_image(number=2)
    state = presentation_state([IMAGE, other], {UID: [LINE]}, "sectra")
    data = gzip.compress(model_xml(other, [PAIR]).encode())
    private_element(state, ("weasis/model/xml/2.5", 0x7107, 0x01), "OB", data + b"\0" * (len(data) % 2))
    found = through(state, tmp_path)
    assert [(mark.image.sop_uid, mark.encoding) for mark in found.marks] == [
        (UID, Encoding.GSPS_POLYLINE),
        (other.SOPInstanceUID, Encoding.PRIVATE_MODEL),
        (other.SOPInstanceUID, Encoding.PRIVATE_MODEL),
    ]
    assert len({mark.item for mark in found.marks}) == 3


def test_the_model_stands_in_where_no_standard_graphic_can_be_read(tmp_path: Path) -> None:
    state = weasis_model_state([IMAGE], {UID: [PAIR]})
    broken = graphic("POLYLINE", [(1, 1), (2, 2)])
    broken.NumberOfGraphicPoints = 9
    state.GraphicAnnotationSequence = [annotation("L", graphics=[broken])]
    found = through(state, tmp_path)
    assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]
    assert [refusal.reason for refusal in found.refused] == [Reason.MALFORMED_GRAPHIC]


def with_standard(drawings: Sequence[Drawing], xml: str, *parts: tuple[str, Points]) -> FileDataset:
    """Graphics as Weasis's serialiser flattens them beside their model."""
    state = weasis_model_state([IMAGE], {UID: drawings}, xml=xml or None)
    state.GraphicAnnotationSequence = [
        annotation("MEASURE", image=IMAGE, graphics=[graphic(kind, ends) for kind, ends in parts])
    ]
    return state


def test_the_side_of_an_ellipses_box_is_no_measurement(tmp_path: Path) -> None:
    """Weasis writes an ellipse's outline as a polyline, and one side of its box as another."""
    ellipse = Ellipse(((200.0, 200.0), (260.0, 200.0)), ((230.0, 190.0), (230.0, 210.0)))
    outline = [(230 + 30 * math.cos(t / 10), 200 + 10 * math.sin(t / 10)) for t in range(62)]
    side = ((200.0, 190.0), (260.0, 190.0))
    state = with_standard([ellipse], "", ("POLYLINE", [*outline, outline[0]]), ("POLYLINE", side))
    found = through(state, tmp_path)
    assert [mark.shape for mark in found.marks] == [Shape.ELLIPSE]
    assert [(refusal.reason, refusal.shape) for refusal in found.refused] == [(Reason.TOOL_NOT_A_LESION, Shape.LINE)]


def test_the_cross_in_a_circle_is_no_pair_of_axes(tmp_path: Path) -> None:
    xml = model_xml(IMAGE, [PAIR]).replace(
        "<graphics>", '<graphics><circle><pts><pt x="50.5" y="60.5"/><pt x="70.5" y="60.5"/></pts></circle>'
    )
    cross = [("POLYLINE", ((46.0, 60.0), (54.0, 60.0))), ("POLYLINE", ((50.0, 56.0), (50.0, 64.0)))]
    parts = [("POLYLINE", PAIR.long), ("POLYLINE", PAIR.short), *cross]
    found = through(with_standard([], xml, *parts), tmp_path)
    assert [mark.points for mark in found.marks] == [PAIR.long, PAIR.short]
    kinds = [b.kind for b in recognise(found.marks, columns=512, rows=512, pixel_spacing=(0.7, 0.7)).bookmarks]
    assert kinds == [Kind.RECIST]
    assert [refusal.reason for refusal in found.refused] == [Reason.TOOL_NOT_A_LESION] * 2
    assert [refusal.order for refusal in found.refused] == [2, 3]


def test_a_ruler_and_its_ticks_are_no_measurement_but_a_line_across_is(tmp_path: Path) -> None:
    ruler = ((100.0, 300.0), (100.0, 400.0))
    ticks = [((96.0, y), (104.0, y)) for y in (300.0, 340.0, 380.0)]
    across = ((80.0, 350.0), (121.0, 352.0))
    found = through(
        with_standard([Scale(ruler)], "", *(("POLYLINE", ends) for ends in (ruler, *ticks, across))), tmp_path
    )
    assert [mark.points for mark in found.marks] == [across]
    assert len(found.refused) == 4


@pytest.mark.parametrize(
    ("tool", "drawing", "lines"),
    [
        (
            Reason.TOOL_NOT_A_LESION,
            Perpendicular(((10.0, 10.0), (60.0, 10.0)), ((30.0, 40.0), (30.0, 10.0))),
            [((10.0, 10.0), (60.0, 10.0)), ((30.0, 40.0), (30.0, 10.0))],
        ),
        (
            Reason.ANGLE_TOOL,
            Angle((1.0, 2.0), (30.0, 40.0), (50.0, 3.0)),
            [((1.0, 2.0), (30.0, 40.0)), ((30.0, 40.0), (50.0, 3.0))],
        ),
    ],
)
def test_lines_of_tools_that_measure_no_lesion_are_refused(
    tmp_path: Path, tool: Reason, drawing: Drawing, lines: list[Points]
) -> None:
    parts = [("POLYLINE", ends) for ends in (*lines, *LINE_AND_PAIR)]
    found = through(with_standard([drawing, PAIR], "", *parts), tmp_path)
    assert [refusal.reason for refusal in found.refused] == [tool, tool]
    assert [mark.points for mark in found.marks] == LINE_AND_PAIR


LINE_AND_PAIR: list[Points] = [LINE.ends, PAIR.long, PAIR.short]


def test_the_model_names_axes_arrows_and_texts_of_standard_lines(tmp_path: Path) -> None:
    xml = model_xml(IMAGE, [PAIR, LINE], bidirectional=True)
    arrow = '<arrow><pts><pt x="300.5" y="300.5"/><pt x="340.5" y="340.5"/></pts></arrow>'
    xml = xml.replace("<graphics>", "<graphics>" + arrow)
    parts = [PAIR.long, PAIR.short[::-1], LINE.ends, ((340.0, 340.0), (300.0, 300.0)), ((1.0, 1.0), (9.0, 9.0))]
    found = through(with_standard([], xml, *(("POLYLINE", ends) for ends in parts)), tmp_path)
    long, short, line, shaft, other = found.marks
    assert (long.axis, short.axis, line.axis) == (Axis.LONG, Axis.SHORT, None)
    assert long.group == short.group is not None
    assert ([t.value for t in long.texts], [t.value for t in short.texts]) == ([31.3], [15.99])
    assert short.points == PAIR.short[::-1], "the standard points stand"
    assert [t.value for t in line.texts] == pytest.approx([28.86])
    assert (shaft.points, shaft.tool, shaft.direction_known) == (((300.0, 300.0), (340.0, 340.0)), "arrow", True)
    assert (other.tool, other.texts) == ("", ())


def test_the_model_gives_outlines_their_texts(tmp_path: Path) -> None:
    """By nearness a text may go to the wrong neighbour; the model knows whose it is."""
    outline = Outline(((50.0, 50.0), (90.0, 50.0), (90.0, 80.0)))
    xml = model_xml(IMAGE, [outline])
    xml = xml.replace(
        "<layer>m</layer>", "<graphicLabel><labels><label>Width : 28.0 mm</label></labels></graphicLabel>"
    )
    state = with_standard([], xml, ("POLYLINE", [*outline.vertices, outline.vertices[0]]))
    (mark,) = through(state, tmp_path).marks
    assert (mark.shape, mark.points) == (Shape.POLYGON, outline.vertices)
    assert [text.value for text in mark.texts] == [28.0]


OVAL = Ellipse(((214.0, 300.0), (226.0, 300.0)), ((220.0, 295.5), (220.0, 304.5)))
"""Small enough for each of its quarters to be flattened to one line."""


def on_oval(turns: int, by: float = 1.0) -> list[tuple[float, float]]:
    """An ellipse as a path of so many lines, closed twice as Weasis writes it; ``by``: its size."""
    steps = [math.tau * turn / turns for turn in range(turns)]
    path = [(220.0 + by * 6.0 * math.cos(step), 300.0 + by * 4.5 * math.sin(step)) for step in steps]
    return [*path, path[0], path[0]]


@pytest.mark.parametrize("turns", [4, 8, 16])
def test_an_ellipse_that_was_flattened_to_lines_is_an_ellipse(tmp_path: Path, turns: int) -> None:
    """Weasis keeps within two pixels: a lesion of 12 by 9 pixels is left with two thirds of its area."""
    (mark,) = through(with_standard([OVAL], "", ("POLYLINE", on_oval(turns))), tmp_path).marks
    assert (mark.shape, mark.tool) == (Shape.ELLIPSE, "ellipse")
    assert close(mark.points, (*OVAL.major, *OVAL.minor))


def test_a_circle_that_was_flattened_to_lines_is_a_circle(tmp_path: Path) -> None:
    xml = model_xml(IMAGE, [Circle((220.0, 300.0), 20.0)])
    path = [(240.0, 300.0), (220.0, 320.0), (200.0, 300.0), (220.0, 280.0), (240.0, 300.0)]
    (mark,) = through(with_standard([], xml, ("POLYLINE", path)), tmp_path).marks
    assert mark.shape is Shape.CIRCLE
    assert (mark.points[0], math.dist(*mark.points)) == (pytest.approx((220.0, 300.0)), pytest.approx(20.0))


@pytest.mark.parametrize("path", [on_oval(8, by=1.02), on_oval(3), [(100, 100), (140, 100), (120, 130), (100, 100)]])
def test_an_outline_beside_an_ellipse_stays_as_it_was_drawn(tmp_path: Path, path: list[tuple[float, float]]) -> None:
    (mark,) = through(with_standard([OVAL], "", ("POLYLINE", path)), tmp_path).marks
    assert (mark.shape, mark.tool) == (Shape.POLYGON, "")


def test_a_line_that_two_graphics_share_is_left_alone(tmp_path: Path) -> None:
    drawings = [LINE, Perpendicular(LINE.ends, ((220.0, 250.0), (220.0, 205.0)))]
    found = through(with_standard(drawings, "", ("POLYLINE", LINE.ends)), tmp_path)
    assert [mark.points for mark in found.marks] == [LINE.ends]
    assert found.refused == ()


# ------------------------------------------------------------------------------------------------------- hostile ones


def document(graphics: str = "", head: str = "") -> str:
    return f"{head}<presentation><references/><layers/><graphics>{graphics}</graphics></presentation>"


BOMB = '<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
LINE_XML = '<line><pts><pt x="1.5" y="1.5"/><pt x="9.5" y="9.5"/></pts></line>'


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "\0\0",
        "not XML",
        "<presentation>",
        "<presentation/>rest",
        "<other><graphics/></other>",
        "<!DOCTYPE presentation><presentation/>",
        '<!DOCTYPE p SYSTEM "file:///etc/passwd"><presentation/>',
        document(LINE_XML, BOMB),
        '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]><presentation>&x;</presentation>',
        "<presentation>&undefined;</presentation>",
        '<?xml version="1.0" encoding="no-such-code"?><presentation/>',
        document("<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1)),
        document().replace("<references/>", '<references><series><image frames="x"/></series></references>'),
        document().replace("<references/>", '<references><series><image frames="-1"/></series></references>'),
    ],
)
def test_a_hostile_document_is_one_refusal(tmp_path: Path, xml: str) -> None:
    with pytest.raises(MalformedError):
        read_model(xml.encode())
    found = through(weasis_model_state([IMAGE], {}, xml=xml), tmp_path)
    assert found.marks == ()
    assert [refusal.reason for refusal in found.refused] == [Reason.MALFORMED_GRAPHIC]
    beside = through(weasis_model_state([IMAGE], {}, xml=xml, standard={UID: [LINE]}), tmp_path)
    assert [mark.points for mark in beside.marks] == [LINE.ends], "what the state says itself stands"
    assert beside.refused == ()


@pytest.mark.parametrize(
    "data",
    [
        b"\x1f\x8b",
        b"\x1f\x8b\x08\0rubbish that is no gzip",
        gzip.compress(document().encode())[:-12],
        gzip.compress(b"<presentation>" + b" " * (MAX_OCTETS + 1) + b"</presentation>"),
        zlib.compress(document().encode()),
        gzip.compress(gzip.compress(document().encode())),
        b"<presentation>" + b" " * MAX_OCTETS + b"</presentation>",
    ],
    ids=["magic", "rubbish", "cut", "bomb", "zlib", "twice", "large"],
)
def test_wrong_gzip(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_model(data)


def test_inflation_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb costs no more than the bound: no more of it is ever made."""
    made: list[int] = []

    class Recorder:
        MAX_WBITS, error = zlib.MAX_WBITS, zlib.error

        def decompressobj(self, wbits: int) -> Recorder:
            self._inner, self.eof = zlib.decompressobj(wbits), False
            return self

        def decompress(self, data: bytes, *limit: int) -> bytes:
            made.append(len(found := self._inner.decompress(data, *limit)))
            return found

    monkeypatch.setattr(weasis_xml, "zlib", Recorder())
    with pytest.raises(MalformedError):
        read_model(gzip.compress(b" " * (MAX_OCTETS * 8)))
    assert made == [MAX_OCTETS + 1]


def test_what_follows_the_gzip_member_is_padding() -> None:
    assert len(read_model(gzip.compress(document(LINE_XML).encode()) + b"\0").graphics) == 1
    assert len(read_model(document(LINE_XML).encode() + b"\0").graphics) == 1


def test_a_million_elements_are_refused() -> None:
    with pytest.raises(MalformedError):
        read_model(gzip.compress(document("<a/>" * 300_000).encode()))


def test_a_graphic_of_very_many_handles_is_malformed(tmp_path: Path) -> None:
    handles = "".join(f'<pt x="{n % 500}.0" y="{n // 500}.0"/>' for n in range(20_001))
    xml = model_xml(IMAGE, [LINE]).replace("<graphics>", f"<graphics><polyline><pts>{handles}</pts></polyline>")
    found = through(weasis_model_state([IMAGE], {}, xml=xml), tmp_path)
    assert [refusal.reason for refusal in found.refused] == [Reason.MALFORMED_GRAPHIC]
    assert len(found.marks) == 1


@pytest.mark.parametrize(
    ("graphics", "reason"),
    [
        ("<starship><pts/></starship>", Reason.UNKNOWN_GRAPHIC),
        ("<line/>", Reason.MALFORMED_GRAPHIC),
        ('<line><pts><pt x="a" y="1"/><pt x="1" y="9"/></pts></line>', Reason.MALFORMED_GRAPHIC),
        ('<line><pts><pt x="1"/><pt x="1" y="9"/></pts></line>', Reason.MALFORMED_GRAPHIC),
        ('<line><pts><pt x="NaN" y="1"/><pt x="1" y="9"/></pts></line>', Reason.POINT_NOT_FINITE),
        ('<line><pts><pt x="Infinity" y="1"/><pt x="1" y="9"/></pts></line>', Reason.POINT_NOT_FINITE),
        ('<line><pts><pt x="1" y="1"/><pt x="1" y="1"/></pts></line>', Reason.MALFORMED_GRAPHIC),
        (
            '<threePointsCircle><pts><pt x="1" y="1"/><pt x="2" y="2"/><pt x="3" y="3"/></pts></threePointsCircle>',
            Reason.MALFORMED_GRAPHIC,
        ),
    ],
)
def test_a_bad_graphic_is_one_refusal_among_good_ones(tmp_path: Path, graphics: str, reason: Reason) -> None:
    xml = model_xml(IMAGE, [LINE]).replace("<graphics>", "<graphics>" + graphics)
    found = through(weasis_model_state([IMAGE], {}, xml=xml), tmp_path)
    assert [(refusal.reason, refusal.order) for refusal in found.refused] == [(reason, 0)]
    assert [mark.order for mark in found.marks] == [1]


def test_nothing_that_a_person_typed_is_kept() -> None:
    labels = "<graphicLabel><labels><label>CANARY Smith 12.5 mm</label></labels></graphicLabel>"
    layers = '<layers><layer uuid="CANARY" type="CANARY"/></layers>'
    graphics = LINE_XML.replace("<pts>", labels + "<layer>CANARY</layer><pts>")
    model = read_model(document(graphics).replace("<layers/>", layers).encode())
    assert "CANARY" not in repr(asdict(model))
    (line,) = model.graphics
    assert ([text.value for text in line.texts], line.layer) == ([12.5], 1)


def test_many_graphics_on_one_spot_stay_quick(tmp_path: Path) -> None:
    """Handles that cannot be told apart explain nothing; they don't multiply."""
    drawings = [Line(((10.0, 10.0), (40.0, 40.0)))] * 1_000
    found = through(weasis_model_state([IMAGE], {UID: drawings}, standard={UID: drawings}), tmp_path)
    assert len(found.marks) + len(found.refused) >= 1_000
    assert all(isinstance(mark, Mark) for mark in found.marks)
