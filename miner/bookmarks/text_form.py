"""The form of a text without its content: what a maintainer needs to read a label, and nobody can be told by."""

from __future__ import annotations

import re
import unicodedata

from miner.bookmarks.tools import Tool, tool_of_description

MAX_FORM = 200
"""Characters of a form that are shown."""

_KEPT = frozenset(" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~°²³×±–—")
_BREAKS = {"\r": "", "\n": "⏎", "\t": " "}
_MEASURES = (
    "length|distance|long|short|axis|diameter|radius|perimeter|circumference|area|volume|angle|"
    "mean|min|max|sd|stddev|width|height|w|h|l|a"
)
_UNITS = "mm|cm|px|pix|pixels?|deg|hu|us"
_UNIT = re.compile(rf"(?<=\d)\s{{0,3}}(?:{_UNITS})(?![^\W_])", re.IGNORECASE)
_LABEL = re.compile(rf"(?<![^\W_])(?:{_MEASURES})(?=\s{{0,3}}[:=]\s{{0,3}}\d)", re.IGNORECASE)
"""A measure's name right before its number."""


def text_form(value: str) -> str:
    """Letters as ``a``, digits as ``0``; punctuation, units after a number and measures' names before one are kept.

    >>> text_form("Length : 23,45 mm"), text_form("Läsion 3 (Dr. Smith) 12.3 mm"), text_form("Calibration Ruler")
    ('Length : 00,00 mm {distance}', 'aaaaaa 0 (aa. aaaaa) 00.0 mm', 'aaaaaaaaaaa aaaaa {calibration}')

    A text that names one of our tools, and is short enough to be its name, ends with that tool in braces.
    """
    cut = value[:MAX_FORM]
    kept = {i for pattern in (_UNIT, _LABEL) for match in pattern.finditer(cut) for i in range(*match.span())}
    form = "".join(c if i in kept and c.isascii() else _plain(c) for i, c in enumerate(cut))
    tool = tool_of_description(value[:1024])
    return form + ("…" if len(value) > MAX_FORM else "") + (f" {{{tool.value}}}" if tool is not Tool.NONE else "")


def _plain(character: str) -> str:
    if character in _KEPT:
        return character
    if character in _BREAKS:
        return _BREAKS[character]
    category = unicodedata.category(character)
    if category.startswith(("L", "M")):
        return "a"
    if category.startswith("N"):
        return "0"
    return " " if category == "Zs" else "?"
