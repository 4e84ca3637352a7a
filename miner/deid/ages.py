"""Whole years of age at a study: no dates leave, and 90 and above are 90 (45 CFR 164.514(b)(2)(i)(C))."""

from __future__ import annotations

import re
from datetime import date

HIGHEST_AGE = 90
OLDEST_DOCUMENTED = 122
"""An age above it is a placeholder (a birth date of 1800-01-01, ``999Y``), not a person's age."""

_AGE = re.compile(r"(\d{1,3})\s?([DWMY])", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})")


def age_at_study(patient_age: str, birth_date: str, study_date: str) -> int | None:
    """Whole years, 0..90, or None where nothing says it.

    Args:
        patient_age: Patient's Age, AS (PS3.5 6.2: ``062Y``). Days, weeks and months give 0.
        birth_date: Patient's Birth Date, DA; used where ``patient_age`` says nothing.
        study_date: Study Date, DA.
    """
    years = _from_age_string(patient_age)
    if years is None:
        years = _from_dates(birth_date, study_date)
    return None if years is None else min(years, HIGHEST_AGE)


def parse_date(text: str) -> date | None:
    """A DA value (``YYYYMMDD``, the older ``YYYY.MM.DD``, the mistaken ``YYYY-MM-DD``); None where unreadable."""
    match = _DATE.fullmatch(text.strip(" \0\t\r\n"))
    if match is None:
        return None
    year, _, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _from_age_string(text: str) -> int | None:
    match = _AGE.fullmatch(text.strip(" \0\t\r\n"))
    if match is None:
        return None
    number, unit = match.groups()
    return _plausible(int(number)) if unit in "Yy" else 0


def _from_dates(birth_date: str, study_date: str) -> int | None:
    birth, study = parse_date(birth_date), parse_date(study_date)
    if birth is None or study is None or birth > study:
        return None
    return _plausible(study.year - birth.year - ((study.month, study.day) < (birth.month, birth.day)))


def _plausible(years: int) -> int | None:
    return years if years <= OLDEST_DOCUMENTED else None
