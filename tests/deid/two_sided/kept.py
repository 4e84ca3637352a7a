"""What a release must hold of each lesion, picture and person: checked against the source objects."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from tests.annotations import Pair
from tests.deid.two_sided.actions import Action, Ledger
from tests.deid.two_sided.people import SIZE, Series, Study
from tests.deid.two_sided.release import Release, Row, digest, numbers

CONTEXT_MM = 30.0
OFFSET = 32768

FORMS = {
    "Key_slice_index": r"[1-9]\d*",
    "Measurement_coordinates": r"\S+(, \S+){7}",
    "Slice_range": r"\d+, \d+",
    "Spacing_mm_px_": r"[\d.]+(, [\d.]+){2}",
    "Image_size": r"\d+, \d+",
    "DICOM_windows": r"-?[\d.]+, -?[\d.]+",
    "Patient_gender": r"[MFO]",
    "Patient_age": r"\d{1,2}|NaN",
}
"""Columns of DL_info.csv that stand for an attribute of the source, and their forms."""


@dataclass(frozen=True)
class Drawn:
    """One measurement that was drawn: slice ``at`` (from 0, head to feet) of a series."""

    study: Study
    series: Series
    at: int
    pair: Pair


def check_lesions(studies: list[Study], release: Release, ledger: Ledger) -> dict[str, list[tuple[Study, Row]]]:
    """Each measurement that was drawn is one row, on the picture of its image. Returns the rows of each person."""
    rows_of = defaultdict(list)
    for row in release.lesions:
        rows_of[digest(release.picture_of(row))].append(row)
    by_person: dict[str, list[tuple[Study, Row]]] = defaultdict(list)
    drawn = 0
    for study in studies:
        for series in study.series:
            for at, pair in series.pairs.items():
                drawn += 1
                found = rows_of[digest(series.values[at] + OFFSET)]
                about = f"{study.person}, slice {at + 1}"
                ledger.check(Action.UID_CONSISTENT, len(found) == 1, f"mark on its image: {about}")
                for row in found[:1]:
                    by_person[study.person].append((study, row))
                    _check_row(Drawn(study, series, at, pair), row, release, ledger)
    ledger.check(Action.UID_CONSISTENT, drawn == len(release.lesions), "one row for each measurement drawn")
    return by_person


def _check_row(drawn: Drawn, row: Row, release: Release, ledger: Ledger) -> None:
    about = f"{row['File_name']} of {drawn.study.person}"
    for column, form in FORMS.items():
        ledger.check(Action.TAG_RETAINED, re.fullmatch(form, row[column]) is not None, f"{column}: {about}")
    number = release.lesions.index(row)
    note = release.notes[number]
    (bookmark,) = [entry for entry in release.bookmarks if entry["Bookmark_uid"] == note["Lesion_uid"]]
    (beside,) = [entry for entry in release.series if _series_name(entry) == row["File_name"].rsplit("_", 1)[0]]
    for word, cell in (
        *(("gender", row["Patient_gender"]), ("value rule", beside["Value_rule"]), ("modality", beside["Modality"])),
        *(("encoding", bookmark["Encoding"]), ("kind", bookmark["Kind"]), ("window source", note["Window_source"])),
    ):
        ledger.check(Action.TEXT_NOT_NULL, bool(cell), f"{word}: {about}")
    for word, one, other in (
        ("File_name in bookmarks.csv", bookmark["File_name"], row["File_name"]),
        ("File_name in lesions.csv", note["File_name"], row["File_name"]),
        ("Row in lesions.csv", note["Row"], str(number)),
        ("Patient_index in bookmarks.csv", bookmark["Patient_index"], row["Patient_index"]),
    ):
        ledger.check(Action.UID_CONSISTENT, one == other, f"{word}: {about}")
    for word, holds in _said(drawn, row, bookmark, beside).items():
        ledger.check(Action.TEXT_RETAINED, holds, f"{word}: {about}")


def _said(drawn: Drawn, row: Row, bookmark: Row, beside: Row) -> dict[str, bool]:
    """What cells must say, from the source alone."""
    study, series, at, pair = drawn.study, drawn.series, drawn.at, drawn.pair
    x, y, z = series.spacing[1], series.spacing[0], series.spacing[2]
    points = _points(row["Measurement_coordinates"])
    axes = sorted((pair.long, pair.short), key=lambda ends: -math.dist(*((a * x, b * y) for a, b in ends)))
    long_mm = math.dist(*((a * x, b * y) for a, b in axes[0]))
    said = {
        "sex": row["Patient_gender"] == study.sex,
        "age": row["Patient_age"] == ("NaN" if study.age is None else str(study.age)),
        "spacing": numbers(row["Spacing_mm_px_"]) == tuple(float(f"{value:.6g}") for value in (x, y, z)),
        "size": row["Image_size"] == f"{SIZE}, {SIZE}",
        "slice number": row["Key_slice_index"] == str(at + 1),
        "range": row["Slice_range"] == "{}, {}".format(*_range(series, at)),
        "long axis": _near(points[:2], axes[0]),
        "short axis": _near(points[2:], axes[1]),
        "length": math.isclose(float(bookmark["Length_mm"]), long_mm, abs_tol=2e-3),
        "slices": beside["Slices"] == str(len(series.images)),
        "orientation": numbers(beside["Orientation"]) == (1, 0, 0, 0, 1, 0),
        "modality": beside["Modality"] == "CT",
        "values": beside["Value_rule"] == "hu+32768",
        "policy": beside["Policy"] == ("head-key-slice-only" if series.head else ""),
    }
    if series.window is not None:
        said["window"] = numbers(row["DICOM_windows"]) == series.window
    return said


def _points(cell: str) -> list[tuple[float, float]]:
    """The four points of Measurement_coordinates in the pixel centres frame: the file counts from 1."""
    flat = numbers(cell)
    return [(x - 1, y - 1) for x, y in zip(flat[::2], flat[1::2], strict=False)]


def _near(points: list[tuple[float, float]], ends: tuple[tuple[float, float], ...]) -> bool:
    return len(points) == 2 and any(
        math.dist(points[0], a) < 0.02 and math.dist(points[1], b) < 0.02 for a, b in (ends, ends[::-1])
    )


def _range(series: Series, at: int) -> tuple[int, int]:
    """Slices around the key slices of this series, 30 mm on each side; blocks that touch are one."""
    half = 0 if series.head else math.ceil(CONTEXT_MM / series.spacing[2] - 1e-6)
    count = len(series.images)
    covered = {n for key in series.pairs for n in range(max(0, key - half), min(count, key + half + 1))}
    first = last = at
    while first - 1 in covered:
        first -= 1
    while last + 1 in covered:
        last += 1
    return first + 1, last + 1


def _series_name(row: Row) -> str:
    return f"{int(row['Patient_index']):06d}_{int(row['Study_index']):02d}_{int(row['Series_ID']):02d}"


def check_pictures(studies: list[Study], release: Release, ledger: Ledger) -> None:
    """Each slice that a range covers is there with its values and under its number, and no picture more."""
    names = {digest(values): name for name, values in release.pictures.items()}
    expected = 0
    for study in studies:
        for series in study.series:
            folders = set()
            for at, values in enumerate(series.values):
                if not any(_range(series, key)[0] <= at + 1 <= _range(series, key)[1] for key in series.pairs):
                    continue
                expected += 1
                name = names.get(digest(values + OFFSET), "")
                held = name.endswith(f"/{at + 1:03d}.png") and np.array_equal(release.pictures[name] - OFFSET, values)
                ledger.check(Action.PIXELS_RETAINED, held, f"{study.person}, slice {at + 1}")
                folders.add(name.rpartition("/")[0])
            ledger.check(Action.UID_CONSISTENT, len(folders) == 1, f"one folder for one series of {study.person}")
    ledger.check(Action.PIXELS_RETAINED, expected == len(release.pictures), "no picture beside those expected")


def check_people(by_person: dict[str, list[tuple[Study, Row]]], release: Release, ledger: Ledger) -> None:
    """One number and one split for a person, different numbers for different people; studies in order of time."""
    indices: dict[str, str] = {}
    order = {note["File_name"]: int(note["Study_order"]) for note in release.notes}
    for person, entries in by_person.items():
        first = indices[person] = entries[0][1]["Patient_index"]
        for study, row in entries:
            same = (row["Patient_index"], row["Train_Val_Test"]) == (first, entries[0][1]["Train_Val_Test"])
            ledger.check(Action.PATIENT_ID_CONSISTENT, same, f"{row['File_name']} of {person}")
            named = {other["Study_index"] for entry, other in entries if entry.uid == study.uid}
            ledger.check(Action.UID_CONSISTENT, len(named) == 1, f"one number for one study of {person}")
        moments = sorted({study.moment for study, _ in entries})
        for study, row in entries:
            rank = moments.index(study.moment) + 1
            in_time = int(row["Study_index"]) == order.get(row["File_name"]) == rank
            ledger.check(Action.DATE_SHIFTED, in_time, f"order of time: {row['File_name']} of {person}")
    for person, index in indices.items():
        others = {other for name, other in indices.items() if name != person}
        ledger.check(Action.PATIENT_ID_CONSISTENT, index not in others, f"nobody else is {person}")
