"""Items of presentation states, written element by element (PS3.3 C.10.5), in DICOM's PIXEL units.

Everything that takes points takes them in the pixel centres frame and adds half a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.annotations.truth import Point


def graphic(
    kind: str, points: Sequence[Point], *, units: str = "PIXEL", compound: int | None = None, truncate: bool = False
) -> Dataset:
    """One Graphic Object. ``truncate``: coordinates cut to integers, then with the fraction that BlueLight writes."""
    data = np.asarray(points, dtype=np.float64) + 0.5
    data = np.trunc(data) + 0.0123 if truncate else data
    item = Dataset()
    item.GraphicAnnotationUnits = units
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(points)
    item.GraphicData = [float(v) for v in data.astype(np.float32).ravel()]
    item.GraphicType = kind
    item.GraphicFilled = "N"
    if compound is not None:
        item.CompoundGraphicInstanceID = compound
    return item


def closed(points: Sequence[Point]) -> list[Point]:
    """The points with the first repeated at the end."""
    return [*points, points[0]]


def text(
    words: str,
    *,
    anchor: Point | None = None,
    visible: bool = True,
    box_at: Point | None = None,
    compound: int | None = None,
) -> Dataset:
    """One Text Object, with an anchor, a bounding box, or both."""
    item = Dataset()
    item.UnformattedTextValue = words
    if anchor is not None:
        item.AnchorPointAnnotationUnits = "PIXEL"
        item.AnchorPoint = [float(anchor[0]) + 0.5, float(anchor[1]) + 0.5]
        item.AnchorPointVisibility = "Y" if visible else "N"
    if box_at is not None:
        item.BoundingBoxAnnotationUnits = "PIXEL"
        item.BoundingBoxTopLeftHandCorner = [float(box_at[0]) + 0.5, float(box_at[1]) + 0.5]
        item.BoundingBoxBottomRightHandCorner = [float(box_at[0]) + 5.5 + 5 * len(words), float(box_at[1]) + 12.5]
        item.BoundingBoxTextHorizontalJustification = "LEFT"
    if compound is not None:
        item.CompoundGraphicInstanceID = compound
    return item


def compound_graphic(kind: str, points: Sequence[Point], identifier: int) -> Dataset:
    """One Compound Graphic."""
    item = graphic("POLYLINE", points)
    del item.GraphicAnnotationUnits, item.GraphicType, item.GraphicFilled
    item.CompoundGraphicUnits = "PIXEL"
    item.CompoundGraphicType = kind
    item.CompoundGraphicInstanceID = identifier
    return item


def annotation(
    layer: str,
    *,
    image: Dataset | None = None,
    graphics: Sequence[Dataset] = (),
    texts: Sequence[Dataset] = (),
    compounds: Sequence[Dataset] = (),
) -> Dataset:
    """One Graphic Annotation item; ``image`` None leaves the reference out."""
    item = Dataset()
    if image is not None:
        item.ReferencedImageSequence = Items([image_reference(image)])
    item.GraphicLayer = layer
    if texts:
        item.TextObjectSequence = Items(texts)
    if graphics:
        item.GraphicObjectSequence = Items(graphics)
    if compounds:
        item.CompoundGraphicSequence = Items(compounds)
    return item


def image_reference(image: Dataset) -> Dataset:
    """A reference to one image."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item
