from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.deid.ages import HIGHEST_AGE, age_at_study, parse_date


@pytest.mark.parametrize(
    ("said", "years"),
    [
        *(("062Y", 62), ("000Y", 0), ("089Y", 89), ("090Y", 90), ("091Y", 90), ("122Y", 90), ("62Y", 62), ("062y", 62)),
        *(("011M", 0), ("018M", 0), ("003W", 0), ("020D", 0), (" 062Y ", 62)),
    ],
)
def test_patients_age_gives_whole_years_capped_at_ninety(said: str, years: int) -> None:
    assert age_at_study(said, "19000101", "20200101") == years


@pytest.mark.parametrize("said", ["", "62", "Y", "0620Y", "-05Y", "six", "062Y1", "\u0660\u0666\u0662X", "999Y"])
def test_an_unreadable_age_falls_back_to_the_birth_date(said: str) -> None:
    assert age_at_study(said, "19600615", "20200614") == 59
    assert age_at_study(said, "19600615", "20200615") == 60
    assert age_at_study(said, "", "20200615") is None


@pytest.mark.parametrize(
    ("birth", "study", "years"),
    [
        ("20000229", "20210228", 20),
        ("20000229", "20210301", 21),
        ("1960.06.15", "20200615", 60),
        ("19300101", "20200101", 90),
        ("19250101", "20200101", 90),
        ("18000101", "20200101", None),  # a placeholder
        ("20210101", "20200101", None),
        ("19601315", "20200101", None),
        ("19600615", "", None),
        ("", "", None),
    ],
)
def test_birth_date_at_the_study_date(birth: str, study: str, years: int | None) -> None:
    assert age_at_study("", birth, study) == years


@given(st.dates(date(1900, 1, 1), date(2020, 1, 1)), st.dates(date(2000, 1, 1), date(2020, 1, 1)))
def test_an_age_changes_on_birthdays_only(birth: date, study: date) -> None:
    years = age_at_study("", birth.strftime("%Y%m%d"), study.strftime("%Y%m%d"))
    if birth > study:
        assert years is None
        return
    assert years is not None and 0 <= years <= HIGHEST_AGE
    if years < HIGHEST_AGE:
        assert years * 365.2 - 1 <= (study - birth).days < (years + 1) * 365.25 + 1


@given(st.text())
def test_any_text_is_an_age_or_nothing(text: str) -> None:
    years = age_at_study(text, text, text)
    assert years is None or 0 <= years <= HIGHEST_AGE
    parse_date(text)
