"""The skeleton of an object: its structure to the last element, and no value that is not in a closed list."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items

from miner.bookmarks.skeleton import MAX_DEPTH, MAX_ELEMENTS, Skeleton, SkeletonElement, skeleton
from miner.bookmarks.text_form import text_form
from miner.errors import ObjectError, Reason
from tests.annotations import Line, ct_image, presentation_state

IMAGE = ct_image()


def a_state() -> FileDataset:
    return presentation_state(
        [IMAGE], {IMAGE.SOPInstanceUID: [Line(((100.0, 100.0), (140.0, 120.0)), labelled=True)]}, "sectra"
    )


def of(state: FileDataset, tmp_path: Path) -> Skeleton:
    path = tmp_path / "object.dcm"
    state.save_as(path)
    return skeleton(path, lambda uid: "named")


def find(built: Skeleton, keyword: str) -> SkeletonElement:
    return next(element for element in built.elements if element.keyword == keyword)


def test_every_element_in_order(tmp_path: Path) -> None:
    state = a_state()
    built = of(state, tmp_path)
    expected = []

    def walk(dataset: Dataset, depth: int, item: int | None) -> None:
        for element in dataset:
            expected.append((depth, item, element.keyword))
            if element.VR == "SQ":
                for number, below in enumerate(element.value, start=1):
                    walk(below, depth + 1, number)

    walk(state, 0, None)
    assert [(element.depth, element.item, element.keyword) for element in built.elements] == expected
    assert built.sop_class == "Grayscale Softcopy Presentation State Storage"
    assert built.transfer_syntax == "Explicit VR Little Endian"
    assert not built.truncated


def test_what_is_shown(tmp_path: Path) -> None:
    built = of(a_state(), tmp_path)
    assert find(built, "GraphicType").shown == "POLYLINE"
    assert find(built, "GraphicData").shown == "100.5 100.5 140.5 120.5"
    assert find(built, "SOPClassUID").shown == "Grayscale Softcopy Presentation State Storage"
    assert find(built, "StudyInstanceUID").shown == "named"
    assert find(built, "UnformattedTextValue").shown.endswith("mm")
    assert find(built, "SpecificCharacterSet").shown == "ISO_IR 192"
    for keyword in ("PatientName", "PatientID", "PresentationCreationDate", "ContentLabel"):
        assert find(built, keyword).shown == ""
    assert find(built, "PatientName").length is None


def test_odd_values(tmp_path: Path) -> None:
    state = a_state()
    state.Modality = "PR 12"
    graphic = state.GraphicAnnotationSequence[0].GraphicObjectSequence[0]
    graphic[0x00700022] = DataElement(0x00700022, "FL", [float("nan"), float("inf"), 1.0, 2.0])
    graphic[0x00700023] = DataElement(0x00700023, "CS", "SMITH 1937")
    graphic[0x00700021] = DataElement(0x00700021, "LO", "seven")
    built = of(state, tmp_path)
    assert find(built, "GraphicData").shown == "not finite not finite 1 2"
    assert find(built, "GraphicType").shown == "aaaaa 0000"
    assert find(built, "NumberOfGraphicPoints").shown == "not a number"
    assert find(built, "Modality").shown == "aa 00"


def test_private_elements(tmp_path: Path) -> None:
    state = a_state()
    state.private_block(0x2001, "Philips Imaging DD 129", create=True).add_new(0x00, "LO", "Smith")
    state.private_block(0x0029, "Dr. Smith 1937", create=True).add_new(0x01, "SQ", Items([Dataset()]))
    built = of(state, tmp_path)
    creators = [element.shown for element in built.elements if element.keyword == "private creator"]
    assert creators == ["aa. aaaaa 0000", "Philips Imaging DD 129"]
    known = next(element for element in built.elements if element.keyword.startswith("Philips Imaging DD 129"))
    assert (known.tag, known.shown) == ("(2001,xx00)", "")
    unknown = next(element for element in built.elements if element.keyword == "private")
    assert (unknown.tag, unknown.vr, unknown.multiplicity) == ("(0029,xx01)", "SQ", 1)


def test_codes_of_public_schemes_alone(tmp_path: Path) -> None:
    state = a_state()
    codes = []
    for value, scheme in (("39607008", "SCT"), ("39607009", "SCT"), ("SMITH", "DCM"), ("125007", "DCM"), ("1", "99ME")):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "Smith"
        codes.append(item)
    state.ConceptNameCodeSequence = Items(codes)
    built = of(state, tmp_path)
    shown = [element.shown for element in built.elements if element.keyword == "CodeValue"]
    assert shown == ["39607008", "", "", "125007", ""]
    schemes = [element.shown for element in built.elements if element.keyword == "CodingSchemeDesignator"]
    assert schemes == ["SCT", "SCT", "DCM", "DCM", "00aa"]
    assert {element.shown for element in built.elements if element.keyword == "CodeMeaning"} == {""}


def test_size_is_bounded(tmp_path: Path) -> None:
    state = a_state()
    item = Dataset()
    item.CodeValue = "1"
    state.ConceptNameCodeSequence = Items([item] * (MAX_ELEMENTS + 10))
    wide = of(state, tmp_path)
    assert wide.truncated
    assert len(wide.elements) == MAX_ELEMENTS
    below = Dataset()
    for _ in range(MAX_DEPTH + 5):
        above = Dataset()
        above.ConceptNameCodeSequence = Items([below])
        below = above
    state.ConceptNameCodeSequence = Items([below])
    deep = of(state, tmp_path)
    assert deep.truncated
    assert max(element.depth for element in deep.elements) <= MAX_DEPTH + 1


def test_damaged_objects(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    a_state().save_as(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ObjectError) as caught:
        skeleton(path, str)
    assert caught.value.reason is Reason.DAMAGED_OBJECT


@given(st.text(max_size=120))
def test_no_letter_and_no_digit_of_a_text_stays(value: str) -> None:
    form = text_form(value)
    plain = form.rsplit(" {", 1)[0] if form.endswith("}") else form
    kept = "mmcmpxpixelsdeghuus" + "lengthdistancelongshortaxisdiameterradiusperimetercircumferencearea"
    kept += "volumeanglemeanminmaxsdstddevwidthheightwhla"
    for character in plain:
        assert not character.isdecimal() or character == "0"
        assert not character.isalpha() or character == "a" or character.lower() in kept


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("Length : 23.45 mm", "Length : 00.00 mm {distance}"),
        ("12,3 mm", "00,0 mm"),
        ("45.6°", "00.0°"),
        ("Müller^Anna 1937", "aaaaaa^aaaa 0000"),
        ("Max Long, ward 7", "aaa aaaa, aaaa 0"),
        ("Max: see the report", "aaa: aaa aaa aaaaaa"),
        ("山田 12 mm", "aa 00 mm"),
        ("a\r\nb\tc\0", "a⏎a a?"),
        ("٣٤ mm", "00 mm"),
    ],
)
def test_forms(value: str, form: str) -> None:
    assert text_form(value) == form


def test_terms_are_a_closed_list() -> None:
    """A word of capitals may be a name, in whatever element it stands."""
    from miner.bookmarks.skeleton import TERMS

    assert {"POLYLINE", "PIXEL", "HAS OBS CONTEXT", "SCALE TO FIT"} <= TERMS
    assert "TUVEPAZEBA" not in TERMS
