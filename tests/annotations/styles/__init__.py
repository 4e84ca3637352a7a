"""How producers write what was drawn: one function a style, after the table of producers in the README.

A style gets the drawings on one image and adds Graphic Annotation items and layers (with descriptions) to a sheet.
"""

from __future__ import annotations

from collections.abc import Mapping

from miner.records import Encoding
from tests.annotations.styles.compound import compound
from tests.annotations.styles.display import display
from tests.annotations.styles.geometry import across, between, degrees, head, lines_of, middle, plain
from tests.annotations.styles.sheet import Sheet, Style, View
from tests.annotations.styles.viewers import agfa, bluelight, clearcanvas, meddream, one_item, sectra, weasis
from tests.annotations.truth import Note

__all__ = [
    "LEFT_OUT",
    "STYLES",
    "STYLE_ENCODINGS",
    "Sheet",
    "Style",
    "View",
    "across",
    "between",
    "degrees",
    "head",
    "lines_of",
    "middle",
    "plain",
]

STYLES: dict[str, Style] = {
    "clearcanvas": clearcanvas,
    "weasis": weasis,
    "agfa": agfa,
    "sectra": sectra,
    "bluelight": bluelight,
    "compound": compound,
    "display": display,
    "meddream": meddream,
    "highdicom": one_item,
}
"""Style → its writer."""

_SHAPES = frozenset({Encoding.GSPS_POLYLINE, Encoding.GSPS_CIRCLE, Encoding.GSPS_ELLIPSE, Encoding.GSPS_INTERPOLATED})
_WITH_TEXT_ARROWS = _SHAPES | {Encoding.GSPS_TEXT}

STYLE_ENCODINGS: Mapping[str, frozenset[Encoding]] = {
    "clearcanvas": _WITH_TEXT_ARROWS,
    "weasis": _WITH_TEXT_ARROWS,
    "agfa": _SHAPES,
    "sectra": _WITH_TEXT_ARROWS,
    "bluelight": _SHAPES,
    "compound": (_SHAPES - {Encoding.GSPS_ELLIPSE}) | {Encoding.GSPS_COMPOUND},
    "display": frozenset({Encoding.GSPS_DISPLAY}),
    "meddream": _SHAPES,
    "highdicom": _WITH_TEXT_ARROWS,
}
"""Style → the encodings that its bookmarks may have."""

LEFT_OUT: Mapping[str, frozenset[type]] = {"bluelight": frozenset({Note})}
"""Style → drawings that it cannot write and leaves out."""
