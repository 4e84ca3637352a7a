"""Publishes everything that a catalogue holds, the simplest way."""

from __future__ import annotations

from miner.catalogue import Catalogue, Publication, PublishedRow, ReleaseContent, ReleaseRow
from miner.records import Kind
from tests.catalogue.made_up import sha


def publication_of(content: ReleaseContent, **changes: object) -> Publication:
    """Indices in the order of keys; one row of bookmarks.csv per bookmark, and one of DL_info.csv per RECIST pair."""
    number = len(content.releases) + 1
    taken = sum(row.patient_index is not None for row in content.patients)
    new_patients = [row.patient_key for row in content.patients if row.patient_index is None]
    new_studies = [row.study_key for row in content.studies if row.study_index is None]
    new_series = [row.series_key for row in content.series if row.series_id is None]
    rows = []
    for table, kinds in (("DL_info", {Kind.RECIST}), ("bookmarks", set(Kind))):
        before = {row.uid for row in content.published if row.table == table}
        fresh = [mark for mark in content.bookmarks if mark.kind in kinds and mark.uid not in before]
        rows += [
            PublishedRow(table, len(before) + place, mark.uid, (f"{mark.key_slice:03d}.png", "a, b", "é"))
            for place, mark in enumerate(fresh)
        ]
    fields: dict[str, object] = {
        "release": ReleaseRow(
            number, "2026-01-01T00:00:00+00:00", "0.1.0", sha("rules"), "113100", sha("manifest", number), {"rows": 3}
        ),
        "patients": {key: (taken + place + 1, place % 3 + 1) for place, key in enumerate(new_patients)},
        "studies": {key: place + 1 for place, key in enumerate(new_studies)},
        "series": {key: place + 1 for place, key in enumerate(new_series)},
        "rows": tuple(rows),
        "chain_head": content.chain_head,
    }
    return Publication(**{**fields, **changes})  # type: ignore[arg-type]


def publish_all(catalogue: Catalogue) -> Publication:
    publication = publication_of(catalogue.release_content())
    catalogue.publish(publication)
    return publication
