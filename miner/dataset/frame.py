"""A release as a table, for notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from miner.dataset.dl_info import LesionRow, read_rows
from miner.dataset.geometry import length_of

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("long_x1", "long_y1", "long_x2", "long_y2", "short_x1", "short_y1", "short_x2", "short_y2")


def read_frame(folder: Path) -> pd.DataFrame:
    """One row per lesion of a release, or of any DeepLesion-format folder, every number in a column of its own.

    Coordinates are pixels in DeepLesion's 1-based frame, spacing and lengths mm, window HU; ``path`` is the key slice's
    PNG. ``age`` and ``location_z`` are missing where they are not known. Columns of lesions.csv are joined where the
    folder has it.

    Raises:
        OSError: no DL_info.csv.
        ValueError: a row that cannot be read, named by its line.
    """
    import pandas as pd  # half a second that no command should pay

    frame = pd.DataFrame([_flat(folder, row) for row in read_rows(folder / "DL_info.csv")])
    frame["age"] = frame["age"].astype("Int64") if len(frame) else []
    companion = folder / "lesions.csv"
    if companion.is_file():
        lesions = pd.read_csv(companion, keep_default_na=False, na_values=[""])
        frame = frame.join(lesions.drop(columns=["File_name", "Row", "Patient_index"]))
    return frame


def _flat(folder: Path, row: LesionRow) -> dict[str, object]:
    spacing_x, spacing_y, spacing_z = row.spacing
    directory, _, picture = row.file_name.rpartition("_")
    return {
        "file_name": row.file_name,
        "path": str(folder / "Images_png" / directory / picture),
        "patient": row.patient_index,
        "study": row.study_index,
        "series": row.series_id,
        "key_slice": row.key_slice,
        **dict(zip(COLUMNS, row.coordinates, strict=True)),
        "long_mm": length_of(row.coordinates[:4], row.spacing),
        "short_mm": length_of(row.coordinates[4:], row.spacing),
        "location_x": row.location[0],
        "location_y": row.location[1],
        "location_z": row.location[2],
        "lesion_type": row.lesion_type,
        "noisy": bool(row.noisy),
        "first_slice": row.slice_range[0],
        "last_slice": row.slice_range[1],
        "spacing_x": spacing_x,
        "spacing_y": spacing_y,
        "spacing_z": spacing_z,
        "window_low": row.window[0],
        "window_high": row.window[1],
        "gender": row.gender,
        "age": row.age,
        "split": ("train", "validation", "test")[row.split - 1],
    }
