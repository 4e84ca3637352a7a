"""Graphic Annotation items (PS3.3 C.10.5) → the things drawn in them, each with its layer's tool and its image.

A compound graphic stands once, in place of its twins (:mod:`~miner.bookmarks.states.compound`). The Compound Graphic
Instance ID that ties them is unique within one item only (C.10.5.1.3.1), so twins are looked for in the compound's own
item first, then among those of other items on the same image that have no such compound themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, items, text
from miner.bookmarks.references import KnownImages
from miner.bookmarks.states.compound import read_compound
from miner.bookmarks.states.display import DisplayedAreas, Placement
from miner.bookmarks.states.graphics import Drawn, Unreadable, compound_id, read_graphic
from miner.bookmarks.states.labels import Label, read_label
from miner.bookmarks.states.referencing import image_of
from miner.bookmarks.states.settling import Entry
from miner.bookmarks.tools import Tool, tool_of_description
from miner.errors import Reason
from miner.limits import MOST_POINTS
from miner.part10 import over_limits
from miner.records import ImageReference, Shape

Layers = Mapping[str, tuple[int, Tool]]
Thing = Drawn | Label | Unreadable


@dataclass(frozen=True, slots=True)
class _Item:
    """One item's contents; ``compounds``: each with its instance id."""

    image: ImageReference | Reason
    placement: Placement
    graphics: list[Drawn | Unreadable]
    compounds: list[tuple[int | None, Dataset]]
    labels: list[Label | Unreadable]


def layers_of(dataset: Dataset) -> Layers:
    """Layer name → its index and the tool that its description, or else its name, tells (PS3.3 C.10.7)."""
    layers: dict[str, tuple[int, Tool]] = {}
    for index, layer in enumerate(items(dataset, "GraphicLayerSequence"), start=1):
        name = text(layer, "GraphicLayer")
        tool = tool_of_description(text(layer, "GraphicLayerDescription"))
        layers.setdefault(name, (index, tool or tool_of_description(name)))
    return layers


def entries_of(
    annotations: Sequence[Dataset],
    known: KnownImages,
    layers: Layers,
    areas: DisplayedAreas,
    *,
    complete: bool = True,
) -> list[Entry]:
    """Everything drawn in Graphic Annotation items, in their order: graphics, then compounds, then texts of each.

    ``complete``: the state lists all images that it references (:func:`~miner.bookmarks.states.referencing.image_of`).
    """
    names: dict[str, int] = {}
    contents: list[_Item] = []
    room = MOST_POINTS
    for annotation in annotations:
        contents.append(_read_item(annotation, known, areas, room, complete=complete))
        room -= sum(len(drawn.points) for drawn in contents[-1].graphics if isinstance(drawn, Drawn))
    twins = _Twins(contents)
    compounds = [_compounds(index, item, twins) for index, item in enumerate(contents)]
    entries: list[Entry] = []
    for index, (annotation, item) in enumerate(zip(annotations, contents, strict=True)):
        name = text(annotation, "GraphicLayer")
        # layers that the state does not list get numbers of their own
        layer, tool = layers.get(name, (-1 - names.setdefault(name, len(names)), tool_of_description(name)))
        things: list[Thing] = [drawn for at, drawn in enumerate(item.graphics) if (index, at) not in twins.stood_for]
        things += compounds[index]
        things += item.labels
        entries += [Entry(thing, index, layer, tool, item.image) for thing in things]
    return entries


def _read_graphics(annotation: Dataset, placement: Placement, room: int) -> list[Drawn | Unreadable]:
    """The simple graphics of one item. Raises ObjectError (OVER_LIMITS) where they have more points than ``room``."""
    found = []
    for graphic in items(annotation, "GraphicObjectSequence"):
        found.append(read_graphic(graphic, placement))
        room -= len(found[-1].points) if isinstance(found[-1], Drawn) else 0
        if room < 0:
            raise over_limits()
    return found


def _read_item(annotation: Dataset, known: KnownImages, areas: DisplayedAreas, room: int, *, complete: bool) -> _Item:
    """The contents of one Graphic Annotation item; a part that is no sequence counts as one malformed graphic."""
    image = image_of(annotation, known, complete=complete)
    placement = areas.of(image)
    graphics: list[Drawn | Unreadable] = []
    compounds: list[Dataset] = []
    labels: list[Label | Unreadable] = []
    try:
        graphics = _read_graphics(annotation, placement, room)
    except MalformedError:
        graphics = [Unreadable(Reason.MALFORMED_GRAPHIC)]
    try:
        compounds = items(annotation, "CompoundGraphicSequence")
    except MalformedError:
        graphics.append(Unreadable(Reason.MALFORMED_GRAPHIC))
    try:
        labels = [read_label(label, placement) for label in items(annotation, "TextObjectSequence")]
    except MalformedError:
        labels = [Unreadable(Reason.MALFORMED_GRAPHIC, Shape.TEXT)]
    return _Item(image, placement, graphics, [(compound_id(compound), compound) for compound in compounds], labels)


class _Twins:
    """Which simple graphics are twins of which compound. ``stood_for``: those in whose place a compound stands."""

    def __init__(self, contents: Sequence[_Item]) -> None:
        self.stood_for: set[tuple[int, int]] = set()
        self._of: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._contents = contents
        owned = {(index, key) for index, item in enumerate(contents) for key, _ in item.compounds if key is not None}
        orphans: dict[tuple[ImageReference | Reason, int], list[tuple[int, int]]] = {}
        for index, item in enumerate(contents):
            for at, drawn in enumerate(item.graphics):
                if drawn.compound is None:
                    continue
                if (index, drawn.compound) in owned:
                    self._of.setdefault((index, drawn.compound), []).append((index, at))
                else:
                    orphans.setdefault((item.image, drawn.compound), []).append((index, at))
        for index, key in sorted(owned - self._of.keys()):
            self._of[index, key] = orphans.pop((contents[index].image, key), [])

    def of(self, index: int, key: int) -> list[Drawn]:
        """The twins of the compound ``key`` of an item that can be read."""
        found = (self._contents[item].graphics[at] for item, at in self._of.get((index, key), ()))
        return [drawn for drawn in found if isinstance(drawn, Drawn)]

    def stand_in(self, index: int, key: int) -> None:
        """The compound stands for all its twins: a refused one too, where no twin can be read either."""
        self.stood_for.update(self._of.get((index, key), ()))


def _compounds(index: int, item: _Item, twins: _Twins) -> list[Drawn | Unreadable]:
    """The compounds of one item; not those that cannot be read but whose twins can: these stand for them.

    An id given twice in one item does not tell whose twin is whose: both compounds are read from their own points.
    """
    by_key: dict[int, list[Dataset]] = {}
    found: list[Drawn | Unreadable] = []
    for key, compound in item.compounds:
        if key is None:
            found.append(read_compound(compound, (), item.placement))
        else:
            by_key.setdefault(key, []).append(compound)
    for key, group in by_key.items():
        own = twins.of(index, key)
        read = [read_compound(compound, own if len(group) == 1 else (), item.placement) for compound in group]
        unread = any(isinstance(one, Unreadable) and one.reason is not Reason.TOOL_NOT_A_LESION for one in read)
        if own and unread:
            continue
        twins.stand_in(index, key)
        found += read
    return found
