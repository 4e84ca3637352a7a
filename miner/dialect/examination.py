"""One annotation object as the miner reads it: its marks, the slices they lie on, the bookmarks they become."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from miner.bookmarks import read_object, recognise
from miner.bookmarks.recognition import place_all
from miner.dialect.files import GivenFile
from miner.dialect.images import GivenImage, GivenImages
from miner.errors import ObjectError
from miner.records import AnnotationObject, ImageReference, Mark, MarkRefusal, Recognition, SpatialMark, Unit

UNBOUNDED = 65_536
"""Columns and rows that are assumed where an image is not given: no point is refused for lying outside."""

IN_MM = frozenset({Unit.MM, Unit.CM})


class Scale(StrEnum):
    """Where the spacing comes from with which lengths are computed."""

    IMAGE = "image"
    PRESENTATION = "presentation state"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ImageExamination:
    """The marks of one object on one image, and what they become.

    ``spacing``: (row, column) in mm, (1, 1) where ``scale`` is unknown: its bookmarks' lengths are in pixels then, and
    texts in mm were left out of recognition, as nothing can be compared with them. ``given``: None where the image is
    not among the files.
    """

    image: ImageReference
    given: GivenImage | None
    scale: Scale
    spacing: tuple[float, float]
    marks: tuple[Mark, ...]
    recognition: Recognition


@dataclass(frozen=True, slots=True)
class ObjectExamination:
    """One file. ``read`` is None where it could not be read, and ``error`` says why.

    ``refused``: what reading refused, and marks in space that lie on none of the given images. ``unplaced``: marks in
    space whose images are not given.
    """

    file: GivenFile
    read: AnnotationObject | None
    error: ObjectError | None
    images: tuple[ImageExamination, ...] = ()
    refused: tuple[MarkRefusal, ...] = ()
    unplaced: tuple[SpatialMark, ...] = ()


def examine(file: GivenFile, images: GivenImages) -> ObjectExamination:
    """Read one annotation object and recognise its marks, image by image.

    Raises StorageError for a file that is gone.
    """
    try:
        read = read_object(file.path)
    except ObjectError as error:
        return ObjectExamination(file, None, error)
    placed, refused, unplaced = _in_space(read.spatial, images)
    by_image: dict[ImageReference, list[Mark]] = {}
    for mark in sorted((*read.marks, *placed), key=lambda mark: mark.order):
        by_image.setdefault(mark.image, []).append(mark)
    examined = tuple(_on_image(image, marks, images.get(image.sop_uid)) for image, marks in by_image.items())
    return ObjectExamination(file, read, None, examined, (*read.refused, *refused), unplaced)


def _in_space(
    spatial: Sequence[SpatialMark], images: GivenImages
) -> tuple[list[Mark], list[MarkRefusal], tuple[SpatialMark, ...]]:
    """Marks on their slices, marks that lie on none of the given slices, and marks with no slice to compare with."""
    if not spatial:
        return [], [], ()
    series = {image.series_uid for mark in spatial for image in mark.candidates if image.series_uid}
    planes = images.planes(series if all(mark.candidates for mark in spatial) else ())
    if not planes:
        return [], [], tuple(spatial)
    settled = place_all(spatial, planes)
    return (
        [mark for mark in settled if isinstance(mark, Mark)],
        [refusal for refusal in settled if isinstance(refusal, MarkRefusal)],
        (),
    )


def _on_image(image: ImageReference, marks: Sequence[Mark], given: GivenImage | None) -> ImageExamination:
    scale, spacing = _scale(marks, given)
    columns, rows = (given.header.columns, given.header.rows) if given is not None else (0, 0)
    known = marks if scale is not Scale.UNKNOWN else [_without_mm(mark) for mark in marks]
    recognition = recognise(known, columns=columns or UNBOUNDED, rows=rows or UNBOUNDED, pixel_spacing=spacing)
    return ImageExamination(image, given, scale, spacing, tuple(marks), recognition)


def _scale(marks: Iterable[Mark], given: GivenImage | None) -> tuple[Scale, tuple[float, float]]:
    if given is not None and given.header.pixel_spacing is not None:
        return Scale.IMAGE, given.header.pixel_spacing
    shown = {mark.presentation_spacing for mark in marks}
    spacing = shown.pop() if len(shown) == 1 else None
    if spacing is not None and all(0 < value < math.inf for value in spacing):
        return Scale.PRESENTATION, spacing
    return Scale.UNKNOWN, (1.0, 1.0)


def _without_mm(mark: Mark) -> Mark:
    return replace(mark, texts=tuple(text for text in mark.texts if text.unit not in IN_MM))
