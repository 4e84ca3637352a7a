"""Which numbers belong to which coordinates."""

from __future__ import annotations

from collections.abc import Callable

from miner.bookmarks.references import KnownImages
from miner.bookmarks.reports.codes import Term
from miner.bookmarks.reports.content import Tree, read_tree
from miner.bookmarks.reports.groups import Scope, scopes_of, tail_of
from miner.bookmarks.reports.quantities import Quantity
from miner.records import Axis
from tests.bookmarks.reports.conftest import Content

Scopes = Callable[..., list[Scope]]


def groups(scopes: list[Scope]) -> list[Scope]:
    return [scope for scope in scopes if scope.is_group]


def test_a_group_at_any_depth(sr: Content, scopes: Scopes) -> None:
    deep = sr.container(sr.container(sr.container(sr.group(sr.line(1, 2, 3, 4)))))
    (group,) = groups(scopes(deep, sr.group(), name := sr.container()))[:1]
    assert len(group.places) == 1
    assert name is not None


def test_a_group_in_a_group_is_one_of_its_own(sr: Content, scopes: Scopes) -> None:
    outer, inner = groups(scopes(sr.group(sr.line(1, 2, 3, 4), sr.group(sr.line(5, 6, 7, 8)))))
    assert [len(scope.places) for scope in (outer, inner)] == [1, 1]


def test_a_container_in_a_group_belongs_to_it(sr: Content, scopes: Scopes) -> None:
    (group,) = groups(scopes(sr.group(sr.container(sr.number(sr.LENGTH, 5)), sr.container(sr.line(1, 2, 3, 4)))))
    assert len(group.places) == 1
    assert list(group.places[0].numbers) == [Quantity(Term.LENGTH, 5.0, "mm")]


def test_the_report_itself_may_be_the_group(sr: Content) -> None:
    """dwv 0.34: the root is the group, and each of its coordinates holds its own numbers."""
    below = [sr.coordinates("POLYLINE", [1, 2, 3, 4], sr.number(sr.LENGTH, size)) for size in (5, 6)]
    (scope,) = scopes_of(read_tree(sr.report(*below, name=sr.GROUP), KnownImages.of(())))
    assert scope.is_group
    assert [[number.value for number in place.numbers] for place in scope.places] == [[5.0], [6.0]]


def test_numbers_inferred_from_coordinates(sr: Content, scopes: Scopes) -> None:
    (group,) = groups(
        scopes(
            sr.group(
                sr.number(sr.LONG, 20, "mm", sr.line(0, 0, 20, 0)), sr.number(sr.SHORT, 10, "mm", sr.line(5, 5, 5, 15))
            )
        )
    )
    assert [place.axis for place in group.places] == [Axis.LONG, Axis.SHORT]
    assert group.has_both_axes
    assert not group.left


def test_numbers_inferred_by_reference(sr: Content, scopes: Scopes) -> None:
    line = sr.line(0, 0, 20, 0)
    number = sr.number(sr.LONG, 20, "mm", sr.reference(1, 1, 1, relationship="INFERRED FROM"))
    (group,) = groups(scopes(sr.group(line, sr.line(1, 1, 2, 2), number)))
    assert [place.axis for place in group.places] == [Axis.LONG, None]
    assert not group.left


def test_coordinates_elsewhere_belong_to_the_group_that_measures_them(sr: Content, scopes: Scopes) -> None:
    number = sr.number(sr.LENGTH, 20, "mm", sr.reference(1, 1, 1, relationship="INFERRED FROM"))
    found = scopes(sr.container(sr.line(0, 0, 20, 0)), sr.group(number))
    assert [len(scope.places) for scope in found if scope.is_group] == [1]
    assert sum(len(scope.places) for scope in found) == 1


def test_a_reference_to_a_group_ties_nothing(sr: Content, scopes: Scopes) -> None:
    """dcmjs names a position that is not the coordinates'."""
    area = sr.number(sr.AREA, 7, "mm2", sr.reference(1, 1, 1, relationship="INFERRED FROM"))
    perimeter = sr.number(("SCT", "131191004"), 9, "mm", sr.coordinates("POLYLINE", [0, 0, 4, 0, 4, 4]))
    (group,) = groups(scopes(sr.container(sr.group(perimeter, area))))
    assert {number.term for number in group.places[0].numbers} == {Term.AROUND, Term.AREA}


def test_a_number_beside_the_only_coordinates(sr: Content, scopes: Scopes) -> None:
    region = sr.coordinates("POLYLINE", [1, 2, 3, 4], name=sr.REGION)
    (group,) = groups(scopes(sr.group(region, sr.number(sr.LENGTH, 5), sr.number(sr.ANGLE, 3, "deg"))))
    assert len(group.places[0].numbers) == 2


def test_a_length_beside_the_only_line(sr: Content, scopes: Scopes) -> None:
    region = sr.coordinates("CIRCLE", [1, 2, 3, 4])
    (group,) = groups(
        scopes(sr.group(region, sr.line(1, 2, 3, 4), sr.number(sr.LENGTH, 5), sr.number(sr.AREA, 3, "mm2")))
    )
    assert [len(place.numbers) for place in group.places] == [0, 1]
    assert [item.term for item in group.left] == [Term.AREA]


def test_a_length_beside_two_lines_is_left(sr: Content, scopes: Scopes) -> None:
    (group,) = groups(scopes(sr.group(sr.line(1, 2, 3, 4), sr.line(5, 6, 7, 8), sr.number(sr.LENGTH, 5))))
    assert [len(place.numbers) for place in group.places] == [0, 0]
    assert len(group.left) == 1


def test_two_axes_beside_two_lines(sr: Content, scopes: Scopes) -> None:
    numbers = sr.number(sr.SHORT, 10), sr.number(sr.LONG, 20)
    (group,) = groups(scopes(sr.group(sr.line(5, 5, 5, 15), *numbers, sr.line(0, 0, 20, 0))))
    assert [place.axis for place in group.places] == [Axis.SHORT, Axis.LONG]
    assert not group.left


def test_coordinates_may_name_their_axis_themselves(sr: Content, scopes: Scopes) -> None:
    (group,) = groups(scopes(sr.group(sr.coordinates("POLYLINE", [1, 2, 3, 4], name=sr.SHORT))))
    assert group.places[0].axis is Axis.SHORT


def test_a_number_that_is_both_axes_names_none(sr: Content, scopes: Scopes) -> None:
    (group,) = groups(scopes(sr.group(sr.line(1, 2, 3, 4), sr.number(sr.LONG, 5), sr.number(sr.SHORT, 5))))
    assert group.places[0].axis is None


def test_loose_numbers_belong_to_what_stands_beside_them(sr: Content, scopes: Scopes) -> None:
    """A coded finding with its size and its place, in no group at all."""
    finding = sr.coded(sr.FINDING, ("SCT", "27925004"), sr.number(sr.LENGTH, 5), sr.line(1, 2, 3, 4))
    (root,) = scopes(finding, sr.line(5, 6, 7, 8))
    assert [len(place.numbers) for place in root.places] == [1, 0]
    (root,) = scopes(sr.line(5, 6, 7, 8), sr.number(sr.LENGTH, 5))
    assert [len(place.numbers) for place in root.places] == [0]
    assert len(root.left) == 1


def test_places_of_labels_are_none(sr: Content, scopes: Scopes) -> None:
    label = sr.text(("DCM", "125309", "Short Label"), "x", sr.coordinates("POINT", [1, 1], name=sr.REFERENCE_POINTS))
    handle = sr.coordinates("POINT", [1, 1], name=("99CS3D", "TextPosition", "Text Annotation Position"))
    (group,) = groups(scopes(sr.group(sr.line(1, 2, 3, 4), label, handle)))
    assert len(group.places) == 1


def test_an_arrow_s_tail(sr: Content, tree: Callable[..., Tree]) -> None:
    tip = sr.coordinates("POINT", [1, 1], name=sr.REGION)
    tail = sr.coordinates("MULTIPOINT", [9, 9], name=sr.REFERENCE_POINTS)
    found = tree(sr.group(tip, tail), sr.group(tip, tip, tail), sr.container(tip, tail))
    tails = [tail_of(place, scope, found) for scope in scopes_of(found) for place in scope.places]
    assert [tail is not None for tail in tails] == [True, False, False, False]
    below = tree(sr.coordinates("POINT", [1, 1], tail))
    assert tail_of(scopes_of(below)[0].places[0], scopes_of(below)[0], below) is not None


def test_properties_of_numbers_and_of_the_image_list_are_no_measurements(sr: Content, scopes: Scopes) -> None:
    deviation = sr.number(sr.LENGTH, 1, "mm", relationship="HAS PROPERTIES")
    thickness = sr.container(sr.number(sr.LENGTH, 1), name=("DCM", "111028", "Image Library"))
    acquired = sr.number(sr.LENGTH, 1, "mm", relationship="HAS ACQ CONTEXT")
    found = scopes(sr.group(sr.number(sr.LENGTH, 5, "mm", deviation)), thickness, acquired)
    assert sum(len(scope.left) for scope in found) == 1


def test_a_number_inferred_from_measured_numbers_has_coordinates(sr: Content, scopes: Scopes) -> None:
    mean = sr.number(sr.LENGTH, 15, "mm", *(sr.number(sr.LENGTH, 1, "mm", sr.line(1, 2, 3, 4)) for _ in range(2)))
    (group,) = groups(scopes(sr.group(mean)))
    assert not group.left
    assert [[number.value for number in place.numbers] for place in group.places] == [[1.0], [1.0]]


def test_thousands_of_items_in_one_group(sr: Content, scopes: Scopes) -> None:
    below = [sr.line(1, 2, 3, 4, image=None)] * 1500 + [sr.number(sr.LENGTH, 5)] * 1500
    (group,) = groups(scopes(sr.group(*below)))
    assert len(group.places) == len(group.left) == 1500
