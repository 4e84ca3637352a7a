"""Measurement groups (PS3.16 TID 1410, 1411, 1501) and loose measurements: which coordinates, which numbers, what of.

Templates are rarely named and loosely followed, so nothing here asks for one. A scope is a measurement group, at
whatever depth; outside of groups, the container that an item stands in. Within a scope a number belongs to coordinates
that it is inferred from, by value or by reference, or that hold it; a number beside coordinates belongs to them where
only one place can be meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from miner.bookmarks.reports.codes import AXES, Term
from miner.bookmarks.reports.content import Graphic, Item, Tree
from miner.bookmarks.reports.quantities import Quantity
from miner.records import Axis

_AIDS = frozenset({Term.REFERENCE_POINTS, Term.DRAWING_AID})
"""Coordinates that say where a label or a handle stands: no place of a finding."""


@dataclass(slots=True)
class Place:
    """Coordinates that mean a place, and the numbers measured there. ``item``: of the coordinates."""

    item: Item
    numbers: dict[Quantity, None] = field(default_factory=dict)

    @property
    def graphic(self) -> Graphic | None:
        """Its coordinates; None where they cannot be read."""
        return self.item.value if isinstance(self.item.value, Graphic) else None

    @property
    def points(self) -> int:
        """How many points it has."""
        return len(self.graphic.data) // self.graphic.dimensions if self.graphic else 0

    @property
    def is_line(self) -> bool:
        """Whether two points joined by a line."""
        return self.points == 2 and self.graphic is not None and self.graphic.kind == "POLYLINE"

    @property
    def axis(self) -> Axis | None:
        """Which axis its numbers, or else its own name, say that it is; None where they say nothing or both."""
        named = {AXES[number.term] for number in self.numbers if number.term in AXES}
        if not named and self.item.term in AXES:
            named = {AXES[self.item.term]}
        return named.pop() if len(named) == 1 else None


@dataclass(slots=True)
class Scope:
    """A measurement group, or a container of loose items. ``left``: numbers that belong to no coordinates."""

    container: Item
    is_group: bool
    items: list[Item] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    left: list[Item] = field(default_factory=list)

    @property
    def is_root(self) -> bool:
        """Whether it is what stands in no container but the report."""
        return self.container.index == 0 and not self.is_group

    @property
    def tool_name(self) -> str:
        """The tool that the viewer names in its Tracking Identifier; empty where none is named."""
        if self.is_root:
            return ""
        named = (item.value for item in self.items if item.term is Term.TRACKING_IDENTIFIER)
        return next((name for name in named if isinstance(name, str)), "")

    @property
    def has_both_axes(self) -> bool:
        """Whether it holds one long and one short axis, each with its coordinates."""
        axes = [place.axis for place in self.places if place.axis is not None]
        return sorted(axes) == [Axis.LONG, Axis.SHORT]


def scopes_of(tree: Tree) -> list[Scope]:
    """All scopes of a report in document order, each with its places and numbers."""
    scopes = _scopes(tree)
    scope_at = {item.index: scope for scope in scopes for item in scope.items}
    places = {item.index: Place(item) for item in tree if item.is_place and item.term not in _AIDS}
    ties = _ties(tree, places)
    measuring = {place.item.index: scope_at[number.index] for number, place in ties if scope_at[number.index].is_group}
    for index, place in places.items():
        scope = scope_at[index]
        # coordinates that stand elsewhere belong to the group whose number is inferred from them
        (scope if scope.is_group else measuring.get(index, scope)).places.append(place)
    linked = _link(ties, tree)
    for item in tree:
        if isinstance(item.value, Quantity) and item.index not in linked and _stands_alone(item, tree):
            scope_at[item.index].left.append(item)
    for scope in scopes:
        _settle(scope)
    return scopes


def tail_of(place: Place, scope: Scope, tree: Tree) -> Graphic | None:
    """The tail of an arrow that is written as a point: reference points of one point below it, or in its group.

    dwv writes so, with the tip as the group's only place.
    """
    beside = tree.children(scope.container) if scope.is_group and len(scope.places) == 1 else ()
    for item in (*tree.children(place.item), *beside):
        if item.term is Term.REFERENCE_POINTS and isinstance(item.value, Graphic) and item.value.kind == "MULTIPOINT":
            return item.value if len(item.value.data) == item.value.dimensions else None
    return None


# ------------------------------------------------------------------------------------------------------------- scopes


def _scopes(tree: Tree) -> list[Scope]:
    scopes: dict[int, Scope] = {}
    scope_at: list[Scope] = []
    for item in tree:
        container = item.value_type == "CONTAINER" or item.index == 0
        is_group = container and item.term is Term.MEASUREMENT_GROUP
        above = scope_at[item.parent] if item.parent >= 0 else None
        if above is None or is_group or (container and not above.is_group):
            above = scopes[item.index] = Scope(item, is_group)
        above.items.append(item)
        scope_at.append(above)
    return list(scopes.values())


# -------------------------------------------------------------------------------------------------- numbers and places


def _ties(tree: Tree, places: Mapping[int, Place]) -> list[tuple[Item, Place]]:
    """Numbers and the places that the tree ties them to: inferred from them, by value or reference, or below them."""
    ties: list[tuple[Item, Place]] = []
    for item in tree:
        target = item.target if item.by_reference else item.index
        place = places.get(target) if target is not None else None
        holder = _above(item, tree) if place is not None else None
        if place is not None and holder is not None:
            ties.append((holder, place))
        if isinstance(item.value, Quantity):
            outer = next((above for above in tree.ancestors(item) if above.is_place), None)
            if outer is not None and outer.index in places:
                ties.append((item, places[outer.index]))
    return ties


def _link(ties: Iterable[tuple[Item, Place]], tree: Tree) -> set[int]:
    """Give each place its numbers; the indices of all numbers that have coordinates.

    A number that is inferred from numbers with coordinates has them too.
    """
    linked: set[int] = set()
    for number, place in ties:
        if isinstance(number.value, Quantity):
            place.numbers[number.value] = None
        linked.add(number.index)
        linked.update(above.index for above in tree.ancestors(number) if above.value_type == "NUM")
    return linked


def _above(item: Item, tree: Tree) -> Item | None:
    """The number that is inferred from an item."""
    return next((above for above in tree.ancestors(item) if above.value_type == "NUM"), None)


def _stands_alone(item: Item, tree: Tree) -> bool:
    """Whether a number is a measurement of its own: no property of another one, and none of the images' listing."""
    if item.relationship == "HAS ACQ CONTEXT":
        return False
    return not any(above.value_type == "NUM" or above.term is Term.IMAGE_LIBRARY for above in tree.ancestors(item))


def _settle(scope: Scope) -> None:
    """Numbers beside coordinates go to the place that they can only mean; the others are left."""
    if not scope.is_root:
        _share_axes(scope)
    only = scope.places[0] if len(scope.places) == 1 and not scope.is_root else None
    bare = [place for place in scope.places if place.is_line and not place.numbers] if not scope.is_root else []
    beside: dict[int, list[Place]] = {}
    for place in scope.places:
        beside.setdefault(place.item.parent, []).append(place)
    left: list[Item] = []
    for item in scope.left:
        assert isinstance(item.value, Quantity), "a number that is left has its value read"
        siblings = beside.get(item.parent, []) if item.parent > 0 else []
        home = only or (siblings[0] if len(siblings) == 1 else None)
        if home is None and len(bare) == 1 and item.value.is_length:
            home = bare[0]
        if home is None:
            left.append(item)
        else:
            home.numbers[item.value] = None
    scope.left = left


def _share_axes(scope: Scope) -> None:
    """A long and a short axis beside two lines: the longer line is the long axis."""
    lines = sorted((place for place in scope.places if place.is_line and not place.numbers), key=_extent, reverse=True)
    axes = {
        item.value.term: item for item in scope.left if isinstance(item.value, Quantity) and item.value.term in AXES
    }
    if len(lines) != 2 or len(axes) != 2:
        return
    for line, term in zip(lines, (Term.LONG_AXIS, Term.SHORT_AXIS), strict=True):
        number = axes[term].value
        assert isinstance(number, Quantity), "chosen for being one"
        line.numbers[number] = None
    shared = {item.index for item in axes.values()}
    scope.left = [item for item in scope.left if item.index not in shared]


def _extent(place: Place) -> float:
    graphic = place.graphic
    if graphic is None:
        return 0.0
    half = len(graphic.data) // 2
    return sum((b - a) ** 2 for a, b in zip(graphic.data[:half], graphic.data[half:], strict=True))
