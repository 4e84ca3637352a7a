"""The de-identification profile that is declared in every release (PS3.15 E.2 and E.3; codes: PS3.16 CID 7050)."""

from __future__ import annotations

from typing import NamedTuple


class ProfileOption(NamedTuple):
    """One code of CID 7050 with its meaning."""

    code: str
    meaning: str


PROFILE: tuple[ProfileOption, ...] = (
    ProfileOption("113100", "Basic Application Confidentiality Profile"),
    # Coordinates of a graphic are kept, its text is reduced to a number with a unit.
    ProfileOption("113103", "Clean Graphics Option"),
    # Sex, and age in whole years with 90 and above as 90.
    ProfileOption("113108", "Retain Patient Characteristics Option"),
)
"""What is declared. Not declared: Clean Structured Content (113104), as no report is read; Clean Pixel Data (113101):
images pass a gate on their headers (:mod:`miner.deid.gate`), and nobody has looked at their pixels."""
