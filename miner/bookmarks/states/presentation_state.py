"""Softcopy presentation states (PS3.3 A.33): references, layers, graphic annotations → one annotation object.

Grayscale, colour, pseudo-colour and blending states share the modules that are read here: Presentation State
Relationship (C.11.11), Graphic Annotation (C.10.5), Graphic Layer (C.10.7), Displayed Area (C.10.4), Softcopy VOI LUT
(C.11.8).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import (
    BlendingSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    PseudoColorSoftcopyPresentationStateStorage,
)

from miner.bookmarks.elements import MalformedError, items, numbers, text
from miner.bookmarks.encodings import ObjectEncoding
from miner.bookmarks.references import distinct, is_uid, referenced_images, series_references
from miner.bookmarks.states.compound import read_compound
from miner.bookmarks.states.graphics import Drawn, Unreadable, compound_id, read_graphic
from miner.bookmarks.states.labels import Label, read_label
from miner.bookmarks.states.settling import Entry, PresentationSpacing, settle
from miner.bookmarks.tools import Tool, tool_of_description
from miner.errors import ObjectError, Reason
from miner.records import AnnotationObject, ImageReference, Shape

SOP_CLASSES: tuple[str, ...] = (
    GrayscaleSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
    PseudoColorSoftcopyPresentationStateStorage,
    BlendingSoftcopyPresentationStateStorage,
)

TAGS: tuple[str, ...] = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PresentationCreationDate",
    "PresentationCreationTime",
    "ContentDate",
    "ContentTime",
    "ContentLabel",
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ReferencedSeriesSequence",
    "BlendingSequence",
    "GraphicAnnotationSequence",
    "GraphicLayerSequence",
    "DisplayedAreaSelectionSequence",
    "SoftcopyVOILUTSequence",
)
"""The top-level elements that are read; nested ones by name where they are used."""


def read(dataset: Dataset) -> AnnotationObject:
    """What a presentation state says. Raises ObjectError or MalformedError where it cannot be read as a whole."""
    sop_uid = text(dataset, "SOPInstanceUID")
    if not is_uid(sop_uid):
        raise ObjectError("A presentation state's SOP Instance UID is no UID.", Reason.DAMAGED_OBJECT)
    references = series_references(dataset)
    annotations = items(dataset, "GraphicAnnotationSequence")
    entries = _entries(annotations, references, _layers(dataset))
    marks, refused = settle(entries, _presentation_spacings(dataset))
    return AnnotationObject(
        sop_uid=sop_uid,
        sop_class_uid=text(dataset, "SOPClassUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        created=_created(dataset),
        references=references,
        marks=marks,
        refused=refused,
        window=_window(dataset, marks[0].image if marks else None),
        items=len(annotations),
        label=text(dataset, "ContentLabel"),
    )


# ------------------------------------------------------------------------------------------------- items and layers


def _layers(dataset: Dataset) -> Mapping[str, tuple[int, Tool]]:
    """Layer name → its index and the tool that its description, or else its name, tells."""
    layers: dict[str, tuple[int, Tool]] = {}
    for index, layer in enumerate(items(dataset, "GraphicLayerSequence"), start=1):
        name = text(layer, "GraphicLayer")
        tool = tool_of_description(text(layer, "GraphicLayerDescription"))
        layers.setdefault(name, (index, tool or tool_of_description(name)))
    return layers


def _entries(
    annotations: Sequence[Dataset], references: Sequence[ImageReference], layers: Mapping[str, tuple[int, Tool]]
) -> list[Entry]:
    names: dict[str, int] = {}
    contents = [_read_item(annotation) for annotation in annotations]
    twins: dict[int, list[Drawn]] = {}
    for content in contents:
        for drawn in content.graphics:
            if isinstance(drawn, Drawn) and drawn.compound is not None:
                twins.setdefault(drawn.compound, []).append(drawn)
    compounds = [[_compound(dataset, twins) for dataset in content.compounds] for content in contents]
    standing = {key for row in compounds for key, compound in row if compound is not None and key is not None}
    entries: list[Entry] = []
    for index, (annotation, content) in enumerate(zip(annotations, contents, strict=True)):
        name = text(annotation, "GraphicLayer")
        # layers that the state does not list get numbers of their own
        layer, tool = layers.get(name, (-1 - names.setdefault(name, len(names)), tool_of_description(name)))
        image = _image_of(annotation, references)
        things: list[Drawn | Label | Unreadable] = [
            drawn for drawn in content.graphics if not (isinstance(drawn, Drawn) and drawn.compound in standing)
        ]
        things += [compound for _, compound in compounds[index] if compound is not None]
        things += content.labels
        entries += [Entry(thing, index, layer, tool, image) for thing in things]
    return entries


@dataclass(frozen=True, slots=True)
class _Item:
    graphics: list[Drawn | Unreadable]
    compounds: list[Dataset]
    labels: list[Label | Unreadable]


def _read_item(annotation: Dataset) -> _Item:
    """The contents of one Graphic Annotation item; a part that is no sequence counts as one malformed graphic."""
    graphics: list[Drawn | Unreadable] = []
    compounds: list[Dataset] = []
    labels: list[Label | Unreadable] = []
    try:
        graphics = [read_graphic(graphic) for graphic in items(annotation, "GraphicObjectSequence")]
    except MalformedError:
        graphics = [Unreadable(Reason.MALFORMED_GRAPHIC)]
    try:
        compounds = items(annotation, "CompoundGraphicSequence")
    except MalformedError:
        graphics.append(Unreadable(Reason.MALFORMED_GRAPHIC))
    try:
        labels = [read_label(label) for label in items(annotation, "TextObjectSequence")]
    except MalformedError:
        labels = [Unreadable(Reason.MALFORMED_GRAPHIC, Shape.TEXT)]
    return _Item(graphics, compounds, labels)


def _compound(dataset: Dataset, twins: Mapping[int, list[Drawn]]) -> tuple[int | None, Drawn | Unreadable | None]:
    """A compound and its instance id; no compound where it cannot be read but its twins can: they stand for it."""
    key = compound_id(dataset)
    own = twins.get(key, []) if key is not None else []
    compound = read_compound(dataset, own)
    if isinstance(compound, Unreadable) and compound.reason is not Reason.TOOL_NOT_A_LESION and own:
        return key, None
    return key, compound


def _image_of(annotation: Dataset, references: Sequence[ImageReference]) -> ImageReference | Reason:
    """The one image of an item: its own reference, else the state's only one (PS3.3 C.10.5: absent means all)."""
    try:
        named = items(annotation, "ReferencedImageSequence")
        images = distinct(referenced_images(annotation, references)) if named else list(references)
    except MalformedError:
        return Reason.MALFORMED_GRAPHIC
    if named and not images:
        return Reason.MALFORMED_GRAPHIC
    return images[0] if len(images) == 1 else Reason.IMAGE_AMBIGUOUS


# ------------------------------------------------------------------------------------ time, window, spacing as shown


def _created(dataset: Dataset) -> str:
    """When the state was made: its Presentation Creation Date and Time, else of its content, else of its instance."""
    for kind in ("PresentationCreation", "Content", "InstanceCreation"):
        date = "".join(c for c in text(dataset, kind + "Date") if c.isdigit())
        if len(date) != 8:
            continue
        whole, _, fraction = text(dataset, kind + "Time").replace(":", "").partition(".")
        if not (whole.isdigit() and whole.isascii() and len(whole) >= 2 and len(whole) % 2 == 0):
            return date
        return date + whole[:6].ljust(6, "0") + "".join(c for c in fraction if c.isdigit())[:6].ljust(6, "0")
    return ""


def _window(dataset: Dataset, image: ImageReference | None) -> tuple[float, float] | None:
    """(lowest, highest) of the first Softcopy VOI LUT item that holds for the image, or of the first with a window."""
    windows: list[tuple[float, float]] = []
    try:
        for item in items(dataset, "SoftcopyVOILUTSequence"):
            centre, width = numbers(item, "WindowCenter"), numbers(item, "WindowWidth")
            if not centre or not width or not (math.isfinite(centre[0]) and 0 < width[0] < math.inf):
                continue
            window = (centre[0] - width[0] / 2, centre[0] + width[0] / 2)
            holds_for = {text(ref, "ReferencedSOPInstanceUID") for ref in items(item, "ReferencedImageSequence")}
            if image is not None and (not holds_for or image.sop_uid in holds_for):
                return window
            windows.append(window)
    except MalformedError:
        return windows[0] if windows else None
    return windows[0] if windows else None


def _presentation_spacings(dataset: Dataset) -> list[PresentationSpacing]:
    """Presentation Pixel Spacing (row, column) of each displayed area (PS3.3 C.10.4) and the images it holds for."""
    found: list[PresentationSpacing] = []
    try:
        for area in items(dataset, "DisplayedAreaSelectionSequence"):
            spacing = numbers(area, "PresentationPixelSpacing")
            if spacing is None or len(spacing) != 2 or not all(0 < value < math.inf for value in spacing):
                continue
            images = {text(image, "ReferencedSOPInstanceUID") for image in items(area, "ReferencedImageSequence")}
            found.append(PresentationSpacing((spacing[0], spacing[1]), frozenset(images)))
    except MalformedError:
        return found
    return found


ENCODING = ObjectEncoding("PR", SOP_CLASSES, TAGS, read)
