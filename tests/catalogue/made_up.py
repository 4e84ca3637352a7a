"""Made-up mined studies: small, whole, and balanced."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from miner.errors import Reason
from miner.records import (
    Doubt,
    Encoding,
    ImageStudy,
    Kind,
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


def key(*parts: object) -> str:
    """A stable surrogate: 32 hex digits."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def sha(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def a_slice(series_key: str, number: int) -> MinedSlice:
    return MinedSlice(number, key("instance", series_key, number), sha("png", series_key, number), 1000 + number)


def a_series(name: str, study_key: str, slices: range = range(10, 21), total: int = 60) -> MinedSeries:
    series_key = key("series", name)
    return MinedSeries(
        series_key=series_key,
        study_key=study_key,
        modality="CT",
        slices=total,
        spacing=(0.703125, 0.703125, 2.5),
        origin=(-180.0, -0.0, 12.25),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, -0.0),
        columns=512,
        rows=512,
        value_rule="hu+32768",
        policy="",
        refusals=(),
        numbering_digest=sha("numbering", name),
        stored=tuple(a_slice(series_key, number) for number in slices),
    )


def a_bookmark(
    name: str, series: MinedSeries, key_slice: int = 15, kind: Kind = Kind.RECIST, *, dx: float = 0.0
) -> MinedBookmark:
    """``dx``: pixels that it lies to the right of where others do."""
    points = ((100.25 + dx, 200.5), (130.0 + dx, 210.75), (110.0 + dx, 190.0), (120.1 + dx, 220.3))
    return MinedBookmark(
        uid=key("bookmark", name),
        kind=kind,
        series_key=series.series_key,
        key_slice=key_slice,
        points=points,
        length_mm=22.3,
        short_mm=11.5 if kind is Kind.RECIST else None,
        text_mm=None,
        confidence=0.875,
        encoding=Encoding.GSPS_POLYLINE,
        doubts=(Doubt.ANGLE,),
        facts=PixelFacts(41.0, 12.5, -3.25, 1.0, (0.25, 0.75), True),
        window=(-175.0, 275.0),
        window_source="header",
        first=10,
        last=20,
        merged=1,
        object_key=key("object", name),
        history_keys=(),
    )


def a_study(name: str, *, bookmarks: int = 2, patient: str = "", slices: range = range(10, 21)) -> MinedStudy:
    """A study that holds its own images, one series, and some bookmarks of one presentation state each."""
    study_key, patient_key = key("study", name), key("patient", patient or name)
    series = a_series(name, study_key, slices)
    marks = tuple(a_bookmark(f"{name}-{number}", series, dx=35.0 * number) for number in range(bookmarks))
    objects = tuple(MinedObject(mark.object_key, "PR", None, 3, 2, 1, sha("content", mark.uid)) for mark in marks)
    return MinedStudy(
        study_key=study_key,
        patient_key=patient_key,
        state=WorkState.MINED,
        reason=None,
        annotations_digest=sha("annotations", name),
        objects=objects,
        studies=(ImageStudy(study_key, patient_key, 1_000_000_007, "F", 61),),
        series=(series,),
        bookmarks=marks,
        refused=tuple(Refused("mark", entry.object_key, Reason.OPEN_POLYLINE) for entry in objects),
        traffic=Traffic(20, 20, 10_000_000, 9_000_000, 8_000_000),
    )


def without_bookmark(mined: MinedStudy, index: int) -> MinedStudy:
    """The study as it is after one presentation state was deleted from the PACS."""
    gone = mined.bookmarks[index]
    return replace(
        mined,
        bookmarks=[mark for mark in mined.bookmarks if mark is not gone],
        objects=[entry for entry in mined.objects if entry.object_key != gone.object_key],
        refused=[entry for entry in mined.refused if entry.key != gone.object_key],
        annotations_digest=sha("annotations", mined.study_key, "changed"),
    )


def with_bookmark(mined: MinedStudy, index: int, **changes: object) -> MinedStudy:
    """The study with one bookmark changed."""
    marks = list(mined.bookmarks)
    marks[index] = replace(marks[index], **changes)  # type: ignore[arg-type]
    return replace(mined, bookmarks=marks)
