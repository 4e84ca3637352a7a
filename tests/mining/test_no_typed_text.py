"""Whatever a person or a viewer typed into an annotation object, nothing of it reaches what the catalogue stores."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from miner.bookmarks.public_codes import public_code
from miner.bookmarks.reports.codes import Concept, public, tool_name
from miner.catalogue import Catalogue
from miner.records import MinedStudy
from tests.annotations import STYLES, Pair, presentation_state
from tests.annotations.reports import report
from tests.hospital import Hospital, ct_series
from tests.hospital.series import uid

PAIR = Pair(((30.25, 40.5), (52.0, 44.125)), ((40.0, 37.0), (41.5, 48.25)))
REPORTS = ("ohif", "cornerstone3d", "highdicom")

TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
CODES = frozenset({"CodeValue", "CodingSchemeDesignator", "CodeMeaning", "CodingSchemeVersion", "LongCodeValue"})
CLOSED = re.compile(
    r"|[0-9a-f]{32}|[0-9a-f]{64}"  # nothing, a surrogate, a keyed digest
    r"|CT|PR|SR|KO|image"  # modalities that were asked for
    r"|M|F|O"
    r"|hu\+32768|stored\+32768|head-key-slice-only|head-with-context|header|presentation-state|default"
    r"|mark|object|series|slice"
    r"|SCT:\d{6,18}|DCM:\d{6}"  # public codes
)

PLANTED = {
    "a name": "Plantedname^Jane",
    "a measurement beside a name": "Plantedname 23.4 mm",
    "a number": "90817263544",
    "a number with letters": "PLANTED-0048231",
    "another script": "プランテッド太郎",
    "a date": "19540312",
    "an address": "planted.name@hospital.example",
}


def texts_of(value: object) -> Iterator[str]:
    """Every string in a record, those of enumerations left out: they are closed by themselves."""
    if isinstance(value, Enum):
        return
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for entry in dataclasses.fields(value):
            yield from texts_of(getattr(value, entry.name))
    elif isinstance(value, Mapping):
        yield from texts_of([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from texts_of(part)
    else:
        assert value is None or isinstance(value, int | float | bool), type(value)


def plant(target: Dataset, text: str, *, codes: bool) -> int:
    """Put ``text`` into every text element of an object, at any depth; with ``codes`` into values that are measured by
    code too, each in its turn. Who the patient is and where the object belongs stays."""
    count = 0
    for element in target:
        if element.VR == "SQ":
            count += sum(plant(item, text, codes=codes) for item in element.value)
        elif element.keyword in CODES:
            if element.keyword == "CodeMeaning" or codes:
                element.value = text[:16] if element.VR == "SH" else text[:64]
                count += 1
        elif element.VR in TEXT_VRS and element.keyword not in ("PatientID", "IssuerOfPatientID", "AccessionNumber"):
            element.value = text[:16] if element.VR == "SH" else text[:64]
            count += 1
    return count


def objects(image: Dataset, name: str) -> list[Dataset]:
    graphics = {image.SOPInstanceUID: [PAIR]}
    made = [presentation_state([image], graphics, style) for style in sorted(STYLES)]
    made += [report([image], graphics, style) for style in REPORTS]
    for number, entry in enumerate(made):
        entry.SOPInstanceUID = uid(name, number, "object")
        entry.SeriesInstanceUID = uid(name, number, "series")
        entry.file_meta.MediaStorageSOPInstanceUID = entry.SOPInstanceUID
    return made


@pytest.fixture
def mined(monkeypatch: pytest.MonkeyPatch) -> list[MinedStudy]:
    """What is handed to the catalogue."""
    seen: list[MinedStudy] = []
    plain = Catalogue.commit_study

    def commit(self: Catalogue, run: int, study: MinedStudy) -> None:
        seen.append(study)
        plain(self, run, study)

    monkeypatch.setattr(Catalogue, "commit_study", commit)
    return seen


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED.keys())
def test_what_was_typed_reaches_no_record(text: str, tmp_path: Path, mined: list[MinedStudy]) -> None:
    with Hospital(tmp_path) as hospital:
        planted = 0
        for study, codes in (("S1", False), ("S2", True)):
            images = ct_series("P1", study)
            made: list[Any] = objects(images[12], study)
            planted += sum(plant(entry, text, codes=codes) for entry in made)
            hospital.add(images, made)
        hospital.mine()
        release = hospital.release().folder
        written = b"".join(
            path.read_bytes() for path in sorted(release.rglob("*")) if path.is_file() and path.suffix != ".png"
        )
    assert planted > 200
    assert len(mined) == 2 and any(study.bookmarks for study in mined)
    told = repr([dataclasses.asdict(study) for study in mined])
    found = [word for study in mined for word in texts_of(study)]
    assert len(found) > 100
    assert not [word for word in found if CLOSED.fullmatch(word) is None]
    for part in {text, text[:16], *re.findall(r"\w{6,}", text)}:
        assert part.lower() not in told.lower()
        assert part.lower().encode() not in written.lower()


SCHEMES = ("SCT", "SRT", "DCM", "LN", "RADLEX", "I10", "I10C", "ICDO3", "UCUM", "FMA", "99ME", "")


@given(st.sampled_from(SCHEMES), st.text(max_size=20) | st.from_regex(r"[A-Z]\d[0-9A-Z]\.[A-Z]{1,4}", fullmatch=True))
def test_a_code_that_is_kept_holds_no_word(scheme: str, value: str) -> None:
    kept = public(Concept(scheme, value))
    assert kept is None or re.fullmatch(r"\d{6,15}", kept.value) is not None


@given(st.sampled_from(SCHEMES), st.integers(1, 10**9).map(str))
def test_a_number_is_kept_where_the_table_of_snomed_ct_has_it_alone(scheme: str, value: str) -> None:
    kept = public(Concept(scheme, value))
    assert kept is None or (kept.scheme == scheme == "SCT" and public_code("SCT", value))


def test_hardly_a_number_that_a_person_types_is_a_code() -> None:
    """Of record numbers of six digits, in order, as few as the table has concepts of that length."""
    assert sum(public(Concept("SCT", str(number))) is not None for number in range(100_000, 1_000_000)) < 50


@given(st.text(max_size=40))
def test_a_tracking_identifier_gives_a_known_tool_or_nothing(text: str) -> None:
    assert tool_name(text) == "" or tool_name(text).isascii()
