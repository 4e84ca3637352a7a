"""What a radiologist drew: exact geometry in the pixel centres frame, (x, y), before any producer wrote it down."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]
Ends = tuple[Point, Point]


@dataclass(frozen=True)
class Pair:
    """A bidimensional measurement: a bookmark of kind ``recist``. ``labelled``: the viewer shows its lengths."""

    long: Ends
    short: Ends
    labelled: bool = True


@dataclass(frozen=True)
class Line:
    """A single measured line: ``line``."""

    ends: Ends
    labelled: bool = True


@dataclass(frozen=True)
class Arrow:
    """An arrow: ``arrow``. Styles that write it as a text leave the tail out."""

    tip: Point
    tail: Point
    words: str = "nodule"


@dataclass(frozen=True)
class Ellipse:
    """Axis ends, major first: ``ellipse``."""

    major: Ends
    minor: Ends


@dataclass(frozen=True)
class Circle:
    """Centre and radius in pixels: ``ellipse``."""

    centre: Point
    radius: float


@dataclass(frozen=True)
class Outline:
    """A closed contour, the first vertex not repeated: ``polygon``."""

    vertices: tuple[Point, ...]


@dataclass(frozen=True)
class Curve:
    """A closed interpolated curve, the first point not repeated: ``polygon``."""

    points: tuple[Point, ...]


@dataclass(frozen=True)
class Angle:
    """Two sides that meet at ``vertex``: no bookmark."""

    first: Point
    vertex: Point
    last: Point


@dataclass(frozen=True)
class Cobb:
    """Two lines that need not meet, with an angle: no bookmark."""

    first: Ends
    second: Ends


@dataclass(frozen=True)
class Perpendicular:
    """A base line and a perpendicular that stands on it: no bookmark."""

    base: Ends
    foot: Ends


@dataclass(frozen=True)
class CrossHair:
    """Two lines over the whole image: no bookmark."""

    at: Point


@dataclass(frozen=True)
class Scale:
    """A ruler with ticks at the edge: no bookmark."""

    ends: Ends
    ticks: int = 5


@dataclass(frozen=True)
class OpenPath:
    """An open polyline of three or more points: no bookmark."""

    points: tuple[Point, ...]


@dataclass(frozen=True)
class Spot:
    """A single point: no bookmark."""

    at: Point


@dataclass(frozen=True)
class Note:
    """A text that points at nothing: no bookmark."""

    at: Point
    words: str = "see report"


Drawing = (
    Pair
    | Line
    | Arrow
    | Ellipse
    | Circle
    | Outline
    | Curve
    | Angle
    | Cobb
    | Perpendicular
    | CrossHair
    | Scale
    | OpenPath
    | Spot
    | Note
)
