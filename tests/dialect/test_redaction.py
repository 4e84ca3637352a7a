"""Canaries: planted in all that may hold a text, an identifier or a date, and found in nothing that is redacted."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID_dictionary

from miner.bookmarks.skeleton import SHAPED, WORDS
from tests.annotations import (
    STYLES,
    Angle,
    Arrow,
    Circle,
    Curve,
    Ellipse,
    Line,
    Note,
    Outline,
    Pair,
    ct_image,
    presentation_state,
)
from tests.annotations.private import nested_state, weasis_model_state
from tests.annotations.reports import REPORT_STYLES, report, writable
from tests.annotations.truth import Drawing
from tests.dialect.conftest import Run, with_pixels

WORD = "Canary"
TEXT = f"{WORD}^Birdsong 77314"
PARTS = ("canary", "birdsong", "77314", "19370713", "071355", "13.07.1937")
DATE, TIME, UID_ROOT = "19370713", "071355.777", "1.2.826.77314"
"""What no redacted output may hold, in any case of letters."""

VALUES = {
    "AE": f"{WORD}77314",
    "AS": "077Y",
    "CS": f"{WORD.upper()} 77314",
    "DA": DATE,
    "DT": DATE + TIME,
    "LO": TEXT,
    "LT": TEXT + " 13.07.1937",
    "PN": TEXT,
    "SH": f"{WORD} 77314",
    "ST": TEXT,
    "TM": TIME,
    "UC": TEXT,
    "UR": f"http://{WORD}.77314",
    "UT": TEXT,
    "OB": TEXT.encode(),
    "UN": TEXT.encode(),
}
KEPT = {*WORDS, *SHAPED, "Modality", "GraphicType", "CompoundGraphicType"}
"""Code strings of closed lists: software writes them, and the reader needs them."""

EVERYWHERE = ("state-weasis", "report-ohif", "nested")
"""Objects with a canary in every element of the dictionary, listed in tables too: for all it takes minutes."""

MEASURED = {"UnformattedTextValue"}
DRAWN: list[Drawing] = [
    Pair(((100.0, 100.0), (140.0, 120.0)), ((115.0, 120.0), (124.0, 99.0)), labelled=True),
    Line(((200.0, 200.0), (240.0, 210.0)), labelled=True),
    Arrow((300.0, 300.0), (340.0, 340.0)),
    Ellipse(((50.0, 300.0), (90.0, 300.0)), ((70.0, 290.0), (70.0, 310.0))),
    Circle((60.0, 60.0), 10.0),
    Outline(((400.0, 400.0), (420.0, 400.0), (420.0, 430.0))),
    Curve(((400.0, 100.0), (430.0, 110.0), (420.0, 140.0), (395.0, 130.0))),
    Angle((300.0, 100.0), (320.0, 120.0), (350.0, 100.0)),
    Note((10.0, 10.0)),
]


def items_of(dataset: Dataset) -> Iterator[Dataset]:
    """A data set and all items below it."""
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from items_of(item)


def plant(dataset: FileDataset, *, everywhere: bool = True) -> FileDataset:
    """Canaries in all elements that may say who, when or where; ``everywhere``: also in those that the object lacks."""
    uids: dict[str, str] = {}
    for holder in list(items_of(dataset)):
        for element in list(holder):
            if element.VR == "UI":
                holder[element.tag].value = _uids(element, uids)
            elif element.VR in VALUES and element.keyword not in KEPT and not element.tag.is_private:
                _sing(holder, element)
        holder.add(DataElement(0x00091001, "LO", TEXT))
        holder.add(DataElement(0x00090010, "LO", TEXT))
        holder.add(DataElement(0x00091002, "UN", TEXT.encode()))
        holder.add(DataElement(0x00091003, "SQ", Items([_item()])))
    for tag, (vr, multiplicity, *_, keyword) in DicomDictionary.items():
        new = everywhere and keyword and tag not in dataset and tag >> 16 not in (0x0000, 0x0002, 0x0004, 0xFFFE)
        if new and keyword not in KEPT and vr in VALUES and "Sequence" not in keyword:
            values = VALUES[vr]
            dataset.add(DataElement(tag, vr, [values, values] if multiplicity == "2" else values))
        elif new and vr == "UI":
            dataset.add(DataElement(tag, "UI", f"{UID_ROOT}.1"))
    dataset.preamble = TEXT.encode().ljust(128, b"\0")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.ImplementationVersionName = f"{WORD}_77314"
    dataset.file_meta.SourceApplicationEntityTitle = f"{WORD}77314"
    return dataset


def _uids(element: DataElement, known: dict[str, str]) -> str | list[str]:
    values = element.value if element.VM > 1 else [element.value]
    planted = [
        uid if uid in UID_dictionary else known.setdefault(str(uid), f"{UID_ROOT}.{len(known) + 2}")
        for uid in map(str, values)
    ]
    return planted if element.VM > 1 else planted[0]


def _sing(holder: Dataset, element: DataElement) -> None:
    """A canary beside what the reader needs: a measurement, the tool that a layer names, the code that says what is."""
    if element.keyword in ("CodeValue", "CodingSchemeDesignator"):
        return
    if element.keyword in MEASURED and not isinstance(element.value, bytes):
        element.value = f"{element.value} {TEXT}"
    elif element.keyword in ("GraphicLayer", "TextValue"):
        element.value = f"{WORD} {element.value} 77314"[: 16 if element.keyword == "GraphicLayer" else 200]
    else:
        holder[element.tag].value = VALUES[element.VR]


def _item() -> Dataset:
    item = Dataset()
    item.PatientName, item.TextValue, item.UnformattedTextValue = TEXT, TEXT, f"{TEXT}: 12.5 mm"
    item.GraphicLayerDescription, item.CodeMeaning, item.CodeValue = TEXT, TEXT, f"{WORD}77314"
    item.CodingSchemeDesignator, item.SOPInstanceUID, item.UID = "SCT", f"{UID_ROOT}.3", f"{UID_ROOT}.4"
    item.GraphicLayer, item.PersonName = f"{WORD} 77314", TEXT
    return item


def objects() -> dict[str, Callable[[Dataset], FileDataset]]:
    """Name → an object on an image, of every kind that can be written."""
    found: dict[str, Callable[[Dataset], FileDataset]] = {}
    for style in sorted(STYLES):
        found[f"state-{style}"] = lambda image, style=style: presentation_state(
            [image], {image.SOPInstanceUID: DRAWN}, style
        )
    for style in REPORT_STYLES:
        kept = [one for one in DRAWN if writable(one, style)]
        found[f"report-{style}"] = lambda image, style=style, kept=kept: report(
            [image], {image.SOPInstanceUID: kept}, style
        )
    found["nested"] = lambda image: nested_state([image], {image.SOPInstanceUID: DRAWN}, "sectra")
    found["weasis-model"] = lambda image: weasis_model_state([image], {image.SOPInstanceUID: DRAWN})
    return found


def folder_of(tmp_path: Path, made: FileDataset, image: FileDataset) -> Path:
    """A folder whose own name is a canary, with the object and its image."""
    folder = tmp_path / f"{WORD} 77314"
    folder.mkdir()
    made.save_as(folder / f"{WORD} {DATE}.dcm")
    image.save_as(folder / f"{WORD} 77314.dcm")
    return folder


def assert_silent(*outputs: str | bytes) -> None:
    for output in outputs:
        words = output.decode("latin-1") if isinstance(output, bytes) else output
        for part in (*PARTS, UID_ROOT):
            assert part not in words.lower(), f"{part} in {words[max(0, words.lower().find(part) - 200) :][:400]}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", objects())
def test_no_canary_is_heard(run: Run, tmp_path: Path, name: str) -> None:
    image = with_pixels(ct_image())
    planted = plant(objects()[name](image), everywhere=name in EVERYWHERE)
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = _image_uid(planted)
    image.PatientName = image.PatientID = TEXT
    folder = folder_of(tmp_path, planted, image)
    picture = tmp_path / "out.png"
    plain = run("--json", "bookmarks", "--redacted", folder, "--draw", picture)
    assert plain.status == 0, plain.err
    assert_silent(plain.out, plain.err)
    if name in EVERYWHERE:
        table = run("-v", "bookmarks", "--redacted", folder)
        assert_silent(table.out, table.err)
    entry = json.loads(plain.out)["objects"][0]
    assert entry["reason"] == "", "the object is read with its canaries"
    assert entry["marks"], "something is said"
    assert len(entry["skeleton"]["elements"]) > (2_000 if name in EVERYWHERE else 30), "the canaries were looked at"
    if picture.exists():
        data = picture.read_bytes()
        assert_silent(data)
        assert Image.open(io.BytesIO(data)).info == {}, "no text beside the pixels"


def _image_uid(planted: FileDataset) -> str:
    for holder in items_of(planted):
        if holder.get("ReferencedSOPClassUID") == ct_image().SOPClassUID:
            return str(holder.ReferencedSOPInstanceUID)
    return f"{UID_ROOT}.999"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["state-weasis", "report-ohif", "nested"])
def test_an_object_that_cannot_be_read_is_silent_too(run: Run, tmp_path: Path, name: str) -> None:
    image = with_pixels(ct_image())
    planted = plant(objects()[name](image))
    planted.SOPClassUID = planted.file_meta.MediaStorageSOPClassUID = f"{UID_ROOT}.7"
    folder = folder_of(tmp_path, planted, image)
    data = (folder / f"{WORD} {DATE}.dcm").read_bytes()
    (folder / f"half {WORD}.dcm").write_bytes(data[: len(data) // 2])
    for words in (("--json",), ()):
        done = run(*words, "bookmarks", "--redacted", folder)
        assert done.status == 4
        assert_silent(done.out, done.err)
        assert "SpecificCharacterSet" in done.out


def test_the_site_itself_sees_uids_but_no_patient(run: Run, tmp_path: Path) -> None:
    image = with_pixels(ct_image())
    made = presentation_state([image], {image.SOPInstanceUID: DRAWN}, "clearcanvas")
    made.PatientName = made.PatientID = "Sparrow^Nightingale"
    made.PatientBirthDate, made.AccessionNumber, made.ContentCreatorName = "19380811", "Sparrow", "Sparrow"
    made.ReferringPhysicianName = made.StudyDescription = made.ContentDescription = "Sparrow"
    made.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue = "Sparrow 12.5 mm"
    made.Manufacturer = "Acme\x1b[31m Viewers"
    image.PatientName = image.PatientID = "Sparrow^Nightingale"
    image.save_as(tmp_path / "image.dcm")
    made.save_as(tmp_path / "state.dcm")
    for words in (("--json",), ()):
        done = run(*words, "bookmarks", tmp_path)
        assert done.status == 0
        for secret in ("Sparrow", "Nightingale", "19380811"):
            assert secret not in done.out + done.err
        assert image.SOPInstanceUID in done.out.replace("\n", "")
        assert "Viewers" in done.out
        assert "\x1b" not in done.out, "nor what a terminal would obey"
        assert "\\u001b" not in done.out


def test_redacted_pictures_hold_no_pixels(run: Run, tmp_path: Path) -> None:
    """Whatever the image shows, the redacted picture is the same; the plain one is not."""
    pictures: dict[str, list[bytes]] = {"redacted": [], "plain": []}
    for number, inside in enumerate((1500, 4000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        image = with_pixels(ct_image(), inside=inside)
        image.save_as(folder / "image.dcm")
        made = presentation_state([image], {image.SOPInstanceUID: DRAWN}, "sectra", window=(0.0, 8000.0))
        made.save_as(folder / "state.dcm")
        for kind, words in (("redacted", ("--redacted",)), ("plain", ())):
            picture = folder / f"{kind}.png"
            assert run("bookmarks", folder / "state.dcm", folder / "image.dcm", "--draw", picture, *words).status == 0
            pictures[kind].append(picture.read_bytes())
    assert pictures["redacted"][0] == pictures["redacted"][1]
    assert pictures["plain"][0] != pictures["plain"][1]


def test_burned_in_pictures_are_never_drawn(run: Run, tmp_path: Path) -> None:
    image = with_pixels(ct_image(), inside=4000)
    image.BurnedInAnnotation = "YES"
    image.save_as(tmp_path / "image.dcm")
    presentation_state([image], {image.SOPInstanceUID: DRAWN}, "sectra").save_as(tmp_path / "state.dcm")
    done = run("bookmarks", tmp_path, "--draw", tmp_path / "out.png")
    assert done.status == 0
    assert "image 1 is not shown (burned-in)" in done.out
    drawn = np.asarray(Image.open(tmp_path / "out.png").convert("L"))
    assert np.median(drawn) < 32
