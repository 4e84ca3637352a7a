"""Softcopy presentation states (PS3.3 A.33): references, layers, graphic annotations → one annotation object.

Their kinds share the modules that are read here: Presentation State Relationship (C.11.11), Graphic Annotation
(C.10.5), Graphic Layer (C.10.7), Displayed Area (C.10.4), Spatial Transformation (C.10.6), Softcopy VOI LUT (C.11.8).
Two reference otherwise: blending states from the items of their Blending Sequence (C.11.14), advanced blending states
from their Advanced Blending Sequence (C.11.33), which may name a series without its images. Of both, graphics name the
image that they lie on (A.33.4.2).

Volumetric presentation states (A.80) are none of them: their graphics lie on a view that is computed from a volume, in
no image's pixels. As objects of a SOP class that is not read they are refused and counted.
"""

from __future__ import annotations

import math

from pydicom.dataset import Dataset
from pydicom.uid import (
    AdvancedBlendingPresentationStateStorage,
    BlendingSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    PseudoColorSoftcopyPresentationStateStorage,
    VariableModalityLUTSoftcopyPresentationStateStorage,
    XAXRFGrayscaleSoftcopyPresentationStateStorage,
)

from miner.bookmarks.dates import created
from miner.bookmarks.elements import MalformedError, items, numbers, text
from miner.bookmarks.encodings import ObjectEncoding
from miner.bookmarks.references import KnownImages, names_all_images, series_references
from miner.bookmarks.states.display import displayed_areas
from miner.bookmarks.states.items import entries_of, layers_of
from miner.bookmarks.states.private import with_private_models
from miner.bookmarks.states.settling import Spacings, settle
from miner.records import AnnotationObject, ImageReference

SOP_CLASSES: tuple[str, ...] = (
    GrayscaleSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
    PseudoColorSoftcopyPresentationStateStorage,
    BlendingSoftcopyPresentationStateStorage,
    XAXRFGrayscaleSoftcopyPresentationStateStorage,
    AdvancedBlendingPresentationStateStorage,
    VariableModalityLUTSoftcopyPresentationStateStorage,
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
    "AdvancedBlendingSequence",
    "GraphicAnnotationSequence",
    "GraphicLayerSequence",
    "DisplayedAreaSelectionSequence",
    "ImageRotation",
    "ImageHorizontalFlip",
    "SoftcopyVOILUTSequence",
)
"""The top-level elements that are read; nested ones by name where they are used."""

MADE = ("PresentationCreation", "Content", "InstanceCreation")
"""When a state was made: its own date, else that of its content, else of its instance."""


def read(dataset: Dataset) -> AnnotationObject:
    """What a presentation state says. Raises ObjectError or MalformedError where it cannot be read as a whole."""
    references = series_references(dataset)
    annotations = items(dataset, "GraphicAnnotationSequence")
    known = KnownImages.of(references)
    areas = displayed_areas(dataset, known)
    entries = entries_of(annotations, known, layers_of(dataset), areas, complete=names_all_images(dataset))
    marks, refused = settle(entries, _presentation_spacings(dataset))
    return AnnotationObject(
        sop_uid=text(dataset, "SOPInstanceUID"),
        sop_class_uid=text(dataset, "SOPClassUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        created=created(dataset, MADE),
        references=references,
        marks=marks,
        refused=refused,
        window=_window(dataset, marks[0].image if marks else None),
        items=len(annotations),
        label=text(dataset, "ContentLabel"),
    )


# ------------------------------------------------------------------------------------ time, window, spacing as shown


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


def _presentation_spacings(dataset: Dataset) -> Spacings:
    """Presentation Pixel Spacing (row, column) of each displayed area (PS3.3 C.10.4) and the images it holds for."""
    found: dict[str, tuple[float, float]] = {}
    try:
        for area in items(dataset, "DisplayedAreaSelectionSequence"):
            spacing = numbers(area, "PresentationPixelSpacing")
            if spacing is None or len(spacing) != 2 or not all(0 < value < math.inf for value in spacing):
                continue
            images = [text(image, "ReferencedSOPInstanceUID") for image in items(area, "ReferencedImageSequence")]
            for uid in images or [""]:
                found.setdefault(uid, (spacing[0], spacing[1]))
    except MalformedError:
        return found
    return found


def read_whole(dataset: Dataset) -> AnnotationObject:
    """As :func:`read`, and what the state's private elements say beyond it."""
    return with_private_models(read(dataset), dataset, read)


ENCODING = ObjectEncoding("PR", SOP_CLASSES, TAGS, read_whole)
