"""Coded concepts that a public scheme really defines (PS3.16, SNOMED CT): those that may be shown to anybody.

A Code Value holds what its writer put there, and some put a number or a word of their own under a public scheme's
name. So a code counts as public only where a table that is at hand has it: those of the context groups of PS3.16. A
scheme's form or check digit proves nothing: of all numbers, one in five hundred passes for an identifier of SNOMED CT.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

SCHEMES = frozenset(
    {"SCT", "SRT", "DCM", "LN", "UCUM", "UMLS", "RADLEX", "FMA", "NCIt", "IBSI", "MDC", "NEU", "RFC5646"}
)
"""Designators of public schemes, as PS3.16 section 8 names them."""

_ALIASES = {"SNOMED-CT": "SCT", "SNM3": "SRT", "99SDM": "SRT", "NCIT": "NCIt"}
_MORE = {
    # lungs, their lobes and kidneys by side, which give a lesion its type
    "SCT": frozenset({"3341006", "44029006", "42400003", "266005", "41224006", "9846003", "18639004"}),
    "UCUM": frozenset({"mm", "cm", "m", "mm2", "cm2", "mm3", "cm3", "ml", "1", "%", "deg", "[hnsf'U]", "{pixels}"}),
    "SRT": frozenset({"G-A185", "G-A186", "G-D7FE", "G-A22A", "G-A166", "G-C0E3", "G-D705", "M-02550", "M-02551"}),
    "RFC5646": frozenset({"en", "eng", "en-US", "en-GB", "de", "de-DE", "fr", "fr-FR", "es", "it", "nl", "ja", "zh"}),
}
"""What the tables of pydicom lack and real reports use."""


def public_code(scheme: str, value: str) -> str:
    """``scheme:value`` where that is a concept of a public scheme, else an empty string.

    >>> public_code("SCT", "39607008"), public_code("SCT", "39607009"), public_code("99ME", "39607008")
    ('SCT:39607008', '', '')
    """
    name = _ALIASES.get(scheme, scheme)
    if name not in SCHEMES:
        return ""
    return f"{name}:{value}" if value in _table(name) else ""


@cache
def _table(scheme: str) -> frozenset[str]:
    # imported here: the tables are large
    from pydicom.sr._concepts_dict import concepts
    from pydicom.sr._snomed_dict import mapping

    keywords = cast(Mapping[str, Mapping[str, object]], concepts.get(scheme, {}))
    values = {value for entries in keywords.values() for value in entries}
    values |= set(mapping.get(scheme, {})) | _MORE.get(scheme, frozenset())
    return frozenset(values - {""})
