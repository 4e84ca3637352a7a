"""The CSVs beside DL_info.csv: bookmarks.csv, lesions.csv, series.csv. UTF-8, LF, ``%.6g``, an empty cell for none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miner.catalogue.rows import SeriesRow
from miner.dataset import noise
from miner.dataset.dl_info import file_name, floats
from miner.dataset.geometry import as_written, length_of, to_written, written
from miner.dataset.selection import written_spacing
from miner.records import Kind, MinedBookmark

BOOKMARKS = "bookmarks.csv"
LESIONS = "lesions.csv"
SERIES = "series.csv"
BOOKMARK_IMAGES = "Bookmark_images_png"

BOOKMARKS_HEADER = (
    "Bookmark_uid",
    "Kind",
    "File_name",
    "Patient_index",
    "Study_index",
    "Series_ID",
    "Key_slice_index",
    "Coordinates",
    "Length_mm",
    "Text_mm",
    "Confidence",
    "Encoding",
    "In_DL_info",
    "Train_Val_Test",
)
LESIONS_HEADER = (
    "Lesion_uid",
    "File_name",
    "Row",
    "Patient_index",
    "Study_order",
    "Confidence",
    "Noise_reasons",
    "Window_source",
    "Location_z_source",
    "Merged_count",
    "Key_png_sha256",
)
SERIES_HEADER = (
    "Patient_index",
    "Study_index",
    "Series_ID",
    "Modality",
    "Slices",
    "Origin_x",
    "Origin_y",
    "Origin_z",
    "Orientation",
    "Spacing",
    "Value_rule",
    "Tree",
    "Policy",
)

MEASURED_KINDS = frozenset({Kind.RECIST, Kind.LINE, Kind.ELLIPSE})
"""Kinds with a Length_mm: long axis, line, major axis. Their first two points are its ends."""

Z_UNKNOWN = "unknown"
Z_NEUTRAL = "neutral"
"""Location_z_source: z is not known: written NaN, or as the neutral value of ``[release] unknown_location_z``."""


@dataclass(frozen=True, slots=True)
class Place:
    """The public names of one series, and its patient's split."""

    patient_index: int
    study_index: int
    series_id: int
    split: int

    @property
    def numbers(self) -> tuple[str, str, str]:
        """Patient_index, Study_index, Series_ID as cells."""
        return str(self.patient_index), str(self.study_index), str(self.series_id)

    def file_name(self, key_slice: int) -> str:
        """``PPPPPP_SS_RR_NNN.png``."""
        return file_name(self.patient_index, self.study_index, self.series_id, key_slice)


def bookmark_cells(bookmark: MinedBookmark, series: SeriesRow, place: Place, *, in_dl_info: bool) -> tuple[str, ...]:
    """A row of bookmarks.csv. Coordinates in pixels, DeepLesion's 1-based frame; Length_mm from them as written."""
    coordinates = to_written(bookmark.points)
    length = length_of(coordinates, written_spacing(series)) if bookmark.kind in MEASURED_KINDS else None
    return (
        bookmark.uid,
        bookmark.kind.value,
        place.file_name(bookmark.key_slice),
        *place.numbers,
        str(bookmark.key_slice),
        floats(coordinates),
        optional(length),
        optional(bookmark.text_mm),
        written(bookmark.confidence),
        bookmark.encoding.value,
        str(int(in_dl_info)),
        str(place.split),
    )


def lesion_cells(
    bookmark: MinedBookmark,
    series: SeriesRow,
    place: Place,
    *,
    row: int,
    confidence: str,
    study_order: int,
    z_filled: bool,
) -> tuple[str, ...]:
    """A row of lesions.csv.

    ``study_order``: rank in time of the study among the patient's studies of the release, from 1; ``z_filled``: whether
    the row of DL_info.csv has a neutral value for the unknown z.
    """
    return (
        bookmark.uid,
        place.file_name(bookmark.key_slice),
        str(row),
        str(place.patient_index),
        str(study_order),
        confidence,
        ";".join(noise.reasons(bookmark)),
        bookmark.window_source,
        Z_NEUTRAL if z_filled else Z_UNKNOWN,
        str(bookmark.merged),
        series.stored[bookmark.key_slice],
    )


def series_cells(series: SeriesRow, place: Place, trees: Sequence[str]) -> tuple[str, ...]:
    """A row of series.csv. ``trees``: the image folders that hold slices of the series, joined by ``;``."""
    origin = ("", "", "") if series.origin is None else tuple(written(value) for value in series.origin)
    return (
        *place.numbers,
        series.modality,
        str(series.slices),
        *origin,
        "" if series.orientation is None else floats(as_written(value) for value in series.orientation),
        floats(written_spacing(series)),
        series.value_rule,
        ";".join(trees),
        series.policy,
    )


def optional(value: float | None) -> str:
    """A number as written, or an empty cell."""
    return "" if value is None else written(value)
