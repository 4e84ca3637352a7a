"""One annotation object → bookmarks, image by image: the bookmarks room as the miner uses it, with images at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from miner.bookmarks import read_object, recognise
from miner.bookmarks.recognition import place_all
from miner.records import AnnotationObject, Bookmark, Mark, MarkRefusal, Recognition
from tests.annotations.reports import plane


@dataclass(frozen=True)
class Outcome:
    """What one object ended as. ``images``: SOP Instance UID → its recognition; ``off_image``: marks on none."""

    found: AnnotationObject
    images: dict[str, Recognition]
    off_image: tuple[MarkRefusal, ...]

    @property
    def bookmarks(self) -> list[Bookmark]:
        """All bookmarks, image by image."""
        return [bookmark for recognition in self.images.values() for bookmark in recognition.bookmarks]

    @property
    def refused(self) -> list[MarkRefusal]:
        """All refusals, by whichever stage."""
        of_images = [refusal for recognition in self.images.values() for refusal in recognition.refused]
        return [*self.found.refused, *self.off_image, *of_images]

    def is_accounted_for(self) -> bool:
        """Whether each order of the object, 0, 1, 2 …, ends exactly once: in a bookmark or in a refusal."""
        ended = [order for bookmark in self.bookmarks for order in bookmark.orders]
        ended += [refusal.order for refusal in self.refused]
        return sorted(ended) == list(range(len(ended)))


def outcome(path: Path, images: Sequence[Dataset], thickness: float | None) -> Outcome:
    """Read, place and recognise. ``images``: headers that may be marked; ``thickness``: their distance in mm."""
    found = read_object(path)
    placed = place_all(found.spatial, [plane(image, thickness) for image in images]) if found.spatial else []
    marks = [*found.marks, *(mark for mark in placed if isinstance(mark, Mark))]
    of_image: dict[str, list[Mark]] = {}
    for mark in marks:
        of_image.setdefault(mark.image.sop_uid, []).append(mark)
    recognised = {
        image.SOPInstanceUID: recognise(
            of_image.pop(image.SOPInstanceUID),
            columns=int(image.Columns),
            rows=int(image.Rows),
            pixel_spacing=(float(image.PixelSpacing[0]), float(image.PixelSpacing[1])),
        )
        for image in images
        if image.SOPInstanceUID in of_image
    }
    assert not of_image, "a mark names an image that the object does not lie on"
    return Outcome(found, recognised, tuple(refusal for refusal in placed if isinstance(refusal, MarkRefusal)))
