"""One image object in, one typed record out: the only attributes that are ever read out of an image.

Nothing is removed here, because nothing is copied: the reader skips every attribute that is not in
:data:`ATTRIBUTES`, and of those in it only what the table calls kept reaches the record. Text reaches it as a word of
a closed list or as a UID; UIDs live in memory only and leave as surrogates.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom

from miner.deid.ages import age_at_study
from miner.deid.elements import Elements, elements_of
from miner.deid.gate import MODALITY_OF_CLASS, READ, gate, pixel_spacing, refused_class
from miner.deid.head import HEAD, body_part
from miner.errors import ObjectError, Reason, unforeseen
from miner.limits import LARGEST_HEADER, LARGEST_IMAGE
from miner.part10 import BoundedStream, checked, is_over_limits, over_limits
from miner.records import EncodedPixels, ImageHeader, Orientation, Vector
from miner.records.attributes import Attribute, Use

SOP_CLASS, SOP_UID, STUDY_UID, SERIES_UID = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
STUDY_DATE, BIRTH_DATE, SEX, AGE = 0x00080020, 0x00100030, 0x00100040, 0x00101010
BODY_PART, GANTRY_TILT, INSTANCE_NUMBER = 0x00180015, 0x00181120, 0x00200013
POSITION, ORIENTATION, FRAME_OF_REFERENCE = 0x00200032, 0x00200037, 0x00200052
PHOTOMETRIC, ROWS, COLUMNS, PIXEL_SPACING = 0x00280004, 0x00280010, 0x00280011, 0x00280030
BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
WINDOW_CENTER, WINDOW_WIDTH = 0x00281050, 0x00281051
INTERCEPT, SLOPE, RESCALE_TYPE = 0x00281052, 0x00281053, 0x00281054
RECOGNISABLE = 0x00280302
SAMPLES, PIXEL_DATA = 0x00280002, 0x7FE00010

_FOR_THE_RECORD = (
    Attribute(SOP_CLASS, Use.KEPT, "what kind of object it is"),
    Attribute(SOP_UID, Use.SURROGATE, "links image and annotation"),
    Attribute(STUDY_UID, Use.SURROGATE, "links image and study"),
    Attribute(SERIES_UID, Use.SURROGATE, "links image and series"),
    Attribute(STUDY_DATE, Use.JUDGED, "age at the study, where Patient's Age is absent"),
    Attribute(BIRTH_DATE, Use.JUDGED, "age at the study, where Patient's Age is absent"),
    Attribute(SEX, Use.KEPT, "Patient_gender: M, F or O", option="113108"),
    Attribute(AGE, Use.KEPT, "Patient_age: whole years, 90 and above are 90", option="113108"),
    Attribute(BODY_PART, Use.KEPT, "the head policy; as a word of a closed list"),
    Attribute(RECOGNISABLE, Use.JUDGED, "the head policy: whether somebody can be recognised by what is to be seen"),
    Attribute(GANTRY_TILT, Use.KEPT, "a tilted volume is refused"),
    Attribute(INSTANCE_NUMBER, Use.KEPT, "order of slices where positions tie"),
    Attribute(POSITION, Use.KEPT, "order and distance of slices"),
    Attribute(ORIENTATION, Use.KEPT, "order and distance of slices"),
    Attribute(FRAME_OF_REFERENCE, Use.SURROGATE, "matches a mark in space with its image; never written down at all"),
    Attribute(SAMPLES, Use.KEPT, "decoding"),
    Attribute(PHOTOMETRIC, Use.KEPT, "decoding; as a word of a closed list"),
    Attribute(ROWS, Use.KEPT, "decoding"),
    Attribute(COLUMNS, Use.KEPT, "decoding"),
    Attribute(PIXEL_SPACING, Use.KEPT, "millimetres"),
    Attribute(BITS_ALLOCATED, Use.KEPT, "decoding"),
    Attribute(BITS_STORED, Use.KEPT, "decoding: what lies above these bits is masked"),
    Attribute(HIGH_BIT, Use.KEPT, "decoding"),
    Attribute(SIGNED, Use.KEPT, "decoding"),
    Attribute(WINDOW_CENTER, Use.KEPT, "DICOM_windows"),
    Attribute(WINDOW_WIDTH, Use.KEPT, "DICOM_windows"),
    Attribute(INTERCEPT, Use.KEPT, "Hounsfield units"),
    Attribute(SLOPE, Use.KEPT, "Hounsfield units"),
    Attribute(RESCALE_TYPE, Use.JUDGED, "whether the rescaled values are Hounsfield units"),
    Attribute(PIXEL_DATA, Use.KEPT, "the picture, behind the pixel gate"),
)

ATTRIBUTES: tuple[Attribute, ...] = _FOR_THE_RECORD + tuple(
    Attribute(tag, Use.JUDGED, "the pixel gate") for tag in READ if tag not in {entry.tag for entry in _FOR_THE_RECORD}
)
"""Everything that is read out of an image, with its use. Held against both editions of PS3.15 Table E.1-1 by a test:
what is kept is absent from the table, or the table keeps it under an option that PROFILE declares."""

_TAGS = [entry.tag for entry in ATTRIBUTES]
_GREY = ("MONOCHROME1", "MONOCHROME2")
_HOUNSFIELD = ("", "HU", "US")
"""Rescale Types that stand for Hounsfield units in CT (PS3.3 C.8.2.1, C.11.1.1.2): absent is HU by definition; US is
"unspecified", of which CT knows no other meaning. The rest (electron density, effective atomic number) is not HU."""

__all__ = ["ATTRIBUTES", "Attribute", "Use", "project"]

_reading = threading.Lock()


def project(path: Path) -> tuple[ImageHeader, EncodedPixels | None]:
    """Read one image object (a Part 10 file).

    Returns its header, with the pixel gate's reasons in ``gate``, and its pixels as stored, None where it has none.
    An image that the gate refuses is returned all the same: whoever uses the pixels must look at ``gate`` first.

    An image larger than any that is read, of a SOP class that is not read either, is returned without its pixels.

    Raises ObjectError, with DAMAGED_OBJECT where the file is no whole DICOM object, OVER_LIMITS where it is beyond the
    bounds of :mod:`miner.limits` or nested deeper than any; the message holds nothing out of it.
    Raises StorageError where the file cannot be had from its disk, which says nothing of the object.
    """
    data, whole = _octets(path)
    image, transfer_syntax_uid = _parsed(data, whole=whole)
    if not whole and refused_class(image.text(SOP_CLASS)) is None:
        raise over_limits()
    pixels = _pixels(image, transfer_syntax_uid)
    return _header(image, transfer_syntax_uid, len(pixels.data) if pixels else 0), pixels


def _octets(path: Path) -> tuple[bytes, bool]:
    """The file, inflated, and True; of one that is too large the beginning, which holds its header, and False."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_IMAGE + 1)
    except OSError as error:
        error.filename = str(path.parent)  # a file's own name may be a UID
        raise unforeseen(error) from None
    if len(data) > LARGEST_IMAGE:
        return checked(data[:LARGEST_HEADER], LARGEST_IMAGE), False
    return checked(data, LARGEST_IMAGE), True


def _parsed(data: bytes, *, whole: bool) -> tuple[Elements, str]:
    """The listed elements, unconverted, and the Transfer Syntax UID; those before the pixels of what is not whole."""
    try:
        with _quiet_reader():
            dataset = pydicom.dcmread(BoundedStream(data), specific_tags=_TAGS, stop_before_pixels=not whole)
            transfer_syntax_uid = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    except ObjectError:
        raise
    except Exception as error:  # the reader raises whatever its parsers raise, with values in the text
        if is_over_limits(error):
            raise over_limits() from None
        raise ObjectError(
            f"An image object cannot be read as a DICOM file ({type(error).__name__}).", Reason.DAMAGED_OBJECT
        ) from None
    if not transfer_syntax_uid:
        raise ObjectError("An image object does not name its transfer syntax.", Reason.DAMAGED_OBJECT)
    return elements_of(dataset), transfer_syntax_uid


@contextmanager
def _quiet_reader() -> Iterator[None]:
    """pydicom's warnings and log lines quote values and file names: none gets out.

    Warning filters, the logger and pydicom's settings belong to the process, hence one reader at a time (parsing holds
    the interpreter's lock anyway).
    """
    settings, logger = pydicom.config.settings, logging.getLogger("pydicom")
    with _reading, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mode, disabled = settings.reading_validation_mode, logger.disabled
        settings.reading_validation_mode, logger.disabled = pydicom.config.IGNORE, True
        try:
            yield
        finally:
            settings.reading_validation_mode, logger.disabled = mode, disabled


def _header(image: Elements, transfer_syntax_uid: str, pixel_octets: int) -> ImageHeader:
    sop_class = _required_uid(image, SOP_CLASS)
    modality = MODALITY_OF_CLASS.get(sop_class, "")
    slope, intercept, has_rescale = _rescale(image, modality)
    return ImageHeader(
        sop_uid=_required_uid(image, SOP_UID),
        sop_class_uid=sop_class,
        series_uid=_required_uid(image, SERIES_UID),
        study_uid=_required_uid(image, STUDY_UID),
        modality=modality,
        instance_number=image.integer(INSTANCE_NUMBER),
        position=_position(image),
        orientation=_orientation(image),
        pixel_spacing=pixel_spacing(image),
        rows=image.integer(ROWS) or 0,
        columns=image.integer(COLUMNS) or 0,
        slope=slope,
        intercept=intercept,
        has_rescale=has_rescale,
        window=_window(image),
        sex=_sex(image),
        age=age_at_study(image.text(AGE), image.text(BIRTH_DATE), image.text(STUDY_DATE)),
        body_part=_body_part(image),
        gantry_tilt=image.number(GANTRY_TILT),
        gate=gate(image, transfer_syntax_uid, pixel_octets),
        frame_of_reference=image.text(FRAME_OF_REFERENCE),
    )


def _required_uid(image: Elements, tag: int) -> str:
    uid = image.text(tag)
    if not uid:
        raise ObjectError("An image object lacks one of the UIDs that every object has.", Reason.DAMAGED_OBJECT)
    return uid


def _position(image: Elements) -> Vector | None:
    values = image.vector(POSITION, 3)
    return (values[0], values[1], values[2]) if values else None


def _orientation(image: Elements) -> Orientation | None:
    values = image.vector(ORIENTATION, 6)
    return (values[0], values[1], values[2], values[3], values[4], values[5]) if values else None


def _body_part(image: Elements) -> str:
    """A word of the closed list; ``HEAD`` too where Recognizable Visual Features (PS3.3 C.7.6.1) is not NO, nor empty.

    The attribute has YES and NO: what else stands there is a warning that nobody can read. Of several body parts, each
    counts.
    """
    recognisable = "\\".join(image.texts(RECOGNISABLE)).upper() not in ("", "NO")
    return HEAD if recognisable else body_part(" ".join(image.texts(BODY_PART)))


def _sex(image: Elements) -> str:
    """Patient's Sex as M, F or O; O too where the source says nothing or something else."""
    said = image.text(SEX).upper()
    return said if said in ("M", "F") else "O"


def _rescale(image: Elements, modality: str) -> tuple[float, float, bool]:
    """Slope, intercept, and whether they give Hounsfield units; (1, 0, False) where they do not.

    A slope of zero would make one value of the whole picture, so it counts as none. Rescaled MR values are in no unit
    that two series share.
    """
    slope, intercept = image.number(SLOPE), image.number(INTERCEPT)
    hounsfield = modality == "CT" and image.text(RESCALE_TYPE).upper() in _HOUNSFIELD
    if not hounsfield or not slope or intercept is None:
        return 1.0, 0.0, False
    return slope, intercept, True


def _window(image: Elements) -> tuple[float, float] | None:
    """(lowest, highest) of the first pair of Window Center and Width: (c - w/2, c + w/2); None without a usable one."""
    center, width = image.number(WINDOW_CENTER), image.number(WINDOW_WIDTH)
    if center is None or width is None or width <= 0:
        return None
    return center - width / 2, center + width / 2


def _pixels(image: Elements, transfer_syntax_uid: str) -> EncodedPixels | None:
    """The pixels as stored. What the header does not say is 0, and refused by the gate."""
    data = image.octets(PIXEL_DATA)
    if not data:
        return None
    photometric = image.text(PHOTOMETRIC)
    return EncodedPixels(
        transfer_syntax_uid=transfer_syntax_uid,
        data=data,
        rows=image.integer(ROWS) or 0,
        columns=image.integer(COLUMNS) or 0,
        bits_allocated=image.integer(BITS_ALLOCATED) or 0,
        bits_stored=image.integer(BITS_STORED) or 0,
        high_bit=image.integer(HIGH_BIT) or 0,
        signed=image.integer(SIGNED) == 1,
        photometric=photometric if photometric in _GREY else "",
        samples=image.integer(SAMPLES) or 0,
        frames=1,
    )
