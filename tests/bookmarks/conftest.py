"""Shared by the tests of the bookmarks room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from miner.bookmarks import read_object
from miner.records import AnnotationObject, Encoding, ImageReference, Mark, Measurement, Point, Shape
from tests.annotations import save

Read = Callable[[FileDataset], AnnotationObject]
MakeLine = Callable[..., Mark]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a state to a file and read it as the miner does."""
    return lambda state: read_object(save(state, tmp_path))


@pytest.fixture
def image_reference() -> ImageReference:
    return ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2")


@pytest.fixture
def mark(image_reference: ImageReference) -> Callable[..., Mark]:
    """Any mark; by default each stands in an item and a layer of its own, in the order given."""

    def make(shape: Shape, points: Sequence[Point], order: int = 0, **fields: object) -> Mark:
        values: dict[str, object] = {"item": order, "layer": 1, **fields}
        return Mark(shape, image_reference, tuple(points), Encoding.GSPS_POLYLINE, order, **values)  # type: ignore[arg-type]

    return make


@pytest.fixture
def line(mark: Callable[..., Mark]) -> MakeLine:
    """A line from a to b."""

    def make(a: Point, b: Point, order: int = 0, *, texts: Sequence[Measurement] = (), **fields: object) -> Mark:
        return mark(Shape.LINE, (a, b), order, texts=tuple(texts), **fields)

    return make
