"""Coded concepts that a public scheme really defines (PS3.16, SNOMED CT): those that may be shown to anybody.

A Code Value holds what its writer put there, and some put a number or a word of their own under a public scheme's
name. So a code counts as public where the scheme's table has it, or where it carries the scheme's own check digit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import cast

SCHEMES = frozenset(
    {"SCT", "SRT", "DCM", "LN", "UCUM", "UMLS", "RADLEX", "FMA", "NCIt", "IBSI", "MDC", "NEU", "RFC5646"}
)
"""Designators of public schemes, as PS3.16 section 8 names them."""

_ALIASES = {"SNOMED-CT": "SCT", "SNM3": "SRT", "99SDM": "SRT", "NCIT": "NCIt"}
_MORE = {
    "UCUM": frozenset({"mm", "cm", "m", "mm2", "cm2", "mm3", "cm3", "ml", "1", "%", "deg", "[hnsf'U]", "{pixels}"}),
    "SRT": frozenset({"G-A185", "G-A186", "G-D7FE", "G-A22A", "G-A166", "G-C0E3", "G-D705", "M-02550", "M-02551"}),
    "RFC5646": frozenset({"en", "eng", "en-US", "en-GB", "de", "de-DE", "fr", "fr-FR", "es", "it", "nl", "ja", "zh"}),
}
"""What the tables of pydicom lack and real reports use."""

_SCTID = re.compile(r"[1-9]\d{2,14}[01]0\d")
"""A concept's identifier: partition 00 or 10 before the check digit."""

_LOINC = re.compile(r"[1-9]\d{2,5}-\d")


def public_code(scheme: str, value: str) -> str:
    """``scheme:value`` where that is a concept of a public scheme, else an empty string.

    >>> public_code("SCT", "39607008"), public_code("SCT", "39607009"), public_code("99ME", "39607008")
    ('SCT:39607008', '', '')
    """
    name = _ALIASES.get(scheme, scheme)
    if name not in SCHEMES:
        return ""
    checked = {"SCT": _is_sctid, "LN": _is_loinc}.get(name)
    known = value in _table(name) or (checked is not None and checked(value))
    return f"{name}:{value}" if known else ""


@cache
def _table(scheme: str) -> frozenset[str]:
    # imported here: the tables are large, and only redaction needs them
    from pydicom.sr._concepts_dict import concepts
    from pydicom.sr._snomed_dict import mapping

    keywords = cast(Mapping[str, Mapping[str, object]], concepts.get(scheme, {}))
    values = {value for entries in keywords.values() for value in entries}
    return frozenset(values | set(mapping.get(scheme, {})) | _MORE.get(scheme, frozenset()))


def _is_sctid(value: str) -> bool:
    return _SCTID.fullmatch(value) is not None and _has_check_digit(value)


def _is_loinc(value: str) -> bool:
    """Mod 10 (Luhn's check) over the digits before the hyphen and the one behind it."""
    if _LOINC.fullmatch(value) is None:
        return False
    digits = [int(digit) for digit in reversed(value.replace("-", ""))]
    return sum(sum(divmod(digit * (1 + place % 2), 10)) for place, digit in enumerate(digits)) % 10 == 0


def _has_check_digit(value: str) -> bool:
    """Verhoeff's check, the last digit of every SNOMED CT identifier."""
    check = 0
    for position, digit in enumerate(reversed(value)):
        moved = int(digit)
        for _ in range(position % 8):
            moved = _SWAP[moved]
        check = _product(check, moved)
    return check == 0


_SWAP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""The permutation that is applied once more for each digit from the right."""


def _product(a: int, b: int) -> int:
    """Multiplication in the dihedral group of ten elements: turns 0 to 4, reflections 5 to 9."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5
