"""References to images (PS3.3 C.11.11, Table 10-3): by SOP Instance UID, with series and frame where given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
)

from miner.bookmarks.elements import MalformedError, items, numbers, text
from miner.records import ImageReference

SINGLE_FRAME = frozenset(
    {
        CTImageStorage,
        MRImageStorage,
        PositronEmissionTomographyImageStorage,
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalXRayImageStorageForProcessing,
        SecondaryCaptureImageStorage,
    }
)
"""SOP classes that never hold a second frame. Writers give frame 1 for them all the same (ClearCanvas does)."""

MAX_FRAMES = 100_000

_UID = re.compile(r"[0-9.]{1,64}")


def is_uid(value: str) -> bool:
    """Whether a value has the characters and length of a UID (PS3.5 9.1); components' leading zeros are let pass."""
    return bool(_UID.fullmatch(value)) and value.strip(".") == value


def series_references(dataset: Dataset) -> tuple[ImageReference, ...]:
    """All images that a presentation state references, in its order. Blending states reference from their inputs."""
    found: list[ImageReference] = []
    for holder in (dataset, *items(dataset, "BlendingSequence")):
        for series in items(holder, "ReferencedSeriesSequence"):
            series_uid = text(series, "SeriesInstanceUID")
            for image in items(series, "ReferencedImageSequence"):
                found += _references(image, series_uid if is_uid(series_uid) else "")
    return tuple(distinct(found))


def referenced_images(holder: Dataset, known: Sequence[ImageReference]) -> list[ImageReference]:
    """Images of a Referenced Image Sequence, which names no series: it is taken from the state's own references.

    An image that the state does not reference itself is looked for in the state's series, where it has only one.
    """
    of_uid = {reference.sop_uid: reference for reference in known}
    all_series = {reference.series_uid for reference in known}
    only_series = next(iter(all_series)) if len(all_series) == 1 else ""
    found: list[ImageReference] = []
    for image in items(holder, "ReferencedImageSequence"):
        own = of_uid.get(text(image, "ReferencedSOPInstanceUID"))
        found += _references(image, own.series_uid if own else only_series, own.sop_class_uid if own else "")
    return found


def distinct(references: Iterable[ImageReference]) -> list[ImageReference]:
    """Each image (each frame of one) once, in order."""
    return list({(reference.sop_uid, reference.frame): reference for reference in reversed(list(references))}.values())[
        ::-1
    ]


def _references(image: Dataset, series_uid: str, sop_class: str = "") -> list[ImageReference]:
    """One Image SOP Instance Reference: one reference a frame. Raises MalformedError for what is no reference."""
    sop_uid = text(image, "ReferencedSOPInstanceUID")
    sop_class = sop_class or text(image, "ReferencedSOPClassUID")
    if not is_uid(sop_uid):
        raise MalformedError("ReferencedSOPInstanceUID")
    frames = _frames(image, single=sop_class in SINGLE_FRAME)
    return [ImageReference(series_uid, sop_uid, sop_class, frame) for frame in frames]


def _frames(image: Dataset, *, single: bool) -> list[int | None]:
    values = numbers(image, "ReferencedFrameNumber")
    if not values or (single and set(values) == {1.0}):
        return [None]
    if len(values) > MAX_FRAMES or not all(value.is_integer() and value >= 1 for value in values):
        raise MalformedError("ReferencedFrameNumber")
    return [int(value) for value in values]
