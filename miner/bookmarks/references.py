"""References to images (PS3.3 C.11.11, Table 10-3): by SOP Instance UID, with series and frame where given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
from miner.errors import ObjectError, Reason
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

MAX_REFERENCES = 200_000
"""Images and frames that one object names: of its evidence, and of all its content items together."""

_UID = re.compile(r"[0-9.]{1,64}")


def is_uid(value: str) -> bool:
    """Whether a value has the characters and length of a UID (PS3.5 9.1); components' leading zeros are let pass."""
    return bool(_UID.fullmatch(value)) and value.strip(".") == value


def series_references(dataset: Dataset) -> tuple[ImageReference, ...]:
    """All images that a presentation state references, in its order. Blending states reference from their inputs.

    What is no reference is left out: the graphics that name their image are sound all the same. Whether the list is
    whole, :func:`names_all_images` says.
    """
    found: list[ImageReference] = []
    for series in referenced_series(dataset):
        for image in items(series, "ReferencedImageSequence"):
            try:
                found += instance_references(image, _series_uid(series))
            except MalformedError:
                continue
            refuse_more_than_all(found)
    return tuple(distinct(found))


def names_all_images(dataset: Dataset) -> bool:
    """Whether all images that a state references are listed: a series without images means every one of it."""
    for series in referenced_series(dataset):
        images = items(series, "ReferencedImageSequence")
        try:
            if not images or not all(instance_references(image, "") for image in images):
                return False
        except MalformedError:
            return False
    return True


def _series_uid(series: Dataset) -> str:
    uid = text(series, "SeriesInstanceUID")
    return uid if is_uid(uid) else ""


def refuse_more_than_all(found: Sequence[ImageReference]) -> None:
    """Raises ObjectError for more references than any object has: each costs time and memory, and only a few bytes."""
    if len(found) > MAX_REFERENCES:
        raise ObjectError("An annotation object names more images than any that is written.", Reason.DAMAGED_OBJECT)


def referenced_series(dataset: Dataset) -> list[Dataset]:
    """Items that name a series and images of it: of the state itself (PS3.3 C.11.11), of the inputs of a blending state
    (C.11.14), and the inputs themselves of an advanced blending state (C.11.33)."""
    holders = (dataset, *items(dataset, "BlendingSequence"))
    series = [series for holder in holders for series in items(holder, "ReferencedSeriesSequence")]
    return series + items(dataset, "AdvancedBlendingSequence")


@dataclass(frozen=True, slots=True)
class KnownImages:
    """The images that a state references, found by their UID. ``only_series``: its one series, empty where several."""

    references: tuple[ImageReference, ...]
    of_uid: Mapping[str, tuple[ImageReference, ...]]
    only_series: str

    @classmethod
    def of(cls, references: Sequence[ImageReference]) -> KnownImages:
        """Index some references."""
        of_uid: dict[str, list[ImageReference]] = {}
        for reference in references:
            of_uid.setdefault(reference.sop_uid, []).append(reference)
        series = {reference.series_uid for reference in references}
        return cls(
            tuple(references),
            {uid: tuple(frames) for uid, frames in of_uid.items()},
            next(iter(series)) if len(series) == 1 else "",
        )

    def named_by(self, holder: Dataset) -> list[ImageReference]:
        """Images of a Referenced Image Sequence, which names no series: it is taken from the state's own references.

        An image that the state does not reference itself is looked for in the state's series, where it has only one.
        Raises MalformedError for what is no reference.
        """
        found: list[ImageReference] = []
        for image in items(holder, "ReferencedImageSequence"):
            own = next(iter(self.of_uid.get(text(image, "ReferencedSOPInstanceUID"), ())), None)
            found += instance_references(
                image, own.series_uid if own else self.only_series, own.sop_class_uid if own else ""
            )
        return found


def distinct(references: Iterable[ImageReference]) -> list[ImageReference]:
    """Each image (each frame of one) once, in the order in which they are first named."""
    found: dict[tuple[str, int | None], ImageReference] = {}
    for reference in references:
        found.setdefault((reference.sop_uid, reference.frame), reference)
    return list(found.values())


def instance_references(image: Dataset, series_uid: str, sop_class: str = "") -> list[ImageReference]:
    """One Image SOP Instance Reference (PS3.3 Table 10-3): one reference a frame.

    Raises MalformedError for what is no reference.
    """
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
