"""Annotation objects made wrong: by bytes, and by data set. Everything follows from the seed."""

from __future__ import annotations

import math
import random
import struct
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from io import BytesIO
from typing import Any
from unittest.mock import patch

import pydicom
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items

HEADER = 132
"""Preamble and prefix: without them a file is none, which one test alone has to show."""

NUMBERS = (math.nan, math.inf, -math.inf, 1e30, -1e30, 3.4e38, 1e-38, -0.0, -1.0, 0.0, 65536.0, 2.0**53)
STRINGS = ("", "NaN", "1e400", "-1e400", "inf", "rubbish", "\0\0", "1\\2\\3", "-1", "٣", "𝟙", "é" * 300, "x" * 20_000)
ODD = (*STRINGS, 2**31, -1, 2**40, math.nan, 1e30, None, [], ["a", "b"], b"\xff\xfe", [1.0] * 5)
VRS = ("LO", "UN", "SQ", "DS", "US", "FD", "FL", "OB", "UI", "CS", "IS", "UT", "AT")
MANY = (3, 40, 300)
LARGEST = 1_000_000
"""Octets of a mutant: sheer size has tests of its own."""
MOST_ELEMENTS = 100_000
"""Elements of a mutant while it is made: repeated items in repeated items would take all memory."""

_TERSE = patch("pydicom.filewriter.tag_in_exception", lambda tag: nullcontext())
"""pydicom's message for what it cannot write doubles with each level of nesting: sixty take all memory."""


def wounded(original: bytes, seed: int) -> bytes:
    """One mutant. Half of them are wounded as bytes, half as data sets (where pydicom can still write those)."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return _bytes(original, chance)
    with warnings.catch_warnings(), config.disable_value_validation(), _TERSE:
        warnings.simplefilter("ignore")
        for _ in range(8):
            try:
                mutant = _dataset(original, chance)
                if len(mutant) <= LARGEST:
                    return mutant
            except Exception:  # pydicom refuses to write many a wrong value
                continue
    return _bytes(original, chance)


# --------------------------------------------------------------------------------------------------------------- bytes


def _bytes(original: bytes, chance: random.Random) -> bytes:
    data = bytearray(original)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if len(data) <= HEADER + 8:
            break
        chance.choice(_BYTE_WOUNDS)(data, chance)
    return bytes(data)


def _flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4, 16))):
        data[chance.randrange(HEADER, len(data))] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(HEADER, len(data))
    data[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xfe\xff\x00\xe0"))


def _cut(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(HEADER, len(data))
    del data[at : at + chance.randrange(1, 300)]


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(HEADER, len(data)) :]


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(HEADER, len(data))
    data[at:at] = chance.randbytes(chance.randrange(1, 64))


def _duplicate(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(HEADER, len(data))
    span = data[at : at + chance.randrange(8, 2_000)]
    to = chance.randrange(HEADER, len(data))
    data[to:to] = span * chance.choice((1, 1, 2, 20))


def _float(data: bytearray, chance: random.Random) -> None:
    """Somewhere a number that is none: coordinates stand at even places."""
    at = chance.randrange(HEADER // 2, len(data) // 2 - 2) * 2
    data[at : at + 4] = struct.pack("<f", chance.choice(NUMBERS[:8]))


_BYTE_WOUNDS: Sequence[Callable[[bytearray, random.Random], None]] = (
    *(_flip, _flip, _overwrite, _cut, _truncate, _insert, _duplicate, _float, _float),
)


# ----------------------------------------------------------------------------------------------------------- data sets

Place = tuple[Dataset, DataElement]


def _dataset(original: bytes, chance: random.Random) -> bytes:
    dataset = pydicom.dcmread(BytesIO(original))
    for _ in range(chance.randint(1, 4)):
        chance.choice(_WOUNDS)(dataset, chance)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _places(dataset: Dataset) -> list[Place]:
    """Every element of a data set, nested ones too."""
    found: list[Place] = []
    pending: list[Dataset] = [dataset]
    while pending and len(found) < MOST_ELEMENTS:
        holder = pending.pop()
        for element in holder:
            found.append((holder, element))
            if element.VR == "SQ" and element.value:
                pending += list(element.value)
    return found


def _any(dataset: FileDataset, chance: random.Random, wanted: Callable[[DataElement], bool]) -> Place | None:
    places = [place for place in _places(dataset) if wanted(place[1])]
    return chance.choice(places) if places else None


def _delete(dataset: FileDataset, chance: random.Random) -> None:
    if place := _any(dataset, chance, lambda element: True):
        del place[0][place[1].tag]


def _empty(dataset: FileDataset, chance: random.Random) -> None:
    if place := _any(dataset, chance, lambda element: True):
        place[0][place[1].tag] = DataElement(place[1].tag, place[1].VR, None)


def _wrong_representation(dataset: FileDataset, chance: random.Random) -> None:
    if place := _any(dataset, chance, lambda element: True):
        place[0][place[1].tag] = DataElement(place[1].tag, chance.choice(VRS), None)


def _odd_value(dataset: FileDataset, chance: random.Random) -> None:
    if place := _any(dataset, chance, lambda element: element.VR != "SQ"):
        vr = chance.choice((place[1].VR, place[1].VR, "LO", "UT", "FL", "IS", "DS"))
        place[0][place[1].tag] = DataElement(place[1].tag, vr, chance.choice(ODD))


def _numbers(dataset: FileDataset, chance: random.Random) -> None:
    """Coordinates, corners, spacings, counts: one, all, fewer or far more of them."""
    place = _any(dataset, chance, lambda element: element.VR in ("FL", "FD", "SL", "US", "UL", "DS", "IS"))
    if place is None:
        return
    holder, element = place
    values: list[Any] = list(element.value) if element.VM > 1 else [element.value]
    wound = chance.randrange(4)
    if wound == 0:
        values[chance.randrange(len(values))] = chance.choice(NUMBERS)
    elif wound == 1:
        values = [chance.choice(NUMBERS)] * len(values)
    elif wound == 2:
        values = values[: len(values) // 2]
    else:
        values = values * chance.choice(MANY)
    if element.VR in ("SL", "US", "UL"):
        values = [int(min(max(value, 0), 65535)) if math.isfinite(value) else 65535 for value in values]
    elif element.VR in ("DS", "IS"):
        values = [str(value) for value in values]
    holder[element.tag] = DataElement(element.tag, element.VR, values)


def _count(dataset: FileDataset, chance: random.Random) -> None:
    keywords = {"NumberOfGraphicPoints", "GraphicDimensions", "ReferencedFrameNumber", "ImageRotation"}
    if place := _any(dataset, chance, lambda element: element.keyword in keywords):
        place[1].value = chance.choice((0, 1, 2, 3, 45, 65535))


def _sequence_to_text(dataset: FileDataset, chance: random.Random) -> None:
    if place := _any(dataset, chance, lambda element: element.VR == "SQ"):
        place[0][place[1].tag] = DataElement(place[1].tag, "LO", "not a sequence")


def _repeat_item(dataset: FileDataset, chance: random.Random) -> None:
    if place := _any(dataset, chance, lambda element: element.VR == "SQ" and bool(element.value)):
        item = chance.choice(list(place[1].value))
        times = chance.choice(MANY)
        if times * len(_places(dataset)) > MOST_ELEMENTS:
            times = 1
        place[1].value = Items([*place[1].value, *([item] * times)])


def _swap(dataset: FileDataset, chance: random.Random) -> None:
    """One sequence's items under another's tag."""
    one = _any(dataset, chance, lambda element: element.VR == "SQ" and bool(element.value))
    other = _any(dataset, chance, lambda element: element.VR == "SQ")
    if one and other:
        items = [deepcopy(item) for item in one[1].value]
        other[0][other[1].tag] = DataElement(other[1].tag, "SQ", Items(items))


def _nest(dataset: FileDataset, chance: random.Random) -> None:
    """A sequence inside of itself, over and over."""
    place = _any(dataset, chance, lambda element: element.VR == "SQ" and bool(element.value))
    if place is None:
        return
    items = [deepcopy(item) for item in place[1].value]
    for _ in range(chance.choice((2, 10, 60))):
        holder = Dataset()
        holder[place[1].tag] = DataElement(place[1].tag, "SQ", Items(items))
        items = [holder]
    place[1].value = Items(items)


def _refer(dataset: FileDataset, chance: random.Random) -> None:
    """A content item that is another one by reference: its parent, itself, or none (PS3.3 C.17.3)."""
    if place := _any(dataset, chance, lambda element: element.keyword == "ContentSequence" and bool(element.value)):
        item = chance.choice(list(place[1].value))
        item.ReferencedContentItemIdentifier = [chance.randint(0, 4) for _ in range(chance.randint(1, 6))]
        if chance.random() < 0.5:
            for keyword in ("ValueType", "ConceptNameCodeSequence"):
                item.pop(keyword, None)


_WOUNDS: Sequence[Callable[[FileDataset, random.Random], None]] = (
    *(_delete, _delete, _empty, _wrong_representation, _odd_value, _odd_value, _numbers, _numbers, _numbers),
    *(_count, _sequence_to_text, _repeat_item, _swap, _nest, _refer),
)
