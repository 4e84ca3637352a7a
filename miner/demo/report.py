"""The report of a demonstration: one self-contained HTML file.

Nothing is fetched when it is opened: pictures are inlined as PNG, lines over them are SVG, and there is no script.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from miner.errors import Reason
from miner.explanations import EXPLANATIONS
from miner.records import Kind

Point = tuple[float, float]

_KIND_WORDS = {
    Kind.RECIST: "RECIST pairs",
    Kind.LINE: "Lines",
    Kind.ARROW: "Arrows",
    Kind.ELLIPSE: "Ellipses",
    Kind.POLYGON: "Polygons",
}
_SMALLEST_VIEW = 56.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the way: what is counted, how many, and half a sentence about it."""

    label: str
    count: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """Things refused for one reason. ``what``: ``marks``, ``objects``, ``series``, ``studies`` or the like."""

    reason: Reason
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class LesionPicture:
    """One lesion on its key slice.

    ``grey``: the slice, windowed, uint8, shape (rows, columns). ``long_axis``, ``short_axis``: end points in the frame
    of pixel centres, (x, y), (0.0, 0.0) the centre of the first pixel. ``caption``: cells as (name, value).
    ``provenance``: where it stands in the release, one line.
    """

    title: str
    grey: NDArray[np.uint8]
    long_axis: tuple[Point, Point]
    short_axis: tuple[Point, Point]
    long_mm: float
    short_mm: float
    caption: tuple[tuple[str, str], ...] = ()
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything that the report shows.

    ``kinds``: accepted bookmarks by kind. ``timing``: (what, seconds). ``facts``: further (name, value) cells.
    ``places``: (path, what is there). ``note``: one paragraph at the top.
    """

    title: str
    stages: tuple[Stage, ...]
    kinds: tuple[tuple[Kind, int], ...]
    refused: tuple[RefusalCount, ...]
    timing: tuple[tuple[str, float], ...]
    lesions: tuple[LesionPicture, ...]
    note: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    places: tuple[tuple[str, str], ...] = field(default=())


def windowed(hu: ArrayLike, low: float, high: float) -> NDArray[np.uint8]:
    """HU as grey values, shape kept: ``low`` and below is 0, ``high`` and above is 255 (PS3.3 C.11.2.1.2)."""
    values = np.asarray(hu, dtype=np.float32)
    grey = (values - low) * (255.0 / max(high - low, 1.0)) + 0.5
    return np.asarray(np.clip(grey, 0, 255), dtype=np.uint8)


def write_report(path: Path, content: ReportContent) -> None:
    """Write the report as one UTF-8 file. Raises OSError where ``path`` cannot be written."""
    environment = Environment(
        loader=PackageLoader("miner.demo", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.jinja")
    page = template.render(
        content=content,
        kinds=[(_KIND_WORDS[kind], count) for kind, count in content.kinds],
        most=max((count for _, count in content.kinds), default=0),
        refused=[
            (entry.reason.value, _sentence(EXPLANATIONS[entry.reason]), entry.what, entry.count)
            for entry in sorted(content.refused, key=lambda entry: (-entry.count, entry.reason.value))
        ],
        lesions=[_drawn(number, lesion) for number, lesion in enumerate(content.lesions, 1)],
    )
    path.write_text(page, encoding="utf-8")


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A lesion ready for the template, in SVG's frame: the first pixel's corner is (0, 0), so points moved by 0.5."""

    number: int
    lesion: LesionPicture
    columns: int
    rows: int
    png: str
    view: tuple[float, float, float, float]
    long_axis: tuple[float, float, float, float]
    short_axis: tuple[float, float, float, float]


def _drawn(number: int, lesion: LesionPicture) -> _Drawn:
    rows, columns = lesion.grey.shape
    return _Drawn(
        number=number,
        lesion=lesion,
        columns=columns,
        rows=rows,
        png=base64.b64encode(_png(lesion.grey)).decode("ascii"),
        view=_view(lesion, columns, rows),
        long_axis=_corner_frame(lesion.long_axis),
        short_axis=_corner_frame(lesion.short_axis),
    )


def _corner_frame(axis: tuple[Point, Point]) -> tuple[float, float, float, float]:
    (x1, y1), (x2, y2) = axis
    return round(x1 + 0.5, 2), round(y1 + 0.5, 2), round(x2 + 0.5, 2), round(y2 + 0.5, 2)


def _view(lesion: LesionPicture, columns: int, rows: int) -> tuple[float, float, float, float]:
    """The square around a lesion that is shown large, as (left, top, width, height), moved to lie inside the slice."""
    points = (*lesion.long_axis, *lesion.short_axis)
    x, y = (sum(point[axis] for point in points) / len(points) + 0.5 for axis in (0, 1))
    reach = 2.4 * math.dist(*lesion.long_axis)
    side = min(max(reach, _SMALLEST_VIEW), float(columns), float(rows))
    left = min(max(x - side / 2, 0.0), columns - side)
    top = min(max(y - side / 2, 0.0), rows - side)
    return round(left, 1), round(top, 1), round(side, 1), round(side, 1)


def _png(grey: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
