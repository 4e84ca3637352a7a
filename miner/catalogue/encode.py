"""From the records of mining to rows and back. The only place that knows which column holds which field.

Rows hold plain Python values of exactly the column's type, so that a row hashes the same before it is written and after
it was read back on either database.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from miner.catalogue.canonical import canonical, number
from miner.catalogue.ledger import Values
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
    MinedState,
    MinedStudy,
    Orientation,
    PixelFacts,
    Point,
    Vector,
)

RowValues = dict[str, Any]


def work_row(site: str, run: int, mined: MinedStudy) -> RowValues:
    """The settled work row; ``attempts`` is the caller's."""
    return {
        "study_key": mined.study_key,
        "site": site,
        "patient_key": mined.patient_key,
        "state": mined.state.value,
        "reason": None if mined.reason is None else mined.reason.value,
        "attempts": 1,
        "annotations_digest": mined.annotations_digest,
        "objects_asked": int(mined.traffic.objects_asked),
        "objects_arrived": int(mined.traffic.objects_arrived),
        "octets": int(mined.traffic.octets),
        "image_octets": int(mined.traffic.image_octets),
        "image_octets_used": int(mined.traffic.image_octets_used),
        "looked_octets": int(mined.traffic.looked_octets),
        "extra_octets": int(mined.traffic.extra_octets),
        "run": run,
    }


def patient_row(site: str, patient_key: str) -> RowValues:
    """A patient that no release holds yet."""
    return {"patient_key": patient_key, "site": site, "patient_index": None, "split": None}


def study_row(site: str, study: ImageStudy) -> RowValues:
    """A study that no release holds yet."""
    return {
        "study_key": study.study_key,
        "site": site,
        "patient_key": study.patient_key,
        "time_order": int(study.order),
        "sex": study.sex,
        "age": None if study.age is None else int(study.age),
        "study_index": None,
    }


def series_row(site: str, series: MinedSeries) -> RowValues:
    """A volume that no release holds yet."""
    spacing_x, spacing_y, spacing_z = series.spacing
    return {
        "series_key": series.series_key,
        "site": site,
        "study_key": series.study_key,
        "modality": series.modality,
        "slices": int(series.slices),
        "spacing_x": number(spacing_x),
        "spacing_y": number(spacing_y),
        "spacing_z": None if spacing_z is None else number(spacing_z),
        "origin": _numbers(series.origin),
        "orientation": _numbers(series.orientation),
        "image_columns": int(series.columns),
        "image_rows": int(series.rows),
        "value_rule": series.value_rule,
        "policy": series.policy,
        "refusals": canonical([reason.value for reason in series.refusals]),
        "numbering_digest": series.numbering_digest,
        "series_id": None,
        "pixel_review": "header",
        "pixel_findings": "[]",
    }


def slice_row(site: str, series_key: str, stored: MinedSlice) -> RowValues:
    """One PNG of the image store."""
    return {
        "series_key": series_key,
        "number": int(stored.number),
        "site": site,
        "instance_key": stored.instance_key,
        "png_sha256": stored.png_sha256,
        "png_octets": int(stored.png_octets),
    }


def object_row(site: str, study_key: str, entry: MinedObject) -> RowValues:
    """One annotation object."""
    return {
        "source_study_key": study_key,
        "object_key": entry.object_key,
        "site": site,
        "kind": entry.kind,
        "reason": None if entry.reason is None else entry.reason.value,
        "marks": int(entry.marks),
        "used": int(entry.used),
        "refused": int(entry.refused),
        "content_digest": entry.content_digest,
    }


def refusal_rows(site: str, mined: MinedStudy) -> list[RowValues]:
    """What was not accepted, entries of the same subject and reason added up."""
    counts = Counter[tuple[str, str, Reason]]()
    for entry in mined.refused:
        counts[entry.subject, entry.key, entry.reason] += int(entry.count)
    return [
        {
            "source_study_key": mined.study_key,
            "subject": subject,
            "subject_key": key,
            "reason": reason.value,
            "site": site,
            "count": count,
        }
        for (subject, key, reason), count in counts.items()
    ]


def missing_rows(site: str, mined: MinedStudy) -> list[RowValues]:
    """One row per missing item; ``attempts`` is the caller's."""
    return [
        {
            "source_study_key": mined.study_key,
            "level": entry.level.value,
            "item_key": entry.key,
            "site": site,
            "kind": entry.kind,
            "reason": entry.reason.value,
            "attempts": 0,
        }
        for entry in mined.missing
    ]


def bookmark_row(site: str, study_key: str, bookmark: MinedBookmark) -> RowValues:
    """One accepted bookmark that no release holds yet."""
    return {
        "source_study_key": study_key,
        "uid": bookmark.uid,
        "site": site,
        "kind": bookmark.kind.value,
        "series_key": bookmark.series_key,
        "key_slice": int(bookmark.key_slice),
        "points": canonical([[number(x), number(y)] for x, y in bookmark.points]),
        "length_mm": _optional(bookmark.length_mm),
        "short_mm": _optional(bookmark.short_mm),
        "text_mm": _optional(bookmark.text_mm),
        "confidence": number(bookmark.confidence),
        "encoding": bookmark.encoding.value,
        "doubts": canonical([doubt.value for doubt in bookmark.doubts]),
        "facts": None if bookmark.facts is None else canonical(_facts_json(bookmark.facts)),
        "window_low": number(bookmark.window[0]),
        "window_high": number(bookmark.window[1]),
        "window_source": bookmark.window_source,
        "first_slice": int(bookmark.first),
        "last_slice": int(bookmark.last),
        "merged": int(bookmark.merged),
        "object_key": bookmark.object_key,
        "history_keys": canonical(list(bookmark.history_keys)),
        "published_in": None,
        "state_order": int(bookmark.state_order),
        "history_orders": orders_json(bookmark.history_orders),
        "tracking_key": bookmark.tracking_key,
        "finding": bookmark.finding,
        "finding_site": bookmark.finding_site,
        "states": states_json(bookmark.states),
        "present": "",
    }


def mined_bookmark(row: Values) -> MinedBookmark:
    """The record of a bookmark's row."""
    return MinedBookmark(
        uid=row["uid"],
        kind=Kind(row["kind"]),
        series_key=row["series_key"],
        key_slice=row["key_slice"],
        points=_points(row["points"]),
        length_mm=row["length_mm"],
        short_mm=row["short_mm"],
        text_mm=row["text_mm"],
        confidence=row["confidence"],
        encoding=Encoding(row["encoding"]),
        doubts=tuple(Doubt(word) for word in json.loads(row["doubts"])),
        facts=None if row["facts"] is None else _facts(json.loads(row["facts"])),
        window=(row["window_low"], row["window_high"]),
        window_source=row["window_source"],
        first=row["first_slice"],
        last=row["last_slice"],
        merged=row["merged"],
        object_key=row["object_key"],
        history_keys=tuple(json.loads(row["history_keys"])),
        state_order=row["state_order"],
        tracking_key=row["tracking_key"],
        finding=row["finding"],
        finding_site=row["finding_site"],
        history_orders=tuple(json.loads(row["history_orders"])),
        states=tuple(
            MinedState(uid, object_key, order, tracking_key, tuple((x, y) for x, y in points))
            for uid, object_key, order, tracking_key, points in json.loads(row["states"])
        ),
    )


def reasons(text: str) -> tuple[Reason, ...]:
    """Reasons from their JSON."""
    return tuple(Reason(word) for word in json.loads(text))


def vector(text: str | None) -> Vector | None:
    """Three numbers from their JSON."""
    if text is None:
        return None
    x, y, z = json.loads(text)
    return x, y, z


def orientation(text: str | None) -> Orientation | None:
    """Six numbers from their JSON."""
    if text is None:
        return None
    a, b, c, d, e, f = json.loads(text)
    return a, b, c, d, e, f


def orders_json(orders: Iterable[int]) -> str:
    """Orders of states as JSON; an empty list where none is known."""
    listed = [int(order) for order in orders]
    return canonical(listed if any(listed) else [])


def states_json(states: Iterable[MinedState]) -> str:
    """Measurements of one lesion as JSON, each as uid, object key, order, tracking key and points."""
    return canonical(
        [
            [s.uid, s.object_key, int(s.order), s.tracking_key, [[number(x), number(y)] for x, y in s.points]]
            for s in states
        ]
    )


def _points(text: str) -> tuple[Point, ...]:
    return tuple((x, y) for x, y in json.loads(text))


def _numbers(values: Sequence[float] | None) -> str | None:
    return None if values is None else canonical([number(value) for value in values])


def _optional(value: float | None) -> float | None:
    return None if value is None else number(value)


def _facts_json(facts: PixelFacts) -> dict[str, Any]:
    return {
        "mean_hu": number(facts.mean_hu),
        "std_hu": number(facts.std_hu),
        "ring_mean_hu": number(facts.ring_mean_hu),
        "body_fraction": number(facts.body_fraction),
        "location": [number(value) for value in facts.location],
        "body_found": bool(facts.body_found),
    }


def _facts(content: dict[str, Any]) -> PixelFacts:
    x, y = content.pop("location")
    return PixelFacts(location=(x, y), **content)
