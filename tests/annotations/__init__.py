"""Annotation objects in producers' styles, with exact truth, for tests.

``presentation_state(images, graphics, style)`` writes what a radiologist drew (:mod:`tests.annotations.truth`) as one
producer's viewer would have written it (:mod:`tests.annotations.styles`).
"""

from tests.annotations.states import ct_image, empty_state, presentation_state, save
from tests.annotations.styles import LEFT_OUT, STYLE_ENCODINGS, STYLES
from tests.annotations.truth import (
    Angle,
    Arrow,
    Circle,
    Cobb,
    CrossHair,
    Curve,
    Drawing,
    Ellipse,
    Line,
    Note,
    OpenPath,
    Outline,
    Pair,
    Perpendicular,
    Scale,
    Spot,
)

__all__ = [
    "LEFT_OUT",
    "STYLES",
    "STYLE_ENCODINGS",
    "Angle",
    "Arrow",
    "Circle",
    "Cobb",
    "CrossHair",
    "Curve",
    "Drawing",
    "Ellipse",
    "Line",
    "Note",
    "OpenPath",
    "Outline",
    "Pair",
    "Perpendicular",
    "Scale",
    "Spot",
    "ct_image",
    "empty_state",
    "presentation_state",
    "save",
]
