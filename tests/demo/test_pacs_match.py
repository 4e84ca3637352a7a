"""Attribute matching (PS3.4 C.2.2.2)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement

from miner.demo.pacs_match import matches


def ask(keyword: str, wanted: object, *values: str) -> bool:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    vr = dictionary_VR(tag)
    return matches(vr, DataElement(tag, vr, wanted), values)


@pytest.mark.parametrize(
    ("keyword", "wanted", "value", "expected"),
    [
        ("PatientID", "", "P1", True),
        ("PatientID", "", "", True),
        ("PatientID", "P1", "P1", True),
        ("PatientID", "p1", "P1", False),
        ("PatientID", "P1", "", False),
        ("PatientID", "P*", "P1", True),
        ("PatientID", "P?", "P12", False),
        ("PatientID", "*", "", True),
        ("PatientID", "P.1", "Px1", False),
        ("PatientName", "alpha^ann", "Alpha^Ann", True),
        ("PatientName", "AL*", "Alpha^Ann", True),
        ("PatientName", "Alpha", "Alpha^Ann", False),
        ("PatientName", "Alpha^Ann^^", "Alpha^Ann", True),
        ("Modality", "ct", "CT", False),
        ("Modality", "C?", "CT", True),
        ("StudyInstanceUID", ["1.2.3", "1.2.4"], "1.2.4", True),
        ("StudyInstanceUID", ["1.2.3", "1.2.4"], "1.2.5", False),
        ("StudyInstanceUID", "1.2.*", "1.2.5", False),
        ("StudyDate", "20200101-20200131", "20200131", True),
        ("StudyDate", "20200101-20200131", "20200201", False),
        ("StudyDate", "-20200131", "19990101", True),
        ("StudyDate", "20200101-", "20200101", True),
        ("StudyDate", "20200101-", "", False),
        ("StudyDate", "20200101", "20200101", True),
        ("StudyTime", "1000-1130", "113059.5", True),
        ("StudyTime", "1000-1130", "113100", False),
        ("StudyTime", "1000-1130", "095959", False),
        ("StudyTime", "-1130", "000000", True),
        ("StudyTime", "101500", "1015", True),
        ("InstanceNumber", "7", "07", True),
        ("InstanceNumber", "7", "70", False),
    ],
)
def test_rules(keyword: str, wanted: object, value: str, expected: bool) -> None:
    assert ask(keyword, wanted, *([value] if value else [])) is expected


def test_any_of_several_values_matches() -> None:
    assert ask("ModalitiesInStudy", "PR", "CT", "PR")
    assert not ask("ModalitiesInStudy", "SR", "CT", "PR")


_days = st.dates(min_value=date(1950, 1, 1), max_value=date(2050, 1, 1))


@given(day=_days, before=st.integers(0, 4000), after=st.integers(0, 4000))
def test_a_day_lies_in_every_range_around_it(day: date, before: int, after: int) -> None:
    low, high = day - timedelta(days=before), day + timedelta(days=after)
    text = f"{day:%Y%m%d}"
    assert ask("StudyDate", f"{low:%Y%m%d}-{high:%Y%m%d}", text)
    assert not ask("StudyDate", f"{high + timedelta(days=1):%Y%m%d}-", text)
    assert not ask("StudyDate", f"-{low - timedelta(days=1):%Y%m%d}", text)
