"""From a row of a C-FIND answer to our records: a projection that reads the encoded values itself.

Reading through pydicom's element classes would convert each value and repeat an invalid one in a warning; here the few
values that are needed are taken from their bytes. What is absent, empty or not readable becomes None or empty: unknown.
"""

from __future__ import annotations

import math
from datetime import date

from pydicom import Dataset
from pydicom.charset import decode_bytes, python_encoding
from pydicom.datadict import tag_for_keyword

from miner.errors import PacsError, Reason
from miner.pacs.queries.identifiers import ANNOTATIONS, MADE_KEYS
from miner.records import InstanceRef, Orientation, PatientRef, SeriesRef, StudyRef, Vector

_ESCAPE = b"\x1b"
_DELIMITERS = {ord("\\"), ord("\r"), ord("\n"), ord("\t"), ord("\f")}


def study(row: Dataset) -> StudyRef:
    """A row of STUDY level. Raises PacsError where it has no Study Instance UID."""
    modalities = tuple(sorted({part for part in _values(row, "ModalitiesInStudy") if part}))
    return StudyRef(
        study_uid=_unique_key(row, "StudyInstanceUID"),
        patient=PatientRef(text(row, "PatientID"), text(row, "IssuerOfPatientID")),
        study_date=text(row, "StudyDate"),
        study_time=text(row, "StudyTime"),
        accession=text(row, "AccessionNumber"),
        modalities=modalities,
    )


def series(row: Dataset, parent: StudyRef) -> SeriesRef:
    """A row of SERIES level. Raises PacsError where it has no Series Instance UID."""
    return SeriesRef(
        study=parent,
        series_uid=_unique_key(row, "SeriesInstanceUID"),
        modality=text(row, "Modality"),
        instances=integer(row, "NumberOfSeriesRelatedInstances"),
        body_part=text(row, "BodyPartExamined"),
    )


def instance(row: Dataset, parent: SeriesRef) -> InstanceRef:
    """A row of IMAGE level. Raises PacsError where it has no SOP Instance UID."""
    return InstanceRef(
        study_uid=parent.study.study_uid,
        series_uid=parent.series_uid,
        sop_uid=_unique_key(row, "SOPInstanceUID"),
        sop_class_uid=text(row, "SOPClassUID"),
        instance_number=integer(row, "InstanceNumber"),
        position=_position(row),
        orientation=_orientation(row),
        rows=integer(row, "Rows"),
        columns=integer(row, "Columns"),
        frames=integer(row, "NumberOfFrames"),
        patient_id=parent.study.patient.patient_id,
        made=_made(row) if parent.modality in ANNOTATIONS else "",
    )


def _made(row: Dataset) -> str:
    """Dates and times of making, in one text that is compared and nothing else; empty where none is answered."""
    values = [text(row, keyword) for keyword in MADE_KEYS]
    return " ".join(value or "-" for value in values) if any(values) else ""


def patient(row: Dataset) -> PatientRef:
    """A row of PATIENT level; the id is empty where the PACS has none."""
    return PatientRef(text(row, "PatientID"), text(row, "IssuerOfPatientID"))


def text(row: Dataset, keyword: str) -> str:
    """The first value of an attribute as text, in the row's character set, trimmed; empty where unknown."""
    return _values(row, keyword)[0]


def texts(row: Dataset, keyword: str) -> list[str]:
    """All values of an attribute as text, without the empty ones."""
    return [value for value in _values(row, keyword) if value]


def integer(row: Dataset, keyword: str) -> int | None:
    """A whole number (IS, or US in little endian), None where unknown."""
    element = row.get_item(_tag(keyword))
    value = getattr(element, "value", None)
    binary = keyword in ("Rows", "Columns") and getattr(element, "VR", None) in (None, "US")
    if binary and isinstance(value, bytes):
        return int.from_bytes(value, "little") if len(value) == 2 else None
    try:
        return int(text(row, keyword))
    except ValueError:
        return None


def day(value: str) -> date | None:
    """A DA value (also the old form with points, PS3.5 6.2) as a date; None where there is none or it is not one."""
    digits = value.strip().replace(".", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) if len(digits) == 8 else None
    except ValueError:
        return None


def minute(value: str) -> int | None:
    """The minute of its day that a TM value lies in (also the old form with colons); None where it is not one."""
    digits = value.strip().replace(":", "")[:4].ljust(4, "0") if value.strip() else ""
    if len(digits) != 4 or not digits.isdecimal():
        return None
    hour, minutes = int(digits[:2]), int(digits[2:])
    return 60 * hour + minutes if hour < 24 and minutes < 60 else None


def _unique_key(row: Dataset, keyword: str) -> str:
    value = text(row, keyword)
    if not value:
        raise PacsError(f"The PACS answered a query with a row that has no {keyword}.", Reason.FIND_FAILED)
    return value


def _values(row: Dataset, keyword: str) -> list[str]:
    return [part.strip(" \0") for part in _decoded(row, keyword).split("\\")]


def _decoded(row: Dataset, keyword: str) -> str:
    """The value as text, before it is split: in some character sets, 5C is half of a letter (PS3.5 6.1.2.3)."""
    value = getattr(row.get_item(_tag(keyword)), "value", None)
    if not isinstance(value, bytes):
        parts = [] if value is None else [value] if isinstance(value, str | int | float) else list(value)
        return "\\".join(str(part) for part in parts)
    if (value.isascii() and _ESCAPE not in value) or keyword == "SpecificCharacterSet":
        return value.decode("latin_1")  # its terms are ASCII; what is not would be looked up in itself for ever
    # Latin-1 where a term is not in PS3.3 C.12.1.1.2 or does not fit: in it every octet is some letter, while a
    # replacement character could make one patient of two.
    terms = _decoded(row, "SpecificCharacterSet").split("\\")
    encodings = [python_encoding.get(term.strip(" \0"), "latin_1") for term in terms]
    if _ESCAPE in value:
        decoded = decode_bytes(value, encodings, _DELIMITERS)
        return value.decode("latin_1") if "\ufffd" in decoded else decoded
    try:
        return value.decode(encodings[0])
    except (UnicodeDecodeError, LookupError):
        return value.decode("latin_1")


def _numbers(row: Dataset, keyword: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in _values(row, keyword))
    except ValueError:
        return ()
    return numbers if all(math.isfinite(number) for number in numbers) else ()


def _position(row: Dataset) -> Vector | None:
    numbers = _numbers(row, "ImagePositionPatient")
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None


def _orientation(row: Dataset) -> Orientation | None:
    n = _numbers(row, "ImageOrientationPatient")
    return (n[0], n[1], n[2], n[3], n[4], n[5]) if len(n) == 6 else None


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag
