"""A DICOMDIR: which files a file-set lists, and which object each of them should be (PS3.3 F, PS3.10 8.6).

Records form a tree by octet offsets: patients, their studies, their series, their objects. Only records that name a
file matter here; what stands above one tells where the object belongs if its file is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.charset import default_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset, read_sequence
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from miner.pacs.folder.header import KEYWORDS, META, keep_values_out_of_logs, read_meta
from miner.pacs.queries import rows
from miner.part10 import BoundedStream

LONGEST = 256 * 1024 * 1024
MOST_RECORDS = 125_000
MOST_READS = 4_000_000
"""Bounds on one DICOMDIR: octets; items, each of which costs six kilobytes of memory; and steps of the parser, some
thirty a record. A DVD holds some 10,000 records."""

_ITEM = b"\xfe\xff\x00\xe0"
_DEEPEST = 8
"""Levels of records; the standard's trees have four."""

Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """One file that a DICOMDIR lists. ``parts``: its path below the DICOMDIR's folder, as written there.

    ``elements``: what the records say of the object, by the keywords that its own head would have.
    """

    parts: tuple[str, ...]
    elements: Dataset


class DirectoryError(Exception):
    """A DICOMDIR that cannot be read. The message says nothing of its content."""


def read_directory(path: Path) -> list[Listed]:
    """Every file that a DICOMDIR lists, in the order of its records; inactive records are left out.

    Raises DirectoryError.
    """
    keep_values_out_of_logs()
    try:
        with path.open("rb") as file:
            octets = file.read(LONGEST + 1)
        if len(octets) > LONGEST or octets.count(_ITEM) > MOST_RECORDS:
            raise DirectoryError("it is larger than any that is written")
        return list(_listed(_content(octets)))
    except DirectoryError:
        raise
    except Exception as error:  # the parsers raise whatever they come upon; the text may quote the file
        raise DirectoryError(type(error).__name__) from None


def _content(octets: bytes) -> Dataset:
    """The data set, never inflated: a DICOMDIR is Explicit VR Little Endian (PS3.10 8.6); some are implicit."""
    stream = BoundedStream(octets, MOST_READS)
    stream.seek(META)
    read_meta(stream)
    directory = read_dataset(stream, False, True)
    element: Any = directory.get_item("DirectoryRecordSequence")
    if isinstance(element, RawDataElement) and element.length > len(element.value or b""):
        raise DirectoryError("it ends in the middle")
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        directory.DirectoryRecordSequence = _records(element)
    return directory


def _records(element: RawDataElement) -> Sequence:
    """The records of a sequence of defined length, as pydicom reads them on access, but within the bounds."""
    value = element.value or b""
    stream = BoundedStream(value, MOST_READS)
    return read_sequence(
        stream, element.is_implicit_VR, element.is_little_endian, len(value), default_encoding, element.value_tell
    )


def _listed(directory: Dataset) -> Iterator[Listed]:
    records = {int(record.seq_item_tell): record for record in directory.DirectoryRecordSequence}
    above = _above(records, _offset(directory, "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity"))
    for at, record in records.items():
        parts = _file_id(record)
        if parts and _offset(record, "RecordInUseFlag", 2) != 0:
            merged: dict[str, str] = {}
            for one in (*above.get(at, ()), record):
                merged.update(_texts(one))
            yield Listed(parts, _elements(merged))


def _above(records: Mapping[int, Dataset], root: int) -> dict[int, tuple[Dataset, ...]]:
    """The records above each record that can be reached from the root; a chain that bites its tail ends there."""
    above: dict[int, tuple[Dataset, ...]] = {}
    chains: list[tuple[int, tuple[Dataset, ...]]] = [(root, ())]
    while chains:
        at, parents = chains.pop()
        while at in records and at not in above:
            above[at] = parents
            record = records[at]
            lower = _offset(record, "OffsetOfReferencedLowerLevelDirectoryEntity")
            if lower and len(parents) < _DEEPEST:
                chains.append((lower, (*parents, record)))
            at = _offset(record, "OffsetOfTheNextDirectoryRecord")
    return above


def _file_id(record: Dataset) -> tuple[str, ...]:
    """Referenced File ID: the components of a path. They are compared with names that exist, never opened."""
    value = _raw(record, "ReferencedFileID").decode("latin_1")
    return tuple(part.strip(" \0") for part in value.split("\\")) if value.strip(" \0") else ()


def _offset(record: Dataset, keyword: str, octets: int = 4) -> int:
    """An unsigned number (UL, US); -1 where there is none."""
    value = _raw(record, keyword)
    return int.from_bytes(value, "little") if len(value) == octets else -1


def _raw(record: Dataset, keyword: str) -> bytes:
    element = record.get_item(_tag(keyword)) if _tag(keyword) in record else None
    value = getattr(element, "value", None)
    return value if isinstance(value, bytes) else b""


def _texts(record: Dataset) -> dict[str, str]:
    """The attributes of a record that the head of an object has too, in plain text; what is empty says nothing."""
    named = {
        "SOPClassUID": rows.text(record, "ReferencedSOPClassUIDInFile"),
        "SOPInstanceUID": rows.text(record, "ReferencedSOPInstanceUIDInFile"),
    }
    own = {keyword: rows.text(record, keyword) for keyword in KEYWORDS if keyword not in named}
    return {keyword: value for keyword, value in {**own, **named}.items() if value}


def _elements(texts: Record) -> Dataset:
    elements = Dataset()
    for keyword, value in {**texts, "SpecificCharacterSet": "ISO_IR 192"}.items():
        tag, octets = _tag(keyword), value.encode("utf-8")
        elements[tag] = RawDataElement(tag, dictionary_VR(tag), len(octets), octets, 0, False, True)
    return elements


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return BaseTag(tag)
