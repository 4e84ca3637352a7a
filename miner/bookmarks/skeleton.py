"""The skeleton of an annotation object: how it is built, without what it says.

Enough to add a reader for a dialect that is not known yet, and safe to send away: tags, keywords, value
representations, multiplicities, lengths, private creators. Nothing is removed here, because nothing is copied: a value
is shown only where one of the tables below names its element and the value has the form that the table allows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydicom.datadict import keyword_for_tag, private_dictionary_description
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag

from miner.bookmarks.elements import text
from miner.bookmarks.kinds import class_name
from miner.bookmarks.public_codes import SCHEMES, public_code
from miner.bookmarks.reading import parse, quiet_pydicom
from miner.bookmarks.states.private import PRIVATE_MODELS
from miner.bookmarks.text_form import text_form
from miner.errors import ObjectError, Reason
from miner.part10 import is_over_limits, over_limits

MAX_ELEMENTS = 20_000
MAX_DEPTH = 40
MAX_NUMBERS = 8
"""Numbers of one element that are shown; the multiplicity tells how many there are."""

WORDS: frozenset[str] = frozenset(
    {
        "AnchorPointAnnotationUnits",
        "AnchorPointVisibility",
        "BoundingBoxAnnotationUnits",
        "BoundingBoxTextHorizontalJustification",
        "CompletionFlag",
        "CompoundGraphicType",
        "CompoundGraphicUnits",
        "ContinuityOfContent",
        "GraphicAnnotationUnits",
        "GraphicFilled",
        "GraphicType",
        "ImageHorizontalFlip",
        "MappingResource",
        "Modality",
        "PixelOriginInterpretation",
        "PresentationLUTShape",
        "PresentationSizeMode",
        "RelationshipType",
        "TemporalRangeType",
        "ValueType",
        "VerificationFlag",
        "VOILUTFunction",
    }
)
"""Code strings that software writes: shown where they are among :data:`TERMS`."""

TERMS: frozenset[str] = frozenset(
    {
        *("Y", "N", "PIXEL", "DISPLAY", "MATRIX", "LEFT", "RIGHT", "CENTER", "COMPLETE", "PARTIAL", "SEPARATE"),
        *("CONTINUOUS", "FRAME", "VOLUME", "IDENTITY", "INVERSE", "POINT", "POLYLINE", "INTERPOLATED", "CIRCLE"),
        *("ELLIPSE", "MULTIPOINT", "POLYGON", "ELLIPSOID", "SEGMENT", "MULTISEGMENT", "BEGIN", "END", "MULTILINE"),
        *("INFINITELINE", "CUTLINE", "RANGELINE", "RULER", "AXIS", "CROSSHAIR", "ARROW", "RECTANGLE", "SCALE TO FIT"),
        *("TRUE SIZE", "MAGNIFY", "CONTAINS", "HAS PROPERTIES", "HAS OBS CONTEXT", "HAS ACQ CONTEXT"),
        *("INFERRED FROM", "SELECTED FROM", "HAS CONCEPT MOD", "TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME"),
        *("UIDREF", "PNAME", "COMPOSITE", "IMAGE", "WAVEFORM", "SCOORD", "TCOORD", "CONTAINER", "TABLE", "VERIFIED"),
        *("UNVERIFIED", "LINEAR", "LINEAR_EXACT", "SIGMOID", "DCMR", "PR", "SR", "KO", "CT", "MR", "PT", "NM", "US"),
        *("CR", "DX", "MG", "XA", "RF", "SEG", "OT", "SC"),
    }
)
"""Their defined terms (PS3.3 C.10.5, C.10.4, C.17.3, C.11; PS3.16 for resources). A closed list: any other word of
capitals may as well be a name that somebody put there."""

SHAPED: Mapping[str, re.Pattern[str]] = {
    "SpecificCharacterSet": re.compile(r"(?:|ISO_IR \d{1,3}|ISO 2022 IR \d{1,3}|GB18030|GBK)"),
    "TemplateIdentifier": re.compile(r"\d{1,5}"),
}
"""Code strings with digits, and the form in which they are shown."""

NUMBERS: frozenset[str] = frozenset(
    {
        "AnchorPoint",
        "BoundingBoxBottomRightHandCorner",
        "BoundingBoxTopLeftHandCorner",
        "CompoundGraphicInstanceID",
        "DisplayedAreaBottomRightHandCorner",
        "DisplayedAreaTopLeftHandCorner",
        "GapLength",
        "GraphicData",
        "GraphicDimensions",
        "GraphicGroupID",
        "GraphicLayerOrder",
        "ImageRotation",
        "MajorTicks",
        "NumberOfGraphicPoints",
        "PresentationPixelAspectRatio",
        "PresentationPixelMagnificationRatio",
        "PresentationPixelSpacing",
        "ReferencedContentItemIdentifier",
        "ReferencedFrameNumber",
        "RotationAngle",
        "RotationPoint",
        "TickAlignment",
        "WindowCenter",
        "WindowWidth",
    }
)
"""Numbers of geometry and display. Numeric Value is none: a report may give an age or a weight."""

TEXTS: frozenset[str] = frozenset({"GraphicLayer", "GraphicLayerDescription", "TextValue", "UnformattedTextValue"})
"""Texts whose form tells the dialect: letters become ``a``, digits ``0``."""

_ALLOWED: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(WORDS, TERMS.__contains__),
    **{keyword: pattern.fullmatch for keyword, pattern in SHAPED.items()},
    "CodingSchemeDesignator": SCHEMES.__contains__,
}
"""Keyword → whether a value of it is shown as it stands; else its form is."""

_MULTIPLE = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"})
_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "UV": 8, "SV": 8}
_PATIENT_GROUP = 0x0010

NameUid = Callable[[str], str]
"""A UID of the object → what stands in its place."""


@dataclass(frozen=True, slots=True)
class SkeletonElement:
    """One element. ``depth``: 0 in the data set itself; ``item``: number of its sequence item, from 1, None at depth 0.

    ``length``: octets of its value, None for a sequence and for what identifies a person. ``shown``: what may be
    shown of its value, empty in most cases.
    """

    depth: int
    item: int | None
    tag: str
    keyword: str
    vr: str
    multiplicity: int
    length: int | None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """How one object is built. ``truncated``: it holds more elements, or deeper ones, than are listed."""

    sop_class: str
    transfer_syntax: str
    elements: tuple[SkeletonElement, ...]
    truncated: bool = False


def skeleton(path: Path, name_uid: NameUid) -> Skeleton:
    """The skeleton of one object, of whatever SOP class.

    ``name_uid`` names the object's own UIDs; public ones (SOP classes, transfer syntaxes) are shown by their name.
    Raises ObjectError where the file cannot be parsed; the message holds nothing out of it.
    """
    with quiet_pydicom():
        try:
            return _skeleton(parse(path, None), name_uid)
        except ObjectError:
            raise
        except Exception as error:
            if is_over_limits(error):
                raise over_limits() from None
            reason = f"An object's structure cannot be listed ({type(error).__name__})."
            raise ObjectError(reason, Reason.DAMAGED_OBJECT) from None


def _skeleton(dataset: Dataset, name_uid: NameUid) -> Skeleton:
    found: list[SkeletonElement] = []
    pending: list[tuple[Iterator[BaseTag], Dataset, int, int | None]] = [(_tags(dataset), dataset, 0, None)]
    truncated = False
    while pending:
        tags, holder, depth, item = pending[-1]
        tag = next(tags, None)
        if tag is None:
            pending.pop()
            continue
        if len(found) >= MAX_ELEMENTS:
            truncated = True
            break
        element, children = _element(holder, tag, depth, item, name_uid)
        found.append(element)
        if children and depth >= MAX_DEPTH:
            truncated = True
        elif children:
            # the last item first: the stack turns them round
            below = list(enumerate(children, start=1))[:MAX_ELEMENTS]
            pending += [(_tags(child), child, depth + 1, number) for number, child in reversed(below)]
    meta = getattr(dataset, "file_meta", Dataset())
    syntax = class_name(text(meta, "TransferSyntaxUID"))
    name = class_name(text(dataset, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID"))
    return Skeleton(name, syntax, tuple(found), truncated)


def _tags(dataset: Dataset) -> Iterator[BaseTag]:
    return iter(sorted(dataset.keys()))


def _element(
    holder: Dataset, tag: BaseTag, depth: int, item: int | None, name_uid: NameUid
) -> tuple[SkeletonElement, list[Dataset]]:
    """One element, and the items below it."""
    raw = holder.get_item(tag)
    octets = _octets(raw)
    try:
        element = holder[tag]
    except Exception:  # whatever pydicom makes of a wrong value
        vr = str(getattr(raw, "VR", None) or "??")
        return SkeletonElement(depth, item, _number(tag), _keyword(holder, tag), vr, 0, octets, "unreadable"), []
    keyword = _keyword(holder, tag)
    if isinstance(element.value, DicomSequence):
        children = list(element.value)
        return SkeletonElement(depth, item, _number(tag), keyword, "SQ", len(children), None), children
    shown = _creator(element) if tag.is_private_creator else "" if tag.is_private else _shown(holder, element, name_uid)
    length = None if tag.group == _PATIENT_GROUP or element.VR == "PN" else octets
    multiplicity = _multiplicity(element, octets)
    return SkeletonElement(depth, item, _number(tag), keyword, element.VR, multiplicity, length, shown), []


def _number(tag: BaseTag) -> str:
    """``(gggg,eeee)``; a private element without its block, which each object numbers as it likes."""
    if tag.is_private and not tag.is_private_creator:
        return f"({tag.group:04x},xx{tag.element & 0xFF:02x})"
    return f"({tag.group:04x},{tag.element:04x})"


def _keyword(holder: Dataset, tag: BaseTag) -> str:
    """The standard's keyword; of a private element its creator and name, where pydicom's dictionary knows them."""
    if not tag.is_private:
        return keyword_for_tag(tag)
    if tag.is_private_creator:
        return "private creator"
    creator = _creator_of(holder, tag)
    if creator not in _creators():
        return "private"
    try:
        return f"{creator}: {private_dictionary_description(tag, creator)}"
    except KeyError:
        return creator


def _creator_of(holder: Dataset, tag: BaseTag) -> str:
    block = BaseTag((tag.group << 16) | (tag.element >> 8))
    try:
        return str(holder[block].value) if block in holder else ""
    except Exception:
        return ""


def _creator(element: DataElement) -> str:
    value = str(element.value)
    return value if value in _creators() else text_form(value)


@cache
def _creators() -> frozenset[str]:
    """Private creators that are published: pydicom's dictionary, and those that we read ourselves."""
    from pydicom._private_dict import private_dictionaries

    return frozenset(private_dictionaries) | {model.creator for model in PRIVATE_MODELS}


def _octets(raw: DataElement | RawDataElement | None) -> int | None:
    if isinstance(raw, RawDataElement):
        return len(raw.value) if raw.value is not None else 0
    value = raw.value if raw is not None else None
    return len(value) if isinstance(value, bytes | str) else None


def _multiplicity(element: DataElement, octets: int | None) -> int:
    """Number of values; 0 where the element is empty, 1 for text and octets that have no multiplicity."""
    if octets == 0 or element.value is None or element.value == "":
        return 0
    return int(element.VM) if element.VR in _MULTIPLE or element.VR in _SIZES else 1


def _shown(holder: Dataset, element: DataElement, name_uid: NameUid) -> str:
    """What may be shown of a value of the standard's."""
    keyword = element.keyword
    if element.VR == "UI":
        return " ".join(_uid(str(uid), name_uid) for uid in _values(element)[:MAX_NUMBERS])
    if keyword in NUMBERS:
        return _numbers(element)
    if keyword in ("CodeValue", "LongCodeValue"):
        return public_code(text(holder, "CodingSchemeDesignator"), text(holder, keyword)).partition(":")[2]
    if keyword in TEXTS:
        return " | ".join(text_form(value) for value in _texts(element))
    allowed = _ALLOWED.get(keyword)
    if allowed is None:
        return ""
    return "\\".join(value if allowed(value) else text_form(value) for value in _texts(element))


def _values(element: DataElement) -> list[object]:
    value = element.value
    if value is None or isinstance(value, str | bytes):
        return [value] if value else []
    try:
        return list(value)
    except TypeError:
        return [value]


def _texts(element: DataElement) -> list[str]:
    return [str(value) for value in _values(element)[:MAX_NUMBERS] if not isinstance(value, bytes)]


def _uid(value: str, name_uid: NameUid) -> str:
    return (class_name(value) or name_uid(value)) if value else ""


def _numbers(element: DataElement) -> str:
    values = _values(element)
    shown = []
    for value in values[:MAX_NUMBERS]:
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return "not a number"
        shown.append(f"{number:.6g}" if math.isfinite(number) else "not finite")
    return " ".join(shown) + (" …" if len(values) > MAX_NUMBERS else "")
