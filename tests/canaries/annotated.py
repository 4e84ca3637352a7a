"""Annotation objects that are read, full of canaries: presentation states, reports, key objects, private models."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import KeyObjectSelectionDocumentStorage

from tests.annotations import Arrow, Note, Pair, presentation_state
from tests.annotations.elements import text
from tests.annotations.private import nested_state, weasis_model_state
from tests.annotations.reports import report
from tests.canaries.canary import Aviary
from tests.canaries.people import Person
from tests.hospital import other_object, ruler_pair

PAIR = Pair(((38.25, 48.5), (58.0, 50.125)), ((47.0, 42.0), (46.5, 55.25)))


def state(person: Person, image: Dataset, aviary: Aviary, kind: str = "PR") -> Dataset:
    """A RECIST pair with everything about it that a person types: labels, layers, creator, texts beside it."""
    target = ruler_pair(image)
    person.sign(target, kind, aviary)
    place = f"{person.label} {kind}"
    target.ContentLabel = aviary.word(f"{place}.ContentLabel")
    target.ContentDescription = aviary.word(f"{place}.ContentDescription")
    target.ContentCreatorName = aviary.name(f"{place}.ContentCreatorName")
    target.PresentationCreationDate = aviary.day(f"{place}.PresentationCreationDate")
    target.PresentationCreationTime = aviary.time(f"{place}.PresentationCreationTime")
    layer = target.GraphicLayerSequence[0]
    layer.GraphicLayer = aviary.word(f"{place}.GraphicLayerSequence[0].GraphicLayer")
    layer.GraphicLayerDescription = aviary.word(f"{place}.GraphicLayerSequence[0].GraphicLayerDescription")
    drawn = target.GraphicAnnotationSequence[0]
    drawn.GraphicLayer = layer.GraphicLayer
    drawn.TextObjectSequence = Items(_texts(f"{place}.GraphicAnnotationSequence[0].TextObjectSequence", aviary))
    drawn.GraphicObjectSequence[0].TrackingID = aviary.word(f"{place}…GraphicObjectSequence[0].TrackingID")
    drawn.GraphicObjectSequence[0].TrackingUID = aviary.uid(f"{place}…GraphicObjectSequence[0].TrackingUID")
    return target


def _texts(place: str, aviary: Aviary) -> list[Dataset]:
    said = (
        f"{aviary.name(f'{place}[0]')} 20.0 mm",
        f"Dr {aviary.word(f'{place}[1]')}, {aviary.day(f'{place}[1]')}: 20.0 x 10.0 mm",
        f"{aviary.record_number(f'{place}[2]')} {aviary.number(f'{place}[2]')} mm",
        f'=HYPERLINK("http://{aviary.word(f"{place}[3]")}.example")',
    )
    texts = [text(words, anchor=(48.0, 48.0 + number), box_at=(52.0, 50.0)) for number, words in enumerate(said)]
    return [*texts, text(aviary.word(f"{place}[4]"), anchor=(10.0, 10.0))]


def structured(person: Person, images: Sequence[Dataset], style: str, aviary: Aviary) -> Dataset:
    """A report in a producer's style whose every code meaning, text and name is a canary."""
    kind = f"SR {style}"
    target = _plain(report([images[0]], {images[0].SOPInstanceUID: [PAIR]}, style))
    person.sign(target, kind, aviary)
    _retype(target, f"{person.label} {kind}", aviary)
    return target


def _plain(target: Dataset) -> Dataset:
    """As read from a file: some writers' items refuse what the standard would."""
    file = BytesIO()
    target.save_as(file, enforce_file_format=True)
    return dcmread(BytesIO(file.getvalue()))


_RETYPED = {"CodeMeaning", "TextValue", "TrackingID", "SeriesDescription", "DeviceSerialNumber", "InstitutionName"}
_RENAMED = {"PersonName", "VerifyingObserverName", "ContentCreatorName"}
_DATED = {"DateTime", "VerificationDateTime", "ContentDate", "ObservationDateTime"}


def _retype(target: Dataset, place: str, aviary: Aviary) -> None:
    """Replace what people and devices write; what the values stand for is left as it is."""
    names: list[Dataset] = []
    for number, entry in enumerate(list(target.ContentSequence if "ContentSequence" in target else ())):
        _retype(entry, f"{place}.ContentSequence[{number}]", aviary)
    for element in list(target):
        where = f"{place}.{element.keyword}"
        if element.VR == "SQ" and element.keyword != "ContentSequence":
            for number, entry in enumerate(element.value):
                _retype(entry, f"{where}[{number}]", aviary)
        elif element.keyword in _RETYPED:
            element.value = aviary.word(where)
        elif element.keyword in _RENAMED:
            element.value = aviary.name(where)
        elif element.keyword in _DATED:
            element.value = aviary.day(where)
    for kind in ("TEXT", "PNAME", "UIDREF", "DATE", "CODE"):
        if target.get("ValueType") == "CONTAINER":
            names.append(_content(kind, f"{place}.ContentSequence {kind}", aviary))
    if names:
        target.ContentSequence = Items([*(target.get("ContentSequence") or ()), *names])


def _content(kind: str, place: str, aviary: Aviary) -> Dataset:
    """One content item: the observer's name and device, a comment, a day, a code that somebody made up."""
    target = Dataset()
    target.RelationshipType, target.ValueType = "CONTAINS", kind
    name = Dataset()
    name.CodeValue, name.CodingSchemeDesignator = aviary.word(f"{place} CodeValue"), "99LOCAL"
    name.CodeMeaning = aviary.word(f"{place} CodeMeaning")
    target.ConceptNameCodeSequence = [name]
    if kind == "TEXT":
        target.TextValue = f"{aviary.name(place)} 12.5 mm {aviary.record_number(place)}"
    elif kind == "PNAME":
        target.PersonName = aviary.name(place)
    elif kind == "UIDREF":
        target.UID = aviary.uid(place)
    elif kind == "DATE":
        target.Date = aviary.day(place)
    else:
        value = Dataset()
        value.CodeValue, value.CodingSchemeDesignator = aviary.word(f"{place} value"), "99LOCAL"
        value.CodeMeaning = aviary.word(f"{place} value meaning")
        target.ConceptCodeSequence = [value]
    return target


def key_object(person: Person, image: Dataset, aviary: Aviary) -> Dataset:
    """A selection of key images with a comment."""
    target = person.sign(other_object(image, KeyObjectSelectionDocumentStorage, "KO"), "KO", aviary)
    place = f"{person.label} KO"
    target.ContentSequence = Items([_content("TEXT", place, aviary), _content("PNAME", f"{place} observer", aviary)])
    return target


def private_states(person: Person, images: Sequence[Dataset], aviary: Aviary) -> list[Dataset]:
    """What two viewers hide in private elements: a nested presentation state, and a model in compressed XML."""
    words = [Arrow((30.0, 30.0), (40.0, 42.0), aviary.word(f"{person.label} private arrow text"))]
    notes = [Note((50.0, 60.0), aviary.name(f"{person.label} private note"))]
    nested = nested_state([images[4]], {images[4].SOPInstanceUID: [PAIR, *words, *notes]}, "weasis")
    drawn = {images[5].SOPInstanceUID: [PAIR, *words, *notes]}
    model = weasis_model_state([images[5]], drawn, bidirectional=True)
    return [person.sign(nested, "PR nested", aviary), person.sign(model, "PR model", aviary)]


def odd_states(person: Person, images: Sequence[Dataset], aviary: Aviary) -> list[Dataset]:
    """One object in each of several producers' styles, every text of which names somebody."""
    found = []
    for number, style in enumerate(("weasis", "clearcanvas", "display", "agfa")):
        image = images[3 + number]
        arrow = Arrow((30.0, 30.0), (40.0, 42.0), aviary.word(f"{person.label} {style} arrow text"))
        note = Note((50.0, 60.0), f"{aviary.name(f'{person.label} {style} note')} 12.5 mm")
        made = presentation_state([image], {image.SOPInstanceUID: [PAIR, arrow, note]}, style)
        found.append(person.sign(made, f"PR {style}", aviary))
    return found
