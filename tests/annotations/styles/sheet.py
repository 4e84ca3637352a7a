"""What a style writes on: one image's Graphic Annotation items and their layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from tests.annotations.truth import Drawing, Point


@dataclass(frozen=True)
class View:
    """How an image is shown: corner pixels of its displayed area, rotation in degrees clockwise, then the flip.

    ``before``, ``after``: the corners as the image is stored and as it is shown (PS3.3 C.10.4 names them after rotation
    and flip, many writers before). ``edges``: the writer counts edges from 0, not pixels from 1.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    rotation: int = 0
    flipped: bool = False
    edges: bool = False


@dataclass
class Sheet:
    """One image under one style: its items, its layers (name → description), its spacing (row, column) in mm.

    ``seed``: of the state, and of the image in it. ``view``: how the style shows the image, None: all of it, as stored.
    """

    image: Dataset
    alone: bool
    items: list[Dataset] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=dict)
    count: int = 0
    seed: tuple[int, int] = (0, 0)
    view: View | None = None

    @property
    def spacing(self) -> tuple[float, float]:
        row, column = self.image.PixelSpacing
        return float(row), float(column)

    def mm(self, a: Point, b: Point) -> float:
        """Length in mm."""
        row, column = self.spacing
        return math.hypot((a[0] - b[0]) * column, (a[1] - b[1]) * row)

    def number(self) -> int:
        """A number that no other annotation of the object has."""
        self.count += 1
        return self.count


Style = Callable[[Sheet, Sequence[Drawing]], None]
