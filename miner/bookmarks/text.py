"""Measurements in the texts that viewers write beside their graphics.

Texts are read in memory for a number with a unit, and never kept. Established forms (viewers' sources and real files):
``12.3 mm``, ``1.23 cm``, ``12,3 mm``, ``45.6 pixels``, ``45.6°``, ``Length : 23.45 mm``, ``12.3 x 8.1 mm``,
``12 × 8 mm``, several lines in one text, and texts whose line breaks were lost (``12.3 mm8.1 mm``).
"""

from __future__ import annotations

import math
import re
import unicodedata

from miner.records import Measurement, Unit

MAX_CHARACTERS = 2_048
"""A measurement's label is short; a longer text is read to here."""

MAX_MEASUREMENTS = 16

_DEGREE_SIGNS = str.maketrans({"º": "°", "˚": "°", "⁰": "°"})
_SUPERSCRIPTS = str.maketrans({"²": "^2 ", "³": "^3 "})

_NUMBER = r"\d{1,3}(?:[,.'’]\d{3})+[.,]\d{1,6}|\d{1,9}(?:[.,]\d{1,9})?"
_UNITS = {
    r"mm|millimet(?:er|re)s?": Unit.MM,
    r"cm|centimet(?:er|re)s?": Unit.CM,
    r"pixels?|pix|px": Unit.PIXEL,
    r"°|deg(?:rees?)?": Unit.DEGREE,
}
_NOT_A_LENGTH = r"(?!\s?(?:\^|[23](?![\d.,]))|[a-z/])"
"""What may not follow a unit: a letter (``mmHg``), a slash (``mm/s``), or a power (``mm^2``, ``mm2``; but ``mm2.5`` is
two texts whose line break was lost)."""

_UNIT = re.compile(r"\s{0,3}(?:" + "|".join(f"({pattern})" for pattern in _UNITS) + ")" + _NOT_A_LENGTH, re.IGNORECASE)
_VALUE = re.compile(rf"(?<![\d.,^])(?:{_NUMBER})")
_AREA = re.compile(r"\b(?:a|area)\s{0,3}[:=]\s{0,3}$", re.IGNORECASE)
_TIMES = re.compile(r"\s{0,3}[x×*✕]\s{0,3}", re.IGNORECASE)


def measurements(text: str) -> tuple[Measurement, ...]:
    """Numbers with a unit of length or angle, in reading order; areas, densities and bare numbers are not among them.

    In ``a x b unit`` the unit belongs to both numbers.

    >>> [str(found.value) + found.unit for found in measurements("Length : 23,45 mm")]
    ['23.45mm']
    >>> [found.value for found in measurements("12.3 x 8.1 mm")]
    [12.3, 8.1]
    """
    plain = _plain(text)
    found: list[Measurement] = []
    pending: list[float] = []
    end = 0
    for match in _VALUE.finditer(plain):
        if pending and not _TIMES.fullmatch(plain[end : match.start()]):
            pending = []
        value, unit = _number(match.group()), _UNIT.match(plain, match.end())
        end = unit.end() if unit else match.end()
        if _AREA.search(plain, max(0, match.start() - 12), match.start()):
            pending = []
            continue
        pending.append(value)
        if unit is None:
            continue
        kind = list(_UNITS.values())[next(i for i, group in enumerate(unit.groups()) if group)]
        found += [Measurement(number, kind) for number in pending if _plausible(number, kind)]
        pending = []
        if len(found) >= MAX_MEASUREMENTS:
            break
    return tuple(found[:MAX_MEASUREMENTS])


def _plain(text: str) -> str:
    """One spelling of digits, spaces and signs: full-width forms, other scripts' digits, odd spaces made plain."""
    marked = text[:MAX_CHARACTERS].translate(_DEGREE_SIGNS).translate(_SUPERSCRIPTS)
    folded = unicodedata.normalize("NFKC", marked).replace("٫", ".")
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)


def _number(digits: str) -> float:
    """A decimal comma or point. With two different separators the last is the decimal one: ``1.234,5``."""
    separators = [c for c in digits if not c.isdigit()]
    if len(separators) > 1:
        whole, _, fraction = digits.rpartition(separators[-1])
        return float("".join(c for c in whole if c.isdigit()) + "." + fraction)
    return float(digits.replace(",", "."))


def _plausible(value: float, unit: Unit) -> bool:
    """A number that a lesion may measure: one of five digits before the point is a record number with a unit behind."""
    return math.isfinite(value) and (0 <= value <= 360 if unit is Unit.DEGREE else 0 < value < 10_000)
