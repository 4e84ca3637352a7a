"""Between Identifiers and rows of C-FIND and the form of DICOMweb: parameters of a URL, DICOM in JSON (PS3.18 8.3, F).

Rows come out as rows of a C-FIND do, with encoded values: what reads the one (:mod:`miner.pacs.queries.rows`) reads the
other, and nothing on the way converts a value or repeats an invalid one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard
from urllib.parse import quote

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from miner.errors import PacsError, Reason

_PATH_PART = re.compile(r"[A-Za-z0-9._ -]{1,128}")
_BY_ITSELF = "*?:@/'()!$"
_WIDENED = frozenset({"PatientID", "AccessionNumber", "IssuerOfPatientID"})
_UTF8 = "ISO_IR 192"
_NOT_KEYS = frozenset({"SpecificCharacterSet", "QueryRetrieveLevel"})
_UNIQUE_KEYS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
_PARENTS = {"STUDY": (), "SERIES": ("StudyInstanceUID",), "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID")}


@dataclass(frozen=True, slots=True)
class Question:
    """A query in the terms of QIDO-RS. ``study``, ``series``: parents named in the path, empty where they are not.

    ``matching``: values by keyword; ``keys``: keywords of everything that is to be answered; ``unique``: the keyword
    that tells rows apart.
    """

    level: str
    study: str
    series: str
    matching: Mapping[str, str]
    keys: tuple[str, ...]

    @property
    def unique(self) -> str:
        """Keyword of the unique key of the level (PS3.4 C.2.2.1)."""
        return _UNIQUE_KEYS[self.level]


def question_of(identifier: Dataset) -> Question:
    """The Identifier of a C-FIND as a question (PS3.18 8.3.4.1).

    Raises PacsError where a UID that would stand in a path cannot: it came from the wire.
    """
    values = {element.keyword: _text(element.value) for element in identifier}
    level = values.get("QueryRetrieveLevel", "")
    if level not in _UNIQUE_KEYS:
        raise PacsError("DICOMweb has no query at the level that was asked for.", Reason.FIND_FAILED)
    path = []
    for keyword in _PARENTS[level]:
        if not values.get(keyword) or "," in values[keyword]:
            break
        in_path(values[keyword])
        path.append(values[keyword])
    study, series = [*path, "", ""][:2]
    # Patient ID is a parent key of the patient root, which DICOMweb has not: logs of servers keep what is in a URL.
    elsewhere = {*_NOT_KEYS, *_PARENTS[level][: len(path)], *(("PatientID",) if path else ())}
    matching = {name: value for name, value in values.items() if value and name not in elsewhere}
    keys = tuple(name for name in values if name not in _NOT_KEYS)
    return Question(level, study, series, matching, keys)


def in_path(uid: str) -> str:
    """A UID as part of a path. Raises PacsError where it could name another resource.

    UIDs of real archives break the rules of PS3.5 9.1, so letters, spaces, hyphens and underscores are let through.
    """
    if not _PATH_PART.fullmatch(uid) or not uid.strip("."):
        raise PacsError("The PACS named an object by a UID that cannot stand in a URL.", Reason.NOT_RETRIEVED)
    return quote(uid)


def unescaped(url: str) -> str:
    """A URL whose query escapes no character that may stand there by itself (RFC 3986 3.4), and a blank as %20."""
    path, mark, query = url.partition("?")
    query = query.replace("+", "%20")  # of a form (HTML), which a query need not be
    for character in _BY_ITSELF:
        query = query.replace(quote(character, safe=""), character)
    return path + mark + query


def wider(question: Question) -> Question | None:
    """The same question with wild cards for characters that have to be escaped in a URL; None where there are none.

    Some services compare values as they stand in the URL, escaped: a patient whose ID holds a blank would be unknown.
    Identifiers alone: what comes beyond them is left out by whoever asked. One of wild cards alone would match all.
    """
    matching = {
        keyword: _with_wild_cards(value) if keyword in _WIDENED else value
        for keyword, value in question.matching.items()
    }
    unchanged = matching == question.matching
    return None if unchanged or "*" in matching.values() else replace(question, matching=matching)


def _with_wild_cards(value: str) -> str:
    wild = (character if quote(character, safe=_BY_ITSELF) == character else "*" for character in value)
    return re.sub(r"\*+", "*", "".join(wild))


def _text(value: Any) -> str:
    """Several values of a matching key are a list of UIDs, with commas between them (PS3.18 8.3.4.1)."""
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, MultiValue | list | tuple) else str(value)


# ---------------------------------------------------------------------------------------------------- DICOM in JSON


def is_rows(answer: object) -> TypeGuard[list[dict[str, Any]]]:
    """Whether an answer has the form of PS3.18 8.7.3.2: an array of objects."""
    return isinstance(answer, list) and all(isinstance(entry, dict) for entry in answer)


def rows_of(answer: object, question: Question) -> list[Dataset]:
    """The rows of an answer (PS3.18 8.7.3.2), only the keys of the question. Raises PacsError where it is not one."""
    if not is_rows(answer):
        raise PacsError("The PACS answered a query with something that is not DICOM in JSON.", Reason.FIND_FAILED)
    return [_row(entry, question.keys) for entry in answer]


def unique_value(entry: object, keyword: str) -> str:
    """The unique key of one row as it stands in JSON; empty where it has none."""
    values = _values(entry, _tag(keyword))
    return str(values[0]).strip(" \0") if values else ""


def _row(entry: Mapping[str, Any], keywords: Iterable[str]) -> Dataset:
    row = Dataset()
    _set(row, "SpecificCharacterSet", _UTF8.encode())  # of the JSON, whatever the objects are written in
    for keyword in keywords:
        values = _values(entry, _tag(keyword))
        if values:
            _set(row, keyword, _encoded(values, dictionary_VR(_tag(keyword))))
    return row


def _values(entry: object, tag: BaseTag) -> Sequence[Any]:
    element = entry.get(f"{tag:08X}") if isinstance(entry, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _encoded(values: Sequence[Any], vr: str) -> bytes:
    """As C-FIND would have sent it: text with backslashes between values, or a number of two octets."""
    if vr == "US":
        return b"".join(struct.pack("<H", value) for value in map(_whole, values) if value is not None)
    return "\\".join(map(_plain, values)).encode("utf-8", "replace")


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))  # some services write 12 as 12.0
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _whole(value: Any) -> int | None:
    try:
        number = int(_plain(value))
    except ValueError:
        return None
    return number if 0 <= number <= 0xFFFF else None


def _set(row: Dataset, keyword: str, value: bytes) -> None:
    tag = _tag(keyword)
    row[tag] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return BaseTag(tag)
