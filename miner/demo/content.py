"""What the demonstration's report shows, gathered from its release and its catalogue."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from miner.catalogue import Status
from miner.dataset import CheckReport, LesionRow, ReleaseReport, read_rows
from miner.demo.report import LesionPicture, RefusalCount, ReportContent, Stage, windowed
from miner.errors import Reason
from miner.images import OFFSET, decode_png
from miner.mining.run import RunReport
from miner.records import Kind

NOTE = (
    "Everything here is made up: a PACS on this machine was filled with patients who never lived, their slices and "
    "the measurements that a radiologist would have left, in the styles of several viewers. The miner found them over "
    "DICOM, fetched just the slices around them, took the identities off and wrote a data set in DeepLesion's format."
)


def report_content(
    out: Path,
    status: Status,
    run: RunReport,
    released: ReleaseReport,
    checked: CheckReport,
    *,
    seconds: Mapping[str, float],
) -> ReportContent:
    """The report's content; pictures are read back from the release, so that it shows what a user of it would see."""
    marks = sum(status.marks.values())
    used = status.marks.get("used", 0)
    return ReportContent(
        title="Mined bookmarks",
        note=NOTE,
        stages=(
            Stage("studies with annotations", run.found, "found by the query"),
            Stage("presentation states and reports", sum(status.objects.values()), "looked at"),
            Stage("marks", marks, f"{used} became part of a bookmark"),
            Stage("bookmarks", sum(status.bookmarks.values()), "accepted, of every kind"),
            Stage("lesions", released.counts["lesions"], "rows of DL_info.csv"),
            Stage("slices", status.slices, "stored as 16-bit PNG"),
        ),
        kinds=tuple((Kind(kind), count) for kind, count in sorted(status.bookmarks.items())),
        refused=tuple(_refused(status)),
        timing=tuple(seconds.items()),
        lesions=tuple(_pictures(out / "release")),
        facts=(
            ("received from the PACS", f"{run.octets / 1e6:.1f} MB"),
            ("miner check", f"{len(checked.faults)} faults, {len(checked.notes)} notes"),
        ),
        places=(
            ("release/DL_info.csv", "lesions, in DeepLesion's 18 columns"),
            ("release/Images_png", "their slices, HU + 32768"),
            ("release/bookmarks.csv", "every accepted bookmark"),
            ("config.toml", "the project: miner --config config.toml status"),
        ),
    )


def _refused(status: Status) -> Iterator[RefusalCount]:
    for what, counts in (
        ("marks", status.marks),
        ("presentation states and reports", status.objects),
        ("series", status.series),
        ("studies", {word.rpartition(": ")[2]: count for word, count in status.study_reasons.items()}),
    ):
        for word, count in counts.items():
            if word in Reason.__members__.values():
                yield RefusalCount(Reason(word), what, count)


def _pictures(release: Path) -> Iterator[LesionPicture]:
    lesions = list(csv.DictReader((release / "lesions.csv").read_text(encoding="utf-8").splitlines()))
    for row, lesion in zip(read_rows(release / "DL_info.csv"), lesions, strict=True):
        yield _picture(release, row, lesion)


def _picture(release: Path, row: LesionRow, lesion: Mapping[str, str]) -> LesionPicture:
    folder, _, number = row.file_name.rpartition("_")
    values = decode_png((release / "Images_png" / folder / number).read_bytes())
    x1, y1, x2, y2, x3, y3, x4, y4 = (value - 1.0 for value in row.coordinates)
    spacing_x, spacing_y = row.spacing[:2]
    reasons = lesion["Noise_reasons"].replace(";", ", ") or "none"
    return LesionPicture(
        title=f"Lesion {int(lesion['Row']) + 1}",
        grey=windowed(values.astype(np.int32) - OFFSET, *row.window),
        long_axis=((x1, y1), (x2, y2)),
        short_axis=((x3, y3), (x4, y4)),
        long_mm=float(np.hypot((x2 - x1) * spacing_x, (y2 - y1) * spacing_y)),
        short_mm=float(np.hypot((x4 - x3) * spacing_x, (y4 - y3) * spacing_y)),
        caption=(
            ("slices", f"{row.slice_range[0]}–{row.slice_range[1]}, key slice {row.key_slice}"),
            ("spacing", f"{spacing_x:g} × {spacing_y:g} × {row.spacing[2]:g} mm"),
            ("confidence", lesion["Confidence"]),
            ("noise reasons", reasons),
        ),
        provenance=f"{row.file_name} · patient {row.patient_index} · {lesion['Lesion_uid']}",
    )
