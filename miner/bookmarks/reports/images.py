"""Which image a place of a report lies on: what its coordinates name, else its group's, else the report's only one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from miner.bookmarks.evidence import is_image, is_segmentation
from miner.bookmarks.references import distinct
from miner.bookmarks.reports.codes import Term
from miner.bookmarks.reports.content import Item, Tree
from miner.errors import ObjectError, Reason
from miner.records import ImageReference


def instances_of(item: Item) -> tuple[ImageReference, ...]:
    """The instances that an IMAGE or COMPOSITE item names; empty for any other item."""
    return item.value if isinstance(item.value, tuple) else ()


def images_of(found: Iterable[Item]) -> tuple[ImageReference, ...]:
    """The images that some items name, each once, in order; regions and presentation states left out."""
    named = (reference for item in found for reference in instances_of(item))
    return tuple(distinct(reference for reference in named if is_image(reference)))


def segmentation_in(found: Iterable[Item]) -> bool:
    """Whether some item names a region that another object holds."""
    return any(
        (item.term is Term.REFERENCED_SEGMENT and item.value_type in ("IMAGE", "COMPOSITE"))
        or any(is_segmentation(reference) for reference in instances_of(item))
        for item in found
    )


MAX_CHOICES = 2_000_000
"""Images that all coordinates of one report may lie on, counted again for each: thousands may name the same thousands
in a few bytes. Real ones come to some hundred thousand: a thousand slices for each of some hundred marks in space."""


@dataclass(slots=True)
class Sources:
    """The images that coordinates of one report are selected from. Those of an item are looked up once."""

    tree: Tree
    _named: dict[int, tuple[ImageReference, ...]] = field(default_factory=dict)
    _found: dict[int, tuple[ImageReference, ...] | Reason] = field(default_factory=dict)
    _choices: int = 0

    def of(self, place: Item) -> tuple[ImageReference, ...] | Reason:
        """The images that coordinates name, by value or by reference; empty where they name none.

        A reference that cannot be read, or that points to no image, is no reason to take another one:
        MALFORMED_GRAPHIC. Raises ObjectError as :meth:`count` does.
        """
        if place.index not in self._found:
            self._found[place.index] = self._look_up(place)
        return self._found[place.index]

    def count(self, images: Sequence[ImageReference]) -> None:
        """Count images that some coordinates may lie on. Raises ObjectError where all together are too many."""
        self._choices += len(images)
        if self._choices > MAX_CHOICES:
            raise ObjectError(
                "The coordinates of a structured report name more images than any that is written.",
                Reason.DAMAGED_OBJECT,
            )

    def _look_up(self, place: Item) -> tuple[ImageReference, ...] | Reason:
        found: list[tuple[ImageReference, ...]] = []
        for child in self.tree.children(place):
            by_reference = child.by_reference and child.relationship == "SELECTED FROM"
            if not by_reference and child.value_type != "IMAGE":
                continue
            named = child if not by_reference else None if child.target is None else self.tree[child.target]
            if named is None or not instances_of(named):
                return Reason.MALFORMED_GRAPHIC
            if named.index not in self._named:
                self._named[named.index] = images_of([named])
            found.append(self._named[named.index])
            self.count(found[-1])
        if found and not any(found):
            return Reason.MALFORMED_GRAPHIC  # of a region or a state, whose own image is not known
        return found[0] if len(found) == 1 else tuple(distinct(image for images in found for image in images))


def one_image(*choices: Sequence[ImageReference]) -> ImageReference | Reason:
    """The image of the first choice that names any; IMAGE_AMBIGUOUS where that one, or none, is not a single image."""
    for choice in choices:
        if choice:
            return choice[0] if len(choice) == 1 else Reason.IMAGE_AMBIGUOUS
    return Reason.IMAGE_AMBIGUOUS
