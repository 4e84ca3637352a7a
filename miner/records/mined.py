"""What the catalogue stores of a study: surrogates, numbers and reasons only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from miner.errors import Reason
from miner.records.annotations import Doubt, Encoding, Kind
from miner.records.coordinates import Orientation, Point, Vector


class WorkState(StrEnum):
    """State of one study's work row."""

    FOUND = "found"
    CLAIMED = "claimed"
    MINED = "mined"
    PARTIAL = "partial"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MinedSlice:
    """One stored PNG: slice number in the full volume, surrogate of its instance, and what was written."""

    number: int
    instance_key: str
    png_sha256: str
    png_octets: int


@dataclass(frozen=True, slots=True)
class ImageStudy:
    """The study that holds images of a mined bookmark. ``order`` sorts a patient's studies in time without a date."""

    study_key: str
    patient_key: str
    order: int
    sex: str
    age: int | None


class PixelReview(StrEnum):
    """What is known of text in the pixels of a series."""

    HEADER = "header"
    """the pixel gate alone has judged, by the headers"""
    SEARCHED = "searched"
    """the key slices of all its bookmarks were searched, and no text was found"""
    QUARANTINED = "quarantined"
    """text was found, or a search failed; it waits for a person"""
    PASSED = "passed"
    """a person has looked, and lets it out"""
    REJECTED = "rejected"
    """a person has looked, and keeps it in"""


@dataclass(frozen=True, slots=True)
class SearchedSlice:
    """One slice that was searched for text. ``boxes``: (x0, y0, x1, y1), pixels from 0, ends inclusive; never the text.

    ``failed``: the search broke off, so that nothing is known of the slice.
    """

    number: int
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    failed: bool = False

    @property
    def suspicious(self) -> bool:
        """Whether a person has to look."""
        return self.failed or bool(self.boxes)


@dataclass(frozen=True, slots=True)
class MinedSeries:
    """One volume with at least one bookmark.

    ``spacing`` is (x, y, z) in mm, x the column spacing. ``refusals``: why not in DL_info.csv. ``value_rule``:
    ``hu+32768`` or ``stored+32768``. ``searched``: slices that were searched for text this time.
    """

    series_key: str
    study_key: str
    modality: str
    slices: int
    spacing: tuple[float, float, float | None]
    origin: Vector | None
    orientation: Orientation | None
    columns: int
    rows: int
    value_rule: str
    policy: str
    refusals: tuple[Reason, ...]
    numbering_digest: str
    stored: tuple[MinedSlice, ...]
    searched: tuple[SearchedSlice, ...] = ()


@dataclass(frozen=True, slots=True)
class PixelFacts:
    """What the key slice's pixels say about a bookmark's box (a box as in Bounding_boxes, clipped to the image)."""

    mean_hu: float
    std_hu: float
    ring_mean_hu: float
    body_fraction: float
    location: tuple[float, float]
    body_found: bool


@dataclass(frozen=True, slots=True)
class MinedState:
    """One measurement of a lesion: what it drew, in which object, and when.

    ``uid``: made of image, kind and geometry, so the same wherever and whenever it is read. ``order``: sorts states of
    one patient in time, 0 where the time is not known. ``tracking_key``: as in :class:`MinedBookmark`.
    """

    uid: str
    object_key: str
    order: int
    tracking_key: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class MinedBookmark:
    """One accepted bookmark under surrogates. ``first``, ``last``: the slices kept around it in its volume.

    ``window`` is (lowest, highest) HU; ``window_source`` ``header``, ``presentation-state`` or ``default``.
    ``object_key``: the object of the state that stands; ``history_keys``: those of its other states, newest first.
    ``state_order``: sorts states of one patient in time without a date, 0 where the time is not known;
    ``history_orders``: the same for each of ``history_keys``, empty where none is known. Of a published bookmark, whose
    measurement stays, states of its history may be newer. ``tracking_key``: surrogate of its Tracking Unique
    Identifier, empty where it has none. ``finding``, ``finding_site``: public codes such as ``SCT:39607008``.
    ``states``: every measurement of the lesion that is known, its own among them; empty where there is no other.
    """

    uid: str
    kind: Kind
    series_key: str
    key_slice: int
    points: tuple[Point, ...]
    length_mm: float | None
    short_mm: float | None
    text_mm: float | None
    confidence: float
    encoding: Encoding
    doubts: tuple[Doubt, ...]
    facts: PixelFacts | None
    window: tuple[float, float]
    window_source: str
    first: int
    last: int
    merged: int
    object_key: str
    history_keys: tuple[str, ...] = ()
    state_order: int = 0
    tracking_key: str = ""
    finding: str = ""
    finding_site: str = ""
    history_orders: tuple[int, ...] = ()
    states: tuple[MinedState, ...] = ()

    @property
    def measured(self) -> tuple[MinedState, ...]:
        """Every measurement of the lesion that is known: by any of them it is known again."""
        own = MinedState(self.uid, self.object_key, self.state_order, self.tracking_key, self.points)
        return self.states or (own,)

    @property
    def history(self) -> tuple[tuple[str, int], ...]:
        """Object key and order of each of its other states, newest first; order 0 where the time is not known."""
        unknown = len(self.history_keys) - len(self.history_orders)
        return tuple(zip(self.history_keys, (*self.history_orders, *[0] * unknown), strict=True))

    @property
    def newer_states(self) -> int:
        """How many of its other states are surely newer than the one that stands: corrections of a published row."""
        return sum(order > self.state_order > 0 for _, order in self.history)


@dataclass(frozen=True, slots=True)
class MinedObject:
    """One annotation object: what it held and what became of it. The counts add up: marks = used + refused."""

    object_key: str
    kind: str
    reason: Reason | None
    marks: int
    used: int
    refused: int
    content_digest: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Something not accepted: ``subject`` is ``mark``, ``object``, ``series`` or ``slice``; ``key`` its surrogate."""

    subject: str
    key: str
    reason: Reason
    count: int = 1


class Level(StrEnum):
    """Level of something that is missing, as in the Query/Retrieve Information Model (PS3.4 C.6.2.1)."""

    STUDY = "study"
    SERIES = "series"
    OBJECT = "object"


IMAGE_KIND = "image"
"""``kind`` of a missing image, or of a series of images."""


@dataclass(frozen=True, slots=True)
class MissingItem:
    """Something that should be here and is not: an object that did not come, or a series that could not be listed.

    ``key``: its surrogate. ``kind``: modality of the annotations (PR, SR, KO), or ``image``. What the rules refuse is
    not missing. A study as a whole stands for something that has no name.
    """

    level: Level
    key: str
    kind: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was asked of the PACS and what came, in objects and octets of data sets.

    Every object asked for has arrived or is missing by name. ``image_octets`` are those of images, among them
    ``image_octets_used``: of slices that are kept; ``looked_octets``: of images that were looked at and gave nothing;
    ``extra_octets``: of objects that nobody asked for, in a series that the PACS gives only whole.
    """

    objects_asked: int = 0
    objects_arrived: int = 0
    octets: int = 0
    image_octets: int = 0
    image_octets_used: int = 0
    looked_octets: int = 0
    extra_octets: int = 0


@dataclass(frozen=True, slots=True)
class MinedStudy:
    """All that one study gave, ready for one transaction. ``state`` is never FOUND or CLAIMED."""

    study_key: str
    patient_key: str
    state: WorkState
    reason: Reason | None
    annotations_digest: str
    objects: Sequence[MinedObject]
    studies: Sequence[ImageStudy]
    series: Sequence[MinedSeries]
    bookmarks: Sequence[MinedBookmark]
    refused: Sequence[Refused]
    traffic: Traffic
    missing: Sequence[MissingItem] = ()
