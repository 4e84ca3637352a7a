"""The drawing model that the Weasis viewer keeps in its presentation states beside the standard graphics.

Private creator ``weasis/model/xml/2.5``, group 7107, offset 01, VR OB (classes PresentationStateReader and
DicomPrSerializer of Weasis's public source, where it stands at (7107,7001)). It is read as a fallback: for an image on
which the state's standard graphics put nothing readable. Where both draw, the standard ones stand, and the model says
with which tool they were drawn and which lines are mere decoration (:func:`explained`).

Frame: the serialiser copies a handle's numbers into Graphic Data in PIXEL units as they are, so handles count from the
outer corner of the first pixel (PS3.3 C.10.5.1.2), and half a pixel is taken off here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError
from miner.bookmarks.encodings import Reader
from miner.bookmarks.references import SINGLE_FRAME, distinct, is_uid
from miner.bookmarks.states.graphics import Unreadable
from miner.bookmarks.states.joining import joined
from miner.bookmarks.states.weasis_evidence import explained, same_image
from miner.bookmarks.states.weasis_tools import Traced, traced
from miner.bookmarks.states.weasis_xml import Model, ModelGraphic, ModelImage, read_model
from miner.errors import Reason
from miner.records import AnnotationObject, Encoding, ImageReference, Mark, MarkRefusal

CREATOR = "weasis/model/xml/2.5"
"""The number is of the model's form, not of the viewer: it is the same in the sources of Weasis 2.5 to 4."""

GROUP = 0x7107
OFFSET = 0x01


def join(found: AnnotationObject, value: Any, state: Dataset, read: Reader) -> AnnotationObject:
    """``found``, and what the model in ``value`` says of images on which ``found`` has no mark.

    Raises MalformedError where the model cannot be read and the state says nothing else.
    """
    silent = not found.marks and not found.refused
    try:
        if not isinstance(value, bytes):
            raise MalformedError("drawing model")
        model = read_model(value)
    except MalformedError:
        if silent:
            raise
        return found
    image = _image_of(model, found.references)
    if isinstance(image, ImageReference) and any(same_image(mark.image, image) for mark in found.marks):
        return explained(found, model, image)
    drawn = _drawn(found, model, image)
    # a model whose image is as uncertain as that of the standard graphics would count them a second time
    return joined(found, [drawn]) if drawn.marks or silent else found


def _drawn(found: AnnotationObject, model: Model, image: ImageReference | Reason) -> AnnotationObject:
    """The model's marks and refusals alone; every graphic ends in one of them, a bidirectional one in two marks."""
    marks: list[Mark] = []
    refused: list[MarkRefusal] = []
    for item, graphic in enumerate(model.graphics):
        reading = traced(graphic)
        order = len(marks) + len(refused)
        if isinstance(reading, Unreadable):
            where = image if isinstance(image, ImageReference) else None
            refused.append(MarkRefusal(reading.reason, order, where, reading.shape))
        elif isinstance(image, Reason):
            refused.append(MarkRefusal(image, order, None, reading[0].shape))
        else:
            marks += [_mark(part, graphic, image, order + i, item) for i, part in enumerate(reading)]
    references = (image,) if isinstance(image, ImageReference) else ()
    return replace(
        found,
        references=references,
        marks=tuple(marks),
        refused=tuple(refused),
        spatial=(),
        window=None,
        items=len(model.graphics),
    )


def _mark(part: Traced, graphic: ModelGraphic, image: ImageReference, order: int, item: int) -> Mark:
    return Mark(
        shape=part.shape,
        image=image,
        points=part.points,
        encoding=Encoding.PRIVATE_MODEL,
        order=order,
        item=item,
        layer=graphic.layer,
        tool=part.tool.value,
        texts=graphic.texts if part.texts is None else part.texts,
        group=None if part.axis is None else item,
        axis=part.axis,
    )


# ------------------------------------------------------------------------------------------------------ which image


def _image_of(model: Model, references: Sequence[ImageReference]) -> ImageReference | Reason:
    """The one image of the model, with what the state knows of it; the state's only one where the model names none."""
    named = [reference for image in model.images for reference in _references(image, references)]
    images = distinct(named) if model.images else list(references)
    return images[0] if len(images) == 1 else Reason.IMAGE_AMBIGUOUS


def _references(image: ModelImage, references: Sequence[ImageReference]) -> list[ImageReference]:
    if not is_uid(image.sop_uid):
        return []
    own = [reference for reference in references if reference.sop_uid == image.sop_uid]
    if own and (not image.frames or own[0].sop_class_uid in SINGLE_FRAME):
        return own
    series_uid = own[0].series_uid if own else image.series_uid if is_uid(image.series_uid) else ""
    sop_class = own[0].sop_class_uid if own else ""
    return [ImageReference(series_uid, image.sop_uid, sop_class, frame) for frame in image.frames or (None,)]
