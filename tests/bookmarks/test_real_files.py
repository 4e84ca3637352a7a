"""Every real annotation object that is public, with what a person who reads its dump (dcmdump, dsrdump) expects of it.

The numbers below were written down from the dumps, in DICOM's corner frame as they stand there (``at`` moves them to
ours); nothing was taken from what the reader says. Spacings are those of the image where it is there, else those that
the object's own measured values imply.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from miner.bookmarks import read_object, recognise
from miner.bookmarks.recognition import place
from miner.errors import ObjectError, Reason
from miner.records import (
    AnnotationObject,
    Axis,
    Bookmark,
    Code,
    Doubt,
    Encoding,
    ImagePlane,
    ImageReference,
    Kind,
    Mark,
    MarkRefusal,
    Measurement,
    Point,
    Shape,
    Unit,
)

STATES, REPORTS = Path("presentation-states"), Path("structured-reports")

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
SC, CR = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.1"


def at(*values: float) -> tuple[Point, ...]:
    """Points as a dump shows them, in the pixel centres frame."""
    return tuple((x - 0.5, y - 0.5) for x, y in zip(values[::2], values[1::2], strict=True))


def same_points(found: Sequence[Point], expected: Sequence[Point]) -> bool:
    """To the last digit of a float32, which is what the files hold."""
    return len(found) == len(expected) and all(math.dist(a, b) < 1e-4 for a, b in zip(found, expected, strict=True))


@pytest.fixture
def real(shared_data: Path) -> Path:
    return shared_data


def bookmarks_of(
    read: AnnotationObject, image: ImageReference, columns: int, rows: int, spacing: float
) -> tuple[tuple[Bookmark, ...], tuple[MarkRefusal, ...]]:
    """What becomes of the marks of one image."""
    marks = [mark for mark in read.marks if mark.image == image]
    found = recognise(marks, columns=columns, rows=rows, pixel_spacing=(spacing, spacing))
    return found.bookmarks, found.refused


def test_every_real_file_stands_in_this_module(shared_data: Path) -> None:
    """A file that is added to the data must be looked at too."""
    text = Path(__file__).read_text()
    images = {"real01.dcm", "real02.dcm", "real03.dcm", "CT_small.dcm", "ct_image.dcm"}
    for folder in (STATES, REPORTS):
        for path in sorted((shared_data / folder).rglob("*.dcm")):
            assert path.name in images or path.name in text, path.name


# ------------------------------------------------------------------------------------------------- presentation states

CLEARCANVAS = "1.3.6.1.4.1.25403.2200303521616.3496."


@dataclass(frozen=True)
class Contour:
    """A ClearCanvas state: one closed POLYLINE whose last point repeats the first, with a callout by ImageJ."""

    name: str
    image: str
    side: int
    points: int
    first: tuple[float, float]
    second: tuple[float, float]
    last_but_one: tuple[float, float]
    created: str


CONTOURS = (
    Contour(
        *("real01.pr.dcm", "20090914123854.1", 256, 63),
        *((110.864601, 91.3457489), (110.735779, 93.02064514), (112.668335, 90.05738831), "20090914131307546875"),
    ),
    Contour(
        *("real02.pr.dcm", "20090914123854.2", 256, 35),
        *((149.773514, 158.856567), (146.810257, 146.74585), (145.908386, 156.0221405), "20090914131307765625"),
    ),
    Contour(
        *("real03.pr.dcm", "20090914123855.1", 512, 64),
        *((261.411163, 125.165611), (256.644165, 125.165611), (264.760925, 127.35585), "20090914131307781250"),
    ),
)


@pytest.mark.parametrize("contour", CONTOURS, ids=lambda contour: contour.name)
def test_clearcanvas(real: Path, contour: Contour) -> None:
    read = read_object(real / STATES / "clearcanvas" / contour.name)
    image = ImageReference(CLEARCANVAS + "20090914123853.2", CLEARCANVAS + contour.image, SC)
    assert read.modality == "PR"
    assert read.references == (image,)
    assert (read.items, read.refused, read.spatial) == (1, (), ())
    assert read.created == contour.created
    assert read.label == "FOR_PRESENTATION"
    assert read.window == (0.0, 256.0)
    (mark,) = read.marks
    assert (mark.shape, mark.encoding) == (Shape.POLYGON, Encoding.GSPS_POLYLINE)
    assert mark.image == image
    assert mark.texts == (), "an area, a mean and a deviation: no length"
    vertices = contour.points - 1
    assert len(mark.points) == vertices
    ends = (*contour.first, *contour.second, *contour.last_but_one)
    assert same_points((*mark.points[:2], mark.points[-1]), at(*ends))
    bookmarks, refused = bookmarks_of(read, image, contour.side, contour.side, 1.0)
    assert refused == ()
    assert [bookmark.kind for bookmark in bookmarks] == [Kind.POLYGON]
    assert bookmarks[0].points == mark.points
    assert bookmarks[0].length_mm is None


def test_clearcanvas_key_objects(real: Path) -> None:
    """real0X.ko.dcm: "Of Interest", six secondary captures, three of which and their states are among the data."""
    read = read_object(real / STATES / "clearcanvas" / "real0X.ko.dcm")
    assert read.modality == "KO"
    assert (read.marks, read.spatial) == ((), ())
    captures = [reference.sop_uid for reference in read.references if reference.sop_class_uid == SC]
    endings = ("4.1", "4.2", "5.1", "4.3", "4.4", "5.2")
    assert captures == [CLEARCANVAS + "2009091412385" + ending for ending in endings]
    assert {r.series_uid for r in read.references if r.sop_class_uid == SC} == {CLEARCANVAS + "20090914123853.2"}


def test_clunie_overlays(real: Path) -> None:
    """prOverlay.dcm: six graphic layers for overlays, and no graphic."""
    read = read_object(real / STATES / "clunie" / "prOverlay.dcm")
    assert (read.modality, read.items, read.marks, read.refused) == ("PR", 0, (), ())
    expected = ImageReference("1.2.276.0.7230010.3.200.12.1", "1.2.276.0.7230010.3.200.12.1.1", SC)
    assert read.references == (expected,)
    assert read.window is None
    assert read.created.startswith("19981112102942")


def test_softneta(real: Path) -> None:
    """PR000000.dcm: an ellipse with a block of statistics on a radiograph; W and H imply 0.16 mm a pixel."""
    read = read_object(real / STATES / "softneta" / "PR000000.dcm")
    root = "1.2.276.0.7230010.3.1."
    image = ImageReference(f"{root}3.665618.6496.1546453790.314807", f"{root}4.665618.6496.1546453790.314808", CR)
    assert read.references == (image,)
    assert read.created.startswith("20190107223526")
    assert read.window == (0.0, 4096.0)
    (mark,) = read.marks
    assert read.refused == ()
    assert (mark.shape, mark.encoding, mark.tool) == (Shape.ELLIPSE, Encoding.GSPS_ELLIPSE, "ellipse")
    drawn = at(1714.36816, 991.422424, 2506.85938, 991.422424, 2110.61377, 616.202209, 2110.61377, 1366.64258)
    assert same_points(mark.points, drawn)
    assert mark.texts == (Measurement(12.68, Unit.CM), Measurement(12.01, Unit.CM)), "the area is no length"
    bookmarks, refused = bookmarks_of(read, image, 2688, 2688, 0.16)
    assert refused == ()
    (bookmark,) = bookmarks
    assert bookmark.kind is Kind.ELLIPSE
    assert bookmark.length_mm == pytest.approx(792.49122 * 0.16, abs=1e-3)
    assert bookmark.text_mm == pytest.approx(126.8)
    assert Doubt.TEXT_MISMATCH not in bookmark.doubts


# ------------------------------------------------------------------------------------------- reports: Cornerstone's one

CORNERSTONE = "1.3.6.1.4.1.25403.52237031786.3872.20100510032220."
CST_FIRST = ImageReference(CORNERSTONE + "2", CORNERSTONE + "11", CT)
CST_SECOND = ImageReference(CORNERSTONE + "2", CORNERSTONE + "12", CT)
CST_SPACING = 39.3664929116140 / math.hypot(272.5 - 237.5, 372.0 - 392.0)
"""structured_report.dcm: a Length over its own pixels gives 0.9766 mm."""


@pytest.fixture
def cornerstone(real: Path) -> AnnotationObject:
    return read_object(real / REPORTS / "dcmjs" / "structured_report.dcm")


def test_cornerstone_object(cornerstone: AnnotationObject) -> None:
    assert cornerstone.modality == "SR"
    assert cornerstone.items == 6
    assert cornerstone.refused == ()
    assert cornerstone.spatial == ()
    assert set(cornerstone.references) == {CST_FIRST, CST_SECOND}
    assert cornerstone.created.startswith("20200617122554")
    assert all(mark.encoding is Encoding.SR_TID1500 for mark in cornerstone.marks)
    assert {mark.finding for mark in cornerstone.marks} == {None}, "ExampleText was typed, under a private scheme"
    trackings = [mark.tracking for mark in cornerstone.marks]
    assert all(tracking.startswith("2.25.") for tracking in trackings)
    assert len(trackings) == 7
    assert len(set(trackings)) == 6, "six groups, one of them with two axes"


def test_cornerstone_first_image(cornerstone: AnnotationObject) -> None:
    bookmarks, refused = bookmarks_of(cornerstone, CST_FIRST, 512, 512, CST_SPACING)
    assert refused == ()
    assert [bookmark.kind for bookmark in bookmarks] == [Kind.ARROW, Kind.ELLIPSE, Kind.RECIST, Kind.LINE]
    arrow, ellipse, recist, line = bookmarks
    assert same_points(arrow.points, at(169.5, 360.0)), "the old ArrowAnnotate keeps the tip alone"
    assert same_points(ellipse.points, at(295.5, 319.5, 388.5, 319.5, 342.0, 285.0, 342.0, 354.0))
    assert ellipse.length_mm == pytest.approx(93 * CST_SPACING)
    assert ellipse.text_mm is None, "4806 square millimetres are no length"
    assert same_points(recist.points, at(71.5, 329.0, 139.5, 397.0, 88.5, 380.0, 122.5, 346.0))
    assert recist.length_mm == pytest.approx(93.9, abs=0.05)
    assert recist.short_mm == pytest.approx(47.0, abs=0.05)
    assert recist.text_mm == pytest.approx(93.9)
    assert recist.doubts == ()
    assert recist.tracking == "2.25.727123647032892115231673449406461991117"
    assert same_points(line.points, at(237.5, 392.0, 272.5, 372.0))
    assert line.text_mm == pytest.approx(39.3664929116140)
    assert line.doubts == ()
    assert line.tracking == "2.25.651422900859568186090466701257238916287"


def test_cornerstone_axes_are_told_apart(cornerstone: AnnotationObject) -> None:
    axes = {mark.axis: mark for mark in cornerstone.marks if mark.axis is not None}
    assert set(axes) == {Axis.LONG, Axis.SHORT}
    assert axes[Axis.LONG].group == axes[Axis.SHORT].group == 2
    assert axes[Axis.LONG].texts == (Measurement(93.9, Unit.MM),)
    assert axes[Axis.SHORT].texts == (Measurement(47.0, Unit.MM),)


def test_cornerstone_second_image(cornerstone: AnnotationObject) -> None:
    bookmarks, refused = bookmarks_of(cornerstone, CST_SECOND, 512, 512, CST_SPACING)
    assert refused == ()
    line, ellipse = bookmarks
    assert (line.kind, ellipse.kind) == (Kind.LINE, Kind.ELLIPSE)
    assert same_points(line.points, at(167.5, 288.0, 262.5, 387.0))
    assert line.length_mm == pytest.approx(133.992062006165, abs=1e-3)
    assert line.text_mm == pytest.approx(133.992062006165)
    assert same_points(ellipse.points, at(263.5, 286.0, 342.5, 286.0, 303.0, 253.0, 303.0, 319.0))


# --------------------------------------------------------------------------------------------------------- reports: dwv

DWV = "1.2.826.0.1.3680043.9.7278.1."
DWV_IMAGE = ImageReference(f"{DWV}83101114105101115.20240516075655.2", f"{DWV}83798073110115.20240516075655.3.6", MR)


def dwv(real: Path, name: str) -> AnnotationObject:
    """One of dwv's reports on its 24 × 24 image of 1 mm: three groups, the last with a moved label."""
    read = read_object(real / REPORTS / "dwv" / name)
    assert read.items == 3
    assert read.references == (DWV_IMAGE,)
    assert (read.refused, read.spatial) == ((), ()), "a label's Reference Points are no mark"
    assert [mark.group for mark in read.marks] == [0, 1, 2]
    assert all(mark.image == DWV_IMAGE for mark in read.marks)
    assert all(mark.tracking.startswith(f"{DWV}841149799107105110.202504071") for mark in read.marks)
    return read


def test_dwv_arrows(real: Path) -> None:
    """tid1500-0-sr-arrow.dcm: Image Region is the point that the arrow shows (a square's centre, where dwv's source
    draws the head), Reference Points its other end."""
    read = dwv(real, "tid1500-0-sr-arrow.dcm")
    bookmarks, refused = bookmarks_of(read, DWV_IMAGE, 24, 24, 1.0)
    assert refused == ()
    assert [bookmark.kind for bookmark in bookmarks] == [Kind.ARROW] * 3
    expected = (
        at(6.189873218536377, 6.075949192047119, 6.265822887420654, 13.063291549682617),
        at(12.341772079467773, 6.075949192047119, 12.265822410583496, 15.569620132446289),
        at(18.18987274169922, 6.0, 18.037975311279297, 18.151899337768555),
    )
    for bookmark, points in zip(bookmarks, expected, strict=True):
        assert same_points(bookmark.points, points)


def test_dwv_circles(real: Path) -> None:
    """tid1500-0-sr-circle.dcm: circles of radius 2."""
    read = dwv(real, "tid1500-0-sr-circle.dcm")
    assert [mark.shape for mark in read.marks] == [Shape.CIRCLE] * 3
    bookmarks, refused = bookmarks_of(read, DWV_IMAGE, 24, 24, 1.0)
    assert refused == ()
    centres = [
        (6.037974834442139, 6.075949192047119),
        (18.037975311279297, 5.8481011390686035),
        (17.962024688720703, 17.772151947021484),
    ]
    for bookmark, (x, y) in zip(bookmarks, centres, strict=True):
        assert bookmark.kind is Kind.ELLIPSE
        assert same_points(bookmark.points, at(x - 2, y, x + 2, y, x, y - 2, x, y + 2))
        assert bookmark.length_mm == pytest.approx(4.0, abs=1e-6)
        assert Doubt.TEXT_MISMATCH not in bookmark.doubts, "the radius is 2 mm, and the area no length"


def test_dwv_protractors(real: Path) -> None:
    """tid1500-0-sr-protractor.dcm: three angles."""
    read = dwv(real, "tid1500-0-sr-protractor.dcm")
    bookmarks, refused = bookmarks_of(read, DWV_IMAGE, 24, 24, 1.0)
    assert bookmarks == ()
    assert [refusal.reason for refusal in refused] == [Reason.ANGLE_TOOL] * 3


def test_dwv_rulers(real: Path) -> None:
    """tid1500-0-sr-ruler.dcm: three lines of 4.03 mm."""
    read = dwv(real, "tid1500-0-sr-ruler.dcm")
    bookmarks, refused = bookmarks_of(read, DWV_IMAGE, 24, 24, 1.0)
    assert refused == ()
    expected = (
        at(3.9113924503326416, 5.8481011390686035, 7.936708927154541, 5.8481011390686035),
        at(15.98734188079834, 5.8481011390686035, 20.012659072875977, 5.8481011390686035),
        at(15.98734188079834, 18.0, 20.012659072875977, 18.0),
    )
    for bookmark, points in zip(bookmarks, expected, strict=True):
        assert bookmark.kind is Kind.LINE
        assert same_points(bookmark.points, points)
        assert bookmark.length_mm == pytest.approx(4.025316455696, abs=1e-5)
        assert bookmark.text_mm == pytest.approx(4.025316455696)
        assert bookmark.doubts == ()


def test_dwv_image_is_no_annotation_object(real: Path) -> None:
    with pytest.raises(ObjectError) as caught:
        read_object(real / REPORTS / "dwv" / "squares.dcm")
    assert caught.value.reason is Reason.UNSUPPORTED_OBJECT


# --------------------------------------------------------------------------------------------------- reports: highdicom

HIGHDICOM_IMAGE = ImageReference(
    "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322", "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322", CT
)
FRAME = "1.3.6.1.4.1.5962.1.4.1.1.20040119072730.12322"
HIGHDICOM_SPACING = 0.661468
"""ct_image.dcm, 128 × 128."""


def test_highdicom_planar_region(real: Path) -> None:
    """sr_document.dcm: one TID 1410 group, a circle of 11 pixels with an area; SRT codes of 2019."""
    read = read_object(real / REPORTS / "highdicom" / "sr_document.dcm")
    assert (read.items, read.refused, read.spatial) == (1, (), ())
    assert read.references == (HIGHDICOM_IMAGE,)
    (mark,) = read.marks
    assert mark.shape is Shape.CIRCLE
    assert same_points(mark.points, at(58.0, 52.0, 58.0, 41.0))
    assert mark.tracking == "1.2.826.0.1.3680043.8.498.95005499519195632686309166061552196996"
    assert mark.finding in (Code("SRT", "T-A7010"), Code("SCT", "2748008")), "spinal cord"
    assert mark.site is not None, "cervico-thoracic spine"
    assert mark.texts == ()
    bookmarks, refused = bookmarks_of(read, HIGHDICOM_IMAGE, 128, 128, HIGHDICOM_SPACING)
    assert refused == ()
    (bookmark,) = bookmarks
    assert bookmark.kind is Kind.ELLIPSE
    assert same_points(bookmark.points, at(47.0, 52.0, 69.0, 52.0, 58.0, 41.0, 58.0, 63.0))
    assert bookmark.length_mm == pytest.approx(22 * HIGHDICOM_SPACING)
    assert (bookmark.finding, bookmark.site) == (mark.finding, mark.site)


def test_highdicom_groups(real: Path) -> None:
    """sr_document_with_multiple_groups.dcm: a mean of the whole image, a circle, an open path, a point in space."""
    read = read_object(real / REPORTS / "highdicom" / "sr_document_with_multiple_groups.dcm")
    assert read.items == 4
    assert read.references == (HIGHDICOM_IMAGE,)
    by_shape = {mark.shape: mark for mark in read.marks}
    assert set(by_shape) == {Shape.CIRCLE, Shape.POLYLINE}
    circle, path = by_shape[Shape.CIRCLE], by_shape[Shape.POLYLINE]
    assert same_points(circle.points, at(45.0, 55.0, 45.0, 65.0))
    assert circle.finding == Code("SCT", "27925004"), "nodule"
    assert circle.site == Code("SCT", "39607008"), "lung"
    assert circle.texts == (Measurement(10.0, Unit.MM),)
    assert circle.tracking.endswith(".11998155355995483197548907108234588")
    assert same_points(path.points, at(25.0, 45.0, 45.0, 45.0, 45.0, 65.0, 25.0, 65.0)), "its end is not its start"
    assert path.finding == Code("SCT", "15825003"), "aorta"
    bookmarks, refused = bookmarks_of(read, HIGHDICOM_IMAGE, 128, 128, HIGHDICOM_SPACING)
    assert [bookmark.kind for bookmark in bookmarks] == [Kind.ELLIPSE]
    assert bookmarks[0].length_mm == pytest.approx(20 * HIGHDICOM_SPACING)
    assert bookmarks[0].doubts == (Doubt.TEXT_MISMATCH,), "20 pixels are 13.2 mm, and it says 10"
    assert [refusal.reason for refusal in refused] == [Reason.OPEN_POLYLINE]
    # the vertebra: a POINT in space under Volume Surface, of no arrow tool
    reasons = [refusal.reason for refusal in read.refused]
    assert Reason.SINGLE_POINT in reasons
    assert set(reasons) <= {Reason.SINGLE_POINT, Reason.NO_COORDINATES}, "the mean names no place on its image"


def test_point_in_space_would_lie_on_no_slice_either(real: Path) -> None:
    """(123.5, 234.1, -23.7) against the one image that the report names, at z = -75.7 mm by its own header."""
    read = read_object(real / REPORTS / "highdicom" / "sr_document_with_multiple_groups.dcm")
    plane = ImagePlane(
        HIGHDICOM_IMAGE,
        FRAME,
        (-158.135803, -179.035797, -75.699997),
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        (HIGHDICOM_SPACING, HIGHDICOM_SPACING),
        128,
        128,
        None,
    )
    for spatial in read.spatial:
        assert isinstance(placed := place(spatial, [plane]), Mark | MarkRefusal)
        assert isinstance(placed, MarkRefusal)
        assert placed.reason is Reason.OFF_SLICE


# --------------------------------------------------------------------------------------------- reports without a lesion


def test_fuji_text(real: Path) -> None:
    """00001.dcm: a Basic Text report: prose, no measurement, no image."""
    read = read_object(real / REPORTS / "fuji" / "00001.dcm")
    assert (read.modality, read.items) == ("SR", 0)
    assert (read.marks, read.spatial, read.refused, read.references) == ((), (), (), ())
    assert read.created.startswith("20200705182823")


def test_dcmtk_nonsense(real: Path) -> None:
    """test-SR.dcm: two diameters that name no place, and a circle that names no image, on frames 5 and 2 of no image.

    Its codes are all of one private scheme: ``Diameter`` tells that a length is meant, ``SCoord Code`` tells nothing.
    """
    read = read_object(real / REPORTS / "dcmtk" / "test-SR.dcm")
    assert (read.marks, read.spatial) == ((), ())
    reasons = sorted(refusal.reason for refusal in read.refused)
    assert reasons == sorted([Reason.NO_COORDINATES, Reason.NO_COORDINATES, Reason.IMAGE_AMBIGUOUS])
    assert [refusal.order for refusal in read.refused] == [0, 1, 2]
