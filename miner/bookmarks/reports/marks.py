"""The places and numbers of one report become its marks and refusals: each ends in exactly one of them, or labels one.

Two things are not one to one. The same coordinates written again in one scope, as dcmjs does for the area and the
perimeter of one outline, are one place. One polyline that is both axes of a bidimensional measurement is two marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from miner.bookmarks.reports.codes import AXES, OUTLINING, TOOLS, Term
from miner.bookmarks.reports.content import Item, Tree
from miner.bookmarks.reports.coordinates import Drawn, Hints, Unreadable, crossed_axes, draw
from miner.bookmarks.reports.groups import Place, Scope, tail_of
from miner.bookmarks.reports.images import Sources, images_of, one_image, segmentation_in
from miner.bookmarks.reports.quantities import Quantity
from miner.bookmarks.reports.subjects import Subjects
from miner.bookmarks.tools import Tool
from miner.errors import Reason
from miner.records import (
    UNKNOWN_IMAGE,
    Axis,
    Encoding,
    ImageReference,
    Mark,
    MarkRefusal,
    Measurement,
    Shape,
    SpatialMark,
)

_PATHS = frozenset({Shape.LINE, Shape.POLYLINE})
_ROUND = frozenset({Shape.CIRCLE, Shape.ELLIPSE})
_TERMS = {axis: term for term, axis in AXES.items()}

Settled = Mark | SpatialMark | MarkRefusal


@dataclass(frozen=True, slots=True)
class Marks:
    """What a report comes to. Orders of all three count 0, 1, 2 … without a gap, in document order.

    ``groups``: number of its measurement groups.
    """

    marks: tuple[Mark, ...]
    spatial: tuple[SpatialMark, ...]
    refused: tuple[MarkRefusal, ...]
    groups: int


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all places of one scope share.

    ``group``: its number, None for loose ones; ``item``: its place in order; ``tool``: what its viewer names;
    ``outlining``: that tool only draws closed outlines; ``both_axes``: it is a bidimensional measurement; ``images``:
    those that the scope names; ``of_report``: all.
    """

    scope: Scope
    tree: Tree
    sources: Sources
    subjects: Subjects
    item: int
    group: int | None
    tool: Tool
    outlining: bool
    both_axes: bool
    images: tuple[ImageReference, ...]
    of_report: tuple[ImageReference, ...]


def marks_of(tree: Tree, scopes: Sequence[Scope], images: Sequence[ImageReference]) -> Marks:
    """Marks and refusals of a report. ``images``: all that it names."""
    found: list[tuple[int, Settled]] = []
    sources, subjects = Sources(tree), Subjects(tree)
    groups = 0
    for item, scope in enumerate(scopes):
        both_axes, name = scope.has_both_axes, scope.tool_name
        grouped = scope.is_group or (both_axes and not scope.is_root)
        setting = _Setting(
            scope,
            tree,
            sources,
            subjects,
            item,
            groups if grouped else None,
            TOOLS.get(name, Tool.NONE),
            name in OUTLINING,
            both_axes,
            () if scope.is_root else images_of(scope.items),
            tuple(images),
        )
        groups += grouped
        found += _of_scope(setting)
    ordered = [_numbered(settled, order) for order, (_, settled) in enumerate(sorted(found, key=lambda pair: pair[0]))]
    return Marks(
        tuple(settled for settled in ordered if isinstance(settled, Mark)),
        tuple(settled for settled in ordered if isinstance(settled, SpatialMark)),
        tuple(settled for settled in ordered if isinstance(settled, MarkRefusal)),
        groups,
    )


def _of_scope(setting: _Setting) -> Iterator[tuple[int, Settled]]:
    """Everything of one scope, each with the index of its content item."""
    scope = setting.scope
    for place in _without_repeats(setting):
        for settled in _settle(place, setting):
            yield place.item.index, settled
    yield from ((item.index, MarkRefusal(Reason.MALFORMED_GRAPHIC, 0)) for item in scope.items if _is_broken(item))
    image = setting.images[0] if len(setting.images) == 1 else None
    if not scope.places and (scope.is_group or scope.left) and segmentation_in(scope.items):
        yield scope.container.index, MarkRefusal(Reason.SEGMENTATION, 0, image)
        return
    for item in scope.left:
        if isinstance(item.value, Quantity) and _is_measured(item.value, scope):
            yield item.index, MarkRefusal(Reason.NO_COORDINATES, 0, image)


def _is_broken(item: Item) -> bool:
    """Whether it cannot be read and no place is made of it: what it was meant to say is lost, so it counts."""
    return item.fault and not (item.is_place or item.value_type in ("IMAGE", "COMPOSITE"))


def _is_measured(number: Quantity, scope: Scope) -> bool:
    return number.is_length if scope.is_group else number.is_named_length


# -------------------------------------------------------------------------------------------------------------- places


def _without_repeats(setting: _Setting) -> list[Place]:
    """The places of a scope, those with the same coordinates on the same image as one, with the numbers of both."""
    kept: dict[object, Place] = {}
    for place in setting.scope.places:
        images = setting.sources.of(place.item)
        alone = place.graphic is None or isinstance(images, Reason)
        key = place.item.index if alone else (place.graphic, images)
        first = kept.setdefault(key, place)
        if first is not place:
            first.numbers |= place.numbers
    return list(kept.values())


def _settle(place: Place, setting: _Setting) -> Iterator[Settled]:
    """One place as one mark or refusal, or as the two axes that it draws."""
    if place.graphic is None:
        yield MarkRefusal(Reason.MALFORMED_GRAPHIC, 0)
        return
    axes = crossed_axes(place.graphic) if _names_both_axes(place) else None
    if axes is not None:
        for line, axis in zip(axes, Axis, strict=True):
            yield _placed(place, line, Tool.BIDIRECTIONAL, axis, setting)
        return
    hints = Hints(
        setting.tool,
        encloses=setting.outlining or any(number.is_area for number in place.numbers),
        tail=tail_of(place, setting.scope, setting.tree),
    )
    drawn = draw(place.graphic, hints)
    if isinstance(drawn, Unreadable):
        yield MarkRefusal(drawn.reason, 0, _known_image(place, setting), drawn.shape)
    else:
        yield _placed(place, drawn, _tool(place, drawn, setting), None, setting)


def _names_both_axes(place: Place) -> bool:
    return {AXES[number.term] for number in place.numbers if number.term in AXES} == set(Axis)


def _tool(place: Place, drawn: Drawn, setting: _Setting) -> Tool:
    """The tool that the viewer names, or else that the shape or what was measured shows."""
    named = setting.tool
    if named or drawn.shape is Shape.ARROW:
        return named or Tool.ARROW
    if drawn.shape not in _PATHS:
        return Tool.NONE
    terms = {number.term for number in place.numbers}
    if Term.COBB_ANGLE in terms:
        return Tool.COBB
    if any(number.is_angle for number in place.numbers):
        return Tool.ANGLE
    if Term.CALIBRATION in terms:
        return Tool.CALIBRATION
    both = drawn.shape is Shape.LINE and place.axis is not None and setting.both_axes
    return Tool.BIDIRECTIONAL if both else Tool.NONE


def _placed(place: Place, drawn: Drawn, tool: Tool, axis: Axis | None, setting: _Setting) -> Settled:
    """A shape with all that is known of it, on its image or in patient space."""
    assert place.graphic is not None, "a drawn shape has coordinates"
    if drawn.shape is Shape.LINE and axis is None:
        axis = place.axis
    subject = setting.subjects.of(place, setting.scope)
    in_space = place.graphic.dimensions == 3
    images = _candidates(place, setting) if in_space else _image(place, setting)
    if isinstance(images, Reason):
        return MarkRefusal(images, 0, None, drawn.shape)
    mark = Mark(
        shape=drawn.shape,
        image=images if isinstance(images, ImageReference) else next(iter(images), UNKNOWN_IMAGE),
        points=() if in_space else tuple((x, y) for x, y in drawn.points),
        encoding=Encoding.SR_SCOORD3D if in_space else Encoding.SR_TID1500,
        order=0,
        item=setting.item,
        tool=tool.value,
        texts=_texts(place.numbers, drawn.shape, axis),
        group=setting.group,
        axis=axis,
        tracking=subject.tracking,
        finding=subject.finding,
        site=subject.site,
    )
    if isinstance(images, ImageReference):
        return mark
    if not place.graphic.frame_of_reference:
        return MarkRefusal(Reason.FRAME_OF_REFERENCE, 0, None, drawn.shape)
    points = tuple((x, y, z) for x, y, z in drawn.points)
    return SpatialMark(mark, points, place.graphic.frame_of_reference, images)


def _texts(numbers: Iterable[Quantity], shape: Shape, axis: Axis | None) -> tuple[Measurement, ...]:
    """The measurements that label a shape: of a line its lengths and angles, of a round one its sizes of any kind.

    A line that is one axis is not labelled with the other. Arrows and outlines have no length to compare.
    """
    if shape in _PATHS:
        other = {_TERMS[name] for name in Axis if axis is not None and name is not axis}
        chosen = [number for number in numbers if (number.is_length or number.is_angle) and number.term not in other]
    elif shape in _ROUND:
        chosen = [number for number in numbers if not number.is_angle]
    else:
        return ()
    measured = (number.measurement() for number in chosen)
    return tuple(dict.fromkeys(found for found in measured if found is not None))


# -------------------------------------------------------------------------------------------------------------- images


def _image(place: Place, setting: _Setting) -> ImageReference | Reason:
    own = setting.sources.of(place.item)
    return own if isinstance(own, Reason) else one_image(own, setting.images, setting.of_report)


def _known_image(place: Place, setting: _Setting) -> ImageReference | None:
    """The image of a place on one; of a place in space it is not known yet."""
    image = _image(place, setting) if place.graphic is not None and place.graphic.dimensions == 2 else None
    return image if isinstance(image, ImageReference) else None


def _candidates(place: Place, setting: _Setting) -> tuple[ImageReference, ...] | Reason:
    """The images that one in space may lie on: its own, else its group's, else the report's. None need be named:
    the frame of reference is enough (PS3.3 C.18.9)."""
    own = setting.sources.of(place.item)
    if isinstance(own, Reason):
        return own
    if not own:
        setting.sources.count(others := setting.images or setting.of_report)
        return others
    return own


def _numbered(settled: Settled, order: int) -> Settled:
    if isinstance(settled, SpatialMark):
        return replace(settled, mark=replace(settled.mark, order=order))
    return replace(settled, order=order)
