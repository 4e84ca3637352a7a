"""A report's content tree (PS3.3 C.17.3) as frozen items in document order, each with its value already read.

The tree is walked without recursion, to a bounded depth and size. An item that cannot be read stays in the tree as a
``fault``, so that others keep their places and by-reference relationships still find them; nothing is raised for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from miner.bookmarks.elements import MalformedError, code, items, number, numbers, text
from miner.bookmarks.references import MAX_REFERENCES, KnownImages, instance_references, is_uid
from miner.bookmarks.reports.codes import Concept, Term, term_of, tool_name
from miner.bookmarks.reports.quantities import Quantity, unit_of
from miner.errors import ObjectError, Reason
from miner.records import ImageReference

MAX_DEPTH = 64
"""Levels below the root that are read; TID 1500 has six, the deepest template of PS3.16 some twenty."""

MAX_ITEMS = 50_000
"""Content items of one report. Real ones have some hundred; each is looked at a few times."""

MAX_COORDINATES = 60_000
"""Numbers of one graphic: 20,000 points in space."""


@dataclass(frozen=True, slots=True)
class Graphic:
    """Spatial coordinates (PS3.3 C.18.6, C.18.9) as written: ``data`` may hold anything that is a number.

    ``dimensions``: 2 on an image, 3 in patient space. ``frame_of_reference``: in space only, empty where it has none.
    """

    kind: str
    data: tuple[float, ...]
    dimensions: int
    frame_of_reference: str = ""


Value = Concept | Quantity | Graphic | tuple[ImageReference, ...] | str


@dataclass(frozen=True, slots=True)
class Item:
    """One content item.

    ``index``: its place in document order, the root's being 0; ``parent``: that of the item that holds it, -1 for the
    root; ``end``: one behind its last descendant. ``term``: what its concept name stands for. ``value``: of NUM, CODE,
    SCOORD, SCOORD3D, IMAGE, COMPOSITE and UIDREF items, and the tool that a text names; None where absent or
    unreadable. ``target``: the item that a by-reference relationship points to, None where it is none or points
    nowhere; ``by_reference`` tells the two apart. ``fault``: it, or what it holds, cannot be read.
    """

    index: int
    parent: int
    end: int
    relationship: str
    value_type: str
    term: Term | None
    value: Value | None
    by_reference: bool = False
    target: int | None = None
    fault: bool = False

    @property
    def is_place(self) -> bool:
        """Whether it holds coordinates."""
        return self.value_type in ("SCOORD", "SCOORD3D")


class Tree(tuple[Item, ...]):
    """All items of one report in document order."""

    __slots__ = ()

    def children(self, item: Item) -> Iterator[Item]:
        """The items that one holds by value, in order."""
        index = item.index + 1
        while index < item.end:
            yield self[index]
            index = self[index].end

    def within(self, item: Item) -> Sequence[Item]:
        """All items below one, in document order."""
        return self[item.index + 1 : item.end]

    def ancestors(self, item: Item) -> Iterator[Item]:
        """The items that hold one, from its parent to the root."""
        while item.parent >= 0:
            item = self[item.parent]
            yield item


def read_tree(dataset: Dataset, known: KnownImages) -> Tree:
    """The content tree of a report. ``known``: the instances it names with their series.

    Raises MalformedError where the root's Content Sequence is no sequence, ObjectError for a tree beyond all bounds.
    """
    items(dataset, "ContentSequence")
    drafts: list[_Draft] = []
    waiting: list[tuple[Dataset, int, int]] = [(dataset, -1, 0)]
    references = 0
    while waiting:
        source, parent, depth = waiting.pop()
        if len(drafts) >= MAX_ITEMS or references > MAX_REFERENCES:
            raise ObjectError("A structured report holds more items than any that is written.", Reason.OVER_LIMITS)
        draft = _read_item(source, len(drafts), parent, known)
        children, readable = _children(source, depth)
        references += len(draft.item.value) if isinstance(draft.item.value, tuple) else 0
        drafts.append(draft if readable else replace(draft, item=replace(draft.item, fault=True)))
        waiting += [(child, draft.item.index, depth + 1) for child in reversed(children)]
    return _resolved(_with_ends([draft.item for draft in drafts]), [draft.identifier for draft in drafts])


@dataclass(frozen=True, slots=True)
class _Draft:
    """An item whose end and target are not known yet. ``identifier``: of the item that it refers to."""

    item: Item
    identifier: tuple[int, ...]


def _children(source: Dataset, depth: int) -> tuple[list[Dataset], bool]:
    try:
        children = items(source, "ContentSequence")
    except MalformedError:
        return [], False
    return (children, True) if depth < MAX_DEPTH else ([], not children)


def _read_item(source: Dataset, index: int, parent: int, known: KnownImages) -> _Draft:
    value_type = code(source, "ValueType")
    term = term_of(_concept(source, "ConceptNameCodeSequence"))
    value, fault = None, False
    try:
        identifier = _identifier(source)
        value = _value(source, value_type, term, known)
    except MalformedError:
        identifier, fault = (), True
    # the root is a container whatever it says; what only refers to another item has no type
    strange = index > 0 and not identifier and value_type not in _VALUES and value_type not in _NOT_READ
    item = Item(
        index,
        parent,
        index + 1,
        code(source, "RelationshipType"),
        value_type,
        term,
        value,
        by_reference="ReferencedContentItemIdentifier" in source,
        fault=fault or strange,
    )
    return _Draft(item, identifier)


def _with_ends(drawn: list[Item]) -> list[Item]:
    ends = [item.index + 1 for item in drawn]
    for item in reversed(drawn):
        if item.parent >= 0:
            ends[item.parent] = max(ends[item.parent], ends[item.index])
    return [replace(item, end=end) for item, end in zip(drawn, ends, strict=True)]


def _resolved(found: list[Item], identifiers: Sequence[tuple[int, ...]]) -> Tree:
    """The tree with the targets of its by-reference relationships."""
    tree = Tree(found)
    children: dict[int, list[int]] = {}
    if any(identifiers):
        for item in tree:
            children.setdefault(item.parent, []).append(item.index)
    return Tree(
        replace(item, target=_find(identifier, children)) if identifier else item
        for item, identifier in zip(tree, identifiers, strict=True)
    )


def _find(identifier: Sequence[int], children: dict[int, list[int]]) -> int | None:
    """The item at a position such as 1\\2\\3: the root, its second item, the third of that (PS3.3 C.17.3.2.5)."""
    at = -1
    for ordinal in identifier:
        held = children.get(at, [])
        if not 1 <= ordinal <= len(held):
            return None
        at = held[ordinal - 1]
    return at


# ------------------------------------------------------------------------------------------------------------- values


def _identifier(source: Dataset) -> tuple[int, ...]:
    values = numbers(source, "ReferencedContentItemIdentifier") or ()
    if len(values) > MAX_DEPTH + 1 or not all(value.is_integer() and value > 0 for value in values):
        raise MalformedError("ReferencedContentItemIdentifier")
    return tuple(int(value) for value in values)


def _value(source: Dataset, value_type: str, term: Term | None, known: KnownImages) -> Value | None:
    reader = _VALUES.get(value_type)
    return None if reader is None else reader(source, term, known)


def _code_value(source: Dataset, term: Term | None, known: KnownImages) -> Concept | None:
    return _concept(source, "ConceptCodeSequence")


def _uid(source: Dataset, term: Term | None, known: KnownImages) -> str | None:
    uid = text(source, "UID")
    return uid if is_uid(uid) else None


def _tool_name(source: Dataset, term: Term | None, known: KnownImages) -> str | None:
    """The tool that ends the one text that is read; None where it names none. No other text leaves the object."""
    return tool_name(text(source, "TextValue")) or None if term is Term.TRACKING_IDENTIFIER else None


def _concept(source: Dataset, keyword: str) -> Concept | None:
    """The first item of a code sequence; None where there is none that can be read."""
    try:
        entry = next(iter(items(source, keyword)), None)
    except MalformedError:
        return None
    if entry is None:
        return None
    value = text(entry, "CodeValue") or text(entry, "LongCodeValue") or text(entry, "URNCodeValue")
    return Concept(text(entry, "CodingSchemeDesignator"), value, text(entry, "CodeMeaning"))


def _quantity(source: Dataset, term: Term | None, known: KnownImages) -> Quantity:
    """A measured value; a number that cannot be read is none, the measurement itself is there all the same."""
    try:
        measured = next(iter(items(source, "MeasuredValueSequence")), None)
    except MalformedError:
        measured = None
    if measured is None:
        return Quantity(term, None, "")
    value: float | None = None
    for keyword in ("FloatingPointValue", "NumericValue"):
        try:
            value = number(measured, keyword) if value is None else value
        except MalformedError:
            continue
    return Quantity(term, value, unit_of(_concept(measured, "MeasurementUnitsCodeSequence")))


def _on_image(source: Dataset, term: Term | None, known: KnownImages) -> Graphic:
    return Graphic(code(source, "GraphicType"), _coordinates(source, 2), 2)


def _in_space(source: Dataset, term: Term | None, known: KnownImages) -> Graphic:
    frame = text(source, "ReferencedFrameOfReferenceUID")
    return Graphic(code(source, "GraphicType"), _coordinates(source, 3), 3, frame if is_uid(frame) else "")


def _coordinates(source: Dataset, dimensions: int) -> tuple[float, ...]:
    data = numbers(source, "GraphicData")
    if not data or len(data) > MAX_COORDINATES or len(data) % dimensions:
        raise MalformedError("GraphicData")
    return data


def _instances(source: Dataset, term: Term | None, known: KnownImages) -> tuple[ImageReference, ...]:
    """The instances that an item names, and the presentation states through which their images were seen."""
    found: list[ImageReference] = []
    for instance in items(source, "ReferencedSOPSequence"):
        for named in (instance, *items(instance, "ReferencedSOPSequence")):
            own = next(iter(known.of_uid.get(text(named, "ReferencedSOPInstanceUID"), ())), None)
            series = own.series_uid if own else known.only_series
            found += instance_references(named, series, own.sop_class_uid if own else "")
    if not found:
        raise MalformedError("ReferencedSOPSequence")
    return tuple(found)


_VALUES: Mapping[str, Callable[[Dataset, Term | None, KnownImages], Value | None]] = {
    "NUM": _quantity,
    "CODE": _code_value,
    "SCOORD": _on_image,
    "SCOORD3D": _in_space,
    "IMAGE": _instances,
    "COMPOSITE": _instances,
    "UIDREF": _uid,
    "TEXT": _tool_name,
}
"""Value Type (0040,A040) → the reading of its value."""

_NOT_READ = frozenset({"CONTAINER", "DATE", "TIME", "DATETIME", "PNAME", "WAVEFORM", "TCOORD", "TABLE"})
"""The other value types of the standard: what they hold says nothing of a place."""
