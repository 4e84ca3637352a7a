"""The truth of the made-up patients against the miner's own reading of their presentation states and reports."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

from miner.bookmarks import read_object, recognise
from miner.demo.patients import DemoLesion, DemoStudy
from miner.errors import Reason
from miner.records import Bookmark, Mark

SIZE = 512
LATER = {Reason.SUPERSEDED, Reason.IMAGE_NOT_FOUND, Reason.IMAGE_REFUSED}
"""Reasons that only show once the images, or the other states, are looked at."""


def recognised(path: Path, spacing: dict[str, float]) -> tuple[list[Bookmark], Counter[Reason]]:
    content = read_object(path)
    by_image: dict[str, list[Mark]] = defaultdict(list)
    for mark in content.marks:
        by_image[mark.image.sop_uid].append(mark)
    bookmarks: list[Bookmark] = []
    refused = Counter(refusal.reason for refusal in content.refused)
    for uid, marks in by_image.items():
        millimetres = spacing.get(uid, 0.8)
        result = recognise(marks, columns=SIZE, rows=SIZE, pixel_spacing=(millimetres, millimetres))
        bookmarks += result.bookmarks
        refused.update(refusal.reason for refusal in result.refused)
    return bookmarks, refused


def is_of(mark: DemoLesion, bookmark: Bookmark) -> bool:
    """The same kind on the same image, with every end point within a hundredth of a pixel."""
    points = [(x - 0.5, y - 0.5) for x, y in mark.points]
    return (
        bookmark.kind is mark.kind
        and bookmark.image.sop_uid == mark.sop_uid
        and len(points) == len(bookmark.points)
        and all(min(math.dist(point, other) for other in bookmark.points) < 0.01 for point in points)
    )


def test_every_mark_is_read_as_what_it_is_and_nothing_else_is(patients: list[DemoStudy], tmp_path: Path) -> None:
    checked = 0
    for study in patients:
        spacing = {
            str(item.SOPInstanceUID): float(item.PixelSpacing[0]) for item in study.objects if "PixelSpacing" in item
        }
        for number, state in enumerate(item for item in study.objects if item.Modality in ("PR", "SR")):
            path = tmp_path / f"{number}.dcm"
            state.save_as(path, enforce_file_format=True)
            bookmarks, refused = recognised(path, spacing)
            truth = [mark for mark in study.truth if mark.state_uid == state.SOPInstanceUID]
            expected = [mark for mark in truth if mark.kind and (mark.refusal is None or mark.refusal in LATER)]
            assert len(bookmarks) == len(expected)
            for mark in expected:
                assert sum(is_of(mark, bookmark) for bookmark in bookmarks) == 1, (mark.producer, mark.kind, mark.place)
            for mark in truth:
                if mark not in expected:
                    assert refused[mark.refusal] >= 1, (mark.producer, mark.refusal)  # type: ignore[index]
            checked += len(truth)
    assert checked >= 30
