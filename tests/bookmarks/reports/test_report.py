"""Whole reports, through files: real ones, those of producers' own kinds, and hostile ones."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import BasicTextSRStorage, ChestCADSRStorage, XRayRadiationDoseSRStorage

from miner.bookmarks import read_object
from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject, ImageReference, Shape
from tests.bookmarks.reports.conftest import IMAGE, SERIES, Content

Read = Callable[[Dataset], AnnotationObject]
CT = "1.2.840.10008.5.1.4.1.1.2"


def test_what_a_report_says_of_itself(sr: Content, read: Read) -> None:
    found = read(sr.report(sr.group(sr.number(sr.LENGTH, 9, "mm", sr.line(0.5, 0.5, 9.5, 0.5))), sr.group()))
    assert (found.sop_uid, found.series_uid, found.study_uid) == ("1.5.6", "1.5.7", "1.5")
    assert (found.modality, found.created, found.items, found.label) == ("SR", "20240102030405000000", 2, "")
    assert found.references == (ImageReference(SERIES, IMAGE, CT),)
    assert found.marks[0].image == found.references[0]


def test_images_that_are_no_evidence_are_references_too(sr: Content, read: Read) -> None:
    found = read(sr.report(sr.line(0, 0, 9, 0, image="1.9"), evidence=(IMAGE,)))
    assert [reference.sop_uid for reference in found.references] == [IMAGE, "1.9"]
    assert found.marks[0].image == ImageReference(SERIES, "1.9", CT), "the only series of the report"


def test_reports_and_states_among_the_evidence_are_no_images(sr: Content, read: Read) -> None:
    report = sr.report(sr.line(0, 0, 9, 0, image=None))
    report.PertinentOtherEvidenceSequence = Items(
        [sr.study(["1.7"], series="1.8", sop_class="1.2.840.10008.5.1.4.1.1.88.33")]
    )
    assert read(report).marks[0].image.sop_uid == IMAGE


def test_a_report_without_measurements(sr: Content, read: Read) -> None:
    found = read(sr.report(sr.text(("LN", "121071", "Findings"), "No abnormality."), sop_class=BasicTextSRStorage))
    assert (found.marks, found.refused, found.spatial, found.items) == ((), (), (), 0)


@pytest.mark.parametrize("sop_class", [ChestCADSRStorage, XRayRadiationDoseSRStorage])
def test_what_no_radiologist_measured_is_not_read(sr: Content, read: Read, sop_class: str) -> None:
    with pytest.raises(ObjectError) as caught:
        read(sr.report(sr.line(0, 0, 9, 0), sop_class=sop_class))
    assert caught.value.reason is Reason.UNSUPPORTED_OBJECT


def test_regions_of_osirix_are_named_as_such(sr: Content, read: Read) -> None:
    region = sr.coordinates("MULTIPOINT", [0, 0, 9, 0])
    with pytest.raises(ObjectError, match="OsiriX") as caught:
        read(sr.report(region, name=("99HUG", "1", "ROI Annotations"), sop_class=BasicTextSRStorage))
    assert caught.value.reason is Reason.UNSUPPORTED_OBJECT


def test_no_word_of_a_person_is_kept(sr: Content, read: Read) -> None:
    typed = [
        *sr.tracked("1.2.3", "Jane Doe:Length"),
        sr.coded(sr.FINDING, ("CST4", "CORNERSTONEFREETEXT", "Jane Doe")),
        sr.coded(("99X", "1", "Jane Doe"), ("99X", "Doe", "Jane Doe")),
        sr.text(("DCM", "121106", "Comment"), "Jane Doe"),
        sr.number(("99X", "Doe", "Jane Doe"), 9, "mm", sr.line(0, 0, 9, 0)),
    ]
    assert "Doe" not in repr(asdict(read(sr.report(sr.group(*typed)))))


# ---------------------------------------------------------------------------------------------------------- real files


def outcomes(path: Path) -> tuple[list[str], list[str], int]:
    found = read_object(path)
    return [mark.shape.value for mark in found.marks], [r.reason.value for r in found.refused], found.items


def test_cornerstone(shared_data: Path) -> None:
    path = shared_data / "structured-reports" / "dcmjs" / "structured_report.dcm"
    assert outcomes(path) == (["arrow", "ellipse", "line", "line", "line", "line", "ellipse"], [], 6)
    arrow, _, long, short, length, other, _ = read_object(path).marks
    assert arrow.points == ((169.0, 359.5),)
    assert [text.value for mark in (long, short, length, other) for text in mark.texts] == [
        93.9,
        47.0,
        39.366492911614,
        133.992062006165,
    ]
    assert len({long.image.sop_uid, other.image.sop_uid}) == 2
    assert long.image.series_uid
    assert (long.group, short.group) == (2, 2)


@pytest.mark.parametrize(
    ("name", "shapes", "refused"),
    [
        ("arrow", ["arrow"] * 3, []),
        ("circle", ["circle"] * 3, []),
        ("protractor", ["polyline"] * 3, []),
        ("ruler", ["line"] * 3, []),
    ],
)
def test_dwv(shared_data: Path, name: str, shapes: list[str], refused: list[str]) -> None:
    """Labels of the third of each have a position of their own, which is no mark."""
    path = shared_data / "structured-reports" / "dwv" / f"tid1500-0-sr-{name}.dcm"
    assert outcomes(path) == (shapes, refused, 3)


def test_dwv_counts_from_the_corner(shared_data: Path) -> None:
    """Its squares of four pixels, from 4.0 to 8.0 in the corner frame, were measured from edge to edge."""
    (first, *_) = read_object(shared_data / "structured-reports" / "dwv" / "tid1500-0-sr-ruler.dcm").marks
    assert [x for x, _ in first.points] == pytest.approx([3.5, 7.5], abs=0.15)


def test_highdicom(shared_data: Path) -> None:
    folder = shared_data / "structured-reports" / "highdicom"
    assert outcomes(folder / "sr_document.dcm") == (["circle"], [], 1)
    path = folder / "sr_document_with_multiple_groups.dcm"
    assert outcomes(path) == (["circle", "polyline"], ["single-point"], 4)
    nodule = read_object(path).marks[0]
    assert (str(nodule.finding), str(nodule.site)) == ("SCT:27925004", "SCT:39607008")
    assert [text.value for text in nodule.texts] == [10.0]


def test_a_report_of_text_alone(shared_data: Path) -> None:
    assert outcomes(shared_data / "structured-reports" / "fuji" / "00001.dcm") == ([], [], 0)


def test_a_demonstration_of_everything(shared_data: Path) -> None:
    """DCMTK's: two diameters without coordinates, a circle that names no image, references of all kinds."""
    path = shared_data / "structured-reports" / "dcmtk" / "test-SR.dcm"
    assert outcomes(path) == ([], ["no-coordinates", "no-coordinates", "image-ambiguous"], 0)


# ------------------------------------------------------------------------------------------------------------- hostile


def everything(sr: Content) -> Dataset:
    """A report with something of each kind."""
    return sr.report(
        sr.container(sr.image("1.1"), sr.image("1.2"), name=("DCM", "111028", "Image Library")),
        sr.group(
            *sr.tracked("1.2.3", "Cornerstone3DTools@^0.1.0:Bidirectional"),
            sr.coded(sr.FINDING, ("SCT", "27925004")),
            sr.number(sr.LONG, 80, "mm", sr.line(10, 50, 90, 50)),
            sr.number(sr.SHORT, 40, "mm", sr.line(40, 30, 40, 70)),
        ),
        sr.group(
            sr.coordinates("CIRCLE", [60, 60, 60, 50], sr.reference(1, 1, 1), image=None), sr.number(sr.AREA, 3, "cm2")
        ),
        sr.group(sr.in_space("POLYGON", [0, 0, 5, 9, 0, 5, 9, 9, 5, 0, 0, 5]), sr.image("1.2")),
        sr.group(sr.number(sr.LENGTH, 12)),
        sr.coordinates("POLYLINE", [1, 1, 9, 1, 9, 9, 1, 1]),
    )


WRONG = ["", "rubbish", "1e400", "NaN", "-1", 2**31, math.nan, math.inf, [], ["a", "b"], None, b"\xff\xfe"]


def wound(report: Dataset, chance: random.Random) -> None:
    """An element lost, emptied, of another VR or value; a sequence doubled, or with an empty item."""
    places = [(report, element) for element in report]
    for _ in range(8):
        deeper = [
            (item, inner) for _, element in places if element.VR == "SQ" for item in element.value for inner in item
        ]
        places = [*places, *deeper] if chance.random() < 0.3 or not deeper else deeper
    item, element = chance.choice(places)
    way = chance.randrange(5)
    if way == 0:
        del item[element.tag]
    elif way == 1:
        item[element.tag] = DataElement(element.tag, chance.choice(["LO", "UN", "SQ", "DS", "FD", "SL"]), None)
    elif element.VR == "SQ" and way == 2:
        element.value.append(chance.choice(list(element.value)) if element.value else Dataset())
    elif element.VR == "SQ":
        element.value = Items([Dataset(), *element.value])
    else:
        vr = chance.choice([element.VR, "LO", "UT", "FL", "IS"])
        item[element.tag] = DataElement(element.tag, vr, chance.choice(WRONG))


@pytest.mark.filterwarnings("ignore")
def test_a_hundred_wounded_reports(sr: Content, tmp_path: Path, read: Read) -> None:
    """Most wounds cost one mark, which is then refused; none is deadly to the others, none raises anything else."""
    chance = random.Random(20250701)
    whole = read(everything(sr))
    outcome: Counter[str] = Counter()
    while outcome.total() < 100:
        report = everything(sr)
        try:
            wound(report, chance)
            report.save_as(tmp_path / "wounded.dcm")
        except Exception:
            continue  # pydicom itself could not write this one
        try:
            found = read(report)
        except ObjectError as error:
            assert error.reason in (Reason.DAMAGED_OBJECT, Reason.UNSUPPORTED_OBJECT)
            outcome["unreadable"] += 1
            continue
        for points in (*(mark.points for mark in found.marks), *(spatial.points for spatial in found.spatial)):
            assert all(math.isfinite(value) for point in points for value in point)
        outcome["whole" if found == whole else "in part"] += 1
    assert outcome["in part"] > 25


def test_the_sound_report_is_read_whole(sr: Content, read: Read) -> None:
    """What the wounded ones are compared with."""
    found = read(everything(sr))
    assert [mark.shape for mark in found.marks] == [Shape.LINE, Shape.LINE, Shape.CIRCLE, Shape.POLYGON]
    assert [spatial.mark.shape for spatial in found.spatial] == [Shape.POLYGON]
    assert [refusal.reason for refusal in found.refused] == [Reason.NO_COORDINATES]
    assert found.marks[2].image.sop_uid == "1.1"


@pytest.mark.filterwarnings("ignore")
def test_coordinates_that_are_no_numbers(sr: Content, read: Read) -> None:
    lines = [sr.line(math.nan, 0, 9, 0), sr.line(0, math.inf, 9, 0), sr.line(0, 0, 9, 0), sr.line(0, 0, 9, 0)]
    lines[2][0x00700022] = DataElement(0x00700022, "LO", ["here", "there"])
    del lines[3].GraphicData
    found = read(sr.report(*lines))
    assert found.marks == ()
    assert [refusal.reason for refusal in found.refused] == [Reason.POINT_NOT_FINITE] * 2 + [
        Reason.MALFORMED_GRAPHIC
    ] * 2


def test_references_in_a_circle(sr: Content, read: Read) -> None:
    first = sr.coordinates("POINT", [1, 1], sr.reference(1, 2), image=None)
    second = sr.coordinates("POINT", [1, 1], sr.reference(1, 1), image=None)
    number = sr.number(sr.LENGTH, 9, "mm", sr.reference(1, 3, relationship="INFERRED FROM"))
    assert len(read(sr.report(first, second, number)).refused) == 3


def test_a_concept_that_is_missing(sr: Content, read: Read) -> None:
    number = sr.number(None, 9, "mm", sr.line(0, 0, 9, 0))
    (mark,) = read(sr.report(sr.group(number))).marks
    assert [text.value for text in mark.texts] == [9.0]


SEQUENCE, ITEM = b"\x40\x00\x30\xa7SQ\0\0", b"\xfe\xff\x00\xe0"
"""Content Sequence and an item, in Explicit VR Little Endian."""


def test_ten_thousand_levels_without_lengths(sr: Content, tmp_path: Path) -> None:
    """pydicom gives up on the whole file."""
    begin, end = b"\xff" * 4, b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
    path = tmp_path / "deep.dcm"
    sr.report().save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes() + (SEQUENCE + begin + ITEM + begin) * 10_000 + end * 10_000)
    with pytest.raises(ObjectError) as caught:
        read_object(path)
    assert caught.value.reason is Reason.OVER_LIMITS


def test_thousands_of_levels_with_lengths(sr: Content, tmp_path: Path) -> None:
    """What lies too deep is refused, the rest is read."""
    nested = b""
    for _ in range(2000):
        inside = ITEM + len(nested).to_bytes(4, "little") + nested
        nested = SEQUENCE + len(inside).to_bytes(4, "little") + inside
    path = tmp_path / "deep.dcm"
    sr.report().save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes() + nested)
    assert {refusal.reason for refusal in read_object(path).refused} == {Reason.MALFORMED_GRAPHIC}
