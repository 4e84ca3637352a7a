"""The archive of the matrix: a few small studies with an unlucky mix of bookmarks, and which objects each needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from pydicom.dataset import Dataset

from miner.demo.pacs import LoopbackPacs
from tests.annotations import Pair
from tests.annotations.reports import report
from tests.hospital import ct_series, ruler_pair
from tests.hospital.series import draw, state_of

Objects = TypeVar("Objects", Dataset, list[Dataset])

SPACING = 10.0
CONTEXT = 20.0
"""Mm between slices, and kept on each side of a key slice."""

AROUND = int(CONTEXT / SPACING)
SLICES = 9


@dataclass(frozen=True, slots=True)
class Annotation:
    """One presentation state or report: its names, and the slices that are kept for it.

    ``marked``: SOP Instance UID of each slice that it marks, to those of all slices kept around that one.
    """

    study_uid: str
    series_uid: str
    sop_uid: str
    marked: Mapping[str, frozenset[str]]


@dataclass
class Archive:
    """What lies in ``folder``; ``series_of`` by SOP Instance UID."""

    folder: Path
    annotations: list[Annotation] = field(default_factory=list)
    series_of: dict[str, str] = field(default_factory=dict)

    def add(self, *objects: Dataset | Iterable[Dataset]) -> None:
        """Store objects; a state or report is entered as an annotation later, by :meth:`annotate`."""
        with _store(self.folder) as pacs:
            for entry in objects:
                for item in [entry] if isinstance(entry, Dataset) else entry:
                    pacs.add(item)
                    self.series_of[str(item.SOPInstanceUID)] = str(item.SeriesInstanceUID)

    def annotate(self, state: Dataset, *marked: tuple[Sequence[Dataset], int]) -> None:
        """Store a state or report that marks these slices, each (series, index)."""
        self.add(state)
        kept = {
            str(images[key].SOPInstanceUID): frozenset(
                str(image.SOPInstanceUID) for image in images[max(0, key - AROUND) : key + AROUND + 1]
            )
            for images, key in marked
        }
        names = (str(state.StudyInstanceUID), str(state.SeriesInstanceUID), str(state.SOPInstanceUID))
        self.annotations.append(Annotation(*names, kept))


def _store(folder: Path) -> LoopbackPacs:
    return LoopbackPacs(folder)


def build(folder: Path, today: date) -> Archive:
    """Seven studies of the last days, so that nightly runs look back at them.

    Two lesions on one series, one of them saved again and one corrected; a state in another study than its image; a
    study without a date, one without a time, three on one day, two under one accession; a report; a patient ID beyond
    ASCII; one state over two series; a state that holds no graphics; images without annotations.
    """
    archive = Archive(folder)
    days = [f"{today - timedelta(days=back):%Y%m%d}" for back in range(8)]

    first = at(_series("P1", "S1", days[6]), "080000")
    archive.add(first)
    archive.annotate(at(ruler_pair(first[2], x=40, name="one"), "080000"), (first, 2))
    archive.annotate(at(ruler_pair(first[2], x=40, name="one saved again"), "080000"), (first, 2))
    archive.annotate(at(ruler_pair(first[6], x=56, name="two"), "080000"), (first, 6))
    corrected = ruler_pair(first[6], x=56.5, name="two corrected")
    corrected.PresentationCreationTime = "170000"
    archive.annotate(at(corrected, "080000"), (first, 6))

    followup = at(_series("P1", "S2", days[4], slices=2), "091500")
    elsewhere = ruler_pair(first[4], x=44, y=40, name="elsewhere")
    elsewhere.StudyInstanceUID, elsewhere.StudyDate = followup[0].StudyInstanceUID, days[4]
    archive.add(followup)
    archive.annotate(at(elsewhere, "091500"), (first, 4))

    undated = at(_series("P2", "S3", ""), "")
    archive.add(undated)
    archive.annotate(at(ruler_pair(undated[4]), ""), (undated, 4))

    reported = at(_series("P\u00e4rt 3", "S4", days[4]), "140000")
    pair = Pair(((38.25, 46.5), (57.0, 51.125)), ((49.0, 44.0), (46.5, 54.25)))
    measured = report([reported[5]], {reported[5].SOPInstanceUID: [pair]}, "highdicom")
    archive.add(reported)
    archive.annotate(measured, (reported, 5))

    double = at(_series("P4", "S5", days[2]), "100000")
    thin = at(_series("P4", "S5", days[2], series="2"), "100000")
    over_both = draw(state_of([double[3], thin[5]], "both"), double[3], (38, 48, 58, 48), (48, 43, 48, 53))
    draw(over_both, thin[5], (38, 44, 58, 44), (48, 39, 48, 49))
    archive.add(double, thin)
    archive.annotate(at(over_both, "100000"), (double, 3), (thin, 5))

    archive.add(at(_series("P5", "S6", days[1], slices=2), "120000"))

    bare = at(_series("P6", "S7", days[4], slices=2), "")
    empty = state_of(bare[:1], "empty")
    for item in (*bare, empty):
        item.AccessionNumber = reported[0].AccessionNumber
    archive.add(bare)
    archive.annotate(at(empty, ""))
    return archive


def _series(patient: str, study: str, day: str, *, series: str = "1", slices: int = SLICES) -> list[Dataset]:
    return ct_series(patient, study, series, slices=slices, spacing_z=SPACING, day=day)


def at(objects: Objects, time: str) -> Objects:
    """The same objects with this Study Time."""
    for item in [objects] if isinstance(objects, Dataset) else objects:
        item.StudyTime = time
    return objects
