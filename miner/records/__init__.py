"""The frozen records that flow between the stages.

One frame inside: image coordinates are (x, y) = (column, row) pairs in pixels, float64; (0.0, 0.0) is the **centre** of
the first pixel. DICOM's corner frame (0.0 = outer corner of the first pixel, PS3.3 C.10.5) and DeepLesion's 1-based
frame are converted at the edges. Patient coordinates are millimetres in DICOM's LPS axes (PS3.3 C.7.6.2).

:mod:`~miner.records.source`, :mod:`~miner.records.annotations` and :mod:`~miner.records.images` hold source identifiers
and live in memory only; :mod:`~miner.records.mined` holds surrogates only, and is what the catalogue stores.
"""

from miner.records.annotations import (
    UNKNOWN_IMAGE,
    AnnotationObject,
    Axis,
    Bookmark,
    Code,
    Doubt,
    Encoding,
    ImagePlane,
    ImageReference,
    Kind,
    Mark,
    MarkRefusal,
    Measurement,
    Recognition,
    Shape,
    SpatialMark,
    Unit,
)
from miner.records.coordinates import Orientation, Point, Vector
from miner.records.images import EncodedPixels, ImageHeader, SeriesGeometry
from miner.records.mined import (
    IMAGE_KIND,
    ImageStudy,
    Level,
    MinedBookmark,
    MinedObject,
    MinedSeries,
    MinedSlice,
    MinedState,
    MinedStudy,
    MissingItem,
    PixelFacts,
    PixelReview,
    Refused,
    SearchedSlice,
    Traffic,
    WorkState,
)
from miner.records.source import DateWindow, Fetched, InstanceRef, PatientRef, SeriesRef, StudyRef

__all__ = [
    "IMAGE_KIND",
    "UNKNOWN_IMAGE",
    "AnnotationObject",
    "Axis",
    "Bookmark",
    "Code",
    "DateWindow",
    "Doubt",
    "EncodedPixels",
    "Encoding",
    "Fetched",
    "ImageHeader",
    "ImagePlane",
    "ImageReference",
    "ImageStudy",
    "InstanceRef",
    "Kind",
    "Level",
    "Mark",
    "MarkRefusal",
    "Measurement",
    "MinedBookmark",
    "MinedObject",
    "MinedSeries",
    "MinedSlice",
    "MinedState",
    "MinedStudy",
    "MissingItem",
    "Orientation",
    "PatientRef",
    "PixelFacts",
    "PixelReview",
    "Point",
    "Recognition",
    "Refused",
    "SearchedSlice",
    "SeriesGeometry",
    "SeriesRef",
    "Shape",
    "SpatialMark",
    "StudyRef",
    "Traffic",
    "Unit",
    "Vector",
    "WorkState",
]
