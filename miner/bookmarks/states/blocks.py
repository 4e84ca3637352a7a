"""Private blocks (PS3.5 7.8.1): whose a private element is, found by its creator and never by its address.

A creator reserves block ``xx`` of an odd group by an element (gggg,00xx), ``xx`` from 10 to FF; its elements are then
(gggg,xxee), and only ``ee``, the offset, is fixed. The same creator's block may stand elsewhere in the next object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag

from miner.bookmarks.elements import MalformedError

GRAPHIC_ANNOTATIONS = (b"\x70\x00\x01\x00", b"\x00\x70\x00\x01")
"""The tag of Graphic Annotation Sequence (0070,0001) as it stands in a file, little and big endian."""

MAX_DEPTH = 6
"""Sequences within private sequences that are looked into; the nested states that are known stand in the first."""

_CREATORS = range(0x10, 0x100)
_UNDECODED = tuple(zip((b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"), GRAPHIC_ANNOTATIONS, strict=True))
"""How a sequence opens, its first item's tag, and what to look for in it: a zero before one is the other."""


@dataclass(frozen=True, slots=True)
class PrivateElement:
    """One private data element; ``creator`` in lower case, empty where its block is reserved by none."""

    tag: BaseTag
    creator: str

    @property
    def group(self) -> int:
        """Its odd group number."""
        return self.tag.group

    @property
    def offset(self) -> int:
        """Its place in its block: the lower octet of its element number."""
        return self.tag.element & 0xFF


def private_elements(dataset: Dataset) -> Iterator[PrivateElement]:
    """The private data elements of one data set in order of their tags, creators themselves left out."""
    for tag in sorted(dataset.keys()):
        if tag.is_private and tag.element > 0xFF:
            yield PrivateElement(tag, _creator(dataset, tag))


def normal(creator: str) -> str:
    """A creator's name for comparison: some archives write it in capitals."""
    return creator.strip(" \0").lower()


def value_of(dataset: Dataset, tag: BaseTag) -> Any:
    """An element's value. pydicom converts on access, and may fail in many ways: MalformedError."""
    try:
        return dataset[tag].value
    except Exception:
        raise MalformedError("private element") from None


def graphics_in(value: Any) -> int:
    """Number of Graphic Annotation Sequences with items anywhere in a private element's value.

    An undecoded value (implicit VR under an unknown creator) is searched as it stands if it opens as a sequence does.
    What lies deeper than MAX_DEPTH counts once.
    """
    found = 0
    pending = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if isinstance(part, bytes):
            found += sum(part.count(tag) for item, tag in _UNDECODED if part.startswith(item))
        if not isinstance(part, DicomSequence):
            continue
        if depth >= MAX_DEPTH:
            found += bool(len(part))
            continue
        for item in part:
            found += _has_graphics(item)
            pending += [(inner, depth + 1) for inner in sequences_in(item)]
    return found


def sequences_in(item: Dataset) -> Iterator[Any]:
    """The values of an item that may hold further items; the graphics of a state are not looked into again."""
    for tag in sorted(item.keys()):
        if tag == 0x00700001:
            continue
        try:
            value = item[tag].value
        except Exception:  # an element that cannot be decoded holds no item that could be read
            continue
        if isinstance(value, DicomSequence | bytes):
            yield value


def _has_graphics(item: Dataset) -> bool:
    if "GraphicAnnotationSequence" not in item:
        return False
    try:
        return bool(item["GraphicAnnotationSequence"].value)
    except Exception:
        return True


def _creator(dataset: Dataset, tag: BaseTag) -> str:
    block = tag.element >> 8
    reserved = BaseTag((tag.group << 16) | block)
    if block not in _CREATORS or reserved not in dataset:
        return ""
    try:
        value = dataset[reserved].value
    except Exception:
        return ""
    if isinstance(value, bytes):  # explicit VR UN, or a VR that is none
        value = value.decode("ascii", "replace")
    return normal(value) if isinstance(value, str) else ""
