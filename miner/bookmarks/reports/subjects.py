"""What was measured: tracking identifier, finding and site of coordinates, from what stands nearest to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from miner.bookmarks.reports.codes import Concept, Term, public
from miner.bookmarks.reports.content import Item, Tree
from miner.bookmarks.reports.groups import Place, Scope
from miner.records import Code


@dataclass(frozen=True, slots=True)
class Subject:
    """As in :class:`miner.records.Mark`; empty and None for what is not said."""

    tracking: str = ""
    finding: Code | None = None
    site: Code | None = None


@dataclass(slots=True)
class Subjects:
    """The subjects of one report's places. What an item says of all below it is looked up once."""

    tree: Tree
    _said: dict[int, Subject] = field(default_factory=dict)

    def of(self, place: Place, scope: Scope) -> Subject:
        """Each part from the nearest item that says it: below the coordinates, above them, or beside one of those.

        A tracking identifier of the measurement group comes first: one that stands with a number names that number.
        """
        nearest = [self._said_by(item) for item in (place.item, *self._around(place.item, scope))]
        of_group = self._said_by(scope.container).tracking if scope.is_group else ""
        return Subject(
            of_group or next((subject.tracking for subject in nearest if subject.tracking), ""),
            _first(nearest, lambda subject: subject.finding),
            _first(nearest, lambda subject: subject.site),
        )

    def _around(self, item: Item, scope: Scope) -> Iterator[Item]:
        """The items that hold one, then its group. Loose containers say nothing of all that they hold, unless it is one
        place: the findings of a list are each other's neighbours."""
        inside = scope.container.index + (scope.is_root or (not scope.is_group and len(scope.places) > 1))
        yield from (above for above in self.tree.ancestors(item) if above.index >= inside)
        if scope.is_group:
            yield scope.container

    def _said_by(self, item: Item) -> Subject:
        if item.index not in self._said:
            near = [item, *self.tree.children(item)]
            near += [below for found in near[1:] if found.term is Term.FINDING for below in self.tree.children(found)]
            self._said[item.index] = Subject(_tracking(near), _code(near, Term.FINDING), _code(near, Term.FINDING_SITE))
        return self._said[item.index]


def _first(subjects: Iterable[Subject], part: Callable[[Subject], Code | None]) -> Code | None:
    return next((code for code in map(part, subjects) if code is not None), None)


def _tracking(near: Iterable[Item]) -> str:
    return next((item.value for item in near if item.term is Term.TRACKING_UID and isinstance(item.value, str)), "")


def _code(near: Iterable[Item], term: Term) -> Code | None:
    concepts = (item.value for item in near if item.term is term and isinstance(item.value, Concept))
    return next((code for code in map(public, concepts) if code is not None), None)
