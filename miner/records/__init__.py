"""The frozen records that flow between the stages.

One frame inside: image coordinates are (x, y) = (column, row) pairs in pixels, float64; (0.0, 0.0) is the **centre** of
the first pixel. DICOM's corner frame (0.0 = outer corner of the first pixel, PS3.3 C.10.5) and DeepLesion's 1-based
frame are converted at the edges. Patient coordinates are millimetres in DICOM's LPS axes (PS3.3 C.7.6.2).

:mod:`miner.records.source` holds source identifiers and lives in memory only; :mod:`miner.records.mined` holds
surrogates only, and is what the catalogue stores.
"""

from miner.records.mined import (
    ImageStudy,
    MinedBookmark,
    MinedObject,
    MinedSeries,
    MinedSlice,
    MinedStudy,
    PixelFacts,
    Refused,
    Traffic,
    WorkState,
)
from miner.records.source import (
    AnnotationObject,
    Bookmark,
    DateWindow,
    Doubt,
    EncodedPixels,
    Encoding,
    Fetched,
    ImageHeader,
    ImageReference,
    InstanceRef,
    Kind,
    Mark,
    MarkRefusal,
    Measurement,
    Orientation,
    PatientRef,
    Point,
    Recognition,
    SeriesGeometry,
    SeriesRef,
    Shape,
    StudyRef,
    Unit,
    Vector,
)

__all__ = [
    "AnnotationObject",
    "Bookmark",
    "DateWindow",
    "Doubt",
    "EncodedPixels",
    "Encoding",
    "Fetched",
    "ImageHeader",
    "ImageReference",
    "ImageStudy",
    "InstanceRef",
    "Kind",
    "Mark",
    "MarkRefusal",
    "Measurement",
    "MinedBookmark",
    "MinedObject",
    "MinedSeries",
    "MinedSlice",
    "MinedStudy",
    "Orientation",
    "PatientRef",
    "PixelFacts",
    "Point",
    "Recognition",
    "Refused",
    "SeriesGeometry",
    "SeriesRef",
    "Shape",
    "StudyRef",
    "Traffic",
    "Unit",
    "Vector",
    "WorkState",
]
