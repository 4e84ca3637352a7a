"""What an annotation object says: source identifiers, in memory only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from miner.errors import Reason
from miner.records.coordinates import Orientation, Point, Vector


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


class Axis(StrEnum):
    """Which axis of one bidimensional measurement a line is, where its object says so."""

    LONG = "long"
    SHORT = "short"


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
    DISPLAYED_AREA = "displayed-area"
    DELETED_LATER = "deleted-later"
    AREA = "area"
    ASPECT = "aspect"
    CONTRAST = "contrast"
    OFF_BODY = "off-body"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with a unit, read out of a typed or generated text; the text itself is never kept."""

    value: float
    unit: Unit


@dataclass(frozen=True, slots=True, repr=False)
class ImageReference:
    """The image a mark lies on. ``frame`` is 1-based, None for single-frame images."""

    series_uid: str
    sop_uid: str
    sop_class_uid: str = ""
    frame: int | None = None


UNKNOWN_IMAGE = ImageReference("", "")
"""Of a mark in space whose object names no image at all."""


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept of a public scheme (PS3.16): its designator (``SCT``, ``SRT``, ``DCM``) and value.

    Its meaning is never kept: some viewers put what a person typed there.
    """

    scheme: str
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


@dataclass(frozen=True, slots=True, repr=False)
class Mark:
    """One graphic or text of one annotation object, on one image.

    ``points``: pixel centres frame, shape by shape: LINE two ends; ARROW tip, then tail (tip alone where unknown);
    ELLIPSE major axis ends, then minor; CIRCLE centre, then a point of the rim; POLYGON its vertices, first not
    repeated; TEXT its anchor, if any; CURVE its points, closed, the first not repeated. ``order``: position within the
    object; ``item``: index of its Graphic Annotation item; ``layer``: index of its graphic layer; ``tool``: a word of
    our closed vocabulary of tools, empty where the producer names none. ``texts``: measurements found in the texts
    linked to it. ``presentation_spacing``: the state's Presentation Pixel Spacing
    (row, column) in mm, where it has one. ``doubts``: what reading itself found doubtful.

    Reports say what a presentation state leaves open: ``group``: number of the measurement group, None where the object
    groups nothing; ``axis``: which axis of the group's lesion a line is; ``tracking``: Tracking Unique Identifier of
    the lesion; ``finding``, ``site``: what and where it is.
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
    doubts: tuple[Doubt, ...] = ()
    group: int | None = None
    axis: Axis | None = None
    tracking: str = ""
    finding: Code | None = None
    site: Code | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SpatialMark:
    """A mark in patient space (SCOORD3D, PS3.3 C.18.9), whose slice is yet to be found.

    ``points``: (x, y, z) in mm in the frame of reference, in the order of :class:`Mark`. ``mark``: everything else; its
    own points are empty, its image is no more than the first of ``candidates``. ``candidates``: images that its group,
    or else its object, names; only their series need be looked into. Empty where it names none: then it may lie in any
    series of its study.
    """

    mark: Mark
    points: tuple[Vector, ...]
    frame_of_reference: str
    candidates: tuple[ImageReference, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ImagePlane:
    """Where one image lies in patient space (PS3.3 C.7.6.2): what a mark in space is matched with.

    ``position``: centre of the first pixel in mm; ``spacing``: (row, column) in mm; ``thickness``: distance in mm to
    the next slice of its volume, None for a single one. ``frame_of_reference`` is empty where the image names none.
    """

    image: ImageReference
    frame_of_reference: str
    position: Vector
    orientation: Orientation
    spacing: tuple[float, float]
    rows: int
    columns: int
    thickness: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class MarkRefusal:
    """A mark, or something that should have been one, that was not accepted."""

    reason: Reason
    order: int
    image: ImageReference | None = None
    shape: Shape | None = None


@dataclass(frozen=True, slots=True, repr=False)
class AnnotationObject:
    """One presentation state (or report) as read.

    ``created``: YYYYMMDDHHMMSS, then six digits of the second's fraction, as far as known: compared as text, it orders
    versions. ``window``: its own (lowest, highest) value, None where it sets none. ``items``: number of its Graphic
    Annotation items or measurement groups. ``modality``: PR, SR or KO. ``label``: Content Label, in memory only: states
    of one series and label are versions of one another. ``spatial``: marks in patient space; orders of marks, spatial
    marks and refusals together count 0, 1, 2 … without a gap.
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
    modality: str = "PR"
    label: str = ""
    spatial: tuple[SpatialMark, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Bookmark:
    """A recognised bookmark on one image, in the pixel centres frame, not yet de-identified.

    ``points``: RECIST four end points, long axis (by mm) first; LINE two ends; ARROW tip, then tail if known; ELLIPSE
    major axis ends, then minor (a circle: horizontal, then vertical); POLYGON vertices, the first not repeated.
    ``length_mm``: long axis, line or major axis; None for arrow and polygon. ``short_mm``: short axis, RECIST only.
    ``text_mm``: what its own text says, in mm. ``orders``: orders of the marks it was made of. ``pixel_spacing``: the
    (row, column) spacing in mm with which its lengths were computed. ``history``: older states, oldest last.
    ``tracking``, ``finding``, ``site``: as in :class:`Mark`.
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
    tracking: str = ""
    finding: Code | None = None
    site: Code | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Recognition:
    """Every mark of one image ends in exactly one of the two."""

    bookmarks: tuple[Bookmark, ...]
    refused: tuple[MarkRefusal, ...]
