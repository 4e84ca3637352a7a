"""The closed vocabulary of measuring tools, and how layer descriptions and labels name them.

Producers name the tool in Graphic Layer Description (0070,0068) (PS3.3 C.10.7) or in its text. A person may have typed
there too, so only the words of this table are ever looked for, and nothing else of the text is kept.
"""

from __future__ import annotations

import re
from enum import StrEnum

MAX_WORDS = 6
"""A description of more words than this is prose, not the name of a tool."""


class Tool(StrEnum):
    """What an annotation was drawn with."""

    NONE = ""
    DISTANCE = "distance"
    LINE = "line"
    BIDIRECTIONAL = "bidirectional"
    ARROW = "arrow"
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    CONTOUR = "contour"
    POINT = "point"
    TEXT = "text"
    ANGLE = "angle"
    COBB = "cobb"
    PERPENDICULAR = "perpendicular"
    CALIBRATION = "calibration"
    CROSSHAIR = "crosshair"
    LEG_LENGTH = "leg-length"


ANGLES = frozenset({Tool.ANGLE, Tool.COBB})
NOT_A_LESION = frozenset({Tool.PERPENDICULAR, Tool.CALIBRATION, Tool.CROSSHAIR, Tool.LEG_LENGTH})

_NAMES: tuple[tuple[str, Tool], ...] = (
    # the first that occurs wins, so the telling words stand before the general ones
    ("cobb", Tool.COBB),
    ("angle", Tool.ANGLE),
    ("protractor", Tool.ANGLE),
    ("calibration", Tool.CALIBRATION),
    ("calibrate", Tool.CALIBRATION),
    ("leg length", Tool.LEG_LENGTH),
    ("crosshair", Tool.CROSSHAIR),
    ("crosshairs", Tool.CROSSHAIR),
    ("cross hair", Tool.CROSSHAIR),
    ("bidirectional", Tool.BIDIRECTIONAL),
    ("bidimensional", Tool.BIDIRECTIONAL),
    ("recist", Tool.BIDIRECTIONAL),
    ("perpendicular", Tool.PERPENDICULAR),
    ("arrow", Tool.ARROW),
    ("distance", Tool.DISTANCE),
    ("length", Tool.DISTANCE),
    ("ruler", Tool.DISTANCE),
    ("caliper", Tool.DISTANCE),
    ("ellipse", Tool.ELLIPSE),
    ("oval", Tool.ELLIPSE),
    ("circle", Tool.ELLIPSE),
    ("rectangle", Tool.RECTANGLE),
    ("polygon", Tool.CONTOUR),
    ("freehand", Tool.CONTOUR),
    ("contour", Tool.CONTOUR),
    ("polyline", Tool.NONE),
    ("line", Tool.LINE),
    ("point", Tool.POINT),
    ("text", Tool.TEXT),
)

_PATTERNS = tuple((re.compile(rf"(?<![a-z]){name.replace(' ', '[ _-]?')}(?![a-z])"), tool) for name, tool in _NAMES)
_LABEL_TOOLS = ANGLES | NOT_A_LESION


def tool_of_description(description: str) -> Tool:
    """The tool that a layer's description names; NONE for an empty one, a sentence, or words that are not ours.

    >>> tool_of_description("Calibration Ruler"), tool_of_description("Measurement oval"), tool_of_description("Smith")
    (<Tool.CALIBRATION: 'calibration'>, <Tool.ELLIPSE: 'ellipse'>, <Tool.NONE: ''>)
    """
    if len(description.split()) > MAX_WORDS:
        return Tool.NONE
    return _first(description)


def tool_of_label(label: str) -> Tool:
    """The tool that a measurement's label opens with (``Cobb : 12°``), of those that are no lesion; else NONE.

    Only a name before a colon or an equals sign counts: a person may well write "at the angle of the jaw".
    """
    name, separator, _ = re.split(r"([:=])", label, maxsplit=1) if re.search(r"[:=]", label) else (label, "", "")
    if not separator or len(name.split()) > 2:
        return Tool.NONE
    tool = _first(name)
    return tool if tool in _LABEL_TOOLS else Tool.NONE


def _first(words: str) -> Tool:
    lowered = words.lower()
    return next((tool for pattern, tool in _PATTERNS if pattern.search(lowered)), Tool.NONE)
