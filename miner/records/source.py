"""What a PACS, an annotation object and an image say: source identifiers, in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from miner.errors import Reason

Point = tuple[float, float]
Vector = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]

# ------------------------------------------------------------------------------------------ what a PACS says it has


@dataclass(frozen=True, slots=True)
class PatientRef:
    """A patient as the PACS names them: PatientID and issuer, trimmed. Without an id each study is its own patient."""

    patient_id: str
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class StudyRef:
    """One study as found. ``study_date`` and ``study_time`` are DICOM DA and TM strings, empty where unknown."""

    study_uid: str
    patient: PatientRef
    study_date: str = ""
    study_time: str = ""
    accession: str = ""
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """One series as found at SERIES level; ``instances`` is Number of Series Related Instances where answered."""

    study: StudyRef
    series_uid: str
    modality: str
    instances: int | None = None
    body_part: str = ""


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """One instance as found at IMAGE level. What the PACS did not answer is None or empty: unknown, not absent."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str = ""
    instance_number: int | None = None
    position: Vector | None = None
    orientation: Orientation | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class DateWindow:
    """Study dates, inclusive on both sides; None is open. Studies without a date always match."""

    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a retrieve brought: Part 10 files in the spool by SOP Instance UID, and what did not come, with its reason.

    ``octets`` counts data sets as received; ``service`` is ``get`` or ``move``, empty where nothing had to be asked.
    ``conflicts``: arrived, but the PACS sent the same UID again with other content; the first is kept.
    """

    arrived: Mapping[str, Path]
    missing: Mapping[str, Reason] = field(default_factory=dict)
    octets: int = 0
    service: str = ""
    conflicts: Mapping[str, Reason] = field(default_factory=dict)


# ------------------------------------------------------------------------------------- what an annotation object says


class Shape(StrEnum):
    """The geometry of one mark as drawn, before it is recognised."""

    POINT = "point"
    LINE = "line"
    POLYLINE = "polyline"
    POLYGON = "polygon"
    CIRCLE = "circle"
    ELLIPSE = "ellipse"
    CURVE = "curve"
    ARROW = "arrow"
    TEXT = "text"


class Kind(StrEnum):
    """Kinds of accepted bookmarks (bookmarks.csv)."""

    RECIST = "recist"
    LINE = "line"
    ARROW = "arrow"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"


class Encoding(StrEnum):
    """How a bookmark was written in its object (bookmarks.csv)."""

    GSPS_POLYLINE = "gsps-polyline"
    GSPS_DISPLAY = "gsps-display"
    GSPS_COMPOUND = "gsps-compound"
    GSPS_TEXT = "gsps-text"
    GSPS_CIRCLE = "gsps-circle"
    GSPS_ELLIPSE = "gsps-ellipse"
    GSPS_INTERPOLATED = "gsps-interpolated"
    SR_TID1500 = "sr-tid1500"
    SR_SCOORD3D = "sr-scoord3d"
    PRIVATE_MODEL = "private-model"


class Unit(StrEnum):
    """Unit of a measured text."""

    MM = "mm"
    CM = "cm"
    PIXEL = "px"
    DEGREE = "deg"


class Doubt(StrEnum):
    """Why a bookmark may be noise; ends in lesions.csv's Noise_reasons. Never drops a bookmark by itself."""

    CONTESTED = "contested-pairing"
    ANGLE = "angle"
    AXIS_RATIO = "axis-ratio"
    NO_CROSSING = "no-crossing"
    TEXT_MISMATCH = "text-mismatch"
    ARROW_DIRECTION = "arrow-direction"
    PRESENTATION_SPACING = "presentation-spacing"
    OTHER_SERIES_LABEL = "other-series-label"
    AREA = "area"
    ASPECT = "aspect"
    CONTRAST = "contrast"
    OFF_BODY = "off-body"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with a unit, read out of a typed or generated text; the text itself is never kept."""

    value: float
    unit: Unit


@dataclass(frozen=True, slots=True)
class ImageReference:
    """The image a mark lies on. ``frame`` is 1-based, None for single-frame images."""

    series_uid: str
    sop_uid: str
    sop_class_uid: str = ""
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """One graphic or text of one annotation object, on one image.

    ``points``: pixel centres frame, shape by shape: LINE two ends; ARROW tip, then tail (tip alone where unknown);
    ELLIPSE major axis ends, then minor; CIRCLE centre, then a point of the rim; POLYGON its vertices, first not
    repeated; TEXT its anchor, if any; CURVE its points, closed, the first not repeated. ``order``: position within the
    object; ``item``: index of its Graphic Annotation item; ``layer``: index of its graphic layer; ``tool``: a word of
    our closed vocabulary of tools, empty where the producer names none. ``texts``: measurements found in the texts
    linked to it. ``presentation_spacing``: the state's Presentation Pixel Spacing
    (row, column) in mm, where it has one.
    """

    shape: Shape
    image: ImageReference
    points: tuple[Point, ...]
    encoding: Encoding
    order: int
    item: int = 0
    layer: int = 0
    tool: str = ""
    texts: tuple[Measurement, ...] = ()
    direction_known: bool = True
    presentation_spacing: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class MarkRefusal:
    """A mark, or something that should have been one, that was not accepted."""

    reason: Reason
    order: int
    image: ImageReference | None = None
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class AnnotationObject:
    """One presentation state (or report) as read.

    ``created``: YYYYMMDDHHMMSS, then six digits of the second's fraction, as far as known: compared as text, it orders
    versions. ``window``: its own (lowest, highest) value, None where it sets none. ``items``: number of its Graphic
    Annotation items.
    """

    sop_uid: str
    sop_class_uid: str
    series_uid: str
    study_uid: str
    created: str
    references: tuple[ImageReference, ...]
    marks: tuple[Mark, ...]
    refused: tuple[MarkRefusal, ...]
    window: tuple[float, float] | None = None
    items: int = 0


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A recognised bookmark on one image, in the pixel centres frame, not yet de-identified.

    ``points``: RECIST four end points, long axis (by mm) first; LINE two ends; ARROW tip, then tail if known; ELLIPSE
    major axis ends, then minor (a circle: horizontal, then vertical); POLYGON vertices, the first not repeated.
    ``length_mm``: long axis, line or major axis; None for arrow and polygon. ``short_mm``: short axis, RECIST only.
    ``text_mm``: what its own text says, in mm. ``orders``: orders of the marks it was made of. ``pixel_spacing``: the
    (row, column) spacing in mm with which its lengths were computed. ``history``: older states, oldest last.
    """

    kind: Kind
    image: ImageReference
    points: tuple[Point, ...]
    encoding: Encoding
    confidence: float
    length_mm: float | None = None
    short_mm: float | None = None
    text_mm: float | None = None
    doubts: tuple[Doubt, ...] = ()
    orders: tuple[int, ...] = ()
    source_uid: str = ""
    merged: int = 1
    history: tuple[Bookmark, ...] = ()
    pixel_spacing: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """Every mark of one image ends in exactly one of the two."""

    bookmarks: tuple[Bookmark, ...]
    refused: tuple[MarkRefusal, ...]


# -------------------------------------------------------------------------------------------------- what an image says


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The projection of one image object: the only attributes ever read out of it (deid/projection.py).

    ``pixel_spacing`` is (row spacing, column spacing) in mm, as in PS3.3 10.7.1.3. ``age`` is whole years, capped at
    90, computed where the object is read. ``gate`` holds what the pixel gate judges, already reduced to reasons.
    """

    sop_uid: str
    sop_class_uid: str
    series_uid: str
    study_uid: str
    modality: str
    instance_number: int | None
    position: Vector | None
    orientation: Orientation | None
    pixel_spacing: tuple[float, float] | None
    rows: int
    columns: int
    slope: float
    intercept: float
    has_rescale: bool
    window: tuple[float, float] | None
    sex: str
    age: int | None
    body_part: str
    gantry_tilt: float | None
    gate: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class EncodedPixels:
    """The Pixel Data element's value as stored, with the Image Pixel attributes that decoding needs (PS3.3 C.7.6.3)."""

    transfer_syntax_uid: str
    data: bytes
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    samples: int = 1
    frames: int = 1


@dataclass(frozen=True, slots=True)
class SeriesGeometry:
    """One volume: the images of one orientation, size and SOP class of a series, ordered head to feet.

    ``sop_uids[k]`` is slice number k + 1; ``positions[k]`` its coordinate in mm along ``normal`` (non-decreasing in
    slice number, 0 at slice 1). ``spacing_z`` is the median distance of neighbours, None for a single slice.
    ``refusals``: why it is not allowed into DL_info.csv; empty = a plain evenly spaced axial volume.
    ``rank``: 0 for the largest volume of its series.
    """

    series_uid: str
    rank: int
    sop_uids: tuple[str, ...]
    positions: tuple[float, ...]
    spacing_z: float | None
    normal: Vector
    origin: Vector | None
    orientation: Orientation | None
    rows: int
    columns: int
    refusals: tuple[Reason, ...]

    @property
    def slices(self) -> int:
        """Number of images in the volume."""
        return len(self.sop_uids)

    def number_of(self, sop_uid: str) -> int:
        """Slice number, from 1. Raises ValueError for an image of another volume."""
        return self.sop_uids.index(sop_uid) + 1
