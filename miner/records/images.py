"""What an image says: source identifiers, in memory only."""

from __future__ import annotations

from dataclasses import dataclass

from miner.errors import Reason
from miner.records.coordinates import Orientation, Vector


@dataclass(frozen=True, slots=True, repr=False)
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
    frame_of_reference: str = ""


@dataclass(frozen=True, slots=True, repr=False)
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


@dataclass(frozen=True, slots=True, repr=False)
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
