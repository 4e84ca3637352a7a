"""Identifiers and rows of C-FIND in the form of DICOMweb, and back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from dicomweb_client.uri import build_query_string
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from miner.errors import PacsError
from miner.pacs.dicomweb.model import in_path, question_of, rows_of, unescaped, wider
from miner.pacs.queries import identifiers, rows
from miner.records import InstanceRef, PatientRef, SeriesRef, StudyRef
from tests.hospital import ct_series

STUDY = StudyRef("1.2.3", PatientRef("P1"))
SERIES = SeriesRef(STUDY, "1.2.3.4", "CT")


def test_a_query_for_studies() -> None:
    question = question_of(identifiers.study_query(ModalitiesInStudy="PR", StudyDate="20200101-20200131"))
    assert (question.level, question.study, question.unique) == ("STUDY", "", "StudyInstanceUID")
    assert question.matching == {"ModalitiesInStudy": "PR", "StudyDate": "20200101-20200131"}
    assert set(question.keys) == set(identifiers.STUDY_KEYS)


def test_parents_stand_in_the_path_and_the_patient_nowhere() -> None:
    series = question_of(identifiers.series_query(STUDY))
    assert (series.study, series.series, series.matching) == ("1.2.3", "", {})
    images = question_of(identifiers.image_query(SERIES, InstanceNumber="7"))
    assert (images.study, images.series, images.matching) == ("1.2.3", "1.2.3.4", {"InstanceNumber": "7"})


def test_several_uids_are_listed_with_commas() -> None:
    identifier = identifiers.study_query()
    identifier.StudyInstanceUID = ["1.2", "1.3"]
    assert question_of(identifier).matching == {"StudyInstanceUID": "1.2,1.3"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/p?PatientID=A%2A&StudyDate=2020-2021", "http://h/p?PatientID=A*&StudyDate=2020-2021"),
        ("http://h/p?PatientID=A+B%2BC", "http://h/p?PatientID=A%20B%2BC"),
        ("http://h/p?x=%26%3D%23%25%2F", "http://h/p?x=%26%3D%23%25/"),
        ("http://h/a%2Ab", "http://h/a%2Ab"),
    ],
)
def test_nothing_is_escaped_that_need_not_be(url: str, expected: str) -> None:
    assert unescaped(url) == expected


@given(st.text(max_size=10))
def test_what_is_unescaped_means_the_same(value: str) -> None:
    query = urlsplit(unescaped("http://h/p" + build_query_string({"PatientID": value, "limit": 3}))).query
    assert parse_qs(query, keep_blank_values=True) == {"PatientID": [value], "limit": ["3"]}


def test_wild_cards_where_a_value_must_be_escaped() -> None:
    question = question_of(identifiers.study_query(PatientID="A B%ö", ModalitiesInStudy="PR"))
    wide = wider(question)
    assert wide is not None
    assert wide.matching == {"PatientID": "A*B*", "ModalitiesInStudy": "PR"}
    assert wider(question_of(identifiers.study_query(PatientID="北京"))) is None
    assert wider(question_of(identifiers.study_query(PatientID="A-1_2.3*", StudyDate="20200101-"))) is None


def test_there_is_no_patient_level() -> None:
    with pytest.raises(PacsError, match="no query at the level"):
        question_of(identifiers.patient_query())


@given(st.text(max_size=20))
def test_no_text_of_the_wire_leads_out_of_its_place_in_a_path(uid: str) -> None:
    try:
        part = in_path(uid)
    except PacsError:
        return
    assert part.strip(".")
    assert not set(part) & set("/\\?#&@:;\r\n\t ")


def test_rows_read_as_those_of_a_c_find() -> None:
    item = ct_series(slices=1)[0]
    item.PatientID, item.IssuerOfPatientID, item.AccessionNumber = "Größe 北", "Klinik", "A\\B"
    row = rows_of([json.loads(item.to_json())], question_of(identifiers.study_query()))[0]
    study = rows.study(row)
    assert study.patient == PatientRef("Größe 北", "Klinik")
    assert study.study_date == item.StudyDate
    row = rows_of([json.loads(item.to_json())], question_of(identifiers.image_query(SERIES)))[0]
    found = rows.instance(row, SERIES)
    position, orientation = map(float, item.ImagePositionPatient), map(float, item.ImageOrientationPatient)
    assert found == InstanceRef(
        *("1.2.3", "1.2.3.4", item.SOPInstanceUID, item.SOPClassUID, 1),
        *(tuple(position), tuple(orientation), 96, 96, None, "P1"),
    )


@pytest.mark.parametrize(
    ("values", "number"),
    [
        *(([12], 12), ([12.0], 12), (["12"], 12), ([" 12 "], 12), ([10**30], 10**30)),
        *((values, None) for values in (["twelve"], [None], [{}], [True], [], [1e300], [float("nan")], [12.5])),
    ],
)
def test_numbers_as_services_write_them(values: list[Any], number: int | None) -> None:
    entry = {"00080018": {"vr": "UI", "Value": ["1.2"]}, "00200013": {"vr": "IS", "Value": values}}
    row = rows_of([entry], question_of(identifiers.image_query(SERIES)))[0]
    assert rows.instance(row, SERIES).instance_number == number


@pytest.mark.parametrize(
    ("values", "number"), [([512], 512), (["512"], 512), ([70_000], None), ([-1], None), ([None], None)]
)
def test_rows_and_columns(values: list[Any], number: int | None) -> None:
    entry = {"00080018": {"vr": "UI", "Value": ["1.2"]}, "00280010": {"vr": "US", "Value": values}}
    row = rows_of([entry], question_of(identifiers.image_query(SERIES)))[0]
    assert rows.instance(row, SERIES).rows == number


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["vr", "Value", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
TAGS = st.sampled_from(["00080018", "00080016", "00200013", "00200032", "00200037", "00280010", "00080005", "x"])


@given(st.lists(st.dictionaries(TAGS, JSON, max_size=5), max_size=3))
def test_whatever_stands_in_the_json_a_row_is_read_or_refused(entries: list[dict[str, Any]]) -> None:
    for row in rows_of(entries, question_of(identifiers.image_query(SERIES))):
        assert isinstance(row, Dataset)
        try:
            found = rows.instance(row, SERIES)
        except PacsError:
            continue
        assert found.sop_uid


@pytest.mark.parametrize("answer", [None, 3, "text", {"a": 1}, [[]], [None], ["x"]])
def test_what_is_no_list_of_rows(answer: object) -> None:
    with pytest.raises(PacsError, match="not DICOM in JSON"):
        rows_of(answer, question_of(identifiers.study_query()))
