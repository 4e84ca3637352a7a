"""Catalogues, image stores and DeepLesion-format folders for the tests of miner.dataset."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from miner.catalogue.rows import (
    PatientRow,
    Publication,
    PublishedRow,
    ReleaseContent,
    ReleaseRow,
    SeriesRow,
    StudyRow,
)
from miner.dataset.dl_info import LesionRow, folder_name, write_rows
from miner.images import encode_png
from miner.records import Encoding, Kind, MinedBookmark, PixelFacts

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COLUMNS, ROWS = 48, 32


def key(*parts: object) -> str:
    """A surrogate: 32 hex digits."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def slice_png(number: int, columns: int = COLUMNS, rows: int = ROWS) -> bytes:
    """A small picture that differs from slice to slice."""
    values = np.arange(columns * rows, dtype=np.uint16).reshape(rows, columns) + 32768 - 1000 + number
    return encode_png(values)


@dataclass
class FakeCatalogue:
    """A catalogue in memory: what :class:`miner.dataset.ReleaseCatalogue` asks for, with its promises."""

    patient_index_range: tuple[int, int] = (1, 999_999)
    patients: dict[str, PatientRow] = field(default_factory=dict)
    studies: dict[str, StudyRow] = field(default_factory=dict)
    series: dict[str, SeriesRow] = field(default_factory=dict)
    bookmarks: dict[str, MinedBookmark] = field(default_factory=dict)
    published: dict[tuple[str, int], PublishedRow] = field(default_factory=dict)
    releases: list[ReleaseRow] = field(default_factory=list)
    fail_publish: BaseException | None = None
    published_before_failing: bool = False

    def release_content(self) -> ReleaseContent:
        used = {bookmark.series_key for bookmark in self.bookmarks.values()}
        series = [row for row in self.series.values() if row.series_key in used]
        studies = [self.studies[name] for name in sorted({row.study_key for row in series})]
        patients = [self.patients[name] for name in sorted({row.patient_key for row in studies})]
        return ReleaseContent(
            tuple(patients),
            tuple(studies),
            tuple(sorted(series, key=lambda row: row.series_key)),
            tuple(sorted(self.bookmarks.values(), key=lambda row: row.uid)),
            tuple(self.published[place] for place in sorted(self.published)),
            tuple(self.releases),
            (7, "ab" * 32),
        )

    def publish(self, publication: Publication) -> None:
        if self.fail_publish is not None and not self.published_before_failing:
            raise self.fail_publish
        assert publication.release.number == len(self.releases) + 1
        for name, (index, split) in publication.patients.items():
            assert self.patients[name].patient_index is None
            self.patients[name] = replace(self.patients[name], patient_index=index, split=split)
        for name, index in publication.studies.items():
            assert self.studies[name].study_index is None
            self.studies[name] = replace(self.studies[name], study_index=index)
        for name, index in publication.series.items():
            assert self.series[name].series_id is None
            self.series[name] = replace(self.series[name], series_id=index)
        for uid, members in publication.merged.items():
            head = self.bookmarks[members[0]]
            others = {self.bookmarks[member].object_key for member in members[1:]}
            for member in members:
                del self.bookmarks[member]
            self.bookmarks[uid] = replace(head, uid=uid, history_keys=(*head.history_keys, *sorted(others)))
        for row in publication.rows:
            old = self.published.get((row.table, row.position))
            assert old is None or old.uid == row.uid
            self.published[row.table, row.position] = row
        self.releases.append(publication.release)
        if self.fail_publish is not None:
            raise self.fail_publish


@dataclass(frozen=True)
class Made:
    """One bookmark to be put into a catalogue, with the rows it hangs from."""

    patient: PatientRow
    study: StudyRow
    series: SeriesRow
    bookmark: MinedBookmark


def put(catalogue: FakeCatalogue, images: Path, made: Iterable[Made]) -> None:
    """Commit bookmarks in the order given; slices are only ever added."""
    for entry in made:
        catalogue.patients.setdefault(entry.patient.patient_key, entry.patient)
        catalogue.studies.setdefault(entry.study.study_key, entry.study)
        known = catalogue.series.setdefault(entry.series.series_key, replace(entry.series, stored={}))
        stored = dict(known.stored)
        folder = images / known.series_key
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(entry.bookmark.first, entry.bookmark.last + 1):
            data = slice_png(number, known.columns, known.rows)
            if not (folder / f"{number:03d}.png").exists():
                (folder / f"{number:03d}.png").write_bytes(data)
            stored[number] = hashlib.sha256(data).hexdigest()
        catalogue.series[known.series_key] = replace(known, stored=stored)
        catalogue.bookmarks.setdefault(entry.bookmark.uid, entry.bookmark)


def make(
    patient: int = 1,
    study: int = 1,
    series: int = 1,
    key_slice: int = 20,
    *,
    kind: Kind = Kind.RECIST,
    at: tuple[float, float] = (20.0, 15.0),
    half: tuple[int, int] | None = None,
    refusals: tuple[str, ...] = (),
    slices: int = 60,
    policy: str = "",
    **changes: object,
) -> Made:
    """One bookmark at ``at`` (x, y of its centre, 0-based): 8 x 5 px, 5 mm slices: 6 slices on each side."""
    patient_key = key("patient", patient)
    study_key, series_key = key("study", patient, study), key("series", patient, study, series)
    x, y = at
    ends = {
        Kind.RECIST: ((x - 4, y), (x + 4, y), (x, y - 2.5), (x, y + 2.5)),
        Kind.LINE: ((x - 4, y), (x + 4, y)),
        Kind.ARROW: ((x, y), (x + 6, y + 6)),
        Kind.ELLIPSE: ((x - 4, y), (x + 4, y), (x, y - 2.5), (x, y + 2.5)),
        Kind.POLYGON: ((x, y), (x + 4, y), (x + 4, y + 3.25)),
    }[kind]
    before, after = half or ((0, 0) if policy else (6, 6))
    bookmark = MinedBookmark(
        uid=key("bookmark", patient, study, series, key_slice, kind, at),
        kind=kind,
        series_key=series_key,
        key_slice=key_slice,
        points=ends,
        length_mm=8 * 0.7 if kind in (Kind.RECIST, Kind.LINE, Kind.ELLIPSE) else None,
        short_mm=5 * 0.8 if kind is Kind.RECIST else None,
        text_mm=None,
        confidence=0.9,
        encoding=Encoding.GSPS_POLYLINE,
        doubts=(),
        facts=PixelFacts(40.0, 20.0, -10.0, 1.0, (0.4, 0.6), body_found=True),
        window=(-175.0, 275.0),
        window_source="header",
        first=max(1, key_slice - before),
        last=min(slices, key_slice + after),
        merged=1,
        object_key=key("object", patient, study),
    )
    return Made(
        PatientRow(patient_key, None, None),
        StudyRow(study_key, patient_key, 1000 * study, "F", 61, None),
        SeriesRow(
            series_key,
            study_key,
            "CT",
            slices,
            (0.7, 0.8, 5.0),
            (-100.0, -120.5, 300.25),
            (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            COLUMNS,
            ROWS,
            "hu+32768",
            policy,
            refusals,  # type: ignore[arg-type]
            None,
            {},
        ),
        replace(bookmark, **changes),  # type: ignore[arg-type]
    )


def cells_of(data: bytes) -> list[dict[str, str]]:
    """A CSV's rows by column name."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    """As :func:`cells_of`, from a folder."""
    return cells_of((folder / name).read_bytes())


def files_of(folder: Path) -> Mapping[str, bytes]:
    """Every file of a folder by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def write_deeplesion(folder: Path, rows: Iterable[LesionRow]) -> Path:
    """A folder as anybody may have it: DL_info.csv and Images_png, with generated pictures of the rows' size."""
    rows = list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "DL_info.csv").write_bytes(write_rows(rows))
    for row in rows:
        place = folder / "Images_png" / folder_name(row.patient_index, row.study_index, row.series_id)
        place.mkdir(parents=True, exist_ok=True)
        for number in range(row.slice_range[0], row.slice_range[1] + 1):
            path = place / f"{number:03d}.png"
            if not path.exists():
                path.write_bytes(slice_png(number, *row.size))
    return folder
