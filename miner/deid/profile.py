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
    # Numbers with their units, coordinates and public codes of a closed list are kept of a report, no text.
    ProfileOption("113104", "Clean Structured Content Option"),
    # Sex, and age in whole years with 90 and above as 90.
    ProfileOption("113108", "Retain Patient Characteristics Option"),
)
"""What is always declared. Images pass a gate on their headers (:mod:`miner.deid.gate`); that alone is not Clean Pixel
Data."""

CLEAN_PIXEL_DATA = ProfileOption("113101", "Clean Pixel Data Option")
"""Declared of a release whose every series was searched for text without a find, or passed by a person."""


def release_profile(*, pixels_clean: bool) -> tuple[ProfileOption, ...]:
    """The options that one release declares, in the order of their codes."""
    return tuple(sorted((*PROFILE, CLEAN_PIXEL_DATA))) if pixels_clean else PROFILE
