"""The pixel gate: which images may be decoded at all, judged from their headers. Fails closed.

Pixels are where a name survives any treatment of the header: secondary captures, dose reports and screen saves carry
it burned in, overlays beside the picture (PS3.15 E.3.1 is about them). So an image is let through only as what a
scanner wrote: an original, primary, grey, single-frame cross-section. Each refusal has its reason; an image may have
several, the most telling first.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from miner.deid.elements import Elements
from miner.errors import Reason

MODALITY_OF_CLASS = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
}
"""Accepted SOP classes (PS3.4 B.5) with the modality that each must say. Enhanced (multi-frame) classes are not read
yet and are refused. Which of these modalities is mined at all, the configuration says."""

SECONDARY_CAPTURE = (
    *(0x00181010, 0x00181011, 0x00181012, 0x00181014, 0x00181016, 0x00181017, 0x00181018, 0x00181019),
    *(0x0018101A, 0x0018101B, 0x00181022, 0x00181023),
)
"""SC Equipment, SC Image and Hardcopy Equipment modules (PS3.3 C.8.6): who captured, when, with what."""

OVERLAY = tuple(
    group << 16 | element
    for group in range(0x6000, 0x6020, 2)
    for element in (0x0010, 0x0011, 0x0040, 0x0050, 0x0100, 0x0102, 0x3000)
)
"""Overlay planes, repeating groups 6000..601E (PS3.3 C.9.2, PS3.5 7.6). An overlay may also hide in unused bits of the
pixels; those are masked at decoding, yet an image that announces any overlay is refused."""

READ = (
    *(0x00080008, 0x00080016, 0x00080060, 0x00080064, 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011),
    *(0x00280030, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280301, 0x00283000),
    *SECONDARY_CAPTURE,
    *OVERLAY,
)
"""Every attribute that the gate looks at."""

_SECONDARY_CAPTURE_CLASSES = "1.2.840.10008.5.1.4.1.1.7"
_LOCALIZER = ("LOCALI", "SCOUT", "TOPO", "SURVIEW", "SCANO")
_NOT_A_PICTURE = (
    *("SCREEN", "DOSE", "CAPTURE", "REPORT", "PROTOCOL", "SNAPSHOT", "PRINT", "ANNOTAT", "OVERLAY", "BURNED"),
)
_SHORT_FOR = {"TOP": Reason.LOCALIZER, "PROT": Reason.IMAGE_TYPE}
"""Whole words of one vendor (``CT_SOM5 TOP``, ``CT_SOM5 PROT``) for a topogram and a patient protocol, a dose sheet;
too short to be looked for as beginnings of words: MR images say ``PROTON``."""

_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")


def gate(image: Elements, transfer_syntax_uid: str, pixel_octets: int) -> tuple[Reason, ...]:
    """Why this image may not be used; empty where it may.

    Args:
        image: holds at least :data:`READ` of the image.
        transfer_syntax_uid: how its pixels are encoded.
        pixel_octets: length of Pixel Data as stored; 0 where there is none.
    """
    reasons = [reason for rule in _HEADER_RULES if (reason := rule(image)) is not None]
    size = _size(image, transfer_syntax_uid, pixel_octets)
    return (*reasons, size) if size is not None else tuple(reasons)


def refused_class(sop_class_uid: str) -> Reason | None:
    """Why no image of this SOP class is ever asked for; None where it may be, or where the class is not known."""
    if not sop_class_uid or sop_class_uid in MODALITY_OF_CLASS:
        return None
    return Reason.SECONDARY_CAPTURE if sop_class_uid.startswith(_SECONDARY_CAPTURE_CLASSES) else Reason.SOP_CLASS


def pixel_spacing(image: Elements) -> tuple[float, float] | None:
    """Pixel Spacing, (row spacing, column spacing) in mm (PS3.3 10.7.1.3); None unless both are above zero."""
    pair = image.vector(0x00280030, 2)
    return (pair[0], pair[1]) if pair is not None and min(pair) > 0 else None


def _sop_class(image: Elements) -> Reason | None:
    expected = MODALITY_OF_CLASS.get(_only(image, 0x00080016))
    single = not image.present(0x00280008) or _whole(image, 0x00280008) == 1
    agreed = expected is not None and _only(image, 0x00080060) in (expected, "")
    return None if agreed and single else Reason.SOP_CLASS


def _only(image: Elements, tag: int) -> str:
    """The value of an element that has one, in capitals; several are joined, so that they are no word of any list."""
    return "\\".join(image.texts(tag)).upper()


def _whole(image: Elements, tag: int) -> int | None:
    """The whole number of an element that has one number; None where it has several, or none that is whole."""
    numbers = image.vector(tag, 1)
    return int(numbers[0]) if numbers is not None and numbers[0].is_integer() else None


def _image_type(image: Elements) -> Reason | None:
    values = [value.upper() for value in image.texts(0x00080008)]
    words = [word for value in values for word in re.split(r"[^A-Z0-9]+", value)]
    short_for = {_SHORT_FOR.get(word) for word in words}
    if Reason.LOCALIZER in short_for or any(word.startswith(_LOCALIZER) for word in words):
        return Reason.LOCALIZER
    not_a_picture = Reason.IMAGE_TYPE in short_for or any(word.startswith(_NOT_A_PICTURE) for word in words)
    return Reason.IMAGE_TYPE if not_a_picture or values[:2] != ["ORIGINAL", "PRIMARY"] else None


def _burned_in(image: Elements) -> Reason | None:
    """Anything but NO or nothing: the attribute has two values, so a third is a warning that nobody can read."""
    return None if _only(image, 0x00280301) in ("", "NO") else Reason.BURNED_IN


def _secondary_capture(image: Elements) -> Reason | None:
    captured = any(image.present(tag) for tag in (0x00080064, *SECONDARY_CAPTURE))
    return Reason.SECONDARY_CAPTURE if captured else None


def _overlay(image: Elements) -> Reason | None:
    return Reason.OVERLAY if any(tag in image for tag in OVERLAY) else None


def _greyscale(image: Elements) -> Reason | None:
    """One sample, MONOCHROME2.

    MONOCHROME1 is allowed for CT (PS3.3 C.8.2.1), but no scanner writes it: somebody has turned the picture over,
    and the header does not say whether its numbers were turned over too.
    """
    plain = _whole(image, 0x00280002) == 1 and _only(image, 0x00280004) == "MONOCHROME2"
    return None if plain else Reason.NOT_GREYSCALE


def _bits(image: Elements) -> Reason | None:
    """12 to 16 bits stored in words of 16, the highest on top of them (PS3.3 C.7.6.3.1.1, PS3.5 8.1.1).

    Eight-bit "CT" is a picture of a CT: its Hounsfield values are gone.
    """
    stored = _whole(image, 0x00280101)
    sound = (
        stored is not None
        and 12 <= stored <= 16
        and _whole(image, 0x00280100) == 16
        and _whole(image, 0x00280102) == stored - 1
        and _whole(image, 0x00280103) in (0, 1)
    )
    return None if sound else Reason.BITS_STORED


def _modality_lut(image: Elements) -> Reason | None:
    """A table instead of slope and intercept (PS3.3 C.11.1): allowed nowhere in CT, and not applied here."""
    return Reason.MODALITY_LUT if image.present(0x00283000) else None


def _spacing(image: Elements) -> Reason | None:
    return Reason.NO_PIXEL_SPACING if pixel_spacing(image) is None else None


def _size(image: Elements, transfer_syntax_uid: str, pixel_octets: int) -> Reason | None:
    """Pixels there, Rows and Columns too, and uncompressed pixels exactly as long as they say."""
    if pixel_octets == 0:
        return Reason.NO_PIXELS
    rows, columns = _whole(image, 0x00280010) or 0, _whole(image, 0x00280011) or 0
    if rows < 1 or columns < 1:
        return Reason.SIZE_MISMATCH
    bits = (_whole(image, 0x00280100) or 0) * (_whole(image, 0x00280002) or 1)
    if transfer_syntax_uid in _NATIVE and pixel_octets != rows * columns * bits // 8:
        return Reason.SIZE_MISMATCH
    return None


_HEADER_RULES: tuple[Callable[[Elements], Reason | None], ...] = (
    _sop_class,
    _image_type,
    _burned_in,
    _secondary_capture,
    _overlay,
    _greyscale,
    _bits,
    _modality_lut,
    _spacing,
)
