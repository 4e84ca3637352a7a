"""Concepts: by code in each scheme, by meaning, and which of them may be kept."""

from __future__ import annotations

import pytest

from miner.bookmarks.reports.codes import CODES, MEANINGS, TOOLS, Concept, Term, canonical, public, term_of, tool_name
from miner.records import Code


@pytest.mark.parametrize(
    ("scheme", "value", "term"),
    [
        ("DCM", "125007", Term.MEASUREMENT_GROUP),
        ("SCT", "103339001", Term.LONG_AXIS),
        ("SRT", "G-A185", Term.LONG_AXIS),
        ("SNM3", "G-A185", Term.LONG_AXIS),
        ("99SDM", "G-A186", Term.SHORT_AXIS),
        ("SRT", "G-C0E3", Term.FINDING_SITE),
        ("SRT", "M-02550", Term.LENGTH),
        ("SRT", "G-A166", Term.AREA),
        ("SRT", "F-00E5C", Term.COBB_ANGLE),
        ("99CS3D", "TextPosition", Term.DRAWING_AID),
        ("99CS3D", "whatever comes next", Term.DRAWING_AID),
    ],
)
def test_a_code_is_known_in_each_scheme(scheme: str, value: str, term: Term) -> None:
    assert term_of(Concept(scheme, value)) is term


def test_a_meaning_stands_in_for_a_private_code() -> None:
    assert term_of(Concept("99ACME", "17", "  Short-Axis ")) is Term.SHORT_AXIS
    assert term_of(Concept("99ACME", "17", "Short axis of the left kidney")) is None
    assert term_of(Concept("99ACME", "17")) is None
    assert term_of(None) is None


def test_the_code_of_length_gives_way_to_its_meaning() -> None:
    """One writer gives G-D7FE, Length, to lengths and to areas."""
    assert term_of(Concept("SRT", "G-D7FE", "Length")) is Term.LENGTH
    assert term_of(Concept("SRT", "G-D7FE", "AREA")) is Term.AREA
    assert term_of(Concept("SRT", "G-A185", "AREA")) is Term.LONG_AXIS


def test_the_tables_are_written_as_they_are_looked_up() -> None:
    assert all(canonical(Concept(*key)) == Concept(*key) for key in CODES)
    assert all(meaning == meaning.lower() for meaning in MEANINGS)
    assert all(name == name.lower() for name in TOOLS)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("Cornerstone3DTools@^0.1.0:Bidirectional", "bidirectional"),
        ("cornerstoneTools@^4.0.0:EllipticalRoi", "ellipticalroi"),
        ("Cornerstone3DTools@^0.1.0:Probe:KeyImage", "keyimage"),
        ("Length", ""),
        ("Lesion: the second one", ""),
        ("", ""),
    ],
)
def test_the_tool_at_the_end_of_a_tracking_identifier(identifier: str, name: str) -> None:
    assert tool_name(identifier) == name


@pytest.mark.parametrize(
    ("scheme", "value", "kept"),
    [
        ("SCT", "39607008", Code("SCT", "39607008")),
        ("SRT", "T-28000", Code("SCT", "39607008")),
        ("SNM3", "T-28000", Code("SCT", "39607008")),
        ("SCT", "266005", Code("SCT", "266005")),
        ("SCT", "52988006", Code("SCT", "52988006")),
    ],
)
def test_public_codes_are_kept(scheme: str, value: str, kept: Code) -> None:
    assert public(Concept(scheme, value, "whatever a person typed")) == kept


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("CST4", "CORNERSTONEFREETEXT"),
        ("99CS3D", "39607008"),
        ("99ACME", "1"),
        ("SCT", "Jane Doe"),
        ("SCT", "12345678"),
        ("SCT", "20240507"),
        ("SCT", "48213003"),  # nobody's concept in the table; partition and check digit are right by chance
        ("LN", "21889-1"),
        ("LN", ""),
        ("DCM", "121071"),
        ("FMA", "276650"),
        ("RADLEX", "RID5741"),
        ("ICD10", "C34.1"),
        ("ICDO3", "8140/3"),
        ("SRT", "T-D0AF3"),
        ("RADLEX", "Doe^Jane"),
        ("DCM", "000000"),
        ("FMA", "123456"),
        ("SRT", "P-12345"),
        ("99SDM", "JD-1968"),
        ("UMLS", "C1234567"),
        ("NCIt", "C12345"),
        ("LN", "12345-6"),
        ("ICDO3", "1234"),
        ("", ""),
    ],
)
def test_what_a_person_may_have_typed_is_dropped(scheme: str, value: str) -> None:
    assert public(Concept(scheme, value)) is None


def test_a_meaning_is_never_shown() -> None:
    assert "Jane" not in repr(Concept("99X", "1", "Jane Doe"))


def test_nor_is_a_code_that_may_be_a_name() -> None:
    assert "Jane" not in repr(Concept("Jane", "Jane", "Jane"))
