"""Reading single elements of a DICOM object without trusting them.

Everything is read from the elements' raw values: no VR conversion of the reader's runs, so none can fail on one bad
value out of several, and none can warn with the value in its text. A number written under a wrong VR is still read.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from miner.errors import ObjectError, Reason
from miner.limits import LONGEST_VALUE
from miner.part10 import over_limits

_UNDEFINED_LENGTH = 0xFFFFFFFF
_PADDING = " \0\t\r\n"
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}


@dataclass(frozen=True, slots=True)
class Element:
    """One element as stored. ``vr`` is empty where the object does not say; ``items``: a sequence with an item."""

    vr: str
    octets: bytes = field(repr=False)
    little_endian: bool
    items: bool = False


class Elements:
    """The elements of one object by tag; every question has an answer, whatever stands in them, but for values too long
    to be looked at (ObjectError, OVER_LIMITS).
    """

    def __init__(self, elements: Mapping[int, Element]) -> None:
        self._elements = elements

    def __contains__(self, tag: object) -> bool:
        return tag in self._elements

    def present(self, tag: int) -> bool:
        """Whether the element is there with a value, of whatever form."""
        element = self._elements.get(tag)
        return element is not None and (element.items or bool(element.octets.strip(_PADDING.encode())))

    def octets(self, tag: int) -> bytes:
        """The value as stored, empty where there is none."""
        element = self._elements.get(tag)
        return element.octets if element is not None else b""

    def _short(self, tag: int) -> bytes:
        """The value of an element that holds text or numbers. Raises ObjectError (OVER_LIMITS) beyond LONGEST_VALUE."""
        octets = self.octets(tag)
        if len(octets) > LONGEST_VALUE:
            raise over_limits()
        return octets

    def texts(self, tag: int) -> tuple[str, ...]:
        """The values of a text element, without padding; empty where there is none."""
        octets = self._short(tag)
        if not octets.strip(_PADDING.encode()):
            return ()
        try:
            whole = octets.decode("utf-8")
        except UnicodeDecodeError:
            whole = octets.decode("latin-1")
        return tuple(value.strip(_PADDING) for value in whole.split("\\"))

    def text(self, tag: int) -> str:
        """The first value of a text element, empty where there is none."""
        return next(iter(self.texts(tag)), "")

    def numbers(self, tag: int) -> tuple[float | None, ...]:
        """The values of a numeric element (text or binary VR); None stands for each that is not a finite number."""
        element = self._elements.get(tag)
        if element is None:
            return ()
        form = _BINARY.get(element.vr if element.vr not in ("", "UN") else _usual_vr(tag))
        if form is None:
            return tuple(_decimal(value) for value in self.texts(tag))
        octets = self._short(tag)
        count, rest = divmod(len(octets), struct.calcsize(form))
        if rest:
            return ()
        order = "<" if element.little_endian else ">"
        return tuple(_finite(float(value)) for value in struct.unpack(f"{order}{count}{form}", octets))

    def number(self, tag: int) -> float | None:
        """The first value of a numeric element, None where it is absent or not a finite number."""
        return next(iter(self.numbers(tag)), None)

    def integer(self, tag: int) -> int | None:
        """The first value of a numeric element where it is a whole number, else None."""
        value = self.number(tag)
        return int(value) if value is not None and value.is_integer() else None

    def vector(self, tag: int, length: int) -> tuple[float, ...] | None:
        """All values of a numeric element where there are exactly ``length`` and each is finite, else None."""
        values = self.numbers(tag)
        finite = tuple(value for value in values if value is not None)
        return finite if len(finite) == len(values) == length else None


def elements_of(dataset: Dataset) -> Elements:
    """The elements of a data set that has been read but not converted.

    Raises ObjectError (DAMAGED_OBJECT) where one is shorter than it says, the object ending in the middle of it, or
    where there is none: the reader gives an empty data set where compressed pixels never end.
    """
    if not dataset:
        raise ObjectError("An image object is empty or cut short.", Reason.DAMAGED_OBJECT)
    read = {int(tag): _unconverted(dataset, tag) for tag in dataset.keys()}  # noqa: SIM118
    return Elements({tag: _element(element) for tag, element in read.items()})


def _unconverted(dataset: Dataset, tag: BaseTag) -> DataElement | RawDataElement:
    """An element as it was read. Without ``keep_deferred`` the reader converts one that has a length and no value."""
    # pydicom's annotations leave out that an unconverted element comes back raw.
    return cast("DataElement | RawDataElement", dataset.get_item(tag, keep_deferred=True))


def _element(element: DataElement | RawDataElement) -> Element:
    if not isinstance(element, RawDataElement):  # the reader always converts a sequence of undefined length
        return Element(str(element.VR), b"", little_endian=True, items=bool(element.value))
    # An empty element comes as None or, depending on its VR, as an empty string.
    octets = element.value if isinstance(element.value, bytes) else b""
    if element.length not in (len(octets), _UNDEFINED_LENGTH):
        raise ObjectError("An image object is cut short.", Reason.DAMAGED_OBJECT)
    return Element(str(element.VR or ""), octets, element.is_little_endian)


def _usual_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _decimal(text: str) -> float | None:
    # float() alone would take "nan", "1_000" and the digits of other scripts
    return _finite(float(text)) if text.isascii() and _DECIMAL.fullmatch(text) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
